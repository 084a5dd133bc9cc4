//! `evenkeel watch`: it follows what somebody else has begun, and changes nothing.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use evenkeel_sandbox::{FaultKind, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use crate::world::{Account, Ended, NEW};

const WATCH: [&str; 7] = ["watch", "--cluster", "prod", "--service", "web", "--output", "json"];

fn watch(account: &Account, more: &[&str]) -> Ended {
    let ended = account.run(&[&WATCH[..], more].concat());
    let operations: Vec<String> = account.sandbox.calls().into_iter().map(|call| call.operation).collect();
    let is_read =
        |operation: &&String| !["Describe", "List", "Get"].iter().any(|it| operation.starts_with(it));
    assert_eq!(operations.iter().find(is_read), None, "{ended:?}");
    ended
}

/// Somebody puts the service on `web:2`.
fn deploys(sandbox: &Sandbox) {
    let described = sandbox.call("DescribeTaskDefinition", json!({ "taskDefinition": "web:1" })).unwrap();
    let mut containers = described["taskDefinition"]["containerDefinitions"].clone();
    containers[0]["image"] = json!(NEW);
    let definition = json!({ "family": "web", "memory": "512", "containerDefinitions": containers });
    sandbox.call("RegisterTaskDefinition", definition).unwrap();
    let update = json!({ "cluster": "prod", "service": "web", "taskDefinition": "web:2" });
    sandbox.call("UpdateService", update).unwrap();
}

/// An account whose service has this deployment configuration, in which somebody deploys right before the first look.
fn beside(configuration: &Value, outcome: RolloutOutcome) -> Account {
    let account = Account::with_service(json!({ "deploymentConfiguration": configuration }));
    account.next_rollout(outcome);
    account.sandbox.before_call("DescribeServices", 1, deploys);
    account
}

fn breaker(rollback: bool) -> Value {
    json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } })
}

#[test]
fn nothing_under_way_is_0_and_says_what_runs() {
    let account = Account::new();
    let ended = watch(&account, &[]);
    ended.is(0, "unchanged", None, &[]);
    let service = &ended.document()["services"][0];
    let note = service["note"].as_str().unwrap();
    assert!(note.starts_with("no rollout is under way; web:1 has been live since 20"), "{note}");
    assert_eq!((&service["revision"], &service["deploymentId"]), (&json!(1), &Value::Null));

    let text = account.run(&WATCH[..5]);
    assert_eq!((text.status, text.stdout), (Some(0), format!("web: {note}\n")));
    let env = account.run(&[&WATCH[..5], &["--output", "env"]].concat());
    assert!(env.stdout.contains("export EVENKEEL_OUTCOME='unchanged'\n"), "{env:?}");
}

#[test]
fn somebody_elses_rollout_is_followed_to_its_success() {
    let account = beside(&json!({}), RolloutOutcome::Ok);
    let ended = watch(&account, &[]);
    ended.is(0, "deployed", None, &[]);
    assert!(ended.stderr.contains("web: rollout of web:2 started as deployment ecs-svc/"), "{ended:?}");
    let service = &ended.document()["services"][0];
    assert_eq!(service["revision"], 2);
    assert_eq!(service["images"], json!({ "app": NEW, "proxy": "envoy:1" }));
    let before = service["previousTaskDefinitionArn"].as_str().unwrap();
    assert!(before.ends_with("task-definition/web:1"), "{before}");
    assert!(service["deploymentId"].as_str().unwrap().starts_with("ecs-svc/"));
    assert!(service["serviceDeploymentArn"].as_str().unwrap().contains(":service-deployment/prod/web/"));
    assert_eq!(service["note"], Value::Null);
}

