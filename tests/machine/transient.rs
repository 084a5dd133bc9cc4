//! What AWS refuses only because somebody else writes at the same moment is written again.

use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Fault, FaultKind};
use serde_json::Value;

use crate::world::{Account, ended, ending, message, request};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

/// The refusals, as the services' API references give them, and what is refused so.
fn refusals() -> [(&'static str, &'static str, FaultKind); 3] {
    let concurrent = "There are concurrent updates for a resource that supports one update at a time.";
    let conflict =
        "The conditional request cannot succeed due to a conflicting operation against this resource.";
    let aborted = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    let refusal = |status, code, message| FaultKind::Refused { status, code, message };
    [
        ("ssm:/web", "PutParameter", refusal(400, "TooManyUpdates", concurrent)),
        ("s3://records/web.json", "PutObject", refusal(409, "ConditionalRequestConflict", conflict)),
        ("s3://records/web.json", "PutObject", refusal(409, "OperationAborted", aborted)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_record_is_written_again_while_somebody_else_writes() {
    for (sink, operation, refusal) in refusals() {
        // The write at the beginning, and the one at the end.
        for first in [1, 2] {
            let account = Account::new();
            account.sandbox.create_bucket("records", false);
            for nth in first..first + 4 {
                let kind = refusal.clone();
                account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
            }
            let records = account.records(&[sink]).await;
            let (interrupter, interrupt) = evenkeel::deploy::Interrupt::new();
            let report = account.run_until(&request(&[NEW]), interrupt, interrupter, &records).await;
            let what = format!("{refusal:?} at {operation} {first}: {}", message(&report));
            assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{what}");
            let record = match sink {
                "ssm:/web" => account.sandbox.parameter("/web").unwrap().0.into_bytes(),
                _ => account.sandbox.object("records", "web.json").unwrap(),
            };
            let record: Value = serde_json::from_slice(&record).unwrap();
            assert_eq!((&record["status"], &record["revision"]), (&"succeeded".into(), &2.into()), "{what}");
            assert_eq!(account.effects(operation), 2, "{what}");
        }
    }
}

/// ECS registers one revision a second for a whole account, so of a hundred who deploy at once some wait longer than the
/// SDK's own attempts last.
#[tokio::test(start_paused = true)]
async fn a_command_waits_for_its_turn_to_register_beyond_the_attempts_of_a_call() {
    for refused in [1, 8, 9, 40] {
        let account = Account::new();
        for nth in 1..=refused {
            let operation = "RegisterTaskDefinition".to_owned();
            account.sandbox.inject(Fault { operation, nth: Some(nth), kind: FaultKind::Throttled });
        }
        let report = account.deploy(&[NEW]).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{refused}: {}", message(&report));
        assert_eq!((account.revisions("web"), account.effects("UpdateService")), (2, 1), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_come_within_the_time_out_is_a_failure_and_nothing_is_changed() {
    let account = Account::new();
    let operation = "RegisterTaskDefinition".to_owned();
    account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Throttled });
    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Failed, "web:1", 75), "{}", message(&report));
    assert!(message(&report).contains("Rate exceeded"), "{}", message(&report));
    assert_eq!((account.revisions("web"), account.effects("UpdateService")), (1, 0));
}
