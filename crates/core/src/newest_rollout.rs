//! The newest rollout of a service, anybody's.

use super::arn::TaskDefinitionArn;
use super::request::Policy;
use super::rollout::{Observation, Rollout, Verdict, has_completed, judge, rolls_back};
use super::service::{Deployment, DeploymentId, RolloutState, Service};
use super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use super::timestamp::Timestamp;

/// The newest rollout of `service` by its list of deployments; none where it has no deployment. While ECS rolls one back,
/// that one.
#[must_use]
pub fn newest_rollout(service: &Service) -> Option<Rollout> {
    let primary = service.primary()?;
    let others = service.deployments.iter().filter(|other| !other.primary);
    let other = others.max_by_key(|other| other.created);
    // A rollback makes the former deployment PRIMARY again, or makes a new one that says so.
    let is_rolled_back = |other: &&Deployment| rolls_back(primary) || other.created > primary.created;
    Some(match other.filter(is_rolled_back) {
        Some(failed) => rolled_back(service, failed.id.clone(), failed.task_definition.clone()),
        None => Rollout {
            revision: primary.task_definition.clone(),
            deployment: Some(primary.id.clone()),
            replaced: other.map(|former| former.id.clone()),
            since: Timestamp::default(),
        },
    })
}

/// The rollout of `revision` by the deployment `id`, which ECS rolls back or has rolled back.
#[must_use]
pub fn rolled_back(service: &Service, id: DeploymentId, revision: TaskDefinitionArn) -> Rollout {
    // Without ECS's own words on it, a rollback is known by the deployment that is PRIMARY again.
    let primary = service.primary().filter(|primary| !rolls_back(primary));
    let replaced = primary.map(|primary| primary.id.clone());
    Rollout { revision, deployment: Some(id), replaced, since: Timestamp::default() }
}

/// The deployment that `record` tells the rollback of, if it tells of one.
#[must_use]
pub fn deployment_rolled_back(record: &ServiceDeployment) -> Option<DeploymentId> {
    let is_rollback = matches!(
        record.status,
        ServiceDeploymentStatus::RollingBack
            | ServiceDeploymentStatus::RolledBack
            | ServiceDeploymentStatus::RollbackFailed
    );
    is_rollback.then(|| DeploymentId::of_service_revision(&record.target))?
}

/// Whether `rollout` still goes on, or is being rolled back, by what was seen at `now`.
#[must_use]
pub fn is_under_way(rollout: &Rollout, seen: &Observation, now: Timestamp, policy: &Policy) -> bool {
    match judge(rollout, seen, now, policy) {
        Verdict::InProgress | Verdict::Failing(_) | Verdict::RollingBack(_) => true,
        // The list alone shows a rollback before the former revision's tasks run again.
        Verdict::Completed
        | Verdict::RolledBack(_)
        | Verdict::Failed(_)
        | Verdict::Superseded(_)
        | Verdict::Stopped(_) => seen.service_deployment.is_none() && !is_settled(&seen.service),
    }
}

/// Whether ECS no longer works at the PRIMARY deployment.
fn is_settled(service: &Service) -> bool {
    let is_over =
        |primary: &Deployment| primary.rollout == RolloutState::Failed || has_completed(primary, service);
    service.primary().is_none_or(is_over)
}

#[cfg(test)]
mod tests;
