//! Faults, the call log and rivals.

use std::time::Duration;

use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use serde_json::json;

use super::world::{World, config, container};
use crate::{Fault, FaultKind};

#[tokio::test(start_paused = true)]
async fn without_a_fault_a_call_is_logged_with_its_effect() {
    let world = World::empty();
    register(&world, "app:1").await.unwrap();
    let call = world.sandbox.calls().remove(0);
    assert_eq!(call.operation, "RegisterTaskDefinition");
    assert_eq!(call.at, world.clock.now());
    assert_eq!(call.request["family"], "web");
    assert_eq!(call.access_key.as_deref(), Some("AKIASANDBOX"));
    assert_eq!((call.effect, call.status), (true, Some(200)));
    world.sandbox.clear_calls();
    assert_eq!(world.sandbox.calls(), []);
    world.register("app:2");
    assert_eq!(world.sandbox.calls(), [], "a console user's calls are not logged");
}

/// Each fault, without a retry: the error, whether the call took effect, and its status.
#[tokio::test(start_paused = true)]
async fn each_fault_does_what_it_says() {
    for (kind, error, effect, status) in [
        (FaultKind::Throttled, "ThrottlingException: Rate exceeded", false, Some(400)),
        (
            FaultKind::ErrorBefore,
            "ServerException: Service Unavailable. Please try again later.",
            false,
            Some(500),
        ),
        (
            FaultKind::ErrorAfter,
            "ServerException: Service Unavailable. Please try again later.",
            true,
            Some(500),
        ),
        (FaultKind::CutBefore, "dispatch failure", false, None),
        (FaultKind::CutAfter, "dispatch failure", true, None),
        (
            FaultKind::Denied,
            "AccessDeniedException: User: arn:aws:iam::123456789012:user/evenkeel is not authorized to perform: \
             ecs:RegisterTaskDefinition on resource: arn:aws:ecs:eu-west-1:123456789012:task-definition/web:* because \
             no identity-based policy allows the ecs:RegisterTaskDefinition action",
            false,
            Some(400),
        ),
        (
            FaultKind::ConcurrentRevision,
            "ClientException: Too many concurrent attempts to create a new revision of the specified family.",
            false,
            Some(400),
        ),
        (
            FaultKind::ExpiredToken,
            "ExpiredTokenException: The security token included in the request is expired",
            false,
            Some(400),
        ),
        (
            FaultKind::Unsupported,
            "UnknownOperationException: The requested operation is not recognized by the service.",
            false,
            Some(400),
        ),
    ] {
        let world = World::empty();
        world.sandbox.inject(Fault {
            operation: "RegisterTaskDefinition".to_owned(),
            nth: None,
            kind: kind.clone(),
        });
        let seen = register_once(&world).await.unwrap_err();
        let shown = match seen.as_service_error() {
            Some(error) => format!("{}: {}", error.code().unwrap(), error.message().unwrap()),
            None => seen.to_string(),
        };
        let is_cut = matches!(&seen, SdkError::DispatchFailure(failure) if failure.is_io());
        assert_eq!(is_cut, status.is_none());
        assert_eq!(shown, error);
        let call = world.sandbox.calls().remove(0);
        assert_eq!((call.effect, call.status), (effect, status), "{kind:?}");
        assert_eq!(world.sandbox.stored("web").is_ok(), effect, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_takes_effect_after_the_delay() {
    let world = World::empty();
    world.sandbox.inject(Fault {
        operation: "RegisterTaskDefinition".to_owned(),
        nth: Some(1),
        kind: FaultKind::Delay(Duration::from_secs(9)),
    });
    let before = world.clock.now();
    register_once(&world).await.unwrap();
    assert_eq!(world.clock.now().since(before), Duration::from_secs(9));
    assert_eq!(world.sandbox.calls()[0].at, before);
    register_once(&world).await.unwrap();
    assert_eq!(world.clock.now().since(before), Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_fault_hits_the_nth_call_from_its_injection_and_the_sdk_tries_again() {
    let world = World::empty();
    register(&world, "app:1").await.unwrap();
    let fault = |nth, kind| Fault { operation: "RegisterTaskDefinition".to_owned(), nth: Some(nth), kind };
    world.sandbox.inject(fault(2, FaultKind::Throttled));
    world.sandbox.inject(fault(4, FaultKind::ErrorAfter));
    for image in ["app:2", "app:3", "app:4"] {
        register(&world, image).await.unwrap();
    }
    let statuses: Vec<_> = world.sandbox.calls().iter().map(|call| call.status.unwrap()).collect();
    assert_eq!(statuses, [200, 200, 400, 200, 500, 200]);
    let images: Vec<_> = (1..=5)
        .map(|revision| world.sandbox.stored(&format!("web:{revision}")).unwrap())
        .map(|stored| stored["containerDefinitions"][0]["image"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        images,
        ["app:1", "app:2", "app:3", "app:4", "app:4"],
        "a lost answer makes a second revision"
    );
}

#[tokio::test(start_paused = true)]
async fn an_emulator_answers_with_empty_lists() {
    let world = World::with_service(1, json!({}));
    let arn = world.service().await.current_service_deployment.unwrap();
    for operation in ["ListServiceDeployments", "DescribeServiceDeployments", "DescribeServiceRevisions"] {
        world.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(1), kind: FaultKind::Empty });
    }
    let list = || world.ecs.list_service_deployments().cluster("prod").service("web").send();
    assert!(list().await.unwrap().service_deployments().is_empty());
    let describe = || world.ecs.describe_service_deployments().service_deployment_arns(&arn).send();
    let described = describe().await.unwrap();
    assert!(described.service_deployments().is_empty() && described.failures().is_empty());
    let revisions = world.ecs.describe_service_revisions().service_revision_arns("x").send().await.unwrap();
    assert!(revisions.service_revisions().is_empty() && revisions.failures().is_empty());
    assert_eq!(list().await.unwrap().service_deployments().len(), 1);
    assert_eq!(describe().await.unwrap().service_deployments().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rival_acts_right_before_or_right_after_a_call() {
    let world = World::with_service(1, json!({}));
    world.register("app:2");
    let rival = world.register("app:rival");
    let deploy = move |sandbox: &crate::Sandbox| {
        let request = json!({ "cluster": "prod", "service": "web", "taskDefinition": rival });
        sandbox.call("UpdateService", request).unwrap();
    };
    world.sandbox.before_call("UpdateService", 1, deploy.clone());
    world.update("web:2").await;
    assert_eq!(
        world.deployments().await[..2],
        ["PRIMARY web:2 0/0 IN_PROGRESS", "ACTIVE web:3 0/0 IN_PROGRESS"]
    );

    world.sandbox.after_call("UpdateService", 2, deploy);
    world.update("web:1").await;
    assert!(world.deployments().await[0].starts_with("PRIMARY web:1"));
    world.update("web:2").await;
    assert!(world.deployments().await[0].starts_with("PRIMARY web:3"));
}

#[tokio::test(start_paused = true)]
async fn an_error_carries_a_request_id() {
    let world = World::empty();
    let error = world.ecs.describe_services().services("web").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ClusterNotFoundException"));
    assert_eq!(error.request_id(), Some("00000000-0000-4000-8000-000000000000"));
}

type Registered =
    Result<(), SdkError<aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionError>>;

async fn register(world: &World, image: &str) -> Registered {
    let request = world.ecs.register_task_definition().family("web");
    request.container_definitions(container("app", image)).send().await.map(|_| ())
}

async fn register_once(world: &World) -> Registered {
    let request = world.ecs.register_task_definition().family("web");
    let request = request.container_definitions(container("app", "app:1")).customize();
    request
        .config_override(config(world.clock).retry_config(RetryConfig::disabled()))
        .send()
        .await
        .map(|_| ())
}
