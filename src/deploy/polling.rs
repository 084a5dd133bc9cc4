//! When rollouts are polled.
//!
//! A fixed interval is early whatever the shape of a rollout; only one that takes long is polled less often.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;

/// How often a process polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    interval: Duration,
    /// One of the moments at which all poll that share their calls. It is drawn, so that processes that start together do not
    /// poll together.
    origin: Option<Moment>,
}

/// For how long a rollout is polled at each interval.
const STEADY: Duration = Duration::from_secs(10 * 60);

/// The longest wait for a rollout that takes longer. Before, a wait is a 125th of its time, so that with the calls of a poll a
/// verdict is late by a hundredth of it.
const LONGEST: Duration = Duration::from_secs(14);

/// How many calls may watch in a minute, with an interval of two seconds or more: thirty polls, and two that confirm what
/// they show.
const MOST_CALLS: f64 = 32.0;

const MINUTE: Duration = Duration::from_secs(60);

/// The longest wait while AWS throttles.
const LONGEST_THROTTLED: Duration = Duration::from_secs(8);

/// The default of `--poll`: two seconds.
impl Default for Polling {
    fn default() -> Self {
        Self::every(Duration::from_secs(2))
    }
}

impl Polling {
    /// Polls every `interval`, more than zero. Where polls take second calls, the next ones are later, by three eighths of
    /// the interval at most.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self { interval, origin: None }
    }

    /// Polls every `interval`, more than zero, all of a process at the same moments, so that their calls can be shared.
    #[must_use]
    pub fn together(interval: Duration) -> Self {
        let origin = Moment::now().plus(interval.mul_f64(fastrand::f64()));
        Self { interval, origin: Some(origin) }
    }

    /// The wait between two polls of a rollout that has gone on for `elapsed`.
    fn wait(&self, elapsed: Duration) -> Duration {
        let wait = if elapsed < STEADY { Duration::ZERO } else { (elapsed / 125).min(LONGEST) };
        wait.max(self.interval)
    }

    /// How many calls may watch in a minute.
    fn most_calls(&self) -> usize {
        (MINUTE.as_secs_f64() / self.interval.as_secs_f64() + 2.0).max(MOST_CALLS) as usize
    }

    /// When to poll after a poll that was due at `last`, with this wait between polls: however long that one took.
    fn next(&self, last: Moment, wait: Duration) -> Moment {
        let now = Moment::now();
        match self.origin {
            Some(origin) => self.last_since(origin, now.plus(wait)),
            None => last.plus(wait).max(now.plus(wait / 4)),
        }
    }

    /// The last of the moments since `origin` that is no later than `moment`.
    fn last_since(&self, origin: Moment, moment: Moment) -> Moment {
        if moment <= origin {
            return origin;
        }
        let passed = moment.since(origin).as_nanos() / self.interval.as_nanos().max(1);
        let intervals = u32::try_from(passed).unwrap_or(u32::MAX);
        origin.plus(self.interval.saturating_mul(intervals))
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
    /// The calls of the last minute.
    calls: VecDeque<Call>,
}

/// A call that watches.
#[derive(Debug, Clone, Copy)]
struct Call {
    at: Moment,
    /// It confirmed what a poll had shown.
    is_second: bool,
}

impl Schedule {
    pub(super) fn new(polling: Polling) -> Self {
        let (throttling, calls, due) = (Throttling::default(), VecDeque::new(), Moment::now());
        let mut schedule = Self { polling, throttling, due, calls };
        // The services were described to plan the deployment.
        schedule.count(Call { at: due, is_second: false });
        schedule.begin();
        schedule
    }

    /// A rollout begins now. There is nothing to see of it for the first half of an interval; where calls are not shared, each of
    /// the processes that begin together polls at another moment.
    pub(super) fn begin(&mut self) {
        let Polling { interval, origin } = self.polling;
        self.due = match origin {
            Some(origin) => self.polling.last_since(origin, Moment::now().plus(interval * 3 / 2)),
            None => self.with_room(Moment::now().plus(interval.mul_f64(1.0 + fastrand::f64() / 4.0))),
        };
    }

    /// The next poll is due at once.
    pub(super) fn hurry(&mut self) {
        self.due = Moment::now();
    }

    /// A poll is over. The youngest of the rollouts has gone on for `elapsed`; when the poll made its calls, and whether one was
    /// throttled.
    pub(super) fn polled(&mut self, elapsed: Duration, calls: &[Moment], was_throttled: bool) {
        let interval = self.polling.interval;
        if was_throttled {
            self.throttling.refused(interval);
        } else {
            self.throttling.passed(interval);
        }
        for (nth, at) in calls.iter().enumerate() {
            self.count(Call { at: *at, is_second: nth > 0 });
        }
        let usual = self.polling.wait(elapsed);
        let wait = self.throttling.wait(usual);
        let next = if wait > usual { Moment::now().plus(wait) } else { self.polling.next(self.due, wait) };
        self.due = self.with_room(next);
    }

    /// A call is made now that watches, besides the polls.
    pub(super) fn count_second_call(&mut self) {
        self.count(Call { at: Moment::now(), is_second: true });
    }

    fn count(&mut self, call: Call) {
        self.forget_before(call.at);
        // Where calls are shared, their sharing limits them.
        if self.polling.origin.is_none() {
            self.calls.push_back(call);
        }
    }

    fn forget_before(&mut self, moment: Moment) {
        while self.calls.front().is_some_and(|call| moment.since(call.at) >= MINUTE) {
            self.calls.pop_front();
        }
    }

