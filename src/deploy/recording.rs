//! Keeps the record of a service in step with its deployment, and reports on the deployment.

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Phase;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Ecs, RecordStore};
use evenkeel_core::record::{Deployed, Ownership, Record, ownership};
use evenkeel_core::rollout::Observation;
use evenkeel_core::variables::{VariableEdits, Variables};

use super::context::{Chosen, Context};
use super::record_keeping::{RecordKeeping, UnderWay, Written};
use super::run::{OnRecord, Run, bug};
use super::{Progress, Report};

/// How often a final record is written where other runs write at the same time.
const TRIES: u32 = 20;

/// Records that a deployment is under way, right before its update; whether the service is still as it was planned on.
/// Where another run has marked the record meanwhile, the service is looked at once more.
///
/// # Errors
/// Those of the record's stores and of ECS's reads.
pub(super) async fn open<E: Ecs, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &mut RecordKeeping<'_, R>,
) -> Result<bool, Failure> {
    let Phase::Registered(target) = run.phase.clone() else {
        return Err(bug("a record is opened without a registered revision"));
    };
    if let Some(under_way) = under_way(cx, run, Some(&target.revision)) {
        record.begin(&under_way).await?;
    }
    while record.take_met() {
        let service = cx.describe_again(run).await?;
        if service.primary().map(|primary| &primary.id) != target.replaces.as_ref() {
            run.seen = Observation::of(service);
            return Ok(false);
        }
        if record.recognise(cx.ecs, cx.planned(run), &run.brought).await? {
            record.mark_again().await?;
        }
    }
    Ok(true)
}

/// What is about to be deployed, as a record says it; nothing on a service that runs nothing.
pub(super) fn under_way<E>(
    cx: &Context<'_, E>,
    run: &Run,
    revision: Option<&TaskDefinitionArn>,
) -> Option<UnderWay> {
    let planned = cx.planned(run);
    let live = run.began_on.as_ref()?;
    let images = run.brought.images.iter();
    let images = images.filter(|(name, _)| planned.base_images.contains_key(*name));
    Some(UnderWay {
        unrecorded: Record::succeeded(None, before(cx, run, live, planned.base_images.clone())),
        source: planned.origin().clone(),
        revision: revision.cloned(),
        images: images.map(|(name, image)| (name.to_owned(), image.to_string())).collect(),
        variables: run.brought.variables.clone(),
        // A rollback and one-off tasks may take as long again.
        expires: cx.clock.now().plus(cx.request.longest()),
        by: cx.source.clone(),
    })
}

/// What the record says of the revision that was live before the run: nothing of what the run brings is owned.
fn before<'a, E>(
    cx: &'a Context<'_, E>,
    run: &'a Run,
    live: &'a TaskDefinitionArn,
    images: BTreeMap<String, String>,
) -> Deployed<'a> {
    let edits = VariableEdits::default();
    Deployed { edits, ..deployed(cx, run, live, live, images, Variables::default()) }
}

/// Checks that every record of the run has room for what the run brings.
///
/// # Errors
/// [`Failure::invalid_input`], with the sizes.
pub(super) fn check_room<E, R: RecordStore>(
    cx: &Context<'_, E>,
    run: &Run,
    record: &RecordKeeping<'_, R>,
) -> Result<(), Failure> {
    let planned = cx.planned(run);
    // With a digit to spare, since others register revisions as well.
    let revision = planned.newest.sibling(planned.newest.revision().saturating_add(1).saturating_mul(10));
    let Some(it) = under_way(cx, run, Some(&revision)) else { return Ok(()) };
    let definition = planned.definition.unpack();
    let done = Deployed {
        deployment_id: Some(format!("ecs-svc/{}", u64::MAX)),
        ..deployed(cx, run, &revision, &planned.base, definition.images(), definition.variables())
    };
    record.check_room(&it, &done)
}

/// What the record says of the run, with `revision`, a copy of `source`, and `images` and `variables` as the live ones.
fn deployed<'a, E>(
    cx: &'a Context<'_, E>,
    run: &'a Run,
    revision: &'a TaskDefinitionArn,
    source: &'a TaskDefinitionArn,
    images: BTreeMap<String, String>,
    variables: Variables,
) -> Deployed<'a> {
    Deployed {
        cluster: cx.request.cluster.as_str(),
        service: &run.named,
        revision,
        source,
        digests: run.digests_of(&images),
        images,
        asked: run.brought.images.names().map(str::to_owned).collect(),
        variables,
        edits: run.brought.variables.clone(),
        deployment_id: run.deployment.as_ref().map(|id| id.as_str().to_owned()),
        at: cx.clock.now().to_string(),
        by: cx.source,
    }
}

