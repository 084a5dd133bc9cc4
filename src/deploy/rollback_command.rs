//! Puts a service back on a revision that it ran well before.
//!
//! # Flow
//! Read the service and its record → find the revision → the same flow as a deployment's: update, watch, verdict.
//!
//! The record knows what the live revision replaced. Without a record, ECS's list of deployments tells which succeeded: one
//! that a task after its rollout found faulty is among those.
//!
//! # Guarantees
//! Nothing is registered, and nobody's newer deployment is overtaken: one that comes in between ends
//! it as superseded.

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::diff::diff;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::image::{ImageReference, Images};
use evenkeel_core::plan::{
    Plan, PlannedRevision, PlannedService, RevisionOrigin, before, with_public_values,
};
use evenkeel_core::ports::{Cloud, Ecs, EcsEffects, Listing, Masked, RecordStore};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::service::Service;
use evenkeel_core::service_deployment::ServiceDeploymentStatus;
use evenkeel_core::task_definition::{PackedDefinition, Revision};
use evenkeel_core::variables::VariableEdits;

use crate::clock::{Clock, Moment};

use super::context::Context;
use super::listed::{LOOKED_THROUGH, with_what_they_run};
use super::record_keeping::RecordKeeping;
use super::{
    Listener, Progress, Report, World, beginning, planned, prepare, recording, scheduled, variables,
};

/// Goes back, and reports how that ended; never fails otherwise. `request` has one service, and no
/// images; `to` is a revision's number, `family:revision` or ARN, or else the last one that succeeded.
pub async fn roll_back<E: Cloud + EcsEffects, R: RecordStore>(
    world: &World<'_, E, R>,
    request: &DeployRequest,
    to: Option<&str>,
    listen: &mut Listener<'_>,
) -> Report {
    let ecs = Masked::new(world.ecs);
    let world = &world.through(&ecs);
    let started = Moment::now();
    let timeout = request.policy.timeout;
    let read = async {
        let records = RecordKeeping::of_each(&world.records, request.services.len(), world.clock);
        let (services, records) = tokio::try_join!(prepare::describe(&ecs, request), records)?;
        variables::learn_public(&ecs, request, &records);
        Ok((find_and_plan(&ecs, request, services, &records, to).await?, records))
    };
    let read = beginning::within(timeout, world.clock, world.interrupt.clone(), read).await;
    match read.unwrap_or_else(|cut| Err(cut.failure(timeout))) {
        Ok((plan, records)) => {
            let request = DeployRequest { images: changed_images(&plan), ..request.clone() };
            listen(Progress::Planned(&plan));
            // AWS's time is known by its responses.
            let began = world.clock.at(started);
            let mut flow = planned(Context::new(world, &request, listen, began), plan, records);
            let mut checked = flow.runs.iter().zip(&flow.records);
            if let Err(failure) =
                checked.try_for_each(|(run, record)| recording::check_room(&flow.cx, run, record))
            {
                return Report::refused(failure);
            }
            flow.drive().await;
            flow.report().await
        }
        Err(failure) => Report::refused(failure),
    }
}

/// What going back would do; writes nothing.
///
/// # Errors
/// [`FailureKind::InvalidInput`] when no revision is known to go back to, or the one that was asked for
/// cannot be run any more.
pub async fn prepare_rollback<E: Cloud, R: RecordStore>(
    ecs: &E,
    records: &[R],
    clock: Clock,
    request: &DeployRequest,
    to: Option<&str>,
) -> Result<Plan, Failure> {
    let ecs = Masked::new(ecs);
    let stores = [records];
    let records = RecordKeeping::of_each(&stores, request.services.len(), clock);
    let (services, records) = tokio::try_join!(prepare::describe(&ecs, request), records)?;
    find_and_plan(&ecs, request, services, &records, to).await
}

