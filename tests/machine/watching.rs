//! `evenkeel watch` beside somebody else's deployment, and what it tells of the last one.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::deploy::{Interrupt, Report};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::request::{DeployRequest, ServiceName};
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request, rival_deploys};

const NEW: &str = "registry.example.com:5000/shop/web:2";

/// Somebody puts the service on a revision with another image.
pub(crate) fn somebody_deploys(sandbox: &Sandbox) {
    let mut definition = definition();
    definition["containerDefinitions"][0]["image"] = json!(NEW);
    sandbox.call("RegisterTaskDefinition", definition).unwrap();
    let update = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:2" });
    sandbox.call("UpdateService", update).unwrap();
}

/// The calls of ours that are no reads.
pub(crate) fn changes(account: &Account) -> Vec<String> {
    let is_read =
        |operation: &String| ["Describe", "List", "Get"].iter().any(|read| operation.starts_with(read));
    account.operations().into_iter().filter(|operation| !is_read(operation)).collect()
}

/// An account whose service has this deployment configuration, beside somebody whose rollout goes like this.
async fn account(configuration: &Value, outcome: RolloutOutcome) -> Account {
    let account = Account::empty();
    account.call("RegisterTaskDefinition", definition());
    account.create_service(SERVICE, "web", json!({ "deploymentConfiguration": configuration }));
    account.next_rollout(outcome);
    account.clock.sleep(Duration::from_secs(600)).await;
    somebody_deploys(&account.sandbox);
    account
}

fn breaker(rollback: bool) -> Value {
    json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } })
}

fn alarms(strategy: &str) -> Value {
    json!({
        "strategy": strategy,
        "bakeTimeInMinutes": 3,
        "alarms": { "alarmNames": ["web-5xx"], "enable": true, "rollback": true },
    })
}

fn service(account: &Account) -> Value {
    let services = json!({ "cluster": CLUSTER, "services": [SERVICE] });
    account.call("DescribeServices", services)["services"][0].clone()
}

/// The status of the service's current service deployment.
fn status(account: &Account) -> String {
    let arns = json!({ "serviceDeploymentArns": [service(account)["currentServiceDeployment"]] });
    let described = account.call("DescribeServiceDeployments", arns);
    described["serviceDeployments"][0]["status"].as_str().unwrap().to_owned()
}

/// Waits until the current service deployment has this status.
async fn until(account: &Account, wanted: &str) {
    for _ in 0..3_600 {
        if status(account) == wanted {
            return;
        }
        account.clock.sleep(Duration::from_secs(1)).await;
    }
    panic!("{} and never {wanted}", status(account));
}

/// Service deployments may not be read.
fn classic(account: &Account) {
    for operation in ["DescribeServiceDeployments", "ListServiceDeployments"] {
        let (operation, kind) = (operation.to_owned(), FaultKind::Denied);
        account.sandbox.inject(Fault { operation, nth: None, kind });
    }
}

/// Somebody rolls the deployment back, as by the console's button.
fn rolls_back(account: &Account) {
    let arn = service(account)["currentServiceDeployment"].clone();
    account.call("StopServiceDeployment", json!({ "serviceDeploymentArn": arn }));
}

fn note(report: &Report) -> &str {
    report.services[0].note.as_deref().unwrap_or_default()
}

fn patient(seconds: u64) -> DeployRequest {
    let mut request = request(&[]);
    request.policy.timeout = Duration::from_secs(seconds);
    request
}

