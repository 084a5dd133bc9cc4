//! Why a rollout failed: the tasks of it that stopped.

use std::fmt;

use super::timestamp::Timestamp;

/// A task that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedTask {
    /// Its ARN.
    pub arn: String,
    /// ECS's word for why it stopped: `EssentialContainerExited`, `TaskFailedToStart` …
    pub stop_code: Option<String>,
    /// ECS's sentence on it.
    pub reason: Option<String>,
    /// When it got to run, if it did.
    pub started: Option<Timestamp>,
    /// When it stopped.
    pub stopped: Option<Timestamp>,
    /// Whether its health checks called it healthy.
    pub is_healthy: bool,
    /// Its containers.
    pub containers: Vec<StoppedContainer>,
}

/// A container of a task that stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoppedContainer {
    /// Its name.
    pub name: String,
    /// Its id on the host that ran it.
    pub runtime_id: Option<String>,
    /// What it exited with, if it ran.
    pub exit_code: Option<i32>,
    /// ECS's sentence on it.
    pub reason: Option<String>,
    /// The last lines that it logged, as far as they were read.
    pub log_tail: Vec<String>,
}

impl StoppedTask {
    /// Whether it stopped by a fault of its own: not because somebody or the scheduler had no more
    /// use for it, and not because what it ran on went away.
    ///
    /// The codes and sentences are those of the Amazon ECS developer guide, "Stopped tasks error
    /// messages"; a code that is not known counts as a fault.
    #[must_use]
    pub fn failed(&self) -> bool {
        let says = |words: &str| self.reason.as_ref().is_some_and(|reason| reason.contains(words));
        match self.stop_code.as_deref() {
            Some("UserInitiated" | "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth") => {
                false
            }
            Some("ServiceSchedulerInitiated") => says("health check"),
            Some(_) | None => !says("Scaling activity"),
        }
    }

    /// Whether it ever got to run.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.started.is_some()
    }

    /// The container that is to blame: the first one that did not end well.
    #[must_use]
    pub fn culprit(&self) -> Option<&StoppedContainer> {
        self.containers.iter().find(|container| container.sentence().is_some())
    }

    /// This task without `secrets`, which ECS's sentences and what a container logs may quote.
    #[must_use]
    pub fn without(mut self, secrets: &[String]) -> Self {
        let hide = |text: String| {
            secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "(hidden)"))
        };
        self.reason = self.reason.map(hide);
        for container in &mut self.containers {
            container.reason = container.reason.take().map(hide);
            for line in &mut container.log_tail {
                *line = hide(std::mem::take(line));
            }
        }
        self
    }

    /// The last part of its ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }
}

/// One sentence: `task 1f2e stopped: Essential container in task exited (app exited with 1)`.
impl fmt::Display for StoppedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = self.reason.as_deref().or(self.stop_code.as_deref()).unwrap_or("for no known reason");
        write!(f, "task {} stopped: {why}", self.id())?;
        let told = self.containers.iter().filter_map(StoppedContainer::sentence).collect::<Vec<_>>();
        if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join("; ")) }
    }
}

impl StoppedContainer {
    /// What it has to say; nothing if it ended well, or by the SIGTERM that ends its task.
    fn sentence(&self) -> Option<String> {
        let name = &self.name;
        let exited = match self.exit_code {
            None | Some(0 | 143) => None,
            Some(137) => Some(format!("{name} exited with 137: it was killed, as for want of memory")),
            Some(139) => Some(format!("{name} exited with 139: it crashed by a segmentation fault")),
            Some(code) => Some(format!("{name} exited with {code}")),
        };
        match (exited, &self.reason) {
            (Some(exited), Some(reason)) => Some(format!("{exited}: {reason}")),
            (Some(exited), None) => Some(exited),
            (None, Some(reason)) => Some(format!("{name}: {reason}")),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::stopped;

    fn task(reason: &str, exit_code: Option<i32>, why: Option<&str>) -> StoppedTask {
        let mut task = StoppedTask { reason: Some(reason.to_owned()), ..stopped("1f2e") };
        task.containers[0].exit_code = exit_code;
        task.containers[0].reason = why.map(str::to_owned);
        task
    }

    #[test]
    fn a_task_says_why_it_stopped() {
        for (task, sentence) in [
            (task("Essential container in task exited", Some(1), None), "exited (app exited with 1)"),
            (
                task("Essential container in task exited", Some(0), None),
                "task 1f2e stopped: Essential container in task exited",
            ),
            (
                task("Task failed ELB health checks", Some(143), None),
                "task 1f2e stopped: Task failed ELB health checks",
            ),
            (
                task("OutOfMemory", Some(137), Some("OutOfMemoryError: killed")),
                "for want of memory: OutOfMemoryError: killed)",
            ),
            (
                task("CannotPullContainerError: no such tag", None, None),
                "stopped: CannotPullContainerError: no such tag",
            ),
            (task("Task failed to start", None, Some("CannotStart")), "(app: CannotStart)"),
        ] {
            assert!(task.to_string().ends_with(sentence), "{task}");
        }
    }

    #[test]
    fn only_a_fault_of_its_own_is_a_failure() {
        let failed = |code: &str, reason: &str| {
            let stop_code = Some(code.to_owned());
            StoppedTask { stop_code, ..task(reason, Some(143), None) }.failed()
        };
        assert!(failed("EssentialContainerExited", "Essential container in task exited"));
        assert!(failed("TaskFailedToStart", "CannotPullContainerError: not found"));
        assert!(failed("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group tg)"));
        assert!(failed("ServiceSchedulerInitiated", "Task failed container health checks"));
        assert!(failed("SomethingNew", "who knows"));
        assert!(!failed("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"));
        assert!(!failed("EssentialContainerExited", "Scaling activity initiated by (deployment ecs-svc/1)"));
        for code in ["UserInitiated", "SpotInterruption", "TerminationNotice", "InfrastructureHealth"] {
            assert!(!failed(code, "Essential container in task exited"), "{code}");
        }
    }

    #[test]
    fn secrets_that_ecs_or_the_log_quotes_are_hidden() {
        let mut quoted = task("command failed: login --password hunter22", Some(1), Some("hunter22 refused"));
        quoted.containers[0].log_tail = vec!["connecting with hunter22".to_owned()];
        let quoted = quoted.without(&["hunter22".to_owned()]);
        let told = quoted.to_string();
        assert!(!told.contains("hunter22") && told.contains("--password (hidden)"), "{told}");
        assert_eq!(quoted.containers[0].log_tail, ["connecting with (hidden)"]);
    }
}
