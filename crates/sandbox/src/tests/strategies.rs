//! What the service's deployment configuration makes of a rollout.

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::ServiceDeployment;
use serde_json::{Value, json};

use super::world::World;
use crate::{Rollout, RolloutOutcome};

#[tokio::test(start_paused = true)]
async fn a_rolling_deployment_goes_on_through_its_bake_time() {
    let world = configured(json!({ "bakeTimeInMinutes": 10 })).with_rollout(RolloutOutcome::Ok, 60);
    world.update(&world.register("app:2")).await;
    world.sleep(60 + 599).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 IN_PROGRESS", "ACTIVE web:1 0/0 COMPLETED"]);
    assert_eq!(world.status().await, "IN_PROGRESS");
    world.sleep(1).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 COMPLETED"]);
    assert_eq!(world.status().await, "SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_fails_the_deployment_in_its_bake_time() {
    let world = configured(alarms(false)).with_rollout(RolloutOutcome::Alarm, 60);
    let mine = world.update(&world.register("app:2")).await;
    world.sleep(60 + 299).await;
    assert_eq!(world.status().await, "IN_PROGRESS");
    assert_eq!(alarms_of(&world.service_deployment().await), ("MONITORING".to_owned(), vec![]));
    world.sleep(1).await;
    assert_eq!(
        world.events(1).await,
        [format!("(service web) (deployment {mine}) deployment failed: alarm detected.")]
    );
    assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 FAILED", "ACTIVE web:1 0/0 COMPLETED"]);
    let current = world.service_deployment().await;
    assert_eq!(current.status().unwrap().as_str(), "STOPPED");
    assert_eq!(current.status_reason(), Some("ECS deployment failed: alarm detected."));
    assert_eq!(alarms_of(&current), ("TRIGGERED".to_owned(), vec!["errors".to_owned()]));
    assert_eq!(current.alarms().unwrap().alarm_names(), ["errors", "latency"]);
    assert!(current.stopped_at().is_some() && current.rollback().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_alarm_rolls_the_deployment_back() {
    let world = configured(alarms(true)).with_rollout(RolloutOutcome::Alarm, 60);
    world.update(&world.register("app:2")).await;
    world.sleep(60 + 300).await;
    let states = ["PRIMARY web:1 0/0 IN_PROGRESS", "DRAINING web:2 2/0 FAILED"];
    assert_eq!(world.deployments().await, states);
    assert_eq!(world.status().await, "ROLLBACK_IN_PROGRESS");
    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:1 2/0 COMPLETED"]);
    let current = world.service_deployment().await;
    assert_eq!(current.status().unwrap().as_str(), "ROLLBACK_SUCCESSFUL");
    let reason = "Service deployment rolled back because an alarm was triggered.";
    assert_eq!(current.rollback().unwrap().reason(), Some(reason));
    assert_eq!(alarms_of(&current), ("TRIGGERED".to_owned(), vec!["errors".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn without_enabled_alarms_none_goes_off() {
    let disabled = json!({ "alarms": { "alarmNames": ["errors"], "enable": false, "rollback": true } });
    for configuration in [json!({}), disabled] {
        let world = configured(configuration).with_rollout(RolloutOutcome::Alarm, 60);
        world.update(&world.register("app:2")).await;
        world.sleep(60).await;
        assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 COMPLETED"]);
        assert_eq!(alarms_of(&world.service_deployment().await), ("DISABLED".to_owned(), vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_early_success_comes_before_the_old_tasks_are_gone() {
    for (cleanup, early) in [
        ("DEFERRED", ["PRIMARY web:2 1/1 IN_PROGRESS", "ACTIVE web:1 2/0 COMPLETED"]),
        ("BLOCKING", ["PRIMARY web:2 1/1 IN_PROGRESS", "ACTIVE web:1 0/0 COMPLETED"]),
    ] {
        let criteria =
            json!({ "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup });
        let world =
            configured(json!({ "earlySuccessCriteria": criteria })).with_rollout(RolloutOutcome::Ok, 60);
        world.update(&world.register("app:2")).await;
        world.sleep(29).await;
        assert_eq!(world.status().await, "IN_PROGRESS");
        world.sleep(1).await;
        assert_eq!(world.deployments().await, early);
        assert_eq!(world.status().await, "SUCCESSFUL");
        let finished = world.service_deployment().await.finished_at;
        world.sleep(30).await;
        assert_eq!(world.deployments().await, ["PRIMARY web:2 2/0 COMPLETED"]);
        assert_eq!(world.service_deployment().await.finished_at, finished);
    }
}

#[tokio::test(start_paused = true)]
async fn blue_green_goes_through_its_stages() {
    let world = configured(json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5 }))
        .with_rollout(RolloutOutcome::Ok, 80);
    world.update(&world.register("app:2")).await;
    assert_eq!(world.status().await, "PENDING");
    world.sleep(5).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(glance(&world).await);
        world.sleep(10).await;
    }
    assert_eq!(
        seen,
        [
            "PRE_SCALE_UP test 0 production 0, 0 new 2 old",
            "SCALE_UP test 0 production 0, 0 new 2 old",
            "POST_SCALE_UP test 0 production 0, 2 new 2 old",
            "TEST_TRAFFIC_SHIFT test 100 production 0, 2 new 2 old",
            "POST_TEST_TRAFFIC_SHIFT test 100 production 0, 2 new 2 old",
            "PRODUCTION_TRAFFIC_SHIFT test 100 production 100, 2 new 2 old",
            "POST_PRODUCTION_TRAFFIC_SHIFT test 100 production 100, 2 new 2 old",
        ]
    );
    world.sleep(294).await;
    assert_eq!(glance(&world).await, "BAKE_TIME test 100 production 100, 2 new 2 old");
    world.sleep(6).await;
    assert_eq!(glance(&world).await, "CLEAN_UP test 100 production 100, 2 new 0 old");
    assert_eq!(world.status().await, "IN_PROGRESS CLEAN_UP");
    let service = world.service().await;
    let states = service.deployments().iter().map(|it| (it.rollout_state(), it.rollout_state_reason()));
    assert_eq!(states.collect::<Vec<_>>(), [(None, None), (None, None)]);
    world.sleep(5).await;
    assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
    assert_eq!(world.service().await.deployments().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn traffic_shifts_in_steps() {
    let linear = json!({
        "strategy": "LINEAR",
        "linearConfiguration": { "stepPercent": 40.0, "stepBakeTimeInMinutes": 1 },
    });
    let canary = json!({
        "strategy": "CANARY",
        "canaryConfiguration": { "canaryPercent": 2.5, "canaryBakeTimeInMinutes": 2 },
    });
    for (configuration, expected) in
        [(linear, ["40", "40", "80", "100"]), (canary, ["2.5", "2.5", "2.5", "100"])]
    {
        let world = configured(configuration).with_rollout(RolloutOutcome::Ok, 80);
        world.update(&world.register("app:2")).await;
        let mut seen = Vec::new();
        // The shift begins after 50 seconds.
        for seconds in [50, 59, 1, 60] {
            world.sleep(seconds).await;
            let weight = production(&world.service_deployment().await);
            assert!(world.status().await.ends_with(" PRODUCTION_TRAFFIC_SHIFT"));
            seen.push(weight.to_string());
        }
        assert_eq!(seen, expected);
        world.sleep(29).await;
        assert_eq!(world.status().await, "IN_PROGRESS CLEAN_UP");
        world.sleep(1).await;
        assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
    }
}

#[tokio::test(start_paused = true)]
async fn linear_and_canary_wait_as_long_as_aws_does_unless_they_say_otherwise() {
    for (strategy, minutes) in [("LINEAR", 9 * 6), ("CANARY", 10)] {
        let world = configured(json!({ "strategy": strategy })).with_rollout(RolloutOutcome::Ok, 80);
        world.update(&world.register("app:2")).await;
        world.sleep(79 + 60 * minutes).await;
        assert_eq!(world.status().await, "IN_PROGRESS CLEAN_UP", "{strategy}");
        world.sleep(1).await;
        assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP", "{strategy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_takes_over_reconciles_first() {
    let world = configured(json!({ "strategy": "BLUE_GREEN" })).with_rollout(RolloutOutcome::Ok, 80);
    world.update(&world.register("app:2")).await;
    world.sleep(60).await;
    world.update(&world.register("app:3")).await;
    world.sleep(2).await;
    assert_eq!(world.status().await, "IN_PROGRESS RECONCILE_SERVICE");
    world.sleep(3).await;
    assert_eq!(world.status().await, "IN_PROGRESS PRE_SCALE_UP");
    world.sleep(75).await;
    assert_eq!(world.status().await, "SUCCESSFUL CLEAN_UP");
}

#[tokio::test(start_paused = true)]
async fn a_failure_at_a_stage_rolls_back() {
    let mut configuration = json!({ "strategy": "BLUE_GREEN" });
    configuration["deploymentCircuitBreaker"] = json!({ "enable": true, "rollback": true });
    let world = configured(configuration).with_rollout(RolloutOutcome::CannotPull, 60);
    world.update(&world.register("app:bad")).await;
    world.sleep(80).await;
    assert_eq!(world.status().await, "ROLLBACK_IN_PROGRESS SCALE_UP");
    let ours = &world.service().await.deployments.unwrap()[1];
    assert_eq!((ours.failed_tasks(), ours.rollout_state()), (3, None));
    world.sleep(60).await;
    assert_eq!(world.status().await, "ROLLBACK_SUCCESSFUL SCALE_UP");
    assert_eq!(world.service().await.task_definition().unwrap().rsplit('/').next(), Some("web:1"));
}

/// Each outcome ends in a blue/green deployment as it does in a rolling one.
#[tokio::test(start_paused = true)]
async fn every_outcome_is_played_stage_by_stage() {
    for (outcome, early, end) in [
        (RolloutOutcome::Ok, "IN_PROGRESS POST_SCALE_UP", "SUCCESSFUL CLEAN_UP"),
        (RolloutOutcome::Flaky, "IN_PROGRESS POST_SCALE_UP", "SUCCESSFUL CLEAN_UP"),
        (RolloutOutcome::PlacedLate, "IN_PROGRESS SCALE_UP", "SUCCESSFUL CLEAN_UP"),
        (RolloutOutcome::Crash, "IN_PROGRESS SCALE_UP", "IN_PROGRESS SCALE_UP"),
        (RolloutOutcome::Stuck, "IN_PROGRESS SCALE_UP", "IN_PROGRESS SCALE_UP"),
        (RolloutOutcome::Unplaceable, "IN_PROGRESS SCALE_UP", "IN_PROGRESS SCALE_UP"),
        (RolloutOutcome::Superseded, "IN_PROGRESS RECONCILE_SERVICE", "SUCCESSFUL CLEAN_UP"),
        (RolloutOutcome::Alarm, "IN_PROGRESS POST_SCALE_UP", "ROLLBACK_SUCCESSFUL BAKE_TIME"),
    ] {
        let mut configuration = alarms(true);
        configuration["strategy"] = json!("BLUE_GREEN");
        configuration["bakeTimeInMinutes"] = json!(2);
        let world = configured(configuration).with_rollout(outcome, 80);
        world.update(&world.register("app:2")).await;
        world.sleep(22).await;
        assert_eq!(world.status().await, early, "{outcome:?}");
        world.sleep(300).await;
        assert_eq!(world.status().await, end, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_behind_a_classic_load_balancer_reports_no_rollout_state() {
    let balancers = json!([{ "loadBalancerName": "old", "containerName": "app", "containerPort": 80 }]);
    let world = World::with_service(1, json!({ "loadBalancers": balancers }));
    world.update(&world.register("app:2")).await;
    let service = world.service().await;
    let states = service.deployments().iter().map(|it| (it.rollout_state(), it.rollout_state_reason()));
    assert_eq!(states.collect::<Vec<_>>(), [(None, None), (None, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_first_deployment_fails_has_nothing_to_go_back_to() {
    let world = World::empty();
    let duration = std::time::Duration::from_secs(60);
    world.sandbox.set_rollout("prod", "web", Rollout { outcome: RolloutOutcome::Crash, duration });
    world.call("CreateCluster", json!({ "clusterName": "prod" }));
    world.register("app:bad");
    world.call(
        "CreateService",
        json!({
            "cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2,
            "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } },
        }),
    );
    world.sleep(59).await;
    assert_eq!(world.status().await, "IN_PROGRESS");
    world.sleep(1).await;
    let current = world.service_deployment().await;
    assert_eq!(current.status().unwrap().as_str(), "ROLLBACK_FAILED");
    assert_eq!(current.status_reason(), Some("No rollback candidate was found to run the rollback."));
    assert_eq!(current.rollback(), None);
    world.sleep(3600).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:1 0/0 FAILED"]);
}

#[tokio::test(start_paused = true)]
async fn an_abort_is_refused_and_a_rollback_needs_no_configuration() {
    let world = configured(json!({ "bakeTimeInMinutes": 10 })).with_rollout(RolloutOutcome::Ok, 60);
    world.update(&world.register("app:2")).await;
    world.sleep(90).await;
    let arn = world.service().await.current_service_deployment.unwrap();
    let stop = |kind: &str| {
        let request = world.ecs.stop_service_deployment().service_deployment_arn(&arn);
        request.stop_type(kind.into()).send()
    };
    assert_eq!(stop("ABORT").await.unwrap_err().code(), Some("InvalidParameterException"));
    assert_eq!(world.status().await, "IN_PROGRESS");
    stop("ROLLBACK").await.unwrap();
    assert_eq!(world.status().await, "ROLLBACK_REQUESTED");
    world.sleep(1).await;
    assert_eq!(world.status().await, "ROLLBACK_IN_PROGRESS");
    world.sleep(59).await;
    assert_eq!(world.status().await, "ROLLBACK_SUCCESSFUL");
    assert_eq!(stop("ROLLBACK").await.unwrap_err().code(), Some("ConflictException"));
}

#[tokio::test(start_paused = true)]
async fn a_service_of_an_express_gateway_says_so() {
    let world = World::with_service(1, json!({}));
    let kind = || async { world.service().await.resource_management_type.map(|kind| kind.to_string()) };
    assert_eq!(kind().await.as_deref(), Some("CUSTOMER"));
    world.sandbox.set_resource_management("prod", "web", "ECS");
    assert_eq!(kind().await.as_deref(), Some("ECS"));
}

/// The stage, the new revision's traffic, and how many tasks run of the new and of the old one.
async fn glance(world: &World) -> String {
    let current = world.service_deployment().await;
    let target = current.target_service_revision().unwrap();
    let test = target.requested_test_traffic_weight().unwrap();
    let running = |it: &aws_sdk_ecs::types::ServiceRevisionSummary| it.running_task_count();
    format!(
        "{} test {test} production {}, {} new {} old",
        current.lifecycle_stage().unwrap(),
        production(&current),
        running(target),
        current.source_service_revisions().iter().map(running).sum::<i32>(),
    )
}

fn production(current: &ServiceDeployment) -> f64 {
    let weight =
        |it: &aws_sdk_ecs::types::ServiceRevisionSummary| it.requested_production_traffic_weight().unwrap();
    let target = weight(current.target_service_revision().unwrap());
    assert_eq!(weight(&current.source_service_revisions()[0]), 100.0 - target);
    target
}

fn alarms_of(current: &ServiceDeployment) -> (String, Vec<String>) {
    let alarms = current.alarms().unwrap();
    (alarms.status().unwrap().to_string(), alarms.triggered_alarm_names().to_vec())
}

fn configured(configuration: Value) -> World {
    World::with_service(2, json!({ "deploymentConfiguration": configuration }))
}

fn alarms(rollback: bool) -> Value {
    let alarms = json!({ "alarmNames": ["errors", "latency"], "enable": true, "rollback": rollback });
    json!({ "alarms": alarms, "bakeTimeInMinutes": 10 })
}
