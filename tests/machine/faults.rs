//! Every call of a deployment fails in every way: still one revision, one update, one truth.

use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Fault, FaultKind};

use crate::campaign::{Campaign, NthCall, passing};
use crate::world::{Account, calls_of_a_deployment, ended, ending, message, say};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call() {
    let mut campaign = Campaign::new("a deployment with one fault");
    let play = async |_: &NthCall, fault: Fault, what: &str| {
        let account = Account::new();
        account.sandbox.inject(fault);
        let report = account.deploy(&[NEW]).await;

        let what = format!("{what}: {}", message(&report));
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{what}");
        assert_eq!(account.live("web"), "web:2", "{what}");
        assert_eq!(account.revisions("web"), 2, "{what}");
        account.sandbox
    };
    campaign.play_each(&calls_of_a_deployment().await, |_| passing(), play).await;
    campaign.end(100);
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_faults_at_the_calls_that_write() {
    let mut schedules = 0;
    for operation in ["RegisterTaskDefinition", "UpdateService"] {
        for first in passing() {
            for second in passing() {
                let account = Account::new();
                for (nth, kind) in [(1, &first), (2, &second)] {
                    let operation = operation.to_owned();
                    account.sandbox.inject(Fault { operation, nth: Some(nth), kind: kind.clone() });
                }
                let report = account.deploy(&[NEW]).await;

                let what = format!("{first:?}, then {second:?} at {operation}: {}", message(&report));
                assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{what}");
                assert_eq!(account.revisions("web"), 2, "{what}");
                schedules += 1;
            }
        }
    }
    say(&format!("{schedules} schedules of two faults"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_never_ends_is_told_and_never_a_success() {
    let mut schedules = 0;
    for operation in ["DescribeServices", "DescribeTaskDefinition", "RegisterTaskDefinition", "UpdateService"]
    {
        for (kind, status) in [
            (FaultKind::Throttled, 75),
            (FaultKind::ErrorBefore, 75),
            (FaultKind::ErrorAfter, 75),
            (FaultKind::CutBefore, 75),
            (FaultKind::CutAfter, 75),
            (FaultKind::Denied, 4),
            (FaultKind::ExpiredToken, 4),
        ] {
            let account = Account::new();
            account.sandbox.inject(Fault { operation: operation.to_owned(), nth: None, kind: kind.clone() });
            let report = account.deploy(&[NEW]).await;

            let what = format!("{kind:?} at every {operation}: {report:?}");
            let took_effect = matches!(kind, FaultKind::ErrorAfter | FaultKind::CutAfter)
                && matches!(operation, "RegisterTaskDefinition" | "UpdateService");
            if took_effect {
                // The answers are lost, but looking shows what happened.
                assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{what}");
            } else {
                assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, status), "{what}");
                assert!(message(&report).contains(operation), "{what}");
                assert_eq!(account.live("web"), "web:1", "{what}");
            }
            assert!(account.revisions("web") <= 2, "{what}");
            schedules += 1;
        }
    }
    say(&format!("{schedules} schedules of a fault without end"));
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_is_being_made_by_somebody_else_is_waited_for() {
    let account = Account::new();
    for nth in 1..=2 {
        let operation = "RegisterTaskDefinition".to_owned();
        account.sandbox.inject(Fault { operation, nth: Some(nth), kind: FaultKind::ConcurrentRevision });
    }
    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_waiting_is_outlasted() {
    let account = Account::new();
    for nth in 2..60 {
        let operation = "DescribeServices".to_owned();
        account.sandbox.inject(Fault { operation, nth: Some(nth), kind: FaultKind::CutBefore });
    }
    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
}
