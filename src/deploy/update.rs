//! Puts a service on a revision at most once, although `UpdateService` has no idempotency token.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::console::deployments_url;
use evenkeel_core::crash_loop::TaskCensus;
use evenkeel_core::deployment::{Event, Phase, Target};
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Ecs, EcsEffects, EffectError};
use evenkeel_core::rollout::{Observation, Rollout, came_between};
use evenkeel_core::service::{Deployment, DeploymentId, Service};

use super::Progress;
use super::context::Context;
use super::register::{ATTEMPTS, BACK_OFF};
use super::run::{Run, bug};

/// Where a service is after an update whose response may have been lost.
pub(super) enum Updated {
    /// On the revision that was asked for.
    ToOurs(Service),
    /// On another actor's.
    ToAnothers(Service),
}

/// Updates the service to the registered revision, and begins its rollout.
///
/// # Errors
/// Those of [`update_service`].
pub(super) async fn update<E: Ecs + EcsEffects>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    force: bool,
) -> Result<(), Failure> {
    let Phase::Registered(target) = run.phase.clone() else {
        return Err(bug("an update without a registered revision"));
    };
    run.may_be_live = true;
    let after = match update_service(cx, run, &target.revision, force).await? {
        Updated::ToOurs(after) => after,
        Updated::ToAnothers(after) => {
            run.seen = Observation::of(after);
            return Ok(());
        }
    };
    let primary = after.primary().filter(|primary| {
        primary.task_definition == target.revision && Some(&primary.id) != target.replaces.as_ref()
    });
    let deployment = primary.map(|primary| primary.id.clone());
    let overtaken =
        deployment.as_ref().and_then(|mine| came_between(&run.seen.service, &after, mine)).cloned();
    (cx.listen)(Progress::Started {
        service: &run.named,
        revision: &target.revision,
        deployment: deployment.as_ref(),
        console: deployments_url(&after),
    });
    let rollout = rollout(cx, &target, deployment, &after);
    begin(cx, run, &target, rollout, overtaken)?;
    run.seen = Observation::of(after);
    Ok(())
}

/// Follows a deployment that was found, as if this run had begun it.
pub(super) fn join<E>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    deployment: DeploymentId,
) -> Result<(), Failure> {
    match run.phase.clone() {
        Phase::Registered(target) => {
            (cx.listen)(Progress::Joined { service: &run.named, deployment: &deployment });
            let rollout = rollout(cx, &target, Some(deployment), &run.seen.service);
            begin(cx, run, &target, rollout, None)
        }
        Phase::Undoing { rollout, to: Some(to), why, .. } => {
            let rollout = rollback(cx, run, to, Some(deployment), rollout.deployment);
            run.apply(Event::RollbackStarted { rollout, why, overtaken: None })
        }
        Phase::Undoing { to: None, .. } => Err(bug("a rollback to an unknown revision was joined")),
        Phase::RollingOut { rollout, .. } | Phase::RollingBack { rollout, .. } => {
            if rollout.deployment.is_some() {
                // A newer deployment of the same revision: what is known of ours does not hold for it.
                (cx.listen)(Progress::Joined { service: &run.named, deployment: &deployment });
                (run.seen.service_deployment, run.seen.tasks) = (None, TaskCensus::Unread);
                cx.schedule.begin();
            }
            if matches!(run.phase, Phase::RollingOut { .. }) {
                run.deployment = Some(deployment.clone());
            }
            run.apply(Event::DeploymentSeen(deployment))
        }
        Phase::Pending | Phase::Done(_) => run.apply(Event::DeploymentSeen(deployment)),
    }
}

/// The rollout of the target that `service` shows.
fn rollout<E>(
    cx: &Context<'_, E>,
    target: &Target,
    deployment: Option<DeploymentId>,
    service: &Service,
) -> Rollout {
    Rollout {
        revision: target.revision.clone(),
        since: cx.since(service, deployment.as_ref()),
        deployment,
        replaced: target.replaces.clone(),
    }
}

fn begin<E>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    target: &Target,
    rollout: Rollout,
    overtaken: Option<TaskDefinitionArn>,
) -> Result<(), Failure> {
    cx.watch_from_now();
    run.deployment.clone_from(&rollout.deployment);
    run.target = Some(target.revision.clone());
    run.replaced.clone_from(&target.replaces);
    let former = if target.base == target.revision {
        // A rollout that was joined: what it replaces is what is still being drained.
        let drained = |listed: &&Deployment| !listed.primary && listed.task_definition != target.revision;
        let listed = run.seen.service.deployments.iter().find(drained);
        listed.map(|listed| listed.task_definition.clone())
    } else {
        Some(target.base.clone())
    };
    run.apply(Event::RolloutStarted { rollout, former, overtaken })
}

/// The rollout of the former revision `to`, which begins now.
pub(super) fn rollback<E>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    to: TaskDefinitionArn,
    deployment: Option<DeploymentId>,
    replaced: Option<DeploymentId>,
) -> Rollout {
    cx.watch_from_now();
    let since = cx.since(&run.seen.service, deployment.as_ref());
    Rollout { revision: to, deployment, replaced, since }
}

/// Updates the run's service, as it was seen last, to `revision`.
///
/// Flow: update; if the response is lost, look: a deployment that was not seen before is either ours or another actor's,
/// and while there is none the update is sent again.
///
/// # Errors
/// What ECS refused, or the last lost response when [`ATTEMPTS`] of them are.
pub(super) async fn update_service<E: Ecs + EcsEffects>(
    cx: &mut Context<'_, E>,
    run: &Run,
    revision: &TaskDefinitionArn,
    force: bool,
) -> Result<Updated, Failure> {
    let before = &run.seen.service;
    let mut attempt = 1;
    loop {
        match cx.ecs.update_service(before, revision, force).await {
            Ok(service) => return Ok(Updated::ToOurs(service)),
            Err(EffectError::Refused(failure)) => return Err(failure),
            Err(EffectError::Unknown(failure)) if attempt == ATTEMPTS => return Err(failure),
            Err(EffectError::Unknown(_)) => {
                cx.clock.sleep(BACK_OFF * 2_u32.pow(attempt - 1)).await;
                attempt += 1;
            }
        }
        let service = cx.describe_again(run).await?;
        match service.primary() {
            Some(primary) if before.deployment(&primary.id).is_some() => {}
            Some(primary) if primary.task_definition == *revision => return Ok(Updated::ToOurs(service)),
            _ => return Ok(Updated::ToAnothers(service)),
        }
    }
}