/// Brings the record up to date at the run's end. That it cannot be written is a failure of the run.
pub(super) async fn close<E: Ecs, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &mut RecordKeeping<'_, R>,
) {
    if let Err(failure) = write_until_it_is_there(cx, run, record).await {
        (cx.listen)(Progress::Warning(&failure.to_string()));
        run.failure.get_or_insert(failure);
    }
    run.owned = match run.live() {
        Some(live) if record.is_kept() => record.recorded_variables(live).unwrap_or_default(),
        live if live == run.target.as_ref() => run.brought.variables.set.clone(),
        Some(_) | None => Variables::default(),
    };
}

/// Writes the final record. A run that meets another one's write looks at the service again: if another deployment is live
/// by now, that one keeps the record.
async fn write_until_it_is_there<E: Ecs, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &mut RecordKeeping<'_, R>,
) -> Result<(), Failure> {
    for _ in 0..TRIES {
        let written = match run.verdict_on_record() {
            OnRecord::Settle(live) => {
                let planned = cx.planned(run);
                let definition = planned.definition.unpack();
                let (images, variables) = (definition.images(), definition.variables());
                let done = deployed(cx, run, live, planned.origin(), images, variables);
                record.settle(&done, &planned.base).await?
            }
            OnRecord::TakeBack { is_replaced } => match under_way(cx, run, run.target.as_ref()) {
                Some(it) => record.take_back(&it, run.live(), is_replaced).await?,
                None => Written::Everywhere,
            },
            OnRecord::LeaveOpen => Written::Everywhere,
        };
        if written == Written::Everywhere {
            return Ok(());
        }
        look_who_is_live(cx, run).await?;
        record.recognise(cx.ecs, cx.planned(run), &run.brought).await?;
    }
    let what = format!("the record of service {} is written by other deployments all the time", run.named);
    Err(Failure::new(FailureKind::Unavailable, what)
        .advice("Run `evenkeel record repair` when those have ended, before the next `terraform apply`"))
}

async fn look_who_is_live<E: Ecs>(cx: &mut Context<'_, E>, run: &mut Run) -> Result<(), Failure> {
    let service = cx.describe_again(run).await?;
    let brought = match run.verdict_on_record() {
        OnRecord::Settle(live) => Some(live.clone()),
        OnRecord::TakeBack { .. } | OnRecord::LeaveOpen => None,
    };
    let owner = ownership(brought.as_ref(), run.replaced.as_ref(), &service);
    if owner == Ownership::Superseded
        && let Some(theirs) = service.live()
    {
        let reason = run.supersede(theirs);
        let (service, outcome) = (&run.named, run.outcome());
        (cx.listen)(Progress::Ended { service, outcome, reason: Some(&reason) });
    }
    if owner != Ownership::Mine {
        run.seen.service = service;
    }
    Ok(())
}

/// Reports what every service came to.
pub(super) async fn report<E: Ecs>(cx: Context<'_, E>, runs: Vec<Run>) -> Report {
    let step = cx.failed_step();
    let Context { ecs, revisions, request, began, warnings, .. } = cx;
    let mut services = Vec::new();
    for run in runs {
        let images = match run.live() {
            Some(live) => images_of(ecs, &revisions, live).await,
            None => BTreeMap::new(),
        };
        let is_return = revisions[run.revision].planned.is_a_return();
        services.push(run.report(request, images, began, is_return));
    }
    Report { step, ..Report::of(services, warnings) }
}

/// The images of `revision`; read only if it is neither a base nor a copy of this deployment.
async fn images_of<E: Ecs>(
    ecs: &E,
    revisions: &[Chosen],
    revision: &TaskDefinitionArn,
) -> BTreeMap<String, String> {
    for Chosen { planned, arn } in revisions {
        if arn.as_ref() == Some(revision) {
            return planned.definition.unpack().images();
        }
        if planned.base == *revision {
            return planned.base_images.clone();
        }
    }
    // The report is worth a call, but not a failure.
    let described = ecs.describe_task_definition(revision.as_str()).await;
    described.ok().flatten().map(|revision| revision.definition.images()).unwrap_or_default()
}
