//! A token of ours that ECS knows from another request.

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::{OneOffTask, SHOWN_AFTER, TaskPhase};
use evenkeel_core::ports::OneOffTasks;
use evenkeel_core::timestamp::Timestamp;

use super::OneOff;

impl OneOff {
    /// The task that another request with our token started, if it is the one that was asked for: the settings of the
    /// service may have changed since. Nothing while ECS may not describe it yet.
    ///
    /// # Errors
    /// Those of `DescribeTasks`, and a task that runs something else or is forgotten.
    pub(super) async fn conflicting<E: OneOffTasks>(
        &self,
        ecs: &E,
        now: Timestamp,
        tasks: &[String],
    ) -> Result<Option<OneOffTask>, Failure> {
        let mut is_missing = tasks.is_empty();
        for task in tasks {
            match ecs.one_off_task(&self.request.cluster, task).await? {
                Some(shown) if shown.is_of(&self.request) => return Ok(Some(shown)),
                Some(_) => {}
                None => is_missing = true,
            }
        }
        let is_new = matches!(self.phase, TaskPhase::Starting { sent: Some(sent), .. } if now.since(sent) < SHOWN_AFTER);
        if is_missing && is_new {
            return Ok(None);
        }
        let revision = self.request.revision.family_and_revision();
        let what = if is_missing {
            format!("a one-off task of {revision} was started for this step, but ECS does not describe it")
        } else {
            format!("a one-off task of {revision} was started for this step, but it runs something else")
        };
        Err(Failure::new(FailureKind::RolloutFailed, what)
            .because(format!("ECS names {}", tasks.join(", ")))
            .advice("Start the action or the build anew"))
    }
}
