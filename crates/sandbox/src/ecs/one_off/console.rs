//! What a test or a console does with one-off tasks, besides the calls that travel.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::plan::watched_override;
use super::script::TaskScript;
use super::task::Task;
use crate::Sandbox;
use crate::request::{list, text, texts};

/// A task that `RunTask` started, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOffTask {
    /// Its ARN.
    pub arn: String,
    /// The ARN of the revision that it runs.
    pub task_definition: String,
    /// What the request named as its starter.
    pub started_by: Option<String>,
    /// The name of the watched container: see [`TaskScript`].
    pub container: String,
    /// The command that the request gave the watched container; empty if it gave none.
    pub command: Vec<String>,
    /// The environment variables that the request gave the watched container.
    pub environment: Vec<(String, String)>,
    /// When it was created.
    pub created: Timestamp,
    /// When its containers started, if they have.
    pub started: Option<Timestamp>,
    /// When it stopped, if it has.
    pub stopped: Option<Timestamp>,
    /// The exit status of the watched container, if it ran and has ended.
    pub exit_code: Option<i32>,
    /// The request that started it.
    pub request: Value,
}

impl Sandbox {
    /// Sets the script of the tasks that `RunTask` starts from now on and whose overridden command contains `word`. The
    /// arguments are joined by spaces for it, and the empty word fits every task. The newest script that fits counts; a task
    /// without one plays [`TaskScript::default`].
    pub fn play_tasks(&self, word: &str, script: TaskScript) {
        self.state().ecs.one_off.plays.push((word.to_owned(), script));
    }

    /// Lets the next `count` new requests of `RunTask` start nothing: the response is 200 with one failure of this reason, for
    /// example `RESOURCE:MEMORY`. A replay of such a request responds with the same failure and does not count.
    pub fn refuse_tasks(&self, reason: &str, count: usize) {
        if count > 0 {
            self.state().ecs.one_off.refusals.push_back((reason.to_owned(), count));
        }
    }

    /// Sets how long after `RunTask` a task is missing from `DescribeTasks` and `ListTasks`, over the wire and from now on.
    /// Without it, that is a second. If [`Self::set_read_lag`] is longer, that counts.
    pub fn set_task_lag(&self, lag: Duration) {
        self.state().ecs.one_off.lag = lag;
    }

    /// Every task that `RunTask` ever started, the oldest first, also those that ECS has forgotten.
    #[must_use]
    pub fn one_off_tasks(&self) -> Vec<OneOffTask> {
        let now = self.clock.now();
        self.state().ecs.one_off.tasks.iter().map(|task| task.recorded(now)).collect()
    }
}

impl Task {
    fn recorded(&self, now: Timestamp) -> OneOffTask {
        let course = self.course(now);
        let overridden = watched_override(&self.request);
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let variable = |it: &Value| {
            Some((text(it, "name")?.to_owned(), it["value"].as_str().unwrap_or_default().to_owned()))
        };
        let exit = course.exits[self.plan.watched].filter(|exit| exit.at <= now);
        OneOffTask {
            arn: self.arn(),
            task_definition: self.task_definition.clone(),
            started_by: self.started_by().map(str::to_owned),
            container: self.plan.containers[self.plan.watched].name.clone(),
            command: overridden.map(|it| owned(texts(it, "command"))).unwrap_or_default(),
            environment: overridden
                .into_iter()
                .flat_map(|it| list(it, "environment").iter().filter_map(variable))
                .collect(),
            created: self.created,
            started: course.started.filter(|started| *started <= now),
            stopped: self.stopped(now),
            exit_code: exit.map(|exit| exit.code),
            request: self.request.clone(),
        }
    }
}
