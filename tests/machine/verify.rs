//! What is looked at before anything is changed, and what costs nothing when it is not asked for.

use std::time::Duration;

use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request};

const IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2";
const FOUR: [&str; 4] =
    ["DescribeServices", "DescribeTaskDefinition", "RegisterTaskDefinition", "UpdateService"];

/// An account whose service runs on AWS Fargate.
fn on_fargate() -> Account {
    launched(json!(["FARGATE"]), json!({ "launchType": "FARGATE" }))
}

/// An account whose service has these settings, and whose task definition needs these launch types.
fn launched(compatibilities: Value, service: Value) -> Account {
    let mut definition = definition();
    definition["requiresCompatibilities"] = compatibilities;
    definition["networkMode"] = json!("awsvpc");
    definition["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/web-execution");
    let account = Account::empty();
    account.call("RegisterTaskDefinition", definition);
    account.create_service(SERVICE, "web", service);
    account
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
async fn the_service_decides_what_an_image_has_to_run_on() {
    let both = || json!(["EC2", "FARGATE"]);
    let provider =
        |name: &str| json!({ "capacityProviderStrategy": [{ "capacityProvider": name, "weight": 1 }] });
    for (service, status) in [
        (json!({ "launchType": "EC2" }), 0),
        (provider("graviton"), 0),
        (json!({ "launchType": "FARGATE" }), 3),
        (provider("FARGATE_SPOT"), 3),
    ] {
        let account = launched(both(), service.clone());
        account.sandbox.push_image("shop/web", "2", &["linux/arm64"]);
        let report = account.deploy(&[("app", IMAGE)]).await;
        assert_eq!((report.exit_status(), nothing_changed(&account)), (status, status == 3), "{service}");
        assert_eq!(report.warnings, Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn on_instances_an_image_for_another_platform_is_a_warning() {
    let mut definition = definition();
    definition["runtimePlatform"] = json!({ "cpuArchitecture": "X86_64" });
    let account = Account::running(&definition);
    account.sandbox.push_image("shop/web", "2", &["linux/arm64"]);
    let report = account.deploy(&[("app", IMAGE)]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert!(
        report.warnings[0].contains("is for linux/arm64, and the tasks run on linux/amd64"),
        "{report:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_behind_a_pull_through_cache_may_come_with_its_first_pull() {
    let cached = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/nginx:1.27";
    for (prefix, has_repository) in
        [("docker-hub", false), ("docker-hub", true), ("docker-hub/", false), ("ROOT", false)]
    {
        let account = on_fargate();
        account.sandbox.add_pull_through_rule(prefix);
        if has_repository {
            account.sandbox.push_image("docker-hub/library/nginx", "1.26", &["linux/amd64"]);
        }
        let report = account.deploy(&[("app", cached)]).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        let warning = &report.warnings[0];
        assert!(warning.contains("which fetches it when a task pulls it (pull-through cache"), "{warning}");
    }
    for elsewhere in ["docker", "docker-hub/library/nginx", "quay"] {
        let account = on_fargate();
        account.sandbox.add_pull_through_rule(elsewhere);
        let report = account.deploy(&[("app", cached)]).await;
        assert_eq!((report.exit_status(), nothing_changed(&account)), (3, true), "{elsewhere}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_rules_cannot_be_seen_a_missing_image_is_a_warning() {
    let account = on_fargate();
    let operation = "DescribePullThroughCacheRules".to_owned();
    account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
    let report = account.deploy(&[("app", IMAGE)]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    let warning = &report.warnings[0];
    assert!(warning.contains("it is not in Amazon ECR, and whether ECR fetches it"), "{warning}");
    assert!(warning.contains("AccessDenied"), "{warning}");
}

#[tokio::test(start_paused = true)]
async fn every_other_failure_of_ecr_is_a_warning_in_its_own_words() {
    for code in [
        "InvalidImageTag",
        "ImageTagDoesNotMatchDigest",
        "KmsError",
        "UpstreamAccessDenied",
        "UpstreamTooManyRequests",
        "UpstreamUnavailable",
        "ImageInaccessible",
    ] {
        let account = on_fargate();
        account.sandbox.fail_image("shop/web", "2", code, "Something is wrong upstream.");
        let report = account.deploy(&[("app", IMAGE)]).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        let told = format!("shop/web:2 is there is not known: {code}: Something is wrong upstream.");
        assert!(report.warnings[0].ends_with(&told), "{:?}", report.warnings);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_lags_is_looked_up_again() {
    for (seconds, status) in [(1, 0), (5, 0), (7, 3)] {
        let account = on_fargate();
        account.sandbox.push_image("shop/web", "2", &["linux/amd64"]);
        account.sandbox.replicate_late("shop/web", "2", Duration::from_secs(seconds));
        let report = account.deploy(&[("app", IMAGE)]).await;
        assert_eq!(report.exit_status(), status, "{seconds} s: {}", message(&report));
    }
}

#[tokio::test(start_paused = true)]
async fn a_confidential_task_keeps_its_images() {
    let mut definition = definition();
    for (mode, status) in [("CONFIDENTIAL_SANDBOX", 3), ("ISOLATED_SANDBOX", 0), ("SHARED", 0)] {
        definition["trustedExecutionConfiguration"] =
            json!({ "isolationMode": mode, "attestationPolicy": "cG9saWN5" });
        let account = Account::running(&definition);
        let report = account.deploy(&[("app", "registry.example.com/shop/web:2")]).await;
        assert_eq!((report.exit_status(), nothing_changed(&account)), (status, status == 3), "{mode}");
        if status == 3 {
            let message = message(&report);
            assert!(message.contains("its isolationMode is CONFIDENTIAL_SANDBOX"), "{message}");
        }
    }
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
