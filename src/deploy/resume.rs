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

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::Brought;
use evenkeel_core::checkpoint::ServiceCheckpoint;
use evenkeel_core::deployment::{Ending, Phase, Target};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::Step;
use evenkeel_core::plan::{Carried, CarriedVariables, PlannedRevision, RevisionOrigin};
use evenkeel_core::ports::{Cloud, Ecs, EcsEffects, ListedServiceDeployment, Listing, Masked, RecordStore};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::Rollout;
use evenkeel_core::service::{DeploymentId, Service};
use evenkeel_core::variables::Variables;

use super::context::{Chosen, Context};
use super::flow::Flow;
use super::overtaken::{self, FoundDeployment};
use super::prepare;
use super::record_keeping::RecordKeeping;
use super::run::Run;
use super::slice::{NotBegun, Slice, SliceEnd};
use super::{Listener, Progress, Report, World, handing_on, variables};

/// Deploys for a while.
pub async fn deploy_slice<E: Cloud + EcsEffects, R: RecordStore>(
    world: &World<'_, E, R>,
    request: &DeployRequest,
    slice: &Slice<'_>,
    listen: &mut Listener<'_>,
) -> SliceEnd {
    let ecs = Masked::new(world.ecs);
    let world = &world.through(&ecs);
    let begun = begin(world, request, slice, listen);
    // Boxed, since it is over when the rollout is watched.
    let begun =
        slice.begin(request.policy.timeout, world.clock, world.interrupt.clone(), Box::pin(begun)).await;
    let begun = match begun {
        Ok(begun) => begun,
        Err(NotBegun::HandedOn) => return SliceEnd::HandedOn(slice.from.clone()),
        Err(NotBegun::Failed(failure)) => Err(failure),
    };
    match begun {
        Ok(mut flow) => {
            if flow.drive().await {
                SliceEnd::Ended(Box::pin(flow.report()).await)
            } else {
                SliceEnd::HandedOn(handing_on::checkpoint(&flow.cx, &flow.runs))
            }
        }
        Err(failure) if slice.outlasts(&failure, request, world.clock.now()) => {
            SliceEnd::HandedOn(slice.from.clone())
        }
        Err(failure) => SliceEnd::Ended(Report::refused(ecs.hide_failure(failure))),
    }
}

async fn begin<'a, E: Cloud + EcsEffects, R: RecordStore>(
    world: &'a World<'a, Masked<'a, E>, R>,
    request: &'a DeployRequest,
    slice: &'a Slice<'a>,
    listen: &'a mut Listener<'a>,
) -> Result<Flow<'a, Masked<'a, E>, R>, Failure> {
    let from = &slice.from;
    if from.services.is_empty() {
        let mut flow = super::begin(world, request, listen, Some(from.began)).await?;
        flow.cx.slice = Some(slice);
        handing_on::largest_checkpoint(&flow.cx, &flow.runs).token()?;
        return Ok(flow);
    }
    if from.services.len() != request.services.len() {
        return Err(Failure::new(
            FailureKind::Bug,
            "the continuation token is of another number of services than the action's configuration",
        ));
    }
    let records = RecordKeeping::of_each(&world.records, request.services.len(), world.clock);
    let (services, mut records) = tokio::try_join!(prepare::describe(world.ecs, request), records)?;
    variables::learn_public(world.ecs, request, &records);
    let mut cx = Context::new(world, request, listen, from.began);
    cx.slice = Some(slice);
    cx.steps.clone_from(&from.steps);
    let mut runs = Vec::new();
    for ((checkpoint, mut service), name) in from.services.iter().zip(services).zip(&request.services) {
        let checkpoint = look_for_the_update(world.ecs, checkpoint.clone(), &service).await?;
        let carried = carried(world.ecs, &checkpoint).await?;
        let record = &records[runs.len()];
        let (chosen, brought) = chosen(world.ecs, &checkpoint, &service, request, &carried, record).await?;
        world.ecs.hide_service(&mut service);
        let mut run = Run::resume(name.as_str(), brought, checkpoint, service, runs.len());
        run.carried = carried.images;
        run.carried_variables = carried.variables;
        run.began_images = carried.began_images.unwrap_or_else(|| chosen.planned.base_images.clone());
        run.ended = run.is_done().then(|| world.clock.now());
        runs.push(run);
        cx.revisions.push(chosen);
    }
    for (run, record) in runs.iter_mut().zip(&mut records) {
        run.is_recorded = record.is_kept();
        run.has_failed_after = cx.failed_step() == Some(Step::After);
        if !run.is_done() {
            // An earlier beginning may have made the revision that this deployment began on, and not told its name.
            record.recognise(world.ecs, cx.planned(run), &run.brought).await?;
            (cx.listen)(Progress::Resumed { service: &run.named, phase: &run.phase });
        }
    }
    let mut flow = Flow::new(cx, runs, records);
    flow.is_resumed = true;
    Ok(flow)
}

