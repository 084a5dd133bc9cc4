//! What containers, AWS and images say is never taken for a command, an output or Markdown.

use std::time::Duration;

use evenkeel_sandbox::{Rollout, RolloutOutcome};
use serde_json::{Value, json};

use super::runner::run;
use crate::world::Account;

/// Lines by which somebody's image would have the runner do something.
const HOSTILE: [&str; 6] = [
    "::set-env name=PATH::/tmp/evil",
    "  ::add-mask::prod",
    "see ##[add-path]/tmp/evil",
    "::endgroup::",
    "::stop-commands::forever",
    "```\n# not a heading | <img src=x>\nghadelimiter_0",
];

/// A service `api` that logs.
fn service_that_logs(account: &Account, image: &str) {
    let options =
        json!({ "awslogs-group": "/ecs/api", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "api" });
    // ECS would refuse some of these images today.
    account.sandbox.add_old_revision(&json!({ "family": "api", "memory": "512", "containerDefinitions": [
        { "name": "app", "image": "api:1", "logConfiguration": { "logDriver": "awslogs", "options": options } },
        { "name": "odd", "image": image },
    ] }));
    account.call(
        "CreateService",
        json!({ "cluster": "prod", "serviceName": "api", "taskDefinition": "api", "desiredCount": 1 }),
    );
    let rollout = Rollout { outcome: RolloutOutcome::Crash, duration: Duration::from_millis(200) };
    account.sandbox.set_rollout("prod", "api", rollout);
    let lines = HOSTILE.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    account.sandbox.set_log_lines("prod", "api", lines);
}

#[test]
fn a_crashed_container_s_last_words_are_only_shown() {
    let account = Account::new();
    service_that_logs(&account, "odd:1");
    let step = run(&account, &[("cluster", "prod"), ("service", "api"), ("images", "app=api:2")]);
    assert_eq!(step.status, Some(1), "{step:#?}");
    for line in HOSTILE.iter().flat_map(|text| text.lines()) {
        assert!(step.log.iter().any(|logged| logged.contains(line.trim())), "{line:?}: {step:#?}");
    }
    assert!(step.others.is_empty() && step.masks.is_empty(), "{step:#?}");
    assert_eq!(step.groups.len(), 1, "{step:#?}");
    assert_eq!(step.annotations.iter().filter(|(level, ..)| level == "error").count(), 1, "{step:#?}");
    let whole: Value = serde_json::from_str(&step.outputs["json"]).unwrap();
    assert!(whole.to_string().contains("ghadelimiter_0"), "{whole:#}");
    assert!(step.summary.contains("\n````text\n"), "{}", step.summary);
}

#[test]
fn a_document_in_the_log_has_no_commands_either() {
    let account = Account::new();
    service_that_logs(&account, "odd:1");
    let arguments =
        ["deploy", "--cluster", "prod", "--service", "api", "--image", "app=api:2", "--output", "json"];
    let ended = account.run(&arguments);
    assert!(!ended.stdout.contains("##["), "{}", ended.stdout);
    assert!(ended.document().to_string().contains("see ##[add-path]/tmp/evil"), "{}", ended.stdout);
}

#[test]
fn an_image_with_a_command_in_its_name_is_only_shown() {
    let account = Account::new();
    service_that_logs(&account, "x\n::set-env name=A::b");
    account.sandbox.set_rollout(
        "prod",
        "api",
        Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_millis(200) },
    );
    for dry_run in ["true", "false"] {
        let inputs = [
            ("cluster", "prod"),
            ("service", "api"),
            ("images", "app=api:2,odd=odd:2"),
            ("dry-run", dry_run),
        ];
        let step = run(&account, &inputs);
        assert_eq!((step.status, step.others.len()), (Some(0), 0), "{step:#?}");
        assert!(step.summary.contains("\n- x ::set-env name=A::b\n"), "{}", step.summary);
    }
}
