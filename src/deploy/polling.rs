//! How long to wait between two looks.

use std::time::Duration;

use evenkeel_core::eta::Eta;

use crate::clock::Moment;

/// The shortest and the longest wait between two looks; how soon the rollout can end decides where
/// between them one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// The wait before the first look, and the shortest.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

/// A rollout that may end any moment for longer than this is looked at less and less often.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

impl Default for Polling {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(15) }
    }
}

impl Polling {
    /// The wait before the next look at a rollout that has gone on for `elapsed`, and has had this
    /// eta for `unchanged`.
    fn wait(&self, eta: Eta, unchanged: Duration, elapsed: Duration) -> Duration {
        let near = self.first * 3 / 2;
        let wait = match eta {
            Eta::Far => (unchanged * 3 / 4).max(self.first),
            // A quick start lets one expect a quick end.
            Eta::Halfway => (unchanged / 6).max((near * 3).min(elapsed / 3)).max(near),
            Eta::Baking(time) => time.saturating_sub(unchanged).max(near),
            Eta::Near => near.max(unchanged.saturating_sub(PATIENCE) / 60),
        };
        wait.min(self.longest)
    }
}

/// When one rollout is looked at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    eta: Eta,
    /// From when on it may have had this eta.
    since: Moment,
    looked: Moment,
    due: Moment,
}

impl Pace {
    /// The pace of a rollout that began, or was joined, `now`.
    pub(super) fn begin(polling: &Polling, now: Moment) -> Self {
        let due = now.plus(jittered(polling.first));
        Self { eta: Eta::Far, since: now, looked: now, due }
    }

    /// It was looked at `now`, and has this eta; it has gone on for `elapsed`.
    pub(super) fn looked(&mut self, polling: &Polling, eta: Eta, elapsed: Duration, now: Moment) {
        if eta != self.eta {
            // It changed at some time since the last look.
            (self.eta, self.since) = (eta, self.looked);
        }
        self.looked = now;
        self.due = now.plus(jittered(polling.wait(eta, now.since(self.since), elapsed)));
    }

    /// It is to be looked at as soon as possible.
    pub(super) fn hurry(&mut self) {
        self.due = self.looked;
    }

    pub(super) fn due(&self) -> Moment {
        self.due
    }
}

/// Up to a tenth shorter at random, so that deployments begun together do not all look at the same
/// moment.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(1.0 - 0.1 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(eta: Eta, unchanged: u64, elapsed: u64) -> f64 {
        let of = Duration::from_secs;
        Polling::default().wait(eta, of(unchanged), of(elapsed)).as_secs_f64()
    }

    #[test]
    fn the_nearer_the_end_the_shorter_the_wait() {
        let bake = Eta::Baking(Duration::from_secs(60));
        for (eta, unchanged, elapsed, wait) in [
            (Eta::Far, 0, 0, 2.0),
            (Eta::Far, 10, 10, 7.5),
            (Eta::Far, 600, 600, 15.0),
            (Eta::Halfway, 0, 12, 4.0),
            (Eta::Halfway, 0, 600, 9.0),
            (Eta::Halfway, 72, 600, 12.0),
            (Eta::Halfway, 600, 600, 15.0),
            (bake, 0, 600, 15.0),
            (bake, 50, 600, 10.0),
            (bake, 70, 600, 3.0),
            (Eta::Near, 0, 600, 3.0),
            (Eta::Near, 600, 600, 3.0),
            (Eta::Near, 1200, 1200, 10.0),
        ] {
            assert_eq!(seconds(eta, unchanged, elapsed), wait, "{eta:?} {unchanged} {elapsed}");
        }
    }

    #[test]
    fn an_eta_counts_from_the_look_before_it_was_seen() {
        let now = Moment::now();
        let at = |seconds| now.plus(Duration::from_secs(seconds));
        let (polling, bake) = (Polling::default(), Eta::Baking(Duration::from_secs(60)));
        let mut pace = Pace::begin(&polling, at(100));
        pace.looked(&polling, Eta::Far, Duration::from_secs(10), at(110));
        pace.looked(&polling, bake, Duration::from_secs(20), at(120));
        pace.looked(&polling, bake, Duration::from_secs(65), at(165));
        let wait = pace.due().since(at(165)).as_secs_f64();
        assert!((4.5..=5.0).contains(&wait), "{wait}: it may be over 60 s after the look at 110");
        pace.hurry();
        assert_eq!(pace.due(), at(165));
    }
}
