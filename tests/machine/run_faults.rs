//! Every call of `evenkeel run` fails in every way: one task at most, and one truth.

use evenkeel::one_off::{RunRequest, TaskOutcome};
use evenkeel_sandbox::{Fault, FaultKind, Sandbox, TaskEnding};
use serde_json::json;

use crate::campaign::{Campaign, NthCall, calls_of, in_turn, passing, passing_or_denied};
use crate::run::{Ran, account, logging, migrate, play, run, seconds, tasks};
use crate::world::Account;

/// How the task of a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    Well,
    /// Its container exits with 3.
    Fails,
    /// It is stopped when its time is up.
    Never,
    /// Its container, which is not essential, exits with 0: its side-car is stopped.
    BesideSidecar,
}

const PLAYS: [Play; 4] = [Play::Well, Play::Fails, Play::Never, Play::BesideSidecar];

impl Play {
    fn account(self) -> Account {
        fastrand::seed(1);
        let mut definition = logging(self == Self::BesideSidecar);
        definition["containerDefinitions"][0]["essential"] = json!(self != Self::BesideSidecar);
        let account = Account::running(&definition);
        let ending = match self {
            Self::Well | Self::BesideSidecar => TaskEnding::Exits(0),
            Self::Fails => TaskEnding::Exits(3),
            Self::Never => TaskEnding::NeverEnds,
        };
        play(&account.sandbox, ending, 20, &[(1, "one"), (19, "two")]);
        account
    }

    async fn run(self, account: &Account) -> Ran {
        let timeout = if self == Self::Never { seconds(90) } else { migrate("x").timeout };
        run(account, &RunRequest { timeout, ..migrate("x") }).await
    }

    /// Each call when nothing disturbs it.
    async fn calls(self) -> Vec<NthCall> {
        let account = self.account();
        let ran = self.run(&account).await;
        self.judge(&account, &ran, "undisturbed");
        calls_of(&account.sandbox)
    }

    /// Runs once for each of these faults at each of these calls.
    async fn disturbed_at(
        self,
        calls: &[NthCall],
        kinds: impl FnMut(&NthCall) -> Vec<FaultKind>,
        campaign: &mut Campaign,
    ) {
        let play = async |call: &NthCall, fault: Fault, what: &str| {
            self.disturbed(call, fault, &format!("{what} of {self:?}")).await
        };
        campaign.play_each(calls, kinds, play).await;
    }

    /// Runs with this fault, and judges the end.
    async fn disturbed(self, call: &NthCall, fault: Fault, what: &str) -> Sandbox {
        let (account, is_denied) = (self.account(), fault.kind == FaultKind::Denied);
        account.sandbox.inject(fault);
        let ran = self.run(&account).await;
        if is_denied {
            self.judge_denied(&account, &ran, call, what);
        } else {
            self.judge(&account, &ran, what);
        }
        account.sandbox
    }

    /// Whether the run ended as its task did.
    fn has_ended_so(self, ran: &Ran) -> bool {
        let (outcome, status, exit_code) = ran.ending();
        match self {
            Self::Well | Self::BesideSidecar => ran.ending() == (TaskOutcome::Succeeded, 0, Some(0)),
            Self::Fails => ran.ending() == (TaskOutcome::Failed, 1, Some(3)),
            // ECS shows some seconds after the end what the container exited with.
            Self::Never => {
                (outcome, status) == (TaskOutcome::TimedOut, 7) && matches!(exit_code, None | Some(143))
            }
        }
    }

    /// One task, which ended as it was to, and each line of its log once.
    #[track_caller]
    fn judge(self, account: &Account, ran: &Ran, what: &str) {
        let what = format!("{self:?}: {what}: {:?} {} {}", ran.ending(), ran.message(), ran.progress);
        assert!(self.has_ended_so(ran) && tasks(account).len() == 1, "{what}");
        assert_eq!(ran.progress.matches("app | ").count(), 2, "{what}");
        let is_to_stop = matches!(self, Self::Never | Self::BesideSidecar);
        assert_eq!(account.effects("StopTask") >= 1, is_to_stop, "{what}");
    }

