//! Puts a service back on its former revision, or on another actor's that came in between.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Ending, Event, Outcome, Phase, Why};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Cloud, Ecs, EcsEffects};
use evenkeel_core::rollout::{Observation, came_between};

use super::Progress;
use super::context::Context;
use super::ending;
use super::run::Run;
use super::update::{Updated, rollback, update_service};

/// Asks ECS to roll the deployment back.
///
/// The request names the service deployment that is to end, so it cannot end another one. A second request has no further
/// effect, so the response may be lost. If ECS refuses the request, the service is described once more and rolled back by
/// an update.
///
/// # Errors
/// None of ECS's.
pub(super) async fn ask_ecs<E: EcsEffects>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    service_deployment: &str,
) -> Result<(), Failure> {
    if let Phase::Undoing { to, why, .. } = &run.phase {
        (cx.listen)(Progress::RollingBack { service: &run.named, to: to.as_ref(), why: &why.reason });
    }
    let asked = cx.ecs.roll_back_service_deployment(service_deployment).await;
    cx.schedule.hurry();
    match asked {
        Err(failure) if failure.kind() != FailureKind::Unavailable => {
            if failure.kind() == FailureKind::Denied {
                cx.warn(format!("ECS may not be asked to go back, so an update does it: {failure}"));
            }
            run.apply(Event::StopRefused)
        }
        Ok(()) | Err(_) => {
            cx.watch_from_now();
            run.apply(Event::StopAsked(cx.clock.now()))
        }
    }
}

/// Rolls the service back by an update.
///
/// # Errors
/// Those of [`update_service`].
pub(super) async fn by_update<E: Ecs + EcsEffects>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    to: &TaskDefinitionArn,
    why: Why,
) -> Result<(), Failure> {
    (cx.listen)(Progress::RollingBack { service: &run.named, to: Some(to), why: &why.reason });
    let replaced = run.deployment.clone();
    match update_service(cx, run, to, false).await? {
        Updated::ToAnothers(service) => {
            run.seen = Observation::of(service);
            Ok(())
        }
        Updated::ToOurs(service) => {
            let primary = service.primary().filter(|primary| Some(&primary.id) != replaced.as_ref());
            let deployment = primary.map(|primary| primary.id.clone());
            let before = &run.seen.service;
            let overtaken =
                deployment.as_ref().and_then(|mine| came_between(before, &service, mine)).cloned();
            run.seen = Observation::of(service);
            let rollout = rollback(cx, run, to.clone(), deployment, replaced);
            run.apply(Event::RollbackStarted { rollout, why, overtaken })
        }
    }
}

/// Ends the run in favour of another actor's deployment, and updates the service to that one's revision again where ours
/// overtook it: ECS takes no condition on an update.
///
/// # Errors
/// Those of [`update_service`].
pub(super) async fn restore<E: Cloud + EcsEffects>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    theirs: &TaskDefinitionArn,
    why: &str,
) -> Result<(), Failure> {
    if run.seen.service.live() != Some(theirs) {
        let (Updated::ToOurs(service) | Updated::ToAnothers(service)) =
            update_service(cx, run, theirs, false).await?;
        run.seen = Observation::of(service);
    }
    let theirs = theirs.family_and_revision();
    let reason = format!("{why}; a deployment of {theirs} came in between, and the service is on that");
    ending::finish(cx, run, Ending { outcome: Outcome::Superseded, reason }).await
}
