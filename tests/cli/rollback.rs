//! `evenkeel rollback`.

use serde_json::json;

use crate::world::{Account, NEW, OLD};

const QUICK: [&str; 4] = ["--poll", "50ms", "--output", "json"];

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
    assert!(back.stderr.contains("web: rolled back to web:1\n"), "{back:?}");

    let told = account.run(&["rollback", "--cluster", "prod", "--service", "web", "--to", "2"]).stdout;
    assert!(
        told.starts_with("web was rolled back to web:2 in ") && told.contains("in place of web:1"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_gone_back_to_is_told() {
    let account = Account::new();
    rollback(&account, &[]).is(3, "failed", Some("invalid_input"), &["Give the revision by --to"]);
    let missing = rollback(&account, &["--to", "7"]);
    missing.is(3, "failed", Some("invalid_input"), &["there is no task definition web:7"]);
}
