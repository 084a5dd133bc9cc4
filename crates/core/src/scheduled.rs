//! Scheduled tasks: tasks that a rule of Amazon EventBridge or a schedule of Amazon EventBridge Scheduler starts, and that
//! follow the image of a service of their family.
//!
//! # Guarantees
//! * A target and a schedule travel as raw JSON: of all their members one string changes. `PutTargets` and
//!   `UpdateSchedule` replace the whole, so what is left out would be lost (EventBridge API reference, `PutTargets`;
//!   EventBridge Scheduler API reference, `UpdateSchedule`).
//! * What to do is decided from what the target names, and from nothing that was remembered: whoever looks again and finds
//!   the live revision has nothing left to do.

mod also;
mod named;
mod planned;
mod target;

pub use also::Also;
pub use named::NamedDefinition;
pub use planned::{PlannedMove, PlannedMoves};
pub use target::{Rule, ScheduledTask, TaskPlace, rule_name};

#[cfg(test)]
mod tests;