#[test]
fn a_rollback_by_ecs_is_1_with_its_reason() {
    let account = beside(&breaker(true), RolloutOutcome::Crash);
    let ended = watch(&account, &[]);
    let words =
        ["service web: the rollout failed and the service is back", "circuit breaker", "app exited with 1"];
    ended.is(1, "rolled_back", Some("rollout_failed"), &words);
    let service = &ended.document()["services"][0];
    assert_eq!(
        (&service["revision"], &service["failure"]["tasks"][0]["containers"][0]["exitCode"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_crash_loop_is_1_and_goes_on() {
    let account = beside(&json!({}), RolloutOutcome::Crash);
    let words = [
        "service web: the rollout failed: 3 tasks failed in a row",
        "ECS goes on with it",
        "app exited with 1",
    ];
    watch(&account, &[]).is(1, "failed", Some("rollout_failed"), &words);
    let patient = beside(&json!({}), RolloutOutcome::Crash);
    let left_to_ecs = watch(&patient, &["--max-task-failures", "0", "--timeout", "2s"]);
    left_to_ecs.is(7, "timed_out", Some("timed_out"), &["did not end within 2 s", "ECS goes on with it"]);
}

#[test]
fn superseded_is_6_and_says_by_which() {
    let account = beside(&json!({}), RolloutOutcome::Superseded);
    let words = ["another deployment took the place", "deployment ecs-svc/", "of web:3 took its place"];
    watch(&account, &[]).is(6, "superseded", Some("superseded"), &words);
}

#[test]
fn a_pause_hook_that_nobody_answers_is_named_at_the_time_out() {
    let timeout = json!({ "timeoutInMinutes": 60, "action": "ROLLBACK" });
    let hook = json!({
        "targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"], "timeoutConfiguration": timeout,
    });
    let account = beside(&json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": [hook] }), RolloutOutcome::Ok);
    let words = ["did not end within 3 s", "waits at a pause hook until", "continue-service-deployment"];
    watch(&account, &["--timeout", "3s"]).is(7, "timed_out", Some("timed_out"), &words);
}

#[test]
fn a_service_scaled_to_nothing_proves_nothing() {
    let account = beside(&json!({}), RolloutOutcome::Stuck);
    account.sandbox.after_call("DescribeServices", 3, |sandbox| {
        let zero = json!({ "cluster": "prod", "service": "web", "desiredCount": 0 });
        sandbox.call("UpdateService", zero).unwrap();
    });
    let ended = watch(&account, &[]);
    ended.is(0, "deployed", None, &[]);
    assert!(ended.document()["warnings"][0].as_str().unwrap().contains("no task runs, so nothing is proven"));
}

#[test]
fn the_last_rollout_is_told_however_it_ended() {
    for (configuration, outcome, status, word, words) in [
        (json!({}), RolloutOutcome::Ok, 0, "deployed", "the last rollout, of web:2, began at 20"),
        (breaker(true), RolloutOutcome::Crash, 1, "rolled_back", "circuit breaker"),
        (breaker(false), RolloutOutcome::Crash, 1, "failed", "tasks failed to start"),
        (breaker(true), RolloutOutcome::CrashTwice, 1, "failed", "tasks failed to start"),
    ] {
        let account = beside(&configuration, outcome);
        let kind = (status == 1).then_some("rollout_failed");
        watch(&account, &[]).is(status, word, kind, &[]);
        let last = watch(&account, &["--last"]);
        last.is(status, word, kind, &[]);
        let service = &last.document()["services"][0];
        let said = format!("{} {}", service["note"], service["failure"]["message"]);
        assert!(said.contains(words) && said.contains("the last rollout, of web:2, began at 20"), "{said}");
        assert!(said.contains(" and ended at 20"), "{said}");
        watch(&account, &[]).is(0, "unchanged", None, &[]);
    }
}

#[test]
fn the_last_rollout_is_not_waited_for() {
    let account = beside(&json!({}), RolloutOutcome::Stuck);
    let last = watch(&account, &["--last"]);
    last.is(0, "started", None, &[]);
    let text = account.run(&[&WATCH[..5], &["--last"]].concat());
    assert!(text.stdout.starts_with("web: the rollout of web:2 is under way since 20"), "{text:?}");
}

#[test]
fn where_service_deployments_are_denied_the_service_itself_tells() {
    let denied = |account: &Account| {
        account.always("DescribeServiceDeployments", FaultKind::Denied);
        account.always("ListServiceDeployments", FaultKind::Denied);
    };
    let account = beside(&breaker(true), RolloutOutcome::Crash);
    denied(&account);
    let ended = watch(&account, &[]);
    ended.is(1, "rolled_back", Some("rollout_failed"), &["tasks failed to start"]);
    let warnings = ended.document()["warnings"].clone();
    assert_eq!(warnings.as_array().unwrap().len(), 1, "{warnings}");
    assert!(warnings[0].as_str().unwrap().contains("service deployments cannot be read"), "{warnings}");
    for more in [&[][..], &["--last"]] {
        let again = watch(&account, more);
        let warnings = again.document()["warnings"].clone();
        let told: Vec<&str> = warnings.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert!(told.iter().any(|it| it.contains("service deployments cannot be read")), "{again:?}");
    }
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let account = Account::new();
    watch(&account, &["--service", "none"]).is(
        3,
        "failed",
        Some("invalid_input"),
        &["none not found", "MISSING"],
    );
    for (kind, words) in [
        ("CODE_DEPLOY", ["controller CODE_DEPLOY", "aws deploy wait deployment-successful"]),
        ("EXTERNAL", ["controller EXTERNAL", "Follow it where its task sets are made"]),
    ] {
        let name = kind.to_lowercase();
        let mut create = json!({
            "cluster": "prod", "serviceName": name, "taskDefinition": "web", "desiredCount": 1,
            "deploymentController": { "type": kind },
        });
        if kind == "EXTERNAL" {
            create.as_object_mut().unwrap().remove("taskDefinition");
        }
        account.call("CreateService", create);
        watch(&account, &["--service", &name]).is(3, "failed", Some("invalid_input"), &words);
    }
    account.call("DeleteService", json!({ "cluster": "prod", "service": "web", "force": true }));
    watch(&account, &[]).is(
        3,
        "failed",
        Some("invalid_input"),
        &["web not found in cluster prod", "INACTIVE"],
    );
}

#[test]
fn wrong_usage_is_2_and_a_denial_4_and_no_answer_75() {
    let account = Account::new();
    let twice = watch(&account, &["--service", "web"]);
    twice.is(3, "failed", Some("invalid_input"), &["service web is given twice"]);
    for more in
        [&["--frobnicate"][..], &["--timeout", "soon"], &["--record", "file:x"], &["--image", "app=x"]]
    {
        let ended = watch(&account, more);
        ended.is(2, "failed", Some("usage"), &[more[0]]);
        assert_eq!(ended.document()["schema"], "evenkeel.watch/v1");
    }
    assert!(account.sandbox.calls().is_empty());

    for operation in ["DescribeServices", "DescribeTaskDefinition"] {
        let account = Account::new();
        account.always(operation, FaultKind::Denied);
        watch(&account, &[]).is(4, "failed", Some("denied"), &[operation, "AccessDenied"]);
    }
    account.always("DescribeServices", FaultKind::Throttled);
    watch(&account, &[]).is(
        75,
        "failed",
        Some("unavailable"),
        &["DescribeServices", "Run the same command again"],
    );
}

#[test]
fn arns_name_the_cluster_and_the_service() {
    let account = Account::new();
    let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
    let ended = account.run(&["watch", "--cluster", cluster, "--service", service, "--output", "json"]);
    ended.is(0, "unchanged", None, &[]);
    assert_eq!(ended.document()["services"][0]["service"], service);
}

#[test]
fn a_signal_ends_the_watch_and_the_rollout_goes_on() {
    for (signal, status, kind) in [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated")] {
        let account = beside(&json!({}), RolloutOutcome::Stuck);
        let mut child =
            account.command(&WATCH).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("rollout of web:2 started") {
            assert_ne!(stderr.read_line(&mut told).unwrap(), 0, "{told}");
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        stderr.read_to_string(&mut told).unwrap();
        let mut ended = Ended::of(child.wait_with_output().unwrap());
        ended.stderr = told;
        let words = [
            "the watch of service web was interrupted",
            "the rollout of web:2 goes on in ECS",
            "Run the same command",
        ];
        ended.is(status, "started", Some(kind), &words);
    }
}

#[test]
fn credentials_that_expire_before_the_time_out_are_warned_of() {
    for (outcome, is_warned) in [(Some(RolloutOutcome::Ok), true), (None, false)] {
        let account = outcome.map_or_else(Account::new, |outcome| beside(&json!({}), outcome));
        let mut command = account.command(&[&WATCH[..], &["--timeout", "30m"]].concat());
        let end = "2026-01-01T00:00:00Z";
        let ended = Ended::of(command.env("AWS_CREDENTIAL_EXPIRATION", end).output().unwrap());
        let warnings = ended.document()["warnings"].to_string();
        assert_eq!(warnings.contains("the AWS credentials expire at"), is_warned, "{ended:?}");
    }
}
