//! Registers a revision at most once, although `RegisterTaskDefinition` has no idempotency token.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Event, Target};
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::{PlannedRevision, RevisionOrigin};
use evenkeel_core::ports::{Ecs, EcsEffects, EffectError, RecordStore};
use evenkeel_core::task_definition::TaskDefinition;

use crate::clock::Clock;

use super::Progress;
use super::context::Context;
use super::record_keeping::RecordKeeping;
use super::recording::under_way;
use super::run::Run;

/// How often an effect whose answer gets lost is tried in all.
pub(super) const ATTEMPTS: u32 = 4;

/// How long to wait after the first lost answer; each further wait is twice as long.
pub(super) const BACK_OFF: Duration = Duration::from_secs(1);

/// A revision that exists.
struct Existing {
    arn: TaskDefinitionArn,
    /// Whether this call registered it.
    registered: bool,
}

/// Makes sure that the run's planned revision exists, which another service of the deployment may have registered, and
/// records beside the registration that a deployment is under way.
///
/// # Errors
/// What ECS refused, the last lost response, and those of the record's stores.
pub(super) async fn register<E: Ecs + EcsEffects, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &mut RecordKeeping<'_, R>,
) -> Result<(), Failure> {
    let revision = match &cx.revisions[run.revision].arn {
        Some(arn) => arn.clone(),
        None => {
            let existing = register_and_record(cx, run, record).await?;
            let chosen = &mut cx.revisions[run.revision];
            if existing.registered {
                (cx.listen)(Progress::Registered(&existing.arn));
            } else if existing.arn != chosen.planned.base {
                (cx.listen)(Progress::Adopted(&existing.arn));
            }
            chosen.arn.insert(existing.arn).clone()
        }
    };
    let base = cx.planned(run).base.clone();
    let service = &run.seen.service;
    let live = service.live().unwrap_or(&base).clone();
    let replaces = service.primary().map(|primary| primary.id.clone());
    let seen_until = service.seen_until();
    run.apply(Event::Registered(Target { revision, base, live, replaces, seen_until }))
}

async fn register_and_record<E: Ecs + EcsEffects, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &Run,
    record: &mut RecordKeeping<'_, R>,
) -> Result<Existing, Failure> {
    let under_way = under_way(cx, run, None);
    let (ecs, clock, planned) = (cx.ecs, cx.clock, cx.planned(run));
    // What needs no registration may need no update either.
    let Some(under_way) = under_way.filter(|_| planned.source == RevisionOrigin::Register) else {
        return ensure_registered(ecs, clock, planned).await;
    };
    let (existing, opened) = tokio::join!(ensure_registered(ecs, clock, planned), record.begin(&under_way));
    opened.and(existing)
}

/// Makes sure that the planned revision exists.
///
/// Flow: register; if the answer is lost, look for the copy among the revisions that came after
/// the newest one seen before, and register again only if it is not there.
///
/// # Errors
/// What ECS refused, or the last lost answer when [`ATTEMPTS`] of them are.
async fn ensure_registered<E: Ecs + EcsEffects>(
    ecs: &E,
    clock: Clock,
    planned: &PlannedRevision,
) -> Result<Existing, Failure> {
    match &planned.source {
        RevisionOrigin::Live => return Ok(Existing { arn: planned.base.clone(), registered: false }),
        RevisionOrigin::Adopt(arn) | RevisionOrigin::Return(arn) => {
            return Ok(Existing { arn: arn.clone(), registered: false });
        }
        RevisionOrigin::Register => {}
    }
    let definition = planned.definition.unpack();
    let mut attempt = 1;
    loop {
        match ecs.register_task_definition(&definition).await {
            Ok(arn) => return Ok(Existing { arn, registered: true }),
            Err(EffectError::Refused(failure)) => return Err(failure),
            Err(EffectError::Unknown(failure)) if attempt == ATTEMPTS => return Err(failure),
            Err(EffectError::Unknown(_)) => {
                clock.sleep(BACK_OFF * 2_u32.pow(attempt - 1)).await;
                if let Some(arn) = find_copy(ecs, planned, &definition).await? {
                    return Ok(Existing { arn, registered: true });
                }
                attempt += 1;
            }
        }
    }
}

/// The planned copy among the revisions registered since the plan was made, newest first.
async fn find_copy<E: Ecs>(
    ecs: &E,
    planned: &PlannedRevision,
    definition: &TaskDefinition,
) -> Result<Option<TaskDefinitionArn>, Failure> {
    let family = planned.base.family();
    let mut candidate = ecs.describe_task_definition(family).await?;
    while let Some(revision) = candidate {
        let number = revision.arn.revision();
        if number <= planned.newest.revision() {
            return Ok(None);
        }
        if revision.active && definition.is_equivalent(&revision.definition) {
            return Ok(Some(revision.arn));
        }
        candidate = ecs.describe_task_definition(&format!("{family}:{}", number - 1)).await?;
    }
    Ok(None)
}