/// The update was about to be made: was it? A deployment of our revision that is no older than all
/// that we had seen of the service is ours, also if it is over and undone by now.
async fn look_for_the_update<E: Ecs>(
    ecs: &E,
    checkpoint: ServiceCheckpoint,
    service: &Service,
) -> Result<ServiceCheckpoint, Failure> {
    let Phase::Registered(target) = &checkpoint.phase else { return Ok(checkpoint) };
    // A deployment that was forced has the revision that was live before it.
    let shown = service.primary().filter(|primary| {
        primary.task_definition == target.revision && Some(&primary.id) != target.replaces.as_ref()
    });
    let found = match deployment_of(ecs, target, service).await {
        Ok(found) => found,
        Err(failure) if failure.kind() == FailureKind::Unavailable => return Err(failure),
        // Who may not read them sees the update only while it is PRIMARY.
        Err(_) => None,
    };
    let by_list = found
        .as_ref()
        .and_then(|found| Some((DeploymentId::of_service_revision(&found.mine.target)?, found.mine.created)));
    let shown = shown.map(|primary| (primary.id.clone(), primary.created));
    let Some((id, created)) = shown.or(by_list) else { return Ok(checkpoint) };
    let rollout = Rollout {
        revision: target.revision.clone(),
        deployment: Some(id.clone()),
        replaced: target.replaces.clone(),
        since: created,
    };
    let former = (target.base != target.revision).then(|| target.base.clone());
    let overtaken = found.and_then(|found| found.overtaken);
    Ok(ServiceCheckpoint {
        target: Some(target.revision.clone()),
        phase: Phase::RollingOut { rollout, former, overtaken },
        deployment: Some(id),
        ..checkpoint
    })
}

/// Our deployment, if ECS has one of the target's revision that is no older than what was seen before the update.
async fn deployment_of<E: Ecs>(
    ecs: &E,
    target: &Target,
    service: &Service,
) -> Result<Option<FoundDeployment>, Failure> {
    let listed = ecs.list_service_deployments(service, Listing::Since(target.seen_until)).await?;
    let is_new = |listed: &ListedServiceDeployment| {
        listed.created >= target.seen_until
            && !target.replaces.as_ref().is_some_and(|replaced| replaced.rolls_out(&listed.target))
    };
    overtaken::find(ecs, listed.into_iter().filter(is_new).collect(), &target.revision, &target.base).await
}

/// What the deployment carries of others, and the images of the revision that was live when it began, where that is
/// not the base.
#[derive(Default)]
struct CarriedParts {
    images: Carried,
    variables: CarriedVariables,
    began_images: Option<BTreeMap<String, String>>,
}

async fn carried<E: Ecs>(ecs: &E, checkpoint: &ServiceCheckpoint) -> Result<CarriedParts, Failure> {
    let Some(began_on) = checkpoint.began_on.as_ref().filter(|began_on| **began_on != checkpoint.base) else {
        return Ok(CarriedParts::default());
    };
    let began = contents(ecs, began_on).await?;
    let (mut images, mut variables) = (BTreeMap::new(), BTreeMap::new());
    let changes = checkpoint.carried_variables.values().map(|change| &change.revision);
    for revision in checkpoint.carried.values().chain(changes) {
        if !images.contains_key(revision) {
            let theirs = contents(ecs, revision).await?;
            images.insert(revision.clone(), theirs.0);
            variables.insert(revision.clone(), theirs.1);
        }
    }
    Ok(CarriedParts {
        images: Carried::restored(&began.0, &checkpoint.carried, &images),
        variables: CarriedVariables::restored(&began.1, &checkpoint.carried_variables, &variables),
        began_images: Some(began.0),
    })
}

