//! Which of its two views of a rollout ECS is asked for next.
//!
//! One call a poll is enough. While tasks start, the service tells most: which tasks failed, and why. Once all of them
//! run, the service deployment does: its stages, and its status, which may be final before the service's own state is.

use super::crash_loop::has_replaced_tasks;
use super::rollout::{Observation, Rollout, is_decided_by_list, rolling_back};
use super::service::{Deployment, DeploymentId, RolloutState, Service};
use super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};

/// What one poll describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollTarget {
    /// The service.
    Service,
    /// The service deployment.
    ServiceDeployment,
}

/// What to describe next, by what was seen last.
#[must_use]
pub fn poll_target(rollout: &Rollout, seen: &Observation) -> PollTarget {
    let (Some(known), Some(id)) = (&seen.service_deployment, &rollout.deployment) else {
        return PollTarget::Service;
    };
    let service = &seen.service;
    if known.status != ServiceDeploymentStatus::InProgress || !goes_on(id, service) {
        return PollTarget::ServiceDeployment;
    }
    let mine = service.deployment(id);
    let is_failing = mine.is_some_and(|mine| has_replaced_tasks(mine, service));
    // Only the service tells of the next failure, and only the service deployment of a success before all tasks run.
    let is_early = service.strategy.succeeds_early && !is_failing;
    let is_told_by_service = is_failing && !service.strategy.is_staged;
    if is_early || !is_told_by_service && mine.is_some_and(|mine| all_run(mine, service)) {
        PollTarget::ServiceDeployment
    } else {
        PollTarget::Service
    }
}

/// Whether the service shows the deployment in progress, and nothing else.
#[must_use]
pub fn goes_on(id: &DeploymentId, service: &Service) -> bool {
    service.deployment(id).is_some_and(|mine| {
        let is_in_progress = match mine.rollout {
            RolloutState::InProgress => true,
            // ECS reports the state of rolling updates only.
            RolloutState::Unreported => service.strategy.is_staged,
            RolloutState::Completed | RolloutState::Failed => false,
        };
        mine.primary && is_in_progress && service.live() == Some(&mine.task_definition)
    })
}

/// Whether the service shows a decision about the deployment `id` that `before` did not show, and that the service
/// deployment confirms or explains: which deployment is PRIMARY, and how far it and ours are.
#[must_use]
pub fn has_turned(id: &DeploymentId, before: &Service, now: &Service) -> bool {
    if says_enough(id, now) {
        return false;
    }
    let gist = |service: &Service| {
        let primary = service.primary().map(|primary| (primary.id.clone(), primary.rollout));
        (primary, service.deployment(id).map(|mine| mine.rollout), service.deployments.len())
    };
    gist(before) != gist(now)
}

/// Whether the service needs no service deployment to confirm what it says of the deployment `id`: how it ended, where
/// nothing but tasks decides that, or that ECS has begun to go back, which is no end.
fn says_enough(id: &DeploymentId, service: &Service) -> bool {
    service.deployment(id).is_some_and(|mine| is_decided_by_list(mine, service))
        || rolling_back(id, service).is_some()
}

/// Whether the service deployment shows that tasks have failed since `before`.
#[must_use]
pub fn has_lost_tasks(before: &ServiceDeployment, now: &ServiceDeployment) -> bool {
    let started = |seen: &ServiceDeployment| seen.tasks.running + seen.tasks.pending;
    let failures = |seen: &ServiceDeployment| seen.breaker.map_or(0, |(failures, _)| failures);
    started(now) < started(before) || failures(now) > failures(before)
}

/// Whether all the tasks of `deployment` run, of those that it is to have.
#[must_use]
pub fn all_run(deployment: &Deployment, service: &Service) -> bool {
    deployment.running >= service.wanted(deployment) && deployment.pending == 0
}

#[cfg(test)]
mod tests;
