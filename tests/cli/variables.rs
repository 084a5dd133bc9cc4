//! Variables that the pipeline owns, from the command line.

use serde_json::{Value, json};

use crate::world::{Account, DEPLOY, Ended, NEW};

const RECORD: [&str; 2] = ["--record", "file:record.json"];

fn run(account: &Account, command: &str, options: &[&str]) -> Ended {
    account.run(&[&[command], &DEPLOY[1..], &RECORD, options].concat())
}

fn record(account: &Account) -> Value {
    serde_json::from_slice(&std::fs::read(account.path().join("record.json")).unwrap()).unwrap()
}

#[test]
fn variables_are_set_without_image_definitions_and_shown_in_every_document() {
    let account = Account::new();
    let options = ["--set-env", "app:GIT_SHA=0123abcd", "--set-label", "app:com.example.v=a=b"];
    let plan = run(&account, "plan", &[&options[..], &["--detailed-exitcode"]].concat());
    assert_eq!(plan.status, Some(8), "{plan:?}");
    let changes = plan.document()["services"][0]["changes"].clone();
    let to: Vec<_> =
        changes.as_array().unwrap().iter().map(|it| (it["path"].as_str().unwrap(), &it["to"])).collect();
    assert_eq!(
        to,
        [
            ("containerDefinitions[app].dockerLabels.com.example.v", &json!("a=b")),
            ("containerDefinitions[app].environment[GIT_SHA]", &json!("0123abcd")),
        ]
    );
    let deployed = run(&account, "deploy", &options);
    deployed.is(0, "deployed", None, &[]);
    let owned = json!({ "app": {
        "environment": { "GIT_SHA": "0123abcd" }, "dockerLabels": { "com.example.v": "a=b" },
    }});
    assert_eq!(deployed.document()["services"][0]["variables"], owned);
    assert_eq!((&record(&account)["variables"], &record(&account)["images"]), (&owned, &json!({})));
    let shown = account.run(&["record", "show", "--record", "file:record.json", "--output", "json"]);
    assert_eq!(shown.document()["records"][0]["record"]["variables"], owned);
    let shown = account.run(&["record", "show", "--record", "file:record.json"]);
    assert!(shown.stdout.contains("app  env GIT_SHA = 0123abcd"), "{}", shown.stdout);

    run(&account, "deploy", &["--unset-env", "app:GIT_SHA"]).is(0, "deployed", None, &[]);
    let owned = json!({ "app": { "dockerLabels": { "com.example.v": "a=b" } } });
    assert_eq!(record(&account)["variables"], owned);
}

#[test]
fn a_default_file_that_is_there_is_deployed_as_well_and_one_that_is_named_must_be_there() {
    let account = Account::new();
    account.file("imagedefinitions.json", &format!("[{{\"name\":\"app\",\"imageUri\":\"{NEW}\"}}]"));
    run(&account, "deploy", &["--set-env", "app:A=1"]).is(0, "deployed", None, &[]);
    let both = record(&account);
    assert_eq!(
        (&both["images"]["app"], &both["variables"]["app"]["environment"]["A"]),
        (&json!(NEW), &json!("1"))
    );
    let missing = run(&account, "deploy", &["--set-env", "app:A=2", "--image-definitions", "other.json"]);
    missing.is(5, "failed", Some("unreadable"), &["other.json"]);
}

#[test]
fn what_is_refused_says_why_and_shows_no_value() {
    let account = Account::new();
    for (options, status, words) in [
        (&["--set-env", "app:URL=postgres://u:topsecret@db/x"][..], 3, "looks like a secret"),
        (&["--set-secret", "app:T=top secret"], 3, "refers to no secret"),
        (&["--set-env", "app"], 2, "sets nothing"),
        (&["--set-env", "app:A=1", "--unset-env", "app:A"], 3, "is given twice"),
        (&["--set-env", "other:A=1"], 3, "no container \"other\""),
        (&["--unset-env", "app:A"], 3, "does not own it"),
    ] {
        let refused = run(&account, "deploy", options);
        assert_eq!(refused.status, Some(status), "{refused:?}");
        assert!(refused.stderr.contains(words) && !refused.stderr.contains("topsecret"), "{refused:?}");
    }
    assert_eq!(account.effects("RegisterTaskDefinition"), 0);
}
