//! A deployment in slices: each goes on from a checkpoint and hands on to the next.
//!
//! # Flow
//! Read where it stands → look → tick until it is over, or until it is time to hand on.
//!
//! # Guarantees
//! * Before a service is updated or put back, the journal is told. Whoever resumes from there looks
//!   whether it was done: by the PRIMARY deployment, and by the deployments that ECS made since.
//! * What ECS does not answer for a while ends no slice in failure; it is handed on.
//!
//! # Assumptions
//! One slice of an action execution runs at a time.

use std::time::Duration;

use serde_json::Map;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::checkpoint::{Checkpoint, Standing};
use crate::domain::deployment::{Ending, Outcome, Phase, Target, Way, Why};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::image::Images;
use crate::domain::plan::{PlannedRevision, Source};
use crate::domain::request::DeployRequest;
use crate::domain::rollout::Rollout;
use crate::domain::service::{DeploymentId, Service};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Cloud, Ecs, Listing, Masked, RecordStore};

use super::machine::{Chosen, Machine};
use super::observer::that_rolls_out;
use super::polling::Pace;
use super::prepare;
use super::record_keeping::RecordKeeping;
use super::run::Run;
use super::slice::{Slice, SliceEnd};
use super::{Listener, Progress, Report, World};

/// Deploys for a while.
pub async fn deploy_slice<E: Cloud, R: RecordStore>(
    world: &World<'_, E, R>,
    request: &DeployRequest,
    slice: &Slice<'_>,
    listen: &mut Listener<'_>,
) -> SliceEnd {
    let ecs = Masked::new(world.ecs);
    let world = &world.through(&ecs);
    match begin(world, request, slice, listen).await {
        Ok(mut machine) => {
            if machine.drive().await {
                SliceEnd::Ended(machine.report().await)
            } else {
                SliceEnd::HandedOn(machine.checkpoint())
            }
        }
        Err(failure) if slice.outlasts(&failure, request, world.clock.now()) => {
            SliceEnd::HandedOn(slice.from.clone())
        }
        Err(failure) => SliceEnd::Ended(Report::refused(ecs.hide_failure(failure))),
    }
}

async fn begin<'a, 'l, E: Cloud, R: RecordStore>(
    world: &'a World<'a, Masked<'a, E>, R>,
    request: &'a DeployRequest,
    slice: &'a Slice<'a>,
    listen: &'a mut Listener<'l>,
) -> Result<Machine<'a, 'l, Masked<'a, E>, R>, Failure> {
    let from = &slice.from;
    if from.services.is_empty() {
        let mut machine = super::begin(world, request, listen, from.began).await?;
        machine.slice = Some(slice);
        machine.largest_checkpoint().token()?;
        return Ok(machine);
    }
    if from.services.len() != request.services.len() {
        return Err(Failure::new(
            FailureKind::Bug,
            "the continuation token is of another number of services than the action's configuration",
        ));
    }
    let records = RecordKeeping::of_each(&world.records, request.services.len(), world.clock);
    let (services, records) = tokio::try_join!(prepare::describe(world.ecs, request), records)?;
    let (mut revisions, mut runs) = (Vec::new(), Vec::new());
    for ((standing, mut service), name) in from.services.iter().zip(services).zip(&request.services) {
        let standing = look_for_the_update(world.ecs, standing.clone(), &service).await?;
        let chosen = chosen(world.ecs, &standing, &service, request).await?;
        world.ecs.hide_service(&mut service);
        let pace = Pace::begin(&world.polling, world.clock.now());
        let mut run = Run::resume(name.as_str(), &request.images, standing, service, revisions.len(), pace);
        run.began_images.clone_from(&chosen.planned.base_images);
        runs.push(run);
        revisions.push(chosen);
    }
    let mut machine = Machine::resumed(world, request, listen, records, from.began);
    (machine.revisions, machine.runs, machine.slice) = (revisions, runs, Some(slice));
    for run in machine.runs.iter().filter(|run| !run.is_done()) {
        (machine.listen)(Progress::Resumed { service: &run.named, phase: &run.phase });
    }
    Ok(machine)
}

/// The update was about to be made: was it? A deployment of our revision that is no older than all
/// that we had seen of the service is ours, also if it is over and undone by now.
async fn look_for_the_update<E: Ecs>(
    ecs: &E,
    standing: Standing,
    service: &Service,
) -> Result<Standing, Failure> {
    let Phase::Registered(target) = &standing.phase else { return Ok(standing) };
    // A deployment that was forced has the revision that was live before it.
    let shows_it = service.primary().is_some_and(|primary| {
        primary.task_definition == target.revision && Some(&primary.id) != target.replaces.as_ref()
    });
    if shows_it {
        return Ok(standing);
    }
    let Some((id, created)) = deployment_of(ecs, target, service).await? else { return Ok(standing) };
    let rollout = Rollout {
        revision: target.revision.clone(),
        deployment: Some(id.clone()),
        replaced: target.replaces.clone(),
        since: created,
    };
    let former = (target.base != target.revision).then(|| target.base.clone());
    Ok(Standing {
        target: Some(target.revision.clone()),
        phase: Phase::RollingOut { rollout, former },
        deployment: Some(id),
        ..standing
    })
}

async fn deployment_of<E: Ecs>(
    ecs: &E,
    target: &Target,
    service: &Service,
) -> Result<Option<(DeploymentId, Timestamp)>, Failure> {
    let listed = match ecs.list_service_deployments(service, Listing::Since(target.seen_until)).await {
        Ok(listed) => listed,
        Err(failure) if failure.kind() == FailureKind::Unavailable => return Err(failure),
        // Who may not read them sees the update only while it is PRIMARY.
        Err(_) => return Ok(None),
    };
    let replaced = target.replaces.as_ref();
    match that_rolls_out(ecs, listed, &target.revision, target.seen_until, replaced).await {
        Ok(found) => {
            Ok(found
                .and_then(|found| Some((DeploymentId::of_service_revision(&found.target)?, found.created))))
        }
        Err(failure) if failure.kind() == FailureKind::Unavailable => Err(failure),
        Err(_) => Ok(None),
    }
}

