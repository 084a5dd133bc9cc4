//! The SDK's shapes as the domain's nouns.

use std::time::Duration;

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types as sdk;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::Failure;
use crate::domain::service::{
    Controller, Deployment, DeploymentId, Guard, RolloutState, Service, ServiceDeployment,
    ServiceDeploymentStatus, ServiceEvent, ServiceRevision,
};
use crate::domain::stopped_task::{StoppedContainer, StoppedTask};
use crate::domain::timestamp::Timestamp;

pub(super) fn service(service: &sdk::Service) -> Result<Service, Failure> {
    let deployments = service.deployments().iter().map(deployment).collect::<Result<_, _>>()?;
    Ok(Service {
        arn: text(service.service_arn()),
        name: text(service.service_name()),
        cluster: text(service.cluster_arn()),
        active: service.status() == Some("ACTIVE"),
        controller: controller(service.deployment_controller()),
        task_definition: service.task_definition().map(TaskDefinitionArn::parse).transpose()?,
        desired: count(service.desired_count()),
        guard: service.deployment_configuration().map(guard).unwrap_or_default(),
        deployments,
        events: service.events().iter().map(event).collect(),
        service_revisions: service
            .current_service_revisions()
            .iter()
            .filter_map(|revision| revision.arn().map(str::to_owned))
            .collect(),
    })
}

pub(super) fn service_deployment(found: &sdk::ServiceDeployment) -> ServiceDeployment {
    let fired = |status: Option<&sdk::ServiceDeploymentRollbackMonitorsStatus>| {
        status == Some(&sdk::ServiceDeploymentRollbackMonitorsStatus::Triggered)
    };
    ServiceDeployment {
        arn: text(found.service_deployment_arn()),
        target: text(found.target_service_revision().and_then(|target| target.arn())),
        status: found.status().map_or(ServiceDeploymentStatus::Unknown, status),
        reason: found.status_reason().map(str::to_owned),
        guard_fired: fired(found.deployment_circuit_breaker().and_then(|breaker| breaker.status()))
            || fired(found.alarms().and_then(|alarms| alarms.status())),
        stage: found.lifecycle_stage().map(|stage| stage.as_str().to_owned()),
    }
}

pub(super) fn stopped_task(found: &sdk::Task) -> StoppedTask {
    let container = |found: &sdk::Container| StoppedContainer {
        name: text(found.name()),
        exit_code: found.exit_code(),
        reason: found.reason().map(str::to_owned),
    };
    StoppedTask {
        arn: text(found.task_arn()),
        stop_code: found.stop_code().map(|code| code.as_str().to_owned()),
        reason: found.stopped_reason().map(str::to_owned),
        containers: found.containers().iter().map(container).collect(),
    }
}

pub(super) fn service_revision(found: &sdk::ServiceRevision) -> Result<ServiceRevision, Failure> {
    let digests = found
        .container_images()
        .iter()
        .filter_map(|image| Some((image.container_name()?.to_owned(), image.image_digest()?.to_owned())));
    Ok(ServiceRevision {
        arn: text(found.service_revision_arn()),
        task_definition: TaskDefinitionArn::parse(found.task_definition().unwrap_or_default())?,
        digests: digests.collect(),
    })
}

fn deployment(found: &sdk::Deployment) -> Result<Deployment, Failure> {
    Ok(Deployment {
        id: DeploymentId::new(text(found.id())),
        primary: found.status() == Some("PRIMARY"),
        task_definition: TaskDefinitionArn::parse(found.task_definition().unwrap_or_default())?,
        desired: count(found.desired_count()),
        running: count(found.running_count()),
        pending: count(found.pending_count()),
        failed: count(found.failed_tasks()),
        rollout: found.rollout_state().map_or(RolloutState::Unreported, rollout_state),
        reason: found.rollout_state_reason().map(str::to_owned),
        created: timestamp(found.created_at()),
    })
}

fn rollout_state(state: &sdk::DeploymentRolloutState) -> RolloutState {
    match state {
        sdk::DeploymentRolloutState::Completed => RolloutState::Completed,
        sdk::DeploymentRolloutState::Failed => RolloutState::Failed,
        sdk::DeploymentRolloutState::InProgress => RolloutState::InProgress,
        // A state that is not known to be final is not taken for one.
        _ => RolloutState::InProgress,
    }
}

fn status(status: &sdk::ServiceDeploymentStatus) -> ServiceDeploymentStatus {
    use sdk::ServiceDeploymentStatus as Sdk;
    match status {
        Sdk::Pending | Sdk::InProgress | Sdk::StopRequested => ServiceDeploymentStatus::InProgress,
        Sdk::Successful => ServiceDeploymentStatus::Successful,
        Sdk::Stopped => ServiceDeploymentStatus::Stopped,
        Sdk::RollbackRequested | Sdk::RollbackInProgress => ServiceDeploymentStatus::RollingBack,
        Sdk::RollbackSuccessful => ServiceDeploymentStatus::RolledBack,
        Sdk::RollbackFailed => ServiceDeploymentStatus::RollbackFailed,
        _ => ServiceDeploymentStatus::Unknown,
    }
}

fn controller(controller: Option<&sdk::DeploymentController>) -> Controller {
    match controller.map(|controller| controller.r#type()) {
        None | Some(sdk::DeploymentControllerType::Ecs) => Controller::Ecs,
        Some(sdk::DeploymentControllerType::CodeDeploy) => Controller::CodeDeploy,
        Some(sdk::DeploymentControllerType::External) => Controller::External,
        Some(other) => Controller::Unknown(other.as_str().to_owned()),
    }
}

fn guard(configuration: &sdk::DeploymentConfiguration) -> Guard {
    let breaker = configuration.deployment_circuit_breaker();
    let alarms = configuration.alarms();
    Guard {
        breaker: breaker.is_some_and(|breaker| breaker.enable()),
        rollback: breaker.is_some_and(|breaker| breaker.enable() && breaker.rollback())
            || alarms.is_some_and(|alarms| alarms.enable() && alarms.rollback()),
    }
}

fn event(event: &sdk::ServiceEvent) -> ServiceEvent {
    ServiceEvent { at: timestamp(event.created_at()), message: text(event.message()) }
}

pub(super) fn timestamp(at: Option<&DateTime>) -> Timestamp {
    let millis = at.and_then(|at| at.to_millis().ok()).and_then(|millis| u64::try_from(millis).ok());
    Timestamp::from_unix(Duration::from_millis(millis.unwrap_or_default()))
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn count(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}
