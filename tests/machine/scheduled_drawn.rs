//! Targets and schedules that are drawn, and rivals in drawn orders: one string changes, and to nothing but a revision that
//! has succeeded.

use std::time::Duration;

use evenkeel::deploy::Report;
use evenkeel_core::scheduled::MoveOutcome::{Failed, Left, Moved};
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome, Sandbox};
use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::followed::{Followed, following, moves, outcomes, warns};
use crate::orders::succeeded;
use crate::scheduled_tasks::{ALL, arn, put_rule, schedule, target};
use crate::world::{Account, CLUSTER, SERVICE, message, say};

const FAMILY: &[&str] = &["family"];

/// A value of any form; numbers as somebody may write them.
fn any(random: &mut Rng, depth: u32) -> Value {
    match random.u32(0..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => {
            let written = ["1.10", "-0.0", "1e5", "12345678901234567890123", "0.1000", "7", "3E-2"];
            serde_json::from_str(random.choice(written).unwrap()).unwrap()
        }
        3 => json!(random.choice(["", "web:1", "ä \u{1f680} \"\\", "\u{1}\n", "arn:aws:ecs"]).unwrap()),
        4 => json!(arn("web:1")),
        5 => (0..random.usize(0..3)).map(|_| any(random, depth - 1)).collect(),
        _ => Value::Object(members(random, depth - 1)),
    }
}

/// Members that no SDK knows.
fn members(random: &mut Rng, depth: u32) -> Map<String, Value> {
    (0..random.usize(0..3))
        .map(|nth| (format!("New{nth}{}", random.alphabetic()), any(random, depth)))
        .collect()
}

