//! Several services in one deployment: each has a record of its own, which tells of that service alone.

use std::time::Duration;

use evenkeel::aws::{S3Objects, SsmParameters};
use evenkeel::deploy::{Interrupt, Report};
use evenkeel::record::Store;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::ports::RecordStore;
use evenkeel_core::record::{Record, Status};
use evenkeel_core::request::{DeployRequest, ServiceName};
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::campaign::{NthCall, calls_of};
use crate::world::{Account, CLUSTER, definition, message, request, say};

const OLD: &str = "registry.example.com:5000/shop/web:1";
const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
const SERVICES: [&str; 2] = ["web", "api"];
const PARAMETERS: [&str; 2] = ["ssm:/deploy/web/record", "ssm:/deploy/api/record"];

type Places = Vec<Vec<Store<S3Objects, SsmParameters>>>;

/// `web` crashes, `api` rolls out well; each runs revision 1 of its own family.
fn account() -> Account {
    let account = Account::new();
    let mut api = definition();
    api["family"] = json!("api");
    account.call("RegisterTaskDefinition", api);
    account.create_service("api", "api", json!({}));
    for (service, outcome) in [("web", RolloutOutcome::Crash), ("api", RolloutOutcome::Ok)] {
        let duration = Duration::from_secs(60);
        account.sandbox.set_rollout(CLUSTER, service, Rollout { outcome, duration });
    }
    account
}

async fn places(account: &Account) -> Places {
    let mut places = Vec::new();
    for parameter in PARAMETERS {
        places.push(account.records(&[parameter]).await);
    }
    places
}

fn both() -> DeployRequest {
    let services = SERVICES.map(|name| ServiceName::parse(name).unwrap());
    DeployRequest { services: services.into(), ..request(&[NEW]) }
}

async fn deploy(account: &Account, places: &Places) -> Report {
    let (_interrupter, interrupt) = Interrupt::new();
    account.run_each(&both(), interrupt, places.iter().map(Vec::as_slice).collect()).await
}

async fn record(places: &Places, at: usize) -> Option<Record> {
    let (content, _) = places[at][0].read().await.unwrap()?;
    Record::parse(&places[at][0].place(), &content).unwrap()
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.services.iter().map(|service| service.outcome).collect()
}

fn revision(record: Option<&Record>) -> Option<&str> {
    record.map(|record| record.task_definition_arn.rsplit('/').next().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn one_rolls_back_and_one_deploys_and_each_record_tells_of_its_own_service() {
    let account = account();
    let places = places(&account).await;
    let report = deploy(&account, &places).await;
    assert_eq!(outcomes(&report), [Outcome::RolledBack, Outcome::Deployed], "{}", message(&report));

    // Nothing was ever deployed to the one, and that is what its record says again.
    assert_eq!(record(&places, 0).await, None);
    let api = record(&places, 1).await.unwrap();
    assert_eq!((api.status, api.service.as_str(), api.revision), (Status::Succeeded, "api", 2));
    assert_eq!(api.images, [("app".to_owned(), NEW.1.to_owned())].into());

    // The one is mended: its record follows, and the other's stays as it is.
    let settled = account.sandbox.parameter("/deploy/api/record");
    let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(60) };
    account.sandbox.set_rollout(CLUSTER, "web", rollout);
    let report = deploy(&account, &places).await;
    assert_eq!(outcomes(&report), [Outcome::Deployed, Outcome::Unchanged], "{}", message(&report));
    let web = record(&places, 0).await.unwrap();
    assert_eq!((web.status, web.service.as_str(), web.revision), (Status::Succeeded, "web", 2));
    assert_eq!(account.sandbox.parameter("/deploy/api/record"), settled);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_written_is_its_own_service_s_failure() {
    let account = account();
    let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(60) };
    account.sandbox.set_rollout(CLUSTER, "web", rollout);
    let places = places(&account).await;
    // The third write is the first that settles one: web's.
    let kind = FaultKind::Denied;
    account.sandbox.inject(Fault { operation: "PutParameter".to_owned(), nth: Some(3), kind });
    let report = deploy(&account, &places).await;
    assert_eq!(outcomes(&report), [Outcome::Deployed, Outcome::Deployed], "{}", message(&report));
    let [web, api] = report.services.as_slice() else { panic!("{report:?}") };
    assert!(web.failure.is_some() && api.failure.is_none(), "{}", message(&report));
    let statuses = [record(&places, 0).await, record(&places, 1).await].map(|record| record.unwrap().status);
    assert_eq!(statuses, [Status::InProgress, Status::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn services_on_one_revision_have_records_of_their_own_too() {
    let account = Account::new();
    account.create_service("api", "web", json!({}));
    let places = places(&account).await;
    let report = deploy(&account, &places).await;
    assert_eq!(outcomes(&report), [Outcome::Deployed, Outcome::Deployed], "{}", message(&report));
    for (at, service) in SERVICES.iter().enumerate() {
        let record = record(&places, at).await.unwrap();
        assert_eq!((record.service.as_str(), record.revision), (*service, 2));
        assert!(record.base_task_definition_arn.ends_with("task-definition/web:1"), "{record:?}");
    }
    assert_eq!(account.effects("RegisterTaskDefinition"), 1, "one for both");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_each_record_is_mended_by_running_again() {
    let whole = account();
    deploy(&whole, &places(&whole).await).await;
    let calls = calls_of(&whole.sandbox);
    for call in &calls {
        let NthCall { operation, nth, .. } = call;
        let account = account();
        let places = places(&account).await;
        account.sandbox.inject(call.fault(FaultKind::HangAfter));
        tokio::select! {
            biased;
            () = account.sandbox.hung() => {}
            _ = deploy(&account, &places) => {}
        }
        account.clock.sleep(Duration::from_secs(120)).await;
        let report = deploy(&account, &places).await;
        let what = format!("killed after call {nth} of {operation}: {}", message(&report));

        let [web, api] = [record(&places, 0).await, record(&places, 1).await];
        for (record, service) in [(&web, "web"), (&api, "api")] {
            let is_its_own = record.as_ref().is_none_or(|it| it.service == service);
            let is_closed = record.as_ref().is_none_or(|it| it.status == Status::Succeeded);
            assert!(is_its_own && is_closed, "{what}: {record:?}");
        }
        // Where a rerun cannot know what to roll back to, Terraform's plan does.
        assert!(matches!(revision(web.as_ref()), None | Some("web:1")), "{what}: {web:?}");
        assert_eq!(revision(api.as_ref()), Some("api:2"), "{what}");
        assert_eq!(account.live("api"), "api:2", "{what}");
    }
    say(&format!("{} deployments of two services killed and mended", calls.len()));
    assert!(calls.len() > 40, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn the_images_that_run_are_recorded_for_both_although_nothing_changes() {
    let account = account();
    let places = places(&account).await;
    let unchanged = DeployRequest { images: request(&[("app", OLD)]).images, ..both() };
    let (_interrupter, interrupt) = Interrupt::new();
    let report = account.run_each(&unchanged, interrupt, places.iter().map(Vec::as_slice).collect()).await;
    assert_eq!(outcomes(&report), [Outcome::Unchanged, Outcome::Unchanged], "{}", message(&report));
    let told: Vec<Value> = ["/deploy/web/record", "/deploy/api/record"]
        .map(|name| serde_json::from_str(&account.sandbox.parameter(name).unwrap().0).unwrap())
        .into();
    assert_eq!(told.iter().map(|record| &record["service"]).collect::<Vec<_>>(), ["web", "api"]);
}