    /// `next`, or later, so that a minute in which many rollouts end has no more calls than others: a sixteenth of the interval
    /// for each second call of the minute before, or until that has room for a poll and a call that confirms it; at most three
    /// eighths, since a verdict waits.
    fn with_room(&mut self, next: Moment) -> Moment {
        self.forget_before(next);
        let interval = self.polling.interval;
        let second = self.calls.iter().filter(|call| call.is_second).count();
        let spread = next.plus(interval.mul_f64(second as f64 / 16.0));
        let excess = (self.calls.len() + 2).saturating_sub(self.polling.most_calls());
        let last = excess.checked_sub(1).and_then(|last| self.calls.get(last));
        let room = last.map_or(next, |call| call.at.plus(MINUTE));
        spread.max(room).min(next.plus(interval * 3 / 8))
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
            (0, 2_000),
            (300, 2_000),
            (599, 2_000),
            (660, 5_280),
            (1_320, 10_560),
            (1_800, 14_000),
            (86_400, 14_000),
        ] {
            assert_eq!(polling.wait(seconds(elapsed)), Duration::from_millis(wait), "after {elapsed} s");
        }
        let slow = Polling::every(seconds(30));
        assert_eq!(slow.wait(seconds(86_400)), seconds(30), "as the user says");
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_a_process_poll_together_however_long_a_poll_takes() {
        let polling = Polling::together(seconds(2));
        let mut one = Schedule::new(polling);
        sleep(Duration::from_millis(1_300)).await;
        let mut other = Schedule::new(polling);
        for took in [0, 700, 1_900] {
            sleep(one.due().max(other.due()).since(Moment::now())).await;
            let began = Moment::now();
            one.polled(seconds(10), &[Moment::now()], false);
            sleep(Duration::from_millis(took)).await;
            other.polled(seconds(20), &[Moment::now()], false);
            assert_eq!(one.due(), other.due(), "{took}");
            // A timer counts in whole milliseconds.
            let wait = one.due().since(began);
            assert!((1_999..=2_000).contains(&wait.as_millis()), "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_poll_doubles_the_wait_which_comes_back_step_by_step() {
        let mut schedule = Schedule::new(Polling::every(seconds(2)));
        sleep(schedule.due().since(Moment::now())).await;
        let mut waits = Vec::new();
        for was_throttled in [true, true, true, false, false, false, false, false, false, false] {
            schedule.polled(seconds(10), &[Moment::now()], was_throttled);
            let wait = schedule.due().since(Moment::now());
            waits.push(wait.as_secs());
            sleep(wait).await;
        }
        assert_eq!(waits, [4, 8, 8, 7, 7, 6, 6, 5, 5, 4]);
    }

    /// Polls for two minutes, and makes so many more calls after one minute. The waits of the second minute, in milliseconds.
    async fn waits_after_more_calls(polling: Polling, more: usize) -> Vec<u128> {
        let mut schedule = Schedule::new(polling);
        let began = Moment::now();
        let mut waits = Vec::new();
        let mut calls = Vec::new();
        while Moment::now().since(began) < seconds(120) {
            sleep(schedule.due().since(Moment::now())).await;
            let polled = Moment::now();
            if waits.is_empty() && polled.since(began) >= seconds(60) {
                calls = vec![polled; 1 + more];
                schedule.polled(seconds(10), &calls, false);
            } else {
                schedule.polled(seconds(10), &[polled], false);
            }
            if !calls.is_empty() {
                waits.push(schedule.due().since(polled).as_micros().div_ceil(1_000));
            }
        }
        waits
    }

    #[tokio::test(start_paused = true)]
    async fn second_calls_make_polls_fewer_but_where_calls_are_shared() {
        let alone = Polling::every(seconds(2));
        assert_eq!(waits_after_more_calls(alone, 0).await[..3], [2_000, 2_000, 2_000]);
        assert_eq!(waits_after_more_calls(alone, 1).await[..3], [2_125, 2_125, 2_125]);
        // The minute has no room for a poll and a call that confirms it.
        assert_eq!(waits_after_more_calls(alone, 2).await[..3], [2_750, 2_750, 2_500]);
        assert_eq!(waits_after_more_calls(alone, 9).await[..3], [2_750, 2_750, 2_750]);
        // Each second, as the user says, leaves room for two as well.
        assert_eq!(waits_after_more_calls(Polling::every(seconds(1)), 0).await[..3], [1_000, 1_000, 1_000]);
        assert_eq!(
            waits_after_more_calls(Polling::every(seconds(10)), 9).await[..3],
            [13_750, 13_750, 13_750]
        );
        let shared = waits_after_more_calls(Polling::together(seconds(2)), 9).await;
        assert!(shared.iter().all(|wait| (1_999..=2_001).contains(wait)), "{shared:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn how_long_a_poll_takes_does_not_count() {
        let mut schedule = Schedule::new(Polling::every(seconds(2)));
        let mut waits = Vec::new();
        for took in [0, 300, 1_400, 1_900, 7_000] {
            sleep(schedule.due().since(Moment::now())).await;
            sleep(Duration::from_millis(took)).await;
            schedule.polled(seconds(10), &[Moment::now()], false);
            waits.push(schedule.due().since(Moment::now()).as_micros().div_ceil(1_000));
        }
        assert_eq!(waits, [2_000, 1_700, 600, 500, 500]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rollout_is_polled_soon_whatever_was_awaited_before() {
        let mut schedule = Schedule::new(Polling::every(seconds(2)));
        schedule.polled(seconds(3_600), &[Moment::now()], false);
        assert!(schedule.due().since(Moment::now()) > seconds(13));
        schedule.begin();
        let wait = schedule.due().since(Moment::now());
        assert!((seconds(2)..=Duration::from_millis(2_500)).contains(&wait), "{wait:?}");
        schedule.hurry();
        assert_eq!(schedule.due(), Moment::now());
    }
}
