//! The record wherever it is kept: what is written when, and what a crash at any call leaves behind.

use std::time::Duration;

use evenkeel::aws::{S3Objects, SsmParameters};
use evenkeel::deploy::{Interrupt, Report};
use evenkeel::record::Store;
use evenkeel::record_commands::{self, Done, RecordContent, Repair};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::ports::{RecordStore, Version};
use evenkeel_core::record::{DeployedBy, EMPTY, Record, Status};
use evenkeel_core::request::{ClusterName, OnFailure, ServiceName};
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::campaign::{NthCall, calls_of};
use crate::world::{
    Account, CLUSTER, SERVICE, definition, ended, ending, message, request, rival_deploys, say,
};

pub(crate) const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
pub(crate) const SSM: &str = "ssm:/deploy/web/record";
pub(crate) const BUCKET: &str = "records";

pub(crate) type Places = Vec<Store<S3Objects, SsmParameters>>;

#[tokio::test(start_paused = true)]
async fn it_costs_no_dependent_call_before_the_update() {
    let account = Account::new();
    for operation in [
        "DescribeServices",
        "GetParameter",
        "DescribeTaskDefinition",
        "RegisterTaskDefinition",
        "PutParameter",
    ] {
        let kind = FaultKind::Delay(Duration::from_secs(1));
        account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(1), kind });
    }
    let places = account.records(&[SSM]).await;
    let report = deploy(&account, &places, NEW.1).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));

    let calls = account.sandbox.calls();
    let update = calls.iter().position(|call| call.operation == "UpdateService").unwrap();
    let before: Vec<&str> = calls[..update].iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(before.len(), 5, "{before:?}");
    // Two of the five are beside another one.
    assert_eq!(calls[update].at.since(calls[0].at), Duration::from_secs(3), "{before:?}");
}

