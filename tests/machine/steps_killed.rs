//! A deployment with one-off tasks is killed before and after each of its calls, and run again: as if nothing had happened.

use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::one_off::{Step, Steps};
use evenkeel_core::request::{DeployRequest, ServiceName};
use evenkeel_sandbox::{Fault, FaultKind, TaskEnding, TaskScript};
use serde_json::json;

use crate::steps::command;
use crate::steps_judge::{Disturbance, Ends, NEW, NthCall, Play, Traces};
use crate::world::{Account, message, request, say};

/// Kills the deployment at this call, before or after the call takes effect; whether it came that far.
async fn killed(play: Play, account: &Account, (operation, nth): (&str, usize), kind: &FaultKind) -> bool {
    let (operation, nth) = (operation.to_owned(), Some(nth));
    account.sandbox.inject(Fault { operation, nth, kind: kind.clone() });
    let is_killed = tokio::select! {
        biased;
        () = account.sandbox.hung() => true,
        // It may poll once less than the one that was counted.
        _ = play.deploy(account, "test") => false,
    };
    account.sandbox.clear_faults();
    is_killed
}

/// Kills the play at each of these calls, and runs it again in the `execution` after this time.
async fn killed_at(
    play: Play,
    calls: Vec<NthCall>,
    execution: &str,
    kinds: &[FaultKind],
    later: Duration,
    traces: &mut Traces,
) -> usize {
    let mut kills = 0;
    for NthCall { operation, nth, .. } in calls {
        for kind in kinds {
            let account = play.account();
            kills += usize::from(killed(play, &account, (&operation, nth), kind).await);
            let was_pending =
                account.sandbox.one_off_tasks().len() == 1 && account.effects("UpdateService") == 0;
            account.clock.sleep(later).await;
            let report = play.deploy(&account, execution).await;
            let executions = if execution == "test" && later < HOURS { 1 } else { 2 };
            let by = Disturbance { executions, runs: 2, lasting: None };
            play.judge(
                &account,
                &report,
                by,
                &format!("{kind:?} at call {nth} of {operation}, {later:?} later"),
            );
            if was_pending && executions == 2 {
                let tasks = account.sandbox.one_off_tasks();
                assert_eq!(
                    tasks[0].command, tasks[1].command,
                    "the pending step runs again: {operation} {nth}"
                );
            }
            traces.add(&account);
        }
    }
    kills
}

/// The calls of the play without the polls that are like others.
async fn calls_beside_polls(play: Play) -> Vec<NthCall> {
    play.calls().await.into_iter().filter(|call| !call.only_polls).collect()
}

const AT_ONCE: Duration = Duration::ZERO;

/// ECS knows a token for an hour after the end of its task.
const HOURS: Duration = Duration::from_secs(3 * 3600);

#[tokio::test(start_paused = true)]
async fn in_the_same_execution_each_task_runs_once() {
    let mut traces = Traces::default();
    let (well, kinds) = (Play::WELL, [FaultKind::HangBefore, FaultKind::HangAfter]);
    let mut kills = killed_at(well, well.calls().await, "test", &kinds, AT_ONCE, &mut traces).await;
    let (calls, minute) = (calls_beside_polls(well).await, Duration::from_secs(60));
    kills += killed_at(well, calls, "test", &kinds[1..], minute, &mut traces).await;
    let distinct = traces.distinct();
    say(&format!("steps: {kills} kills and reruns in the same execution, {distinct} distinct traces"));
    assert!(kills > 100 && distinct > 80, "{kills} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn in_another_execution_and_when_ecs_has_forgotten_the_token_a_pending_task_runs_again() {
    let mut traces = Traces::default();
    let (well, kinds) = (Play::WELL, [FaultKind::HangAfter]);
    let calls = calls_beside_polls(well).await;
    let mut kills = killed_at(well, calls.clone(), "another", &kinds, AT_ONCE, &mut traces).await;
    kills += killed_at(well, calls, "test", &kinds, HOURS, &mut traces).await;
    let distinct = traces.distinct();
    say(&format!(
        "steps: {kills} kills and reruns in another execution or hours later, {distinct} distinct traces"
    ));
    assert!(kills > 40 && distinct > 25, "{kills} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_fails_again_in_the_same_execution() {
    let (mut kills, mut traces) = (0, Traces::default());
    for (before, after) in [(Ends::With1, Ends::Well), (Ends::Well, Ends::With1)] {
        let play = Play { before, after };
        let calls = calls_beside_polls(play).await;
        kills += killed_at(play, calls, "test", &[FaultKind::HangAfter], AT_ONCE, &mut traces).await;
    }
    let distinct = traces.distinct();
    say(&format!("steps: {kills} kills and reruns of tasks that fail, {distinct} distinct traces"));
    assert!(kills > 35 && distinct > 35, "{kills} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_updated_before_the_kill_is_rolled_back_with_the_others() {
    let account = Account::new();
    let ending = TaskEnding::Exits(1);
    account.sandbox.play_tasks("smoke", TaskScript { ending, ..TaskScript::default() });
    account.create_service("jobs", "web", json!({}));
    let services = ["web", "jobs"].map(|name| ServiceName::parse(name).unwrap());
    let steps = Steps { before: vec![command("app=migrate")], after: vec![command("app=smoke")] };
    let request = DeployRequest { services: services.into(), steps, ..request(&[NEW]) };
    let (web, jobs) =
        (account.records(&["ssm:/deploy/web"]).await, account.records(&["ssm:/deploy/jobs"]).await);
    let records = || vec![&web[..], &jobs[..]];

    let (operation, nth) = ("UpdateService".to_owned(), Some(1));
    account.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangAfter });
    let (_interrupter, interrupt) = Interrupt::new();
    tokio::select! {
        biased;
        () = account.sandbox.hung() => {}
        _ = account.run_each(&request, interrupt.clone(), records()) => unreachable!(),
    }
    account.sandbox.clear_faults();
    let report = account.run_each(&request, interrupt, records()).await;
    assert_eq!(
        (report.outcome, report.step),
        (Outcome::RolledBack, Some(Step::After)),
        "{}",
        message(&report)
    );
    assert_eq!((account.live("web"), account.live("jobs")), ("web:1".to_owned(), "web:1".to_owned()));
    let tasks = account.sandbox.one_off_tasks();
    let commands: Vec<&[String]> = tasks.iter().map(|task| &task.command[..]).collect();
    assert_eq!(commands, [["migrate"], ["smoke"]]);
}

#[tokio::test(start_paused = true)]
async fn without_a_record_a_rerun_that_joins_the_rollout_says_that_it_cannot_know() {
    let account = Account::new();
    let steps = Steps { before: Vec::new(), after: vec![command("app=smoke")] };
    let request = DeployRequest { steps, ..request(&[NEW]) };
    let (operation, nth) = ("UpdateService".to_owned(), Some(1));
    account.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangAfter });
    tokio::select! {
        biased;
        () = account.sandbox.hung() => {}
        _ = account.run(&request) => unreachable!(),
    }
    account.sandbox.clear_faults();
    let report = account.run(&request).await;
    assert_eq!(report.outcome, Outcome::Deployed, "{}", message(&report));
    let unknown = report.warnings.iter().filter(|it| it.contains("is not known without a record"));
    assert_eq!(unknown.count(), 1, "{:?}", report.warnings);
}
