//! How the tasks of a rollout end that goes wrong, as data: one mechanism plays them all.

use super::rollout::RolloutOutcome;

/// How a task ends.
///
/// In its texts `{image}` is the first container's image, `{target-group}` and `{port}` are the
/// service's load balancer's, and in an event `{reason}` is the stopped reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) stop_code: &'static str,
    pub(super) stopped_reason: &'static str,
    /// The status of the container that ended it, if any ran.
    pub(super) exit_code: Option<i32>,
    /// The status of its other containers then.
    pub(super) others: i32,
    /// Whether its last container ended it, rather than its first one.
    pub(super) by_last: bool,
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

/// The status of a container that is stopped, and that of one that does not stop in time.
pub(super) const SIGTERM: i32 = 143;
pub(super) const SIGKILL: i32 = 137;

const CRASH: Ending = Ending {
    stop_code: "EssentialContainerExited",
    stopped_reason: "Essential container in task exited",
    exit_code: Some(1),
    others: SIGTERM,
    by_last: false,
    container_reason: None,
    reach: Reach::Start,
    counts: true,
    event: None,
};

const CRASH_AFTER_START: Ending = Ending { reach: Reach::Run, counts: false, ..CRASH };

/// An essential side-car ends, and ECS kills the application.
const SIDECAR: Ending = Ending { exit_code: Some(255), others: SIGKILL, by_last: true, ..CRASH_AFTER_START };

/// A task that has done its work.
const DONE: Ending = Ending { exit_code: Some(0), ..CRASH_AFTER_START };

pub(super) const OUT_OF_MEMORY: Ending = Ending {
    exit_code: Some(137),
    container_reason: Some("OutOfMemoryError: Container killed due to memory usage"),
    ..CRASH
};

pub(super) const CANNOT_PULL: Ending = Ending {
    stop_code: "TaskFailedToStart",
    stopped_reason: "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                     {image}: not found",
    exit_code: None,
    reach: Reach::Nothing,
    // ECS words it as a failed placement, although the task had its place.
    event: Some("was unable to place a task. Reason: {reason}."),
    ..CRASH
};

const NO_SECRET: Ending = Ending {
    stopped_reason: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                     retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): \
                     failed to fetch secret from secrets manager: ResourceNotFoundException: Secrets Manager can't \
                     find the specified secret.",
    event: Some("was unable to place a task. Reason: {reason}"),
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

/// How every new task ends, by the outcomes that this is true of.
const ENDINGS: [(RolloutOutcome, &Ending); 9] = [
    (RolloutOutcome::Crash, &CRASH),
    (RolloutOutcome::CrashTwice, &CRASH),
    (RolloutOutcome::SidecarExits, &SIDECAR),
    (RolloutOutcome::CrashAfterStart, &CRASH_AFTER_START),
    (RolloutOutcome::OutOfMemory, &OUT_OF_MEMORY),
    (RolloutOutcome::CannotPull, &CANNOT_PULL),
    (RolloutOutcome::ImageMissing, &CANNOT_PULL),
    (RolloutOutcome::NoSecret, &NO_SECRET),
    (RolloutOutcome::Unhealthy, &UNHEALTHY),
];

/// How many new tasks end, and how, before all goes well. So many short jobs would be enough for a crash loop, if
/// they were one.
const FIRST_ENDINGS: [(RolloutOutcome, (usize, &Ending)); 2] =
    [(RolloutOutcome::Flaky, (1, &CANNOT_PULL)), (RolloutOutcome::ShortJobs, (6, &DONE))];

impl RolloutOutcome {
    /// How every new task ends, if that is what the outcome is.
    pub(super) fn ending(self) -> Option<&'static Ending> {
        of(self, &ENDINGS)
    }

    /// How many new tasks end, and how, before all goes well.
    pub(super) fn first_endings(self) -> Option<(usize, &'static Ending)> {
        of(self, &FIRST_ENDINGS)
    }
}

fn of<T: Copy>(outcome: RolloutOutcome, table: &[(RolloutOutcome, T)]) -> Option<T> {
    table.iter().find(|(it, _)| *it == outcome).map(|(_, value)| *value)
}
