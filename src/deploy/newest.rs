//! Reads the newest rollout of each service, anybody's.

use std::collections::BTreeMap;

use evenkeel_core::failure::Failure;
use evenkeel_core::newest_rollout::{deployment_rolled_back, newest_rollout, rolled_back};
use evenkeel_core::plan::find;
use evenkeel_core::ports::{Ecs, Masked};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::{Observation, Rollout};
use evenkeel_core::service::{Controller, Service};
use evenkeel_core::service_deployment::ServiceDeployment;
use evenkeel_core::task_definition::Revision;

/// The newest rollout of a service.
pub(super) struct Newest {
    pub(super) rollout: Rollout,
    /// The revision that it brings.
    pub(super) revision: Revision,
    pub(super) seen: Observation,
}

/// What was read of the services.
pub(super) struct Read {
    /// In the request's order.
    pub(super) services: Vec<Newest>,
    /// Why service deployments could not be read, if so: then the services alone tell.
    pub(super) unreadable: Option<Failure>,
}

/// Reads the newest rollout of each of the request's services.
///
/// # Errors
/// Those of `DescribeServices` and `DescribeTaskDefinition`, and [`Failure::invalid_input`] for a service that is
/// missing, has no deployment, or is driven by another controller than ECS.
pub(super) async fn newest_rollouts<E: Ecs>(
    ecs: &Masked<'_, E>,
    request: &DeployRequest,
) -> Result<Read, Failure> {
    let names: Vec<&str> = request.services.iter().map(|name| name.as_str()).collect();
    let mut services = find(request, ecs.describe_services(&request.cluster, &names).await?)?;
    services.iter().try_for_each(refuse_another_controller)?;
    let current: Vec<String> =
        services.iter().filter_map(|service| service.current_deployment.clone()).collect();
    let (mut records, unreadable) = match current.is_empty() {
        true => (Vec::new(), None),
        false => match ecs.describe_service_deployments(&current).await {
            Ok(records) => (records, None),
            Err(failure) => (Vec::new(), Some(failure)),
        },
    };
    let mut rollouts = Vec::new();
    for service in &services {
        let record = records.iter().find(|record| Some(&record.arn) == service.current_deployment.as_ref());
        rollouts.push(newest(ecs, service, record).await?);
    }
    let mut revisions = BTreeMap::new();
    for rollout in &rollouts {
        if !revisions.contains_key(&rollout.revision) {
            revisions.insert(rollout.revision.clone(), revision(ecs, rollout).await?);
        }
    }
    // What ECS said before may quote values of the definitions, which are known now.
    services.iter_mut().for_each(|service| ecs.hide_service(service));
    records.iter_mut().for_each(|record| ecs.hide_service_deployment(record));
    let services = services.into_iter().zip(rollouts).map(|(service, rollout)| {
        let revision = revisions[&rollout.revision].clone();
        let record = records.iter().find(|record| is_of(record, &rollout)).cloned();
        let mut seen = Observation::of(service);
        if let (Some(id), Some(record)) = (&rollout.deployment, record) {
            seen.take_record(id, record);
        }
        Newest { rollout, revision, seen }
    });
    let unreadable = unreadable.map(|failure| ecs.hide_failure(failure));
    Ok(Read { services: services.collect(), unreadable })
}

/// The newest rollout of `service`, whose current service deployment is `record`.
async fn newest<E: Ecs>(
    ecs: &E,
    service: &Service,
    record: Option<&ServiceDeployment>,
) -> Result<Rollout, Failure> {
    let listed = newest_rollout(service).ok_or_else(|| runs_nothing(service))?;
    let Some((record, id)) = record.and_then(|record| Some((record, deployment_rolled_back(record)?))) else {
        return Ok(listed);
    };
    if listed.deployment.as_ref() == Some(&id) {
        return Ok(listed);
    }
    if let Some(failed) = service.deployment(&id) {
        return Ok(rolled_back(service, id, failed.task_definition.clone()));
    }
    // The list shows the former deployment alone when the rollback is over.
    let revisions = ecs.describe_service_revisions(std::slice::from_ref(&record.target)).await;
    let failed = revisions.ok().and_then(|found| found.into_iter().find(|it| it.arn == record.target));
    Ok(failed.map_or(listed, |failed| rolled_back(service, id, failed.task_definition)))
}

fn is_of(record: &ServiceDeployment, rollout: &Rollout) -> bool {
    rollout.deployment.as_ref().is_some_and(|id| id.rolls_out(&record.target))
}

async fn revision<E: Ecs>(ecs: &E, rollout: &Rollout) -> Result<Revision, Failure> {
    let name = rollout.revision.as_str();
    ecs.describe_task_definition(name).await?.ok_or_else(|| {
        Failure::invalid_input(format!("the task definition {name} of the rollout cannot be described"))
            .because("it was deleted")
    })
}

fn refuse_another_controller(service: &Service) -> Result<(), Failure> {
    let (kind, next) = match &service.controller {
        Controller::Ecs => return Ok(()),
        Controller::CodeDeploy => {
            ("CODE_DEPLOY", "Follow it in AWS CodeDeploy, as by `aws deploy wait deployment-successful`")
        }
        Controller::External => ("EXTERNAL", "Follow it where its task sets are made"),
        Controller::Unknown(kind) => (kind.as_str(), "Use a version of Evenkeel that knows it"),
    };
    let what = format!("service {} has the deployment controller {kind}", service.name);
    Err(Failure::invalid_input(what).because("ECS does not show its rollouts").advice(next))
}

fn runs_nothing(service: &Service) -> Failure {
    Failure::invalid_input(format!("service {} has no deployment", service.name))
        .because("ECS lists none")
        .advice("Run the same command again when something was deployed to it")
}
