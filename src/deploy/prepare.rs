//! From a request to a plan: all the reading that a deployment does before it writes.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::plan::{Lineage, Plan, select};
use evenkeel_core::ports::{Cloud, Ecs, Masked, RecordStore, ScheduledTasks};
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::DeployRequest;
use evenkeel_core::service::Service;

use crate::clock::Clock;

use super::record_keeping::RecordKeeping;
use super::{scheduled, variables, verify};

/// Reads what the request is about, plans it and checks that its images are there; writes nothing. `stores` has the records
/// of each service, in the request's order, or nothing: they tell which variables the pipeline owns.
///
/// # Errors
/// Those of [`Ecs`]'s reads, of the stores, [`select`] and [`Plan::new`], an image that cannot run, and a variable that the
/// pipeline does not own.
pub async fn prepare<E: Cloud, R: RecordStore>(
    cloud: &E,
    stores: &[&[R]],
    clock: &Clock,
    request: &DeployRequest,
) -> Result<Plan, Failure> {
    let cloud = Masked::new(cloud);
    let plan = read_and_check(&cloud, stores, clock, request).await;
    let mut plan = plan.map_err(|failure| cloud.hide_failure(failure))?;
    cloud.hide_plan(&mut plan);
    Ok(plan)
}

async fn read_and_check<E: Cloud, R: RecordStore>(
    cloud: &Masked<'_, E>,
    stores: &[&[R]],
    clock: &Clock,
    request: &DeployRequest,
) -> Result<Plan, Failure> {
    let read = async {
        let records = RecordKeeping::of_each(stores, request.services.len(), *clock);
        let (services, mut records) = tokio::try_join!(describe(cloud, request), records)?;
        variables::learn_public(cloud, request, &records);
        plan(cloud, request, services, &mut records, None).await
    };
    let (plan, images) = tokio::join!(read, verify::look_up(cloud, clock, request));
    let mut plan = plan?;
    verify::check(&mut plan, request, &images)?;
    Ok(plan)
}

/// Describes the requested services.
pub(super) async fn describe<E: Ecs>(ecs: &E, request: &DeployRequest) -> Result<Vec<Service>, Failure> {
    let names: Vec<&str> = request.services.iter().map(|name| name.as_str()).collect();
    select(request, ecs.describe_services(&request.cluster, &names).await?)
}

/// Reads the services' live revisions, and what is to follow, and plans, for the execution that is `source`, if there is
/// one.
pub(super) async fn plan<E: Ecs + ScheduledTasks, R: RecordStore>(
    ecs: &E,
    request: &DeployRequest,
    services: Vec<Service>,
    records: &mut [RecordKeeping<'_, R>],
    source: Option<&DeployedBy>,
) -> Result<Plan, Failure> {
    let mut lineages = BTreeMap::new();
    for live in services.iter().filter_map(Service::live) {
        if !lineages.contains_key(live) {
            lineages.insert(live.clone(), lineage(ecs, live).await?);
        }
    }
    let edits = variables::find(ecs, request, &services, &lineages, records, source).await?;
    let mut plan = Plan::new(request, services, &lineages, &edits.of)?;
    plan.warnings.extend(edits.warnings);
    Box::pin(scheduled::plan(ecs, request, &mut plan)).await?;
    Ok(plan)
}

/// How long to wait for a live revision that ECS does not describe yet, in seconds: what it tells may lag
/// behind the answer to our update, which named that revision.
const UNSETTLED: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// As [`lineage`], of a revision that may have been registered just now.
pub(super) async fn settled_lineage<E: Ecs>(
    ecs: &E,
    clock: Clock,
    live: &TaskDefinitionArn,
) -> Result<Lineage, Failure> {
    for seconds in UNSETTLED {
        match lineage(ecs, live).await {
            Err(failure) if failure.kind() == FailureKind::InvalidInput => {}
            answer => return answer,
        }
        clock.sleep(Duration::from_secs(seconds)).await;
    }
    lineage(ecs, live).await
}

/// Reads a live revision and its family's newest.
///
/// The newest one is asked for, because it is nearly always the live one: then that is one call,
/// and it also tells that nobody's unused revision is left out.
pub(super) async fn lineage<E: Ecs>(ecs: &E, live: &TaskDefinitionArn) -> Result<Lineage, Failure> {
    match ecs.describe_task_definition(live.family()).await? {
        Some(newest) if newest.arn == *live => Ok(Lineage { live: newest, newer: None }),
        newer => {
            let live = ecs.describe_task_definition(live.as_str()).await?.ok_or_else(|| {
                Failure::invalid_input(format!("the live revision {live} cannot be described"))
                    .advice("It was deleted; put the service on a revision that exists first")
            })?;
            Ok(Lineage { live, newer })
        }
    }
}
