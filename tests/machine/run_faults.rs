//! Every call of `evenkeel run` fails in every way: one task at most, and one truth.

use std::time::Duration;

use evenkeel::one_off::{RunRequest, TaskOutcome};
use evenkeel_sandbox::{Fault, FaultKind, TaskEnding};

use crate::run::{Ran, account, migrate, play, run, seconds, tasks};
use crate::world::{Account, say};

/// The calls of a run whose responses are lost, late or refused.
const CALLS: [(&str, usize); 8] = [
    ("DescribeServices", 1),
    ("DescribeTaskDefinition", 1),
    ("ListTasks", 1),
    ("DescribeServices", 2),
    ("RunTask", 1),
    ("DescribeTasks", 1),
    ("DescribeTasks", 4),
    ("GetLogEvents", 2),
];

fn faults() -> [FaultKind; 7] {
    [
        FaultKind::Throttled,
        FaultKind::ErrorBefore,
        FaultKind::ErrorAfter,
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Delay(Duration::from_secs(5)),
        FaultKind::Delay(Duration::from_secs(60)),
    ]
}

fn inject(account: &Account, operation: &str, nth: Option<usize>, kind: FaultKind) {
    account.sandbox.inject(Fault { operation: operation.to_owned(), nth, kind });
}

#[track_caller]
fn succeeded(account: &Account, ran: &Ran, what: &str) {
    let what = format!("{what}: {} {}", ran.message(), ran.progress);
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{what}");
    assert_eq!(tasks(account).len(), 1, "{what}");
    assert_eq!(ran.progress.matches("app | ").count(), 2, "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_run_survives_every_fault_at_every_call() {
    let mut schedules = 0;
    for (operation, nth) in CALLS {
        for kind in faults() {
            let account = account();
            play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one"), (19, "two")]);
            inject(&account, operation, Some(nth), kind.clone());
            let ran = run(&account, &migrate("x")).await;
            succeeded(&account, &ran, &format!("{kind:?} at call {nth} of {operation}"));
            schedules += 1;
        }
    }
    say(&format!("{schedules} schedules of one fault in a run"));
}

#[tokio::test(start_paused = true)]
async fn a_run_survives_every_pair_of_faults_at_run_task() {
    for first in faults() {
        for second in faults() {
            let account = account();
            play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one"), (19, "two")]);
            inject(&account, "RunTask", Some(1), first.clone());
            inject(&account, "RunTask", Some(2), second.clone());
            let ran = run(&account, &migrate("x")).await;
            succeeded(&account, &ran, &format!("{first:?}, then {second:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_until_ecs_lets_it_start_a_task() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one"), (19, "two")]);
    for nth in 1..=30 {
        inject(&account, "RunTask", Some(nth), FaultKind::Throttled);
    }
    let ran = run(&account, &migrate("x")).await;
    succeeded(&account, &ran, "throttled for long");
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
async fn a_killed_run_is_followed_by_the_same_command_of_its_execution() {
    let mut schedules = 0;
    for (operation, nth) in CALLS {
        for kind in [FaultKind::HangBefore, FaultKind::HangAfter] {
            let account = account();
            play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one"), (19, "two")]);
            inject(&account, operation, Some(nth), kind.clone());
            let request = migrate("x");
            tokio::select! {
                ran = run(&account, &request) => panic!("{}", ran.message()),
                () = account.sandbox.hung() => {}
            }
            let ran = run(&account, &request).await;
            succeeded(&account, &ran, &format!("killed at {kind:?} at call {nth} of {operation}"));
            schedules += 1;
        }
    }
    say(&format!("{schedules} kills of a run"));
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
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 20, &[(1, "one"), (19, "two")]);
    account.sandbox.set_task_lag(seconds(40));
    let ran = run(&account, &migrate("x")).await;
    succeeded(&account, &ran, "missing for 40 s");
}
