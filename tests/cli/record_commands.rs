//! `evenkeel record`: what it prints and what it leaves, in every place that a record can be.

use std::fs;

use evenkeel_sandbox::{FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{Account, Ended, NEW};

const PLACES: &str = "ssm:/deploy/web/record,s3://records/web.json,tfstate:s3://records/web,tfvars:x.auto.tfvars.json,file:record.json";
const SSM: [&str; 2] = ["--record", "ssm:/deploy/web/record"];
const WEB: [&str; 4] = ["--cluster", "prod", "--service", "web"];

fn arn(name: &str) -> Value {
    json!(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}"))
}

/// `evenkeel record` with these arguments, for its document.
fn record(account: &Account, arguments: &[&str]) -> Ended {
    account.run(&[&["record"], arguments, &["--output", "json"]].concat())
}

fn each(ended: &Ended, member: &str) -> Vec<Value> {
    let document = ended.document();
    document["records"].as_array().unwrap().iter().map(|record| record[member].clone()).collect()
}

#[test]
fn init_makes_the_empty_record_where_nothing_is_and_touches_nothing_else() {
    let account = Account::new();
    account.sandbox.create_bucket("records", false);
    let ended = record(&account, &["init", "--record", PLACES]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(each(&ended, "done"), ["made"; 5]);
    assert_eq!(each(&ended, "status"), ["empty"; 5]);
    let places: Vec<&str> = PLACES.split(',').collect();
    assert_eq!(each(&ended, "place"), places);

    assert_eq!(account.sandbox.parameter("/deploy/web/record"), Some(("{}".to_owned(), 1)));
    let state: Value = serde_json::from_slice(&account.sandbox.object("records", "web").unwrap()).unwrap();
    assert_eq!(state["outputs"]["record"], json!({ "value": {}, "type": ["object", {}] }));
    let again = record(&account, &["init", "--record", PLACES]);
    assert_eq!(each(&again, "done"), ["nothing"; 5]);
    assert_eq!(account.sandbox.parameter("/deploy/web/record"), Some(("{}".to_owned(), 1)));

    account.deploy(&["--record", PLACES]).is(0, "deployed", None, &[]);
    let shown = record(&account, &["show", "--record", PLACES]);
    assert_eq!(each(&shown, "status"), ["succeeded"; 5]);
    let records = each(&shown, "record");
    assert_eq!(records[0]["images"], json!({ "app": NEW }));
    assert!(records.iter().all(|record| *record == records[0]), "{records:?}");
}

#[test]
fn show_tells_in_text_what_is_recorded_and_what_is_under_way() {
    let account = Account::new();
    let show = || account.run(&[&["record", "show"], &SSM[..]].concat());
    assert_eq!(show().stdout, "ssm:/deploy/web/record  nothing is there\n");
    account.sandbox.put_parameter("/deploy/web/record", "{}").unwrap();
    assert_eq!(show().stdout, "ssm:/deploy/web/record  nothing was deployed\n");

    account.deploy(&[&["--no-wait"], &SSM[..]].concat()).is(0, "started", None, &[]);
    let told = show().stdout;
    assert!(
        told.contains("in progress until ") && told.contains(&format!("app={NEW}; before it web:1")),
        "{told}"
    );
    account.deploy(&SSM).is(0, "deployed", None, &[]);
    let told = show().stdout;
    assert!(
        told.contains("web:2 descends from web:1") && told.contains(&format!("  app  {NEW}\n")),
        "{told}"
    );
}

#[test]
fn repair_closes_what_was_cut_off_once_the_rollout_has_ended() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Stuck);
    account.deploy(&[&["--no-wait"], &SSM[..]].concat()).is(0, "started", None, &[]);
    let repair = [&["repair"], &WEB[..], &SSM[..]].concat();
    let refused = record(&account, &repair);
    assert_eq!((refused.status, &refused.document()["failure"]["kind"]), (Some(75), &json!("unavailable")));
    for words in ["service web was not repaired", "the rollout of web:2 goes on", "--force"] {
        assert!(refused.stderr.contains(words), "{words}: {refused:?}");
    }

    let forced = record(&account, &[&repair[..], &["--force"]].concat());
    assert_eq!((forced.status, each(&forced, "done")), (Some(0), vec![json!("repaired")]));
    let told = &each(&forced, "record")[0];
    assert_eq!((&told["taskDefinitionArn"], &told["baseTaskDefinitionArn"]), (&arn("web:2"), &arn("web:1")));
    assert_eq!((&told["status"], &told["images"]), (&json!("succeeded"), &json!({ "app": NEW })));
}