    /// A call was denied: the run says so, and which task goes on.
    #[track_caller]
    fn judge_denied(self, account: &Account, ran: &Ran, call: &NthCall, what: &str) {
        let what = format!("{self:?}: {what}: {:?} {} {}", ran.ending(), ran.message(), ran.progress);
        let warns = |words: &str| ran.report.warnings.iter().any(|warning| warning.contains(words));
        match call.operation.as_str() {
            "GetLogEvents" => {
                assert!(self.has_ended_so(ran) && tasks(account).len() == 1, "{what}");
                assert!(warns("what container app logs cannot be read"), "{what}");
            }
            "StopTask" => {
                assert!(self.has_ended_so(ran) && tasks(account).len() == 1, "{what}");
                assert!(warns("goes on: StopTask of"), "{what}");
                assert_eq!(ran.message().contains("and its task goes on"), self == Self::Never, "{what}");
            }
            // The reason of the end is read once more after it.
            "DescribeTasks" if ran.report.end.is_some() => {
                assert!(self.has_ended_so(ran) && self != Self::Well, "{what}");
            }
            operation => {
                assert_eq!(ran.ending(), (TaskOutcome::Failed, 4, None), "{what}");
                assert!(ran.message().contains(operation), "{what}");
                assert_eq!(tasks(account).len(), usize::from(operation == "DescribeTasks"), "{what}");
                let goes_on = ran.message().contains("goes on in ECS");
                assert_eq!(goes_on, operation == "DescribeTasks", "{what}");
            }
        }
    }
}