/// What the service is, or is to be, put on.
async fn chosen<E: Ecs>(
    ecs: &E,
    standing: &Standing,
    service: &Service,
    request: &DeployRequest,
) -> Result<Chosen, Failure> {
    let is_pending = standing.phase == Phase::Pending;
    let base = if is_pending { service.live().unwrap_or(&standing.base) } else { &standing.base };
    let mut planned = PlannedRevision::new(&prepare::lineage(ecs, base).await?, &request.images);
    let arn = match &standing.phase {
        Phase::Pending => None,
        Phase::Registered(target) => Some(target.revision.clone()),
        Phase::RollingOut { .. } | Phase::Undoing { .. } | Phase::RollingBack { .. } | Phase::Done(_) => {
            standing.target.clone()
        }
    };
    if let Some(arn) = &arn {
        planned.source = Source::Adopt(arn.clone());
    }
    Ok(Chosen { planned, arn })
}

impl<E: Cloud, R: RecordStore> Machine<'_, '_, E, R> {
    /// Where the deployment stands.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let standings = self.runs.iter().map(|run| run.standing(&self.revisions[run.revision].planned.base));
        let is_untouched = self.runs.iter().all(|run| run.phase == Phase::Pending && run.unknown.is_empty());
        Checkpoint {
            execution: self.slice.map(|slice| slice.from.execution.clone()).unwrap_or_default(),
            began: self.began,
            services: if is_untouched { Vec::new() } else { standings.collect() },
            unknown: self.slice.map(|slice| slice.from.unknown.clone()).unwrap_or_default(),
        }
    }

    /// Tells the journal what is about to be done.
    pub(super) async fn note(&mut self) -> Result<(), Failure> {
        match self.slice {
            Some(slice) => slice.journal.note(&self.checkpoint()).await,
            None => Ok(()),
        }
    }

    /// Whether this slice is over.
    pub(super) fn is_to_be_handed_on(&self) -> bool {
        self.slice.is_some_and(|slice| {
            self.is_held_up
                || self.world.interrupt.raised().is_some()
                || self.world.clock.now() >= slice.until
                || slice.after_start && self.has_started
        })
    }

    /// A checkpoint as long as any that this deployment can come to.
    fn largest_checkpoint(&self) -> Checkpoint {
        let id = || Some(DeploymentId::new(format!("ecs-svc/{}", u64::MAX)));
        let standings = self.runs.iter().map(|run| {
            let base = &self.revisions[run.revision].planned.base;
            let revision = base.sibling(u64::from(u32::MAX));
            let since = Timestamp::from_unix(Duration::from_secs(u64::from(u32::MAX)));
            let rollout = Rollout { revision: revision.clone(), deployment: id(), replaced: id(), since };
            let why = Why { outcome: Outcome::RolledBack, reason: String::new() };
            Standing {
                phase: Phase::Undoing { rollout, to: Some(revision.clone()), why, way: Way::Asked(since) },
                began_on: Some(revision.clone()),
                base: revision.clone(),
                target: Some(revision),
                deployment: id(),
                service_deployment: Some("x".repeat(24)),
                plans_again: 1,
                failed: None,
                unknown: Map::new(),
            }
        });
        Checkpoint { services: standings.collect(), ..self.checkpoint() }
    }
}

impl Run {
    /// Goes on with a deployment that was handed on.
    fn resume(
        named: &str,
        images: &Images,
        standing: Standing,
        service: Service,
        revision: usize,
        pace: Pace,
    ) -> Self {
        let mut run = Self::new(named, images, service, revision, pace);
        run.unknown = standing.unknown;
        if standing.phase == Phase::Pending {
            return run;
        }
        if let Phase::Done(ending) = &standing.phase {
            run.failure = standing.failed.and_then(|kind| restored(named, ending, kind));
            run.ended = Some(pace.due());
        }
        run.service_deployment =
            standing.service_deployment.map(|id| service_deployment_arn(&run.seen.service, &id));
        run.phase = standing.phase;
        run.began_on = standing.began_on;
        run.target = standing.target;
        run.deployment = standing.deployment;
        run.plans_again = standing.plans_again;
        run
    }

    fn standing(&self, base: &TaskDefinitionArn) -> Standing {
        let last = |arn: &String| arn.rsplit('/').next().unwrap_or_default().to_owned();
        Standing {
            phase: self.phase.clone(),
            began_on: self.began_on.clone(),
            base: base.clone(),
            target: self.target.clone(),
            deployment: self.deployment.clone(),
            service_deployment: self.service_deployment.as_ref().map(last),
            plans_again: self.plans_again,
            failed: self.failure.as_ref().map(Failure::kind),
            unknown: self.unknown.clone(),
        }
    }
}

fn restored(named: &str, ending: &Ending, kind: FailureKind) -> Option<Failure> {
    match ending.outcome.failure_kind() {
        Some(own) if own == kind => ending.failure(named),
        _ => Some(Failure::new(kind, ending.reason.clone())),
    }
}

/// `arn:…:service/prod/web` and `x1` make `arn:…:service-deployment/prod/web/x1`.
fn service_deployment_arn(service: &Service, id: &str) -> String {
    format!("{}/{id}", service.arn.replacen(":service/", ":service-deployment/", 1))
}
