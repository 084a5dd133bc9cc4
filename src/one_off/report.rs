//! What a one-off task came to.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::evidence::Evidence;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::TaskEnd;

/// What `evenkeel run` came to.
#[derive(Debug)]
pub struct TaskReport {
    /// The outcome.
    pub outcome: TaskOutcome,
    /// The cluster and the service, as they were named; nothing where the command line was not understood.
    pub service: Option<(String, String)>,
    /// The revision of the task, once it is known.
    pub revision: Option<TaskDefinitionArn>,
    /// The task's ARN, once it was started.
    pub task: Option<String>,
    /// The container that is watched, once it is known.
    pub container: Option<String>,
    /// How the task ended, if it did.
    pub end: Option<TaskEnd>,
    /// From the first call to the end of the container.
    pub duration: Duration,
    /// Why it is not what was asked for.
    pub failure: Option<Failure>,
    /// The task and the end of its log, if it failed.
    pub evidence: Evidence,
    /// What the user should know besides.
    pub warnings: Vec<String>,
}

/// How a one-off task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOutcome {
    /// Its container ended by itself with 0.
    Succeeded,
    /// Its container ended otherwise or never ran, or the task was not started.
    Failed,
    /// It was not started or did not end in time.
    TimedOut,
    /// A signal ended the command first.
    Interrupted,
}

impl TaskReport {
    /// The report of a command that was refused.
    #[must_use]
    pub fn refused(failure: Failure) -> Self {
        Self {
            outcome: TaskOutcome::of(Some(&failure)),
            service: None,
            revision: None,
            task: None,
            container: None,
            end: None,
            duration: Duration::ZERO,
            failure: Some(failure),
            evidence: Evidence::default(),
            warnings: Vec::new(),
        }
    }

    /// The process's exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        self.failure.as_ref().map_or(0, |failure| failure.kind().exit_status())
    }

    /// What the watched container exited with, also where its task was stopped; nothing if it never ran or has not ended.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        let of_stopped_task = || {
            let mut containers = self.evidence.tasks.iter().flat_map(|task| &task.containers);
            containers.find(|it| Some(&it.name) == self.container.as_ref())?.exit_code
        };
        match self.end {
            Some(TaskEnd::Exited(code)) => Some(code),
            Some(TaskEnd::Stopped | TaskEnd::TimedOut) => of_stopped_task(),
            Some(TaskEnd::NeverRan | TaskEnd::Forgotten | TaskEnd::NotLaunched(_)) | None => None,
        }
    }

    /// The status that the container ended with, if it ended by itself with one that a process can pass on: what is above
    /// 125 is the shell's.
    #[must_use]
    pub fn container_status(&self) -> Option<u8> {
        match self.end {
            Some(TaskEnd::Exited(code)) => u8::try_from(code).ok().filter(|code| *code <= 125),
            Some(
                TaskEnd::NeverRan
                | TaskEnd::Stopped
                | TaskEnd::TimedOut
                | TaskEnd::Forgotten
                | TaskEnd::NotLaunched(_),
            )
            | None => None,
        }
    }
}

impl TaskOutcome {
    /// The outcome of a command that ended with this failure, or with none.
    #[must_use]
    pub fn of(failure: Option<&Failure>) -> Self {
        match failure.map(Failure::kind) {
            None => Self::Succeeded,
            Some(FailureKind::TimedOut) => Self::TimedOut,
            Some(FailureKind::Interrupted | FailureKind::Terminated) => Self::Interrupted,
            Some(
                FailureKind::Usage
                | FailureKind::InvalidInput
                | FailureKind::Denied
                | FailureKind::Unreadable
                | FailureKind::RolloutFailed
                | FailureKind::Superseded
                | FailureKind::Unavailable
                | FailureKind::Bug,
            ) => Self::Failed,
        }
    }

    /// The word for it: part of the contract, scripts depend on it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
        }
    }
}
