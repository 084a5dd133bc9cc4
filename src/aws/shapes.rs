//! The SDK's shapes as the domain's nouns.

use std::time::Duration;

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types as sdk;
use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::crash_loop::RunningTask;
use evenkeel_core::failure::Failure;
use evenkeel_core::placement::Departure;
use evenkeel_core::service::{
    Controller, Deployment, DeploymentId, Guard, Launch, RolloutState, Room, Scheduler, Service,
    ServiceEvent, ServiceRevision, Strategy, Watchdog,
};
use evenkeel_core::service_deployment::{Pause, ServiceDeployment, ServiceDeploymentStatus, TaskCounts};
use evenkeel_core::stopped_task::{StoppedContainer, StoppedTask};
use evenkeel_core::timestamp::Timestamp;

pub(super) fn service(service: &sdk::Service) -> Result<Service, Failure> {
    let deployments = service.deployments().iter().map(deployment).collect::<Result<_, _>>()?;
    Ok(Service {
        arn: text(service.service_arn()),
        name: text(service.service_name()),
        cluster: text(service.cluster_arn()),
        active: service.status() == Some("ACTIVE"),
        controller: controller(service.deployment_controller()),
        launch: launch(service),
        is_managed: service.resource_management_type() == Some(&sdk::ResourceManagementType::Ecs),
        task_definition: asked_for(service).map(TaskDefinitionArn::parse).transpose()?,
        desired: count(service.desired_count()),
        strategy: strategy(service),
        guard: service.deployment_configuration().map(guard).unwrap_or_default(),
        current_deployment: service.current_service_deployment().map(str::to_owned),
        deployments,
        events: service.events().iter().map(event).collect(),
        service_revisions: service
            .current_service_revisions()
            .iter()
            .filter_map(|revision| revision.arn().map(str::to_owned))
            .collect(),
    })
}

/// The revision that was last asked for. Of a service with the controller EXTERNAL the PRIMARY task set alone tells it.
fn asked_for(service: &sdk::Service) -> Option<&str> {
    let primary = service.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
    service.task_definition().or(primary.and_then(|set| set.task_definition()))
}

/// By the capacity providers where there are any; then there is no launch type.
fn launch(service: &sdk::Service) -> Launch {
    let mut providers = service.capacity_provider_strategy().iter().map(|item| item.capacity_provider());
    let is_fargate = |name: &str| matches!(name, "FARGATE" | "FARGATE_SPOT");
    match (service.launch_type(), providers.next()) {
        // One strategy has providers of one kind only (ECS API reference, `CapacityProviderStrategyItem`).
        (_, Some(first)) if is_fargate(first) => Launch::Fargate,
        (Some(sdk::LaunchType::Fargate), None) => Launch::Fargate,
        (_, Some(_)) | (Some(_), None) => Launch::Instances,
        (None, None) => Launch::Unknown,
    }
}

pub(super) fn service_deployment(found: &sdk::ServiceDeployment) -> ServiceDeployment {
    let fired = |status: Option<&sdk::ServiceDeploymentRollbackMonitorsStatus>| {
        status == Some(&sdk::ServiceDeploymentRollbackMonitorsStatus::Triggered)
    };
    let target = found.target_service_revision();
    let replaced = found.source_service_revisions().iter();
    let (breaker, alarms) = (found.deployment_circuit_breaker(), found.alarms());
    let is_on = |status: Option<&sdk::ServiceDeploymentRollbackMonitorsStatus>| {
        status != Some(&sdk::ServiceDeploymentRollbackMonitorsStatus::Disabled)
    };
    ServiceDeployment {
        arn: text(found.service_deployment_arn()),
        target: text(target.and_then(|target| target.arn())),
        tasks: target.map(task_counts).unwrap_or_default(),
        replaced_running: replaced.map(|revision| count(revision.running_task_count())).sum(),
        status: status_of(found.status()),
        created: timestamp(found.created_at()),
        finished: found.finished_at().or(found.stopped_at()).map(|at| timestamp(Some(at))),
        reason: found.status_reason().map(str::to_owned),
        breaker: breaker
            .filter(|breaker| is_on(breaker.status()))
            .map(|breaker| (count(breaker.failure_count()), count(breaker.threshold()))),
        guard_fired: fired(breaker.and_then(|breaker| breaker.status()))
            || fired(alarms.and_then(|alarms| alarms.status())),
        alarms: alarms.map(|alarms| alarms.triggered_alarm_names().to_vec()).unwrap_or_default(),
        stage: found.lifecycle_stage().map(|stage| stage.as_str().to_owned()),
        pauses: found.lifecycle_hook_details().iter().filter_map(pause).collect(),
    }
}

