//! Plans a deployment again, because another actor's came in between.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::{Brought, BroughtParts};
use evenkeel_core::deployment::{Event, Phase};
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::PlannedRevision;
use evenkeel_core::ports::{Cloud, Ecs, EcsEffects, RecordStore};
use evenkeel_core::variables::Variables;

use super::context::{Chosen, Context};
use super::prepare::settled_lineage;
use super::record_keeping::RecordKeeping;
use super::run::Run;
use super::variables;
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
    record.read_again().await?;
    let is_replaced = run.phase.rollout().is_some();
    let asked = &variables::find_again(cx.ecs, cx.request, &run.named, &lineage, record, is_replaced).await?;
    let base_images = lineage.live.definition.images();
    let began = match run.began_on.as_ref().filter(|_| is_replaced) {
        Some(began_on) => began_with(cx.ecs, began_on, record.changed_by(live).as_ref()).await?,
        None => Variables::default(),
    };
    // Counted once all is read: a slice that ECS holds up here is no plan that came to nothing.
    run.plans_again += 1;
    if is_replaced {
        let changed = record.changed_by(live);
        let containers = changed.as_ref().map(|changed| &changed.containers);
        run.carried.take_in(&run.began_images, (live, &base_images), containers, &asked.images);
        if let Some(changed) = changed {
            let theirs = lineage.live.definition.variables();
            run.carried_variables.take_in(&began, (live, &theirs), &changed.variables, &asked.variables);
        }
    }
    run.brought = Brought {
        images: run.carried.onto(&base_images, &asked.images),
        variables: run.carried_variables.onto(&lineage.live.definition, &asked.variables),
    };
    let planned = PlannedRevision::new(&lineage, &run.brought);
    let former = cx.planned(run).definition.unpack();
    let definition = planned.definition.unpack();
    let containers = definition.containers();
    let is_asked = |name: &&str| {
        let mut variables = cx.request.variables.set.names();
        asked.images.get(name).is_some() || variables.any(|variable| variable.container == *name)
    };
    let is_gone = |name: &&str| is_asked(name) && !containers.contains(name);
    if let Some(gone) = former.containers().into_iter().find(is_gone) {
        return Err(Failure::invalid_input(format!(
            "no container {gone:?} in {live}, which another actor made live meanwhile"
        ))
        .advice("Correct the image definitions or the variables and deploy again"));
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

/// The variables of the revision that was live when the run began, where the replaced deployment changed any.
async fn began_with<E: Ecs>(
    ecs: &E,
    began_on: &TaskDefinitionArn,
    changed: Option<&BroughtParts>,
) -> Result<Variables, Failure> {
    if changed.is_none_or(|changed| changed.variables.is_empty()) {
        return Ok(Variables::default());
    }
    let began = ecs.describe_task_definition(began_on.as_str()).await?;
    Ok(began.map(|began| began.definition.variables()).unwrap_or_default())
}
