//! What is read of a scheduled task, and what may follow a deployment.

use serde_json::{Map, Value, json};

use super::*;
use crate::arn::TaskDefinitionArn;
use crate::failure::FailureKind;

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";

fn revision(number: u64) -> TaskDefinitionArn {
    let text = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{number}");
    TaskDefinitionArn::parse(&text).unwrap()
}

fn target(id: &str, definition: &str) -> Value {
    json!({"Id": id, "Arn": CLUSTER, "RoleArn": "arn:aws:iam::123456789012:role/events", "Input": "{\"a\": 1.10}",
        "EcsParameters": {"TaskDefinitionArn": definition, "TaskCount": 1, "New": {"of": ["next", null]}}})
}

fn rule(targets: Vec<Value>) -> Rule {
    Rule { is_enabled: true, managed_by: None, targets }
}

fn schedule(definition: &str, state: &str) -> ScheduledTask {
    let raw = json!({"Name": "nightly", "GroupName": "jobs", "State": state, "Arn": "arn:…", "CreationDate": 1.5,
        "LastModificationDate": 1764590000.125, "ScheduleExpression": "rate(1 day)", "Unheard": [1, 2.50],
        "Target": {"Arn": CLUSTER, "EcsParameters": {"TaskDefinitionArn": definition, "Extra": true}}});
    ScheduledTask::of_schedule("jobs", "nightly", object(raw))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn taken(also: &str, found: Vec<ScheduledTask>, families: &[&str]) -> Result<PlannedMoves, String> {
    let mut planned = PlannedMoves::default();
    let families: Vec<(&str, usize)> =
        families.iter().enumerate().map(|(at, family)| (*family, at)).collect();
    planned.take_in(&Also::parse(also).unwrap(), found, &families).map_err(|failure| {
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        failure.to_string()
    })?;
    Ok(planned)
}

#[test]
fn a_value_of_also_is_taken_as_it_is_written() {
    for text in [
        "rule:nightly",
        "rule:nightly/1",
        "rule:a.b-c_d/x.y@aws.partner/shop/1",
        "schedule:jobs/x",
        "schedule:x",
        "family",
    ] {
        assert_eq!(Also::parse(text).unwrap().to_string(), text);
    }
    for (text, same) in [("rule:n@default", "rule:n"), ("schedule:default/x", "schedule:x")] {
        assert_eq!(Also::parse(text).unwrap().to_string(), same);
    }
    let long = format!("rule:{}", "x".repeat(65));
    for text in [
        "",
        "rule:",
        "rule:a/",
        "rule:a@",
        "rule:a/b/c",
        "schedule:/x",
        "schedule:a/b/c",
        "family:web",
        "Rule:x",
        &long,
    ] {
        let failure = Also::parse(text).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Usage, "{text}");
        assert!(failure.to_string().contains("rule:NAME[/TARGET][@BUS]"), "{failure}");
    }
    let mut all = Vec::new();
    Also::parse_another("rule:n", &mut all).unwrap();
    let twice = Also::parse_another("rule:n@default", &mut all).unwrap_err().to_string();
    assert_eq!((twice.as_str(), all.len()), ("--also rule:n is given twice. Give each once", 1));
}

#[test]
fn a_definition_is_known_by_each_name_that_a_target_may_have() {
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web";
    for (text, number) in [("web", None), ("web:12", Some(12)), (arn, None), (&format!("{arn}:7"), Some(7))] {
        let named = NamedDefinition::parse(text).unwrap();
        assert_eq!((named.family, named.revision), ("web", number), "{text}");
        assert_eq!(named.is(&revision(12)), number == Some(12));
    }
    for text in
        ["", "web:", "web:x", "a/b", "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", "arn:aws:sqs:a:1:q"]
    {
        assert_eq!(NamedDefinition::parse(text), None, "{text}");
    }
}

#[test]
fn one_string_of_a_target_changes() {
    let raw = target("1", "web:11");
    let task = ScheduledTask::of_rule("default", "nightly", rule(vec![raw.clone()])).remove(0);
    let mut expected = raw;
    expected["EcsParameters"]["TaskDefinitionArn"] = json!(revision(12).as_str());
    assert_eq!(Value::Object(task.with_revision(&revision(12)).request()), expected);
    assert_eq!(task.place().to_string(), "target 1 of rule nightly");
}

