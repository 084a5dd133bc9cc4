//! A service revision: what a service deployment rolls out.

use evenkeel_core::timestamp::Timestamp;

/// A definition as a service runs it.
#[derive(Debug, Clone)]
pub(super) struct ServiceRevision {
    pub(super) number: u64,
    pub(super) task_definition: String,
    pub(super) created: Timestamp,
    /// When ECS asked the registry for the images' digests, if it has.
    pub(super) resolved: Option<Timestamp>,
}

impl ServiceRevision {
    pub(super) fn new(number: u64, task_definition: &str, at: Timestamp) -> Self {
        Self { number, task_definition: task_definition.to_owned(), created: at, resolved: None }
    }
}
