//! What comes before a deployment's first look at its service: it ends at a signal, at the time-out and with the slice.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel::worker::claims::FolderClaims;
use evenkeel::worker::{Metrics, Settings, Worker};
use evenkeel_core::failure::FailureKind;
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{ActionStatus, Fault, FaultKind};
use serde_json::json;

use crate::world::{Pipeline, settings};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The calls before the first tick: for the artifact, the service, its task definition, and an image in Amazon ECR.
const BEFORE: [&str; 4] = ["HeadObject", "DescribeServices", "DescribeTaskDefinition", "BatchGetImage"];

/// AWS takes requests of this operation and does not answer.
fn hangs(pipeline: &Pipeline, operation: &str) {
    let operation = operation.to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::HangBefore });
}

/// A pipeline in which AWS does not answer this operation, and the action that needs it.
fn held_up_by(operation: &str, more: &[(&str, &str)]) -> (Pipeline, String) {
    let pipeline = Pipeline::new();
    pipeline.sandbox.push_image("shop/web", "2", &["linux/amd64"]);
    hangs(&pipeline, operation);
    let image = [("Images", "app=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2")];
    let image: &[_] = if operation == "BatchGetImage" { &image } else { &[] };
    let execution = pipeline.start("web", &[more, image].concat());
    (pipeline, execution)
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_what_comes_before_the_first_tick() {
    for operation in BEFORE {
        let (pipeline, execution) = held_up_by(operation, &[]);
        let (worker, interrupter) = pipeline.hire("worker-1").await;
        let signal = async {
            pipeline.clock.sleep(seconds(10)).await;
            interrupter.raise(FailureKind::Terminated);
            pipeline.clock.sleep(seconds(5)).await;
        };
        tokio::select! {
            ended = worker.run() => ended.unwrap(),
            () = signal => panic!("the worker still waits for {operation}"),
        }
        let state = pipeline.state(&execution);
        assert_eq!((state.status, state.tokens.len()), (ActionStatus::InProgress, 1), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_out_ends_what_comes_before_the_first_tick() {
    for operation in BEFORE {
        let (pipeline, execution) = held_up_by(operation, &[("DeploymentTimeout", "1")]);
        let began = pipeline.clock.now();
        pipeline.work().await;
        let state = pipeline.state(&execution);
        let (kind, message) = state.failure.unwrap();
        assert_eq!(kind, "JobFailed", "{operation}: {message}");
        assert!(
            message.starts_with("the deployment did not begin within its 60 s"),
            "{operation}: {message}"
        );
        let took = state.ended.unwrap().since(began);
        assert!(took <= seconds(65), "{operation}: {took:?}");
        assert_eq!(pipeline.revisions("web"), 1);
    }
}

/// Lets a worker without claims work for `time`.
async fn work_without_claims(pipeline: &Pipeline, time: Duration) {
    let (_interrupter, interrupt) = Interrupt::new();
    let aws = pipeline.aws().await;
    let (queue, claims) = (aws.job_queue(ActionType::default()), None::<FolderClaims>);
    let poll = seconds(1);
    let (settings, metrics) = (Settings { poll, ..settings("worker-1") }, Arc::default());
    let worker = Worker::new(queue, claims, aws, pipeline.clock, settings, metrics, interrupt);
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = pipeline.clock.sleep(time) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_claims_keeps_a_job_for_thirty_seconds_also_before_it_begins() {
    for operation in BEFORE {
        let (pipeline, execution) = held_up_by(operation, &[]);
        work_without_claims(&pipeline, seconds(35)).await;
        assert_eq!(pipeline.state(&execution).tokens.len(), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_claims_keeps_a_job_for_thirty_seconds_also_if_it_waits_to_register() {
    let pipeline = Pipeline::empty();
    let services: Vec<String> = (0..48).map(|nth| format!("s{nth}")).collect();
    let start = |name: &String| {
        pipeline.service(name, json!({}));
        pipeline.start(name, &[])
    };
    let executions: Vec<String> = services.iter().map(start).collect();
    // This worker's share is 12 registrations at once, and then 0.6 a second.
    work_without_claims(&pipeline, seconds(40)).await;
    let registered = services.iter().filter(|name| pipeline.revisions(name) == 2).count();
    assert!((12..40).contains(&registered), "{registered}");
    for execution in &executions {
        let state = pipeline.state(execution);
        assert!(!state.tokens.is_empty() || state.status == ActionStatus::Succeeded, "{state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_hang_take_no_claim_away() {
    let pipeline = Pipeline::empty();
    for service in 0..50 {
        pipeline.service(&format!("s{service}"), json!({}));
        pipeline.start(&format!("s{service}"), &[]);
    }
    hangs(&pipeline, "HeadObject");
    let metrics = Arc::new(Metrics::default());
    let soon = Settings { lease: seconds(15), ..settings("worker-1") };
    let (worker, _interrupter) = pipeline.hire_with(soon, Arc::clone(&metrics)).await;
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = pipeline.clock.sleep(seconds(150)) => {}
    }
    let text = metrics.text();
    assert!(text.contains("evenkeel_jobs_in_flight 50") && !text.contains("lost"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_download_of_an_images_configuration_ends_after_the_time_of_an_attempt() {
    let pipeline = Pipeline::new();
    pipeline.sandbox.push_image("shop/web", "2", &["linux/amd64"]);
    let operation = "GetObject".to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::HangBefore });
    let image = "app=123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2";
    let execution = pipeline.start("web", &[("Images", image)]);
    let (worker, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = pipeline.clock.sleep(seconds(60)) => {}
    }
    assert!(pipeline.sandbox.calls().iter().any(|call| call.operation == "GetObject"));
    let state = pipeline.state(&execution);
    assert!(state.status != ActionStatus::InProgress || !state.tokens.is_empty(), "{state:?}");
}
