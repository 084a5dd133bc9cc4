//! The story of one deployment: the no-op first, then the change, the repeat, the crash.

use std::time::Duration;

use evenkeel::deploy::{Interrupt, Progress};
use evenkeel::record::FileStore;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::request::{OnFailure, ServiceName};
use evenkeel_sandbox::{Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, definition, ended, ending, message, request};

const OLD: (&str, &str) = ("app", "registry.example.com:5000/shop/web:1");
const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

#[tokio::test(start_paused = true)]
async fn nothing_to_change_takes_two_calls_and_writes_nothing() {
    let account = Account::new();
    let report = account.deploy(&[OLD]).await;

    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:1", 0));
    assert_eq!(account.operations(), ["DescribeServices", "DescribeTaskDefinition"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_image_is_live_after_four_dependent_calls() {
    let account = Account::new();
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    assert_eq!(
        account.operations()[..4],
        ["DescribeServices", "DescribeTaskDefinition", "RegisterTaskDefinition", "UpdateService"]
    );
    let deployed = &report.services[0];
    assert_eq!(deployed.images["app"], NEW.1);
    assert_eq!(deployed.images["proxy"], "envoy:1");
    assert!(deployed.digests["app"].starts_with("sha256:"), "{deployed:?}");
    assert!(deployed.deployment.as_ref().unwrap().starts_with("ecs-svc/"), "{deployed:?}");
    assert!(deployed.service_deployment.is_some(), "{deployed:?}");
    assert!((60.0..=75.0).contains(&deployed.duration.as_secs_f64()), "{deployed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_one_call_of_the_service_while_tasks_start_and_of_its_deployment_then() {
    let account = Account::new();
    // The tasks of the service's creation were started before.
    account.clock.sleep(Duration::from_secs(60)).await;
    account.deploy(&[NEW]).await;

    let operations = account.operations();
    let count = |name: &str| operations.iter().filter(|operation| *operation == name).count();
    assert_eq!(count("ListServiceDeployments"), 0, "UpdateService names it");
    let polls = &operations[4..operations.len() - 1];
    assert_eq!(polls[..2], ["DescribeServices", "DescribeServiceDeployments"], "the first is of both");
    // What it really runs is read once, as soon as all of it runs, so that the end does not wait for that.
    let all_run = polls.iter().position(|name| name == "DescribeServiceRevisions").unwrap();
    assert!(polls[2..all_run].iter().all(|name| name == "DescribeServices"), "{operations:?}");
    assert!(polls[all_run + 1..].iter().all(|name| name == "DescribeServiceDeployments"), "{operations:?}");
    // The end is seen in both.
    assert_eq!(operations.last().unwrap(), "DescribeServices");
    assert!(operations.len() <= 4 + 32 + 2, "{operations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_deployment_changes_nothing() {
    let account = Account::new();
    account.deploy(&[NEW]).await;
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:2", 0));
    assert_eq!((account.revisions("web"), account.effects("UpdateService")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rerun_joins_its_own_rollout_and_ends_as_that_ends() {
    let account = Account::new();
    let mut started = request(&[NEW]);
    started.policy.no_wait = true;
    let report = account.run(&started).await;
    assert_eq!(ending(&report), ended(Outcome::Started, "web:2", 0));
    assert_eq!(account.operations().len(), 4);

    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    assert_eq!((account.revisions("web"), account.effects("UpdateService")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_registering_is_continued_with_the_same_revision() {
    let account = Account::new();
    let mut copy = definition();
    copy["containerDefinitions"][0]["image"] = json!(NEW.1);
    account.call("RegisterTaskDefinition", copy);

    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    assert_eq!(account.effects("RegisterTaskDefinition"), 0);
    assert_eq!(report.warnings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_newer_revision_that_nobody_runs_is_left_out_with_a_warning() {
    let account = Account::new();
    let mut unused = definition();
    unused["memory"] = json!("1024");
    account.call("RegisterTaskDefinition", unused);

    let report = account.deploy(&[NEW]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0));
    assert_eq!(account.sandbox.stored("web:3").unwrap()["memory"], "512");
    assert!(report.warnings[0].contains("web:2 is newer than the live web:1"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn a_forced_deployment_registers_nothing() {
    let account = Account::new();
    let mut forced = request(&[OLD]);
    forced.policy.force_new_deployment = true;
    let report = account.run(&forced).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:1", 0));
    assert_eq!((account.revisions("web"), account.effects("UpdateService")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn services_that_share_a_revision_share_the_new_one() {
    let account = Account::new();
    for name in 1..12 {
        account.create_service(&format!("web-{name}"), "web", json!({}));
    }
    let mut all = request(&[NEW]);
    all.services.extend((1..12).map(|name| ServiceName::parse(&format!("web-{name}")).unwrap()));
    let report = account.run(&all).await;

    assert_eq!((report.outcome, report.exit_status(), report.services.len()), (Outcome::Deployed, 0, 12));
    assert_eq!((account.revisions("web"), account.effects("UpdateService")), (2, 12));
    // Twelve services take two calls a look, not twelve.
    let operations = account.operations();
    assert_eq!(operations[..2], ["DescribeServices", "DescribeServices"]);
    assert_eq!(operations.iter().filter(|operation| *operation == "DescribeTaskDefinition").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_container_is_an_error_before_anything_changes() {
    let account = Account::new();
    let report = account.deploy(&[NEW, ("sidecar", "envoy:2")]).await;

    assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 3));
    assert!(message(&report).contains("no container \"sidecar\""), "{}", message(&report));
    assert!(message(&report).contains("app, proxy"), "{}", message(&report));
    assert_eq!((account.revisions("web"), account.effects("UpdateService")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_not_ecs_is_refused_before_anything_is_registered() {
    for (controller, definition_of_service) in [("CODE_DEPLOY", json!("web")), ("EXTERNAL", json!(null))] {
        let account = Account::empty();
        account.call("RegisterTaskDefinition", definition());
        let more = json!({
            "deploymentController": { "type": controller },
            "taskDefinition": definition_of_service,
        });
        account.create_service("web", "web", more);
        let report = account.deploy(&[NEW]).await;

        assert_eq!(report.exit_status(), 3);
        assert!(message(&report).contains(controller), "{}", message(&report));
        assert_eq!(account.operations(), ["DescribeServices"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_without_a_breaker_fails_in_minutes_and_is_put_back() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert!(message(&report).contains("tasks failed in a row"), "{}", message(&report));
    assert!(message(&report).contains("app exited with 1"), "{}", message(&report));
    assert_eq!(report.services[0].evidence.tasks.len(), 1, "{report:?}");
    assert!(report.services[0].duration.as_secs() < 300, "{:?}", report.services[0].duration);
    assert_eq!(account.live("web"), "web:1");
}

#[tokio::test(start_paused = true)]
async fn a_failure_whose_tasks_may_not_be_read_is_still_told() {
    use evenkeel_sandbox::{Fault, FaultKind};
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    account.sandbox.inject(Fault { operation: "ListTasks".to_owned(), nth: None, kind: FaultKind::Denied });
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert!(report.warnings[0].contains("AccessDenied"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn a_failed_rollout_is_left_as_it_is_when_asked() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let mut leave = request(&[NEW]);
    leave.policy.on_failure = OnFailure::Leave;
    let report = account.run(&leave).await;

    assert_eq!(ending(&report), ended(Outcome::Failed, "web:2", 1));
    assert_eq!((account.live("web").as_str(), account.effects("UpdateService")), ("web:2", 1));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_rolls_back_is_a_failure_and_needs_no_help() {
    let account = Account::with_breaker(true);
    account.next_rollout(RolloutOutcome::Crash);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert_eq!(account.effects("UpdateService"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_without_rollback_leaves_going_back_to_us() {
    let account = Account::with_breaker(false);
    account.next_rollout(RolloutOutcome::Crash);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert_eq!(account.effects("UpdateService"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_classic_verdict_is_the_same_where_service_deployments_are_denied() {
    use evenkeel_sandbox::{Fault, FaultKind};
    for (outcome, breaker, expected) in [
        (RolloutOutcome::Ok, false, ended(Outcome::Deployed, "web:2", 0)),
        (RolloutOutcome::Crash, true, ended(Outcome::RolledBack, "web:1", 1)),
        (RolloutOutcome::Superseded, false, ended(Outcome::Superseded, "web:3", 6)),
    ] {
        let account = if breaker { Account::with_breaker(true) } else { Account::new() };
        account.next_rollout(outcome);
        let operation = "DescribeServiceDeployments".to_owned();
        account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
        let report = account.deploy(&[NEW]).await;

        assert_eq!(ending(&report), expected, "{}", message(&report));
        // It is asked once, and told once.
        let asked = account.operations();
        assert_eq!(asked.iter().filter(|name| *name == "DescribeServiceDeployments").count(), 1);
        assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
        assert!(report.warnings[0].contains("AccessDenied"), "{:?}", report.warnings);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_never_ends_times_out_and_is_put_back() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Stuck);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::TimedOut, "web:1", 7));
    assert!(message(&report).contains("1800 s"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn tasks_that_cannot_be_placed_fail_the_rollout_after_a_grace_longer_than_ecs_own_pause() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Unplaceable);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert!(message(&report).contains("unable to place a task"), "{}", message(&report));
    let seconds = report.services[0].duration.as_secs();
    assert!((900..1_100).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_is_known_at_its_second_failure() {
    let account = Account::with_breaker(true);
    let rollout = Rollout { outcome: RolloutOutcome::ImageMissing, duration: Duration::from_secs(660) };
    account.sandbox.set_rollout(CLUSTER, "web", rollout);
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    let words = "the image cannot be pulled: CannotPullContainerError: pull image manifest has been retried 1 time(s): \
                 failed to resolve ref registry.example.com:5000/shop/web:2: not found";
    let message = message(&report);
    assert_eq!(message.matches(words).count(), 1, "{message}");
    assert_eq!(message.matches("CannotPullContainerError").count(), 1, "{message}");
    let calls = account.sandbox.calls();
    let known = calls.iter().find(|call| call.operation == "StopServiceDeployment").unwrap();
    let began = calls.iter().find(|call| call.operation == "UpdateService").unwrap();
    let seconds = known.at.since(began.at).as_secs();
    assert!((286..=302).contains(&seconds), "ECS's second failure is at 286 s, its third at 660: {seconds}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_while_going_back_never_advises_to_deploy_what_failed_again() {
    use evenkeel_sandbox::{Fault, FaultKind};
    for (is_refused, what) in [
        (true, "web:2 failed, and the rollback to web:1 had not begun"),
        (false, "ECS rolls the service back to web:1"),
    ] {
        let account = Account::new();
        account.next_rollout(RolloutOutcome::CannotPull);
        if is_refused {
            let operation = "StopServiceDeployment".to_owned();
            account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
        }
        let (interrupter, interrupt) = Interrupt::new();
        let mut interrupter = Some(interrupter);
        // Told right before ECS is asked to go back.
        let mut listen = |progress: Progress<'_>| {
            if matches!(progress, Progress::RollingBack { .. })
                && let Some(interrupter) = interrupter.take()
            {
                interrupter.raise(FailureKind::Terminated);
            }
        };
        let none: Vec<&[FileStore]> = vec![&[]];
        let report = account.run_told(&request(&[NEW]), interrupt, none, &mut listen).await;

        let message = message(&report);
        assert_eq!(report.exit_status(), 143, "{message}");
        assert!(message.contains(what), "{what}: {message}");
        let advice =
            "Run `evenkeel rollback --cluster prod --service web --to web:1`, with the same --record";
        assert!(message.contains(advice), "{message}");
        assert!(message.ends_with("the same command again would deploy web:2 again"), "{message}");
        let report = account.roll_back::<FileStore>(Some("web:1"), &[]).await;
        assert_eq!((report.exit_status(), account.live("web").as_str()), (0, "web:1"), "the advice works");
    }
}

#[tokio::test(start_paused = true)]
async fn where_aws_does_not_answer_while_going_back_the_advice_is_to_go_back() {
    use evenkeel_sandbox::{Fault, FaultKind};
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let (stop, update) = ("StopServiceDeployment".to_owned(), "UpdateService".to_owned());
    account.sandbox.inject(Fault { operation: stop, nth: None, kind: FaultKind::Denied });
    for nth in 2..40 {
        account.sandbox.inject(Fault {
            operation: update.clone(),
            nth: Some(nth),
            kind: FaultKind::ErrorBefore,
        });
    }
    let report = account.deploy(&[NEW]).await;

    let message = message(&report);
    assert_eq!(report.exit_status(), 75, "{message}");
    assert!(message.contains("`evenkeel rollback --cluster prod --service web --to web:1`"), "{message}");
    assert!(!message.contains("Run the same command again"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_desired_count_of_zero_is_deployed_with_a_warning() {
    let account = Account::empty();
    account.call("RegisterTaskDefinition", definition());
    account.create_service("web", "web", json!({ "desiredCount": 0 }));
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    assert!(report.warnings[0].contains("desired count of 0"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_the_wait_and_says_what_goes_on() {
    let account = Account::new();
    let (interrupter, interrupt) = Interrupt::new();
    let sandbox = account.sandbox.clone();
    let (raise, raised) = std::sync::mpsc::channel();
    raise.send(interrupter).unwrap();
    sandbox.after_call("DescribeServices", 3, move |_| {
        raised.recv().unwrap().raise(FailureKind::Terminated);
    });
    let (spare, _) = Interrupt::new();
    let report = account.run_until::<FileStore>(&request(&[NEW]), interrupt, spare, &[]).await;

    assert_eq!(ending(&report), ended(Outcome::Started, "web:2", 143));
    assert!(message(&report).contains("the rollout of web:2 goes on in ECS"), "{}", message(&report));
    assert_eq!(ending(&account.deploy(&[NEW]).await), ended(Outcome::Deployed, "web:2", 0));
}

#[tokio::test(start_paused = true)]
async fn the_record_follows_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    let store = [FileStore::new(&path)];
    let account = Account::new();
    let read = || -> Value { serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap() };
    let deploy = async |image: &str| {
        let (interrupter, interrupt) = Interrupt::new();
        account.run_until(&request(&[("app", image)]), interrupt, interrupter, &store).await
    };
    let arn = |name: &str| format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}");

    assert_eq!(deploy("web:2").await.exit_status(), 0);
    let first = read();
    assert_eq!(first["status"], "succeeded");
    assert_eq!(first["taskDefinitionArn"], json!(arn("web:2")));
    assert_eq!(first["baseTaskDefinitionArn"], json!(arn("web:1")));
    assert_eq!(first["images"], json!({ "app": "web:2" }));
    assert_eq!(first["cluster"], json!(CLUSTER));

    // A chain of deployments keeps the ancestor that Evenkeel did not make.
    assert_eq!(deploy("web:3").await.exit_status(), 0);
    let second = read();
    assert_eq!(second["taskDefinitionArn"], json!(arn("web:3")));
    assert_eq!(second["baseTaskDefinitionArn"], json!(arn("web:1")));
    assert_eq!(second["previousTaskDefinitionArn"], json!(arn("web:2")));

    // A deployment that fails leaves no trace in it.
    account.next_rollout(RolloutOutcome::Crash);
    assert_eq!(deploy("web:4").await.exit_status(), 1);
    assert_eq!(read(), second);

    // A repeat of what is live has nothing to write.
    assert_eq!(deploy("web:3").await.exit_status(), 0);
    assert_eq!(read(), second);
}
