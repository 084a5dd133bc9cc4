//! What a one-off task does, as a test or a console asks for it.

use std::time::Duration;

/// What the tasks that `RunTask` starts do.
///
/// The watched container is the one whose command the request overrides, or else the first one that it overrides, or else
/// the definition's first one. All others run until they are stopped. A container ends two seconds after its `SIGTERM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskScript {
    /// From the creation of the task until its containers start: half of it in `PROVISIONING` and half in `PENDING`. A
    /// task that fails to start fails then.
    pub starts_after: Duration,
    /// From the start of the containers until the ending.
    pub runs_for: Duration,
    /// How the task ends.
    pub ending: TaskEnding,
    /// What the watched container writes by `awslogs`: how long after its start, and the line. It writes nothing after it
    /// has ended.
    pub log: Vec<(Duration, String)>,
}

/// How a one-off task ends, if `StopTask` does not end it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEnding {
    /// The watched container exits with this status. If it is essential, ECS stops the other containers and the task.
    /// Otherwise the task goes on until it is stopped.
    Exits(i32),
    /// No container ever starts, because the image of the watched one is not found.
    CannotPull,
    /// No container ever starts, because the execution role may not read a secret.
    SecretDenied,
    /// Another essential container exits with this status. The watched one ignores its `SIGTERM` and is killed when its
    /// `stopTimeout` is over. In a definition without another essential container the watched one exits.
    SidecarExits(i32),
    /// The Spot capacity of the task is taken away.
    SpotInterruption,
    /// The watched container uses more memory than it has, and is killed.
    OutOfMemory,
    /// The containers run until they are stopped.
    NeverEnds,
}

/// A task that starts after 5 seconds, writes nothing and exits with status 0 after 10 more.
impl Default for TaskScript {
    fn default() -> Self {
        Self {
            starts_after: Duration::from_secs(5),
            runs_for: Duration::from_secs(10),
            ending: TaskEnding::default(),
            log: Vec::new(),
        }
    }
}

impl Default for TaskEnding {
    fn default() -> Self {
        Self::Exits(0)
    }
}
