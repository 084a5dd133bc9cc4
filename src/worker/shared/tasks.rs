//! Tasks that end with their owner.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;

/// Tasks that end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct TaskSet(Mutex<JoinSet<()>>);

impl TaskSet {
    /// Starts a task. Must be called inside a tokio runtime.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are let go of; whoever waited for one that panicked learns of it.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
