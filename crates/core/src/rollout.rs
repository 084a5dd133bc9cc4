//! How a rollout stands: one snapshot of one's own deployment, judged.
//!
//! A service deployment is ECS's own record and decides where it is readable. Else the classic
//! `deployments` of the service decide, and the service's events tell a rollback from a takeover.

use std::time::Duration;

use super::arn::TaskDefinitionArn;
use super::crash_loop::{TaskCensus, crash_loop};
use super::placement::{Departures, unplaceable};
use super::request::Policy;
use super::service::{
    Deployment, DeploymentId, RolloutState, Service, ServiceEvent, ServiceRevision, Watchdog,
};
use super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use super::timestamp::Timestamp;

/// How long a read may lag behind our own write before its word is taken.
///
/// The ECS API reference tells callers to allow for up to five minutes of eventual consistency.
pub const CONSISTENCY_GRACE: Duration = Duration::from_secs(5 * 60);

/// What was seen of a service. Its parts are looked at in turns, each when it can tell something new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The service.
    pub service: Service,
    /// Our service deployment, where it is readable.
    pub service_deployment: Option<ServiceDeployment>,
    /// What our service deployment runs, once its tasks ran and that was read.
    pub revision: Option<ServiceRevision>,
    /// Our deployment's tasks, where there was a reason to look at them.
    pub tasks: TaskCensus,
    /// The tasks of former deployments, where ECS cannot place ours.
    pub departures: Departures,
}

impl Observation {
    /// What is known from the service alone, as the answer to an update tells it.
    #[must_use]
    pub fn of(service: Service) -> Self {
        Self {
            service,
            service_deployment: None,
            revision: None,
            tasks: TaskCensus::Unread,
            departures: Departures::Unread,
        }
    }

    /// Takes in a newer look at our service deployment, which also tells how many tasks there are.
    pub fn take_record(&mut self, id: &DeploymentId, record: ServiceDeployment) {
        if let Some(mine) = self.service.deployments.iter_mut().find(|deployment| deployment.id == *id) {
            mine.desired = record.tasks.requested;
            mine.running = record.tasks.running;
            mine.pending = record.tasks.pending;
        }
        self.service_deployment = Some(record);
    }
}

/// The rollout that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// The revision that it brings.
    pub revision: TaskDefinitionArn,
    /// Its deployment, once ECS has shown it.
    pub deployment: Option<DeploymentId>,
    /// The deployment that was PRIMARY before it.
    pub replaced: Option<DeploymentId>,
    /// When its time-out began, by AWS's clock: when ECS made the deployment, or when it was joined.
    pub since: Timestamp,
}

impl Rollout {
    /// The same revision's rollout by the deployment `id`: the one that ECS shows for ours, or a newer one.
    #[must_use]
    pub fn followed_by(self, id: DeploymentId) -> Self {
        // A response from before the newer deployment shows ours, which is no rollback.
        let replaced = if self.deployment.is_some() { self.deployment } else { self.replaced };
        Self { deployment: Some(id), replaced, ..self }
    }
}

/// How a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    InProgress,
    /// It reached its end: this deployment, this revision.
    Completed,
    /// ECS goes on, but it will not come to a good end. Says why.
    Failing(String),
    /// ECS gave up and goes back to nothing. Says why.
    Failed(String),
    /// ECS goes back to the former revision. Says why.
    RollingBack(String),
    /// The service is back on the former revision. Says why.
    RolledBack(String),
    /// Another actor's deployment took its place. Says which.
    Superseded(String),
    /// Somebody stopped it. Says why.
    Stopped(String),
}

