//! Why a rollout failed: the tasks of it that stopped.

use std::fmt;

use super::arn::last_part;
use super::timestamp::Timestamp;

/// A task that stopped, or was to stop.
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
    /// ECS refused to stop it, so it still runs.
    pub goes_on: bool,
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

    /// Whether its containers did what they were made for: one exited with 0, and none otherwise than
    /// by the SIGTERM that ends a task.
    #[must_use]
    pub fn exited_cleanly(&self) -> bool {
        let is_clean =
            |it: &StoppedContainer| it.reason.is_none() && matches!(it.exit_code, Some(0 | SIGTERM) | None);
        let ended = self.containers.iter().any(|container| container.exit_code == Some(0));
        self.stop_code.as_deref() == Some("EssentialContainerExited")
            && ended
            && self.containers.iter().all(is_clean)
    }

    /// The container that is to blame.
    ///
    /// When an essential container ends, ECS kills the others. So one that ended by itself comes before
    /// one that was killed, wherever they stand in the definition.
    #[must_use]
    pub fn culprit(&self) -> Option<&StoppedContainer> {
        self.told().first().copied()
    }

    /// The containers that have something to say, the one to blame first.
    fn told(&self) -> Vec<&StoppedContainer> {
        let mut told: Vec<_> = self.containers.iter().filter(|it| it.blame() < Blame::None).collect();
        told.sort_by_key(|container| container.blame());
        let is_essential_end = self.stop_code.as_deref() == Some("EssentialContainerExited");
        if is_essential_end && told.first().is_none_or(|first| first.blame() == Blame::Killed) {
            // What ended the task then is a container that exited with 0.
            told.splice(..0, self.containers.iter().filter(|it| it.exit_code == Some(0)));
        }
        told
    }

    /// The last part of its ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        last_part(&self.arn)
    }
}

/// One sentence: `task 1f2e stopped: Essential container in task exited (app exited with 1)`, or `task 1f2e goes on: …`.
impl fmt::Display for StoppedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = self.reason.as_deref().or(self.stop_code.as_deref()).unwrap_or("for no known reason");
        let what = if self.goes_on { "goes on" } else { "stopped" };
        write!(f, "task {} {what}: {why}", self.id())?;
        let told = self.told().into_iter().map(StoppedContainer::sentence).collect::<Vec<_>>();
        if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join("; ")) }
    }
}

/// How far a container is to blame for the end of its task, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blame {
    /// ECS itself says why: it could not start, or was killed for its memory.
    Told,
    /// It exited with a status of its own.
    Exited,
    /// It was killed: by ECS because another one ended, or by its host.
    Killed,
    /// It ended well, or by the SIGTERM that ends its task.
    None,
}

/// The status of a container that SIGKILL and that SIGTERM ended.
const SIGKILL: i32 = 137;
const SIGTERM: i32 = 143;

impl StoppedContainer {
    fn blame(&self) -> Blame {
        match (&self.reason, self.exit_code) {
            (Some(_), _) => Blame::Told,
            (None, None | Some(0 | SIGTERM)) => Blame::None,
            (None, Some(SIGKILL)) => Blame::Killed,
            (None, Some(_)) => Blame::Exited,
        }
    }

    /// What it has to say. Only ECS knows that a container was killed for its memory, and says so.
    fn sentence(&self) -> String {
        let name = &self.name;
        let exited = match self.exit_code {
            None => None,
            Some(SIGTERM) if self.reason.is_some() => None,
            Some(SIGKILL) => Some(format!("{name} was killed (137)")),
            Some(139) => Some(format!("{name} exited with 139: it crashed by a segmentation fault")),
            Some(code) => Some(format!("{name} exited with {code}")),
        };
        match (exited, &self.reason) {
            (Some(exited), Some(reason)) => format!("{exited}: {reason}"),
            (Some(exited), None) => exited,
            (None, Some(reason)) => format!("{name}: {reason}"),
            (None, None) => name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::stopped;

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
            (task("Essential container in task exited", Some(0), None), "exited (app exited with 0)"),
            (
                task("Task failed ELB health checks", Some(143), None),
                "task 1f2e stopped: Task failed ELB health checks",
            ),
            (
                task("OutOfMemory", Some(137), Some("OutOfMemoryError: killed")),
                "(app was killed (137): OutOfMemoryError: killed)",
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

    /// A task of the containers `app`, the first one, and `proxy`, which ended so.
    fn pair(app: (i32, Option<&str>), proxy: (i32, Option<&str>)) -> StoppedTask {
        let container = |name: &str, (exit_code, reason): (i32, Option<&str>)| StoppedContainer {
            name: name.to_owned(),
            exit_code: Some(exit_code),
            reason: reason.map(str::to_owned),
            ..StoppedContainer::default()
        };
        StoppedTask { containers: vec![container("app", app), container("proxy", proxy)], ..stopped("1f2e") }
    }

    #[test]
    fn a_container_that_ended_by_itself_is_to_blame_and_not_one_that_ecs_killed_then() {
        for (app, proxy, to_blame, told) in [
            ((137, None), (255, None), "proxy", "(proxy exited with 255; app was killed (137))"),
            ((137, None), (0, None), "proxy", "(proxy exited with 0; app was killed (137))"),
            ((1, None), (137, None), "app", "(app exited with 1; proxy was killed (137))"),
            ((143, None), (2, None), "proxy", "(proxy exited with 2)"),
            ((137, None), (143, None), "app", "(app was killed (137))"),
            (
                (137, Some("OutOfMemoryError: Container killed due to memory usage")),
                (1, None),
                "app",
                "(app was killed (137): OutOfMemoryError: Container killed due to memory usage; proxy exited with 1)",
            ),
        ] {
            let task = pair(app, proxy);
            assert_eq!(task.culprit().map(|it| it.name.as_str()), Some(to_blame), "{app:?} {proxy:?}");
            assert!(task.to_string().ends_with(told), "{task}");
        }
    }

    #[test]
    fn a_task_whose_containers_exit_with_0_has_done_its_work() {
        assert!(pair((0, None), (143, None)).exited_cleanly());
        assert!(pair((0, None), (0, None)).exited_cleanly());
        assert!(!pair((0, None), (1, None)).exited_cleanly());
        assert!(!pair((0, None), (137, None)).exited_cleanly(), "it may have been killed for its memory");
        assert!(!pair((143, None), (143, None)).exited_cleanly());
        let pulled = StoppedTask { stop_code: Some("TaskFailedToStart".to_owned()), ..stopped("1f2e") };
        assert!(!pulled.exited_cleanly());
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
}