#[tokio::test(start_paused = true)]
async fn every_place_takes_a_record_over_what_was_read_only() {
    let account = Account::new();
    account.sandbox.create_bucket(BUCKET, false);
    let folder = tempfile::tempdir().unwrap();
    for sink in places(folder.path().to_str().unwrap()) {
        let [place] = <[_; 1]>::try_from(account.records(&[&sink]).await).unwrap();
        assert_eq!((place.place(), place.read().await.unwrap()), (sink.clone(), None));
        let one = place.write(None, EMPTY).await.unwrap().unwrap();
        assert_eq!(value(&place).await, (json!({}), one.clone()), "{sink}");

        assert_eq!(place.write(None, br#"{"a":"1"}"#).await.unwrap(), None, "{sink}");
        let two = place.write(Some(&one), br#"{"a":"2"}"#).await.unwrap().unwrap();
        let stale = place.write(Some(&one), br#"{"a":"3"}"#).await.unwrap();
        assert_eq!(stale, None, "{sink}");
        assert_eq!(value(&place).await, (json!({ "a": "2" }), two), "{sink}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_found() {
    for (sink, operation) in [
        (SSM, "PutParameter"),
        ("s3://records/web.json", "PutObject"),
        ("tfstate:s3://records/web", "PutObject"),
    ] {
        let account = Account::new();
        account.sandbox.create_bucket(BUCKET, false);
        for nth in [1, 3] {
            let kind = FaultKind::CutAfter;
            account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
        }
        let [place] = <[_; 1]>::try_from(account.records(&[sink]).await).unwrap();
        let one = place.write(None, EMPTY).await.unwrap().unwrap();
        let two = place.write(Some(&one), br#"{"a":"2"}"#).await.unwrap().unwrap();
        assert_eq!(value(&place).await, (json!({ "a": "2" }), two), "{sink}");
        assert!(account.effects(operation) >= 2, "{sink}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_places_are_told_the_same_and_terraform_can_read_them() {
    let account = Account::new();
    account.sandbox.create_bucket(BUCKET, false);
    account.sandbox.put_parameter("/deploy/web/record", "{}").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sinks = places(folder.path().to_str().unwrap());
    let places = account.records(&sinks.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(deploy(&account, &places, NEW.1).await.exit_status(), 0);

    let mut told = Vec::new();
    for place in &places {
        told.push(value(place).await.0);
    }
    assert_eq!(told[0]["taskDefinitionArn"], arn("web:2"));
    assert!(told.iter().all(|record| *record == told[0]), "{told:?}");
    let state: Value =
        serde_json::from_slice(&account.sandbox.object(BUCKET, "web.tfstate").unwrap()).unwrap();
    assert_eq!((&state["version"], &state["serial"]), (&json!(4), &json!(2)));
    let text = state["outputs"]["record_json"]["value"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), told[0]);
    let (value, version) = account.sandbox.parameter("/deploy/web/record").unwrap();
    assert_eq!((version, value.contains('\n')), (3, false), "{value}");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_written_stops_the_deployment_before_its_update() {
    for (sink, operation) in [(SSM, "PutParameter"), ("s3://records/web.json", "PutObject")] {
        let account = Account::new();
        account.sandbox.create_bucket(BUCKET, false);
        let kind = FaultKind::Denied;
        account.sandbox.inject(Fault { operation: operation.to_owned(), nth: None, kind });
        let report = deploy(&account, &account.records(&[sink]).await, NEW.1).await;
        assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 4), "{}", message(&report));
        assert!(message(&report).contains(operation), "{}", message(&report));
        assert_eq!(account.effects("UpdateService"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_refused_puts_it_back_and_one_that_may_be_made_leaves_it_open() {
    let account = Account::new();
    let kind = FaultKind::Denied;
    account.sandbox.inject(Fault { operation: "UpdateService".to_owned(), nth: None, kind });
    let places = account.records(&[SSM]).await;
    let report = deploy(&account, &places, NEW.1).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 4), "{}", message(&report));
    assert_eq!(value(&places[0]).await.0, json!({}));

    // The update is made, its answer lost, and nothing can be looked at any more.
    let account = Account::new();
    let fault = |operation: &str, nth, kind| Fault { operation: operation.to_owned(), nth: Some(nth), kind };
    account.sandbox.inject(fault("UpdateService", 1, FaultKind::CutAfter));
    for nth in 2..40 {
        account.sandbox.inject(fault("DescribeServices", nth, FaultKind::CutBefore));
    }
    let places = account.records(&[SSM]).await;
    let report = deploy(&account, &places, NEW.1).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 75), "{}", message(&report));
    assert_eq!(
        (record(&places[0]).await.unwrap().status, account.live(SERVICE)),
        (Status::InProgress, "web:2".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_final_write_that_fails_fails_the_step_and_a_rerun_mends_it() {
    for sink in [SSM, "s3://records/web.json"] {
        let account = Account::new();
        account.sandbox.create_bucket(BUCKET, false);
        let operation = if sink == SSM { "PutParameter" } else { "PutObject" };
        let kind = FaultKind::Denied;
        account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(2), kind });
        let places = account.records(&[sink]).await;
        let report = deploy(&account, &places, NEW.1).await;
        assert_eq!((report.outcome, report.exit_status()), (Outcome::Deployed, 4), "{}", message(&report));
        for words in
            ["its record could not be written", operation, "evenkeel record repair", "terraform apply"]
        {
            assert!(message(&report).contains(words), "{words}: {}", message(&report));
        }
        assert_eq!(record(&places[0]).await.unwrap().status, Status::InProgress);

        assert_eq!(deploy(&account, &places, NEW.1).await.exit_status(), 0);
        let record = record(&places[0]).await.unwrap();
        assert_eq!((record.status, record.revision), (Status::Succeeded, 2));
        assert_eq!(record.base_task_definition_arn, arn("web:1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_else_wrote_meanwhile_is_not_overwritten() {
    let account = Account::new();
    let places = account.records(&[SSM]).await;
    account.sandbox.before_call("DescribeServiceRevisions", 1, |sandbox| {
        sandbox.put_parameter("/deploy/web/record", r#"{"theirs":"yes"}"#).unwrap();
    });
    let report = deploy(&account, &places, NEW.1).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Deployed, 3), "{}", message(&report));
    assert!(message(&report).contains("is not understood"), "{}", message(&report));
    assert_eq!(account.sandbox.parameter("/deploy/web/record").unwrap().0, r#"{"theirs":"yes"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_what_came_in_between_has_that_as_its_ancestor() {
    let account = Account::new();
    let places = account.records(&[SSM]).await;
    account.sandbox.before_call("UpdateService", 1, |sandbox| rival_deploys(sandbox, "1024"));
    let report = deploy(&account, &places, NEW.1).await;
    assert_eq!(report.exit_status(), 0, "{}", message(&report));
    let record = record(&places[0]).await.unwrap();
    assert_eq!(account.sandbox.stored(&account.live(SERVICE)).unwrap()["memory"], "1024");
    assert_eq!(record.base_task_definition_arn, arn("web:3"), "the rival's, which Terraform does not know");
}

#[tokio::test(start_paused = true)]
async fn a_record_too_long_for_a_parameter_is_told_before_anything_is_live() {
    // Ten containers, as many as ECS allows, of the longest images.
    let names: Vec<String> = (0..10).map(|number| format!("container-{number}")).collect();
    let long = |tag: &str| format!("registry.example.com/{}:{tag}", "x".repeat(230));
    let containers: Vec<Value> =
        names.iter().map(|name| json!({ "name": name, "image": long("1") })).collect();
    let mut definition = definition();
    definition["containerDefinitions"] = json!(containers);
    let account = Account::running(&definition);
    let places = account.records(&[SSM]).await;
    let new = long("2");
    let images: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), new.as_str())).collect();
    let (interrupter, interrupt) = Interrupt::new();
    let report = account.run_until(&request(&images), interrupt, interrupter, &places).await;
    assert_eq!(report.exit_status(), 3, "{}", message(&report));
    for words in [SSM, "4096 at most", "s3://BUCKET/KEY"] {
        assert!(message(&report).contains(words), "{words}: {}", message(&report));
    }
    assert_eq!(
        (account.effects("UpdateService"), account.sandbox.parameter("/deploy/web/record")),
        (0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_it_is_never_taken_back_and_a_rerun_or_a_repair_mends_it() {
    let calls = calls_of_a_deployment().await;
    let mut kills = 0;
    for mend in [Mend::Rerun, Mend::Repair] {
        for outcome in [RolloutOutcome::Ok, RolloutOutcome::Crash] {
            for NthCall { operation, nth, .. } in &calls {
                let account = Account::new();
                account.next_rollout(outcome);
                let places = account.records(&[SSM]).await;
                killed_after(&account, operation, *nth, &places).await;
                let what = format!("{mend:?} after {outcome:?}, killed after call {nth} of {operation}");
                assert_planned(&account, &places[0], &what).await;
                // Somebody ends a rollout that would crash for ever.
                if outcome == RolloutOutcome::Crash
                    && mend == Mend::Repair
                    && account.live(SERVICE) == "web:2"
                {
                    let back = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:1" });
                    account.call("UpdateService", back);
                }
                account.clock.sleep(Duration::from_secs(120)).await;
                match mend {
                    Mend::Rerun => {
                        let report = deploy(&account, &places, NEW.1).await;
                        let status = if outcome == RolloutOutcome::Ok { 0 } else { 1 };
                        assert_eq!(report.exit_status(), status, "{what}: {}", message(&report));
                    }
                    Mend::Repair => repair(&account, &places, &what).await,
                }
                let record = record(&places[0]).await;
                let is_closed = record.as_ref().is_none_or(|it| it.status == Status::Succeeded);
                assert!(is_closed, "{what}: {record:?}");
                let told = record.map_or_else(|| arn("web:1"), |record| record.task_definition_arn);
                if outcome == RolloutOutcome::Ok {
                    assert_eq!(told, arn(&account.live(SERVICE)), "{what}");
                    assert_planned(&account, &places[0], &what).await;
                } else {
                    // Where a rerun cannot know what to go back to, Terraform's plan does.
                    assert_eq!(told, arn("web:1"), "{what}");
                }
                kills += 1;
            }
        }
    }
    say(&format!("{kills} deployments with a record killed and mended"));
    assert!(kills > 80, "{calls:?}");
}

/// A run that saw the revision live may make a copy of it, however late it reads the record.
#[tokio::test(start_paused = true)]
async fn the_mark_of_a_deployment_that_was_cut_off_stays_until_its_time_is_over() {
    let account = Account::new();
    let places = account.records(&[SSM]).await;
    killed_after(&account, "UpdateService", 1, &places).await;
    let marks_after = async |image: &str| {
        let report = deploy(&account, &places, image).await;
        assert_eq!(report.exit_status(), 0, "{}", message(&report));
        let record = record(&places[0]).await.unwrap();
        assert_eq!(
            (record.status, record.base_task_definition_arn.clone()),
            (Status::Succeeded, arn("web:1"))
        );
        record.marks().map(|mark| (mark.task_definition_arn.clone(), mark.is_over)).collect::<Vec<_>>()
    };
    let cut_off = [(Some(arn("web:2")), true)];
    assert_eq!(marks_after("shop/app:3").await, cut_off);
    assert_eq!(marks_after("shop/app:4").await, cut_off);
    account.clock.sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(marks_after("shop/app:5").await, []);
}

#[tokio::test(start_paused = true)]
async fn what_failed_and_is_left_in_place_is_never_told_as_deployed() {
    for killed in [false, true] {
        let account = Account::new();
        account.next_rollout(RolloutOutcome::Crash);
        let places = account.records(&[SSM]).await;
        if killed {
            killed_after(&account, "UpdateService", 1, &places).await;
        }
        let mut left = request(&[NEW]);
        left.policy.on_failure = OnFailure::Leave;
        let (interrupter, interrupt) = Interrupt::new();
        let report = account.run_until(&left, interrupt, interrupter, &places).await;
        assert_eq!(
            (report.exit_status(), account.live(SERVICE).as_str()),
            (1, "web:2"),
            "{}",
            message(&report)
        );
        let told = record(&places[0]).await.map(|record| (record.status, record.task_definition_arn));
        assert!(told.is_none() || told == Some((Status::Succeeded, arn("web:1"))), "{told:?}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mend {
    Rerun,
    Repair,
}

/// What Terraform would plan is nothing, or it refuses to, as our module does.
async fn assert_planned(account: &Account, place: &impl RecordStore, what: &str) {
    let terraforms = arn("web:1");
    let selected = match record(place).await {
        Some(record) if record.status == Status::InProgress => return,
        Some(record) if record.base_task_definition_arn == terraforms => record.task_definition_arn,
        Some(_) | None => terraforms,
    };
    assert_eq!(selected, arn(&account.live(SERVICE)), "{what}: the plan moves the service");
}

async fn repair(account: &Account, places: &Places, what: &str) {
    let (cluster, service) = (ClusterName::parse(CLUSTER).unwrap(), ServiceName::parse(SERVICE).unwrap());
    let by = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
    let repair = Repair { cluster: &cluster, service: &service, clock: account.clock, by: &by, force: false };
    match record_commands::repair(&account.aws().await.cloud(), places, &repair).await {
        Ok(kept) => {
            let [kept] = kept.as_slice() else { panic!("{kept:?}") };
            assert!(matches!(kept.content, RecordContent::Record(_)), "{what}: {kept:?}");
            // What is repaired once has nothing left to repair.
            let again = record_commands::repair(&account.aws().await.cloud(), places, &repair).await;
            assert_eq!(again.unwrap()[0].done, Done::Nothing, "{what}");
        }
        Err(failure) => {
            assert_eq!(failure.kind(), FailureKind::InvalidInput, "{what}: {failure}");
            assert_eq!(record(&places[0]).await, None, "{what}: {failure}");
        }
    }
}

/// Each call of a deployment with a record in a parameter.
async fn calls_of_a_deployment() -> Vec<NthCall> {
    let account = Account::new();
    deploy(&account, &account.records(&[SSM]).await, NEW.1).await;
    calls_of(&account.sandbox)
}

/// Starts a deployment and drops it when the call has taken effect and before it is answered.
async fn killed_after(account: &Account, operation: &str, nth: usize, places: &Places) {
    let kind = FaultKind::HangAfter;
    account.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
    tokio::select! {
        biased;
        () = account.sandbox.hung() => {}
        // It may end before that call.
        _ = deploy(account, places, NEW.1) => {}
    }
}

pub(crate) async fn deploy(account: &Account, places: &Places, image: &str) -> Report {
    let (interrupter, interrupt) = Interrupt::new();
    account.run_until(&request(&[("app", image)]), interrupt, interrupter, places).await
}

/// One place of each kind.
pub(crate) fn places(folder: &str) -> [String; 5] {
    [
        SSM.to_owned(),
        "s3://records/web.json".to_owned(),
        "tfstate:s3://records/web.tfstate".to_owned(),
        format!("tfvars:{folder}/x.auto.tfvars.json"),
        format!("file:{folder}/record.json"),
    ]
}

pub(crate) async fn value(place: &impl RecordStore) -> (Value, Version) {
    let (content, version) = place.read().await.unwrap().unwrap();
    (serde_json::from_slice(&content).unwrap(), version)
}

pub(crate) async fn record(place: &impl RecordStore) -> Option<Record> {
    let (content, _) = place.read().await.unwrap()?;
    Record::parse(&place.place(), &content).unwrap()
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}")
}