/// Judges `rollout` by what was seen at `now`.
#[must_use]
pub fn judge(rollout: &Rollout, seen: &Observation, now: Timestamp, policy: &Policy) -> Verdict {
    let Observation { service, service_deployment, .. } = seen;
    let Some(id) = &rollout.deployment else { return Verdict::InProgress };
    let listed = service.deployment(id);
    // Only the list counts a deployment's failed tasks.
    let failing = || listed.and_then(|mine| failing(mine, seen, now, policy));
    let by_record = service_deployment.as_ref().and_then(|record| judge_record(record, id, rollout, service));
    let decided = listed.filter(|mine| is_decided_by_list(mine, service));
    let by_list =
        decided.and_then(|mine| judge_listed(mine, rollout, service)).or_else(|| rolling_back(id, service));
    match (by_record, by_list, listed) {
        // The service deployment was read before.
        (Some(Verdict::InProgress), Some(verdict), _)
        | (Some(Verdict::RollingBack(_)), Some(verdict @ Verdict::RolledBack(_)), _) => verdict,
        (Some(Verdict::InProgress), None, _) => failing().map_or(Verdict::InProgress, Verdict::Failing),
        (Some(verdict), ..) => verdict,
        (None, _, Some(mine)) if mine.primary || mine.rollout != RolloutState::InProgress => {
            judge_listed(mine, rollout, service)
                .unwrap_or_else(|| failing().map_or(Verdict::InProgress, Verdict::Failing))
        }
        (None, _, listed) => judge_replaced(listed.is_some(), id, rollout, service, now),
    }
}

/// Whether the list of deployments says how `mine` ended, where its word is as good as the service deployment's.
///
/// One that failed is listed while ECS goes back from it, so that the list tells of the rollback as well.
#[must_use]
pub fn is_decided_by_list(mine: &Deployment, service: &Service) -> bool {
    let has_ended = match mine.rollout {
        RolloutState::Completed => mine.primary,
        RolloutState::Failed => true,
        RolloutState::InProgress | RolloutState::Unreported => false,
    };
    service.completes_with_its_tasks() && has_ended
}

/// That ECS goes back from the deployment `id`, where the list shows that, and not yet its end.
pub(super) fn rolling_back(id: &DeploymentId, service: &Service) -> Option<Verdict> {
    service.deployment(id)?;
    let back = service.primary().filter(|primary| primary.id != *id && rolls_back(primary))?;
    let reason = failure_event(service, id).or_else(|| back.reason.clone())?;
    Some(back_on(back, service, reason)).filter(|verdict| matches!(verdict, Verdict::RollingBack(_)))
}

/// Whether `deployment` of `service` has reached its end.
///
/// Where ECS reports no rollout state, it has when all its tasks run and nothing is drained.
#[must_use]
pub fn has_completed(deployment: &Deployment, service: &Service) -> bool {
    match deployment.rollout {
        RolloutState::Completed => true,
        RolloutState::InProgress | RolloutState::Failed => false,
        RolloutState::Unreported => {
            service.deployments.len() == 1
                && deployment.running == service.wanted(deployment)
                && deployment.pending == 0
        }
    }
}

/// The revision of a deployment that came in between, if one did: one that `after`, the answer to
/// our update, lists beside ours and that `before`, the snapshot we planned on, did not know.
#[must_use]
pub fn came_between<'a>(
    before: &Service,
    after: &'a Service,
    mine: &DeploymentId,
) -> Option<&'a TaskDefinitionArn> {
    let stranger =
        |deployment: &&Deployment| deployment.id != *mine && before.deployment(&deployment.id).is_none();
    // ECS lists the newest first; of two made in the same instant the first one counts, which comes last here.
    let newest = after.deployments.iter().rev().filter(stranger).max_by_key(|deployment| deployment.created);
    newest.map(|deployment| &deployment.task_definition)
}

/// A deployment of the very revision that `rollout` brings, which somebody started after ours, as by
/// `aws ecs update-service --force-new-deployment`.
///
/// None once ours has failed: what brings an earlier deployment of the revision back then is a rollback.
#[must_use]
pub fn started_anew<'a>(rollout: &Rollout, seen: &'a Observation) -> Option<&'a Deployment> {
    let id = rollout.deployment.as_ref()?;
    let service = &seen.service;
    let newer = service.primary().filter(|primary| {
        primary.id != *id
            && primary.task_definition == rollout.revision
            && !is_former(primary, rollout)
            && !rolls_back(primary)
    })?;
    let mine = service.deployment(id);
    let is_older =
        mine.is_none_or(|mine| mine.rollout != RolloutState::Failed && mine.created <= newer.created);
    let has_failed = seen.service_deployment.as_ref().is_some_and(|record| {
        record.guard_fired
            || matches!(
                record.status,
                ServiceDeploymentStatus::RollingBack
                    | ServiceDeploymentStatus::RolledBack
                    | ServiceDeploymentStatus::RollbackFailed
            )
    });
    (is_older && !has_failed && failure_event(service, id).is_none()).then_some(newer)
}

