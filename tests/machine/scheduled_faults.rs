//! Every call that scheduled tasks bring to a deployment fails in every way, and the deployment is killed at each: no
//! scheduled task starts a revision that failed, nothing else of it changes, and the same command moves what was left.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel::deploy::Report;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::scheduled::MoveOutcome::{Left, Moved};
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome, Sandbox};
use serde_json::json;

use crate::campaign::{Campaign, NthCall, calls_of, in_turn, passing, passing_or_denied};
use crate::followed::{Followed, deploys_at_once, moves, note, outcomes, warns};
use crate::scheduled_tasks::{HOURLY, OPERATIONS};
use crate::world::message;

const FAMILY: &[&str] = &["family"];

/// Each of these calls of a deployment that nothing disturbs, and whether it comes after the record's last write.
async fn calls(outcome: RolloutOutcome) -> Vec<(NthCall, bool)> {
    let followed = Followed::with_rollouts(outcome);
    followed.deploy(FAMILY).await;
    let calls = calls_of(&followed.account.sandbox);
    let recorded = calls.iter().rposition(|call| call.operation == "PutParameter").unwrap();
    let all = calls.into_iter().enumerate().map(|(at, call)| (call, at > recorded));
    all.filter(|(call, is_late)| *is_late || is_of_them(call)).collect()
}

fn is_of_them(call: &NthCall) -> bool {
    OPERATIONS.contains(&call.operation.as_str())
}

fn is_write(operation: &str) -> bool {
    ["PutTargets", "UpdateSchedule"].contains(&operation)
}

/// Deploys with these faults, and judges the end; then once more.
async fn disturbed(faults: &[Fault], what: &str) -> Sandbox {
    let followed = Followed::new();
    faults.iter().for_each(|fault| followed.account.sandbox.inject(fault.clone()));
    let report = followed.deploy(FAMILY).await;
    let denied = faults.iter().any(|fault| fault.kind == FaultKind::Denied);
    if report.exit_status() == 0 || !denied {
        followed.judge_moved(&report, "web:2", what);
    } else {
        judge_denied(&followed, &report, what);
    }
    followed.account.sandbox.clear_faults();
    again(&followed, what).await;
    followed.account.sandbox
}

/// Before the update nothing has changed; after the rollout the record is true.
#[track_caller]
fn judge_denied(followed: &Followed, report: &Report, what: &str) {
    let message = message(report);
    assert!(message.contains("AccessDenied"), "{what}: {message}");
    if report.outcome == Outcome::Deployed {
        followed.judge_failed_move(report, 4, what);
    } else {
        followed.judge(&["web:1"], what);
        let changed = (followed.account.revisions("web"), followed.account.effects("UpdateService"));
        assert_eq!((report.exit_status(), changed), (4, (1, 0)), "{what}: {message}");
    }
}

/// The same command once more: one revision, one update, and all have followed.
async fn again(followed: &Followed, what: &str) {
    let report = followed.deploy(FAMILY).await;
    let what = format!("again after {what}");
    followed.judge_moved(&report, "web:2", &what);
    let changed = (followed.account.revisions("web"), followed.account.effects("UpdateService"));
    assert_eq!(changed, (2, 1), "{what}");
}