#[tokio::test(start_paused = true)]
async fn a_service_on_which_nothing_is_under_way_is_unchanged() {
    let account = Account::new();
    account.clock.sleep(Duration::from_secs(3_600)).await;
    let report = account.watch(&request(&[])).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:1", 0));
    assert_eq!(note(&report), "no rollout is under way; web:1 has been live since 2027-01-15T08:00:00Z");
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let calls = ["DescribeServices", "DescribeServiceDeployments", "DescribeTaskDefinition"];
    assert_eq!(account.operations(), calls);

    classic(&account);
    let report = account.watch(&request(&[])).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:1", 0));
    let warned = "service deployments cannot be read, so the service itself tells";
    assert!(report.warnings[0].starts_with(warned), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_under_way_is_followed_to_its_end() {
    for is_classic in [false, true] {
        for (configuration, outcome, words) in [
            (breaker(true), RolloutOutcome::Crash, "tasks failed to start"),
            (alarms("ROLLING"), RolloutOutcome::Alarm, "alarm"),
            (alarms("BLUE_GREEN"), RolloutOutcome::Alarm, "alarm"),
        ] {
            let account = account(&configuration, outcome).await;
            until(&account, "ROLLBACK_IN_PROGRESS").await;
            if is_classic {
                classic(&account);
            }
            let report = account.watch(&request(&[])).await;
            let message = message(&report);
            let told = format!("{configuration} {is_classic}: {message}");
            assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1), "{told}");
            assert!(message.contains(words) || message.contains("circuit breaker"), "{told}");
            assert_eq!(status(&account), "ROLLBACK_SUCCESSFUL", "{told}");
            assert_eq!(changes(&account), [""; 0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_a_person_that_is_under_way_is_followed_to_its_end() {
    let account = account(&json!({}), RolloutOutcome::Stuck).await;
    account.clock.sleep(Duration::from_secs(10)).await;
    rolls_back(&account);
    let report = account.watch(&request(&[])).await;
    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert!(message(&report).contains("user request"), "{}", message(&report));
    assert_eq!(status(&account), "ROLLBACK_SUCCESSFUL");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_failed_before_is_not_under_way_and_warned_of() {
    for (rollback, end, live) in [(true, "ROLLBACK_SUCCESSFUL", "web:1"), (false, "STOPPED", "web:2")] {
        let account = account(&breaker(rollback), RolloutOutcome::Crash).await;
        until(&account, end).await;
        let report = account.watch(&request(&[])).await;
        assert_eq!(ending(&report), ended(Outcome::Unchanged, live, 0));
        assert!(note(&report).starts_with(&format!("no rollout is under way; {live} has been live since")));
        let warning = &report.warnings[0];
        assert!(warning.contains("the last rollout of service web ended as"), "{warning}");
        assert!(warning.contains("circuit breaker") && warning.contains("watch --last"), "{warning}");
        assert!(!warning.contains(".."), "{warning}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_rollout_is_told_however_it_ended() {
    use Outcome::{Deployed, Failed, RolledBack, Started, Stopped};
    use RolloutOutcome as R;
    for is_classic in [false, true] {
        for (configuration, outcome, reached, ends, live, words) in [
            (json!({}), R::Ok, "SUCCESSFUL", Deployed, "web:2", "the last rollout, of web:2, began at 2027"),
            (
                json!({}),
                R::Stuck,
                "IN_PROGRESS",
                Started,
                "web:2",
                "web:2 is under way since 2027-01-15T08:10",
            ),
            (breaker(true), R::Crash, "ROLLBACK_IN_PROGRESS", Started, "web:1", "web:2 is under way since"),
            (breaker(true), R::Crash, "ROLLBACK_SUCCESSFUL", RolledBack, "web:1", "circuit breaker"),
            (breaker(false), R::Crash, "STOPPED", Failed, "web:2", "tasks failed to start"),
            (breaker(true), R::CrashTwice, "ROLLBACK_FAILED", Failed, "web:1", "tasks failed to start"),
            (alarms("ROLLING"), R::Alarm, "ROLLBACK_SUCCESSFUL", RolledBack, "web:1", "alarm"),
            (alarms("BLUE_GREEN"), R::Ok, "SUCCESSFUL", Deployed, "web:2", "of web:2, began at"),
        ] {
            let account = account(&configuration, outcome).await;
            until(&account, reached).await;
            account.clock.sleep(Duration::from_secs(20)).await;
            if is_classic {
                classic(&account);
            }
            let (report, began) = (account.last(&request(&[])).await, account.clock.now());
            let said = format!("{} {}", note(&report), message(&report));
            let told = format!("{reached} {is_classic}: {said}");
            let service = &report.services[0];
            let is_live = service.task_definition.as_ref().unwrap().family_and_revision();
            assert_eq!((report.outcome, is_live), (ends, live), "{told}");
            assert!(said.contains(words), "{told}");
            // The list alone shows nothing of what was rolled back.
            assert!(is_classic || said.contains("web:2"), "{told}");
            assert!(!said.contains(".; the last"), "{told}");
            assert_eq!(report.exit_status(), u8::from(matches!(ends, RolledBack | Failed | Stopped)));
            assert_eq!(account.clock.now(), began, "it waits for nothing");
            assert_eq!(changes(&account), [""; 0]);
            let is_warned = report.warnings.iter().any(|warning| warning.contains("AccessDenied"));
            assert_eq!(is_warned, is_classic, "{told}: {:?}", report.warnings);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_rollout_is_told_with_its_own_time_and_the_revision_before() {
    let account = account(&json!({}), RolloutOutcome::Ok).await;
    until(&account, "SUCCESSFUL").await;
    let ended = account.clock.now();
    account.clock.sleep(Duration::from_secs(5_000)).await;
    let report = account.last(&request(&[])).await;
    let service = &report.services[0];
    assert_eq!(service.duration.as_secs(), 60);
    assert!(note(&report).contains(&format!("ended at {ended}")), "{}", note(&report));
    assert_eq!(service.images["app"], NEW);
    assert!(service.deployment.is_some() && service.service_deployment.is_some());
}

#[tokio::test(start_paused = true)]
async fn somebody_who_watches_is_told_which_deployment_came_in_between() {
    let account = account(&json!({}), RolloutOutcome::Ok).await;
    account.sandbox.after_call("DescribeServices", 3, |sandbox| rival_deploys(sandbox, "1024"));
    let report = account.watch(&request(&[])).await;
    assert_eq!(ending(&report), ended(Outcome::Superseded, "web:3", 6));
    assert!(message(&report).contains("of web:3 took its place"), "{}", message(&report));
    assert_eq!(report.services[0].previous.as_ref().unwrap().family_and_revision(), "web:1");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_the_watch_and_says_what_goes_on() {
    let (stuck, crashing) = (RolloutOutcome::Stuck, RolloutOutcome::Crash);
    for (configuration, outcome, reached, polled, words) in [
        (json!({}), stuck, "IN_PROGRESS", "DescribeServices", "the rollout of web:2 goes on in ECS"),
        (
            breaker(true),
            crashing,
            "ROLLBACK_IN_PROGRESS",
            "DescribeServiceDeployments",
            "ECS rolls web:2 back",
        ),
    ] {
        let account = account(&configuration, outcome).await;
        until(&account, reached).await;
        let (interrupter, interrupt) = Interrupt::new();
        account.sandbox.after_call(polled, 2, move |_| interrupter.raise(FailureKind::Terminated));
        let report = account.watch_until(&request(&[]), interrupt).await;
        let message = message(&report);
        assert_eq!((report.outcome, report.exit_status()), (Outcome::Started, 143), "{message}");
        assert!(message.contains("the watch of service web was interrupted"), "{message}");
        assert!(message.contains(words) && message.contains("Run the same command again"), "{message}");
        assert_eq!(changes(&account), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_tells_what_is_live_by_then() {
    let account = account(&breaker(true), RolloutOutcome::Crash).await;
    let (interrupter, interrupt) = Interrupt::new();
    let interrupter = Arc::new(interrupter);
    for nth in 1..60 {
        let interrupter = interrupter.clone();
        account.sandbox.after_call("DescribeServices", nth, move |sandbox| {
            let services = json!({ "cluster": CLUSTER, "services": [SERVICE] });
            let service = &sandbox.call("DescribeServices", services).unwrap()["services"][0];
            if service["deployments"][0]["taskDefinition"].as_str().unwrap().ends_with("web:1") {
                interrupter.raise(FailureKind::Interrupted);
            }
        });
    }
    let report = account.watch_until(&request(&[]), interrupt).await;
    assert_eq!(ending(&report), ended(Outcome::Started, "web:1", 130), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_that_is_there_already_is_told_soon() {
    let account = account(&json!({}), RolloutOutcome::Crash).await;
    account.clock.sleep(Duration::from_secs(600)).await;
    let began = account.clock.now();
    let report = account.watch(&request(&[])).await;
    assert_eq!(ending(&report), ended(Outcome::Failed, "web:2", 1));
    assert!(message(&report).contains("tasks failed in a row"), "{}", message(&report));
    let passed = account.clock.now().since(began).as_secs();
    assert!(passed <= 3, "{passed} s");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_before_it_begins_where_ecs_does_not_answer() {
    let account = account(&json!({}), RolloutOutcome::Ok).await;
    let (operation, kind) = ("DescribeServices".to_owned(), FaultKind::HangBefore);
    account.sandbox.inject(Fault { operation, nth: Some(1), kind });
    let report = account.watch(&patient(5)).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 7));
    assert!(message(&report).contains("the watch did not begin within its 5 s"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn several_services_are_watched_in_the_same_calls() {
    let account = account(&json!({}), RolloutOutcome::Ok).await;
    account.create_service("api", "web:1", json!({}));
    let mut both = request(&[]);
    both.services.push(ServiceName::parse("api").unwrap());
    let report = account.watch(&both).await;
    let outcomes: Vec<Outcome> = report.services.iter().map(|service| service.outcome).collect();
    assert_eq!(outcomes, [Outcome::Deployed, Outcome::Unchanged]);
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Deployed, 0));

    let mut image = definition();
    image["containerDefinitions"][0]["image"] = json!("registry.example.com:5000/shop/web:3");
    account.call("RegisterTaskDefinition", image);
    let duration = Duration::from_secs(60);
    account.sandbox.set_rollout(CLUSTER, "api", Rollout { outcome: RolloutOutcome::Crash, duration });
    for service in [SERVICE, "api"] {
        let update = json!({ "cluster": CLUSTER, "service": service, "taskDefinition": "web:3" });
        account.call("UpdateService", update);
    }
    account.sandbox.clear_calls();
    let report = account.watch(&both).await;
    let outcomes: Vec<Outcome> = report.services.iter().map(|service| service.outcome).collect();
    assert_eq!(outcomes, [Outcome::Deployed, Outcome::Failed], "one does not end the watch of the other");
    assert_eq!(report.exit_status(), 1);
    let first = &account.operations()[..3];
    assert_eq!(first, ["DescribeServices", "DescribeServiceDeployments", "DescribeTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_outlasts_an_ecs_that_does_not_respond_for_a_while() {
    let account = account(&json!({}), RolloutOutcome::Ok).await;
    for nth in 2..=5 {
        let (operation, kind) = ("DescribeServices".to_owned(), FaultKind::ErrorBefore);
        account.sandbox.inject(Fault { operation, nth: Some(nth), kind });
    }
    let report = account.watch(&request(&[])).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_deleted_meanwhile_is_told() {
    let account = account(&json!({}), RolloutOutcome::Stuck).await;
    account.sandbox.after_call("DescribeServices", 2, |sandbox| {
        let delete = json!({ "cluster": CLUSTER, "service": SERVICE, "force": true });
        sandbox.call("DeleteService", delete).unwrap();
    });
    let report = account.watch(&request(&[])).await;
    assert_eq!(report.exit_status(), 3, "{}", message(&report));
    assert!(message(&report).contains("service web is gone"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn what_ecs_quotes_of_the_environment_is_hidden() {
    let secret = "correct-horse-battery";
    for is_classic in [false, true] {
        let account = Account::empty();
        let mut definition = definition();
        let environment = json!([{ "name": "PASSWORD", "value": secret }]);
        definition["containerDefinitions"][0]["environment"] = environment;
        account.call("RegisterTaskDefinition", definition.clone());
        account.create_service(SERVICE, "web", json!({ "deploymentConfiguration": breaker(true) }));
        account.next_rollout(RolloutOutcome::Crash);
        account.clock.sleep(Duration::from_secs(600)).await;
        definition["containerDefinitions"][0]["image"] = json!(NEW);
        account.call("RegisterTaskDefinition", definition);
        let update = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:2" });
        account.call("UpdateService", update);
        account.sandbox.set_quotes(vec![secret.to_owned()]);
        if is_classic {
            classic(&account);
        }
        let mut reports = vec![account.watch(&request(&[])).await];
        reports.push(account.watch(&request(&[])).await);
        reports.push(account.last(&request(&[])).await);
        let outcomes: Vec<Outcome> = reports.iter().map(|report| report.outcome).collect();
        assert_eq!(outcomes, [Outcome::RolledBack, Outcome::Unchanged, Outcome::RolledBack]);
        assert!(!format!("{reports:?}").contains(secret), "{is_classic}: {reports:#?}");
    }
}
