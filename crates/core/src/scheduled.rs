//! Scheduled tasks: tasks that a rule of Amazon EventBridge or a schedule of Amazon EventBridge Scheduler starts, and that
//! follow the image of a service of their family.
//!
//! # Guarantees
//! * A target and a schedule travel as raw JSON: of all their members one string changes. `PutTargets` and
//!   `UpdateSchedule` replace the whole, so what is left out would be lost (EventBridge API reference, `PutTargets`;
//!   EventBridge Scheduler API reference, `UpdateSchedule`).
//! * What to do is decided from what the target names, and from nothing that was remembered: a run that looks again and finds
//!   the live revision has nothing left to do.

mod also;
mod named;
mod planned;
mod target;

use crate::words::words;

/// What an account's first event bus and first group of schedules are called.
pub(crate) const DEFAULT: &str = "default";

pub use also::Also;
pub use named::NamedDefinition;
pub use planned::{PlannedMove, PlannedMoves};
pub use target::{Rule, ScheduledTask, TaskPlace, rule_name};

words! {
    /// What became of a scheduled task when a deployment ended.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum MoveOutcome {
        /// It starts the live revision from now on.
        Moved = "moved",
        /// It started the live revision already.
        Current = "current",
        /// It stays as it was, because the deployment did not end well or another one is live.
        Left = "left",
        /// It could not be moved.
        Failed = "failed",
    }
}

#[cfg(test)]
mod tests;
