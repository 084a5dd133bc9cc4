//! The record in a file, seen from outside: open while it rolls, right at the end, put back.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use evenkeel_sandbox::{Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{APP_OLD, Account, DEPLOY, NEW, OLD};

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

/// A second service, `api`, on a family of its own whose container is called `app`, too.
fn with_api(account: &Account) {
    let containers = json!([{ "name": "app", "image": OLD }]);
    account.call(
        "RegisterTaskDefinition",
        json!({ "family": "api", "memory": "512", "containerDefinitions": containers }),
    );
    let api = json!({ "cluster": "prod", "serviceName": "api", "taskDefinition": "api", "desiredCount": 1 });
    account.call("CreateService", api);
    let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_millis(200) };
    account.sandbox.set_rollout("prod", "api", rollout);
}

#[test]
fn each_of_several_services_has_a_record_of_its_own() {
    let account = Account::new();
    with_api(&account);
    account.next_rollout(RolloutOutcome::Crash);
    let patterns = "ssm:/deploy/{cluster}/{service}/record,file:{service}.json";
    let both = account.deploy(&["--service", "api", "--record", patterns]);
    both.is(1, "rolled_back", Some("rollout_failed"), &["service web"]);
    assert_eq!(both.document()["services"][1]["outcome"], "deployed");

    let parameter = |service: &str| {
        let (text, _) = account.sandbox.parameter(&format!("/deploy/prod/{service}/record")).unwrap();
        let mut record: Value = serde_json::from_str(&text).unwrap();
        record.as_object_mut().unwrap().remove("replacesVersion");
        record
    };
    let file = |service: &str| {
        let path = account.path().join(format!("{service}.json"));
        serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap()
    };
    assert_eq!((parameter("web"), file("web")), (json!({}), json!({})));
    assert_eq!(parameter("api"), file("api"));
    assert_eq!((&file("api")["service"], &file("api")["revision"]), (&json!("api"), &json!(2)));
}

#[test]
fn every_command_finds_the_record_of_the_service_that_it_is_about() {
    let account = Account::new();
    with_api(&account);
    let record = ["--record", "ssm:/deploy/{service}/record"];
    let names = ["--cluster", "prod", "--service", "web"];
    let run = |command: &[&str], names: &[&str]| {
        account.run(&[command, names, &record, &["--output", "json"]].concat())
    };
    let places = |document: &Value| {
        let records = document["records"].as_array().unwrap();
        records.iter().map(|record| record["place"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (web, api) = ("ssm:/deploy/web/record", "ssm:/deploy/api/record");

    let made = run(&["record", "init"], &["--service", "web,api"]);
    assert_eq!((made.status, places(&made.document())), (Some(0), vec![web.to_owned(), api.to_owned()]));
    account.deploy(&record).is(0, "deployed", None, &[]);
    let back = run(&["rollback"], &names);
    back.is(0, "deployed", None, &[]);
    let shown = run(&["record", "show"], &["--service", "web"]);
    assert_eq!(shown.document()["records"][0]["record"]["revision"], 1, "{shown:?}");
    let drift = run(&["drift"], &names);
    assert_eq!((drift.status, places(&drift.document())), (Some(0), vec![web.to_owned()]), "{drift:?}");
    let repaired = run(&["record", "repair"], &names);
    assert_eq!((repaired.status, places(&repaired.document())), (Some(0), vec![web.to_owned()]));
    let reset = run(&["record", "reset"], &["--service", "web"]);
    assert_eq!((reset.status, places(&reset.document())), (Some(0), vec![web.to_owned()]));
    assert_eq!(account.sandbox.parameter("/deploy/web/record").unwrap().0, "{\"replacesVersion\":5}");

    let unnamed = run(&["record", "show"], &["--cluster", "prod"]);
    assert_eq!(unnamed.status, Some(2), "{unnamed:?}");
    let words =
        "the name of the record ssm:/deploy/{service}/record has {service} in it: --service was not given";
    assert!(unnamed.stderr.contains(words), "{unnamed:?}");
    let misspelt = account.run(&["record", "show", "--record", "ssm:/deploy/{svc}/record"]);
    assert!(misspelt.stderr.contains("{svc} is not a placeholder"), "{misspelt:?}");
    assert_eq!(misspelt.status, Some(2));
}