#[test]
fn a_schedule_is_sent_whole_but_for_what_only_aws_writes() {
    let task = schedule("web", "DISABLED");
    let moved = task.with_revision(&revision(12)).request();
    let expected = json!({"Name": "nightly", "GroupName": "jobs", "State": "DISABLED", "ScheduleExpression": "rate(1 day)",
        "Unheard": [1, 2.50], "Target": {"Arn": CLUSTER, "EcsParameters":
        {"TaskDefinitionArn": revision(12).as_str(), "Extra": true}}});
    assert_eq!(Value::Object(moved), expected);
}

#[test]
fn a_past_beginning_can_be_left_out() {
    let mut raw = object(json!({"Name": "x", "StartDate": 1000.5, "Target": {}}));
    let task = |raw: &Map<String, Value>| ScheduledTask::of_schedule("default", "x", raw.clone());
    assert_eq!(task(&raw).without_past_start(1000.0), None);
    let begun = task(&raw).without_past_start(1001.0).unwrap();
    raw.remove("StartDate");
    assert_eq!(begun, task(&raw));
    assert_eq!(begun.without_past_start(2000.0), None);
}

#[test]
fn only_another_definition_is_no_change_by_somebody_else() {
    let seen = schedule("web:11", "ENABLED");
    assert!(seen.is_same_but_for_its_definition(&schedule("web", "ENABLED"), &revision(12)));
    assert!(!seen.is_same_but_for_its_definition(&schedule("web:11", "DISABLED"), &revision(12)));
}

#[test]
fn what_is_named_follows_or_is_refused_by_name() {
    let found = || {
        ScheduledTask::of_rule("default", "nightly", rule(vec![target("1", "web:11"), target("2", "job")]))
    };
    let planned = taken("rule:nightly", found(), &["web"]).unwrap();
    assert_eq!(
        planned.moves.iter().map(|it| (it.task.place().to_string(), it.revision)).collect::<Vec<_>>(),
        [("target 1 of rule nightly".to_owned(), 0)]
    );
    assert_eq!(planned.warnings, [""; 0]);

    let refused = |also: &str, families: &[&str]| taken(also, found(), families).unwrap_err();
    assert_eq!(
        refused("rule:nightly/3", &["web"]),
        "rule nightly has no target \"3\": its targets are 1, 2. Correct --also; nothing was changed"
    );
    assert_eq!(
        refused("rule:nightly/2", &["web"]),
        "target 2 of rule nightly starts tasks of the family job: the services run web. Correct --also, or deploy the \
         service of that family; nothing was changed"
    );
    assert_eq!(
        refused("rule:nightly", &["api"]),
        "no target of rule nightly starts a task of the family api: its targets are 1, 2. Correct --also; nothing was changed"
    );
    assert!(
        refused("rule:nightly", &["web", "web"])
            .contains("the services run different revisions of the family web")
    );

    let managed = Rule { managed_by: Some("x.amazonaws.com".to_owned()), ..rule(vec![target("1", "web")]) };
    let managed = || ScheduledTask::of_rule("default", "nightly", managed.clone());
    assert!(taken("rule:nightly", managed(), &["web"]).unwrap_err().contains("managed by x.amazonaws.com"));
    let left_out = taken("family", managed(), &["web"]).unwrap();
    assert_eq!((left_out.moves.len(), left_out.warnings.len()), (0, 1));

    let universal = json!({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": "{}"}});
    let universal = ScheduledTask::of_schedule("default", "x", object(universal));
    assert!(taken("schedule:x", vec![universal.clone()], &["web"]).unwrap_err().contains("universal target"));
    assert_eq!(taken("family", vec![universal], &["web"]).unwrap(), PlannedMoves::default());
}

#[test]
fn a_task_that_is_found_twice_follows_once_and_is_warned_of_once() {
    let mut planned = PlannedMoves::default();
    for also in ["schedule:jobs/nightly", "family"] {
        planned
            .take_in(
                &Also::parse(also).unwrap(),
                vec![schedule("web", "DISABLED")],
                &[("api", 0), ("web", 1)],
            )
            .unwrap();
    }
    assert_eq!((planned.moves.len(), planned.moves[0].revision, planned.warnings.len()), (1, 1, 2));
    assert!(
        planned.warnings[0].contains("stays disabled") && planned.warnings[1].contains("without a revision")
    );
}
