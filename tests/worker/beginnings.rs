//! What comes before a deployment's first look at its service: it ends at a signal, at the time-out and with the slice.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel::domain::failure::FailureKind;
use evenkeel::domain::job::ActionType;
use evenkeel::sandbox::{ActionStatus, Fault, FaultKind};
use evenkeel::worker::claims::FolderClaims;
use evenkeel::worker::{Metrics, Settings, Worker};
use serde_json::json;

use crate::world::{Pipeline, settings};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Artifacts cannot be read: S3 takes the requests and does not answer.
fn artifacts_hang(pipeline: &Pipeline) {
    let operation = "HeadObject".to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::HangBefore });
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_reading_of_an_artifact() {
    let pipeline = Pipeline::new();
    artifacts_hang(&pipeline);
    let execution = pipeline.start("web", &[]);
    let (worker, interrupter) = pipeline.hire("worker-1").await;
    let signal = async {
        pipeline.clock.sleep(seconds(10)).await;
        interrupter.raise(FailureKind::Terminated);
        pipeline.clock.sleep(seconds(5)).await;
    };
    tokio::select! {
        ended = worker.run() => ended.unwrap(),
        () = signal => panic!("the worker still reads the artifact"),
    }
    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.tokens.len()), (ActionStatus::InProgress, 1));
}

#[tokio::test(start_paused = true)]
async fn the_time_out_ends_the_reading_of_an_artifact() {
    let pipeline = Pipeline::new();
    artifacts_hang(&pipeline);
    let began = pipeline.clock.now();
    let execution = pipeline.start("web", &[("DeploymentTimeout", "1")]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    let (kind, message) = state.failure.unwrap();
    assert_eq!(kind, "JobFailed");
    assert!(message.starts_with("the deployment did not begin within its 60 s"), "{message}");
    let took = state.ended.unwrap().since(began);
    assert!(took <= seconds(65), "{took:?}");
    assert_eq!(pipeline.revisions("web"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_claims_keeps_a_job_for_thirty_seconds_also_before_it_begins() {
    let pipeline = Pipeline::new();
    artifacts_hang(&pipeline);
    let execution = pipeline.start("web", &[]);
    let (_interrupter, interrupt) = Interrupt::new();
    let aws = pipeline.aws().await;
    let (queue, claims) = (aws.job_queue(ActionType::default()), None::<FolderClaims>);
    let (settings, metrics) = (settings("worker-1"), Arc::default());
    let worker = Worker::new(queue, claims, aws, pipeline.clock, settings, metrics, interrupt);
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = pipeline.clock.sleep(seconds(35)) => {}
    }
    assert_eq!(pipeline.state(&execution).tokens.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_that_hang_take_no_claim_away() {
    let pipeline = Pipeline::empty();
    for service in 0..50 {
        pipeline.service(&format!("s{service}"), json!({}));
        pipeline.start(&format!("s{service}"), &[]);
    }
    artifacts_hang(&pipeline);
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
