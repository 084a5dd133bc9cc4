//! Pauses in a deployment, and who ends them.

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::DeploymentLifecycleHookAction::{Continue, Rollback};
use aws_sdk_ecs::types::DeploymentLifecycleHookDetail;
use serde_json::{Value, json};

use super::world::World;
use crate::RolloutOutcome;

#[tokio::test(start_paused = true)]
async fn a_deployment_waits_at_a_pause_until_somebody_lets_it_go_on() {
    let world = paused(json!({}), &["POST_TEST_TRAFFIC_SHIFT"]).await;
    world.sleep(3600).await;
    assert_eq!(world.status().await, "IN_PROGRESS POST_TEST_TRAFFIC_SHIFT");
    let hook = hooks(&world).await.remove(0);
    assert_eq!(hook.target_type().unwrap().as_str(), "PAUSE");
    assert_eq!(hook.status().unwrap().as_str(), "AWAITING_ACTION");
    assert_eq!(hook.timeout_action(), Some(&Rollback));
    // It began to wait after 40 seconds, and waits for a day.
    assert_eq!(hook.expires_at().unwrap().secs(), 1_767_268_800 + 40 + 86_400);

    let arn = world.service().await.current_service_deployment.unwrap();
    let go_on = |id: &str| world.ecs.continue_service_deployment().service_deployment_arn(&arn).hook_id(id);
    let refused = go_on("another").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterException"));
    let id = hook.hook_id().unwrap();
    assert_eq!(go_on(id).send().await.unwrap().service_deployment_arn(), Some(arn.as_str()));
    assert_eq!(hooks(&world).await[0].status().unwrap().as_str(), "SUCCEEDED");
    assert_eq!(go_on(id).send().await.unwrap_err().code(), Some("InvalidParameterException"));
    world.sleep(39).await;
    assert_eq!(world.status().await, "IN_PROGRESS CLEAN_UP");
    world.sleep(1).await;
    assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
    let unknown = world.ecs.continue_service_deployment().service_deployment_arn("nope").hook_id(id);
    assert_eq!(unknown.send().await.unwrap_err().code(), Some("ServiceDeploymentNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_waits_can_be_rolled_back_in_either_way() {
    for by_hook in [true, false] {
        let world = paused(json!({}), &["POST_SCALE_UP"]).await;
        world.sleep(100).await;
        assert_eq!(world.status().await, "IN_PROGRESS POST_SCALE_UP");
        let arn = world.service().await.current_service_deployment.unwrap();
        let reason = if by_hook {
            let id = hooks(&world).await[0].hook_id.clone().unwrap();
            let request = world.ecs.continue_service_deployment().service_deployment_arn(&arn).hook_id(&id);
            request.action(Rollback).send().await.unwrap();
            assert_eq!(hooks(&world).await[0].status().unwrap().as_str(), "FAILED");
            "Service deployment rolled back because POST_SCALE_UP lifecycle hook(s) failed."
        } else {
            world.ecs.stop_service_deployment().service_deployment_arn(&arn).send().await.unwrap();
            "Service deployment rolled back because of a user request."
        };
        assert_eq!(world.status().await, "ROLLBACK_REQUESTED POST_SCALE_UP");
        world.sleep(80).await;
        let current = world.service_deployment().await;
        assert_eq!(current.status().unwrap().as_str(), "ROLLBACK_SUCCESSFUL");
        assert_eq!(current.rollback().unwrap().reason(), Some(reason));
        assert_eq!(world.service().await.task_definition().unwrap().rsplit('/').next(), Some("web:1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_ends_does_what_was_configured() {
    for (action, after, status) in [
        ("CONTINUE", Continue, "SUCCESSFUL CLEAN_UP"),
        ("ROLLBACK", Rollback, "ROLLBACK_SUCCESSFUL PRE_SCALE_UP"),
    ] {
        let timeout = json!({ "timeoutInMinutes": 5, "action": action });
        let world = paused(timeout, &["PRE_SCALE_UP"]).await;
        world.sleep(299).await;
        assert_eq!(world.status().await, "IN_PROGRESS PRE_SCALE_UP");
        assert_eq!(hooks(&world).await[0].timeout_action(), Some(&after));
        world.sleep(1).await;
        assert_eq!(hooks(&world).await[0].status().unwrap().as_str(), "TIMED_OUT");
        world.sleep(80).await;
        assert_eq!(world.status().await, status);
    }
}

#[tokio::test(start_paused = true)]
async fn each_stage_and_each_step_of_the_traffic_pauses_again() {
    let configuration = json!({
        "strategy": "CANARY",
        "canaryConfiguration": { "canaryPercent": 5, "canaryBakeTimeInMinutes": 1 },
        "lifecycleHooks": [{
            "targetType": "PAUSE",
            "lifecycleStages": ["PRE_SCALE_UP", "PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"],
        }],
    });
    let world = started(configuration).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        world.sleep(3600).await;
        let current = world.service_deployment().await;
        let target = current.target_service_revision().unwrap();
        let weight = target.requested_production_traffic_weight().unwrap();
        seen.push(format!("{} {weight}", current.lifecycle_stage().unwrap()));
        go_on(&world).await;
    }
    assert_eq!(
        seen,
        [
            "PRE_SCALE_UP 0",
            "POST_TEST_TRAFFIC_SHIFT 0",
            "PRODUCTION_TRAFFIC_SHIFT 0",
            "PRODUCTION_TRAFFIC_SHIFT 5",
            "PRODUCTION_TRAFFIC_SHIFT 5",
        ]
    );
    world.sleep(3600).await;
    assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
    assert_eq!(hooks(&world).await.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_function_is_waited_for_by_nobody() {
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:check";
    let hook = json!({ "hookTargetArn": function, "lifecycleStages": ["POST_SCALE_UP"] });
    let world = started(json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook] })).await;
    world.sleep(80).await;
    assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
    let hook = hooks(&world).await.remove(0);
    assert_eq!(hook.target_type().unwrap().as_str(), "AWS_LAMBDA");
    assert_eq!((hook.target_arn(), hook.status().unwrap().as_str()), (Some(function), "SUCCEEDED"));
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_a_deployment_that_waits() {
    let world = paused(json!({}), &["POST_SCALE_UP"]).await;
    world.sleep(100).await;
    let waiting = world.service().await.current_service_deployment.unwrap();
    world.update(&world.register("app:3")).await;
    assert_eq!(world.service_deployment_of(&waiting).await.status().unwrap().as_str(), "STOP_REQUESTED");
    world.sleep(100).await;
    assert_eq!(world.service_deployment_of(&waiting).await.status().unwrap().as_str(), "STOPPED");
    go_on(&world).await;
    world.sleep(80).await;
    assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
}

/// A blue/green deployment of 80 seconds that pauses at these stages.
async fn paused(timeout: Value, stages: &[&str]) -> World {
    let hook = json!({ "targetType": "PAUSE", "lifecycleStages": stages, "timeoutConfiguration": timeout });
    started(json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook] })).await
}

async fn started(configuration: Value) -> World {
    let world = World::with_service(1, json!({ "deploymentConfiguration": configuration }));
    let world = world.with_rollout(RolloutOutcome::Ok, 80);
    world.update(&world.register("app:2")).await;
    world
}

async fn hooks(world: &World) -> Vec<DeploymentLifecycleHookDetail> {
    world.service_deployment().await.lifecycle_hook_details.unwrap()
}

async fn go_on(world: &World) {
    let arn = world.service().await.current_service_deployment.unwrap();
    let waiting = hooks(world).await;
    let id = waiting.last().unwrap().hook_id().unwrap();
    let request = world.ecs.continue_service_deployment().service_deployment_arn(&arn).hook_id(id);
    request.action(Continue).send().await.unwrap();
}
