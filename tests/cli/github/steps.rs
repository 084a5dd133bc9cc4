//! Inputs, outputs and the summary of a step that succeeds, fails, plans or is wrong.

use std::collections::BTreeSet;

use evenkeel_sandbox::RolloutOutcome;
use serde_json::{Value, json};

use super::runner::{Place, declared, run, run_in};
use crate::world::{APP_NEW, Account, NEW, SECRETS, quick_task};

const WEB: [(&str, &str); 3] = [("cluster", "prod"), ("service", "web"), ("images", APP_NEW)];

#[test]
fn a_step_that_deploys_tells_it_by_outputs_and_a_summary() {
    deploys(Place::Process, &Account::new());
}

#[test]
fn an_image_that_github_emptied_is_told_as_such() {
    for (images, image) in [("app=", "\"\""), ("app=/web:2", "\"/web:2\"")] {
        let account = Account::new();
        let with = [("cluster", "prod"), ("service", "web"), ("images", images)];
        let step = run_in(Place::Process, &account, &with);
        assert_eq!(step.status, Some(3), "{step:#?}");
        let log = step.log.join("\n");
        let told = format!("the image {image} for container \"app\"");
        assert!(
            log.contains(&told) && log.contains("GitHub empties a job's output that holds a secret"),
            "{log}"
        );
        assert!(account.sandbox.calls().is_empty());
    }
    // An input that was emptied as a whole looks as if it had not been given.
    let account = Account::new();
    let step = run_in(Place::Process, &account, &[("cluster", "prod"), ("service", "web"), ("images", "")]);
    assert_eq!(step.status, Some(5), "{step:#?}");
    assert!(step.log.join("\n").contains("If `images` was given: GitHub empties"), "{step:#?}");
}

#[test]
fn a_step_that_fails_says_why_and_how_it_stands() {
    fails(Place::Process, &Account::new());
}

pub(super) fn deploys(place: Place<'_>, account: &Account) {
    let step = run_in(place, account, &WEB);
    assert_eq!(step.status, Some(0), "{step:#?}");
    let output = |name: &str| step.outputs[name].as_str();
    assert_eq!(output("outcome"), "deployed");
    assert_eq!(output("task-definition-arn"), "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2");
    assert_eq!(
        output("previous-task-definition-arn"),
        "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1"
    );
    assert_eq!(output("task-definition"), "web:2", "without the account's number, which may be a secret");
    assert_eq!(output("revision"), "2");
    let images: Value = serde_json::from_str(output("images")).unwrap();
    assert_eq!(images, json!({ "app": NEW, "proxy": "envoy:1" }));
    let whole: Value = serde_json::from_str(output("json")).unwrap();
    assert_eq!(whole["services"][0]["deploymentId"], output("deployment-id"));
    assert_eq!(step.outputs.keys().cloned().collect::<Vec<_>>(), declared("outputs"));

    assert_eq!(step.groups, ["Deployment of web in prod"]);
    let [(level, title, message)] = step.annotations.as_slice() else { panic!("{step:#?}") };
    assert_eq!((level.as_str(), title.as_str()), ("notice", "web: deployed"));
    assert!(
        message.starts_with("web was deployed in ") && message.contains("it has run web:2 since "),
        "{message}"
    );
    assert!(step.log.iter().any(|line| line == "registered web:2"), "{step:#?}");
    assert!(step.masks.is_empty() && step.others.is_empty(), "{step:#?}");

    let summary = &step.summary;
    assert!(summary.starts_with("### Evenkeel: deployed\n"), "{summary}");
    let url = "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/services/web/deployments?region=eu-west-1";
    assert!(summary.contains(&format!("| [web]({url}) | deployed | `web:1` → `web:2` |")), "{summary}");
    let path = "  containerDefinitions[app].image\n- registry.example.com:5000/shop/web:1\n";
    assert!(summary.contains(&format!("```diff\n{path}+ {NEW}\n```")), "{summary}");
    for line in [
        "```mermaid\ngantt\n",
        "    section web\n",
        "    register web 2 :done, ",
        "    roll out web 2 :done, ",
    ] {
        assert!(summary.contains(line), "{line:?}: {summary}");
    }
}

