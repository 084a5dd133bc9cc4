//! One-off tasks: those that `RunTask` starts, beside the services' own.

mod console;
mod course;
mod log;
mod plan;
mod refusals;
mod run;
mod script;
mod task;
mod tokens;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

pub use self::console::OneOffTask;
pub use self::script::{TaskEnding, TaskScript};

use self::task::{Stop, Task};
use self::tokens::Tokens;
use super::clusters::Counts;
use super::ids::Ids;
use super::services::short;
use super::task_definitions::TaskDefinitions;
use crate::request::text;
use crate::wire::{ApiError, ApiResult};

/// In the first moment a new task can be missing: boto/boto3, issue 842.
const LAG: Duration = Duration::from_secs(1);

/// Every task that `RunTask` ever started, and what the next ones do.
#[derive(Debug, Clone)]
pub(super) struct OneOffTasks {
    /// The oldest first.
    tasks: Vec<Task>,
    tokens: Tokens,
    /// A word of a task's command, and the script of such tasks; the newest last.
    plays: Vec<(String, TaskScript)>,
    /// The failures of the next requests: the reason, and of how many.
    refusals: VecDeque<(String, usize)>,
    /// How long reads over the wire miss a new task.
    pub(super) lag: Duration,
    ids: Ids,
}

impl Default for OneOffTasks {
    fn default() -> Self {
        Self {
            tasks: Vec::new(),
            tokens: Tokens::default(),
            plays: Vec::new(),
            refusals: VecDeque::new(),
            lag: LAG,
            ids: Ids::of("one-off tasks"),
        }
    }
}

/// The one-off tasks as a read shows them.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) tasks: &'a OneOffTasks,
    /// The time whose state it shows.
    pub(super) at: Timestamp,
    /// A task that was created later is missing.
    pub(super) known_until: Timestamp,
}

impl OneOffTasks {
    /// Stops a task, and deletes its tags. One that stops already goes on as it does.
    pub(super) fn stop(
        &mut self,
        request: &Value,
        cluster: &str,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> ApiResult {
        let id = short(text(request, "task").unwrap_or_default());
        let mut tasks = self.tasks.iter_mut();
        let task = tasks.find(|task| task.id == id && task.cluster == cluster && task.is_visible(now));
        // The message: griptape-ai/griptape-nodes-engine, issue 1454.
        let task = task.ok_or_else(|| ApiError::invalid_parameter("The referenced task was not found."))?;
        // What ECS says without a reason is not known; these are the console's words.
        let reason = text(request, "reason").unwrap_or("Task stopped by user").to_owned();
        task.stop.get_or_insert(Stop { at: now, reason });
        Ok(json!({ "task": task.view(now, definitions, true) }))
    }

    /// Counts the tasks of a cluster.
    pub(super) fn counts(&self, cluster: &str, now: Timestamp) -> Counts {
        let mut counts = Counts::default();
        for task in self.tasks.iter().filter(|task| task.cluster == cluster) {
            match task.course(now).last_status(now) {
                "RUNNING" => counts.running += 1,
                "PROVISIONING" | "PENDING" => counts.pending += 1,
                _ => {}
            }
        }
        counts
    }

    /// The tasks whose containers have started by now, also those that are forgotten: their logs stay.
    pub(super) fn started(&self, now: Timestamp) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(move |task| task.course(now).started.is_some_and(|started| started <= now))
    }

    /// The script of a task of this command.
    fn script_of(&self, command: &str) -> TaskScript {
        let fitting = self.plays.iter().rev().find(|(word, _)| command.contains(word.as_str()));
        fitting.map(|(_, script)| script.clone()).unwrap_or_default()
    }
}

impl<'a> Seen<'a> {
    /// The ARNs of the tasks of a cluster that a request of `ListTasks` asks for.
    pub(super) fn list(self, request: &Value, cluster: &str) -> impl Iterator<Item = Value> {
        let of = |member: &str, value: Option<&str>| {
            text(request, member).is_none_or(|asked| value == Some(asked))
        };
        let desired = text(request, "desiredStatus").unwrap_or("RUNNING").to_owned();
        let asked: Vec<Value> = self
            .known(cluster)
            .filter(|task| of("startedBy", task.started_by()) && of("family", Some(task.family())))
            .filter(|task| of("launchType", Some(&task.capacity.launch_type)))
            .filter(|task| task.desired_status(self.at) == desired)
            .map(|task| task.arn().into())
            .collect();
        asked.into_iter()
    }

    /// The task of this id, as `DescribeTasks` shows it.
    pub(super) fn describe(
        self,
        cluster: &str,
        id: &str,
        definitions: &TaskDefinitions,
        with_tags: bool,
    ) -> Option<Value> {
        let task = self.known(cluster).find(|task| task.id == id)?;
        Some(task.view(self.at, definitions, with_tags))
    }

    fn known(self, cluster: &str) -> impl Iterator<Item = &'a Task> {
        let Self { tasks, at, known_until } = self;
        let tasks = tasks.tasks.iter();
        tasks
            .filter(move |task| task.cluster == cluster && task.created <= known_until && task.is_visible(at))
    }
}
