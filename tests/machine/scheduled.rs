//! Rules and schedules follow the image: when the rollout has succeeded and the record says so, and never otherwise.

use evenkeel_core::deployment::Outcome;
use evenkeel_core::request::{OnFailure, ServiceName};
use evenkeel_core::scheduled::MoveOutcome::{self, Current, Failed, Left, Moved};
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use serde_json::json;

use crate::followed::{Followed, NEW, deploys_at_once, following, moves, note, outcomes, warns};
use crate::scheduled_tasks::{
    DAILY, HOURLY, NIGHTLY, OPERATIONS, ORDERS, arn, call_events, put_rule, schedule, target,
};
use crate::world::{Account, CLUSTER, ended, ending, message};

const FAMILY: &[&str] = &["family"];
const EACH: &[&str] =
    &["rule:nightly/report", "rule:orders@shop", "schedule:hourly", "schedule:reports/daily"];

fn inject(account: &Account, operation: &str, nth: Option<usize>, kind: FaultKind) {
    account.sandbox.inject(Fault { operation: operation.to_owned(), nth, kind });
}

fn refused(code: &'static str, message: &'static str) -> FaultKind {
    FaultKind::Refused { status: 400, code, message }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_and_no_call_is_made() {
    let followed = Followed::new();
    let report = followed.deploy(&[]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    let operations = followed.account.operations();
    let is_of_them = |operation: &String| OPERATIONS.contains(&operation.as_str());
    assert!(!operations.iter().any(is_of_them), "{operations:?}");
    assert!(report.scheduled.is_none() && followed.names() == ["web:1"; 4]);
    followed.judge(&["web:1"], "nothing asked");
}

#[tokio::test(start_paused = true)]
async fn each_that_is_named_follows_and_the_others_stay() {
    for (at, also) in EACH.iter().enumerate() {
        let followed = Followed::new();
        let report = followed.deploy(&[also]).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{also}: {}", message(&report));
        let mut names = ["web:1"; 4];
        names[at] = "web:2";
        assert_eq!((followed.names(), outcomes(&report)), (names.map(str::to_owned), vec![Moved]), "{also}");
        followed.judge(&["web:1", "web:2"], also);
        assert_eq!(followed.writes(), 1, "{also}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_follow_once_and_a_second_run_writes_nothing() {
    for also in [FAMILY, EACH, &["family", "rule:nightly", "schedule:hourly"]] {
        let followed = Followed::new();
        let report = followed.deploy(also).await;
        followed.judge_moved(&report, "web:2", "first");
        assert_eq!((outcomes(&report), followed.writes()), (vec![Moved; 4], 4), "{also:?}");
        assert!(warns(&report, "schedule reports/daily is disabled"), "{:?}", report.warnings);
        assert_eq!(DAILY.read(&followed.account.sandbox)["State"], "DISABLED");
        assert_eq!(followed.account.sandbox.fire_schedule("reports", "daily"), None);
        assert_eq!(followed.account.sandbox.fire_rule("default", "nightly", "report"), Some(arn("web:2")));
        assert_eq!(followed.account.sandbox.fire_schedule("default", "hourly"), Some(arn("web:2")));

        let report = followed.deploy(also).await;
        followed.judge_moved(&report, "web:2", "second");
        assert_eq!((report.outcome, outcomes(&report)), (Outcome::Unchanged, vec![Current; 4]));
        assert_eq!(followed.writes(), 4, "{also:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_moved_when_the_record_says_that_the_rollout_has_succeeded() {
    let followed = Followed::new();
    followed.deploy(FAMILY).await;
    let calls = followed.account.sandbox.calls();
    let of = |operation: &str| calls.iter().filter(|call| call.operation == operation).collect::<Vec<_>>();
    let recorded = calls.iter().rposition(|call| call.operation == "PutParameter").unwrap();
    let value = calls[recorded].request["Value"].as_str().unwrap();
    assert!(value.contains("\"succeeded\"") && value.contains("web:2"), "{value}");
    for operation in ["PutTargets", "UpdateSchedule"] {
        assert_eq!(of(operation).len(), 2);
        assert!(of(operation).iter().all(|call| call.at >= calls[recorded].at), "{operation}");
        assert!(calls[..recorded].iter().all(|call| call.operation != operation), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_written_moves_nothing() {
    let followed = Followed::new();
    // The first one says that a deployment is under way.
    inject(&followed.account, "PutParameter", Some(2), FaultKind::Denied);
    let report = followed.deploy(FAMILY).await;
    assert_eq!(report.exit_status(), 4, "{}", message(&report));
    assert_eq!(
        (followed.account.live("web").as_str(), followed.names()),
        ("web:2", ["web:1"; 4].map(str::to_owned))
    );
    assert_eq!((outcomes(&report), followed.writes()), (vec![Left; 4], 0));

    let report = followed.deploy(FAMILY).await;
    followed.judge_moved(&report, "web:2", "the record could be written");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_does_not_succeed_leaves_all() {
    for (outcome, ends, live, status) in [
        (RolloutOutcome::Crash, Outcome::RolledBack, "web:1", 1),
        (RolloutOutcome::Stuck, Outcome::TimedOut, "web:1", 7),
        (RolloutOutcome::Superseded, Outcome::Superseded, "web:3", 6),
    ] {
        let followed = Followed::with_rollouts(outcome);
        let report = followed.deploy(FAMILY).await;
        assert_eq!(ending(&report), ended(ends, live, status), "{}", message(&report));
        assert_eq!((outcomes(&report), followed.writes()), (vec![Left; 4], 0), "{outcome:?}");
        followed.judge(&["web:1"], &format!("{outcome:?}"));
    }
    let followed = Followed::with_rollouts(RolloutOutcome::Crash);
    let mut leave = following(&[NEW], FAMILY);
    leave.policy.on_failure = OnFailure::Leave;
    let report = followed.run(&leave).await;
    assert_eq!(ending(&report), ended(Outcome::Failed, "web:2", 1), "{}", message(&report));
    assert_eq!((outcomes(&report), followed.writes()), (vec![Left; 4], 0));
    followed.judge(&["web:1"], "left as it failed");
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_deployment_moves_what_an_earlier_one_left() {
    for (operation, moved) in [("PutTargets", 2), ("UpdateSchedule", 2)] {
        let followed = Followed::new();
        inject(&followed.account, operation, None, FaultKind::Denied);
        let report = followed.deploy(FAMILY).await;
        followed.judge_failed_move(&report, 4, operation);
        assert!(message(&report).contains("AccessDenied"), "{}", message(&report));
        let ends = outcomes(&report);
        let count = |outcome: MoveOutcome| ends.iter().filter(|it| **it == outcome).count();
        assert_eq!((count(Moved), count(Failed), followed.writes()), (moved, 2, moved), "{ends:?}");

        followed.account.sandbox.clear_faults();
        let report = followed.deploy(FAMILY).await;
        followed.judge_moved(&report, "web:2", operation);
        assert_eq!((report.outcome, followed.writes()), (Outcome::Unchanged, 4));
        assert_eq!(followed.account.effects("UpdateService"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_follow_is_refused_before_anything_changes() {
    let followed = Followed::new();
    let sandbox = &followed.account.sandbox;
    put_rule(sandbox, "default", "managed", &[target("t", &arn("web:1"))]);
    sandbox.manage_rule("default", "managed", "batch.amazonaws.com");
    sandbox.add_schedule(&schedule("default", "mail", &arn("mail:7"))).unwrap();
    let mut universal = schedule("default", "universal", &arn("web:1"));
    universal["Target"] = json!({
        "Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "RoleArn": "arn:aws:iam::123456789012:role/r",
        "Input": "{\"taskDefinition\": \"web:1\"}",
    });
    sandbox.add_schedule(&universal).unwrap();
    for (also, says) in [
        ("rule:gone", "rule gone was not found"),
        ("rule:nightly@gone", "rule nightly of the event bus gone was not found"),
        ("rule:nightly/gone", "rule nightly has no target \"gone\""),
        ("rule:nightly/mail", "starts tasks of the family mail"),
        ("rule:nightly/queue", "starts no task by the target of Amazon ECS"),
        ("rule:managed", "managed by batch.amazonaws.com"),
        ("schedule:gone", "schedule gone of the group default was not found"),
        ("schedule:gone/daily", "schedule daily of the group gone was not found"),
        ("schedule:mail", "the services run web"),
        ("schedule:universal", "calls RunTask by a universal target"),
    ] {
        let report = followed.deploy(&["schedule:hourly", also]).await;
        assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 3), "{also}");
        let message = message(&report);
        assert!(message.contains(says) && message.contains("nothing was changed"), "{also}: {message}");
        assert_eq!(message.matches("nothing was changed").count(), 1, "{message}");
        assert_eq!((followed.account.revisions("web"), followed.writes()), (1, 0), "{also}");
        assert!(followed.record().is_none(), "{also}");
        followed.judge(&["web:1"], also);
    }
    assert_eq!(followed.account.effects("UpdateService"), 0);
    let report = followed.deploy(FAMILY).await;
    followed.judge_moved(&report, "web:2", "what cannot follow is left out of the family");
    assert!(
        warns(&report, "target t of rule managed is managed by batch.amazonaws.com"),
        "{:?}",
        report.warnings
    );
    assert_eq!(sandbox.target("default", "managed", "t").unwrap(), target("t", &arn("web:1")));
}

#[tokio::test(start_paused = true)]
async fn one_that_names_no_revision_is_pinned_when_it_is_moved() {
    for definition in ["web".to_owned(), arn("web")] {
        let followed = Followed::new();
        let sandbox = &followed.account.sandbox;
        HOURLY.start(sandbox, &definition);
        ORDERS.start(sandbox, &definition);
        let report = followed.deploy(FAMILY).await;
        followed.judge_moved(&report, "web:2", &definition);
        for place in ["schedule hourly", "target import of rule orders of the event bus shop"] {
            assert!(
                warns(&report, &format!("{place} names web without a revision")),
                "{:?}",
                report.warnings
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_names_no_revision_starts_a_failed_one_and_that_is_said() {
    for on_failure in [OnFailure::RollBack, OnFailure::Leave] {
        let followed = Followed::with_rollouts(RolloutOutcome::Crash);
        HOURLY.start(&followed.account.sandbox, "web");
        let mut request = following(&[NEW], FAMILY);
        request.policy.on_failure = on_failure;
        let report = followed.run(&request).await;
        assert_eq!((report.exit_status(), followed.writes()), (1, 0), "{}", message(&report));
        followed.judge(&["web:1", "web"], "nothing pinned");
        assert_eq!(followed.account.sandbox.fire_schedule("default", "hourly"), Some(arn("web:2")));
        let says = "schedule hourly names no revision, so it starts the newest one: that is web:2";
        assert!(warns(&report, says), "{on_failure:?}: {:?}", report.warnings);
    }
    // Then the newest revision is another deployment's.
    let followed = Followed::with_rollouts(RolloutOutcome::Superseded);
    HOURLY.start(&followed.account.sandbox, "web");
    let report = followed.deploy(FAMILY).await;
    assert_eq!(report.outcome, Outcome::Superseded);
    assert!(!warns(&report, "that is web:2"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_meanwhile_is_kept_and_said() {
    let followed = Followed::new();
    followed.account.sandbox.after_call("UpdateService", 1, |sandbox| {
        NIGHTLY.change(sandbox, "/EcsParameters/TaskCount", json!(7));
        HOURLY.change(sandbox, "/ScheduleExpression", json!("rate(3 hours)"));
        // Somebody has moved it by hand; that is no other change.
        ORDERS.start(sandbox, "web:1");
    });
    let report = followed.deploy(FAMILY).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!((followed.names(), outcomes(&report)), (["web:2"; 4].map(str::to_owned), vec![Moved; 4]));
    let sandbox = &followed.account.sandbox;
    assert_eq!(NIGHTLY.read(sandbox)["EcsParameters"]["TaskCount"], 7);
    assert_eq!(HOURLY.read(sandbox)["ScheduleExpression"], "rate(3 hours)");
    for (place, is_changed) in [
        ("target report of rule nightly", true),
        ("target import of rule orders of the event bus shop", false),
        ("schedule hourly", true),
        ("schedule reports/daily", false),
    ] {
        assert_eq!(note(&report, place).contains("somebody changed it"), is_changed, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_or_given_away_meanwhile_holds_up_no_other() {
    let followed = Followed::new();
    followed.account.sandbox.after_call("UpdateService", 1, |sandbox| {
        sandbox.call_scheduler("DeleteSchedule", json!({ "Name": "hourly" })).unwrap();
        ORDERS.start(sandbox, &arn("mail:7"));
    });
    let report = followed.deploy(EACH).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Deployed, 3), "{}", message(&report));
    assert!(!message(&report).contains("nothing was changed"), "{}", message(&report));
    let sandbox = &followed.account.sandbox;
    assert_eq!([NIGHTLY, ORDERS, DAILY].map(|it| it.names(sandbox)), ["web:2", "mail:7", "web:2"]);
    assert!(warns(&report, "schedule hourly") || message(&report).contains("schedule hourly"));
    assert!(sandbox.schedule("default", "hourly").is_none());
}

#[tokio::test(start_paused = true)]
async fn another_deployment_that_has_completed_before_the_moves_moves_them_itself() {
    let followed = Followed::new();
    // The record's final write comes right before the look.
    followed.account.sandbox.after_call("PutParameter", 2, deploys_at_once);
    let report = followed.deploy(FAMILY).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Deployed, 0), "{}", message(&report));
    assert_eq!((outcomes(&report), followed.writes()), (vec![Left; 4], 0));
    assert!(note(&report, "schedule hourly").contains("web:3 is live by now"), "{:?}", moves(&report));
    assert_eq!(
        (followed.names(), followed.account.live("web")),
        (["web:1"; 4].map(str::to_owned), "web:3".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn another_deployment_that_completes_during_the_moves_is_warned_of() {
    let followed = Followed::new();
    followed.account.sandbox.before_call("UpdateSchedule", 2, deploys_at_once);
    let report = followed.deploy(FAMILY).await;
    assert_eq!((report.exit_status(), outcomes(&report)), (0, vec![Moved; 4]), "{}", message(&report));
    assert!(
        warns(&report, "web:3 went live while target report of rule nightly was moved to web:2"),
        "{:?}",
        report.warnings
    );
}

#[tokio::test(start_paused = true)]
async fn when_one_of_two_services_fails_neither_s_tasks_start_the_revision() {
    for (jobs, on_failure, writes) in [
        (RolloutOutcome::Ok, OnFailure::RollBack, 4),
        (RolloutOutcome::Crash, OnFailure::RollBack, 0),
        (RolloutOutcome::Crash, OnFailure::Leave, 0),
    ] {
        let followed = Followed::new();
        followed.account.create_service("jobs", "web", json!({}));
        let duration = crate::followed::ROLLOUT * 2;
        let rollout = evenkeel_sandbox::Rollout { outcome: jobs, duration };
        followed.account.sandbox.set_rollout(CLUSTER, "jobs", rollout);
        let services = ["web", "jobs"].map(|name| ServiceName::parse(name).unwrap());
        let mut request = following(&[NEW], FAMILY);
        request.services = services.into();
        request.policy.on_failure = on_failure;
        let places = [
            followed.account.records(&["ssm:/deploy/web"]).await,
            followed.account.records(&["ssm:/deploy/jobs"]).await,
        ];
        let (_interrupter, interrupt) = evenkeel::deploy::Interrupt::new();
        let records = places.iter().map(Vec::as_slice).collect();
        let report = followed.account.run_each(&request, interrupt, records).await;
        assert_eq!(
            (followed.writes(), followed.account.revisions("web")),
            (writes, 2),
            "{}",
            message(&report)
        );
        let (status, outcome, name) = if writes == 4 { (0, Moved, "web:2") } else { (1, Left, "web:1") };
        assert_eq!((report.exit_status(), outcomes(&report)), (status, vec![outcome; 4]));
        let why = note(&report, "schedule hourly");
        assert_eq!(why.contains("the deployment of service jobs did not end well"), writes == 0, "{why}");
        followed.judge(&[name], &format!("{jobs:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_moves_them_to_the_revision_rolled_back_to() {
    let followed = Followed::new();
    let report = followed.deploy(FAMILY).await;
    followed.judge_moved(&report, "web:2", "deployed");
    let report = followed.roll_back(None, &["schedule:hourly"]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:1", 0), "{}", message(&report));
    assert_eq!(followed.names(), ["web:2", "web:2", "web:1", "web:2"]);
    let report = followed.roll_back(Some("web:1"), FAMILY).await;
    followed.judge_moved(&report, "web:1", "rolled back");
    assert_eq!((report.outcome, followed.writes()), (Outcome::Unchanged, 8));
    let report = followed.roll_back(Some("web:2"), FAMILY).await;
    followed.judge_moved(&report, "web:2", "and forth");
}

#[tokio::test(start_paused = true)]
async fn a_beginning_of_the_past_that_is_refused_is_left_out_and_said() {
    for is_refused in [false, true] {
        let followed = Followed::new();
        let sandbox = &followed.account.sandbox;
        let mut old = schedule("default", "old", &arn("web:1"));
        old["StartDate"] = json!(1_700_000_000.25);
        sandbox.add_schedule(&old).unwrap();
        let mut expected = sandbox.schedule("default", "old").unwrap();
        if is_refused {
            sandbox.refuse_past_starts();
            expected.as_object_mut().unwrap().remove("StartDate");
        }
        expected["Target"]["EcsParameters"]["TaskDefinitionArn"] = json!(arn("web:2"));
        let report = followed.deploy(&["schedule:old", "schedule:hourly"]).await;
        assert_eq!((report.exit_status(), outcomes(&report)), (0, vec![Moved; 2]), "{}", message(&report));
        assert_eq!(note(&report, "schedule old").contains("beginning"), is_refused, "{:?}", moves(&report));
        let mut kept = sandbox.schedule("default", "old").unwrap();
        kept["LastModificationDate"] = expected["LastModificationDate"].clone();
        assert_eq!(kept, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_refused_for_the_moment_is_put_again_and_another_one_fails() {
    let followed = Followed::new();
    followed.account.sandbox.refuse_targets(3, "ConcurrentModificationException", "Too many changes.");
    let report = followed.deploy(FAMILY).await;
    followed.judge_moved(&report, "web:2", "concurrent changes");

    let followed = Followed::new();
    followed.account.sandbox.refuse_targets(1, "InvalidTargetException", "The subnet is not ours.");
    let report = followed.deploy(FAMILY).await;
    followed.judge_failed_move(&report, 3, "a refused target");
    assert_eq!(outcomes(&report), [Failed, Moved, Moved, Moved]);
    let says = "target report of rule nightly was not moved to web:2";
    for words in [says, "InvalidTargetException: The subnet is not ours."] {
        assert!(message(&report).contains(words), "{}", message(&report));
    }
    assert!(
        note(&report, "target report of rule nightly")
            .contains("InvalidTargetException: The subnet is not ours")
    );
    let report = followed.deploy(FAMILY).await;
    followed.judge_moved(&report, "web:2", "the refused target");
}

#[tokio::test(start_paused = true)]
async fn changes_that_are_under_way_and_throttling_are_waited_for_three_minutes() {
    let conflict = refused("ConflictException", "Another change is under way.");
    let concurrent = refused("ConcurrentModificationException", "Another change is under way.");
    for (operation, kind, times) in [
        ("UpdateSchedule", conflict, 4),
        ("PutTargets", concurrent, 4),
        ("UpdateSchedule", FaultKind::Throttled, 12),
        ("PutTargets", FaultKind::Throttled, 12),
        ("ListSchedules", FaultKind::Throttled, 12),
    ] {
        let followed = Followed::new();
        // The lists are read once before.
        let first = if operation == "ListSchedules" { 2 } else { 1 };
        for nth in first..first + times {
            inject(&followed.account, operation, Some(nth), kind.clone());
        }
        let report = followed.deploy(FAMILY).await;
        followed.judge_moved(&report, "web:2", &format!("{kind:?} at {operation}"));
    }
    let followed = Followed::new();
    inject(&followed.account, "UpdateSchedule", None, FaultKind::Throttled);
    let report = followed.deploy(&["schedule:hourly"]).await;
    followed.judge_failed_move(&report, 75, "throttled for ever");
    let calls = followed.account.sandbox.calls();
    let times: Vec<_> = calls.iter().filter(|it| it.operation == "UpdateSchedule").map(|it| it.at).collect();
    let took = times[times.len() - 1].since(times[0]).as_secs();
    assert!((170..260).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn every_page_is_read() {
    for size in [1, 2] {
        let followed = Followed::new();
        let sandbox = &followed.account.sandbox;
        for nth in 0..5 {
            let bus = format!("bus{nth}");
            call_events(sandbox, "CreateEventBus", json!({ "Name": bus }));
            put_rule(sandbox, &bus, "mail", &[target("mail", &arn("mail:7"))]);
            sandbox.add_schedule(&schedule("default", &format!("a{nth}"), &arn("mail:7"))).unwrap();
        }
        sandbox.set_page_size(size);
        let report = followed.deploy(FAMILY).await;
        followed.judge_moved(&report, "web:2", &format!("{size} a page"));
    }
}
