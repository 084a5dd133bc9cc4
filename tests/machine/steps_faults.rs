//! Every call of a deployment with one-off tasks fails in every way: each task runs once, no service is updated too early,
//! and the verdict is true.

use evenkeel_sandbox::{Fault, FaultKind, Sandbox};

use crate::campaign::{Campaign, NthCall, in_turn, passing, passing_or_denied};
use crate::steps_judge::{Disturbance, Ends, Play};
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

impl Play {
    /// Plays with these faults, and judges the end.
    async fn disturbed(self, faults: &[Fault], what: &str) -> Sandbox {
        let account = self.account();
        faults.iter().for_each(|fault| account.sandbox.inject(fault.clone()));
        let report = self.deploy(&account, "test").await;
        // A log that cannot be read changes no verdict.
        let denied = faults.iter().find(|it| it.kind == FaultKind::Denied && it.operation != "GetLogEvents");
        let lasting = denied.map(|fault| fault.operation.as_str());
        self.judge(&account, &report, Disturbance { lasting, ..Disturbance::PASSING }, what);
        account.sandbox
    }

    /// Plays once for each of these faults at each of these calls.
    async fn disturbed_at(
        self,
        calls: &[NthCall],
        kinds: impl FnMut(&NthCall) -> Vec<FaultKind>,
        campaign: &mut Campaign,
    ) {
        let play = async |_: &NthCall, fault: Fault, what: &str| {
            self.disturbed(&[fault], &format!("{what} of {self:?}")).await
        };
        campaign.play_each(calls, kinds, play).await;
    }
}

/// The calls beside polls that are like others.
fn telling(calls: Vec<NthCall>) -> Vec<NthCall> {
    calls.into_iter().filter(|call| !call.is_like_others).collect()
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call() {
    let mut campaign = Campaign::new("steps: one fault");
    let calls = telling(Play::WELL.calls().await);
    let kinds = in_turn(|call| call.is_of_a_task);
    Play::WELL.disturbed_at(&calls, kinds, &mut campaign).await;
    campaign.end(220);
}

#[tokio::test(start_paused = true)]
async fn a_fault_while_a_task_fails_changes_no_verdict() {
    let mut campaign = Campaign::new("steps: one fault beside a task that fails");
    let mut kinds = in_turn(NthCall::stops);
    for play in FAILING {
        let mut calls = telling(play.calls().await);
        calls.retain(|call| call.is_of_a_task);
        // Before its last calls it is a play that ends well.
        calls.drain(..calls.len() - 5);
        play.disturbed_at(&calls, &mut kinds, &mut campaign).await;
    }
    campaign.end(50);
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine every_fault_at_every_call_of -- --ignored`"]
async fn every_fault_at_every_call_of_tasks_that_end_in_every_way() {
    let mut campaign = Campaign::new("steps: one fault at any call of any play");
    for play in FAILING.into_iter().chain([Play::WELL]) {
        play.disturbed_at(&play.calls().await, in_turn(|_| true), &mut campaign).await;
    }
    campaign.end(4_000);
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_faults_at_run_task() {
    let mut campaign = Campaign::new("steps: two faults at RunTask");
    for first in passing() {
        for second in passing() {
            // At the task before and its repetition, or at the tasks before and after.
            let what = format!("{first:?}, then {second:?} at RunTask");
            let fault = |nth, kind| Fault { operation: "RunTask".to_owned(), nth: Some(nth), kind };
            let pair = [fault(1, first.clone()), fault(2, second)];
            campaign.add(what.clone(), &Play::WELL.disturbed(&pair, &what).await);
        }
    }
    campaign.end(64);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_fail_and_two_faults_that_are_drawn() {
    let mut campaign = Campaign::new("steps: two faults beside a task that fails");
    for (seed, play) in (0..).zip(FAILING) {
        let calls = play.calls().await;
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..8 {
            let mut draw = || random.choice(&calls).unwrap().fault(random.choice(passing()).unwrap());
            let pair = [draw(), draw()];
            let what = format!("{pair:?}");
            campaign.add(what.clone(), &play.disturbed(&pair, &what).await);
        }
    }
    campaign.end(64);
}

/// How many attempts of a read, a second or two apart, an outage of somewhat more than a minute spoils.
const A_MINUTE: usize = 90;

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_minute_at_any_call_of_a_task_is_waited_for() {
    let mut campaign = Campaign::new("steps: an outage of a minute");
    let mut calls = telling(Play::WELL.calls().await);
    // Its log decides nothing.
    calls.retain(|call| call.is_of_a_task && call.operation != "GetLogEvents");
    let outage = async |call: &NthCall, fault: Fault, what: &str| {
        let nth = (call.nth..call.nth + A_MINUTE).map(Some);
        let faults: Vec<Fault> = nth.map(|nth| Fault { nth, ..fault.clone() }).collect();
        let sandbox = Play::WELL.disturbed(&faults, &format!("for a minute {what}")).await;
        let calls = sandbox.calls();
        let failed = calls.iter().filter(|it| it.operation == call.operation && it.status.is_none());
        let times: Vec<_> = failed.map(|call| call.at).collect();
        let took = times[times.len() - 1].since(times[0]);
        assert!(times.len() == A_MINUTE && took.as_secs() >= 60, "{what}: {took:?}");
        sandbox
    };
    campaign.play_each(&calls, |_| vec![FaultKind::CutBefore], outage).await;
    campaign.end(12);
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
    let (mut campaign, mut succeeded) = (Campaign::new("steps: a fault without end"), 0);
    let kinds = passing_or_denied().into_iter().filter(|kind| !matches!(kind, FaultKind::Delay(_)));
    let kinds: Vec<_> = kinds.chain([FaultKind::ExpiredToken]).collect();
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
            let what = format!("{kind:?} at every {operation}, late: {is_late}");
            play.judge(&account, &report, Disturbance { lasting, ..Disturbance::PASSING }, &what);
            campaign.add(what, &account.sandbox);
            succeeded += u32::from(report.exit_status() == 0);
        }
    }
    say(&format!("steps: {succeeded} deployed in spite of a fault without end"));
    campaign.end(99);
}
