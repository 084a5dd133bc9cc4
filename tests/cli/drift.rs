//! `evenkeel drift`: what differs, who probably made it so, what to do.

use evenkeel_sandbox::RolloutOutcome;
use serde_json::{Value, json};

use crate::world::{Account, Ended};

const SSM: [&str; 2] = ["--record", "ssm:/deploy/web/record"];
const DRIFT: [&str; 5] = ["drift", "--cluster", "prod", "--service", "web"];

fn drift(account: &Account, more: &[&str]) -> Ended {
    account.run(&[&DRIFT[..], &SSM, &["--detailed-exitcode", "--output", "json"], more].concat())
}

#[track_caller]
fn is(ended: &Ended, status: i32, kinds: &[&str]) {
    let document = ended.document();
    let found: Vec<&str> =
        document["differences"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!((ended.status, found.as_slice()), (Some(status), kinds), "{document:#}");
    assert_eq!(document["drift"], json!(!kinds.is_empty()));
}

fn arn(name: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}")
}

/// A Terraform state whose configuration registered this revision.
fn state(registered: &str) -> Value {
    let resource = |kind: &str, attributes: Value| json!({ "mode": "managed", "type": kind, "name": "this", "instances": [{ "attributes": attributes }] });
    json!({ "version": 4, "serial": 1, "lineage": "x", "outputs": {}, "resources": [
        resource("aws_ecs_task_definition", json!({ "arn": arn(registered), "family": "web" })),
        resource("aws_ecs_service", json!({ "name": "web", "cluster": "prod", "task_definition": arn(registered) })),
        resource("random_password", json!({ "result": "s3cret-in-environment" })),
    ] })
}

#[test]
fn after_a_deployment_there_is_no_drift() {
    let account = Account::new();
    account.file("terraform.tfstate", &state("web:1").to_string());
    is(&drift(&account, &[]), 8, &["record_missing"]);
    account.deploy(&SSM).is(0, "deployed", None, &[]);
    let ended = drift(&account, &["--tfstate", "terraform.tfstate"]);
    is(&ended, 0, &[]);
    let document = ended.document();
    assert_eq!(document["terraform"]["registeredTaskDefinitionArn"], arn("web:1"));
    assert_eq!(document["records"][0]["baseTaskDefinitionArn"], arn("web:1"));

    let text = account.run(&[&DRIFT[..], &SSM].concat());
    assert_eq!(
        (text.status, text.stdout.as_str()),
        (Some(0), "web: live web:2 (completed), newest web:2, ssm:/deploy/web/record web:2; no drift\n")
    );
}

#[test]
fn a_deployment_that_was_not_recorded_is_told() {
    let account = Account::new();
    account.deploy(&SSM).is(0, "deployed", None, &[]);
    account.run(&["deploy", "--cluster", "prod", "--service", "web", "--image", "app=shop/web:3"]);
    let ended = drift(&account, &[]);
    is(&ended, 8, &["not_recorded"]);
    let difference = &ended.document()["differences"][0];
    assert!(difference["who"].as_str().unwrap().contains("without --record"), "{difference}");
    assert!(difference["next"].as_str().unwrap().contains("record repair"), "{difference}");

    let text = account.run(&[&DRIFT[..], &SSM].concat());
    assert_eq!(text.status, Some(0), "without --detailed-exitcode: {text:?}");
    for line in ["not_recorded: live is web:3", "  probably by: ", "  what to do: "] {
        assert!(text.stdout.contains(line), "{line}: {text:?}");
    }
}

#[test]
fn what_only_the_console_or_only_terraform_knows_is_told() {
    let account = Account::new();
    account.sandbox.create_bucket("states", false);
    account.sandbox.put_object("states", "web.tfstate", state("web:1").to_string().into_bytes());
    let edited = json!({ "family": "web", "memory": "1024", "containerDefinitions": [{ "name": "app", "image": "a:1" }] });
    account.call("RegisterTaskDefinition", edited);
    account.call("UpdateService", json!({ "cluster": "prod", "service": "web", "taskDefinition": "web:2" }));
    account.deploy(&[&["--timeout", "20s"], &SSM[..]].concat()).is(0, "deployed", None, &[]);
    is(&drift(&account, &["--tfstate", "s3://states/web.tfstate"]), 8, &["unknown_to_terraform"]);

    account.file("ahead.tfstate", &state("web:9").to_string());
    is(&drift(&account, &["--tfstate", "ahead.tfstate"]), 8, &["terraform_not_live"]);
}

