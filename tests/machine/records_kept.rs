//! A record is written although its store is busy, keeps what it does not know, and names who deploys.

use std::sync::{Arc, Mutex};

use evenkeel::deploy::{Interrupt, Polling, World};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::ports::RecordStore;
use evenkeel_core::record::{DeployedBy, Status};
use evenkeel_core::request::{DeployRequest, ServiceName};
use evenkeel_sandbox::RolloutOutcome;
use serde_json::{Value, json};

use crate::records::{BUCKET, NEW, SSM, arn, deploy, places, record, value};
use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request, say};

#[tokio::test(start_paused = true)]
async fn fifty_that_end_together_are_all_recorded_at_the_rate_that_parameters_take() {
    let account = Account::empty();
    // The SDK gives up after half a minute, in which 30 of 50 can be written.
    account.sandbox.set_parameter_rate(1);
    let names: Vec<String> = (0..50).map(|number| format!("web-{number}")).collect();
    for name in &names {
        let mut definition = definition();
        definition["family"] = json!(name);
        account.call("RegisterTaskDefinition", definition);
        account.create_service(name, name, json!({}));
    }
    let deploy = async |name: &String| {
        let sink = format!("ssm:/deploy/{name}/record");
        let places = account.records(&[&sink]).await;
        let request = DeployRequest { services: vec![ServiceName::parse(name).unwrap()], ..request(&[NEW]) };
        let (interrupter, interrupt) = Interrupt::new();
        let report = account.run_until(&request, interrupt, interrupter, &places).await;
        assert_eq!(report.exit_status(), 0, "{name}: {}", message(&report));
        let record = record(&places[0]).await.unwrap();
        assert_eq!((record.status, record.revision), (Status::Succeeded, 2), "{name}");
    };
    futures_util::future::join_all(names.iter().map(deploy)).await;
    let calls = account.sandbox.calls();
    let refused = calls.iter().filter(|call| call.operation == "PutParameter" && !call.effect).count();
    say(&format!("fifty deployments with a record each: {refused} writes came too early"));
    assert!(refused > 50, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn while_a_deployment_is_under_way_the_record_names_who_makes_it() {
    let account = Account::new();
    let places = account.records(&[SSM]).await;
    assert_eq!(deploy(&account, &places, NEW.1).await.exit_status(), 0);

    let ecs = account.aws().await.cloud();
    let source = DeployedBy { kind: "github".to_owned(), id: Some("4711".to_owned()), url: None };
    let (_interrupter, interrupt) = Interrupt::new();
    let world = World {
        ecs: &ecs,
        records: vec![places.as_slice()],
        clock: account.clock,
        polling: Polling::default(),
        interrupt,
        source: &source,
        execution: ExecutionId::new("test"),
    };
    account.next_rollout(RolloutOutcome::Crash);
    let seen = Arc::new(Mutex::new(Value::Null));
    let kept = Arc::clone(&seen);
    account.sandbox.before_call("UpdateService", 1, move |sandbox| {
        let (value, _) = sandbox.parameter("/deploy/web/record").unwrap();
        *kept.lock().unwrap() = serde_json::from_str(&value).unwrap();
    });
    let three = request(&[("app", "registry.example.com:5000/shop/web:3")]);
    let report = evenkeel::deploy::deploy(&world, &three, &mut |_| {}).await;
    assert_eq!(report.outcome, Outcome::RolledBack, "{}", message(&report));
    let marked = seen.lock().unwrap().clone();
    assert_eq!((&marked["status"], &marked["source"]["id"]), (&json!("in_progress"), &json!("4711")));
    // What ran before is as it was, and so is who deployed it.
    let record = record(&places[0]).await.unwrap();
    assert_eq!((record.source.kind.as_str(), record.former_source), ("cli", None));
}

#[tokio::test(start_paused = true)]
async fn what_a_later_version_wrote_into_a_record_is_kept_in_every_place() {
    let folder = tempfile::tempdir().unwrap();
    for sink in places(folder.path().to_str().unwrap()) {
        let account = Account::new();
        account.sandbox.create_bucket(BUCKET, false);
        let places = account.records(&[&sink]).await;
        assert_eq!(deploy(&account, &places, NEW.1).await.exit_status(), 0, "{sink}");
        let (mut theirs, version) = value(&places[0]).await;
        theirs["quotas"] = json!({ "app": { "LIMIT": 12_345_678_901_234_567_890_u64 } });
        theirs["later"] = json!(null);
        places[0].write(Some(&version), theirs.to_string().as_bytes()).await.unwrap();

        for (image, outcome) in [("web:3", RolloutOutcome::Ok), ("web:4", RolloutOutcome::Crash)] {
            account.next_rollout(outcome);
            let image = format!("registry.example.com:5000/shop/{image}");
            deploy(&account, &places, &image).await;
            let (kept, _) = value(&places[0]).await;
            assert_eq!(kept["taskDefinitionArn"], arn("web:3"), "{sink}: {outcome:?}");
            assert_eq!(kept["quotas"], theirs["quotas"], "{sink}: {outcome:?}");
            assert_eq!(kept.get("later"), Some(&json!(null)), "{sink}: {outcome:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_deployment_of_our_revision_is_followed_and_recorded() {
    for nth in [3, 4, 5, 6] {
        let account = Account::new();
        let places = account.records(&[SSM]).await;
        account.sandbox.after_call("DescribeServices", nth, |sandbox| {
            let anew = json!({ "cluster": CLUSTER, "service": SERVICE, "forceNewDeployment": true });
            sandbox.call("UpdateService", anew).unwrap();
        });
        let report = deploy(&account, &places, NEW.1).await;
        let what = format!("after look {nth}: {}", message(&report));
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{what}");
        let described =
            account.call("DescribeServices", json!({ "cluster": CLUSTER, "services": [SERVICE] }));
        let primary = &described["services"][0]["deployments"][0];
        assert_eq!(primary["rolloutState"], "COMPLETED", "{what}");
        let record = record(&places[0]).await.unwrap();
        assert_eq!((record.status, record.revision), (Status::Succeeded, 2), "{what}");
        assert_eq!(record.deployment_id.as_deref(), primary["id"].as_str(), "{what}");
        assert_eq!(account.effects("UpdateService"), 1, "{what}");
    }
}