/// Adds members to each object of `value`, and leaves out some of `optional`.
fn vary(value: &mut Value, optional: &[&str], random: &mut Rng) {
    match value {
        Value::Object(object) => {
            object.retain(|name, _| !optional.contains(&name.as_str()) || random.bool());
            object.values_mut().for_each(|member| vary(member, optional, random));
            object.extend(members(random, 2));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| vary(item, optional, random)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// How a target may name the family's revision, or the family.
fn naming(random: &mut Rng) -> String {
    random.choice(["web".to_owned(), "web:1".to_owned(), arn("web"), arn("web:1")]).unwrap()
}

fn any_target(id: &str, random: &mut Rng) -> Value {
    let mut drawn = target(id, &naming(random));
    vary(&mut drawn, &["Input", "DeadLetterConfig", "Tags", "LaunchType", "NetworkConfiguration"], random);
    drawn
}

fn any_schedule(name: &str, random: &mut Rng) -> Value {
    let mut drawn = schedule("default", name, &naming(random));
    vary(&mut drawn, &["Description", "RetryPolicy", "ScheduleExpressionTimezone"], random);
    for (member, values) in [
        ("State", vec![json!("ENABLED"), json!("DISABLED")]),
        ("StartDate", vec![json!(1_600_000_000), serde_json::from_str("1900000000.250").unwrap()]),
        ("EndDate", vec![json!(1_990_000_000)]),
        ("ActionAfterCompletion", vec![json!("DELETE")]),
        ("KmsKeyArn", vec![json!("arn:aws:kms:eu-west-1:123456789012:key/1")]),
    ] {
        if random.bool() {
            drawn[member] = random.choice(values).unwrap();
        }
    }
    drawn
}

/// What is kept of the drawn ones, with `revision` in the place of their task definitions where one is given.
fn kept(sandbox: &Sandbox, revision: Option<&str>) -> Vec<String> {
    let name = |mut value: Value, at: &str| {
        if let Some(revision) = revision {
            *value.pointer_mut(at).unwrap() = json!(arn(revision));
        }
        value.as_object_mut().unwrap().remove("LastModificationDate");
        // As text, numbers differ that are equal.
        value.to_string()
    };
    let targets = ["a", "b", "c"].map(|id| sandbox.target("default", "drawn", id).unwrap());
    let schedules = ["x", "y", "z"].map(|name| sandbox.schedule("default", name).unwrap());
    let targets = targets.map(|value| name(value, "/EcsParameters/TaskDefinitionArn"));
    targets
        .into_iter()
        .chain(schedules.map(|it| name(it, "/Target/EcsParameters/TaskDefinitionArn")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn of_targets_and_schedules_that_are_drawn_one_string_changes() {
    let mut distinct = std::collections::BTreeSet::new();
    for seed in 0..32 {
        let mut random = Rng::with_seed(seed);
        let account = Account::new();
        let sandbox = &account.sandbox;
        put_rule(sandbox, "default", "drawn", &["a", "b", "c"].map(|id| any_target(id, &mut random)));
        for name in ["x", "y", "z"] {
            sandbox.add_schedule(&any_schedule(name, &mut random)).unwrap();
        }
        let (before, expected) = (kept(sandbox, None), kept(sandbox, Some("web:2")));
        let new = [("app", "registry.example.com:5000/shop/web:2")];
        let report = account.run(&following(&new, FAMILY)).await;
        assert_eq!(
            (report.exit_status(), outcomes(&report)),
            (0, vec![Moved; 6]),
            "{seed}: {}",
            message(&report)
        );
        assert_eq!(kept(sandbox, None), expected, "seed {seed}");
        distinct.extend(before);
    }
    say(&format!("scheduled tasks that were drawn: {} distinct", distinct.len()));
    assert!(distinct.len() > 180, "{}", distinct.len());
}

/// Two deployments with drawn beginnings, rollouts and faults; whether one found the other's revision live before its
/// moves, and after them.
async fn rivals(seed: u64) -> (bool, bool) {
    let followed = Followed::new();
    fastrand::seed(seed);
    let mut random = Rng::with_seed(seed);
    let account = &followed.account;
    for _ in 0..random.usize(0..6) {
        let operation = ["PutTargets", "UpdateSchedule", "PutTargets", "DescribeServices", "ListSchedules"];
        let kinds = [FaultKind::HangBefore, FaultKind::CutBefore, FaultKind::Throttled, FaultKind::HangAfter];
        let (operation, kind) = (random.choice(operation).unwrap(), random.choice(kinds).unwrap());
        let first = random.usize(1..6);
        for nth in first..first + random.usize(1..5) {
            let kind = kind.clone();
            account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
        }
    }
    let later = Duration::from_millis(random.u64(0..45_000));
    let outcome = if random.u32(0..4) == 0 { RolloutOutcome::Crash } else { RolloutOutcome::Ok };
    let rollout = Rollout { outcome, duration: Duration::from_secs(random.u64(1..25)) };
    let other = async {
        account.clock.sleep(later).await;
        account.sandbox.set_rollout(CLUSTER, SERVICE, rollout);
        followed.run(&following(&[("app", "registry.example.com:5000/shop/web:3")], FAMILY)).await
    };
    let reports = <[Report; 2]>::from(tokio::join!(followed.deploy(FAMILY), other));

    let told = reports.iter().map(|it| format!("{:?} {:?} {}", it.outcome, outcomes(it), message(it)));
    let what = format!("seed {seed}: {later:?} later, {outcome:?}: {:?}", told.collect::<Vec<_>>());
    let mut ever_live = succeeded(account);
    ever_live.push("web:1".to_owned());
    followed.judge(&ever_live.iter().map(String::as_str).collect::<Vec<_>>(), &what);
    let live = account.live(SERVICE);
    for (at, name) in followed.names().iter().enumerate() {
        let is_told = |report: &Report| {
            let its = moves(report).get(at).map(|it| it.outcome);
            matches!(its, Some(Left | Failed)) || warns(report, "went live while") || moves(report).is_empty()
        };
        assert!(
            *name == live || reports.iter().any(is_told),
            "{:?} names {name}, not {live}: {what}",
            ALL[at]
        );
    }
    let has_note = |words: &str| {
        let mut notes = reports.iter().flat_map(moves).filter_map(|it| it.note.as_deref());
        notes.any(|note| note.contains(words))
    };
    (has_note("is live by now"), reports.iter().any(|report| warns(report, "went live while")))
}

#[tokio::test(start_paused = true)]
async fn rivals_let_no_scheduled_task_start_a_failed_revision() {
    let (mut before, mut during) = (0, 0);
    for seed in 0..64 {
        let (is_before, is_during) = rivals(seed).await;
        (before, during) = (before + usize::from(is_before), during + usize::from(is_during));
    }
    say(&format!(
        "rivals with scheduled tasks: 64 orders, another live before the moves in {before}, during in {during}"
    ));
    assert!(before > 0 && during > 0, "{before} {during}");
}
