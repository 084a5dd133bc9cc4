//! Every way a deployment ends: status, document and words.

use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use serde_json::json;

use crate::world::{APP_OLD, Account, DEPLOY, NEW};

#[test]
fn unchanged_is_0() {
    let account = Account::new();
    let ended = account.run(&[&DEPLOY[..], &["--image", APP_OLD]].concat());
    ended.is(0, "unchanged", None, &[]);
    assert_eq!(account.sandbox.calls().len(), 2);
}

#[test]
fn deployed_is_0_and_again_unchanged() {
    let account = Account::new();
    let ended = account.deploy(&[]);
    ended.is(0, "deployed", None, &[]);
    let service = &ended.document()["services"][0];
    assert_eq!(service["taskDefinitionArn"], "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2");
    assert_eq!(
        service["previousTaskDefinitionArn"],
        "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1"
    );
    assert_eq!(service["images"], json!({ "app": NEW, "proxy": "envoy:1" }));
    assert_eq!(service["revision"], 2);

    account.deploy(&[]).is(0, "unchanged", None, &[]);
    assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (1, 1));
}

#[test]
fn a_revision_that_was_registered_earlier_is_used_again() {
    let account = Account::new();
    let (operation, kind) = ("UpdateService".to_owned(), FaultKind::Denied);
    account.sandbox.inject(Fault { operation, nth: Some(1), kind });
    account.deploy(&[]).is(4, "failed", Some("denied"), &["UpdateService"]);

    let ended = account.deploy(&[]);
    ended.is(0, "deployed", None, &[]);
    assert!(ended.stderr.contains("web:2 was registered earlier and is used again"), "{ended:?}");
    assert_eq!(account.effects("RegisterTaskDefinition"), 1);
}

#[test]
fn started_is_0_without_waiting() {
    let account = Account::new();
    account.deploy(&["--no-wait"]).is(0, "started", None, &[]);
    assert_eq!(account.sandbox.calls().len(), 4);
}

#[test]
fn a_crash_loop_is_1_and_put_back() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let words =
        ["service web", "3 tasks failed in a row", "the service is back on web:1", "app exited with 1"];
    let ended = account.deploy(&[]);
    ended.is(1, "rolled_back", Some("rollout_failed"), &words);
    let tasks = &ended.document()["services"][0]["failure"]["tasks"];
    assert_eq!(tasks.as_array().unwrap().len(), 1, "three of them, for one reason: {tasks:#}");
    assert_eq!(tasks[0]["stopCode"], "EssentialContainerExited");
    assert_eq!(tasks[0]["containers"][0]["exitCode"], 1);
}

#[test]
fn a_crash_loop_is_1_and_left_when_asked() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let ended = account.deploy(&["--on-failure", "leave", "--max-task-failures", "2"]);
    ended.is(1, "failed", Some("rollout_failed"), &["the limit is 2", "the service was left as it is"]);
    assert_eq!(ended.document()["services"][0]["revision"], 2);
}

#[test]
fn a_rollback_by_ecs_is_1() {
    let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } });
    let account = Account::with_service(json!({ "deploymentConfiguration": breaker }));
    account.next_rollout(RolloutOutcome::Crash);
    let ended = account.deploy(&[]);
    ended.is(1, "rolled_back", Some("rollout_failed"), &["service web", "circuit breaker"]);
    assert_eq!(ended.document()["services"][0]["revision"], 1);
    assert_eq!(account.effects("UpdateService"), 1);
}

#[test]
fn superseded_is_6() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Superseded);
    let words = ["service web", "another deployment took the place", "web:3"];
    account.deploy(&[]).is(6, "superseded", Some("superseded"), &words);
}

#[test]
fn timed_out_is_7_also_when_it_is_put_back() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Stuck);
    let ended = account.deploy(&["--timeout", "1s"]);
    ended.is(7, "timed_out", Some("timed_out"), &["within 1 s", "the service is back on web:1"]);
    assert_eq!(ended.document()["services"][0]["revision"], 1);
}

#[test]
fn timed_out_is_7_when_it_is_left() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Stuck);
    let ended = account.deploy(&["--timeout", "300ms", "--on-failure", "leave"]);
    ended.is(7, "timed_out", Some("timed_out"), &["within 0.3 s", "the service was left as it is"]);
    assert_eq!(ended.document()["services"][0]["revision"], 2);
}

#[test]
fn unavailable_is_75() {
    for (operation, kind) in [
        ("DescribeServices", FaultKind::Throttled),
        ("DescribeTaskDefinition", FaultKind::ErrorBefore),
        ("DescribeServices", FaultKind::CutBefore),
        ("RegisterTaskDefinition", FaultKind::Throttled),
        ("UpdateService", FaultKind::Throttled),
    ] {
        let account = Account::new();
        account.always(operation, kind);
        let words = [operation, "Run the same command again"];
        account.deploy(&[]).is(75, "failed", Some("unavailable"), &words);
        assert_eq!(account.effects("UpdateService"), 0);
    }
}

#[test]
fn an_endpoint_where_nobody_listens_is_75() {
    let account = Account::new();
    // A port that was free a moment ago, and is not listened on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ended = account.deploy(&["--endpoint-url", &format!("http://127.0.0.1:{port}")]);
    ended.is(75, "failed", Some("unavailable"), &["DescribeServices"]);
}

#[test]
fn several_services_share_one_new_revision() {
    let account = Account::new();
    account.call(
        "CreateService",
        json!({ "cluster": "prod", "serviceName": "api", "taskDefinition": "web", "desiredCount": 1 }),
    );
    account.sandbox.set_rollout(
        "prod",
        "api",
        evenkeel_sandbox::Rollout {
            outcome: RolloutOutcome::Ok,
            duration: std::time::Duration::from_millis(200),
        },
    );
    let ended = account.deploy(&["--service", "api"]);
    ended.is(0, "deployed", None, &[]);
    assert_eq!(ended.document()["services"][1]["service"], "api");
    assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (1, 2));
}

#[test]
fn a_forced_deployment_registers_nothing() {
    let account = Account::new();
    let force = ["--image", APP_OLD, "--force-new-deployment"];
    account.run(&[&DEPLOY[..], &force].concat()).is(0, "deployed", None, &[]);
    assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (0, 1));
}

#[test]
fn a_result_that_cannot_be_written_is_5() {
    let account = Account::new();
    for arguments in [&DEPLOY[..], &["action-type", "print"]] {
        let arguments = if arguments == DEPLOY {
            [arguments, &["--image", APP_OLD]].concat()
        } else {
            arguments.to_vec()
        };
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = account.command(&arguments).stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{told}");
        assert!(told.contains("the result could not be written to standard output: No space left"), "{told}");
    }
}
