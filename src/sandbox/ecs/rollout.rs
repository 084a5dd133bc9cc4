//! How a deployment goes: its steps as a pure function of time.

use std::time::Duration;

use crate::clock::Timestamp;

/// How the deployments of a service go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// What happens.
    pub outcome: RolloutOutcome,
    /// How long it takes: until the deployment has completed, or until so many tasks have crashed
    /// that a circuit breaker steps in. Halfway through it another actor's deployment supersedes.
    pub duration: Duration,
}

/// What becomes of a deployment. With a desired count of 0, every deployment completes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutOutcome {
    /// The new tasks run, the old ones are drained.
    Ok,
    /// Every new task exits with status 1. What follows is up to the service's circuit breaker.
    Crash,
    /// The new tasks stay pending for ever.
    Stuck,
    /// Another actor's deployment takes over, of a revision that it registers.
    Superseded,
    /// No new task can be placed, for ever.
    Unplaceable,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(60) }
    }
}

/// What happens next in a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All tasks are started, pending.
    StartTasks,
    /// The pending tasks run.
    RunTasks,
    /// The tasks of former deployments are stopped.
    DrainOthers,
    /// The deployment has completed.
    Complete,
    /// One task is started that will crash.
    StartOne,
    /// The task that was started crashes.
    Crash,
    /// The scheduler finds no place for a task and says so.
    CannotPlace,
    /// Another actor starts a deployment.
    Supersede,
}

/// How often the scheduler repeats that it cannot place a task.
const PLACEMENT_RETRY: Duration = Duration::from_secs(60);
/// A crash loop goes on for ever when no circuit breaker ends it, so its steps need some width.
const SHORTEST_PACE: Duration = Duration::from_millis(100);

impl Rollout {
    /// The step that follows after `done` steps of a deployment started at `started`, and its time;
    /// `None` when nothing happens any more. `threshold` is the number of crashes that fill the
    /// rollout's duration.
    pub(super) fn next_step(
        self,
        done: u32,
        started: Timestamp,
        desired: usize,
        threshold: u32,
    ) -> Option<(Timestamp, Step)> {
        if desired == 0 {
            return Some((started, Step::Complete));
        }
        let quarter = |quarters: u32| started.plus(self.duration * quarters / 4);
        match (self.outcome, done) {
            (RolloutOutcome::Ok | RolloutOutcome::Stuck | RolloutOutcome::Superseded, 0) => {
                Some((quarter(1), Step::StartTasks))
            }
            (RolloutOutcome::Ok, 1) => Some((quarter(2), Step::RunTasks)),
            (RolloutOutcome::Ok, 2) => Some((quarter(3), Step::DrainOthers)),
            (RolloutOutcome::Ok, _) => Some((quarter(4), Step::Complete)),
            (RolloutOutcome::Stuck, _) => None,
            (RolloutOutcome::Superseded, _) => Some((quarter(2), Step::Supersede)),
            (RolloutOutcome::Unplaceable, done) => {
                Some((quarter(1).plus(PLACEMENT_RETRY * done), Step::CannotPlace))
            }
            (RolloutOutcome::Crash, done) => {
                let pace = (self.duration / threshold.max(1) / 2).max(SHORTEST_PACE);
                let step = if done.is_multiple_of(2) { Step::StartOne } else { Step::Crash };
                Some((started.plus(pace * (done + 1)), step))
            }
        }
    }
}
