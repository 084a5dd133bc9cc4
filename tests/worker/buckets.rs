//! Claims and artifacts in strict buckets: with Object Lock, with encryption demanded, in another Region.

use std::sync::Arc;

use evenkeel::deploy::Interrupt;
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Worker};
use evenkeel_core::job::ActionType;
use evenkeel_core::ports::Encryption;
use evenkeel_sandbox::{ActionStatus, Sandbox};

use crate::world::{ARTIFACTS, CLAIMS, Pipeline, settings};

#[tokio::test(start_paused = true)]
async fn claims_and_artifacts_are_kept_with_object_lock_and_in_other_regions() {
    let locked: fn(&Sandbox, &str) = |sandbox, bucket| sandbox.lock_objects(bucket);
    let elsewhere: fn(&Sandbox, &str) = |sandbox, bucket| sandbox.move_bucket(bucket, "eu-central-1");
    for make_strict in [locked, elsewhere] {
        let pipeline = Pipeline::new();
        for bucket in [ARTIFACTS, CLAIMS] {
            make_strict(&pipeline.sandbox, bucket);
        }
        let execution = pipeline.start("web", &[]);
        pipeline.work().await;
        let state = pipeline.state(&execution);
        assert_eq!(state.status, ActionStatus::Succeeded, "{state:?}");
        assert!(pipeline.sandbox.object(ARTIFACTS, "deployed").is_some());
        let redirected = pipeline.sandbox.calls().iter().filter(|call| call.status == Some(301)).count();
        assert!(redirected <= 2, "each bucket's Region is found once: {redirected}");
    }
}

#[tokio::test(start_paused = true)]
async fn claims_are_encrypted_where_the_bucket_demands_it() {
    let pipeline = Pipeline::new();
    pipeline.sandbox.create_bucket(CLAIMS, true);
    let execution = pipeline.start("web", &[]);
    let (_interrupter, interrupt) = Interrupt::new();
    let aws = pipeline.aws().await;
    let claims = BucketClaims::new(aws.objects(), CLAIMS, "evenkeel").encrypted(Encryption::AwsKms);
    let (queue, metrics) = (aws.job_queue(ActionType::default()), Arc::new(Metrics::default()));
    let worker =
        Worker::new(queue, Some(claims), aws, pipeline.clock, settings("worker-1"), metrics, interrupt);
    pipeline.until_over(worker.run()).await;
    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{state:?}");
}
