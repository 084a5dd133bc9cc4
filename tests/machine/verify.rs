//! What is looked at before anything is changed, and what costs nothing when it is not asked for.

use evenkeel::domain::deployment::Outcome;
use evenkeel::sandbox::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request};

const IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2";
const FOUR: [&str; 4] =
    ["DescribeServices", "DescribeTaskDefinition", "RegisterTaskDefinition", "UpdateService"];

/// An account whose service runs on AWS Fargate.
fn on_fargate() -> Account {
    let mut definition = definition();
    definition["requiresCompatibilities"] = json!(["FARGATE"]);
    Account::running(&definition)
}

fn nothing_changed(account: &Account) -> bool {
    account.effects("RegisterTaskDefinition") == 0 && account.effects("UpdateService") == 0
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_there_is_deployed_and_its_digest_known() {
    for platforms in [&["linux/amd64"][..], &["linux/arm64", "linux/amd64"]] {
        let account = on_fargate();
        let digest = account.sandbox.push_image("shop/web", "2", platforms);
        let report = account.deploy(&[("app", IMAGE)]).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        assert_eq!(report.services[0].digests["app"], digest);
        assert_eq!(report.warnings, Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_changes_nothing() {
    let account = on_fargate();
    let report = account.deploy(&[("app", IMAGE)]).await;
    assert_eq!((report.exit_status(), nothing_changed(&account)), (3, true));
    assert!(message(&report).contains("shop/web:2, is not in Amazon ECR"), "{}", message(&report));

    account.sandbox.push_image("shop/web", "1", &["linux/amd64"]);
    let report = account.deploy(&[("app", IMAGE)]).await;
    assert_eq!((report.exit_status(), nothing_changed(&account)), (3, true), "the tag is missing");
}

#[tokio::test(start_paused = true)]
async fn an_image_for_another_platform_changes_nothing() {
    let account = on_fargate();
    account.sandbox.push_image("shop/web", "2", &["linux/arm64"]);
    let report = account.deploy(&[("app", IMAGE)]).await;
    assert_eq!((report.exit_status(), nothing_changed(&account)), (3, true));
    let message = message(&report);
    assert!(message.contains("is for linux/arm64, and the tasks run on linux/amd64"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_not_be_looked_up_is_a_warning() {
    for operation in ["BatchGetImage", "GetDownloadUrlForLayer"] {
        let account = on_fargate();
        account.sandbox.push_image("shop/web", "2", &["linux/amd64"]);
        let operation = operation.to_owned();
        account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
        let report = account.deploy(&[("app", IMAGE)]).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        assert!(report.warnings[0].contains("AccessDenied"), "{:?}", report.warnings);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_up_when_that_is_not_wanted_or_nothing_is_in_ecr() {
    let account = on_fargate();
    let mut unverified = request(&[("app", IMAGE)]);
    unverified.policy.skip_verify = true;
    let report = account.run(&unverified).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    assert_eq!(account.operations()[..4], FOUR);

    let account = on_fargate();
    account.deploy(&[("app", "registry.example.com/shop/web:2")]).await;
    assert_eq!(account.operations()[..4], FOUR);
}

#[tokio::test(start_paused = true)]
async fn what_runs_already_may_be_gone_from_the_registry() {
    let mut definition = definition();
    definition["containerDefinitions"][0]["image"] = json!(IMAGE);
    let account = Account::running(&definition);
    let report = account.deploy(&[("app", IMAGE)]).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:1", 0), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ecs_manages_is_refused() {
    let account = Account::new();
    account.sandbox.set_resource_management(CLUSTER, SERVICE, "ECS");
    let report = account.deploy(&[("app", "web:2")]).await;
    assert_eq!((report.exit_status(), nothing_changed(&account)), (3, true));
    assert!(message(&report).contains("update-express-gateway-service"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_in_progress_is_told_before_it_is_replaced() {
    let account = Account::new();
    crate::world::rival_deploys(&account.sandbox, "1024");
    let report = account.deploy(&[("app", "web:3")]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0));
    let told = |words: &str| report.warnings.iter().any(|warning| warning.contains(words));
    assert!(told("has a deployment in progress"), "{:?}", report.warnings);
    let _: Value = account.sandbox.stored("web:3").unwrap();
}
