//! What the field showed of rollouts, beyond what the documentation says.

use std::time::Duration;

use aws_sdk_ecs::error::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::world::World;
use crate::RolloutOutcome;

fn breaker() -> Value {
    json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } } })
}

/// The tasks that are to stop: their status, and whether they have stopped.
async fn leaving(world: &World) -> Vec<String> {
    let request = world.ecs.list_tasks().cluster("prod").service_name("web");
    let arns = request.desired_status("STOPPED".into()).send().await.unwrap().task_arns.unwrap();
    if arns.is_empty() {
        return Vec::new();
    }
    let request = world.ecs.describe_tasks().cluster("prod").set_tasks(Some(arns));
    let tasks = request.send().await.unwrap().tasks.unwrap();
    let told = tasks.iter().map(|it| format!("{} {}", it.last_status().unwrap(), it.stopped_at().is_some()));
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_deployment_wants_no_task_in_its_first_seconds() {
    let world = World::with_service(2, json!({}));
    let request = world.ecs.update_service().cluster("prod").service("web");
    let answer = request.task_definition(world.register("app:2")).send().await.unwrap().service.unwrap();
    assert_eq!(answer.current_service_deployment(), None);
    assert_eq!((answer.desired_count(), answer.deployments()[0].desired_count()), (2, 0));
    let requested = |service: &aws_sdk_ecs::types::Service| {
        service.current_service_revisions().iter().map(|it| it.requested_task_count()).min()
    };
    assert_eq!(requested(&answer), Some(0));
    world.sleep(5).await;
    let later = world.service().await;
    assert_eq!((later.deployments()[0].desired_count(), requested(&later)), (2, Some(2)));
    assert!(later.current_service_deployment().is_some());
}

#[tokio::test(start_paused = true)]
async fn tasks_leave_their_load_balancer_before_they_stop() {
    let world = World::with_service(2, json!({})).with_rollout(RolloutOutcome::Ok, 60);
    world.sandbox.set_deregistration_delay("prod", "web", Duration::from_secs(300));
    world.update(&world.register("app:2")).await;
    world.sleep(45).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 IN_PROGRESS", "ACTIVE web:1 0/0 COMPLETED"]);
    assert_eq!(leaving(&world).await, ["DEACTIVATING false", "DEACTIVATING false"]);
    assert_eq!(world.events(1).await, ["(service web) has begun draining connections on 2 tasks."]);
    world.sleep(299).await;
    assert_eq!(world.deployments().await.len(), 2);
    world.sleep(1).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 COMPLETED"]);
    assert_eq!(leaving(&world).await, ["STOPPED true", "STOPPED true"]);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_port_is_free_only_when_the_old_task_has_left() {
    let world = World::with_service(1, json!({})).with_rollout(RolloutOutcome::HostPort, 300);
    world.sandbox.set_deregistration_delay("prod", "web", Duration::from_secs(300));
    world.update(&world.register("app:2")).await;
    world.sleep(1).await;
    let events = world.events(3).await;
    assert!(events[2].contains("is already using a port required by your task"), "{events:?}");
    world.sleep(348).await;
    assert_eq!(world.deployments().await[0], "PRIMARY web:2 0/0 IN_PROGRESS");
    world.sleep(2).await;
    assert_eq!(world.deployments().await[0], "PRIMARY web:2 0/1 IN_PROGRESS");
    world.sleep(250).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 1/0 COMPLETED"]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_is_told_as_a_failed_placement_and_repeated_slowly() {
    let world = World::with_service(1, breaker()).with_rollout(RolloutOutcome::ImageMissing, 660);
    world.update(&world.register("app:bad")).await;
    for (seconds, failed) in [(153, 0), (1, 1), (132, 2), (373, 2)] {
        world.sleep(seconds).await;
        assert_eq!(world.service().await.deployments()[0].failed_tasks(), failed, "{seconds}");
    }
    let events = world.events(3).await;
    assert_eq!(events[0], "(service web) has started 1 tasks: (task …).");
    assert_eq!(
        events[1],
        "(service web) was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been \
         retried 1 time(s): failed to resolve ref app:bad: not found."
    );
    world.sleep(1).await;
    assert_eq!(world.status().await, "ROLLBACK_IN_PROGRESS");
}

#[tokio::test(start_paused = true)]
async fn percentages_that_leave_no_room_are_told_each_minute() {
    let full = json!({ "deploymentConfiguration": { "minimumHealthyPercent": 100, "maximumPercent": 100 } });
    let world = World::with_service(2, full).with_rollout(RolloutOutcome::Ok, 60);
    world.update(&world.register("app:2")).await;
    world.sleep(3600).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/0 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
    let told = "(service web) was unable to stop or start tasks during a deployment because of the service deployment";
    assert!(world.events(60).await.iter().all(|event| event.starts_with(told)));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_can_fail_as_well() {
    let world = World::with_service(2, breaker()).with_rollout(RolloutOutcome::CrashTwice, 60);
    world.update(&world.register("app:bad")).await;
    world.sleep(60).await;
    assert_eq!(world.status().await, "ROLLBACK_IN_PROGRESS");
    world.sleep(60).await;
    assert_eq!(world.status().await, "ROLLBACK_FAILED");
    assert_eq!(world.deployments().await, ["PRIMARY web:1 0/0 FAILED", "DRAINING web:2 0/0 FAILED"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_is_named_in_a_second_sentence() {
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:check";
    let hook = json!({ "hookTargetArn": function, "roleArn": "arn:aws:iam::123456789012:role/hooks",
        "lifecycleStages": ["PRE_SCALE_UP"] });
    let configuration = json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook] });
    let world = World::with_service(2, json!({ "deploymentConfiguration": configuration }));
    let world = world.with_rollout(RolloutOutcome::HookFails, 80);
    world.update(&world.register("app:2")).await;
    world.sleep(200).await;
    let current = world.service_deployment().await;
    assert_eq!(current.status().unwrap().as_str(), "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        current.status_reason().unwrap(),
        format!(
            "Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. Lifecycle hook target \
             {function} returned FAILED status."
        )
    );
}

#[tokio::test(start_paused = true)]
async fn service_deployments_come_twenty_at_a_time_and_in_no_order() {
    let world = World::with_service(0, json!({}));
    for number in 0..24 {
        world.update(&world.register(&format!("app:{number}"))).await;
        world.sleep(10).await;
    }
    let list = |token| {
        let request = world.ecs.list_service_deployments().cluster("prod").service("web");
        request.set_next_token(token).send()
    };
    let first = list(None).await.unwrap();
    let second = list(first.next_token.clone()).await.unwrap();
    let times = |page: &[aws_sdk_ecs::types::ServiceDeploymentBrief]| -> Vec<i64> {
        page.iter().map(|brief| brief.created_at().unwrap().secs()).collect()
    };
    let all = [times(first.service_deployments()), times(second.service_deployments())].concat();
    assert_eq!((first.service_deployments().len(), all.len()), (20, 25));
    assert!(!all.is_sorted() && !all.iter().rev().is_sorted(), "{all:?}");
    let request = world.ecs.list_service_deployments().cluster("prod").service("web");
    let stopped = request.status("STOPPED".into()).send().await.unwrap();
    assert_eq!(stopped.service_deployments().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_task_definition_is_described_only_when_the_lag_is_over() {
    let world = World::with_service(1, json!({}));
    world.sandbox.set_read_lag(Duration::from_secs(10));
    world.sleep(1).await;
    let arn = world.register("app:2");
    let describe = |name: &str| world.ecs.describe_task_definition().task_definition(name).send();
    world.sleep(9).await;
    assert_eq!(describe(&arn).await.unwrap_err().code(), Some("ClientException"));
    let newest = describe("web").await.unwrap().task_definition.unwrap();
    assert_eq!(newest.revision(), 1);
    world.sleep(1).await;
    assert_eq!(describe("web").await.unwrap().task_definition.unwrap().task_definition_arn(), Some(&*arn));
}