fn task_counts(revision: &sdk::ServiceRevisionSummary) -> TaskCounts {
    TaskCounts {
        requested: count(revision.requested_task_count()),
        running: count(revision.running_task_count()),
        pending: count(revision.pending_task_count()),
    }
}

/// A hook that waits for somebody; a Lambda function's waits for nobody.
fn pause(hook: &sdk::DeploymentLifecycleHookDetail) -> Option<Pause> {
    let waits = hook.status() == Some(&sdk::DeploymentLifecycleHookStatus::AwaitingAction);
    let expires = hook.expires_at().map(|at| timestamp(Some(at)));
    waits.then(|| Pause { hook: text(hook.hook_id()), expires })
}

pub(super) fn stopped_task(found: &sdk::Task) -> StoppedTask {
    let container = |found: &sdk::Container| StoppedContainer {
        name: text(found.name()),
        runtime_id: found.runtime_id().map(str::to_owned),
        exit_code: found.exit_code(),
        reason: found.reason().map(str::to_owned),
        log_tail: Vec::new(),
    };
    StoppedTask {
        arn: text(found.task_arn()),
        stop_code: found.stop_code().map(|code| code.as_str().to_owned()),
        reason: found.stopped_reason().map(str::to_owned),
        started: found.started_at().map(|at| timestamp(Some(at))),
        stopped: found.stopped_at().or(found.stopping_at()).map(|at| timestamp(Some(at))),
        goes_on: false,
        is_healthy: is_healthy(found),
        containers: found.containers().iter().map(container).collect(),
    }
}

pub(super) fn running_task(found: &sdk::Task) -> RunningTask {
    RunningTask { started: found.started_at().map(|at| timestamp(Some(at))), is_healthy: is_healthy(found) }
}

fn is_healthy(task: &sdk::Task) -> bool {
    task.health_status() == Some(&sdk::HealthStatus::Healthy)
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

/// A task that is to stop. It has stopped at the end of RUNNING, DEACTIVATING (it leaves its load
/// balancer), STOPPING, DEPROVISIONING, STOPPED.
pub(super) fn departure(found: &sdk::Task) -> Departure {
    let stopped = found.stopped_at().filter(|_| found.last_status() == Some("STOPPED"));
    Departure { stopped: stopped.map(|at| timestamp(Some(at))) }
}

pub(super) fn status_of(status: Option<&sdk::ServiceDeploymentStatus>) -> ServiceDeploymentStatus {
    use sdk::ServiceDeploymentStatus as Sdk;
    let Some(status) = status else { return ServiceDeploymentStatus::Unknown };
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

fn strategy(service: &sdk::Service) -> Strategy {
    let is_daemon = service.scheduling_strategy() == Some(&sdk::SchedulingStrategy::Daemon);
    let scheduler = if is_daemon { Scheduler::Daemon } else { Scheduler::Replica };
    let Some(configuration) = service.deployment_configuration() else {
        return Strategy { room: Room::of(scheduler), ..Strategy::default() };
    };
    let is_rolling = matches!(configuration.strategy(), None | Some(sdk::DeploymentStrategy::Rolling));
    let minutes = count(configuration.bake_time_in_minutes().unwrap_or_default());
    let default = Room::of(scheduler);
    Strategy {
        is_staged: !is_rolling,
        bake_time: Duration::from_secs(60) * minutes,
        room: Room {
            minimum: configuration.minimum_healthy_percent().map_or(default.minimum, count),
            maximum: configuration.maximum_percent().map_or(default.maximum, count),
            ..default
        },
        succeeds_early: configuration.early_success_criteria().is_some_and(|early| early.enable()),
    }
}

fn guard(configuration: &sdk::DeploymentConfiguration) -> Guard {
    let watchdog = |enable: bool, rollback: bool| match (enable, rollback) {
        (false, _) => Watchdog::Off,
        (true, false) => Watchdog::Stops,
        (true, true) => Watchdog::RollsBack,
    };
    let (breaker, alarms) = (configuration.deployment_circuit_breaker(), configuration.alarms());
    Guard {
        breaker: breaker.map(|it| watchdog(it.enable(), it.rollback())).unwrap_or_default(),
        alarms: alarms.map(|it| watchdog(it.enable(), it.rollback())).unwrap_or_default(),
    }
}

fn event(event: &sdk::ServiceEvent) -> ServiceEvent {
    ServiceEvent { at: timestamp(event.created_at()), message: text(event.message()) }
}

pub(super) fn date_time(at: Timestamp) -> DateTime {
    DateTime::from_millis(i64::try_from(at.since_epoch().as_millis()).unwrap_or(i64::MAX))
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
