//! What a deployment looks like from its start to its end, for each outcome.

use aws_sdk_ecs::types::{ServiceDeploymentStatus, TaskStopCode};
use serde_json::{Value, json};

use super::world::World;
use crate::RolloutOutcome;

#[tokio::test(start_paused = true)]
async fn a_steady_service_stays_as_it_is() {
    let world = World::with_service(2, json!({}));
    let before = world.service().await;
    world.sleep(86_400).await;
    assert_eq!(world.service().await, before);
    assert_eq!(world.deployments().await, ["PRIMARY web:1 2/0 COMPLETED"]);
    assert_eq!(world.service_deployment().await.status(), Some(&ServiceDeploymentStatus::Successful));
}

#[tokio::test(start_paused = true)]
async fn ok_starts_runs_drains_and_completes() {
    let world = World::with_service(2, json!({})).with_rollout(RolloutOutcome::Ok, 60);
    let first = world.service().await.deployments()[0].id().unwrap().to_owned();
    let definition = world.register("app:2");
    let mine = world.update(&definition).await;
    assert_ne!(mine, first);
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/0 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
    assert_eq!(world.service_deployment().await.status(), Some(&ServiceDeploymentStatus::Pending));
    world.sleep(15).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/2 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
    assert_eq!(world.service_deployment().await.status(), Some(&ServiceDeploymentStatus::InProgress));
    world.sleep(15).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
    world.sleep(15).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 IN_PROGRESS", "ACTIVE web:1 0/0 COMPLETED"]);
    world.sleep(14).await;
    assert_eq!(world.deployments().await.len(), 2);
    world.sleep(1).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 COMPLETED"]);
    assert_eq!(world.service().await.deployments()[0].id(), Some(mine.as_str()));
    assert_eq!(world.service_deployment().await.status(), Some(&ServiceDeploymentStatus::Successful));
    assert_eq!(
        world.events(4).await,
        [
            "(service web) has reached a steady state.".to_owned(),
            format!("(service web) (deployment {mine}) deployment completed."),
            "(service web) has stopped 2 running tasks: (task …) (task …).".to_owned(),
            "(service web) has started 2 tasks: (task …) (task …).".to_owned(),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn crash_without_a_circuit_breaker_goes_on_for_ever() {
    let world = World::with_service(2, json!({})).with_rollout(RolloutOutcome::Crash, 60);
    let mine = world.update(&world.register("app:bad")).await;
    world.sleep(3600).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/0 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
    let service = world.service().await;
    assert_eq!(service.deployments()[0].failed_tasks(), 180);
    let current = world.service_deployment().await;
    assert_eq!(current.status(), Some(&ServiceDeploymentStatus::InProgress));

    let request = world.ecs.list_tasks().cluster("prod").service_name("web");
    let stopped = request.desired_status("STOPPED".into()).send().await.unwrap().task_arns.unwrap();
    let request = world.ecs.describe_tasks().cluster("prod").tasks(stopped.last().unwrap());
    let task = request.send().await.unwrap().tasks.unwrap().remove(0);
    assert_eq!(task.started_by(), Some(mine.as_str()));
    assert_eq!(task.stop_code(), Some(&TaskStopCode::EssentialContainerExited));
    assert_eq!(task.stopped_reason(), Some("Essential container in task exited"));
    assert_eq!(task.containers()[0].exit_code(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn crash_with_a_circuit_breaker_fails_at_the_threshold() {
    let world = World::with_service(2, breaker(false)).with_rollout(RolloutOutcome::Crash, 60);
    let mine = world.update(&world.register("app:bad")).await;
    world.sleep(59).await;
    assert_eq!(world.deployments().await[0], "PRIMARY web:2 0/1 IN_PROGRESS");
    world.sleep(1).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/0 FAILED", "ACTIVE web:1 2/0 COMPLETED"]);
    let service = world.service().await;
    let reason = service.deployments()[0].rollout_state_reason();
    assert_eq!(reason, Some("ECS deployment circuit breaker: tasks failed to start."));
    assert_eq!(service.deployments()[0].failed_tasks(), 3);
    let current = world.service_deployment().await;
    assert_eq!(current.status(), Some(&ServiceDeploymentStatus::Stopped));
    assert_eq!(current.rollback(), None);
    let events = world.events(1).await;
    assert_eq!(
        events,
        [format!("(service web) (deployment {mine}) deployment failed: tasks failed to start.")]
    );
    world.sleep(3600).await;
    assert_eq!(world.deployments().await[0], "PRIMARY web:2 0/0 FAILED");
}

#[tokio::test(start_paused = true)]
async fn crash_with_rollback_ends_on_the_former_revision_in_the_same_service_deployment() {
    let world = World::with_service(2, breaker(true)).with_rollout(RolloutOutcome::Crash, 60);
    let first = world.service().await.deployments()[0].id().unwrap().to_owned();
    let mine = world.update(&world.register("app:bad")).await;
    let arn = world.service().await.current_service_deployment.unwrap();
    world.sleep(60).await;
    let states = ["PRIMARY web:1 2/0 IN_PROGRESS", "DRAINING web:2 0/0 FAILED"];
    assert_eq!(world.deployments().await, states);
    let service = world.service().await;
    let rollback = &service.deployments()[0];
    assert_eq!(rollback.id(), Some(first.as_str()), "the former deployment is in progress again");
    let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {first}.");
    assert_eq!(rollback.rollout_state_reason(), Some(reason.as_str()));
    assert_eq!(world.events(1).await, [format!("(service web) rolling back to deployment {first}.")]);
    let current = world.service_deployment_of(&arn).await;
    assert_eq!(current.status(), Some(&ServiceDeploymentStatus::RollbackInProgress));
    assert!(current.rollback().unwrap().service_revision_arn().unwrap().ends_with(&number_of(&first)));
    assert!(current.target_service_revision().unwrap().arn().unwrap().ends_with(&number_of(&mine)));

    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:1 2/0 COMPLETED"]);
    assert_eq!(world.service().await.current_service_deployment(), Some(arn.as_str()));
    let current = world.service_deployment_of(&arn).await;
    assert_eq!(current.status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    assert_eq!(current.deployment_circuit_breaker().unwrap().failure_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_to_the_last_completed_deployment_past_one_that_was_replaced() {
    let world = World::with_service(1, breaker(true)).with_rollout(RolloutOutcome::Stuck, 60);
    world.update(&world.register("app:stuck")).await;
    world.sleep(30).await;
    let world = world.with_rollout(RolloutOutcome::Crash, 60);
    world.update(&world.register("app:bad")).await;
    world.sleep(120).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:1 1/0 COMPLETED"]);
}

#[tokio::test(start_paused = true)]
async fn stuck_stays_pending_for_ever() {
    let world = World::with_service(2, breaker(true)).with_rollout(RolloutOutcome::Stuck, 60);
    world.update(&world.register("app:2")).await;
    world.sleep(86_400).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/2 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
}

#[tokio::test(start_paused = true)]
async fn unplaceable_says_so_each_minute() {
    let world = World::with_service(2, json!({})).with_rollout(RolloutOutcome::Unplaceable, 60);
    world.update(&world.register("app:2")).await;
    world.sleep(15 + 2 * 60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/0 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]);
    let events = world.events(4).await;
    let placement = "(service web) was unable to place a task because no container instance met all of its requirements. ";
    assert!(events[..3].iter().all(|event| event.starts_with(placement)), "{events:?}");
    assert_eq!(events[3], "(service web) has reached a steady state.");
}

#[tokio::test(start_paused = true)]
async fn superseded_ends_on_the_revision_of_another_actor() {
    let world = World::with_service(1, json!({})).with_rollout(RolloutOutcome::Superseded, 60);
    let mine = world.update(&world.register("app:2")).await;
    let arn = world.service().await.current_service_deployment.unwrap();
    world.sleep(30).await;
    let states =
        ["PRIMARY web:3 0/0 IN_PROGRESS", "ACTIVE web:2 0/1 IN_PROGRESS", "ACTIVE web:1 1/0 COMPLETED"];
    assert_eq!(world.deployments().await, states);
    assert_eq!(world.service().await.deployments()[1].id(), Some(mine.as_str()));
    let status = |arn: String| async { world.service_deployment_of(&{ arn }).await };
    assert_eq!(status(arn.clone()).await.status(), Some(&ServiceDeploymentStatus::StopRequested));
    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:3 1/0 COMPLETED"]);
    let ours = status(arn.clone()).await;
    assert_eq!(ours.status(), Some(&ServiceDeploymentStatus::Stopped));
    assert_eq!(ours.status_reason(), Some("Replaced by a new service deployment."));
    assert_ne!(world.service().await.current_service_deployment(), Some(arn.as_str()));
    let theirs = world.sandbox.stored("web").unwrap();
    assert_eq!(theirs["containerDefinitions"][0]["image"], "registry.example.com/rival:1");
}

#[tokio::test(start_paused = true)]
async fn a_rival_supersedes_in_the_same_way() {
    let world = World::with_service(1, json!({}));
    world.update(&world.register("app:2")).await;
    let arn = world.service().await.current_service_deployment.unwrap();
    world.sleep(20).await;
    let theirs = world.register("app:3");
    world.call("UpdateService", json!({ "cluster": "prod", "service": "web", "taskDefinition": theirs }));
    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:3 1/0 COMPLETED"]);
    let ours = world.service_deployment_of(&arn).await;
    assert_eq!(ours.status(), Some(&ServiceDeploymentStatus::Stopped));
    assert_eq!(ours.status_reason(), Some("Replaced by a new service deployment."));
}

#[tokio::test(start_paused = true)]
async fn with_a_desired_count_of_0_a_deployment_completes_without_any_task_or_digest() {
    let world = World::with_service(0, breaker(true)).with_rollout(RolloutOutcome::Crash, 60);
    let mine = world.update(&world.register("app:bad")).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 0/0 COMPLETED"]);
    assert_eq!(world.service_deployment().await.status(), Some(&ServiceDeploymentStatus::Successful));
    assert_eq!(
        world.events(2).await,
        [
            "(service web) has reached a steady state.".to_owned(),
            format!("(service web) (deployment {mine}) deployment completed.")
        ]
    );
    let target = world.service_deployment().await.target_service_revision.unwrap();
    let request = world.ecs.describe_service_revisions().service_revision_arns(target.arn().unwrap());
    let revision = request.send().await.unwrap().service_revisions.unwrap().remove(0);
    assert_eq!(revision.container_images()[0].image(), Some("app:bad"));
    assert_eq!(revision.container_images()[0].image_digest(), None);
}

#[tokio::test(start_paused = true)]
async fn the_circuit_breaker_counts_as_it_was_configured() {
    for (desired, configuration, threshold) in [
        (1, json!(null), 3),
        (9, json!(null), 5),
        (1000, json!(null), 200),
        (9, json!({ "type": "COUNT", "value": 2 }), 2),
        (9, json!({ "type": "BOUNDED_PERCENT", "value": 10 }), 3),
        (9, json!({ "type": "UNBOUNDED_PERCENT", "value": 10 }), 1),
    ] {
        let mut members = breaker(false);
        members["deploymentConfiguration"]["deploymentCircuitBreaker"]["thresholdConfiguration"] =
            configuration;
        let world = World::with_service(desired, members).with_rollout(RolloutOutcome::Crash, 60);
        world.update(&world.register("app:bad")).await;
        world.sleep(61).await;
        assert_eq!(world.service().await.deployments()[0].failed_tasks(), threshold);
        assert_eq!(
            world.service_deployment().await.deployment_circuit_breaker().unwrap().threshold(),
            threshold
        );
    }
}

fn breaker(rollback: bool) -> Value {
    json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } } })
}

fn number_of(deployment: &str) -> String {
    deployment.replace("ecs-svc", "")
}