#[test]
fn repair_finds_the_ancestor_of_what_was_not_recorded() {
    let account = Account::new();
    account.deploy(&SSM).is(0, "deployed", None, &[]);
    // Another pipeline deploys, and records nothing.
    account.deploy(&["--image", "proxy=envoy:2"]).is(0, "deployed", None, &[]);
    account.run(&["deploy", "--cluster", "prod", "--service", "web", "--image", "app=shop/web:3"]);
    let repair = [&["repair"], &WEB[..], &SSM[..]].concat();
    let told = each(&record(&account, &repair), "record").remove(0);
    // The proxy is not the pipeline's by the record, so its change is somebody's.
    assert_eq!((&told["taskDefinitionArn"], &told["baseTaskDefinitionArn"]), (&arn("web:4"), &arn("web:4")));

    let account = Account::new();
    account.deploy(&SSM).is(0, "deployed", None, &[]);
    account.run(&["deploy", "--cluster", "prod", "--service", "web", "--image", "app=shop/web:3"]);
    let repaired = record(&account, &repair);
    let told = each(&repaired, "record").remove(0);
    assert_eq!((&told["taskDefinitionArn"], &told["baseTaskDefinitionArn"]), (&arn("web:3"), &arn("web:1")));
    assert_eq!(
        (each(&repaired, "done"), &told["images"]["app"]),
        (vec![json!("repaired")], &json!("shop/web:3"))
    );
    assert_eq!(each(&record(&account, &repair), "done"), ["nothing"]);
}

#[test]
fn repair_without_any_record_says_what_writes_one() {
    let account = Account::new();
    let refused = record(&account, &[&["repair"], &WEB[..], &SSM[..]].concat());
    assert_eq!((refused.status, &refused.document()["failure"]["kind"]), (Some(3), &json!("invalid_input")));
    assert!(refused.stderr.contains("there is no record in ssm:/deploy/web/record"), "{refused:?}");
    assert!(refused.stderr.contains("`evenkeel deploy` with the images that run"), "{refused:?}");
}

#[test]
fn reset_empties_even_what_is_not_understood_but_nothing_that_is_under_way() {
    let account = Account::new();
    account.sandbox.put_parameter("/deploy/web/record", r#"{"schema":"evenkeel.record/v9"}"#).unwrap();
    let shown = record(&account, &[&["show"], &SSM[..]].concat());
    assert_eq!((shown.status, &shown.document()["failure"]["kind"]), (Some(3), &json!("invalid_input")));
    assert!(shown.stderr.contains("evenkeel record reset"), "{shown:?}");
    let reset = [&["reset"], &SSM[..]].concat();
    assert_eq!(each(&record(&account, &reset), "done"), ["reset"]);
    assert_eq!(each(&record(&account, &reset), "done"), ["nothing"]);

    account.deploy(&[&["--no-wait"], &SSM[..]].concat()).is(0, "started", None, &[]);
    let refused = record(&account, &reset);
    assert_eq!(refused.status, Some(75), "{refused:?}");
    assert!(refused.stderr.contains("deployment in progress until"), "{refused:?}");
    assert_eq!(each(&record(&account, &[&reset[..], &["--force"]].concat()), "status"), ["empty"]);
    assert_eq!(account.sandbox.parameter("/deploy/web/record").unwrap().0, "{\"replacesVersion\":3}");
}

#[test]
fn the_state_of_a_configuration_is_refused_and_kept() {
    let account = Account::new();
    let theirs = r#"{"version":4,"serial":7,"lineage":"a","outputs":{},"resources":[]}"#;
    account.sandbox.put_object("records", "web", theirs.as_bytes().to_vec());
    for command in ["init", "show", "reset"] {
        let refused = record(&account, &[command, "--record", "tfstate:s3://records/web"]);
        assert_eq!(refused.status, Some(3), "{refused:?}");
        assert!(refused.stderr.contains("tfstate:s3://records/web holds no record"), "{refused:?}");
    }
    assert_eq!(account.sandbox.object("records", "web").unwrap(), theirs.as_bytes());
}

#[test]
fn a_file_needs_neither_a_region_nor_credentials() {
    let account = Account::new();
    let mut command = account.command(&["record", "init", "--record", "file:record.json"]);
    let command = command.env_remove("AWS_REGION").env_remove("AWS_ACCESS_KEY_ID");
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Some(0), "file:record.json  made: nothing was deployed\n")
    );
    assert_eq!(fs::read_to_string(account.path().join("record.json")).unwrap(), "{}\n");
}

#[test]
fn every_mistake_has_its_status() {
    let account = Account::new();
    for (arguments, status, kind, words) in [
        (&["init"][..], 2, "usage", "--record"),
        (&["init", "--record", "s3://records"], 2, "usage", "s3://BUCKET/KEY"),
        (&["show", "--record", "s3://nowhere/key"], 3, "invalid_input", "NoSuchBucket"),
        (&["repair", "--record", "ssm:/web"], 2, "usage", "--cluster"),
        (
            &["repair", "--cluster", "prod", "--service", "nope", "--record", "ssm:/web"],
            3,
            "invalid_input",
            "nope",
        ),
        (&["init", "--record", "file:/no/such/folder/x"], 5, "unreadable", "/no/such/folder/x"),
    ] {
        let ended = record(&account, arguments);
        assert_eq!(
            (ended.status, &ended.document()["failure"]["kind"]),
            (Some(status), &json!(kind)),
            "{ended:?}"
        );
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    account.always("GetParameter", FaultKind::Denied);
    let denied = record(&account, &[&["show"], &SSM[..]].concat());
    assert_eq!((denied.status, &denied.document()["failure"]["kind"]), (Some(4), &json!("denied")));
    assert!(denied.stderr.contains("ssm:GetParameter"), "{denied:?}");
}
