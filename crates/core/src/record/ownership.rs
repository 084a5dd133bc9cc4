//! Who may write the record: ECS decides who is live, not who wrote first.

use super::super::arn::TaskDefinitionArn;
use super::super::service::{DeploymentId, Service};

/// What a run may do to the record when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The run's revision is live: it is recorded.
    Mine,
    /// Another deployment replaced the run's: the record is left to that one.
    Superseded,
    /// The run brought nothing: its mark is taken back.
    TakeBack,
}

/// Decides from what the run brought (the revision and the deployment that this replaced) and from what the
/// service runs.
///
/// A response of ECS may be older than the run's own update; then it shows the deployment that was replaced.
#[must_use]
pub fn ownership(
    brought: Option<&TaskDefinitionArn>,
    replaced: Option<&DeploymentId>,
    service: &Service,
) -> Ownership {
    let Some(brought) = brought else { return Ownership::TakeBack };
    match service.primary() {
        Some(primary) if primary.task_definition == *brought || Some(&primary.id) == replaced => {
            Ownership::Mine
        }
        Some(_) => Ownership::Superseded,
        None => Ownership::Mine,
    }
}
