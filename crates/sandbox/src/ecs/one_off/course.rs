//! The course of a one-off task: its plan, unless `StopTask` came first.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::plan::{ContainerPlan, Plan};
use super::task::Task;
use crate::ecs::ending::{SIGKILL, SIGTERM};

/// How long a process takes to end after its `SIGTERM`.
const TERMINATION: Duration = Duration::from_secs(2);
/// How long ECS takes to clean up after the last container: `DEPROVISIONING`.
const DEPROVISIONING: Duration = Duration::from_secs(5);

/// What happens to a task from its creation to its end, also what is still to come.
#[derive(Debug)]
pub(super) struct Course {
    /// When the task goes from `PROVISIONING` to `PENDING`.
    pub(super) pending: Timestamp,
    /// When its containers start, if they do.
    pub(super) started: Option<Timestamp>,
    pub(super) end: Option<End>,
    /// The exit of each container that runs and ends, in the order of the definition.
    pub(super) exits: Vec<Option<Exit>>,
}

/// The end of a task.
#[derive(Debug)]
pub(super) struct End {
    pub(super) stop_code: &'static str,
    pub(super) reason: String,
    /// When ECS began to stop the task.
    pub(super) stopping: Timestamp,
    /// When its last container ended.
    pub(super) execution_stopped: Timestamp,
    pub(super) stopped: Timestamp,
}

/// The exit of a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    pub(super) at: Timestamp,
    pub(super) code: i32,
    pub(super) reason: Option<&'static str>,
}

/// What makes ECS stop a task.
#[derive(Debug)]
struct Cause {
    at: Timestamp,
    stop_code: &'static str,
    reason: String,
}

impl Task {
    /// All that happens to the task, as far as it is decided at `now`: a later `StopTask` is not part of it.
    pub(super) fn course(&self, now: Timestamp) -> Course {
        let plan = &self.plan;
        let starts = self.created.plus(plan.starts_after);
        let stop = self.stop.as_ref().filter(|stop| stop.at <= now);
        let is_stopped_before_start = stop.is_some_and(|stop| stop.at <= starts);
        let by_user =
            stop.map(|stop| Cause { at: stop.at, stop_code: "UserInitiated", reason: stop.reason.clone() });
        let own = plan.own_end(starts).filter(|_| !is_stopped_before_start);
        // At the same time the task's own end counts: `StopTask` changes nothing of a task that stops already.
        let cause = own.into_iter().chain(by_user).min_by_key(|cause| cause.at);
        let runs = plan.failed_start.is_none() && !is_stopped_before_start;
        let stopping = cause.as_ref().map(|cause| cause.at);
        let exit = |container| Some(container).filter(|_| runs).and_then(|it| exit_of(it, starts, stopping));
        let exits: Vec<Option<Exit>> = plan.containers.iter().map(exit).collect();
        let last_exit = exits.iter().flatten().map(|exit| exit.at).max();
        let end = cause.map(|Cause { at, stop_code, reason }| {
            let execution_stopped = last_exit.map_or(at, |exit| exit.max(at));
            let stopped = execution_stopped.plus(DEPROVISIONING);
            End { stop_code, reason, stopping: at, execution_stopped, stopped }
        });
        let pending = self.created.plus(plan.starts_after / 2);
        Course { pending, started: runs.then_some(starts), end, exits }
    }
}

impl Plan {
    /// What makes ECS stop the task by itself, if its containers are to start at `starts`.
    fn own_end(&self, starts: Timestamp) -> Option<Cause> {
        if let Some(failed) = &self.failed_start {
            let reason = failed.reason.clone();
            return Some(Cause { at: starts, stop_code: "TaskFailedToStart", reason });
        }
        if let Some(after) = self.interrupted_after {
            // The message: reproio/wrapbox, pull request 53.
            let reason = "Your Spot Task was interrupted.".to_owned();
            return Some(Cause { at: starts.plus(after), stop_code: "SpotInterruption", reason });
        }
        let essential = self.containers.iter().filter(|container| container.is_essential);
        let first = essential.filter_map(|container| Some(container.exit.as_ref()?.after)).min()?;
        Some(Cause {
            at: starts.plus(first),
            stop_code: "EssentialContainerExited",
            reason: "Essential container in task exited".to_owned(),
        })
    }
}

/// The exit of a container that starts at one time, in a task that ECS stops at another.
fn exit_of(container: &ContainerPlan, starts: Timestamp, stopping: Option<Timestamp>) -> Option<Exit> {
    let own = container.exit.as_ref().map(|exit| Exit {
        at: starts.plus(exit.after),
        code: exit.code,
        reason: exit.reason,
    });
    let stopped = stopping.map(|at| {
        let is_killed = container.ignores_sigterm || container.stop_timeout < TERMINATION;
        let (after, code) =
            if is_killed { (container.stop_timeout, SIGKILL) } else { (TERMINATION, SIGTERM) };
        Exit { at: at.plus(after), code, reason: None }
    });
    own.into_iter().chain(stopped).min_by_key(|exit| exit.at)
}
