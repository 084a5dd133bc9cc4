//! `evenkeel rollback`, and what a step of GitHub Actions shows of a deployment.

use evenkeel::sandbox::RolloutOutcome;
use serde_json::json;

use crate::world::{APP_NEW, Account, NEW, OLD, SECRETS};

const QUICK: [&str; 4] = ["--poll", "50ms..100ms", "--output", "json"];

fn rollback(account: &Account, more: &[&str]) -> crate::world::Ended {
    account.run(&[&["rollback", "--cluster", "prod", "--service", "web"], more, &QUICK].concat())
}

#[test]
fn a_service_goes_back_to_what_ran_before() {
    let account = Account::new();
    account.deploy(&[]).is(0, "deployed", None, &[]);

    let planned = rollback(&account, &["--dry-run"]);
    let plan = planned.document();
    assert_eq!((planned.status, &plan["services"][0]["action"]), (Some(0), &json!("return")));
    let change = &plan["services"][0]["changes"][0];
    assert_eq!((&change["from"], &change["to"]), (&json!(NEW), &json!(OLD)));

    let back = rollback(&account, &[]);
    back.is(0, "deployed", None, &[]);
    assert_eq!(back.document()["services"][0]["revision"], 1);
    assert_eq!(account.effects("RegisterTaskDefinition"), 1, "that of the deployment");
}

#[test]
fn what_cannot_be_gone_back_to_is_told() {
    let account = Account::new();
    rollback(&account, &[]).is(3, "failed", Some("invalid_input"), &["Give the revision by --to"]);
    let missing = rollback(&account, &["--to", "7"]);
    missing.is(3, "failed", Some("invalid_input"), &["there is no task definition web:7"]);
}

#[test]
fn a_step_of_github_actions_has_a_summary() {
    let account = Account::new();
    let summary = account.path().join("summary.md");
    let deploy = |outcome| {
        account.next_rollout(outcome);
        let arguments = ["deploy", "--cluster", "prod", "--service", "web", "--image", APP_NEW];
        let mut command = account.command(&[&arguments[..], &QUICK].concat());
        command.env("GITHUB_STEP_SUMMARY", &summary).output().unwrap()
    };
    deploy(RolloutOutcome::Crash);
    deploy(RolloutOutcome::Ok);
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.contains("### Evenkeel: rolled_back"), "{text}");
    assert!(text.contains("app exited with 1"), "{text}");
    assert!(text.contains("### Evenkeel: deployed"), "{text}");
    assert!(text.contains("| `web` | deployed | `web:1` → `web:2` |"), "{text}");
    assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
}