#[test]
fn a_change_by_hand_is_shown_as_a_plan_shows_it() {
    let account = Account::new();
    account.deploy(&SSM).is(0, "deployed", None, &[]);
    let mut edited = account.sandbox.stored("web:2").unwrap();
    edited["memory"] = json!("2048");
    let variable = json!([{ "name": "DATABASE_URL", "value": "postgres://shop:hunter22@db/shop" }]);
    edited["containerDefinitions"][0]["environment"] = variable;
    account.call("RegisterTaskDefinition", edited);
    account.call("UpdateService", json!({ "cluster": "prod", "service": "web", "taskDefinition": "web:3" }));
    account.file("terraform.tfstate", &state("web:1").to_string());

    let ended = drift(&account, &[]);
    let difference = &ended.document()["differences"][0];
    assert_eq!(difference["kind"], "not_recorded");
    let environment = "containerDefinitions[app].environment";
    let changed: Vec<(&Value, &Value)> =
        difference["changes"].as_array().unwrap().iter().map(|it| (&it["path"], &it["to"])).collect();
    let url = json!(format!("{environment}[DATABASE_URL]"));
    assert!(changed.contains(&(&url, &json!("(hidden)"))), "{difference:#}");
    assert!(changed.contains(&(&json!("memory"), &json!("2048"))), "{difference:#}");

    let text = account.run(&[&DRIFT[..], &SSM, &["--tfstate", "terraform.tfstate"]].concat()).stdout;
    for told in ["not_recorded: live is web:3", "unknown_to_terraform: live is web:3"] {
        let part = text.split_once(told).unwrap_or_else(|| panic!("{told}: {text}")).1;
        let part = part.split_once("probably by").unwrap().0;
        let line = format!("\n  + {environment}[DATABASE_URL]: (hidden)\n");
        assert!(part.contains(&line) && part.contains(" memory: "), "{text}");
    }
    assert!(!text.contains("hunter22"), "{text}");
}

#[test]
fn a_deployment_in_progress_is_told() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Stuck);
    account.deploy(&[&["--no-wait"], &SSM[..]].concat()).is(0, "started", None, &[]);
    is(&drift(&account, &[]), 8, &["deployment_in_progress", "rollout_in_progress"]);
}

#[test]
fn every_mistake_has_its_status() {
    let account = Account::new();
    account.file("not.tfstate", "resource \"aws_ecs_service\" \"web\" {}");
    account.file("other.tfstate", r#"{"version":4,"resources":[]}"#);
    for (more, status, kind, words) in [
        (&["--tfstate", "none.tfstate"][..], 5, "unreadable", "none.tfstate"),
        (&["--tfstate", "s3://nowhere"], 2, "usage", "s3://BUCKET/KEY"),
        (&["--tfstate", "not.tfstate"], 3, "invalid_input", "line 1"),
        (&["--tfstate", "other.tfstate"], 3, "invalid_input", "aws_ecs_service web"),
        (&["--frobnicate"], 2, "usage", "--frobnicate"),
        (&["--record", "nowhere"], 2, "usage", "ssm:/NAME"),
    ] {
        let ended = drift(&account, more);
        assert_eq!(
            (ended.status, &ended.document()["failure"]["kind"]),
            (Some(status), &json!(kind)),
            "{ended:?}"
        );
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    let without = account.run(&[&DRIFT[..], &["--output", "json"]].concat());
    assert_eq!(without.status, Some(2), "{without:?}");
    assert!(without.stderr.contains("--record"), "{without:?}");
}
