//! How a deployment fails, goes back, or waits at a hook for somebody who decides which.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::lifecycle::{Decision, HookRun, HookStatus};
use super::rollout::{Rollout, RolloutOutcome};
use super::script::{Pace, Script};
use super::service::{Deployment, RolloutState, Service};
use super::service_deployment::{Cause, Course};
use super::strategy::Strategy;
use super::task::{Task, TaskState};
use crate::request::flag;

/// How long a rollback takes whose tasks all still run: real ones took 44 and 45 s.
const QUICK_ROLLBACK: Duration = Duration::from_secs(45);

impl Service {
    /// The circuit breaker or an alarm ends the PRIMARY deployment, and it goes back if that was
    /// configured.
    pub(super) fn fail(&mut self, cause: Cause, at: Timestamp) {
        let monitor = if cause == Cause::Alarm { "alarms" } else { "deploymentCircuitBreaker" };
        let rollback = flag(self.monitor(monitor), "rollback");
        self.fail_primary(cause, at);
        if rollback {
            self.roll_back(cause, at);
        } else {
            self.change_record(|record| {
                record.cause = Some(cause);
                record.set_course(Course::Failed, at);
            });
        }
    }

    pub(super) fn raise_alarm(&mut self, at: Timestamp) {
        let is_in_progress = self.service_deployments.first().is_some_and(|current| current.is_in_progress());
        if is_in_progress && self.has_monitor("alarms") {
            self.fail(Cause::Alarm, at);
        }
    }

    fn fail_primary(&mut self, cause: Cause, at: Timestamp) {
        let Some(failed) = self.deployments.first_mut() else { return };
        failed.state = RolloutState::Failed(cause);
        failed.updated = at;
        let (number, what) = (failed.number, cause.event());
        self.report(at, &format!("(deployment ecs-svc/{number}) deployment failed: {what}"));
    }

    /// Goes back to the last deployment that completed, if there is one: its own entry is in progress
    /// again. The service deployment stays the same, and so does its target.
    pub(super) fn roll_back(&mut self, cause: Cause, at: Timestamp) {
        let (Some(current), Some(primary)) =
            (self.service_deployments.first_mut(), self.deployments.first_mut())
        else {
            return;
        };
        current.cause = Some(cause);
        let Some(target) = self.last_completed.clone() else {
            primary.state = RolloutState::Failed(cause);
            current.set_course(Course::CannotRollBack, at);
            return;
        };
        current.begin_rollback(target.revision, at);
        let Rollout { outcome, duration } = primary.rollout;
        let outcome = if outcome == RolloutOutcome::CrashTwice { outcome } else { RolloutOutcome::Ok };
        let is_left = |task: &&Task| task.deployment == target.deployment && task.state == TaskState::Running;
        let is_whole = self.tasks.iter().filter(is_left).count() >= self.desired;
        let duration = if is_whole { duration.min(QUICK_ROLLBACK) } else { duration };
        let rollout = Rollout { outcome, duration };
        self.report(at, &format!("rolling back to deployment ecs-svc/{}.", target.deployment));
        // Whatever the strategy is, a rollback neither bakes nor waits for anybody.
        let pace = Pace { rollout, shape: self.shape, threshold: self.failure_threshold() };
        let script = Script::new(pace, &Strategy::default(), self.desired, false);
        let listed = self.deployments.iter().position(|listed| listed.number == target.deployment);
        let mut back = match listed {
            Some(place) => self.deployments.remove(place),
            None => Deployment {
                number: target.deployment,
                task_definition: target.task_definition,
                revision: target.revision,
                started: at,
                ..Deployment::default()
            },
        };
        back.play(script, at);
        back.rollout = rollout;
        (back.state, back.failed_tasks, back.updated) = (RolloutState::InProgress, 0, at);
        back.rolls_back = Some((target.deployment, cause));
        self.deployments.insert(0, back);
    }

    /// The tasks of the rollback fail as those of the rollout did, and nothing goes on any more.
    pub(super) fn fail_to_roll_back(&mut self, at: Timestamp) {
        self.fail_primary(Cause::CircuitBreaker, at);
        self.change_record(|record| record.set_course(Course::RollbackFailed, at));
    }

    /// The hook that the deployment waits at, if its id is this one.
    pub(super) fn waiting_hook(&mut self, id: Option<&str>) -> Option<&mut HookRun> {
        let current = self.service_deployments.first_mut().filter(|current| current.is_in_progress())?;
        let waits = |hook: &&mut HookRun| hook.status == HookStatus::AwaitingAction;
        current.hooks.iter_mut().filter(waits).find(|hook| id.is_none_or(|id| id == hook.id))
    }

    /// Nobody answered the hook in time.
    pub(super) fn time_out(&mut self, at: Timestamp) {
        if let Some(decision) = self.waiting_hook(None).map(|run| run.hook.on_timeout) {
            self.decide(HookStatus::TimedOut, decision, at);
        }
    }

    /// Somebody answers the hook that the deployment waits at.
    pub(super) fn answer_hook(&mut self, decision: Decision, at: Timestamp) {
        let continues = decision == Decision::Continue;
        self.decide(if continues { HookStatus::Succeeded } else { HookStatus::Failed }, decision, at);
    }

    fn decide(&mut self, status: HookStatus, decision: Decision, at: Timestamp) {
        let Some(hook) = self.waiting_hook(None) else { return };
        hook.status = status;
        let cause = Cause::Hook(hook.stage);
        match (decision, self.deployments.first_mut()) {
            (Decision::Rollback, _) => self.roll_back(cause, at),
            (Decision::Continue, Some(primary)) => primary.go_on(at),
            (Decision::Continue, None) => {}
        }
    }
}
