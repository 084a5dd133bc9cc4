//! Service deployments, and what each of them rolls out.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Ecs, ListedServiceDeployment};

/// How many service deployments are looked through: as many as one call of `DescribeServiceRevisions` takes.
pub(super) const LOOKED_THROUGH: usize = 20;

/// Pairs each service deployment with the task definition that it rolls out, if ECS still tells. ECS is asked, since AWS
/// does not document what the ids mean.
///
/// # Errors
/// Those of `DescribeServiceRevisions`.
pub(super) async fn with_what_they_run<E: Ecs>(
    ecs: &E,
    listed: Vec<ListedServiceDeployment>,
) -> Result<Vec<(ListedServiceDeployment, Option<TaskDefinitionArn>)>, Failure> {
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let targets: Vec<String> = listed.iter().map(|listed| listed.target.clone()).collect();
    let revisions = ecs.describe_service_revisions(&targets).await?;
    let runs = |listed: ListedServiceDeployment| {
        let revision = revisions.iter().find(|found| found.arn == listed.target);
        let runs = revision.map(|found| found.task_definition.clone());
        (listed, runs)
    };
    Ok(listed.into_iter().map(runs).collect())
}