/// The images and variables of a revision; none of one that was deleted.
async fn contents<E: Ecs>(
    ecs: &E,
    revision: &TaskDefinitionArn,
) -> Result<(BTreeMap<String, String>, Variables), Failure> {
    let found = ecs.describe_task_definition(revision.as_str()).await?;
    let definition = found.map(|revision| revision.definition);
    Ok(definition.map(|definition| (definition.images(), definition.variables())).unwrap_or_default())
}

/// What the service is, or is to be, put on.
async fn chosen<E: Ecs, R: RecordStore>(
    ecs: &E,
    checkpoint: &ServiceCheckpoint,
    service: &Service,
    request: &DeployRequest,
    carried: &CarriedParts,
    record: &RecordKeeping<'_, R>,
) -> Result<(Chosen, Brought), Failure> {
    let base = if is_to_be_planned_on(checkpoint, service) {
        service.live().unwrap_or(&checkpoint.base)
    } else {
        &checkpoint.base
    };
    let lineage = prepare::lineage(ecs, base).await?;
    let definition = &lineage.live.definition;
    // What may not be set was refused when the deployment was planned first.
    let (edits, _) = variables::edits_of(ecs, &request.variables, &lineage.live, record).await?;
    let brought = Brought {
        images: carried.images.onto(&definition.images(), &request.images),
        variables: carried.variables.onto(definition, &edits),
    };
    let mut planned = PlannedRevision::new(&lineage, &brought);
    let arn = match &checkpoint.phase {
        Phase::Pending => None,
        Phase::Registered(target) => Some(target.revision.clone()),
        Phase::RollingOut { .. } | Phase::Undoing { .. } | Phase::RollingBack { .. } | Phase::Done(_) => {
            checkpoint.target.clone()
        }
    };
    if let Some(arn) = &arn {
        planned.source = RevisionOrigin::Adopt(arn.clone());
    }
    Ok((Chosen { planned, arn }, brought))
}

/// Whether the revision to deploy is a copy of what is live now. After our update replaced another deployment unseen,
/// it is a copy of that one's, as long as nobody has changed the service since.
fn is_to_be_planned_on(checkpoint: &ServiceCheckpoint, service: &Service) -> bool {
    let is_ours = checkpoint.deployment.is_some()
        && service.primary().map(|primary| &primary.id) == checkpoint.deployment.as_ref();
    checkpoint.phase == Phase::Pending && !is_ours
}

impl Run {
    /// Goes on with a deployment that was handed on.
    fn resume(
        named: &str,
        brought: Brought,
        checkpoint: ServiceCheckpoint,
        service: Service,
        revision: usize,
    ) -> Self {
        let mut run = Self::new(named, brought, service, revision);
        run.unknown = checkpoint.unknown;
        if checkpoint.phase == Phase::Pending && checkpoint.plans_again == 0 {
            return run;
        }
        if let Phase::Done(ending) = &checkpoint.phase {
            run.failure = checkpoint.failed.and_then(|kind| restored(named, ending, kind));
        }
        run.service_deployment =
            checkpoint.service_deployment.map(|id| service_deployment_arn(&run.seen.service, &id));
        run.replaced = checkpoint.phase.rollout().and_then(|rollout| rollout.replaced.clone());
        // The update may have been sent; a mark of it is not to be dropped.
        run.may_be_live = true;
        run.phase = checkpoint.phase;
        run.began_on = checkpoint.began_on;
        run.target = checkpoint.target;
        run.deployment = checkpoint.deployment;
        run.plans_again = checkpoint.plans_again;
        run
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