/// The verdict of ECS's own record; none for a status that is not known.
fn judge_record(
    record: &ServiceDeployment,
    id: &DeploymentId,
    rollout: &Rollout,
    service: &Service,
) -> Option<Verdict> {
    let reason = || record.reason.clone().or_else(|| failure_event(service, id));
    let say = |fallback: &str| reason().unwrap_or_else(|| fallback.to_owned());
    Some(match record.status {
        ServiceDeploymentStatus::Successful => match service.primary() {
            Some(primary) if primary.id == *id => Verdict::Completed,
            // The service was looked at before the update had got about: it is looked at again.
            Some(primary) if is_former(primary, rollout) => Verdict::InProgress,
            Some(primary) => superseded_by(primary),
            None => Verdict::Completed,
        },
        ServiceDeploymentStatus::RollingBack => {
            let reason = say("ECS goes back to the former revision");
            let back = service.primary().filter(|primary| primary.id != *id);
            let back = back.filter(|primary| rolls_back(primary) || is_former(primary, rollout));
            match back.filter(|primary| primary.rollout == RolloutState::Failed) {
                Some(back) => Verdict::Failed(format!("{reason}; {}", failed_too(back))),
                None => Verdict::RollingBack(reason),
            }
        }
        ServiceDeploymentStatus::RolledBack => {
            Verdict::RolledBack(say("ECS went back to the former revision"))
        }
        ServiceDeploymentStatus::RollbackFailed => {
            Verdict::Failed(say("ECS could not go back to the former revision"))
        }
        ServiceDeploymentStatus::Stopped if record.guard_fired => {
            Verdict::Failed(say("the deployment failed and ECS had nothing to go back to"))
        }
        ServiceDeploymentStatus::Stopped => match service.primary() {
            Some(primary) if primary.id != *id && !is_former(primary, rollout) => superseded_by(primary),
            _ => Verdict::Stopped(say("the deployment was stopped")),
        },
        // While a bake time runs, say, the list may call it completed; the record does not.
        ServiceDeploymentStatus::InProgress => Verdict::InProgress,
        ServiceDeploymentStatus::Unknown => return None,
    })
}

/// The verdict while ECS lists our deployment as the one it works towards, or as one that ended;
/// none while it goes on.
fn judge_listed(mine: &Deployment, rollout: &Rollout, service: &Service) -> Option<Verdict> {
    if mine.rollout == RolloutState::Failed {
        let reason = mine.reason.clone().unwrap_or_else(|| "ECS gave the deployment up".to_owned());
        return Some(match service.primary() {
            // A deployment that takes our place is a new one; the former one can only be gone back to.
            Some(primary) if !mine.primary && (rolls_back(primary) || is_former(primary, rollout)) => {
                back_on(primary, service, reason)
            }
            Some(primary) if !mine.primary => superseded_by(primary),
            _ if service.guard.fired(&reason) == Watchdog::RollsBack => Verdict::RollingBack(reason),
            _ => Verdict::Failed(reason),
        });
    }
    if mine.task_definition != rollout.revision {
        return Some(Verdict::Failed(format!(
            "deployment {} runs {} instead of {}",
            mine.id,
            mine.task_definition.family_and_revision(),
            rollout.revision.family_and_revision()
        )));
    }
    match service.primary() {
        _ if !has_completed(mine, service) => None,
        Some(primary) if !mine.primary => Some(superseded_by(primary)),
        _ => Some(Verdict::Completed),
    }
}

