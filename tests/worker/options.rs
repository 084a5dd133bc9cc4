//! The options of a job: each takes effect, each mistake is named, and the worker's own are none of them.

use std::fs;
use std::time::Duration;

use evenkeel_sandbox::{ActionState, ActionStatus, Fault, FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::served::Served;
use crate::world::{NEW, OLD, Pipeline, say};

const ROLE: &str = "arn:aws:iam::123456789012:role/deployer";
const IN_ECR: &str = "app=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2";

/// Lets a worker do the action with these properties besides; what it came to, and how long it took.
async fn done(pipeline: &Pipeline, properties: &[(&str, &str)]) -> (ActionState, Duration) {
    let began = pipeline.clock.now();
    let execution = pipeline.start("web", properties);
    pipeline.work().await;
    (pipeline.state(&execution), pipeline.clock.now().since(began))
}

#[tokio::test(start_paused = true)]
async fn a_placement_grace_is_the_job_s_own() {
    let mut took = Vec::new();
    for options in ["--placement-grace 1m", "--placement-grace=20m"] {
        let pipeline = Pipeline::new();
        pipeline.next_rollout("web", RolloutOutcome::Unplaceable);
        let (state, time) = done(&pipeline, &[("Options", options)]).await;
        assert!(state.failure.unwrap().1.contains("unable to place a task"));
        took.push(time.as_secs());
    }
    assert!(took[0] < 300 && took[1] > 20 * 60, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_failures_is_the_job_s_own() {
    for limit in ["2", "9"] {
        let pipeline = Pipeline::new();
        pipeline.next_rollout("web", RolloutOutcome::Crash);
        let options = format!("--max-task-failures {limit}");
        let (state, _) = done(&pipeline, &[("Options", &options)]).await;
        let message = state.failure.unwrap().1;
        assert!(message.contains(&format!("the limit is {limit}")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_in_ecr_is_deployed_where_it_is_not_to_be_verified() {
    let pipeline = Pipeline::new();
    let (state, _) = done(&pipeline, &[("Images", IN_ECR)]).await;
    assert_eq!(state.failure.unwrap().0, "ConfigurationError");
    pipeline.sandbox.clear_calls();
    let (state, _) = done(&pipeline, &[("Images", IN_ECR), ("Options", "--skip-verify")]).await;
    assert_eq!((state.status, pipeline.live("web")), (ActionStatus::Succeeded, "web:2".to_owned()));
    assert!(pipeline.sandbox.calls().iter().all(|call| call.operation != "BatchGetImage"));
}

#[tokio::test(start_paused = true)]
async fn a_new_deployment_can_be_forced_and_is_made_once_whatever_is_lost() {
    let properties = [("Images", &*format!("app={OLD}")), ("Options", "--force-new-deployment")];
    let whole = Pipeline::new();
    let (state, _) = done(&whole, &properties).await;
    assert_eq!((state.status, &*state.output_variables["Outcome"]), (ActionStatus::Succeeded, "deployed"));
    let forced = |pipeline: &Pipeline| {
        let calls = pipeline.sandbox.calls();
        let forced = calls.iter().filter(|call| call.request["forceNewDeployment"] == true && call.effect);
        forced.count()
    };
    assert_eq!((forced(&whole), whole.revisions("web")), (1, 1));

    let operations: Vec<String> = whole.sandbox.calls().into_iter().map(|call| call.operation).collect();
    for (at, operation) in operations.iter().enumerate() {
        let nth = operations[..=at].iter().filter(|other| *other == operation).count();
        for kind in [FaultKind::HangAfter, FaultKind::CutAfter] {
            fastrand::seed(1);
            let what = format!("call {nth} of {operation}: {kind:?}");
            let pipeline = Pipeline::new();
            pipeline.sandbox.inject(Fault { operation: operation.clone(), nth: Some(nth), kind });
            let execution = pipeline.start("web", &properties);
            let (worker, _interrupter) = pipeline.hire("worker-1").await;
            tokio::select! {
                biased;
                () = pipeline.sandbox.hung() => {}
                _ = worker.run() => {}
                () = pipeline.over() => {}
            }
            let (heir, _interrupter) = pipeline.hire("worker-2").await;
            pipeline.until_over(heir.run()).await;
            assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded, "{what}");
            assert_eq!(forced(&pipeline), 1, "{what}");
        }
    }
    say(&format!("{} calls of a forced deployment cut off", operations.len()));
}

#[tokio::test(start_paused = true)]
async fn the_external_id_is_given_wherever_the_role_is_assumed() {
    let pipeline = Pipeline::new();
    let topic = pipeline.sandbox.create_topic("deploys");
    let options = format!("--external-id 'of the #1 tenant' --notify sns:{topic}");
    let properties = [("RoleArn", ROLE), ("Record", "ssm:/deploy/web/record"), ("Options", &options)];
    let (state, _) = done(&pipeline, &properties).await;
    assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);
    let calls = pipeline.sandbox.calls();
    let ids: Vec<&Value> = calls
        .iter()
        .filter(|call| call.operation == "AssumeRole")
        .map(|call| &call.request["ExternalId"])
        .collect();
    assert!(ids.len() >= 3 && ids.iter().all(|id| **id == "of the #1 tenant"), "{ids:?}");
    let own = calls.iter().find(|call| call.operation == "PollForJobs").unwrap().access_key.clone();
    let published = calls.iter().find(|call| call.operation == "Publish").unwrap();
    assert_ne!(published.access_key, own, "a notification is sent in the role");

    let (state, _) = done(&pipeline, &[("Options", "--external-id s3cret")]).await;
    let (kind, message) = state.failure.unwrap();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("Options: --external-id needs the property RoleArn"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_job_sends_a_notification_when_its_deployment_ends() {
    for (outcome, word) in [(RolloutOutcome::Ok, "deployed"), (RolloutOutcome::Crash, "rolled_back")] {
        let pipeline = Pipeline::new();
        pipeline.next_rollout("web", outcome);
        let topic = pipeline.sandbox.create_topic("deploys");
        let options = format!("--notify eventbridge:deploys,sns:{topic}");
        done(&pipeline, &[("Options", &options)]).await;

        let [message] = pipeline.sandbox.messages(&topic).try_into().unwrap();
        assert_eq!(message["Subject"], format!("web in prod: {}", word.replace('_', " ")));
        let [event] = pipeline.sandbox.events().try_into().unwrap();
        let detail: Value = serde_json::from_str(event["Detail"].as_str().unwrap()).unwrap();
        assert_eq!((&detail["outcome"], &detail["source"]["kind"]), (&json!(word), &json!("codepipeline")));
        // The job that ends is not the one that began.
        let url = detail["services"][0]["url"].as_str().unwrap();
        assert!(url.contains("/clusters/prod/services/web/"), "{detail}");
    }

    let pipeline = Pipeline::new();
    let kind = FaultKind::Denied;
    pipeline.sandbox.inject(Fault { operation: "PutEvents".to_owned(), nth: None, kind });
    let (state, _) = done(&pipeline, &[("Options", "--notify eventbridge:deploys")]).await;
    assert_eq!(state.status, ActionStatus::Succeeded, "a notification fails no job: {:?}", state.failure);
}

#[tokio::test(start_paused = true)]
async fn every_mistake_is_told_by_the_option_s_name_and_nothing_is_changed() {
    for (options, words) in [
        ("--cluster other", "Options: --cluster is given by the property ClusterName"),
        (
            "--no-wait",
            "Options: --no-wait has no meaning in a job: a job ends with the result of the rollout",
        ),
        (
            "--placment-grace 1m",
            "Options: there is no option --placment-grace; a similar one is --placement-grace",
        ),
        ("--skip-verify 'x", "Options: a quote is not closed"),
        ("--external-id s3cret s3cret", "Options: there is a word that belongs to no option"),
    ] {
        let pipeline = Pipeline::new();
        pipeline.sandbox.clear_calls();
        let (state, _) = done(&pipeline, &[("RoleArn", ROLE), ("Options", options)]).await;
        let (kind, message) = state.failure.unwrap();
        assert_eq!(kind, "ConfigurationError");
        assert!(message.contains(words) && !message.contains("s3cret"), "{message}");
        assert_eq!((pipeline.live("web"), pipeline.effects("UpdateService", "web")), ("web:1".to_owned(), 0));
    }
}

#[test]
fn the_worker_s_environment_gives_no_job_an_option() {
    let served = Served::new();
    let pipeline = &served.pipeline;
    pipeline.quick_service("web");
    let images = format!("app={NEW}");
    let execution = pipeline.start("web", &[("Images", &images), ("Options", "--max-task-failures 3")]);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let environment = [
        ("EVENKEEL_PLACEMENT_GRACE", "soon"),
        ("EVENKEEL_FORCE_NEW_DEPLOYMENT", "true"),
        ("EVENKEEL_NOTIFY", "eventbridge:of-the-worker"),
        ("EVENKEEL_EXTERNAL_ID", "s3cret-of-the-worker"),
        ("EVENKEEL_IMAGE", "app=registry.example.com/wrong:1"),
        ("EVENKEEL_RECORD", "file:of-the-worker"),
    ];
    let arguments = ["--claims", "s3://claims/evenkeel"];
    let _worker = served.worker_with(&arguments, &environment, &log);
    served.until("the action is over", || pipeline.state(&execution).status != ActionStatus::InProgress);
    let state = pipeline.state(&execution);
    assert_eq!(
        state.status,
        ActionStatus::Succeeded,
        "{:?} {}",
        state.failure,
        fs::read_to_string(&log).unwrap()
    );
    assert!(pipeline.sandbox.events().is_empty());
    let calls = pipeline.sandbox.calls();
    let update = calls.iter().find(|call| call.operation == "UpdateService").unwrap();
    assert_ne!(update.request["forceNewDeployment"], true);
    assert_eq!(pipeline.live("web"), "web:2");
}
