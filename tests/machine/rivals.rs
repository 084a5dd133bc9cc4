//! Another actor deploys at the same time: nobody's change is lost, nobody's success is claimed.

use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use serde_json::json;

use crate::world::{Account, CLUSTER, SERVICE, ended, ending, message, rival_deploys};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

#[tokio::test(start_paused = true)]
async fn a_deployment_that_replaces_ours_is_told_as_that() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Superseded);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Superseded, "web:3", 6));
    assert!(message(&report).contains("took its place"), "{}", message(&report));
    assert_eq!(account.effects("UpdateService"), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_puts_the_old_revision_back_supersedes_us_too() {
    let account = Account::new();
    account.sandbox.after_call("DescribeServices", 4, |sandbox| {
        let back = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:1" });
        sandbox.call("UpdateService", back).unwrap();
    });
    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Superseded, "web:1", 6));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_came_in_before_our_update_is_copied_from_in_its_turn() {
    let account = Account::new();
    account.sandbox.before_call("UpdateService", 1, |sandbox| rival_deploys(sandbox, "1024"));
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:4", 0), "{}", message(&report));
    let deployed = account.sandbox.stored("web:4").unwrap();
    assert_eq!(deployed["memory"], "1024", "the rival's change is in the copy");
    assert_eq!(deployed["containerDefinitions"][0]["image"], NEW.1);
}

#[tokio::test(start_paused = true)]
async fn a_rival_that_changed_nothing_but_the_image_leaves_ours_as_it_is() {
    let account = Account::new();
    account.sandbox.before_call("UpdateService", 1, |sandbox| rival_deploys(sandbox, "512"));
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!(account.effects("UpdateService"), 1);
}

#[tokio::test(start_paused = true)]
async fn after_three_of_them_we_give_way() {
    let account = Account::new();
    for nth in 1..=4 {
        account.sandbox.before_call("UpdateService", nth, move |sandbox| {
            rival_deploys(sandbox, &format!("{}", 1024 * nth));
        });
    }
    let report = account.deploy(&[NEW]).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Superseded, 6), "{}", message(&report));
    assert!(message(&report).contains("3 times"), "{}", message(&report));
    let live = account.sandbox.stored(&account.live("web")).unwrap();
    assert_eq!(live["memory"], "4096", "the service is on the last rival's revision");
}

#[tokio::test(start_paused = true)]
async fn a_rivals_deployment_that_came_before_our_rollback_is_left_alone() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    account.sandbox.before_call("StopServiceDeployment", 1, |sandbox| rival_deploys(sandbox, "1024"));
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Superseded, "web:3", 6), "{}", message(&report));
    assert_eq!(account.effects("UpdateService"), 1, "nothing of theirs was overtaken");
    assert_eq!(account.live("web"), "web:3");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_an_update_that_overtook_a_rivals_newer_deployment_gives_way_to_it() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let operation = "StopServiceDeployment".to_owned();
    account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
    account.sandbox.before_call("UpdateService", 2, |sandbox| rival_deploys(sandbox, "1024"));
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Superseded, "web:3", 6), "{}", message(&report));
    assert!(message(&report).contains("came in between"), "{}", message(&report));
    assert!(report.warnings[0].contains("AccessDenied"), "{:?}", report.warnings);
    assert_eq!(account.live("web"), "web:3");
}
