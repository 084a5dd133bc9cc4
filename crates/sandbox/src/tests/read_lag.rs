//! Reads that lag behind: what they show, what they miss, and that they catch up.

use std::time::Duration;

use aws_sdk_ecs::error::ProvideErrorMetadata;
use serde_json::json;

use super::world::World;
use crate::RolloutOutcome;

#[tokio::test(start_paused = true)]
async fn a_write_is_seen_only_when_the_lag_is_over() {
    let world = World::with_service(1, json!({})).with_rollout(RolloutOutcome::Ok, 60);
    let before = world.service().await;
    world.sandbox.set_read_lag(Duration::from_secs(10));
    let answer = world.ecs.update_service().cluster("prod").service("web");
    let answer = answer.task_definition(world.register("app:2")).send().await.unwrap().service.unwrap();
    assert_ne!(answer.deployments()[0].id(), before.deployments()[0].id(), "the answer to a write is fresh");
    let fresh = world.call("DescribeServices", json!({ "cluster": "prod", "services": ["web"] }));
    let arn = fresh["services"][0]["currentServiceDeployment"].as_str().unwrap();

    world.sleep(9).await;
    assert_eq!(world.service().await, before);
    let list = || world.ecs.list_service_deployments().cluster("prod").service("web").send();
    assert_eq!(list().await.unwrap().service_deployments().len(), 1);
    let describe = || world.ecs.describe_service_deployments().service_deployment_arns(arn).send();
    let described = describe().await.unwrap();
    assert_eq!(described.failures()[0].reason(), Some("MISSING"));
    let target = answer.deployments()[0].id().unwrap().replace("ecs-svc", "");
    let target = format!("arn:aws:ecs:eu-west-1:123456789012:service-revision/prod/web{target}");
    let revision = || world.ecs.describe_service_revisions().service_revision_arns(&target).send();
    assert_eq!(revision().await.unwrap().failures().len(), 1);

    world.sleep(1).await;
    assert_eq!(world.service().await.deployments()[0].id(), answer.deployments()[0].id());
    assert_eq!(list().await.unwrap().service_deployments().len(), 2);
    assert_eq!(describe().await.unwrap().service_deployments()[0].status().unwrap().as_str(), "PENDING");
    assert_eq!(revision().await.unwrap().service_revisions().len(), 1);
}

/// Every read of a world that lags shows what the same world showed that long ago without a lag.
#[tokio::test(start_paused = true)]
async fn a_rollout_is_seen_step_by_step_as_it_was() {
    for outcome in
        [RolloutOutcome::Ok, RolloutOutcome::Crash, RolloutOutcome::Superseded, RolloutOutcome::Unhealthy]
    {
        let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
        let start = || async {
            let world = World::with_service(2, json!({ "deploymentConfiguration": breaker }));
            let world = world.with_rollout(outcome, 60);
            world.sandbox.set_read_lag(Duration::ZERO);
            world
        };
        let world = start().await;
        world.update(&world.register("app:2")).await;
        let mut fresh = Vec::new();
        for _ in 0..70 {
            fresh.push((world.service().await, world.service_deployment().await, tasks(&world).await));
            world.sleep(3).await;
        }

        let world = start().await;
        world.sandbox.set_read_lag(Duration::from_secs(30));
        world.update(&world.register("app:2")).await;
        world.sleep(30).await;
        for (look, expected) in fresh.iter().enumerate() {
            let seen = (world.service().await, world.service_deployment().await, tasks(&world).await);
            assert_eq!(&seen, expected, "{outcome:?}, look {look}");
            world.sleep(3).await;
        }
        let families = world.call("ListTaskDefinitions", json!({ "familyPrefix": "web" }));
        let expected = if outcome == RolloutOutcome::Superseded { 3 } else { 2 };
        assert_eq!(families["taskDefinitionArns"].as_array().unwrap().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_view_is_fresh_and_the_lag_can_be_lifted() {
    let world = World::with_service(1, json!({}));
    world.sandbox.set_read_lag(Duration::from_secs(300));
    let first = world.service().await;
    world.update(&world.register("app:2")).await;
    let seen = world.call("DescribeServices", json!({ "cluster": "prod", "services": ["web"] }));
    assert_eq!(seen["services"][0]["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(world.service().await, first);
    world.sandbox.set_read_lag(Duration::ZERO);
    assert_eq!(world.deployments().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_just_made_is_missing() {
    let world = World::with_service(1, json!({}));
    world.sandbox.set_read_lag(Duration::from_secs(5));
    world.call("CreateService", json!({ "cluster": "prod", "serviceName": "new", "taskDefinition": "web" }));
    let describe = || world.ecs.describe_services().cluster("prod").services("new").send();
    let list = || world.ecs.list_tasks().cluster("prod").service_name("new").send();
    assert_eq!(describe().await.unwrap().failures()[0].reason(), Some("MISSING"));
    assert_eq!(list().await.unwrap_err().code(), Some("ServiceNotFoundException"));
    world.sleep(5).await;
    assert_eq!(describe().await.unwrap().services().len(), 1);
    list().await.unwrap();
}

async fn tasks(world: &World) -> Vec<aws_sdk_ecs::types::Task> {
    let mut arns = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let request = world.ecs.list_tasks().cluster("prod").service_name("web");
        arns.extend(request.desired_status(status.into()).send().await.unwrap().task_arns.unwrap());
    }
    let request = world.ecs.describe_tasks().cluster("prod").set_tasks(Some(arns));
    request.send().await.unwrap().tasks.unwrap()
}
