//! A deployment is killed at any call, or everything goes wrong at random: running it again ends as
//! if nothing had happened.

use std::cell::Cell;
use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel::record::FileStore;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::record::{Record, Status};
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};

use crate::campaign::NthCall;
use crate::world::{Account, calls_of_a_deployment, ended, ending, message, request, say};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

#[tokio::test(start_paused = true)]
async fn killed_after_any_call_and_run_again() {
    let calls = calls_of_a_deployment().await;
    for NthCall { operation, nth, .. } in &calls {
        let (account, folder) = (Account::new(), tempfile::tempdir().unwrap());
        let path = folder.path().join("record.json");
        killed_after(&account, operation, *nth, &path).await;
        let report = rerun(&account, &path).await;

        let what = format!("killed after call {nth} of {operation}: {}", message(&report));
        // A rollout that had ended by itself meanwhile is found as it is.
        assert_eq!((report.exit_status(), account.live("web")), (0, "web:2".to_owned()), "{what}");
        assert_eq!((account.revisions("web"), account.effects("UpdateService")), (2, 1), "{what}");
        let record = Record::parse("file:record.json", &std::fs::read(&path).unwrap()).unwrap().unwrap();
        assert_eq!((record.status, record.revision), (Status::Succeeded, 2), "{what}");
        assert!(record.base_task_definition_arn.ends_with("/web:1"), "{what}: {record:?}");
    }
    say(&format!("{} deployments killed and run again", calls.len()));
    assert!(calls.len() > 15, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_third_of_all_calls_throttled_fails_no_deployment() {
    for seed in 1..=50 {
        let account = Account::new();
        let random = Random::new(seed);
        for operation in OPERATIONS {
            for nth in (1..200).filter(|_| random.below(10) < 3) {
                let operation = operation.to_owned();
                account.sandbox.inject(Fault { operation, nth: Some(nth), kind: FaultKind::Throttled });
            }
        }
        let report = account.deploy(&[NEW]).await;
        assert_eq!(
            ending(&report),
            ended(Outcome::Deployed, "web:2", 0),
            "seed {seed}: {}",
            message(&report)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_no_success_is_claimed_and_a_rerun_mends_it() {
    let (mut schedules, mut failed) = (0, 0);
    for seed in 1..=400 {
        let random = Random::new(seed);
        let account = Account::new();
        let crashes = random.below(4) == 0;
        account.next_rollout(if crashes { RolloutOutcome::Crash } else { RolloutOutcome::Ok });
        for operation in OPERATIONS {
            for nth in (1..60).filter(|_| random.below(10) < 4) {
                let kind = match random.below(6) {
                    0 => FaultKind::Throttled,
                    1 => FaultKind::ErrorBefore,
                    2 => FaultKind::ErrorAfter,
                    3 => FaultKind::CutBefore,
                    4 => FaultKind::CutAfter,
                    _ => FaultKind::Delay(Duration::from_secs(30)),
                };
                account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
            }
        }
        let report = account.deploy(&[NEW]).await;
        let what = format!("seed {seed}: {:?}: {}", report.outcome, message(&report));
        assert!(account.revisions("web") <= 2, "{what}");
        assert_eq!(report.exit_status() == 0, report.outcome == Outcome::Deployed, "{what}");
        if report.outcome == Outcome::Deployed {
            assert!(!crashes && account.live("web") == "web:2", "{what}");
        } else {
            failed += 1;
        }
        if !crashes {
            let again = Account { sandbox: account.sandbox.clone(), clock: account.clock };
            let report = undisturbed(&again).await;
            assert_eq!((report.exit_status(), again.live("web")), (0, "web:2".to_owned()), "{what}");
            assert_eq!(again.revisions("web"), 2, "{what}");
        }
        schedules += 1;
    }
    say(&format!("{schedules} schedules of many faults, {failed} of them not deployed at first"));
}

const OPERATIONS: [&str; 6] = [
    "DescribeServices",
    "DescribeTaskDefinition",
    "RegisterTaskDefinition",
    "UpdateService",
    "ListServiceDeployments",
    "DescribeServiceDeployments",
];

/// Runs the deployment again until no fault that was injected is left in its way.
async fn undisturbed(account: &Account) -> evenkeel::deploy::Report {
    loop {
        let report = account.deploy(&[NEW]).await;
        if report.exit_status() == 0 {
            return report;
        }
        assert_eq!(report.exit_status(), 75, "{}", message(&report));
    }
}

/// Starts a deployment and drops it when the call has taken effect and before it is answered.
async fn killed_after(account: &Account, operation: &str, nth: usize, path: &std::path::Path) {
    let kind = FaultKind::HangAfter;
    account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
    let store = [FileStore::new(path)];
    let (interrupter, interrupt) = Interrupt::new();
    let request = request(&[NEW]);
    tokio::select! {
        biased;
        () = account.sandbox.hung() => {}
        // It may take a look less than the one that was counted: then there is nothing to kill.
        report = account.run_until(&request, interrupt, interrupter, &store) => {
            assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        }
    }
}

async fn rerun(account: &Account, path: &std::path::Path) -> evenkeel::deploy::Report {
    let (interrupter, interrupt) = Interrupt::new();
    account.run_until(&request(&[NEW]), interrupt, interrupter, &[FileStore::new(path)]).await
}

/// A small generator of numbers that a seed repeats: xorshift, by Marsaglia.
struct Random(Cell<u64>);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        (state >> 32) % limit
    }
}
