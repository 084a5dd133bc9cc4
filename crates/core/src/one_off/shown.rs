//! A one-off task as ECS describes it.

use crate::arn::TaskDefinitionArn;
use crate::stopped_task::StoppedTask;
use crate::timestamp::Timestamp;

use super::{TaskEnd, TaskRequest};

/// A one-off task as `RunTask` and `DescribeTasks` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOffTask {
    /// Its ARN, times, containers and, once it stops, the reasons.
    pub task: StoppedTask,
    /// The revision.
    pub revision: Option<TaskDefinitionArn>,
    /// How far it is.
    pub status: TaskStatus,
    /// ECS wants it to stop.
    pub is_to_stop: bool,
    /// When it was created, by the clock of ECS.
    pub created: Timestamp,
    /// What was changed of its containers.
    pub overrides: Vec<Override>,
}

/// How far a task is: several of ECS's statuses mean the same here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskStatus {
    /// It waits for capacity, its network, its images.
    Starting,
    /// It runs.
    Running,
    /// Its containers end, or its network is removed.
    Stopping,
    /// It is over.
    Stopped,
}

/// What was changed of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The container.
    pub container: String,
    /// Its command; empty if it is its own.
    pub command: Vec<String>,
}

/// Of what ECS stops a task for that did not end by itself.
const STOPS: [&str; 5] = [
    "UserInitiated",
    "ServiceSchedulerInitiated",
    "SpotInterruption",
    "TerminationNotice",
    "InfrastructureHealth",
];

/// The statuses of a container that ends when its task is stopped: by itself, by SIGKILL, by SIGTERM.
const WHEN_STOPPED: [i32; 3] = [0, 137, 143];

/// Why Evenkeel stops a task whose `container` has ended: its side-cars would run for ever. A run that follows the
/// task later knows by this reason that the container ended by itself.
#[must_use]
pub fn reason_to_stop_side_cars(container: &str) -> String {
    format!("Evenkeel: its container {container} has ended")
}

impl OneOffTask {
    /// Whether it is the task that `request` asks for.
    #[must_use]
    pub fn is_of(&self, request: &TaskRequest) -> bool {
        let mut overrides = self.overrides.iter().filter(|it| it.container == request.container);
        self.revision.as_ref() == Some(&request.revision)
            && overrides.next().map_or(&[][..], |it| &it.command) == request.command.as_slice()
    }

    /// Whether the container whose command was given has ended: at most its side-cars still run. Not known of a task that
    /// runs the commands of its definition alone.
    #[must_use]
    pub fn has_done_its_work(&self) -> bool {
        let mut given = self.overrides.iter().filter(|it| !it.command.is_empty()).peekable();
        given.peek().is_some() && given.all(|it| self.end_of(&it.container).is_some())
    }

    /// How it ended for `container`, which may be before the task itself has stopped: by then ECS removes its network.
    ///
    /// A container without an exit status never ran: that is no success. A task that somebody or AWS stopped is none
    /// either, although its container may have ended with 0 on SIGTERM; unless it was stopped for its side-cars.
    #[must_use]
    pub fn end_of(&self, container: &str) -> Option<TaskEnd> {
        let found = self.task.containers.iter().find(|it| it.name == container);
        let is_for_side_cars = |reason: &str| reason.contains(&reason_to_stop_side_cars(container));
        let was_stopped = self.task.stop_code.as_deref().is_some_and(|code| STOPS.contains(&code))
            && !self.task.reason.as_deref().is_some_and(is_for_side_cars);
        match found.and_then(|container| container.exit_code) {
            Some(code) if was_stopped && WHEN_STOPPED.contains(&code) => Some(TaskEnd::Stopped),
            Some(code) => Some(TaskEnd::Exited(code)),
            None if self.status != TaskStatus::Stopped => None,
            None if was_stopped => Some(TaskEnd::Stopped),
            None => Some(TaskEnd::NeverRan),
        }
    }
}
