//! What happens in a rollout, and when.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::shape::{BAKE, Failing, Kind, Pace};

/// One rollout of a service, from the update on.
#[derive(Debug, Clone)]
pub(super) struct Rollout {
    pub(super) kind: Kind,
    pub(super) pace: Pace,
    pub(super) desired: usize,
    /// The digits of `ecs-svc/<digits>`, which end the ARN of the service revision too.
    pub(super) number: u64,
    pub(super) definition: String,
    pub(super) began: Timestamp,
}

/// A new task. Its times count from the update.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) started: Duration,
    pub(super) runs: Option<Duration>,
    pub(super) stops: Option<(Duration, Stop)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Failed(Failing),
    /// The rollback has no use for it.
    Scaling,
}

/// So many failures trip the circuit breaker of up to six tasks: half of them, three at least.
pub(super) const THRESHOLD: usize = 3;

/// A rollout of two real tasks started them so long after the update, at most.
const FIRST_TASKS: Duration = Duration::from_secs(14);
/// The service deployment is made, and goes on from `PENDING`, so long after the update, as in AWS's examples.
pub(super) const RECORDED: Duration = Duration::from_millis(1_600);
pub(super) const IN_PROGRESS: Duration = Duration::from_millis(3_200);
/// ECS shows a desired count of 0 at first; for how long is not documented.
pub(super) const COUNTED: Duration = Duration::from_secs(4);
/// How long each stage takes that shifts traffic.
const STAGE: Duration = Duration::from_secs(2);

impl Rollout {
    /// When its first tasks start.
    pub(super) fn starts(&self) -> Duration {
        (self.pace.up / 3).min(FIRST_TASKS)
    }

    /// When so many tasks have failed, where tasks fail.
    fn failed(&self, count: usize) -> Duration {
        self.starts() + (self.pace.up - self.starts()).mul_f64(count as f64 / THRESHOLD as f64)
    }

    /// How many tasks have failed at `at`.
    pub(super) fn failures(&self, at: Duration) -> usize {
        if self.failing().is_none() {
            return 0;
        }
        (1..=THRESHOLD).take_while(|count| self.failed(*count) <= at).count()
    }

    fn failing(&self) -> Option<Failing> {
        match self.kind {
            Kind::Rolling | Kind::BlueGreen => None,
            Kind::RolledBack(failing) | Kind::GivenUp(failing) => Some(failing),
        }
    }

    /// When ECS begins to stop the tasks that are not wanted any more: the former ones, or those that are rolled back.
    pub(super) fn drains(&self) -> Duration {
        let stages = if self.kind == Kind::BlueGreen { 5 * STAGE + BAKE } else { Duration::ZERO };
        self.pace.up + stages
    }

    pub(super) fn drained(&self) -> Duration {
        self.drains() + self.pace.drain
    }

    /// When the service deployment ends.
    pub(super) fn ends(&self) -> Duration {
        if matches!(self.kind, Kind::GivenUp(_)) { self.pace.up } else { self.drained() + self.pace.settle }
    }

    /// When the service's state in the list of deployments shows that.
    pub(super) fn ends_in_list(&self) -> Duration {
        // Such a lag was seen of successes only.
        let lag = if matches!(self.kind, Kind::GivenUp(_)) { Duration::ZERO } else { self.pace.lag };
        self.ends() + lag
    }

    /// When the end is decided for somebody who may read only that list. It has no state of a blue/green deployment: there
    /// is no more to see once the former deployment has left it.
    pub(super) fn is_decided_in_list(&self) -> Duration {
        if self.kind == Kind::BlueGreen { self.drained() } else { self.ends_in_list() }
    }

    /// When the deployment fails and the former one takes its place again, if so.
    pub(super) fn rolls_back(&self) -> Option<Duration> {
        matches!(self.kind, Kind::RolledBack(_)).then_some(self.pace.up)
    }

    /// Its tasks: of those that fail, each is replaced until the circuit breaker trips.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let run = self.pace.up - self.starts();
        let Some(failing) = self.failing() else {
            let share = |nth: usize| run.mul_f64((nth + 1) as f64 / self.desired as f64);
            let runs = |nth| Some(self.starts() + share(nth));
            let started = self.starts();
            return (0..self.desired).map(|nth| Task { started, runs: runs(nth), stops: None }).collect();
        };
        let replaced = THRESHOLD - 1;
        let task = |nth: usize| {
            let started = self.failed((nth + 1).saturating_sub(self.desired));
            let stops = if nth < THRESHOLD {
                Some((self.failed(nth + 1), Stop::Failed(failing)))
            } else {
                self.rolls_back().map(|at| (at, Stop::Scaling))
            };
            // Half as long after its start as the soonest failure.
            let runs = started + run / (2 * THRESHOLD as u32);
            Task { started, runs: (failing == Failing::Unhealthy).then_some(runs), stops }
        };
        (0..self.desired + replaced).map(task).collect()
    }

    /// How many of its tasks run and are pending at `at`.
    pub(super) fn counts(&self, at: Duration) -> (usize, usize) {
        let tasks = self.tasks();
        let lives = |task: &&Task| task.started <= at && !task.has_stopped(at);
        let living = tasks.iter().filter(lives).count();
        let running = tasks.iter().filter(lives).filter(|task| task.is_running(at)).count();
        (running, living - running)
    }

    /// The lifecycle stage of a blue/green deployment.
    pub(super) fn stage(&self, at: Duration) -> Option<&'static str> {
        let up = self.pace.up;
        let stages = [
            (IN_PROGRESS.min(self.starts()), "PRE_SCALE_UP"),
            (self.starts(), "SCALE_UP"),
            (up, "POST_SCALE_UP"),
            (up + STAGE, "TEST_TRAFFIC_SHIFT"),
            (up + 2 * STAGE, "POST_TEST_TRAFFIC_SHIFT"),
            (self.shifts(), "PRODUCTION_TRAFFIC_SHIFT"),
            (up + 4 * STAGE, "POST_PRODUCTION_TRAFFIC_SHIFT"),
            (up + 5 * STAGE, "BAKE_TIME"),
            (self.drains(), "CLEAN_UP"),
        ];
        let begun = stages.iter().rev().find(|(from, _)| *from <= at);
        begun.filter(|_| self.kind == Kind::BlueGreen).map(|(_, stage)| *stage)
    }

    /// When the production traffic goes to the new tasks of a blue/green deployment.
    pub(super) fn shifts(&self) -> Duration {
        self.pace.up + 3 * STAGE
    }
}

impl Task {
    pub(super) fn is_running(&self, at: Duration) -> bool {
        self.runs.is_some_and(|runs| runs <= at) && !self.has_stopped(at)
    }

    pub(super) fn has_stopped(&self, at: Duration) -> bool {
        self.stops.is_some_and(|(stopped, _)| stopped <= at)
    }
}
