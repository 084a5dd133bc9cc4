//! `--also`: rules and schedules that start what is live, in every command that takes it.

use std::fs;

use evenkeel_sandbox::{FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::junit::Element;
use crate::world::{APP_NEW, APP_OLD, Account, DEPLOY, Ended};

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
const ROLE: &str = "arn:aws:iam::123456789012:role/schedules";
const WEB: [&str; 4] = ["--cluster", "prod", "--service", "web"];
const BOTH: [&str; 2] = ["--also", "rule:nightly,schedule:jobs/hourly"];

fn arn(name: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}")
}

/// A target of a rule, or of a schedule, which starts this definition in the cluster.
fn target(id: Option<&str>, definition: &str) -> Value {
    let mut target = json!({
        "Arn": CLUSTER,
        "RoleArn": ROLE,
        "Input": "{\"containerOverrides\":[{\"name\":\"app\",\"command\":[\"report\"]}]}",
        "EcsParameters": { "TaskDefinitionArn": definition, "LaunchType": "FARGATE", "TaskCount": 2 },
    });
    if let Some(id) = id {
        target["Id"] = id.into();
    }
    target
}

/// Makes a rule of this bus with one target, `report`.
pub(crate) fn add_rule_on(account: &Account, bus: &str, name: &str, definition: &str) {
    let events = |operation: &str, request: Value| account.sandbox.call_events(operation, request).unwrap();
    events(
        "PutRule",
        json!({ "Name": name, "EventBusName": bus, "EventPattern": "{\"source\":[\"shop\"]}" }),
    );
    let targets = json!([target(Some("report"), definition)]);
    events("PutTargets", json!({ "Rule": name, "EventBusName": bus, "Targets": targets }));
}

fn add_rule(account: &Account, name: &str, definition: &str) {
    add_rule_on(account, "default", name, definition);
}

/// Makes a schedule of the group `jobs`.
fn add_schedule(account: &Account, name: &str, definition: &str, state: &str) {
    let schedule = json!({
        "GroupName": "jobs",
        "Name": name,
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "State": state,
        "Target": target(None, definition),
    });
    account.sandbox.call_scheduler("CreateSchedule", schedule).unwrap();
}

/// The rule `nightly` and the schedule `jobs/hourly`, which is disabled, start `web:1`.
pub(crate) fn account() -> Account {
    let account = Account::new();
    account.sandbox.call_scheduler("CreateScheduleGroup", json!({ "Name": "jobs" })).unwrap();
    add_rule(&account, "nightly", &arn("web:1"));
    add_schedule(&account, "hourly", &arn("web:1"), "DISABLED");
    account
}

