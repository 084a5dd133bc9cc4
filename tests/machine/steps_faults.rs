//! Every call of a deployment with one-off tasks fails in every way: each task runs once, no service is updated too early,
//! and the verdict is true.

use std::time::Duration;

use evenkeel_sandbox::{Fault, FaultKind};

use crate::steps_judge::{Disturbance, Ends, NthCall, Play, Traces};
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
    for (at, NthCall { operation, nth, only_polls }) in Play::WELL.calls().await.into_iter().enumerate() {
        for (of, kind) in faults().into_iter().enumerate() {
            // A poll in the middle gets one kind of fault, the next one another.
            if !only_polls || at % faults().len() == of {
                disturbed(Play::WELL, &[(&operation, nth, kind)], &mut traces).await;
                schedules += 1;
            }
        }
    }
    let distinct = traces.distinct();
    say(&format!("steps: {schedules} schedules of one fault, {distinct} distinct traces"));
    assert!(schedules > 250 && distinct > 150, "{schedules} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_faults_at_run_task() {
    let (mut schedules, mut traces) = (0, Traces::default());
    for (at, first) in faults().into_iter().enumerate() {
        for (of, second) in faults().into_iter().enumerate() {
            // Of the task before and its repetition, or of the tasks before and after.
            let nth = 1 + (at + of) % 2;
            let pair = [("RunTask", nth, first.clone()), ("RunTask", nth + 1, second)];
            disturbed(Play::WELL, &pair, &mut traces).await;
            schedules += 1;
        }
    }
    let distinct = traces.distinct();
    say(&format!("steps: {schedules} schedules of two faults at RunTask, {distinct} distinct traces"));
    assert!(schedules == 81 && distinct > 50, "{schedules} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn tasks_that_fail_and_faults_that_are_drawn() {
    let (mut schedules, mut traces) = (0, Traces::default());
    for play in FAILING {
        let calls = play.calls().await;
        let mut random = fastrand::Rng::with_seed(schedules);
        for _ in 0..12 {
            let fault = |random: &mut fastrand::Rng| {
                let NthCall { operation, nth, .. } = random.choice(&calls).unwrap();
                (operation.as_str(), *nth, random.choice(faults()).unwrap())
            };
            let drawn: Vec<_> = (0..random.usize(1..=2)).map(|_| fault(&mut random)).collect();
            disturbed(play, &drawn, &mut traces).await;
            schedules += 1;
        }
    }
    let distinct = traces.distinct();
    say(&format!("steps: {schedules} schedules of tasks that fail, {distinct} distinct traces"));
    assert!(schedules == 96 && distinct > 80, "{schedules} {distinct}");
}

/// A call that never works again from some time on.
#[derive(Debug, Clone, Copy)]
struct Outage {
    play: Play,
    operation: &'static str,
    /// It begins with the update, not at once.
    is_late: bool,
}

fn outages() -> Vec<Outage> {
    let mut outages = Vec::new();
    for is_late in [false, true] {
        for operation in ["RunTask", "DescribeTasks", "ListTasks", "GetLogEvents"] {
            outages.push(Outage { play: Play::WELL, operation, is_late });
        }
        let never = if is_late { Ends::Well } else { Ends::Never };
        let play = Play { before: never, after: Ends::Never };
        outages.push(Outage { play, operation: "StopTask", is_late });
    }
    let play = Play { before: Ends::Well, after: Ends::With1 };
    outages.push(Outage { play, operation: "UpdateService", is_late: true });
    outages
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_never_ends_is_told_and_never_a_success_without_the_steps() {
    let (mut schedules, mut succeeded, mut traces) = (0, 0, Traces::default());
    let kinds = faults().into_iter().filter(|kind| !matches!(kind, FaultKind::Delay(_)));
    let kinds: Vec<_> = kinds.chain([FaultKind::Denied, FaultKind::ExpiredToken]).collect();
    for Outage { play, operation, is_late } in outages() {
        for kind in &kinds {
            let account = play.account();
            let fault = Fault { operation: operation.to_owned(), nth: None, kind: kind.clone() };
            if is_late {
                account.sandbox.after_call("UpdateService", 1, move |sandbox| sandbox.inject(fault));
            } else {
                account.sandbox.inject(fault);
            }
            let report = play.deploy(&account, "test").await;
            let lasting = (operation != "GetLogEvents").then_some(operation);
            let what = format!("{kind:?} for ever, late: {is_late}");
            play.judge(&account, &report, Disturbance { lasting, ..Disturbance::PASSING }, &what);
            traces.add(&account);
            schedules += 1;
            succeeded += u32::from(report.exit_status() == 0);
        }
    }
    let distinct = traces.distinct();
    say(&format!(
        "steps: {schedules} schedules of a fault without end, {succeeded} of them deployed, {distinct} distinct traces"
    ));
    assert!(schedules == 99 && distinct > 60, "{schedules} {distinct}");
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
