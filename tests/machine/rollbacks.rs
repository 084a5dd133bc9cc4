//! A person puts a service back.

use std::time::Duration;

use evenkeel::record::FileStore;
use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{Account, ended, ending, message, rival_deploys};

const NONE: &[FileStore] = &[];

/// A service on `web:3`, which ran `web:2` and `web:1` before.
async fn deployed_twice() -> Account {
    let account = Account::new();
    account.clock.sleep(Duration::from_secs(60)).await;
    for image in ["web:2", "web:3"] {
        account.deploy(&[("app", image)]).await;
    }
    account.sandbox.clear_calls();
    account
}

#[tokio::test(start_paused = true)]
async fn it_goes_back_to_what_ran_before_and_registers_nothing() {
    let account = deployed_twice().await;
    let report = account.roll_back(None, NONE).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!((account.live("web").as_str(), account.revisions("web")), ("web:2", 3));
    assert_eq!(report.services[0].images["app"], "web:2");
    // Once more undoes it: what was live before is the last that succeeded and is another one.
    let report = account.roll_back(None, NONE).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn a_revision_can_be_named() {
    let account = deployed_twice().await;
    for (to, live) in [
        ("1", "web:1"),
        ("web:3", "web:3"),
        ("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2", "web:2"),
    ] {
        let report = account.roll_back(Some(to), NONE).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, live, 0), "{}", message(&report));
    }
    let report = account.roll_back(Some("web:2"), NONE).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:2", 0), "it is there");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_goes_wrong_is_gone_back_from_while_it_goes_on() {
    let account = deployed_twice().await;
    account.next_rollout(RolloutOutcome::Stuck);
    rival_deploys(&account.sandbox, "1024");
    let report = account.roll_back(None, NONE).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0), "{}", message(&report));
    assert!(report.warnings[0].contains("has a deployment in progress"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_revision_is_found_among_many_deployments_that_ecs_lists_in_no_order() {
    let account = Account::empty();
    account.call("RegisterTaskDefinition", crate::world::definition());
    account.create_service("web", "web", json!({ "desiredCount": 0 }));
    for number in 2..60 {
        account.deploy(&[("app", &format!("web:{number}"))]).await;
    }
    for (begun, live) in [("web:59", "web:58"), ("web:58", "web:59")] {
        assert_eq!(account.live("web"), begun);
        let report = account.roll_back(None, NONE).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, live, 0), "{}", message(&report));
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_deployment_does_not_miss_what_a_rollback_left() {
    let account = deployed_twice().await;
    account.roll_back(None, NONE).await;
    let report = account.deploy(&[("app", "web:4")]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:4", 0), "{}", message(&report));
    assert_eq!(report.warnings, Vec::<String>::new(), "web:3 differs in the pipeline's image alone");

    account.roll_back(None, NONE).await;
    let mut unused = crate::world::definition();
    unused["memory"] = json!("1024");
    account.call("RegisterTaskDefinition", unused);
    let report = account.deploy(&[("app", "web:6")]).await;
    assert!(report.warnings[0].contains("web:5 is newer than the live web:2"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_rollback_is_followed_by_naming_its_revision() {
    use evenkeel::deploy::Interrupt;
    use evenkeel_core::failure::FailureKind;
    let account = deployed_twice().await;
    let (interrupter, interrupt) = Interrupt::new();
    account.sandbox.after_call("UpdateService", 1, move |_| interrupter.raise(FailureKind::Interrupted));
    let report = account.roll_back_until(None, NONE, interrupt).await;
    assert!(
        message(&report).ends_with(
            "Run `evenkeel rollback --cluster prod --service web --to web:2` to follow it to its end"
        ),
        "{}",
        message(&report)
    );
    let report = account.roll_back(Some("web:2"), NONE).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_never_gone_back_to() {
    let account = deployed_twice().await;
    account.next_rollout(RolloutOutcome::Crash);
    account.deploy(&[("app", "web:4")]).await;
    assert_eq!(account.live("web"), "web:3");
    account.next_rollout(RolloutOutcome::Ok);
    let report = account.roll_back(None, NONE).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_known_to_go_back_to_nothing_is_changed() {
    let fresh = Account::new();
    let denied = deployed_twice().await;
    let operation = "ListServiceDeployments".to_owned();
    denied.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
    for (account, why) in [(fresh, "no deployment that succeeded brought another"), (denied, "AccessDenied")]
    {
        let report = account.roll_back(None, NONE).await;
        assert_eq!((report.exit_status(), account.effects("UpdateService")), (3, 0));
        assert!(message(&report).contains(why), "{}", message(&report));
        assert!(message(&report).contains("Give the revision by --to"), "{}", message(&report));
    }
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_cannot_run_any_more_is_refused() {
    let account = deployed_twice().await;
    account.call("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" }));
    for (to, why) in [("web:1", "web:1 is not ACTIVE"), ("9", "there is no task definition web:9")] {
        let report = account.roll_back(Some(to), NONE).await;
        assert_eq!((report.exit_status(), account.effects("UpdateService")), (3, 0));
        assert!(message(&report).contains(why), "{}", message(&report));
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_came_first_is_left_alone() {
    let account = deployed_twice().await;
    account.sandbox.before_call("UpdateService", 1, |sandbox| rival_deploys(sandbox, "1024"));
    let report = account.roll_back(None, NONE).await;
    assert_eq!(ending(&report), ended(Outcome::Superseded, "web:4", 6), "{}", message(&report));
    assert_eq!(account.live("web"), "web:4");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_has_a_failures_verdict() {
    let account = deployed_twice().await;
    // The registry has lost the image that ran before the last one.
    account.next_rollout(RolloutOutcome::CannotPull);
    let report = account.roll_back(Some("1"), NONE).await;
    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:3", 1), "{}", message(&report));
    assert!(message(&report).contains("CannotPullContainerError"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn the_record_follows_and_claims_no_ancestor_that_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let store = [FileStore::new(&path)];
    let account = Account::new();
    account.clock.sleep(Duration::from_secs(60)).await;
    let read = || -> Value { serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap() };
    let arn = |name: &str| json!(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}"));
    for image in ["web:2", "web:3"] {
        let (interrupter, interrupt) = evenkeel::deploy::Interrupt::new();
        let request = crate::world::request(&[("app", image)]);
        account.run_until(&request, interrupt, interrupter, &store).await;
    }

    // Of what the last deployment replaced, the ancestor is known.
    account.roll_back(None, &store).await;
    let back = read();
    assert_eq!((&back["status"], &back["taskDefinitionArn"]), (&json!("succeeded"), &arn("web:2")));
    assert_eq!(back["baseTaskDefinitionArn"], arn("web:1"));
    assert_eq!(back["images"], json!({ "app": "web:2" }));

    // What Terraform registered is its own ancestor.
    account.roll_back(Some("1"), &store).await;
    let first = read();
    assert_eq!(
        (&first["taskDefinitionArn"], &first["baseTaskDefinitionArn"]),
        (&arn("web:1"), &arn("web:1"))
    );
}
