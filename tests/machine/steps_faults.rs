//! Every call of a deployment with one-off tasks fails in every way: each task runs once, no service is updated too early,
//! and the verdict is true.

use std::time::Duration;

use evenkeel_sandbox::{Fault, FaultKind};

use crate::steps_judge::{Disturbance, Ends, Play, Traces};
use crate::world::say;

/// Where the two tasks do not both end well.
const FAILING: [Play; 8] = [
    Play { before: Ends::With1, after: Ends::Well },
    Play { before: Ends::CannotPull, after: Ends::Well },
    Play { before: Ends::Stopped, after: Ends::Well },
    Play { before: Ends::Never, after: Ends::Well },
    Play { before: Ends::Well, after: Ends::With1 },
    Play { before: Ends::Well, after: Ends::CannotPull },
    Play { before: Ends::Well, after: Ends::Stopped },
    Play { before: Ends::Well, after: Ends::Never },
];

/// Plays with these faults, and judges the end.
async fn disturbed(play: Play, faults: &[(&str, usize, FaultKind)], traces: &mut Traces) {
    let account = play.account();
    for (operation, nth, kind) in faults {
        let (operation, nth) = ((*operation).to_owned(), Some(*nth));
        account.sandbox.inject(Fault { operation, nth, kind: kind.clone() });
    }
    let report = play.deploy(&account, "test").await;
    play.judge(&account, &report, Disturbance::PASSING, &format!("{faults:?}"));
    traces.add(&account);
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call() {
    let (mut schedules, mut traces) = (0, Traces::default());
    for (operation, nth) in Play::WELL.calls().await {
        for kind in faults() {
            disturbed(Play::WELL, &[(&operation, nth, kind)], &mut traces).await;
            schedules += 1;
        }
    }
    let distinct = traces.distinct();
    say(&format!("steps: {schedules} schedules of one fault, {distinct} distinct traces"));
    assert!(schedules > 250 && distinct > 150, "{schedules} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_faults_at_run_task() {
    let (mut schedules, mut traces) = (0, Traces::default());
    for first in faults() {
        for second in faults() {
            // Of the task before and its repetition, and of the tasks before and after.
            for nth in [1, 2] {
                let pair = [("RunTask", nth, first.clone()), ("RunTask", nth + 1, second.clone())];
                disturbed(Play::WELL, &pair, &mut traces).await;
                schedules += 1;
            }
        }
    }
    let distinct = traces.distinct();
    say(&format!("steps: {schedules} schedules of two faults at RunTask, {distinct} distinct traces"));
    assert!(schedules == 162 && distinct > 60, "{schedules} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn tasks_that_fail_and_faults_that_are_drawn() {
    let (mut schedules, mut traces) = (0, Traces::default());
    for play in FAILING {
        let calls = play.calls().await;
        let mut random = fastrand::Rng::with_seed(schedules);
        for _ in 0..25 {
            let fault = |random: &mut fastrand::Rng| {
                let (operation, nth) = random.choice(&calls).unwrap();
                (operation.as_str(), *nth, random.choice(faults()).unwrap())
            };
            let drawn: Vec<_> = (0..random.usize(1..=2)).map(|_| fault(&mut random)).collect();
            disturbed(play, &drawn, &mut traces).await;
            schedules += 1;
        }
    }
    let distinct = traces.distinct();
    say(&format!("steps: {schedules} schedules of tasks that fail, {distinct} distinct traces"));
    assert!(schedules == 200 && distinct > 100, "{schedules} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_never_ends_is_told_and_never_a_success_without_the_steps() {
    let plays = [Play::WELL, FAILING[4], FAILING[7]];
    let (mut schedules, mut succeeded, mut traces) = (0, 0, Traces::default());
    for play in plays {
        for operation in ["RunTask", "DescribeTasks", "ListTasks", "StopTask", "GetLogEvents"] {
            for kind in faults().into_iter().chain([FaultKind::Denied, FaultKind::ExpiredToken]) {
                let account = play.account();
                account.sandbox.inject(Fault {
                    operation: operation.to_owned(),
                    nth: None,
                    kind: kind.clone(),
                });
                let report = play.deploy(&account, "test").await;
                let by = Disturbance { lasting: Some(operation), ..Disturbance::PASSING };
                play.judge(&account, &report, by, &format!("{kind:?} for ever"));
                if operation == "GetLogEvents" {
                    play.judge(&account, &report, Disturbance::PASSING, &format!("no log: {kind:?}"));
                }
                traces.add(&account);
                schedules += 1;
                succeeded += u32::from(report.exit_status() == 0);
            }
        }
    }
    let distinct = traces.distinct();
    say(&format!(
        "steps: {schedules} schedules of a fault without end, {succeeded} of them deployed, {distinct} distinct traces"
    ));
    assert!(schedules == 165 && distinct > 80, "{schedules} {distinct}");
}

fn faults() -> Vec<FaultKind> {
    vec![
        FaultKind::Throttled,
        FaultKind::ErrorBefore,
        FaultKind::ErrorAfter,
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Delay(Duration::from_secs(5)),
        FaultKind::Delay(Duration::from_secs(60)),
        FaultKind::HangBefore,
        FaultKind::HangAfter,
    ]
}
