//! Samples for the tests of the core: a test names only what it is about.

use std::time::Duration;

use super::arn::TaskDefinitionArn;
use super::service::{Controller, Deployment, DeploymentId, Guard, Launch, RolloutState, Service, Strategy};
use super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus, TaskCounts};
use super::stopped_task::{StoppedContainer, StoppedTask};
use super::timestamp::Timestamp;

/// The revision that is called so, as `web:2`.
pub(crate) fn arn(name: &str) -> TaskDefinitionArn {
    TaskDefinitionArn::parse(&format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}")).unwrap()
}

pub(crate) fn id(number: u64) -> DeploymentId {
    DeploymentId::new(format!("ecs-svc/{number}"))
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(Duration::from_secs(seconds))
}

/// The PRIMARY deployment `number` of `revision`; one task is wanted, and runs.
pub(crate) fn primary(number: u64, revision: &str, rollout: RolloutState) -> Deployment {
    Deployment {
        id: id(number),
        primary: true,
        task_definition: arn(revision),
        desired: 1,
        running: 1,
        pending: 0,
        failed: 0,
        rollout,
        reason: None,
        created: at(1_000),
    }
}

/// The service `name`, which wants one task.
pub(crate) fn service(name: &str, deployments: Vec<Deployment>) -> Service {
    Service {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}"),
        name: name.to_owned(),
        cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod".to_owned(),
        active: true,
        controller: Controller::Ecs,
        is_managed: false,
        launch: Launch::default(),
        task_definition: None,
        desired: 1,
        strategy: Strategy::default(),
        guard: Guard::default(),
        current_deployment: None,
        deployments,
        events: Vec::new(),
        service_revisions: Vec::new(),
    }
}

/// The service deployment of deployment `number`; of two tasks that are wanted none runs.
pub(crate) fn record(number: u64, status: ServiceDeploymentStatus) -> ServiceDeployment {
    ServiceDeployment {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service-deployment/prod/web/{number}"),
        target: format!("arn:aws:ecs:eu-west-1:123456789012:service-revision/prod/web/{number}"),
        tasks: TaskCounts { requested: 2, running: 0, pending: 0 },
        replaced_running: 2,
        status,
        created: at(1_000),
        finished: None,
        reason: Some("ECS says so".to_owned()),
        breaker: None,
        guard_fired: false,
        alarms: Vec::new(),
        stage: None,
        pauses: Vec::new(),
    }
}

/// A task whose only container, `app`, exited with 1 before it got to run.
pub(crate) fn stopped(id: &str) -> StoppedTask {
    let app = StoppedContainer { name: "app".to_owned(), exit_code: Some(1), ..StoppedContainer::default() };
    StoppedTask {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{id}"),
        stop_code: Some("EssentialContainerExited".to_owned()),
        reason: Some("Essential container in task exited".to_owned()),
        started: None,
        stopped: Some(at(1_010)),
        goes_on: false,
        is_healthy: false,
        containers: vec![app],
    }
}