/// What the target of the rule and the schedule name.
fn named(account: &Account) -> [String; 2] {
    let target = account.sandbox.target("default", "nightly", "report").unwrap();
    let schedule = account.sandbox.schedule("jobs", "hourly").unwrap();
    [&target, &schedule["Target"]]
        .map(|target| target["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap().to_owned())
}

#[track_caller]
fn both_start(account: &Account, revision: &str) {
    assert_eq!(named(account), [arn(revision), arn(revision)]);
}

/// What each is in a document, and the members that this command's documents have besides.
fn documents(rule: &Value, schedule: &Value) -> Value {
    let mut both = json!([
        { "kind": "rule", "bus": "default", "name": "nightly", "target": "report", "enabled": true },
        { "kind": "schedule", "group": "jobs", "name": "hourly", "enabled": false },
    ]);
    for (document, more) in both.as_array_mut().unwrap().iter_mut().zip([rule, schedule]) {
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    both
}

/// What each came to, alike for both.
fn reports(before: &str, now: &str, outcome: &str) -> Value {
    let members = json!({
        "previousTaskDefinition": arn(before), "taskDefinition": arn(now), "outcome": outcome,
    });
    documents(&members, &members)
}

#[test]
fn a_deployment_moves_them_when_the_rollout_has_completed() {
    let account = account();
    let ended = account.deploy(&BOTH);
    ended.is(0, "deployed", None, &[]);
    both_start(&account, "web:2");
    assert_eq!(ended.document()["scheduledTasks"], reports("web:1", "web:2", "moved"));
    let place = |words: &str| ended.stderr.find(words).unwrap_or_else(|| panic!("{words}: {ended:?}"));
    let moved = "target report of rule nightly starts web:2 from now on, and no longer web:1\n";
    let disabled = "schedule jobs/hourly starts web:2 from now on, and no longer web:1 (disabled)\n";
    assert!(place("web: deployed\n") < place(moved) && place(moved) < place(disabled), "{ended:?}");
    let warning = "warning: schedule jobs/hourly is disabled: it gets the live revision and stays disabled\n";
    assert_eq!(ended.stderr.matches(warning).count(), 1, "{ended:?}");

    // Nothing but the one string differs.
    let kept = |found: &Value, id| *found == target(id, &arn("web:2"));
    let found = account.sandbox.target("default", "nightly", "report").unwrap();
    assert!(kept(&found, Some("report")), "{found:#}");
    let schedule = account.sandbox.schedule("jobs", "hourly").unwrap();
    assert!(kept(&schedule["Target"], None) && schedule["State"] == "DISABLED", "{schedule:#}");

    let again = account.deploy(&BOTH);
    again.is(0, "unchanged", None, &[]);
    assert_eq!(again.document()["scheduledTasks"], reports("web:2", "web:2", "current"));
    assert_eq!((account.effects("PutTargets"), account.effects("UpdateSchedule")), (1, 1));
}

#[test]
fn the_result_has_a_line_for_each() {
    let account = account();
    let ended = account.run(&[&["deploy"], &WEB[..], &["--image", APP_NEW], &BOTH].concat());
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    assert!(lines[0].starts_with("web was deployed in "), "{ended:?}");
    assert_eq!(
        lines[1..],
        [
            "target report of rule nightly starts web:2 from now on, and no longer web:1",
            "schedule jobs/hourly starts web:2 from now on, and no longer web:1 (disabled)",
        ]
    );
    let again = account.run(&[&["deploy"], &WEB[..], &["--image", APP_NEW], &BOTH].concat());
    assert!(again.stdout.contains("\ntarget report of rule nightly starts web:2 already\n"), "{again:?}");
}

#[test]
fn the_lines_for_a_shell_are_those_without_them() {
    let lines = |more: &[&str]| {
        let account = account();
        let env = ["deploy", "--output", "env", "--image", APP_NEW];
        let ended = account.run(&[&env, &WEB[..], more].concat());
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(named(&account) == [arn("web:2"), arn("web:2")], !more.is_empty());
        let names = ended.stdout.lines().map(|line| line.split('=').next().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(lines(&BOTH), lines(&[]));
}

#[test]
fn a_rollout_that_fails_leaves_them() {
    let account = account();
    account.next_rollout(RolloutOutcome::Crash);
    let ended = account.deploy(&BOTH);
    ended.is(1, "rolled_back", Some("rollout_failed"), &[]);
    both_start(&account, "web:1");
    let left = json!({
        "previousTaskDefinition": arn("web:1"),
        "taskDefinition": arn("web:1"),
        "outcome": "left",
        "note": "the deployment of service web did not end well",
    });
    assert_eq!(ended.document()["scheduledTasks"], documents(&left, &left));
    let line = "target report of rule nightly stays as it was, and starts web:1: the deployment of";
    assert!(ended.stderr.contains(line), "{ended:?}");
    assert_eq!((account.effects("PutTargets"), account.effects("UpdateSchedule")), (0, 0));
}

#[test]
fn one_without_a_revision_is_warned_of_before_and_after_a_failure_and_pinned_by_a_success() {
    let account = Account::new();
    add_rule(&account, "nightly", "web");
    let arguments = ["--also", "rule:nightly"];
    let before = "warning: target report of rule nightly names web without a revision";
    account.next_rollout(RolloutOutcome::Crash);
    let failed = account.deploy(&arguments);
    failed.is(1, "rolled_back", Some("rollout_failed"), &[]);
    assert!(failed.stderr.contains(before), "{failed:?}");
    let after = "target report of rule nightly names no revision, so it starts the newest one: that is web:2, whose \
                 rollout did not complete. Deregister web:2, or deploy once more";
    let warnings = failed.document()["warnings"].clone();
    assert!(warnings.as_array().unwrap().contains(&json!(after)), "{warnings:#}");

    account.next_rollout(RolloutOutcome::Ok);
    let done = account.run(&[&DEPLOY[..], &["--image", "app=shop/web:3"], &arguments].concat());
    done.is(0, "deployed", None, &[]);
    let task = &done.document()["scheduledTasks"][0];
    let live = done.document()["services"][0]["taskDefinitionArn"].clone();
    assert_eq!(
        (&task["previousTaskDefinition"], &task["taskDefinition"], &task["outcome"]),
        (&json!("web"), &live, &json!("moved"))
    );
    assert!(done.stderr.contains("from now on, and no longer the newest revision of web\n"), "{done:?}");
}

#[test]
fn a_plan_shows_what_would_move_and_counts_it() {
    let account = account();
    let plan = |image: &str, output: &str| {
        let detailed = ["--detailed-exitcode", "--output", output, "--image", image];
        account.run(&[&["plan"], &WEB[..], &detailed, &BOTH].concat())
    };
    let members = |definition: &str, moves: bool| {
        let members = json!({ "taskDefinition": arn(definition), "moves": moves });
        documents(&members, &members)
    };
    let ended = plan(APP_NEW, "json");
    assert_eq!((ended.status, &ended.document()["scheduledTasks"]), (Some(8), &members("web:1", true)));
    let text = plan(APP_NEW, "text").stdout;
    let line =
        "target report of rule nightly would start the new revision after the rollout; now it starts web:1\n";
    assert!(text.contains(line), "{text}");

    // Nothing of the service changes, and both start what is live.
    let ended = plan(APP_OLD, "json");
    assert_eq!((ended.status, &ended.document()["changes"]), (Some(0), &json!(false)), "{ended:?}");
    assert_eq!(ended.document()["scheduledTasks"], members("web:1", false));
    assert!(plan(APP_OLD, "text").stdout.contains("schedule jobs/hourly starts web:1 already\n"));

    // The move alone is a change.
    account.deploy(&[]).is(0, "deployed", None, &[]);
    let ended = plan(APP_NEW, "json");
    assert_eq!((ended.status, &ended.document()["changes"]), (Some(8), &json!(true)), "{ended:?}");
    assert_eq!(ended.document()["services"][0]["action"], "unchanged");
    let text = plan(APP_NEW, "text").stdout;
    assert!(text.contains("schedule jobs/hourly would start web:2 after the rollout; now it starts web:1\n"));
    both_start(&account, "web:1");
    assert_eq!((account.effects("PutTargets"), account.effects("UpdateSchedule")), (0, 0));
}

#[test]
fn a_rollback_takes_them_along() {
    let account = account();
    account.deploy(&BOTH).is(0, "deployed", None, &[]);
    let rollback = |more: &[&str]| {
        account.run(&[&["rollback", "--poll", "50ms", "--output", "json"], &WEB[..], &BOTH, more].concat())
    };
    let planned = rollback(&["--dry-run"]);
    assert_eq!((planned.status, &planned.document()["scheduledTasks"][1]["moves"]), (Some(0), &json!(true)));
    both_start(&account, "web:2");

    let back = rollback(&[]);
    back.is(0, "deployed", None, &[]);
    assert_eq!(back.document()["scheduledTasks"], reports("web:2", "web:1", "moved"));
    both_start(&account, "web:1");
    assert!(back.stderr.contains("schedule jobs/hourly starts web:1 from now on, and no longer web:2"));
}

#[test]
fn live_shows_what_each_starts_and_only_where_that_is_asked() {
    let account = account();
    let live =
        |output: &str, more: &[&str]| account.run(&[&["live", "--output", output], &WEB[..], more].concat());
    assert!(live("json", &[]).document().get("scheduledTasks").is_none());
    let asked = ["DescribeRule", "ListTargetsByRule", "GetSchedule", "ListEventBuses", "ListSchedules"];
    let asked = |call: &evenkeel_sandbox::Call| asked.contains(&call.operation.as_str());
    assert!(!account.sandbox.calls().iter().any(asked));

    let members = json!({ "taskDefinition": arn("web:1") });
    for also in [&BOTH[..], &["--also", "family"]] {
        let document = live("json", also).document();
        assert_eq!(document["scheduledTasks"], documents(&members, &members), "{also:?}");
        let text = live("text", also).stdout;
        let lines =
            "  target report of rule nightly starts web:1\n  schedule jobs/hourly starts web:1 (disabled)\n";
        assert!(text.ends_with(lines), "{text}");
    }
    // Terraform's protocol takes strings alone.
    assert_eq!(live("external", &BOTH).stdout, live("external", &[]).stdout);
    let nothing = Account::new().run(&[&["live", "--also", "family", "--output", "json"], &WEB[..]].concat());
    assert_eq!(nothing.document()["scheduledTasks"], json!([]));
    let missing = live("json", &["--also", "rule:weekly"]);
    assert_eq!((missing.status, &missing.document()["failure"]["kind"]), (Some(3), &json!("invalid_input")));
}

#[test]
fn drift_tells_of_one_that_starts_another_revision() {
    let account = account();
    add_rule(&account, "unpinned", "web");
    let record = ["--record", "ssm:/deploy/web"];
    account.deploy(&record).is(0, "deployed", None, &[]);
    let drift = |output: &str, more: &[&str]| {
        let detailed = ["drift", "--detailed-exitcode", "--output", output];
        account.run(&[&detailed, &WEB[..], &record, more].concat())
    };
    let kinds = |ended: &Ended| -> Vec<String> {
        let document = ended.document();
        let differences = document["differences"].as_array().unwrap().iter();
        differences.map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    };
    let unasked = drift("json", &[]);
    assert_eq!((unasked.status, kinds(&unasked)), (Some(0), vec![]));
    assert!(unasked.document().get("scheduledTasks").is_none(), "{unasked:?}");

    let stale = drift("json", &BOTH);
    assert_eq!((stale.status, kinds(&stale)), (Some(8), vec!["schedule_not_live".to_owned(); 2]));
    let members = json!({ "taskDefinition": arn("web:1") });
    assert_eq!(stale.document()["scheduledTasks"], documents(&members, &members));
    let text = drift("text", &BOTH).stdout;
    for line in [
        "schedule_not_live: schedule jobs/hourly starts web:1, and live is web:2\n",
        "  what to do: deploy again with --also, which moves it also if the service is unchanged\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }

    // What was asked about and is not there is told by an empty list.
    let other = Account::new();
    other.deploy(&record).is(0, "deployed", None, &[]);
    let family = ["--also", "family"];
    let none = other.run(&[&["drift", "--output", "json"], &WEB[..], &record, &family].concat());
    assert_eq!(none.document()["scheduledTasks"], json!([]));

    // One that names no revision starts the live one as long as that is the newest.
    assert_eq!(drift("json", &["--also", "rule:unpinned"]).status, Some(0));
    account.next_rollout(RolloutOutcome::Crash);
    let failing = account.run(&[&DEPLOY[..], &["--image", "app=shop/web:3"], &record].concat());
    failing.is(1, "rolled_back", Some("rollout_failed"), &[]);
    let unpinned = drift("json", &["--also", "rule:unpinned"]);
    assert!(kinds(&unpinned).contains(&"schedule_without_revision".to_owned()), "{unpinned:?}");

    // What drift advises helps.
    account.next_rollout(RolloutOutcome::Ok);
    account.deploy(&[&record[..], &family].concat()).is(0, "unchanged", None, &[]);
    both_start(&account, "web:2");
    assert_eq!(kinds(&drift("json", &family)).iter().filter(|kind| kind.starts_with("schedule")).count(), 0);
}

#[test]
fn what_cannot_follow_is_3_and_nothing_is_changed() {
    let account = account();
    let definition = json!({ "family": "api", "containerDefinitions": [{ "name": "app", "image": "a:1", "memory": 128 }] });
    account.call("RegisterTaskDefinition", definition);
    add_rule(&account, "of-api", &arn("api:1"));
    add_schedule(&account, "of-api", "api", "ENABLED");
    add_rule(&account, "managed", &arn("web:1"));
    account.sandbox.manage_rule("default", "managed", "servicediscovery.amazonaws.com");
    let queue = json!({ "Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:queue" });
    account.sandbox.call_events("PutTargets", json!({ "Rule": "nightly", "Targets": [queue] })).unwrap();
    let universal = json!({
        "GroupName": "jobs",
        "Name": "universal",
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "RoleArn": ROLE, "Input": "{}" },
    });
    account.sandbox.call_scheduler("CreateSchedule", universal).unwrap();
    account.sandbox.clear_calls();
    for (also, words) in [
        ("rule:weekly", &["rule weekly was not found", "no such rule or event bus"][..]),
        ("rule:nightly@shop/bus", &["rule nightly of the event bus shop/bus was not found"]),
        ("rule:nightly/other", &["rule nightly has no target \"other\"", "its targets are report, queue"]),
        ("rule:nightly/queue", &["target queue of rule nightly starts no task", "arn:aws:sqs:"]),
        ("schedule:hourly", &["schedule hourly of the group default was not found"]),
        ("schedule:night/hourly", &["schedule hourly of the group night was not found", "or group"]),
        ("rule:of-api", &["no target of rule of-api starts a task of the family web"]),
        ("rule:of-api/report", &["starts tasks of the family api", "the services run web"]),
        ("schedule:jobs/of-api", &["schedule jobs/of-api starts tasks of the family api"]),
        ("rule:managed", &["managed by servicediscovery.amazonaws.com"]),
        ("schedule:jobs/universal", &["schedule jobs/universal starts no task", "universal target"]),
    ] {
        for also in [also.to_owned(), format!("schedule:jobs/hourly,{also}")] {
            let ended = account.deploy(&["--also", &also]);
            ended.is(3, "failed", Some("invalid_input"), &[words, &["nothing was changed"]].concat());
        }
        let plan = ["plan", "--output", "json", "--image", APP_NEW, "--also", also];
        let plan = account.run(&[&plan, &WEB[..]].concat());
        assert_eq!(plan.status, Some(3), "{plan:?}");
        let plan = plan.document();
        assert!(plan["failure"]["message"].as_str().unwrap().contains(words[0]), "{plan:#}");
    }
    for operation in ["RegisterTaskDefinition", "UpdateService", "PutTargets", "UpdateSchedule"] {
        assert_eq!(account.effects(operation), 0, "{operation}");
    }

    // What is not named by itself is left out with a warning, or without a word.
    let ended = account.deploy(&["--also", "family"]);
    ended.is(0, "deployed", None, &[]);
    assert_eq!(ended.document()["scheduledTasks"].as_array().unwrap().len(), 2, "{ended:?}");
    assert!(ended.stderr.contains("rule managed is managed by servicediscovery.amazonaws.com"), "{ended:?}");
    both_start(&account, "web:2");
}

#[test]
fn what_is_wrongly_written_is_2_and_aws_is_not_asked() {
    let account = account();
    for (more, words) in [
        (&["--also", "rule:nightly", "--no-wait"][..], &["--no-wait and --also exclude each other"][..]),
        (&["--also", "rule:nightly,rule:nightly@default"], &["rule:nightly is given twice"]),
        (&["--also", "schedule:a", "--also", "schedule:default/a"], &["schedule:a is given twice"]),
        (&["--also", "nightly"], &["--also \"nightly\"", "rule:NAME[/TARGET][@BUS]"]),
        (&["--also", "rule:"], &["--also \"rule:\""]),
        (&["--also", "rule:a/b/c"], &["--also \"rule:a/b/c\""]),
        (&["--also", "schedule:a b"], &["--also \"schedule:a b\""]),
    ] {
        account.deploy(more).is(2, "failed", Some("usage"), words);
        let rollback = [&["rollback", "--output", "json"], &WEB[..], more].concat();
        account.run(&rollback).is(2, "failed", Some("usage"), words);
    }
    for command in ["live", "drift"] {
        let ended = account.run(&[&[command, "--output", "json", "--also", "nightly"], &WEB[..]].concat());
        assert_eq!((ended.status, &ended.document()["failure"]["kind"]), (Some(2), &json!("usage")));
    }
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn a_denied_move_is_4_and_the_same_command_mends_it() {
    let account = account();
    let record = ["--record", "ssm:/deploy/web", "--junit", "junit.xml"];
    account.always("PutTargets", FaultKind::Denied);
    let ended = account.deploy(&[&BOTH[..], &record].concat());
    let words = ["but target report of rule nightly was not moved to web:2", "Run the same command again"];
    ended.is(4, "deployed", Some("denied"), &words);
    assert_eq!(named(&account), [arn("web:1"), arn("web:2")], "the other is moved all the same");
    let tasks = ended.document()["scheduledTasks"].clone();
    assert_eq!((&tasks[0]["outcome"], &tasks[1]["outcome"]), (&json!("failed"), &json!("moved")));
    assert_eq!(tasks[0]["taskDefinition"], arn("web:1"));
    assert!(tasks[0]["note"].as_str().unwrap().contains("AccessDenied"), "{tasks:#}");
    let kept: Value = serde_json::from_str(&account.sandbox.parameter("/deploy/web").unwrap().0).unwrap();
    assert_eq!((&kept["status"], &kept["revision"]), (&json!("succeeded"), &json!(2)), "{kept:#}");

    let report = Element::read(&fs::read_to_string(account.path().join("junit.xml")).unwrap());
    let failed: Vec<&str> = report
        .cases()
        .into_iter()
        .filter(|case| !case.children.is_empty())
        .map(|case| case.attribute("name"))
        .collect();
    assert_eq!(failed, ["move its scheduled tasks"], "{report:#?}");
    assert!(
        !report.cases().iter().any(|case| case.attribute("name") == "move target report of rule nightly")
    );
    assert_eq!((report.attribute("failures"), report.attribute("errors")), ("0", "1"));

    account.sandbox.clear_faults();
    let again = account.deploy(&[&BOTH[..], &record].concat());
    again.is(0, "unchanged", None, &[]);
    both_start(&account, "web:2");
    let tasks = &again.document()["scheduledTasks"];
    assert_eq!((&tasks[0]["outcome"], &tasks[1]["outcome"]), (&json!("moved"), &json!("current")));
}

#[test]
fn a_test_report_names_each() {
    let account = account();
    account.deploy(&[&BOTH[..], &["--junit", "junit.xml"]].concat()).is(0, "deployed", None, &[]);
    let report = Element::read(&fs::read_to_string(account.path().join("junit.xml")).unwrap());
    for name in ["move target report of rule nightly", "move schedule jobs/hourly"] {
        let found = report.cases().iter().filter(|case| case.attribute("name") == name).count();
        assert_eq!(found, 1, "{name}: {report:#?}");
    }
    let said = &report.children[0].children.last().unwrap().text;
    assert!(said.contains("schedule jobs/hourly starts web:2 from now on"), "{said}");
}
