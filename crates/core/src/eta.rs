//! How soon a rollout can end, and what to look at for it.
//!
//! A look is a call. So ECS is asked rarely while nothing can end, and quickly when the end is near:
//! while tasks come up, the service tells most (counts, failures, events); once they all run, the
//! service deployment does (its status).

use std::time::Duration;

use super::rollout::{Observation, Rollout};
use super::service::{Deployment, DeploymentId, RolloutState, Service, Watchdog};
use super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};

/// How soon a rollout can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eta {
    /// Not before tasks have come up, a stage is over, or somebody lets it go on.
    Far,
    /// The new tasks run; the old ones still do, too.
    Halfway,
    /// Not before the bake time, of which this is the whole, is over.
    Baking(Duration),
    /// Any moment.
    Near,
}

/// What a look is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The service.
    Service,
    /// Our service deployment.
    Record,
    /// Both.
    Both,
}

/// How soon `rollout` can end, by what was seen last.
#[must_use]
pub fn eta(rollout: &Rollout, seen: &Observation) -> Eta {
    let Some(id) = &rollout.deployment else { return Eta::Near };
    let service = &seen.service;
    let record = seen.service_deployment.as_ref();
    if let Some(record) = record
        && record.status == ServiceDeploymentStatus::InProgress
        && service.strategy.is_staged
    {
        return staged(record, service);
    }
    match service.deployment(id) {
        Some(mine) if mine.primary => placed(mine, record, service),
        // It is put back, or another one takes its place.
        Some(_) | None => match service.primary() {
            Some(primary) => match placed(primary, None, service) {
                // What goes back has been baked before.
                Eta::Baking(_) => Eta::Near,
                soon @ (Eta::Far | Eta::Halfway | Eta::Near) => soon,
            },
            None => Eta::Near,
        },
    }
}

/// What to look at next.
#[must_use]
pub fn subject(rollout: &Rollout, seen: &Observation) -> Subject {
    let service = &seen.service;
    let mine = rollout.deployment.as_ref().and_then(|id| service.deployment(id));
    let followed = mine.filter(|mine| mine.primary).or(service.primary());
    let all_run = followed.is_some_and(|followed| all_run(followed, service));
    match &seen.service_deployment {
        None => Subject::Service,
        Some(_) if all_run => Subject::Record,
        // The service goes on although the record calls it a success.
        Some(_) if service.strategy.is_staged || service.strategy.succeeds_early => Subject::Both,
        Some(_) => Subject::Service,
    }
}

/// Whether the service shows the deployment going on, and nothing else: then its record can say
/// nothing more.
#[must_use]
pub fn goes_on(id: &DeploymentId, service: &Service) -> bool {
    service.deployment(id).is_some_and(|mine| {
        mine.primary
            && mine.rollout == RolloutState::InProgress
            && service.live() == Some(&mine.task_definition)
    })
}

fn staged(record: &ServiceDeployment, service: &Service) -> Eta {
    if !record.pauses.is_empty() {
        return Eta::Far;
    }
    match record.stage.as_deref() {
        Some("BAKE_TIME") => baking(service),
        Some("CLEAN_UP") => Eta::Near,
        Some("PRODUCTION_TRAFFIC_SHIFT" | "POST_PRODUCTION_TRAFFIC_SHIFT") => Eta::Halfway,
        Some(_) | None => Eta::Far,
    }
}

fn placed(deployment: &Deployment, record: Option<&ServiceDeployment>, service: &Service) -> Eta {
    if is_failing(deployment, record) {
        return Eta::Near;
    }
    if !all_run(deployment, service) {
        return Eta::Far;
    }
    let others = service.deployments.iter().filter(|other| other.id != deployment.id);
    let is_alone = others.map(|other| other.running).sum::<u32>() == 0
        || record.is_some_and(|record| record.replaced_running == 0);
    if is_alone { baking(service) } else { Eta::Halfway }
}

fn all_run(deployment: &Deployment, service: &Service) -> bool {
    deployment.running >= service.wanted(deployment) && deployment.pending == 0
}

/// One or two more failed tasks end it.
fn is_failing(deployment: &Deployment, record: Option<&ServiceDeployment>) -> bool {
    let counted = record.and_then(|record| record.breaker);
    let (failed, threshold) = counted.unwrap_or((deployment.failed, 3));
    failed.max(deployment.failed) + 2 > threshold && failed.max(deployment.failed) > 0
}

fn baking(service: &Service) -> Eta {
    // An alarm that only stops the deployment ends it at any moment of the bake time; one that puts
    // the service back begins something that takes its time.
    if service.strategy.bake_time.is_zero() || service.guard.alarms == Watchdog::Stops {
        Eta::Near
    } else {
        Eta::Baking(service.strategy.bake_time)
    }
}

#[cfg(test)]
mod tests;