pub(super) fn fails(place: Place<'_>, account: &Account) {
    account.next_rollout(RolloutOutcome::Crash);
    let step = run_in(place, account, &WEB);
    assert_eq!(step.status, Some(1), "{step:#?}");
    assert_eq!(step.outputs["outcome"], "rolled_back");
    assert_eq!(step.outputs["revision"], "1");
    let (level, title, message) = &step.annotations[0];
    assert_eq!((level.as_str(), title.as_str()), ("error", "web: rolled back"));
    assert!(message.contains("the service is back on web:1"), "{message}");
    let summary = &step.summary;
    for words in [
        "| rolled back |",
        "#### Why\n\n```text\n",
        "app exited with 1",
        "roll out web 2 :crit, ",
        "go back to web 1 :active, ",
    ] {
        assert!(summary.contains(words), "{words:?}: {summary}");
    }
    assert!(step.log.iter().any(|line| line.starts_with("error: ")), "{step:#?}");
}

#[test]
fn every_input_of_the_action_is_read() {
    let account = Account::new();
    account.sandbox.create_bucket("records", false);
    // A container that has a secret needs the execution role, which fetches the secret.
    let mut definition =
        account.call("DescribeTaskDefinition", json!({ "taskDefinition": "web" }))["taskDefinition"].take();
    let containers = definition["containerDefinitions"].take();
    definition = json!({ "family": "web", "memory": "512", "containerDefinitions": containers });
    definition["executionRoleArn"] = "arn:aws:iam::123456789012:role/ecs".into();
    account.call("RegisterTaskDefinition", definition);
    account.call("UpdateService", json!({ "cluster": "prod", "service": "web", "taskDefinition": "web" }));
    assert_eq!(account.run(&["watch", "--cluster", "prod", "--service", "web"]).status, Some(0));
    account.sandbox.clear_calls();
    let role = "arn:aws:iam::123456789012:role/deploy";
    account.file("github-images.json", &format!("[{{\"name\":\"app\",\"imageUri\":\"{NEW}\"}}]"));
    let file = account.path().join("github-images.json");
    let given = [
        ("cluster", " prod "),
        ("service", "web\n"),
        ("image-definitions", file.to_str().unwrap()),
        ("images", "proxy=envoy:2\n"),
        ("before", "app=migrate 'up, now'\n\n  proxy=warm up\n"),
        // A task after the rollout needs the wait for it.
        ("after", " \n"),
        // So do rules and schedules that follow it.
        ("also", "\n"),
        ("set-env", "app:GIT_SHA=a, b\n  proxy:EMPTY=\n"),
        ("set-secret", "app:TOKEN=/shop/token"),
        ("set-label", "app:com.example.version=2"),
        // What is given back has to be owned.
        ("unset-env", "\n"),
        ("unset-secret", " "),
        ("unset-label", ""),
        ("take-over", "true"),
        ("timeout-minutes", "5"),
        ("on-failure", "leave"),
        ("wait", "false"),
        ("force-new-deployment", "true"),
        ("skip-verify", "True"),
        ("max-task-failures", "7"),
        ("placement-grace", "10m"),
        ("record", "ssm:/deploy/web\nfile:record.json"),
        ("notify", "eventbridge:default"),
        ("junit", "junit.xml"),
        ("dry-run", "false"),
        ("role-arn", role),
        ("external-id", SECRETS[2]),
        ("region", "eu-west-1"),
    ];
    let names: BTreeSet<_> = given.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), declared("inputs"));
    account.sandbox.play_tasks("", quick_task());
    let step = run(&account, &given);
    assert_eq!((step.status, step.outputs["outcome"].as_str()), (Some(0), "started"), "{step:#?}");
    assert_eq!(step.masks, [SECRETS[2]]);
    let tasks = account.sandbox.one_off_tasks();
    let ran: Vec<_> = tasks.iter().map(|task| (task.container.as_str(), task.command.join("|"))).collect();
    assert_eq!(ran, [("app", "migrate|up, now".to_owned()), ("proxy", "warm|up".to_owned())]);
    let calls = account.sandbox.calls();
    let asked = |operation: &str| calls.iter().find(|call| call.operation == operation).unwrap();
    assert_eq!(asked("AssumeRole").request["ExternalId"], SECRETS[2]);
    let containers = &asked("RegisterTaskDefinition").request["containerDefinitions"];
    assert_eq!((&containers[0]["image"], &containers[1]["image"]), (&json!(NEW), &json!("envoy:2")));
    let record = account.sandbox.parameter("/deploy/web").unwrap().0;
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["status"], "in_progress", "{record:#}");
    let variables = json!({
        "app": {
            "environment": { "GIT_SHA": "a, b" },
            "secrets": { "TOKEN": "/shop/token" },
            "dockerLabels": { "com.example.version": "2" },
        },
        "proxy": { "environment": { "EMPTY": "" } },
    });
    assert_eq!(record["candidate"]["variables"], variables, "{record:#}");
    assert_eq!(account.sandbox.events().len(), 1);
    let workspace = account.path().join("github/workspace");
    assert!(workspace.join("record.json").exists() && workspace.join("junit.xml").exists());

    let step = run(&account, &[&WEB[..], &[("force-new-deployment", "true"), ("wait", "false")]].concat());
    assert_eq!(step.status, Some(0), "{step:#?}");
    let mut updates = account.sandbox.calls().into_iter().filter(|call| call.operation == "UpdateService");
    assert_eq!(updates.next_back().unwrap().request["forceNewDeployment"], json!(true));
}