async fn find_and_plan<E: Cloud, R: RecordStore>(
    ecs: &Masked<'_, E>,
    request: &DeployRequest,
    mut services: Vec<Service>,
    records: &[RecordKeeping<'_, R>],
    to: Option<&str>,
) -> Result<Plan, Failure> {
    let (Some(service), None) = (services.pop(), services.pop()) else {
        return Err(Failure::usage("one service is put back at a time"));
    };
    let live = service.live().cloned().ok_or_else(|| nowhere(&service, "it runs nothing"))?;
    let replaced = || records.iter().find_map(|record| record.replaced_by(&live));
    let (to, warning) = match to.map(|to| named(to, &live)).or_else(replaced) {
        Some(to) => (to, None),
        None => {
            let found = last_good(ecs, &service, &live).await?;
            (found.revision.as_str().to_owned(), found.doubt(&live))
        }
    };
    let (live, to) = tokio::try_join!(described(ecs, live.as_str()), described(ecs, &to))?;
    if !to.active {
        let what = format!("{} is not ACTIVE", to.arn.family_and_revision());
        return Err(Failure::invalid_input(what)
            .because("ECS does not put a service on a revision that was deregistered")
            .advice("Give another one by --to; nothing was changed"));
    }
    let variables = variables::of_rollback(records.first(), &live.arn, &to);
    let mut plan = plan_of(service, live, to, variables);
    plan.warnings.extend(warning);
    scheduled::plan(ecs, request, &mut plan).await?;
    ecs.hide_plan(&mut plan);
    Ok(plan)
}

fn plan_of(service: Service, live: Revision, to: Revision, variables: VariableEdits) -> Plan {
    let is_live = live.arn == to.arn;
    let planned = PlannedRevision {
        base_images: live.definition.images(),
        base_variables: before(&live.definition, &variables),
        changes: with_public_values(diff(&live.definition, &to.definition), &variables),
        variables,
        base: live.arn,
        newest: to.arn.clone(),
        lacks_of_newest: false,
        definition: PackedDefinition::from(&to.definition),
        source: if is_live { RevisionOrigin::Live } else { RevisionOrigin::Return(to.arn) },
    };
    let mut plan = Plan {
        revisions: vec![planned],
        services: vec![PlannedService { service, revision: 0 }],
        scheduled: Vec::new(),
        warnings: Vec::new(),
    };
    plan.warn();
    plan
}

/// The images that going back changes; all of them where it changes none.
fn changed_images(plan: &Plan) -> Images {
    let mut images = Images::default();
    let Some(revision) = plan.revisions.first() else { return images };
    let all = revision.definition.unpack().images();
    let changed: BTreeMap<_, _> =
        all.iter().filter(|(name, image)| revision.base_images.get(*name) != Some(image)).collect();
    let chosen = if changed.is_empty() { all.iter().collect() } else { changed };
    for (container, image) in chosen {
        // No definition names a container twice.
        drop(images.insert(container, ImageReference::as_registered(image)));
    }
    images
}

/// `12` and `web:12` as ECS takes them, with the live family where none is given.
fn named(to: &str, live: &TaskDefinitionArn) -> String {
    if to.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{}:{to}", live.family())
    } else {
        to.to_owned()
    }
}

/// A revision that ran well before, as far as ECS tells.
struct LastGood {
    revision: TaskDefinitionArn,
    /// The live revision had run before it, and came back after it.
    was_replaced_by_its_former: bool,
}

impl LastGood {
    /// Why it may not have been good: who rolled the service back from it had a reason, which only a record tells.
    fn doubt(&self, live: &TaskDefinitionArn) -> Option<String> {
        let (it, live) = (self.revision.family_and_revision(), live.family_and_revision());
        self.was_replaced_by_its_former.then(|| {
            format!(
                "the service was on {live} before {it} and after it again: whether {it} was found faulty, by a person or by \
                 a task after its rollout, is not known without a record"
            )
        })
    }
}

/// The revision of the last deployment that succeeded and brought another one than the live one.
async fn last_good<E: Ecs>(
    ecs: &E,
    service: &Service,
    live: &TaskDefinitionArn,
) -> Result<LastGood, Failure> {
    let unreadable = |failure: Failure| {
        if failure.kind() == FailureKind::Unavailable {
            return failure;
        }
        nowhere(service, &format!("its deployments cannot be read: {failure}"))
    };
    let listed = ecs.list_service_deployments(service, Listing::Successful).await.map_err(unreadable)?;
    let good = listed.into_iter().filter(|listed| listed.status == ServiceDeploymentStatus::Successful);
    let good: Vec<_> = good.take(LOOKED_THROUGH).collect();
    if good.is_empty() {
        return Err(nowhere(service, "ECS tells of no deployment of it that succeeded"));
    }
    let runs = with_what_they_run(ecs, good).await.map_err(unreadable)?;
    let mut runs = runs.into_iter().filter_map(|(_, runs)| runs);
    let found = runs.find(|runs| runs != live);
    let was_replaced_by_its_former = runs.any(|runs| runs == *live);
    found
        .map(|revision| LastGood { revision, was_replaced_by_its_former })
        .ok_or_else(|| nowhere(service, "no deployment that succeeded brought another revision"))
}

async fn described<E: Ecs>(ecs: &E, name: &str) -> Result<Revision, Failure> {
    ecs.describe_task_definition(name).await?.ok_or_else(|| {
        Failure::invalid_input(format!("there is no task definition {name}"))
            .advice("Give the number of a revision, family:revision or its ARN; nothing was changed")
    })
}

fn nowhere(service: &Service, why: &str) -> Failure {
    let what = format!("service {} has no revision that is known to go back to", service.name);
    Failure::invalid_input(what).because(why).advice("Give the revision by --to; nothing was changed")
}
