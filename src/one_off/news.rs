//! The news of a one-off task while it runs.

use evenkeel_core::one_off::{NotLaunched, TaskEnd, TaskRequest};

/// Something about a one-off task that a user who watches wants to know.
#[derive(Debug)]
pub enum TaskNews<'a> {
    /// It waits for a task of the same service that another execution runs.
    WaitsFor {
        /// The other task's id.
        task: &'a str,
    },
    /// ECS has started nothing, and is asked again.
    NotLaunched(&'a NotLaunched),
    /// It was started.
    Started {
        /// What it runs.
        request: &'a TaskRequest,
        /// Its id.
        task: &'a str,
    },
    /// Its containers run.
    Runs,
    /// Its container logged a line.
    Logged {
        /// The container.
        container: &'a str,
        /// The line.
        line: &'a str,
    },
    /// It goes on, or is still waited for.
    GoesOn,
    /// It is over.
    Ended {
        /// What it ran.
        request: &'a TaskRequest,
        /// How.
        end: &'a TaskEnd,
    },
    /// Something that the user should know besides.
    Warning(&'a str),
}

/// Whoever wants to know.
pub(crate) type TaskListener<'a> = dyn FnMut(TaskNews<'_>) + Send + 'a;
