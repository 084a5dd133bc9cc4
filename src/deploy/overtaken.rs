//! Finds the deployment that ours replaced, where the response to our update did not tell.
//!
//! The response lists a deployment that came in between (`came_between`). A run that takes over from one that was
//! killed has not seen the response, and by then ECS may have drained that deployment: its list of service deployments
//! still has it.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Phase;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Ecs, ListedServiceDeployment, Listing, RecordStore};
use evenkeel_core::rollout::Rollout;
use evenkeel_core::service_deployment::ServiceDeploymentStatus;
use evenkeel_core::timestamp::Timestamp;

use super::context::Context;
use super::listed::{LOOKED_THROUGH, with_what_they_run};
use super::record_keeping::RecordKeeping;
use super::run::Run;

/// The newest deployment of our revision, and what it replaced unseen.
pub(super) struct FoundDeployment {
    pub(super) mine: ListedServiceDeployment,
    /// Nothing where the base was replaced, no earlier deployment is listed, or the earlier one was rolled back.
    pub(super) overtaken: Option<TaskDefinitionArn>,
}

/// Finds the newest deployment of our `revision` among `listed`, and what the next older one of them runs, if that is
/// not the `base` that our revision is a copy of.
///
/// # Errors
/// Those of `DescribeServiceRevisions`.
pub(super) async fn find<E: Ecs>(
    ecs: &E,
    mut listed: Vec<ListedServiceDeployment>,
    revision: &TaskDefinitionArn,
    base: &TaskDefinitionArn,
) -> Result<Option<FoundDeployment>, Failure> {
    listed.sort_by_key(|listed| std::cmp::Reverse(listed.created));
    listed.truncate(LOOKED_THROUGH);
    let mut listed = with_what_they_run(ecs, listed).await?;
    let Some(at) = listed.iter().position(|(_, runs)| runs.as_ref() == Some(revision)) else {
        return Ok(None);
    };
    let (mine, _) = listed.remove(at);
    // Of several that were created at one instant, the list does not tell which was first. The base was live when it was
    // copied, so what came between is younger, unless all of them are of the instant of ours.
    let older = listed.into_iter().filter(|(listed, _)| listed.created <= mine.created);
    let older: Vec<_> = older.collect();
    let of_base = older.iter().filter(|(_, runs)| runs.as_ref() == Some(base));
    let of_base = of_base.map(|(listed, _)| listed.created).max();
    let came_between =
        |created: Timestamp| of_base.is_none_or(|base| created > base) || created == mine.created;
    let newest = older.iter().map(|(listed, _)| listed.created).max().filter(|newest| came_between(*newest));
    let mut newest = older.into_iter().filter(|(listed, _)| Some(listed.created) == newest);
    let overtaken = newest.find_map(|(listed, runs)| match listed.status {
        ServiceDeploymentStatus::InProgress
        | ServiceDeploymentStatus::Successful
        | ServiceDeploymentStatus::Stopped
        | ServiceDeploymentStatus::Unknown => runs.filter(|runs| runs != revision && runs != base),
        // ECS had put the service back on what ran before.
        ServiceDeploymentStatus::RollingBack
        | ServiceDeploymentStatus::RolledBack
        | ServiceDeploymentStatus::RollbackFailed => None,
    });
    Ok(Some(FoundDeployment { overtaken, mine }))
}

/// Goes on where the same command was cut off: its update had replaced another actor's deployment, and nobody has
/// brought that one's change since. The record tells of the first, ECS of the second; where no record marks the
/// live revision as unfinished, ECS is not asked.
///
/// # Errors
/// [`FailureKind::Unavailable`]; who may not read service deployments goes on without.
pub(super) async fn go_on_with_the_overtaken<E: Ecs, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &RecordKeeping<'_, R>,
) -> Result<(), Failure> {
    match find_overtaken(cx, run, record).await {
        Err(failure) if failure.kind() != FailureKind::Unavailable => Ok(()),
        found => found,
    }
}

async fn find_overtaken<E: Ecs, R: RecordStore>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    record: &RecordKeeping<'_, R>,
) -> Result<(), Failure> {
    let ecs = cx.ecs;
    let service = &run.seen.service;
    let Some(primary) = service.primary() else { return Ok(()) };
    let (live, id) = (primary.task_definition.clone(), primary.id.clone());
    let Some(source) = record.cut_off(&live, &run.brought) else { return Ok(()) };
    let listed = ecs.list_service_deployments(service, Listing::Since(Timestamp::default())).await?;
    let found = find(ecs, listed, &live, &source).await?;
    let Some(overtaken) = found.and_then(|found| found.overtaken) else { return Ok(()) };
    let Some(began) = ecs.describe_task_definition(source.as_str()).await? else { return Ok(()) };
    let since = cx.since(service, Some(&id));
    let rollout = Rollout { revision: live.clone(), deployment: Some(id.clone()), replaced: None, since };
    run.deployment = Some(id);
    run.target = Some(live);
    run.began_images = began.definition.images();
    run.began_on = Some(source.clone());
    run.may_be_live = true;
    run.phase = Phase::RollingOut { rollout, former: Some(source), overtaken: Some(overtaken) };
    Ok(())
}