/// Plays once for each of these faults at each of these calls.
async fn disturbed_at(
    calls: &[NthCall],
    kinds: impl FnMut(&NthCall) -> Vec<FaultKind>,
    campaign: &mut Campaign,
) {
    let play = async |_: &NthCall, fault: Fault, what: &str| disturbed(&[fault], what).await;
    campaign.play_each(calls, kinds, play).await;
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_of_the_moves() {
    let mut campaign = Campaign::new("scheduled tasks: one fault");
    let (late, early): (Vec<_>, Vec<_>) =
        calls(RolloutOutcome::Ok).await.into_iter().partition(|(_, late)| *late);
    let [late, early] =
        [late, early].map(|calls| calls.into_iter().map(|(call, _)| call).collect::<Vec<_>>());
    // Each operation that moves or reads for a move meets every fault; a look at the service that is denied decides nothing.
    let mut seen = BTreeSet::new();
    let (full, others): (Vec<_>, Vec<_>) =
        late.into_iter().partition(|call| is_write(&call.operation) || seen.insert(call.operation.clone()));
    let kinds = |call: &NthCall| if is_of_them(call) { passing_or_denied() } else { passing() };
    disturbed_at(&full, kinds, &mut campaign).await;
    disturbed_at(&others, in_turn(|_| false), &mut campaign).await;
    // What the plan reads.
    disturbed_at(&early, in_turn(|_| false), &mut campaign).await;
    disturbed_at(&early, |_| vec![FaultKind::Denied], &mut campaign).await;
    campaign.end(110);
}

#[tokio::test(start_paused = true)]
async fn two_faults_that_are_drawn() {
    let mut campaign = Campaign::new("scheduled tasks: two faults");
    let calls: Vec<NthCall> = calls(RolloutOutcome::Ok).await.into_iter().map(|(call, _)| call).collect();
    let mut random = fastrand::Rng::with_seed(19);
    for _ in 0..40 {
        let mut draw = || random.choice(&calls).unwrap().fault(random.choice(passing()).unwrap());
        let pair = [draw(), draw()];
        let what = format!("{pair:?}");
        campaign.add(what.clone(), &disturbed(&pair, &what).await);
    }
    campaign.end(40);
}

#[tokio::test(start_paused = true)]
async fn pairs_of_faults_at_the_first_target_and_the_first_schedule() {
    let mut campaign = Campaign::new("scheduled tasks: two faults at one write");
    // A late response needs no repetition, so the second fault would strike another write.
    let kinds = || passing().into_iter().filter(|kind| !matches!(kind, FaultKind::Delay(_)));
    for operation in ["PutTargets", "UpdateSchedule"] {
        let pairs = kinds().flat_map(|first| kinds().map(move |second| (first.clone(), second)));
        // Every second pair, and the other ones of the other operation.
        for (first, second) in pairs.skip(usize::from(operation == "PutTargets")).step_by(2) {
            let fault = |nth, kind| Fault { operation: operation.to_owned(), nth: Some(nth), kind };
            let what = format!("{first:?}, then {second:?} at {operation}");
            let pair = [fault(1, first), fault(2, second)];
            campaign.add(what.clone(), &disturbed(&pair, &what).await);
        }
    }
    campaign.end(49);
}

#[tokio::test(start_paused = true)]
async fn a_fault_beside_a_rollout_that_fails_lets_nothing_start_its_revision() {
    let mut campaign = Campaign::new("scheduled tasks: one fault beside a rollout that fails");
    let calls: Vec<NthCall> = calls(RolloutOutcome::Crash).await.into_iter().map(|(call, _)| call).collect();
    let play = async |_: &NthCall, fault: Fault, what: &str| {
        let followed = Followed::with_rollouts(RolloutOutcome::Crash);
        followed.account.sandbox.inject(fault);
        let report = followed.deploy(FAMILY).await;
        followed.judge(&["web:1"], what);
        assert!([1, 4].contains(&report.exit_status()), "{what}: {}", message(&report));
        assert_eq!((followed.writes(), followed.account.live("web").as_str()), (0, "web:1"), "{what}");
        followed.account.sandbox
    };
    let mut turn = in_turn(|_| false);
    let kinds = |call: &NthCall| turn(call).into_iter().chain([FaultKind::Denied]).collect();
    campaign.play_each(&calls, kinds, play).await;
    campaign.end(30);
}

#[tokio::test(start_paused = true)]
async fn a_fault_without_end_fails_the_step_and_is_no_untruth() {
    let mut campaign = Campaign::new("scheduled tasks: a fault without end");
    for operation in OPERATIONS {
        // The plan's reads work.
        let first = if is_write(operation) { 1 } else { reads_of_a_plan(operation).await + 1 };
        for (kind, status) in [
            (FaultKind::Throttled, 75),
            (FaultKind::ErrorAfter, 75),
            (FaultKind::CutBefore, 75),
            (FaultKind::ExpiredToken, 4),
        ] {
            let followed = Followed::new();
            for nth in first..first + 400 {
                let fault = Fault { operation: operation.to_owned(), nth: Some(nth), kind: kind.clone() };
                followed.account.sandbox.inject(fault);
            }
            let what = format!("{kind:?} at every {operation} from {first}");
            let report = followed.deploy(FAMILY).await;
            followed.judge_failed_move(&report, status, &what);
            followed.account.sandbox.clear_faults();
            again(&followed, &what).await;
            campaign.add(what, &followed.account.sandbox);
        }
    }
    campaign.end(32);
}

/// How often a plan asks for this.
async fn reads_of_a_plan(operation: &str) -> usize {
    let calls = calls(RolloutOutcome::Ok).await;
    calls.iter().filter(|(call, is_late)| !is_late && call.operation == operation).count()
}

#[tokio::test(start_paused = true)]
async fn a_killed_deployment_is_followed_by_the_same_command() {
    let mut campaign = Campaign::new("scheduled tasks: kills and reruns");
    let calls: Vec<NthCall> = calls(RolloutOutcome::Ok).await.into_iter().map(|(call, _)| call).collect();
    let killed = async |_: &NthCall, fault: Fault, what: &str| {
        let followed = Followed::new();
        killed(&followed, fault, what).await;
        // What was moved was live, and all of the record that is there is true.
        let is_over = followed.account.effects("UpdateService") == 1;
        followed.judge(if is_over { &["web:1", "web:2"] } else { &["web:1"] }, what);
        again(&followed, what).await;
        followed.account.sandbox
    };
    let hangs = |_: &NthCall| vec![FaultKind::HangBefore, FaultKind::HangAfter];
    campaign.play_each(&calls, hangs, killed).await;
    campaign.end(50);
}

#[tokio::test(start_paused = true)]
async fn a_killed_deployment_that_would_have_failed_moves_nothing() {
    let mut campaign = Campaign::new("scheduled tasks: kills and reruns of a rollout that fails");
    let followed = Followed::with_rollouts(RolloutOutcome::Crash);
    followed.deploy(FAMILY).await;
    let mut calls = calls_of(&followed.account.sandbox);
    calls.retain(|call| !call.is_like_others);
    let play = async |_: &NthCall, fault: Fault, what: &str| {
        let followed = Followed::with_rollouts(RolloutOutcome::Crash);
        killed(&followed, fault, what).await;
        let report = followed.deploy(FAMILY).await;
        followed.judge(&["web:1"], what);
        assert_eq!((report.exit_status(), followed.writes()), (1, 0), "{what}: {}", message(&report));
        assert!(outcomes(&report).len() == 4 && followed.account.live("web") == "web:1", "{what}");
        followed.account.sandbox
    };
    campaign.play_each(&calls, |_| vec![FaultKind::HangAfter], play).await;
    campaign.end(30);
}

/// Deploys, and is killed at this fault.
async fn killed(followed: &Followed, fault: Fault, what: &str) {
    followed.account.sandbox.inject(fault);
    tokio::select! {
        biased;
        () = followed.account.sandbox.hung() => {}
        report = followed.deploy(FAMILY) => panic!("{what}: not killed: {}", message(&report)),
    }
    followed.account.sandbox.clear_faults();
}

/// Scheduler takes no change for about a minute, and this happens in the middle of it.
async fn while_a_write_is_tried_again(then: fn(&Sandbox)) -> (Followed, Report) {
    let followed = Followed::new();
    let (sandbox, clock) = (followed.account.sandbox.clone(), followed.account.clock);
    for nth in 1..=20 {
        let (operation, kind) = ("UpdateSchedule".to_owned(), FaultKind::Throttled);
        sandbox.inject(Fault { operation, nth: Some(nth), kind });
    }
    tokio::spawn(async move {
        let tries = |sandbox: &Sandbox| {
            sandbox.calls().iter().filter(|call| call.operation == "UpdateSchedule").count()
        };
        while tries(&sandbox) < 8 {
            clock.sleep(Duration::from_millis(500)).await;
        }
        then(&sandbox);
    });
    let report = followed.deploy(FAMILY).await;
    (followed, report)
}

#[tokio::test(start_paused = true)]
async fn a_change_by_somebody_while_a_write_is_tried_again_is_kept() {
    let change = |sandbox: &Sandbox| HOURLY.change(sandbox, "/ScheduleExpression", json!("rate(3 hours)"));
    let (followed, report) = while_a_write_is_tried_again(change).await;
    assert_eq!((report.exit_status(), outcomes(&report)), (0, vec![Moved; 4]), "{}", message(&report));
    assert_eq!(HOURLY.read(&followed.account.sandbox)["ScheduleExpression"], "rate(3 hours)");
    assert!(note(&report, "schedule hourly").contains("somebody changed it"), "{:?}", moves(&report));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_completes_while_a_write_is_tried_again_is_not_overwritten() {
    let (followed, report) = while_a_write_is_tried_again(deploys_at_once).await;
    assert_eq!((report.exit_status(), outcomes(&report)), (0, vec![Moved, Moved, Left, Left]));
    assert_eq!(followed.names(), ["web:2", "web:2", "web:1", "web:1"]);
    assert!(note(&report, "schedule hourly").contains("web:3 is live by now"), "{:?}", moves(&report));
    assert!(warns(&report, "web:3 went live while target report of rule nightly"), "{:?}", report.warnings);
}
