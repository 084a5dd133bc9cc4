//! The record in a file, seen from outside: open while it rolls, right at the end, put back.

use std::fs;
use std::sync::mpsc;

use evenkeel::sandbox::RolloutOutcome;
use serde_json::{Value, json};

use crate::world::{APP_OLD, Account, DEPLOY, NEW};

const RECORD: [&str; 2] = ["--record", "file:record.json"];

fn arn(name: &str) -> Value {
    json!(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}"))
}

fn record(account: &Account) -> Value {
    serde_json::from_slice(&fs::read(account.path().join("record.json")).unwrap()).unwrap()
}

#[test]
fn it_is_open_during_the_rollout_and_names_the_ancestor_at_the_end() {
    let account = Account::new();
    let (tell, told) = mpsc::channel();
    let path = account.path().join("record.json");
    account.sandbox.before_call("UpdateService", 1, move |_| tell.send(fs::read(path).unwrap()).unwrap());
    account.deploy(&RECORD).is(0, "deployed", None, &[]);

    let during: Value = serde_json::from_slice(&told.recv().unwrap()).unwrap();
    assert_eq!((&during["status"], &during["taskDefinitionArn"]), (&json!("in_progress"), &arn("web:1")));
    assert!(during["expiresAt"].is_string(), "{during}");
    let after = record(&account);
    assert_eq!((&after["status"], &after["taskDefinitionArn"]), (&json!("succeeded"), &arn("web:2")));
    assert_eq!((&after["baseTaskDefinitionArn"], &after["images"]), (&arn("web:1"), &json!({ "app": NEW })));
    assert_eq!((&after["expiresAt"], &after["source"]["kind"]), (&Value::Null, &json!("cli")));
}

#[test]
fn a_deployment_that_fails_leaves_it_as_it_was() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    account.deploy(&RECORD).is(1, "rolled_back", Some("rollout_failed"), &[]);
    // As good as none, and what Terraform needs to be there.
    assert_eq!(record(&account), json!({}));
}

#[test]
fn a_rerun_after_a_crash_in_between_keeps_the_ancestor() {
    let account = Account::new();
    account.deploy(&RECORD).is(0, "deployed", None, &[]);
    let before = fs::read(account.path().join("record.json")).unwrap();

    // As a process leaves it that is killed right after the update of the next deployment.
    account.deploy(&["--no-wait", "--image", "proxy=envoy:2", RECORD[0], RECORD[1]]).is(
        0,
        "started",
        None,
        &[],
    );
    assert_eq!(record(&account)["status"], "in_progress");
    assert_ne!(fs::read(account.path().join("record.json")).unwrap(), before);

    let rerun = account.deploy(&["--image", "proxy=envoy:2", RECORD[0], RECORD[1]]);
    assert_eq!(rerun.status, Some(0), "{rerun:?}");
    let after = record(&account);
    assert_eq!((&after["status"], &after["taskDefinitionArn"]), (&json!("succeeded"), &arn("web:3")));
    assert_eq!(after["baseTaskDefinitionArn"], arn("web:1"));
}

#[test]
fn a_missing_record_is_written_although_nothing_changes() {
    let account = Account::new();
    let unchanged = [&DEPLOY[..], &["--image", APP_OLD], &RECORD].concat();
    account.run(&unchanged).is(0, "unchanged", None, &[]);
    assert_eq!(record(&account)["taskDefinitionArn"], arn("web:1"));
    let written = fs::read(account.path().join("record.json")).unwrap();
    account.run(&unchanged).is(0, "unchanged", None, &[]);
    assert_eq!(fs::read(account.path().join("record.json")).unwrap(), written);
}

#[test]
fn a_record_that_is_not_understood_is_3_and_nothing_changes() {
    let account = Account::new();
    account.file("record.json", r#"{"schema": "evenkeel.record/v9"}"#);
    account.deploy(&RECORD).is(3, "failed", Some("invalid_input"), &["file:record.json"]);
    assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (0, 0));
}