#[test]
fn a_wrong_input_is_2_and_annotated_and_changes_nothing() {
    let account = Account::new();
    for (given, words) in [
        (("service", ""), ["input service", "it is required"]),
        (("timeout-minutes", "ten"), ["input timeout-minutes", "whole number"]),
        (("clusters", "prod"), ["input clusters", "no such input"]),
        (("also", "rule:nightly\nschedule:a/b/c"), ["--also \"schedule:a/b/c\"", "schedule:[GROUP/]NAME"]),
        (("on-failure", "retry\n::set-env name=X::y"), ["--on-failure", "retry"]),
        (("notify", "https://hooks.example.com/x"), ["https://…", "SecureString"]),
    ] {
        let step = run(&account, &[&WEB[..], &[given]].concat());
        assert_eq!(step.status, Some(2), "{step:#?}");
        let (level, _, message) = &step.annotations[0];
        assert!(level == "error" && words.iter().all(|word| message.contains(word)), "{message}");
        assert!(step.others.is_empty(), "{step:#?}");
    }
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn a_dry_run_shows_the_change_in_the_summary() {
    let account = Account::new();
    let step = run(&account, &[&WEB[..], &[("dry-run", "true")]].concat());
    assert_eq!(step.status, Some(0), "{step:#?}");
    assert!(step.summary.starts_with("### Evenkeel: plan\n"), "{}", step.summary);
    assert!(step.summary.contains(&format!("+ {NEW}\n")), "{}", step.summary);
    assert_eq!(account.effects("RegisterTaskDefinition"), 0);
}

#[test]
fn files_that_cannot_be_written_are_a_warning() {
    let account = Account::new();
    let mut command =
        account.command(&["deploy", "--cluster", "prod", "--service", "web", "--image", APP_NEW]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", "/no/such/folder/output");
    let ended = command.output().unwrap();
    let log = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{log}");
    assert!(
        log.contains("::warning title=Evenkeel::the step's outputs cannot be written to /no/such"),
        "{log}"
    );
}
