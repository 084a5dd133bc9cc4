//! The only place that reads the time or waits.
//!
//! There are two notions of time, and their types keep them apart:
//! * A [`Timestamp`] is an instant by AWS's clock: what ECS gives, and what [`Clock::now`] tells. Only timestamps are
//!   stored, sent, or compared with what another machine wrote.
//! * A [`Moment`] is a reading of this process's monotonic clock: leases, polling, slices and waits are measured by it.

mod correction;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use self::correction::Correction;

/// AWS's clock, as far as this process knows it.
///
/// The machine's clock is read once and then moves with tokio's timer, so it never jumps when that is set, and a test
/// that pauses tokio's time pauses the deployment, the SDK's back-off and the embedded AWS alike. Each response of AWS
/// tells how far the machine's clock is off ([`Clock::learn`]); until the first one the clock shows the machine's time.
///
/// What is learnt moves the clock, back as well as on. That is harmless: a timestamp is only compared with what AWS
/// dated or with what was read after a response, and spans within this process are measured by moments.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Duration,
    started: Instant,
    /// Shared by all copies. A process makes a clock or two, so that it is never freed costs nothing.
    correction: &'static Mutex<Correction>,
}

impl Clock {
    /// A clock that begins with the machine's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock adapter")]
    pub fn system() -> Self {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::starting_at(Timestamp::from_unix(origin.unwrap_or_default()))
    }

    /// A clock that shows `origin` now.
    #[must_use]
    pub fn starting_at(origin: Timestamp) -> Self {
        let correction = Box::leak(Box::default());
        Self { origin: origin.since_epoch(), started: Instant::now(), correction }
    }

    /// The current time by AWS's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Moment::now())
    }

    /// The time at `moment` by AWS's clock, as far as that is known by now.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Timestamp {
        let correction = *self.correction.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::from_unix(correction.apply(self.uncorrected(moment)))
    }

    /// The current time by this machine's clock, which no response moves: for what people read beside this machine's
    /// own log. It must not be compared with what AWS or another machine dated.
    #[must_use]
    pub fn local(&self) -> Timestamp {
        Timestamp::from_unix(self.uncorrected(Moment::now()))
    }

    /// Learns from a response of AWS that is dated `date`, in whole seconds, to a request that was sent and received
    /// at these moments.
    pub fn learn(&self, sent: Moment, received: Moment, date: Timestamp) {
        let (sent, received) = (self.uncorrected(sent), self.uncorrected(received));
        let mut correction = self.correction.lock().unwrap_or_else(PoisonError::into_inner);
        correction.learn(sent, received, date.since_epoch());
    }

    fn uncorrected(&self, moment: Moment) -> Duration {
        self.origin + moment.0.saturating_duration_since(self.started)
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }

    /// What `future` comes to, unless that takes longer than `duration`: then it is dropped.
    pub async fn within<T>(&self, duration: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(duration, future).await.ok()
    }
}

/// Waits for `duration`.
#[expect(clippy::disallowed_methods, reason = "this is the clock adapter")]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// As [`Clock::system`].
impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

/// A reading of this process's monotonic clock. It means nothing to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Instant);

impl Moment {
    /// The current moment.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// The moment `later` after this one, at most 30 years.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        // An instant has no room for all durations.
        Self(self.0 + later.min(LONGEST))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

pub use evenkeel_core::timestamp::Timestamp;

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Timestamp = Timestamp::from_unix(Duration::from_secs(1_800_000_000));

    #[tokio::test(start_paused = true)]
    async fn a_response_corrects_all_copies_of_a_clock_and_what_was_read_before() {
        let clock = Clock::starting_at(ORIGIN);
        let copy = clock;
        let before = Moment::now();
        clock.sleep(Duration::from_secs(30)).await;
        clock.learn(before, Moment::now(), ORIGIN.plus(Duration::from_secs(600)));

        // AWS's time lay in [600 s, 601 s), at some moment of the 30 s: the smallest correction that fits is 570 s.
        assert_eq!(copy.at(before), ORIGIN.plus(Duration::from_secs(570)));
        assert_eq!(copy.now(), ORIGIN.plus(Duration::from_secs(600)));
        assert_eq!(copy.local(), ORIGIN.plus(Duration::from_secs(30)));
    }
}
