//! A deployment with one-off tasks is killed before and after each of its calls, and run again: as if nothing had happened.

use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::one_off::{Step, Steps};
use evenkeel_core::request::{DeployRequest, ServiceName};
use evenkeel_sandbox::{Fault, FaultKind, TaskEnding, TaskScript};
use serde_json::json;

use crate::campaign::{Campaign, NthCall};
use crate::steps::command;
use crate::steps_judge::{Disturbance, Ends, NEW, Play};
use crate::world::{Account, message, request};

/// Kills the deployment at this call, before or after the call takes effect.
async fn killed(play: Play, account: &Account, call: &NthCall, kind: FaultKind, what: &str) {
    account.sandbox.inject(call.fault(kind));
    tokio::select! {
        biased;
        () = account.sandbox.hung() => {}
        report = play.deploy(account, "test") => panic!("{what}: not killed: {}", message(&report)),
    };
    account.sandbox.clear_faults();
}

/// Kills the play at each of these calls, and runs it again in the `execution` after this time.
async fn killed_at(
    play: Play,
    calls: Vec<NthCall>,
    execution: &str,
    kinds: &[FaultKind],
    later: Duration,
    campaign: &mut Campaign,
) {
    for call in &calls {
        for kind in kinds {
            let account = play.account();
            let what =
                format!("{kind:?} at call {} of {}, {later:?} later: {play:?}", call.nth, call.operation);
            killed(play, &account, call, kind.clone(), &what).await;
            let was_pending =
                account.sandbox.one_off_tasks().len() == 1 && account.effects("UpdateService") == 0;
            account.clock.sleep(later).await;
            let report = play.deploy(&account, execution).await;
            let executions = if execution == "test" && later < HOURS { 1 } else { 2 };
            let by = Disturbance { executions, runs: 2, lasting: None };
            play.judge(&account, &report, by, &what);
            if was_pending && executions == 2 {
                let tasks = account.sandbox.one_off_tasks();
                assert_eq!(tasks[0].command, tasks[1].command, "the pending step runs again: {what}");
            }
            campaign.add(what, &account.sandbox);
        }
    }
}

/// The calls of the play without the polls that are like others.
async fn calls_beside_polls(play: Play) -> Vec<NthCall> {
    play.calls().await.into_iter().filter(|call| !call.is_like_others).collect()
}

const AT_ONCE: Duration = Duration::ZERO;

/// ECS knows a token for an hour after the end of its task.
const HOURS: Duration = Duration::from_secs(3 * 3600);

#[tokio::test(start_paused = true)]
async fn in_the_same_execution_each_task_runs_once() {
    let mut campaign = Campaign::new("steps: kills and reruns in the same execution");
    let (well, kinds) = (Play::WELL, [FaultKind::HangBefore, FaultKind::HangAfter]);
    killed_at(well, well.calls().await, "test", &kinds, AT_ONCE, &mut campaign).await;
    let (calls, minute) = (calls_beside_polls(well).await, Duration::from_secs(60));
    killed_at(well, calls, "test", &kinds[1..], minute, &mut campaign).await;
    campaign.end(100);
}

#[tokio::test(start_paused = true)]
async fn in_another_execution_and_when_ecs_has_forgotten_the_token_a_pending_task_runs_again() {
    let mut campaign = Campaign::new("steps: kills and reruns in another execution or hours later");
    let (well, kinds) = (Play::WELL, [FaultKind::HangAfter]);
    let calls = calls_beside_polls(well).await;
    killed_at(well, calls.clone(), "another", &kinds, AT_ONCE, &mut campaign).await;
    killed_at(well, calls, "test", &kinds, HOURS, &mut campaign).await;
    campaign.end(40);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_fails_again_in_the_same_execution() {
    let mut campaign = Campaign::new("steps: kills and reruns of tasks that fail");
    for (before, after) in [(Ends::With1, Ends::Well), (Ends::Well, Ends::With1)] {
        let play = Play { before, after };
        let calls = calls_beside_polls(play).await;
        killed_at(play, calls, "test", &[FaultKind::HangAfter], AT_ONCE, &mut campaign).await;
    }
    campaign.end(35);
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
