//! Samples for the tests of the core: a test names only what it is about.

use std::time::Duration;

use super::arn::TaskDefinitionArn;
use super::service::{Controller, Deployment, DeploymentId, Guard, RolloutState, Service};
use super::timestamp::Timestamp;

/// The revision that is called so, as `web:2`.
pub(super) fn arn(name: &str) -> TaskDefinitionArn {
    TaskDefinitionArn::parse(&format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}")).unwrap()
}

pub(super) fn id(number: u64) -> DeploymentId {
    DeploymentId::new(format!("ecs-svc/{number}"))
}

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(Duration::from_secs(seconds))
}

/// The PRIMARY deployment `number` of `revision`; one task is wanted, and runs.
pub(super) fn primary(number: u64, revision: &str, rollout: RolloutState) -> Deployment {
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
pub(super) fn service(name: &str, deployments: Vec<Deployment>) -> Service {
    Service {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}"),
        name: name.to_owned(),
        cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod".to_owned(),
        active: true,
        controller: Controller::Ecs,
        task_definition: None,
        desired: 1,
        guard: Guard::default(),
        deployments,
        events: Vec::new(),
        service_revisions: Vec::new(),
    }
}
