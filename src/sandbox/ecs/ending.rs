//! How the tasks of a rollout end that goes wrong, as data: one mechanism plays them all.

use super::rollout::RolloutOutcome;

/// How a task ends.
///
/// In its texts `{image}` is the first container's image, `{target-group}` and `{port}` are the
/// service's load balancer's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) stop_code: &'static str,
    pub(super) stopped_reason: &'static str,
    /// The status of the container that ended it, if any ran; the others end with that of SIGTERM.
    pub(super) exit_code: Option<i32>,
    pub(super) container_reason: Option<&'static str>,
    pub(super) reach: Reach,
    /// Whether it counts as a failed task. One that ran and then exited does not: "Failed tasks" of
    /// a deployment are those that never got to `RUNNING`, or failed their health checks there.
    pub(super) counts: bool,
    /// What the service's events tell of it.
    pub(super) event: Option<&'static str>,
}

/// How far a task gets before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// No container is ever created.
    Nothing,
    /// Its containers start, but it is over before it counts as `RUNNING`.
    Start,
    /// It is `RUNNING` for a while.
    Run,
}

/// The end of a task that there is no use for any more.
pub(super) const SIGTERM: i32 = 143;

const CRASH: Ending = Ending {
    stop_code: "EssentialContainerExited",
    stopped_reason: "Essential container in task exited",
    exit_code: Some(1),
    container_reason: None,
    reach: Reach::Start,
    counts: true,
    event: None,
};

const CRASH_AFTER_START: Ending = Ending { reach: Reach::Run, counts: false, ..CRASH };

const OUT_OF_MEMORY: Ending = Ending {
    exit_code: Some(137),
    container_reason: Some("OutOfMemoryError: Container killed due to memory usage"),
    ..CRASH
};

const CANNOT_PULL: Ending = Ending {
    stop_code: "TaskFailedToStart",
    stopped_reason: "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                     {image}: not found",
    exit_code: None,
    reach: Reach::Nothing,
    ..CRASH
};

const NO_SECRET: Ending = Ending {
    stopped_reason: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                     retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): \
                     failed to fetch secret from secrets manager: ResourceNotFoundException: Secrets Manager can't \
                     find the specified secret.",
    ..CANNOT_PULL
};

const UNHEALTHY: Ending = Ending {
    stop_code: "ServiceSchedulerInitiated",
    stopped_reason: "Task failed ELB health checks in (target-group {target-group})",
    exit_code: Some(SIGTERM),
    reach: Reach::Run,
    event: Some(
        "(port {port}) is unhealthy in (target-group {target-group}) due to (reason Health checks failed with these \
         codes: [502]).",
    ),
    ..CRASH
};

impl RolloutOutcome {
    /// How every new task ends, if that is what the outcome is.
    pub(super) fn ending(self) -> Option<&'static Ending> {
        match self {
            Self::Crash => Some(&CRASH),
            Self::CrashAfterStart => Some(&CRASH_AFTER_START),
            Self::OutOfMemory => Some(&OUT_OF_MEMORY),
            Self::CannotPull => Some(&CANNOT_PULL),
            Self::NoSecret => Some(&NO_SECRET),
            Self::Unhealthy => Some(&UNHEALTHY),
            Self::Ok
            | Self::Flaky
            | Self::Stuck
            | Self::Superseded
            | Self::Unplaceable
            | Self::PlacedLate
            | Self::Alarm => None,
        }
    }

    /// How one new task ends before all goes well.
    pub(super) fn first_ending(self) -> Option<&'static Ending> {
        if self == Self::Flaky { Self::CannotPull.ending() } else { None }
    }
}
