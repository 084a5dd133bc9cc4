//! The log streams that containers write to by `awslogs`.

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::Ecs;
use super::task::{Task, TaskState, runtime_id};
use super::task_definitions::Revision;
use crate::request::text;
use crate::wire::ApiError;

/// A container's log stream.
#[derive(Debug)]
pub(crate) enum LogStream {
    /// That of a container of a service's task.
    OfService {
        /// The names of the cluster and of the service.
        service: (String, String),
        /// When the container came to an end before its time, and with which status, if it did.
        ended: Option<(Timestamp, i32)>,
    },
    /// That of a container of a one-off task: each line with its time.
    OfOneOffTask(Vec<(Timestamp, String)>),
}

impl Ecs {
    /// The stream of this name in a log group: of a service's task as long as it can be described, of a one-off task for
    /// ever.
    ///
    /// # Errors
    /// What is missing: a group is there if a task definition names it.
    pub(crate) fn log_stream(
        &mut self,
        group: &str,
        stream: &str,
        now: Timestamp,
    ) -> Result<LogStream, ApiError> {
        self.advance(now);
        let Self { services, definitions, one_off, .. } = self;
        let missing = |what| {
            let message = format!("The specified log {what} does not exist.");
            Err(ApiError::new("ResourceNotFoundException", message))
        };
        let logs_to_group = |(_, options): &(&str, &Value)| text(options, "awslogs-group") == Some(group);
        if !definitions.all().any(|revision| log_options(revision).any(|it| logs_to_group(&it))) {
            return missing("group");
        }
        for service in services.all() {
            let candidates = service.tasks.iter().filter(|task| stream.contains(&task.id));
            for task in candidates.filter(|task| task.has_containers()) {
                let Some(revision) = definitions.find(&task.task_definition) else { continue };
                let names: Vec<&str> = revision.images().map(|(name, _)| name).collect();
                let by_last = task.ending().is_some_and(|ending| ending.by_last);
                let ender = if by_last { names.last() } else { names.first() }.copied();
                let mut written = log_options(revision).filter(logs_to_group);
                let its = written.find(|(name, options)| {
                    let runtime_id = || runtime_id(&task.id, name, service.launch_type());
                    stream == stream_name(options, name, &task.id, runtime_id)
                });
                if let Some((name, _)) = its {
                    let ended = task.early_end().filter(|_| ender == Some(name));
                    return Ok(LogStream::OfService { service: service.key(), ended });
                }
            }
        }
        for task in one_off.started(now).filter(|task| stream.contains(&task.id)) {
            let Some(revision) = definitions.find(&task.task_definition) else { continue };
            let mut written = log_options(revision).filter(logs_to_group);
            let its = written.find(|(name, options)| {
                stream == stream_name(options, name, &task.id, || task.runtime_id(name))
            });
            if let Some((name, _)) = its {
                return Ok(LogStream::OfOneOffTask(task.written(name, now)));
            }
        }
        missing("stream")
    }
}

impl Task {
    /// When and with which status the container that ended it came to an end before its time.
    fn early_end(&self) -> Option<(Timestamp, i32)> {
        match self.state {
            TaskState::Stopped { at, .. } => Some((at, self.ending()?.exit_code?)),
            TaskState::Pending | TaskState::Running | TaskState::Leaving { .. } => None,
        }
    }
}

/// The containers that log by `awslogs`: the name and the log driver's options of each.
fn log_options(revision: &Revision) -> impl Iterator<Item = (&str, &Value)> {
    revision.images().filter_map(|(name, _)| {
        let configuration = revision.container(name)?.get("logConfiguration")?;
        let is_awslogs = text(configuration, "logDriver") == Some("awslogs");
        Some((name, configuration.get("options").filter(|_| is_awslogs)?))
    })
}

/// `prefix/container/task`, or without a prefix the id that the container runtime gave: the option
/// `awslogs-stream-prefix` in the Amazon ECS Developer Guide.
fn stream_name(
    options: &Value,
    container: &str,
    task_id: &str,
    runtime_id: impl FnOnce() -> String,
) -> String {
    match text(options, "awslogs-stream-prefix") {
        Some(prefix) => format!("{prefix}/{container}/{task_id}"),
        None => runtime_id(),
    }
}
