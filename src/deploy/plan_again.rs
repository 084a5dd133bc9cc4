//! Plans a deployment again, because another actor's came in between.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Event, Phase};
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::PlannedRevision;
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};

use super::context::{Chosen, Context};
use super::prepare::settled_lineage;
use super::record_keeping::RecordKeeping;
use super::run::Run;
use super::{Progress, roll_back};

/// How often a deployment is planned again because another actor's came in between.
const PLANS_AGAIN: u32 = 3;

/// Plans a copy of another actor's revision, which is `live`, or was until our update replaced it.
///
/// # Errors
/// Those of ECS's reads and of the record's stores, and a container that the other actor's revision lacks.
pub(super) async fn plan_again<E: Cloud + EcsEffects, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &mut RecordKeeping<'_, R>,
    live: &TaskDefinitionArn,
) -> Result<(), Failure> {
    if cx.planned(run).is_a_return() {
        let reason = "a rollback does not replace another deployment";
        return roll_back::restore(cx, run, live, reason).await;
    }
    if run.plans_again == PLANS_AGAIN {
        let reason = format!("other deployments came in between {PLANS_AGAIN} times already");
        return roll_back::restore(cx, run, live, &reason).await;
    }
    if !std::mem::take(&mut run.may_be_live) {
        record.forget_newest();
    }
    (cx.listen)(Progress::PlannedAgain { service: &run.named, live });
    let lineage = settled_lineage(cx.ecs, cx.clock, live).await?;
    let asked = &cx.request.images;
    record.read_again().await?;
    let copy = PlannedRevision::new(&lineage, asked);
    record.recognise(cx.ecs, &copy, asked).await?;
    // Counted once all is read: a slice that ECS holds up here is no plan that came to nothing.
    run.plans_again += 1;
    let is_replaced = run.phase.rollout().is_some();
    if is_replaced {
        let changed = record.changed_by(live);
        run.carried.take_in(&run.began_images, (live, &copy.base_images), changed.as_ref(), asked);
    }
    run.images = run.carried.onto(&copy.base_images, asked);
    let planned = PlannedRevision::new(&lineage, &run.images);
    let former = cx.planned(run).definition.unpack();
    let definition = planned.definition.unpack();
    let containers = definition.containers();
    let is_gone = |name: &&str| asked.get(name).is_some() && !containers.contains(name);
    if let Some(gone) = former.containers().into_iter().find(is_gone) {
        return Err(Failure::invalid_input(format!(
            "no container {gone:?} in {live}, which another actor made live meanwhile"
        ))
        .advice("Correct the image definitions and deploy again"));
    }
    if matches!(run.phase, Phase::RollingOut { .. }) && definition.is_equivalent(&former) {
        // The success of the replaced run may have removed the mark.
        record.mark_again().await?;
        return run.apply(Event::Reconciled);
    }
    run.revision = cx.revisions.len();
    cx.revisions.push(Chosen { planned, arn: None });
    run.apply(Event::PlannedAgain)
}
