//! Our update replaces another actor's deployment unseen, and the run is cut off before it has brought that one's change.

use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::record::Status;
use evenkeel_sandbox::{Fault, FaultKind};

use crate::records::{arn, record};
use crate::world::{Account, ended, ending, message, request, rival_deploys};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
const RECORD: &[&str] = &["ssm:/deploy/web/record"];

/// How the run is cut off, right after its update replaced the rival's deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CutOff {
    Interrupted,
    Killed,
    /// ECS does not describe the rival's revision.
    Throttled,
    /// ECS refuses the second registration.
    Refused,
}

const ALL: [CutOff; 4] = [CutOff::Interrupted, CutOff::Killed, CutOff::Throttled, CutOff::Refused];

/// An account in which a run was cut off, and what the run said.
async fn cut_off(how: CutOff, sinks: &[&str]) -> (Account, String) {
    let account = Account::new();
    account.sandbox.before_call("UpdateService", 1, |sandbox| rival_deploys(sandbox, "1024"));
    let (interrupter, interrupt) = Interrupt::new();
    let fault = |operation: &str, nth, kind| {
        account.sandbox.inject(Fault { operation: operation.to_owned(), nth, kind });
    };
    match how {
        CutOff::Interrupted => account.sandbox.after_call("UpdateService", 1, move |_| {
            interrupter.raise(FailureKind::Terminated);
        }),
        CutOff::Killed => fault("UpdateService", Some(1), FaultKind::HangAfter),
        CutOff::Throttled => account.sandbox.after_call("UpdateService", 1, |sandbox| {
            let operation = "DescribeTaskDefinition".to_owned();
            sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Throttled });
        }),
        CutOff::Refused => fault("RegisterTaskDefinition", Some(2), FaultKind::Denied),
    }
    let records = account.records(sinks).await;
    let (_never, idle) = Interrupt::new();
    let interrupt = if how == CutOff::Interrupted { interrupt } else { idle };
    let request = request(&[NEW]);
    let run = account.run_each(&request, interrupt, vec![records.as_slice()]);
    let told = tokio::select! {
        () = account.sandbox.hung() => String::new(),
        report = run => {
            assert_ne!(report.exit_status(), 0, "{how:?}");
            message(&report)
        }
    };
    account.sandbox.clear_faults();
    (account, told)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cut_off_says_what_runs_and_what_it_lacks() {
    for how in [CutOff::Interrupted, CutOff::Throttled, CutOff::Refused] {
        for (sinks, then) in
            [(RECORD, "it adds the changes of web:3"), (&[], "then the deployment of web:3 again")]
        {
            let (account, told) = cut_off(how, sinks).await;
            let what = format!("{how:?} {sinks:?}: {told}");
            assert!(told.contains("the rollout of web:2 goes on in ECS"), "{what}");
            assert!(told.contains("lacks what web:3 of that one changed") && told.contains(then), "{what}");
            assert!(!told.contains("not changed"), "{what}");
            assert_eq!(account.live("web"), "web:2", "{what}");
            for place in account.records(sinks).await {
                assert_eq!(record(&place).await.unwrap().status, Status::InProgress, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_command_again_adds_the_change_where_a_record_tells_of_the_first_run() {
    for how in ALL {
        let (account, told) = cut_off(how, RECORD).await;
        let records = account.records(RECORD).await;
        let (_interrupter, interrupt) = Interrupt::new();
        let report = account.run_each(&request(&[NEW]), interrupt, vec![records.as_slice()]).await;

        let what = format!("{how:?}: {told}\n{}", message(&report));
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:4", 0), "{what}");
        let deployed = account.sandbox.stored("web:4").unwrap();
        assert_eq!(
            (&deployed["memory"], &deployed["containerDefinitions"][0]["image"]),
            (&"1024".into(), &NEW.1.into())
        );
        let record = record(&records[0]).await.unwrap();
        assert_eq!(
            (record.status, &record.task_definition_arn),
            (Status::Succeeded, &arn("web:4")),
            "{what}"
        );
        assert_eq!(record.base_task_definition_arn, arn("web:3"), "{what}");

        // Once more, and nothing is left to do.
        let before = account.effects("UpdateService");
        let (_interrupter, interrupt) = Interrupt::new();
        let again = account.run_each(&request(&[NEW]), interrupt, vec![records.as_slice()]).await;
        assert_eq!(ending(&again), ended(Outcome::Unchanged, "web:4", 0), "{what}");
        assert_eq!(account.effects("UpdateService"), before, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_record_the_same_command_again_follows_the_rollout_to_its_end() {
    for how in ALL {
        let (account, _) = cut_off(how, &[]).await;
        let report = account.deploy(&[NEW]).await;
        assert_eq!(ending(&report).2, 0, "{how:?}: {}", message(&report));
        assert_eq!(account.live("web"), "web:2", "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_ran_before_the_copied_revision_was_not_overtaken() {
    let account = Account::new();
    // In the instant in which the service was made.
    rival_deploys(&account.sandbox, "1024");
    account.clock.sleep(Duration::from_secs(120)).await;
    let (operation, nth) = ("UpdateService".to_owned(), Some(1));
    account.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangAfter });
    let records = account.records(RECORD).await;
    let (_interrupter, interrupt) = Interrupt::new();
    let request = request(&[NEW]);
    tokio::select! {
        () = account.sandbox.hung() => {}
        _ = account.run_each(&request, interrupt, vec![records.as_slice()]) => unreachable!(),
    }
    account.sandbox.clear_faults();

    let (_interrupter, interrupt) = Interrupt::new();
    let report = account.run_each(&request, interrupt, vec![records.as_slice()]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0), "{}", message(&report));
    assert_eq!(account.sandbox.stored("web:3").unwrap()["memory"], "1024");
    assert_eq!(record(&records[0]).await.unwrap().base_task_definition_arn, arn("web:2"));
}
