//! Answers that AWS refuses for good, acknowledgements whose response is lost, and answers that are left over.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::aws::S3Objects;
use evenkeel::deploy::Interrupt;
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Worker};
use evenkeel_core::failure::FailureKind;
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{ActionStatus, Fault, FaultKind, RolloutOutcome};
use serde_json::json;

use crate::world::{CLAIMS, CLUSTER, Pipeline, settings};

#[tokio::test(start_paused = true)]
async fn an_answer_whose_variables_are_refused_is_given_without_them() {
    let pipeline = Pipeline::new();
    pipeline.sandbox.set_answer_limits(10, usize::MAX);
    let execution = pipeline.start("web", &[]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.refused_results), (ActionStatus::Succeeded, 1));
    assert!(state.output_variables.is_empty() && state.summary.unwrap().contains("web"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_text_is_refused_is_given_with_a_short_one() {
    let pipeline = Pipeline::new();
    pipeline.sandbox.set_answer_limits(usize::MAX, 200);
    pipeline.next_rollout("web", RolloutOutcome::Crash);
    let execution = pipeline.start("web", &[]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    let (kind, message) = state.failure.unwrap();
    assert_eq!((kind.as_str(), state.terminal_results, state.refused_results), ("JobFailed", 1, 1));
    assert!(message.contains("web") && message.ends_with("(see the worker's log)"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_answer_is_refused_for_good_ends_at_a_signal_and_leaves_the_claim() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let operation = "PutJobSuccessResult".to_owned();
    let kind = FaultKind::Refused { status: 400, code: "ValidationException", message: "no" };
    pipeline.sandbox.inject(Fault { operation, nth: None, kind });
    let (worker, interrupter) = pipeline.hire("worker-1").await;
    let (clock, signalled) = (pipeline.clock, Duration::from_secs(300));
    let signal = async {
        clock.sleep(signalled).await;
        interrupter.raise(FailureKind::Terminated);
        clock.sleep(Duration::from_secs(60)).await;
    };
    tokio::select! {
        ended = worker.run() => ended.unwrap(),
        () = signal => panic!("the worker still gives its answer"),
    }
    assert_eq!(pipeline.sandbox.objects(CLAIMS).len(), 1);

    // Its successor gives the answer when AWS takes it.
    pipeline.sandbox.clear_faults();
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1));
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_whose_response_is_lost_loses_no_job_also_without_claims() {
    for has_claims in [false, true] {
        let pipeline = Pipeline::new();
        pipeline.sandbox.acknowledge_once();
        let execution = pipeline.start("web", &[]);
        let (operation, nth) = ("AcknowledgeJob".to_owned(), Some(1));
        pipeline.sandbox.inject(Fault { operation, nth, kind: FaultKind::CutAfter });
        let (_interrupter, interrupt) = Interrupt::new();
        let aws = pipeline.aws().await;
        let claims: Option<BucketClaims<S3Objects>> =
            has_claims.then(|| BucketClaims::new(aws.objects(), CLAIMS, "evenkeel"));
        let queue = aws.job_queue(ActionType::default());
        let (settings, metrics) = (settings("worker-1"), Arc::new(Metrics::default()));
        let worker = Worker::new(queue, claims, aws, pipeline.clock, settings, metrics, interrupt);
        tokio::select! {
            _ = worker.run() => unreachable!(),
            // Less than it takes until a claim on a job that may not be acknowledged is taken over.
            () = pipeline.clock.sleep(Duration::from_secs(170)) => {}
        }
        let state = pipeline.state(&execution);
        assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1), "{has_claims}");
        assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_heir_does_not_give_an_answer_that_is_left_over_from_before_the_offer() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let job = pipeline.state(&execution).jobs[0].clone();
    // What a worker leaves that was refused its answer to a job which it had never acknowledged.
    let left_over = json!({
        "schema": "evenkeel.claim/v1", "owner": "worker-0", "renewals": 7, "stage": "refused", "checkpoint": "{}",
        "answer": { "succeed": { "summary": "left over", "externalId": null, "variables": {} } },
    });
    let left_over = left_over.to_string();
    pipeline.sandbox.put_object(CLAIMS, &format!("evenkeel/{job}.json"), left_over.into_bytes());
    let (operation, nth) = ("UpdateService".to_owned(), Some(1));
    pipeline.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangBefore });
    let (first, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        _ = first.run() => unreachable!(),
        () = pipeline.sandbox.hung() => {}
    }
    let (heir, _interrupter) = pipeline.hire("worker-2").await;
    pipeline.until_over(heir.run()).await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, pipeline.live("web").as_str()), (ActionStatus::Succeeded, "web:2"));
    assert!(!state.summary.unwrap().contains("left over"));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_written_when_its_job_is_over_starts_nothing_again() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    pipeline.work().await;
    // Somebody goes back since.
    let back = json!({ "cluster": CLUSTER, "service": "web", "taskDefinition": "web:1" });
    pipeline.call("UpdateService", back);
    let job = pipeline.state(&execution).jobs[0].clone();
    let claim = json!({ "schema": "evenkeel.claim/v1", "owner": "late", "renewals": 0, "stage": "claimed" });
    pipeline.sandbox.put_object(CLAIMS, &format!("evenkeel/{job}.json"), claim.to_string().into_bytes());

    let (worker, _interrupter) = pipeline.hire("worker-2").await;
    pipeline.until_over(worker.run()).await;
    assert_eq!((pipeline.live("web"), pipeline.effects("UpdateService", "web")), ("web:1".to_owned(), 1));
    assert_eq!(pipeline.state(&execution).terminal_results, 1);
}
