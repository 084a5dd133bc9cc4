//! The ways in which tasks of a rollout go wrong, and what ECS tells of each.

use aws_sdk_ecs::types::ServiceDeploymentStatus;
use serde_json::{Value, json};

use super::world::World;
use crate::RolloutOutcome;

const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";

/// What is told of a task: how far it got, its stop code and reason, its container's exit code and reason.
type Told = (bool, String, String, Option<i32>, Option<String>);

#[tokio::test(start_paused = true)]
async fn a_task_tells_how_it_ended() {
    let crash = |exit_code, reason: Option<&str>| {
        let stopped = "Essential container in task exited".to_owned();
        (true, "EssentialContainerExited".to_owned(), stopped, Some(exit_code), reason.map(str::to_owned))
    };
    let never = |reason: &str| (false, "TaskFailedToStart".to_owned(), reason.to_owned(), None, None);
    let unhealthy = format!("Task failed ELB health checks in (target-group {GROUP})");
    for (outcome, told) in [
        (RolloutOutcome::Crash, crash(1, None)),
        (RolloutOutcome::CrashAfterStart, crash(1, None)),
        (
            RolloutOutcome::OutOfMemory,
            crash(137, Some("OutOfMemoryError: Container killed due to memory usage")),
        ),
        (
            RolloutOutcome::CannotPull,
            never(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                 app:bad: not found",
            ),
        ),
        (
            RolloutOutcome::NoSecret,
            never(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                 failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch \
                 secret from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified \
                 secret.",
            ),
        ),
        (
            RolloutOutcome::Unhealthy,
            (true, "ServiceSchedulerInitiated".to_owned(), unhealthy, Some(143), None),
        ),
    ] {
        let world = balanced(1, json!({})).with_rollout(outcome, 60);
        let mine = world.update(&world.register("app:bad")).await;
        world.sleep(3600).await;
        let task = world.stopped_task().await;
        assert_eq!(task.started_by(), Some(mine.as_str()));
        let container = &task.containers()[0];
        let seen: Told = (
            task.started_at().is_some() && container.runtime_id().is_some(),
            task.stop_code().unwrap().to_string(),
            task.stopped_reason().unwrap().to_owned(),
            container.exit_code(),
            container.reason().map(str::to_owned),
        );
        assert_eq!(seen, told, "{outcome:?}");
        assert!(task.stopped_at().is_some());
        assert_eq!(world.deployments().await.last().unwrap(), "ACTIVE web:1 1/0 COMPLETED", "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_circuit_breaker_counts_each_failure_but_that_of_a_task_that_ran_and_exited() {
    for (outcome, failures) in [
        (RolloutOutcome::Crash, 3),
        (RolloutOutcome::OutOfMemory, 3),
        (RolloutOutcome::CannotPull, 3),
        (RolloutOutcome::NoSecret, 3),
        (RolloutOutcome::Unhealthy, 3),
        (RolloutOutcome::CrashAfterStart, 0),
    ] {
        let world = balanced(2, breaker(false)).with_rollout(outcome, 60);
        world.update(&world.register("app:bad")).await;
        world.sleep(3600).await;
        let service = world.service().await;
        assert_eq!(service.deployments()[0].failed_tasks(), failures, "{outcome:?}");
        let current = world.service_deployment().await;
        let (status, breaker) = match failures {
            0 => (ServiceDeploymentStatus::InProgress, "MONITORING"),
            _ => (ServiceDeploymentStatus::Stopped, "TRIGGERED"),
        };
        assert_eq!(current.status(), Some(&status), "{outcome:?}");
        let shown = current.deployment_circuit_breaker().unwrap();
        assert_eq!((shown.status().unwrap().as_str(), shown.failure_count()), (breaker, failures));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_exits_after_its_start_runs_for_a_while() {
    let world = World::with_service(1, breaker(true)).with_rollout(RolloutOutcome::CrashAfterStart, 60);
    world.update(&world.register("app:bad")).await;
    // A cycle takes 20 seconds: pending from 10, running from 15, over at 20.
    let mut seen = Vec::new();
    for _ in 0..6 {
        world.sleep(5).await;
        seen.push(world.deployments().await.remove(0));
    }
    let at = |tasks: &str| format!("PRIMARY web:2 {tasks} IN_PROGRESS");
    assert_eq!(seen, ["0/0", "0/1", "1/0", "0/0", "0/0", "0/1"].map(at));
    let started = "(service web) has started 1 tasks: (task …).";
    assert_eq!(world.events(2).await, [started, started]);
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_task_is_told_of_in_the_events() {
    let world = balanced(1, json!({})).with_rollout(RolloutOutcome::Unhealthy, 60);
    world.update(&world.register("app:bad")).await;
    world.sleep(20).await;
    assert_eq!(
        world.events(3).await,
        [
            "(service web) has stopped 1 running tasks: (task …).".to_owned(),
            format!(
                "(service web) (port 80) is unhealthy in (target-group {GROUP}) due to (reason Health checks failed \
                 with these codes: [502])."
            ),
            "(service web) has started 1 tasks: (task …).".to_owned(),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn one_task_that_fails_to_start_is_forgotten_when_the_others_run() {
    for (resets, count) in [(true, 0), (false, 1)] {
        let mut members = breaker(true);
        members["deploymentConfiguration"]["deploymentCircuitBreaker"]["resetOnHealthyTask"] = json!(resets);
        let world = World::with_service(2, members).with_rollout(RolloutOutcome::Flaky, 80);
        world.update(&world.register("app:2")).await;
        world.sleep(20).await;
        assert_eq!(world.service().await.deployments()[0].failed_tasks(), 1);
        assert_eq!(world.stopped_task().await.stop_code().unwrap().as_str(), "TaskFailedToStart");
        world.sleep(59).await;
        assert_eq!(world.deployments().await.len(), 2);
        world.sleep(1).await;
        assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 COMPLETED"]);
        assert_eq!(world.service().await.deployments()[0].failed_tasks(), 0);
        let current = world.service_deployment().await;
        assert_eq!(current.status(), Some(&ServiceDeploymentStatus::Successful));
        assert_eq!(current.deployment_circuit_breaker().unwrap().failure_count(), count);
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_are_placed_late_are_missed_for_half_the_time() {
    for (seconds, times) in [(40, 1), (120, 1), (600, 5)] {
        let world = World::with_service(1, json!({})).with_rollout(RolloutOutcome::PlacedLate, seconds);
        world.update(&world.register("app:2")).await;
        world.sleep(seconds / 2).await;
        let missed = world.events(100).await;
        let missed = missed.iter().filter(|event| event.contains("was unable to place a task")).count();
        assert_eq!(missed, times);
        world.sleep(seconds / 2 - 1).await;
        assert_eq!(world.deployments().await.len(), 2);
        world.sleep(1).await;
        assert_eq!(world.deployments().await, ["PRIMARY web:2 1/0 COMPLETED"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_tells_how_it_is_while_it_runs() {
    let world = World::with_service(1, json!({})).with_rollout(RolloutOutcome::Ok, 60);
    let check = json!({ "command": ["CMD-SHELL", "true"] });
    let containers = json!([{ "name": "app", "image": "app:2", "healthCheck": check }, { "name": "side", "image": "side:1" }]);
    world.call(
        "RegisterTaskDefinition",
        json!({ "family": "web", "memory": "512", "containerDefinitions": containers }),
    );
    let mine = world.update("web").await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        world.sleep(15).await;
        let request = world.ecs.list_tasks().cluster("prod").started_by(&mine);
        let arns = request.send().await.unwrap().task_arns;
        let request = world.ecs.describe_tasks().cluster("prod").set_tasks(arns);
        let task = request.send().await.unwrap().tasks.unwrap().remove(0);
        let health = |it: &aws_sdk_ecs::types::Container| it.health_status().unwrap().to_string();
        let ids = task.containers().iter().map(|it| it.runtime_id().map(str::len));
        seen.push((
            task.last_status().unwrap().to_owned(),
            task.started_at().is_some(),
            task.health_status().unwrap().to_string(),
            task.containers().iter().map(health).collect::<Vec<_>>(),
            ids.collect::<Vec<_>>(),
        ));
    }
    let (unknown, healthy) = ("UNKNOWN".to_owned(), "HEALTHY".to_owned());
    let all_unknown = vec![unknown.clone(), unknown.clone()];
    let some_healthy = vec![healthy.clone(), unknown.clone()];
    assert_eq!(
        seen,
        [
            ("PENDING".to_owned(), false, unknown, all_unknown, vec![None, None]),
            ("RUNNING".to_owned(), true, healthy, some_healthy, vec![Some(64), Some(64)]),
        ]
    );
}

/// A service whose tasks are in a target group, at port 80.
fn balanced(desired: u64, mut members: Value) -> World {
    members["loadBalancers"] =
        json!([{ "targetGroupArn": GROUP, "containerName": "app", "containerPort": 80 }]);
    World::with_service(desired, members)
}

fn breaker(rollback: bool) -> Value {
    json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } } })
}
