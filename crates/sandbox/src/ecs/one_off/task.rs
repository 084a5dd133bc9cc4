//! A one-off task, and where it stands at a time.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::course::{Course, End};
use super::plan::Plan;
use crate::ecs::ids::{arn, name_of};
use crate::request::text;

/// How long a stopped task can still be described: "at least 1 hour".
pub(super) const STOPPED_TASK_VISIBLE: Duration = Duration::from_secs(3600);

/// A task that `RunTask` started. What happens to it follows from its plan and from its stop alone, so it can be seen as it
/// was at any time.
#[derive(Debug, Clone)]
pub(in crate::ecs) struct Task {
    pub(in crate::ecs) id: String,
    pub(super) cluster: String,
    /// The ARN of the revision.
    pub(in crate::ecs) task_definition: String,
    pub(super) created: Timestamp,
    pub(super) capacity: Capacity,
    /// Its tags until it is stopped by a call.
    pub(super) tags: Vec<Value>,
    pub(super) plan: Plan,
    /// The first call of `StopTask`.
    pub(super) stop: Option<Stop>,
    /// The request that started it.
    pub(super) request: Value,
}

/// What a task runs on.
#[derive(Debug, Clone)]
pub(super) struct Capacity {
    pub(super) launch_type: String,
    pub(super) provider: Option<String>,
}

/// A call of `StopTask`.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) at: Timestamp,
    pub(super) reason: String,
}

impl Task {
    pub(super) fn arn(&self) -> String {
        arn("task", &format!("{}/{}", self.cluster, self.id))
    }

    pub(super) fn family(&self) -> &str {
        name_of("task-definition", &self.task_definition).split(':').next().unwrap_or_default()
    }

    pub(super) fn started_by(&self) -> Option<&str> {
        text(&self.request, "startedBy")
    }

    pub(super) fn desired_status(&self, now: Timestamp) -> &'static str {
        self.course(now).desired_status(now)
    }

    /// When it had stopped, if it has by now.
    pub(super) fn stopped(&self, now: Timestamp) -> Option<Timestamp> {
        self.course(now).end.map(|end| end.stopped).filter(|stopped| *stopped <= now)
    }

    /// Whether ECS still knows it.
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        self.stopped(now).is_none_or(|stopped| now.since(stopped) < STOPPED_TASK_VISIBLE)
    }
}

impl Course {
    pub(super) fn last_status(&self, now: Timestamp) -> &'static str {
        let is_over = |at: &Timestamp| *at <= now;
        match &self.end {
            Some(end) if is_over(&end.stopped) => return "STOPPED",
            Some(end) if is_over(&end.execution_stopped) => return "DEPROVISIONING",
            Some(end) if is_over(&end.stopping) => return "STOPPING",
            Some(_) | None => {}
        }
        match self.started {
            Some(started) if is_over(&started) => "RUNNING",
            Some(_) | None if is_over(&self.pending) => "PENDING",
            Some(_) | None => "PROVISIONING",
        }
    }

    pub(super) fn desired_status(&self, now: Timestamp) -> &'static str {
        if self.end_by(now).is_some() { "STOPPED" } else { "RUNNING" }
    }

    /// The end that began by now.
    pub(super) fn end_by(&self, now: Timestamp) -> Option<&End> {
        self.end.as_ref().filter(|end| end.stopping <= now)
    }
}
