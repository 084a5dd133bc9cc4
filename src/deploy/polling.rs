//! How long to wait between two looks.

use std::time::Duration;

/// From quick to patient: each wait half as long again as the one before, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(15) }
    }
}

impl Polling {
    /// The wait before look number `count`, the first being 0; up to a tenth shorter at random, so
    /// that deployments begun together do not all look at the same moment.
    #[must_use]
    pub fn wait(&self, count: u32) -> Duration {
        let growth = 1.5_f64.powi(i32::try_from(count.min(64)).unwrap_or(64));
        let wait = self.first.as_secs_f64() * growth;
        let jitter = 1.0 - 0.1 * fastrand::f64();
        Duration::from_secs_f64(wait.min(self.longest.as_secs_f64()) * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_the_first_to_the_longest_and_stay_there() {
        let polling = Polling::default();
        let waits: Vec<f64> = (0..100).map(|count| polling.wait(count).as_secs_f64()).collect();
        assert!((1.8..=2.0).contains(&waits[0]), "{waits:?}");
        assert!(waits[5..].iter().all(|wait| (13.5..=15.0).contains(wait)), "{waits:?}");
    }
}