/// The verdict when another deployment is PRIMARY: ours is drained, or gone from the list.
fn judge_replaced(
    listed: bool,
    id: &DeploymentId,
    rollout: &Rollout,
    service: &Service,
    now: Timestamp,
) -> Verdict {
    let Some(primary) = service.primary() else { return Verdict::InProgress };
    let failure = failure_event(service, id);
    // The former deployment may keep ECS's words on an earlier rollback to it.
    let is_old = !listed && is_former(primary, rollout) && primary.rollout == RolloutState::Completed;
    if failure.is_some() || rolls_back(primary) && !is_old {
        let reason = failure.or_else(|| primary.reason.clone());
        let reason = reason.unwrap_or_else(|| "ECS went back to the former revision".to_owned());
        return back_on(primary, service, reason);
    }
    if is_former(primary, rollout) {
        // Either an answer from before our update, or somebody put the old deployment back.
        return if !listed && now.since(rollout.since) < CONSISTENCY_GRACE {
            Verdict::InProgress
        } else {
            Verdict::RolledBack(format!("the service is back on its former deployment {}", primary.id))
        };
    }
    superseded_by(primary)
}

fn back_on(primary: &Deployment, service: &Service, reason: String) -> Verdict {
    if primary.rollout == RolloutState::Failed {
        return Verdict::Failed(format!("{reason}; {}", failed_too(primary)));
    }
    if has_completed(primary, service) { Verdict::RolledBack(reason) } else { Verdict::RollingBack(reason) }
}

/// That the deployment which rolls back has failed as well: then nothing is in progress any more.
fn failed_too(primary: &Deployment) -> String {
    let revision = primary.task_definition.family_and_revision();
    let why = primary.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("the rollback to {revision} failed as well{why}")
}

/// Whether ECS itself made this deployment to roll back.
pub(super) fn rolls_back(primary: &Deployment) -> bool {
    primary.reason.as_ref().is_some_and(|reason| reason.to_lowercase().contains("rolling back"))
}

/// ECS's words on having rolled the service back to `deployment`, if it has: on the deployment, or else in an event,
/// `(service web) rolling back to deployment ecs-svc/1.`
pub(super) fn rollback_to(deployment: &Deployment, service: &Service) -> Option<String> {
    let to = format!("rolling back to deployment {}", deployment.id);
    let mut said = service.events_since(deployment.created).map(ServiceEvent::said);
    let event = said.find(|said| said.trim_end_matches('.').ends_with(&to));
    let words = deployment.reason.as_ref().filter(|_| rolls_back(deployment));
    words.cloned().or_else(|| event.map(str::to_owned))
}

/// Whether this is the deployment that ours took the place of.
fn is_former(primary: &Deployment, rollout: &Rollout) -> bool {
    Some(&primary.id) == rollout.replaced.as_ref()
}

fn superseded_by(primary: &Deployment) -> Verdict {
    Verdict::Superseded(took_its_place(primary))
}

/// That another actor's deployment took the place of ours.
pub(super) fn took_its_place(theirs: &Deployment) -> String {
    format!("deployment {} of {} took its place", theirs.id, theirs.task_definition.family_and_revision())
}

/// ECS's event that this deployment failed: `(service web) (deployment ecs-svc/1) deployment failed: …`,
/// or an older form without parentheses around the deployment.
fn failure_event(service: &Service, id: &DeploymentId) -> Option<String> {
    let tells = |message: &str| {
        let after = message.split_once(id.as_str()).map(|(_, after)| after);
        // Another deployment's id may begin with the digits of ours.
        after.is_some_and(|after| {
            !after.starts_with(|next: char| next.is_ascii_digit()) && after.contains("deployment failed")
        })
    };
    service.events.iter().find(|event| tells(&event.message)).map(|event| event.said().to_owned())
}

/// Why the deployment will not come to a good end, although ECS goes on with it.
fn failing(mine: &Deployment, seen: &Observation, now: Timestamp, policy: &Policy) -> Option<String> {
    let service = &seen.service;
    crash_loop(mine, service, &seen.tasks, now, policy)
        .or_else(|| unplaceable(mine, service, seen.departures, now, policy))
}

#[cfg(test)]
mod tests;
