//! Why a rollout failed: the tasks of it that stopped.

use std::fmt;

/// A task that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedTask {
    /// Its ARN.
    pub arn: String,
    /// ECS's word for why it stopped: `EssentialContainerExited`, `TaskFailedToStart` …
    pub stop_code: Option<String>,
    /// ECS's sentence on it.
    pub reason: Option<String>,
    /// Its containers.
    pub containers: Vec<StoppedContainer>,
}

/// A container of a task that stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedContainer {
    /// Its name.
    pub name: String,
    /// What it exited with, if it ran.
    pub exit_code: Option<i32>,
    /// ECS's sentence on it.
    pub reason: Option<String>,
}

impl StoppedTask {
    /// Whether it stopped by itself, and not because the scheduler had no more use for it.
    #[must_use]
    pub fn failed(&self) -> bool {
        let scaled = self.reason.as_ref().is_some_and(|reason| reason.starts_with("Scaling activity"));
        self.stop_code.as_deref() != Some("UserInitiated") && !scaled
    }

    /// This task without `secrets`, which ECS's sentences may quote.
    #[must_use]
    pub fn without(mut self, secrets: &[String]) -> Self {
        let hide = |text: String| {
            secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "(hidden)"))
        };
        self.reason = self.reason.map(hide);
        for container in &mut self.containers {
            container.reason = container.reason.take().map(hide);
        }
        self
    }
}

/// One sentence: `task 1f2e stopped: Essential container in task exited (app exited with 1)`.
impl fmt::Display for StoppedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.arn.rsplit('/').next().unwrap_or(&self.arn);
        let why = self.reason.as_deref().or(self.stop_code.as_deref()).unwrap_or("for no known reason");
        write!(f, "task {id} stopped: {why}")?;
        let told = self.containers.iter().filter_map(StoppedContainer::sentence).collect::<Vec<_>>();
        if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join("; ")) }
    }
}

impl StoppedContainer {
    /// What it has to say; nothing if it ended well.
    fn sentence(&self) -> Option<String> {
        let name = &self.name;
        let exited = match self.exit_code {
            None | Some(0) => None,
            Some(137) => Some(format!("{name} exited with 137: it was killed, as for want of memory")),
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

    fn task(reason: &str, exit_code: Option<i32>, why: Option<&str>) -> StoppedTask {
        let container =
            StoppedContainer { name: "app".to_owned(), exit_code, reason: why.map(str::to_owned) };
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task/prod/1f2e".to_owned();
        let stop_code = Some("EssentialContainerExited".to_owned());
        StoppedTask { arn, stop_code, reason: Some(reason.to_owned()), containers: vec![container] }
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
    fn a_task_that_was_scaled_in_or_stopped_by_hand_did_not_fail() {
        assert!(task("Essential container in task exited", Some(1), None).failed());
        assert!(!task("Scaling activity initiated by (deployment ecs-svc/1)", Some(143), None).failed());
        let by_hand =
            StoppedTask { stop_code: Some("UserInitiated".to_owned()), ..task("by hand", None, None) };
        assert!(!by_hand.failed());
    }

    #[test]
    fn secrets_that_ecs_quotes_are_hidden() {
        let quoted = task("command failed: login --password hunter22", Some(1), Some("hunter22 refused"));
        let told = quoted.without(&["hunter22".to_owned()]).to_string();
        assert!(!told.contains("hunter22") && told.contains("--password (hidden)"), "{told}");
    }
}
