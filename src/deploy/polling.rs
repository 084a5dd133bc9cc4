//! When rollouts are polled.
//!
//! A fixed interval is early whatever the shape of a rollout; only one that takes long is polled less often. All that
//! poll in one process do so at the same moments, so that their calls can be shared.

use std::time::Duration;

use crate::clock::Moment;

/// The moments at which a process polls: one each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    interval: Duration,
    /// One of the moments. It is drawn, so that processes that start together do not poll together.
    origin: Moment,
}

/// For how long a rollout is polled at each interval.
const STEADY: Duration = Duration::from_secs(10 * 60);

/// The longest wait for a rollout that takes longer; before, a wait is a little less than a hundredth of its time.
const LONGEST: Duration = Duration::from_secs(14);

/// The longest wait while AWS throttles.
const LONGEST_THROTTLED: Duration = Duration::from_secs(8);

/// The default of `--poll`: two seconds.
impl Default for Polling {
    fn default() -> Self {
        Self::every(Duration::from_secs(2))
    }
}

impl Polling {
    /// Polls every `interval`, more than zero, and the twentieth of it that a poll takes; from some moment within the next
    /// one on.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        let interval = interval + interval / 20;
        Self { interval, origin: Moment::now().plus(interval.mul_f64(fastrand::f64())) }
    }

    /// The wait between two polls of a rollout that has gone on for `elapsed`.
    fn wait(&self, elapsed: Duration) -> Duration {
        let wait = if elapsed < STEADY { Duration::ZERO } else { (elapsed / 110).min(LONGEST) };
        wait.max(self.interval)
    }

    /// The last moment to poll that is no later than `moment`.
    fn last_until(&self, moment: Moment) -> Moment {
        if moment <= self.origin {
            return self.origin;
        }
        let passed = moment.since(self.origin).as_nanos() / self.interval.as_nanos().max(1);
        let intervals = u32::try_from(passed).unwrap_or(u32::MAX);
        self.origin.plus(self.interval.saturating_mul(intervals))
    }
}

/// A wait between calls that doubles while AWS throttles and comes back step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Throttling {
    /// What the wait is at least.
    wait: Duration,
}

impl Throttling {
    /// A call was refused for its rate, where `interval` is the usual wait.
    pub(crate) fn refused(&mut self, interval: Duration) {
        self.wait = (self.wait.max(interval) * 2).min(LONGEST_THROTTLED);
    }

    /// A call was not.
    pub(crate) fn passed(&mut self, interval: Duration) {
        self.wait = self.wait.saturating_sub(interval / 4);
    }

    /// The wait where `usual` is the one without throttling.
    pub(crate) fn wait(self, usual: Duration) -> Duration {
        usual.max(self.wait)
    }
}

/// When the rollouts of one deployment are polled next.
#[derive(Debug)]
pub(super) struct Schedule {
    polling: Polling,
    throttling: Throttling,
    due: Moment,
}

impl Schedule {
    pub(super) fn new(polling: Polling) -> Self {
        let mut schedule = Self { polling, throttling: Throttling::default(), due: Moment::now() };
        schedule.begin();
        schedule
    }

    /// A rollout begins now. There is nothing to see of it for the first half of an interval.
    pub(super) fn begin(&mut self) {
        self.due = self.polling.last_until(Moment::now().plus(self.polling.interval * 3 / 2));
    }

    /// The next poll is due at once.
    pub(super) fn hurry(&mut self) {
        self.due = Moment::now();
    }

    /// A poll is over. The youngest of the rollouts has gone on for `elapsed`; whether polls have taken more calls than
    /// usual, and whether this one was throttled.
    pub(super) fn polled(&mut self, elapsed: Duration, is_busy: bool, was_throttled: bool) {
        let interval = self.polling.interval;
        if was_throttled {
            self.throttling.refused(interval);
        } else {
            self.throttling.passed(interval);
        }
        let usual = self.polling.wait(elapsed);
        let wait = self.throttling.wait(if is_busy { usual * 4 / 3 } else { usual });
        let due = Moment::now().plus(wait);
        self.due = if wait == usual { self.polling.last_until(due) } else { due };
    }

    pub(super) fn due(&self) -> Moment {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::sleep;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_rollout_is_polled_at_each_interval_and_one_of_long_at_a_hundredth_of_its_time() {
        let polling = Polling::every(seconds(2));
        for (elapsed, wait) in [
            (0, 2_100),
            (300, 2_100),
            (599, 2_100),
            (660, 6_000),
            (1_320, 12_000),
            (1_800, 14_000),
            (86_400, 14_000),
        ] {
            assert_eq!(polling.wait(seconds(elapsed)), Duration::from_millis(wait), "after {elapsed} s");
        }
        let slow = Polling::every(seconds(30));
        assert!(slow.wait(seconds(86_400)) >= seconds(30), "as the user says");
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_a_process_poll_together_however_long_a_poll_takes() {
        let polling = Polling::every(seconds(2));
        let mut one = Schedule::new(polling);
        sleep(Duration::from_millis(1_300)).await;
        let mut other = Schedule::new(polling);
        for took in [0, 700, 1_900] {
            sleep(one.due().max(other.due()).since(Moment::now())).await;
            let began = Moment::now();
            one.polled(seconds(10), false, false);
            sleep(Duration::from_millis(took)).await;
            other.polled(seconds(20), false, false);
            assert_eq!(one.due(), other.due(), "{took}");
            // A timer counts in whole milliseconds.
            let wait = one.due().since(began);
            assert!((2_099..=2_100).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_poll_doubles_the_wait_which_comes_back_step_by_step() {
        let mut schedule = Schedule::new(Polling::every(seconds(2)));
        sleep(schedule.due().since(Moment::now())).await;
        let mut waits = Vec::new();
        for was_throttled in [true, true, true, false, false, false, false, false, false, false] {
            schedule.polled(seconds(10), false, was_throttled);
            let wait = schedule.due().since(Moment::now());
            waits.push(wait.as_secs());
            sleep(wait).await;
        }
        assert_eq!(waits, [4, 8, 8, 7, 6, 6, 5, 5, 4, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rollout_is_polled_soon_whatever_was_awaited_before() {
        let mut schedule = Schedule::new(Polling::every(seconds(2)));
        schedule.polled(seconds(3_600), false, false);
        assert!(schedule.due().since(Moment::now()) > seconds(11));
        schedule.begin();
        let wait = schedule.due().since(Moment::now());
        assert!((seconds(1)..=Duration::from_millis(3_150)).contains(&wait), "{wait:?}");
        schedule.hurry();
        assert_eq!(schedule.due(), Moment::now());
    }
}
