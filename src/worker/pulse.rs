//! The worker's signs of life: whether its loops turn, and whether the job queue answers.
//!
//! They are two questions. A loop that is stuck is cured by a restart; an outage of CodePipeline is not, and a
//! worker that has no room for another job does not poll at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;

/// How long the job queue may owe an answer before the worker is not ready.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// How much later than planned a loop may come round before it counts as stuck.
const GRACE: Duration = Duration::from_secs(60);

/// A loop of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loop {
    /// Polls the job queue of one action type, of which there may be several.
    Polling(usize),
    /// Looks through the claims.
    Claims,
}

/// The signs of life, which the loops write and the health port reads.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Signs>);

#[derive(Debug, Default)]
struct Signs {
    /// When each loop comes round again at the latest.
    due: BTreeMap<Loop, Moment>,
    /// The job queues that have ever answered.
    heard: BTreeSet<usize>,
    /// The job queues that owe an answer, and since when.
    asked: BTreeMap<usize, Moment>,
}

impl Pulse {
    /// A loop came round, and does so again after `time` or a little later.
    pub(super) fn turned(&self, which: Loop, now: Moment, time: Duration) {
        self.signs().due.insert(which, now.plus(time + GRACE));
    }

    /// The loops have ended, as they were told to.
    pub(super) fn ended(&self) {
        self.signs().due.clear();
    }

    /// A job queue is asked.
    pub(super) fn asks(&self, queue: usize, now: Moment) {
        self.signs().asked.entry(queue).or_insert(now);
    }

    /// A job queue answered.
    pub(super) fn answered(&self, queue: usize) {
        let mut signs = self.signs();
        signs.heard.insert(queue);
        signs.asked.remove(&queue);
    }

    /// A loop that did not come round in time.
    pub(super) fn stuck(&self, now: Moment) -> Option<Loop> {
        self.signs().due.iter().find(|(_, due)| now > **due).map(|(which, _)| *which)
    }

    /// Why the worker is not ready.
    pub(super) fn unready(&self, now: Moment) -> Option<String> {
        let signs = self.signs();
        let asked = signs.asked.values().min().copied();
        let silence = now.since(asked.unwrap_or(now));
        if signs.heard.is_empty() || signs.asked.keys().any(|queue| !signs.heard.contains(queue)) {
            Some("the job queue has not answered yet".to_owned())
        } else if silence > LONGEST_SILENCE {
            Some(format!("the job queue has not answered for {} s", silence.as_secs()))
        } else {
            None
        }
    }

    fn signs(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loop {
    /// What the loop does, as the health port says it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Polling(_) => "the loop that polls the job queue",
            Self::Claims => "the loop that looks through the claims",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the moment so many seconds from now on.
    fn moments() -> impl Fn(u64) -> Moment {
        let began = Moment::now();
        move |seconds| began.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_loop_is_stuck_when_it_is_late_until_it_comes_round() {
        let (pulse, at) = (Pulse::default(), moments());
        assert_eq!(pulse.stuck(at(9)), None);
        pulse.turned(Loop::Polling(0), at(0), Duration::from_secs(10));
        pulse.turned(Loop::Claims, at(0), Duration::from_secs(20));
        assert_eq!((pulse.stuck(at(70)), pulse.stuck(at(71))), (None, Some(Loop::Polling(0))));
        pulse.turned(Loop::Polling(0), at(71), Duration::from_secs(10));
        assert_eq!((pulse.stuck(at(80)), pulse.stuck(at(81))), (None, Some(Loop::Claims)));
        pulse.ended();
        assert_eq!(pulse.stuck(at(999)), None);
    }

    #[test]
    fn the_queue_owes_an_answer_only_when_it_was_asked() {
        let (pulse, at) = (Pulse::default(), moments());
        let yet = Some("the job queue has not answered yet".to_owned());
        assert_eq!(pulse.unready(at(0)), yet);
        pulse.asks(0, at(0));
        assert_eq!(pulse.unready(at(1)), yet);
        pulse.answered(0);
        assert_eq!(pulse.unready(at(9999)), None);
        // The first of several polls in a row that fail counts.
        pulse.asks(0, at(10_000));
        pulse.asks(0, at(10_050));
        assert_eq!(pulse.unready(at(10_060)), None);
        let silent = Some("the job queue has not answered for 61 s".to_owned());
        assert_eq!(pulse.unready(at(10_061)), silent);
    }
}
