//! One-off tasks: a command that runs once in a container of a revision, beside the service's own tasks.
//!
//! # Guarantees
//! * One task for each revision, step and execution: the client token of `RunTask` is a hash of them, and ECS starts one
//!   task for a token as long as that task lives and an hour after (Amazon ECS developer guide, "Ensuring idempotency").
//!   A new attempt, with another token, is made only where ECS said that it started nothing.
//! * A task that ECS has forgotten is not started again.

mod command;
mod course;
mod identity;
mod launch;
mod shown;
mod steps;

use crate::words::words;

pub use command::{TaskCommand, parse_variable};
pub use course::{Patience, SHOWN_AFTER, TaskEnd, TaskPhase, Turn};
pub use identity::{ExecutionId, started_by};
pub use launch::{CapacityProvider, Compute, Launched, Network, NotLaunched, TaskRequest, TaskSettings};
pub use shown::{OneOffTask, Override, TaskStatus, reason_to_stop_side_cars};
pub use steps::{Steps, StepsProgress};

words! {
    /// When a one-off task of a deployment runs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Step {
        /// On the new revision, before a service is updated.
        Before = "before",
        /// On the new revision, when the rollouts of all services have completed.
        After = "after",
    }
}

#[cfg(test)]
mod tests;