fn inject(account: &Account, operation: &str, nth: Option<usize>, kind: FaultKind) {
    account.sandbox.inject(Fault { operation: operation.to_owned(), nth, kind });
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_of_a_run() {
    let mut campaign = Campaign::new("runs with one fault");
    let mut kinds = in_turn(NthCall::stops);
    for play in PLAYS {
        let mut calls = play.calls().await;
        calls.retain(|call| !call.is_like_others);
        if play == Play::Well {
            play.disturbed_at(&calls, |_| passing_or_denied(), &mut campaign).await;
        } else {
            calls.retain(|call| call.is_of_a_task);
            calls.drain(..calls.len() - 6);
            play.disturbed_at(&calls, &mut kinds, &mut campaign).await;
        }
    }
    campaign.end(120);
}

#[tokio::test(start_paused = true)]
#[ignore = "takes a minute: run by hand, `cargo test --test machine every_fault_at_every_call_of -- --ignored`"]
async fn every_fault_at_every_call_of_runs_that_end_in_every_way() {
    let mut campaign = Campaign::new("runs with one fault at any call of any play");
    for play in PLAYS {
        play.disturbed_at(&play.calls().await, |_| passing_or_denied(), &mut campaign).await;
    }
    campaign.end(1_000);
}

#[tokio::test(start_paused = true)]
async fn a_run_survives_every_pair_of_faults_at_run_task() {
    let mut campaign = Campaign::new("runs with two faults at RunTask");
    // A late response needs no repetition, so the second fault would strike nothing.
    for first in passing().into_iter().filter(|kind| !matches!(kind, FaultKind::Delay(_))) {
        for second in passing() {
            let account = Play::Well.account();
            inject(&account, "RunTask", Some(1), first.clone());
            inject(&account, "RunTask", Some(2), second.clone());
            let (ran, what) = (Play::Well.run(&account).await, format!("{first:?}, then {second:?}"));
            Play::Well.judge(&account, &ran, &what);
            campaign.add(what, &account.sandbox);
        }
    }
    campaign.end(56);
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_followed_by_the_same_command_of_its_execution() {
    let mut campaign = Campaign::new("kills and reruns of a run");
    for play in [Play::Well, Play::Fails, Play::BesideSidecar] {
        let mut calls = play.calls().await;
        calls.retain(|call| !call.is_like_others);
        let killed = async |_: &NthCall, fault: Fault, what: &str| {
            let account = play.account();
            account.sandbox.inject(fault);
            tokio::select! {
                ran = play.run(&account) => panic!("{what}: {}", ran.message()),
                () = account.sandbox.hung() => {}
            }
            let ran = play.run(&account).await;
            play.judge(&account, &ran, &format!("killed by {what}"));
            account.sandbox
        };
        let hangs = |_: &NthCall| vec![FaultKind::HangBefore, FaultKind::HangAfter];
        campaign.play_each(&calls, hangs, killed).await;
    }
    campaign.end(60);
}

#[tokio::test(start_paused = true)]
async fn the_side_cars_of_a_killed_run_hold_up_no_other_execution() {
    let account = Play::BesideSidecar.account();
    inject(&account, "DescribeTasks", Some(2), FaultKind::HangBefore);
    tokio::select! {
        ran = Play::BesideSidecar.run(&account) => panic!("{}", ran.message()),
        () = account.sandbox.hung() => {}
    }
    account.sandbox.clear_faults();
    let ran = run(&account, &migrate("another")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());
    let [first, second] = account.sandbox.one_off_tasks().try_into().unwrap();
    // The first is waited for until its container has ended.
    assert!(first.started.unwrap().plus(seconds(20)) <= second.created, "{first:?} {second:?}");
    assert!(ran.report.duration < seconds(120), "{:?}", ran.report.duration);
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_until_ecs_lets_it_start_a_task() {
    let account = Play::Well.account();
    for nth in 1..=30 {
        inject(&account, "RunTask", Some(nth), FaultKind::Throttled);
    }
    let ran = Play::Well.run(&account).await;
    Play::Well.judge(&account, &ran, "throttled for long");
    let waits = ran.progress.matches("waiting, since others start tasks as well").count();
    assert_eq!((waits, ran.report.warnings.len()), (1, 1), "{}", ran.progress);

    let account = self::account();
    inject(&account, "RunTask", None, FaultKind::Throttled);
    let ran = run(&account, &RunRequest { timeout: seconds(300), ..migrate("x") }).await;
    assert_eq!(
        (ran.report.outcome, ran.report.exit_status()),
        (TaskOutcome::TimedOut, 7),
        "{}",
        ran.message()
    );
    assert!((300..400).contains(&ran.report.duration.as_secs()), "{:?}", ran.report.duration);
    ran.says(&[
        "was started within 300 s is not known",
        "ThrottlingException",
        "aws ecs list-tasks --cluster prod --started-by",
    ]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_without_end_is_told_and_is_no_success() {
    use FaultKind::{CutAfter, CutBefore, Denied, ErrorBefore, ExpiredToken};
    for (operation, started) in [
        ("DescribeServices", 0),
        ("DescribeTaskDefinition", 0),
        ("ListTasks", 0),
        ("RunTask", 0),
        ("DescribeTasks", 1),
    ] {
        for (kind, status) in
            [(Denied, 4), (ExpiredToken, 4), (ErrorBefore, 75), (CutBefore, 75), (CutAfter, 75)]
        {
            let account = account();
            play(&account.sandbox, TaskEnding::Exits(0), 20, &[]);
            let is_read = operation == "DescribeTasks" && status == 75;
            let has_run = usize::from(started == 1 || operation == "RunTask" && kind == CutAfter);
            inject(&account, operation, None, kind.clone());
            let request = RunRequest { timeout: seconds(120), ..migrate("x") };
            let ran = run(&account, &request).await;
            let what = format!("{kind:?} at every {operation}: {}", ran.message());
            // A task that cannot be read is waited for until its time-out.
            assert_eq!(ran.report.exit_status(), if is_read { 7 } else { status }, "{what}");
            assert_eq!(tasks(&account).len(), has_run, "{what}");
            if is_read {
                // An outage is told once, however many reads fail.
                assert_eq!(ran.report.warnings.len(), 1, "{what}: {:?}", ran.report.warnings);
            } else {
                ran.says(&[operation]);
            }
            if has_run == 1 && status == 4 {
                ran.says(&["goes on in ECS", "aws ecs stop-task --cluster prod --task arn:aws:ecs"]);
            }
            if operation == "RunTask" && status == 75 {
                ran.says(&[
                    "whether container app of web:1 was started is not known",
                    "--started-by evenkeel/",
                ]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_a_warning() {
    for kind in [FaultKind::Denied, FaultKind::CutBefore, FaultKind::Throttled] {
        let account = account();
        play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one")]);
        inject(&account, "GetLogEvents", None, kind.clone());
        let ran = run(&account, &migrate("x")).await;
        assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{kind:?}: {}", ran.message());
        assert_eq!(ran.report.warnings.len(), 1, "{kind:?}: {:?}", ran.report.warnings);
        assert!(ran.report.warnings[0].contains("what container app logs cannot be read"), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_hangs_does_not_hold_up_the_verdict() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one")]);
    inject(&account, "GetLogEvents", None, FaultKind::HangBefore);
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());
    assert!(ran.report.duration < seconds(60), "{:?}", ran.report.duration);
    let warning = "what container app logs cannot be read: CloudWatch Logs did not respond within 10 s";
    assert_eq!(ran.report.warnings, [warning]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_quotes_a_variable_hides_its_value() {
    let account = account();
    let kind = FaultKind::Refused {
        status: 400,
        code: "InvalidParameterException",
        message: "PASSWORD=s3cret-of-the-command-line is too long.",
    };
    inject(&account, "RunTask", None, kind);
    let ran = run(&account, &migrate("x")).await;
    assert_eq!((ran.report.outcome, ran.report.exit_status()), (TaskOutcome::Failed, 3));
    ran.says(&["container app of web:1 was not started: RunTask of", "PASSWORD=(hidden) is too long"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ecs_does_not_show_yet_is_waited_for() {
    let account = Play::Well.account();
    account.sandbox.set_task_lag(seconds(40));
    let ran = Play::Well.run(&account).await;
    Play::Well.judge(&account, &ran, "missing for 40 s");
}
