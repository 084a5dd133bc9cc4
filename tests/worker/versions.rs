//! Workers of this version beside those of a made-up next one: a job that a worker does not understand is never begun
//! again. It is finished by a worker that understands it, or it fails.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::deploy::{Interrupt, Interrupter};
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Settings, Worker};
use evenkeel_core::failure::FailureKind;
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{ActionStatus, Fault, FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::other_version::{Answered, Formats, GARBLED, MORE, NEXT, NEXT_TOKEN, Other, hire};
use crate::world::{CLAIMS, Pipeline, settings};

/// A worker of another version, what interrupts it, and the jobs that it has answered.
struct Hired {
    worker: Other,
    interrupter: Interrupter,
    answered: Answered,
}

impl Hired {
    async fn hire(pipeline: &Pipeline, formats: Formats) -> Self {
        let settings = brief("worker-of-another-version");
        let client = pipeline.sandbox.http_client();
        let (worker, interrupter, answered) = hire(formats, pipeline.clock, client, settings).await;
        Self { worker, interrupter, answered }
    }

    /// Works until `is_so`, then hands everything back and ends.
    async fn work_until(self, pipeline: &Pipeline, is_so: impl Fn() -> bool) {
        let Self { worker, interrupter, .. } = self;
        let stop = async {
            let began = pipeline.clock.now();
            while !is_so() {
                pipeline.clock.sleep(Duration::from_secs(1)).await;
                assert!(pipeline.clock.now().since(began) < minutes(30), "it never comes to that");
            }
            interrupter.raise(FailureKind::Terminated);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = worker.run() => ended.unwrap(),
            () = stop => {}
        }
        assert_eq!(pipeline.sandbox.objects(CLAIMS), Vec::<String>::new());
    }

    /// Works until it is cut off in the first update of a service, which takes effect.
    async fn die_in_the_update(self, pipeline: &Pipeline) {
        let (operation, nth) = ("UpdateService".to_owned(), Some(1));
        pipeline.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangAfter });
        tokio::select! {
            _ = self.worker.run() => unreachable!(),
            () = pipeline.sandbox.hung() => {}
        }
        pipeline.sandbox.clear_faults();
        assert_eq!(pipeline.sandbox.objects(CLAIMS).len(), 1);
    }
}

/// Hands each job on soon, so that there are many.
fn brief(owner: &str) -> Settings {
    Settings { slice: Duration::from_secs(10), ..settings(owner) }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Lets one worker of this version work for `time`.
async fn work_for(pipeline: &Pipeline, time: Duration) {
    let (worker, _interrupter) = pipeline.hire_as(brief("worker-of-this-version")).await;
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = pipeline.clock.sleep(time) => {}
    }
}

/// The job failed, since nobody came who understands it; how long that took, and what it says.
async fn fails_in_time(pipeline: &Pipeline, execution: &str) -> String {
    let began = pipeline.clock.now();
    let (worker, _interrupter) = pipeline.hire_as(brief("worker-of-this-version")).await;
    pipeline.until_over(worker.run()).await;
    let state = pipeline.state(execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Failed, 1));
    let took = state.ended.unwrap().since(began);
    assert!(took >= minutes(15) && took <= minutes(18), "{took:?}");
    let (kind, message) = state.failure.unwrap();
    assert_eq!(kind, "ConfigurationError", "{message}");
    assert!(message.contains("retry the stage"), "{message}");
    message
}

/// A job of a rollout that is rolled back, at that moment handed on by a worker of another version.
async fn handed_on_in_a_rollback(formats: Formats) -> (Pipeline, String) {
    let pipeline = Pipeline::new();
    pipeline.next_rollout("web", RolloutOutcome::Stuck);
    let execution = pipeline.start("web", &[("DeploymentTimeout", "1")]);
    let other = Hired::hire(&pipeline, formats).await;
    let is_rolled_back = || pipeline.live("web") == "web:1" && pipeline.revisions("web") == 2;
    other.work_until(&pipeline, is_rolled_back).await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, pipeline.sandbox.queued()), (ActionStatus::InProgress, 1));
    (pipeline, execution)
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_newer_token_is_left_for_fifteen_minutes_then_fails_without_a_touch_of_the_service() {
    let (pipeline, execution) = handed_on_in_a_rollback(NEXT).await;
    pipeline.sandbox.clear_calls();
    let before = pipeline.clock.now();
    work_for(&pipeline, minutes(14)).await;
    let calls =
        |operation: &str| pipeline.sandbox.calls().iter().filter(|call| call.operation == operation).count();
    assert_eq!((calls("AcknowledgeJob"), calls("PutObject"), pipeline.sandbox.queued()), (0, 0, 1));
    // A poll's pause lies between two polls, of 2 s at least.
    assert!((14 * 24..=14 * 30).contains(&calls("PollForJobs")), "{}", calls("PollForJobs"));

    // The count begins anew with every worker, by its own clock.
    let told = fails_in_time(&pipeline, &execution).await;
    assert!(pipeline.clock.now().since(before) > minutes(29));
    let why = "the job was begun by a newer Evenkeel: its continuation token has version 3; this worker reads version 2";
    assert!(told.starts_with(why), "{told}");
    assert_eq!((calls("UpdateService"), calls("RegisterTaskDefinition")), (0, 0));
    assert_eq!((pipeline.live("web"), pipeline.revisions("web")), ("web:1".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn a_garbled_token_fails_its_job_like_one_of_another_version_and_is_not_quoted() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let other = Hired::hire(&pipeline, GARBLED).await;
    other.work_until(&pipeline, || !pipeline.state(&execution).tokens.is_empty()).await;
    let told = fails_in_time(&pipeline, &execution).await;
    assert!(told.starts_with("the job is not understood: its continuation token is garbled"), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
    assert_eq!((pipeline.live("web"), pipeline.effects("UpdateService", "web")), ("web:2".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_understands_the_job_and_comes_in_time_ends_it_with_the_truth() {
    let (pipeline, execution) = handed_on_in_a_rollback(NEXT).await;
    work_for(&pipeline, minutes(5)).await;
    let other = Hired::hire(&pipeline, NEXT).await;
    pipeline.until_over(other.worker.run()).await;
    let (kind, message) = pipeline.state(&execution).failure.unwrap();
    assert_eq!((kind.as_str(), pipeline.live("web").as_str()), ("JobFailed", "web:1"), "{message}");
    assert_eq!(pipeline.effects("UpdateService", "web"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_claims_and_one_that_drains_treat_it_alike() {
    for (has_claims, drain) in [(false, false), (true, true)] {
        let (pipeline, execution) = handed_on_in_a_rollback(NEXT).await;
        let began = pipeline.clock.now();
        let (_interrupter, interrupt) = Interrupt::new();
        let aws = pipeline.aws().await;
        let claims = has_claims.then(|| BucketClaims::new(aws.objects(), CLAIMS, "evenkeel"));
        let queue = aws.job_queue(ActionType::default());
        let settings = Settings { drain, ..settings("worker-of-this-version") };
        let metrics = Arc::new(Metrics::default());
        let counted = Arc::clone(&metrics);
        let worker = Worker::new(queue, claims, aws, pipeline.clock, settings, metrics, interrupt);
        if drain {
            worker.run().await.unwrap();
        } else {
            pipeline.until_over(worker.run()).await;
        }
        let state = pipeline.state(&execution);
        assert_eq!((state.status, state.terminal_results), (ActionStatus::Failed, 1), "{drain}");
        let took = state.ended.unwrap().since(began);
        assert!(took >= minutes(15) && took <= minutes(17), "{took:?}");
        let counted = counted.text();
        assert!(counted.contains("evenkeel_jobs_total{outcome=\"not_understood\"}"), "{counted}");
        assert_eq!(pipeline.effects("UpdateService", "web"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_newer_version_is_left_until_nobody_comes_who_understands_it() {
    for formats in [NEXT, NEXT_TOKEN] {
        let pipeline = Pipeline::new();
        let execution = pipeline.start("web", &[]);
        Hired::hire(&pipeline, formats).await.die_in_the_update(&pipeline).await;
        let key = pipeline.sandbox.objects(CLAIMS).remove(0);
        let claim = pipeline.sandbox.object(CLAIMS, &key);
        work_for(&pipeline, minutes(14)).await;
        assert_eq!(pipeline.sandbox.object(CLAIMS, &key), claim, "nobody has written it");

        let told = fails_in_time(&pipeline, &execution).await;
        let why = match formats.claims {
            true => "its claim in s3://claims/evenkeel has version 2; this worker reads version 1",
            false => "its continuation token has version 3; this worker reads version 2",
        };
        assert!(told.contains(why), "{told}");
        assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_a_dead_worker_of_a_newer_version_is_taken_over_by_another_of_that_version() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    Hired::hire(&pipeline, NEXT).await.die_in_the_update(&pipeline).await;
    work_for(&pipeline, minutes(5)).await;
    let heir = Hired::hire(&pipeline, NEXT).await;
    let (this, _interrupter) = pipeline.hire_as(brief("worker-of-this-version")).await;
    pipeline.until_over(async { tokio::join!(heir.worker.run(), this.run()) }).await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1), "{:?}", state.failure);
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_understood_is_left_on_an_offer_too_and_replaced_with_the_answer_in_it() {
    for (content, why) in [
        (
            r#"{"schema":"evenkeel.claim/v2","leases":[]}"#,
            "the job was begun by a newer Evenkeel: its claim in s3://claims/evenkeel has version 2",
        ),
        ("s3cret", "the job is not understood: its claim in s3://claims/evenkeel is garbled"),
    ] {
        let pipeline = Pipeline::new();
        let execution = pipeline.start("web", &[]);
        let job = pipeline.state(&execution).jobs[0].clone();
        let key = format!("evenkeel/{job}.json");
        pipeline.sandbox.put_object(CLAIMS, &key, content.as_bytes().to_vec());
        work_for(&pipeline, minutes(14)).await;
        assert_eq!(pipeline.sandbox.queued(), 1);
        assert_eq!(pipeline.sandbox.object(CLAIMS, &key).unwrap(), content.as_bytes());

        // The first worker that fails it dies with the claim written: its heir gives the same answer, and begins nothing.
        let (operation, nth) = ("PutJobFailureResult".to_owned(), Some(1));
        pipeline.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangBefore });
        let (worker, _interrupter) = pipeline.hire("worker-1").await;
        tokio::select! {
            _ = worker.run() => unreachable!(),
            () = pipeline.sandbox.hung() => {}
        }
        pipeline.work().await;
        let state = pipeline.state(&execution);
        assert_eq!((state.status, state.terminal_results), (ActionStatus::Failed, 1));
        let (kind, message) = state.failure.unwrap();
        assert!(kind == "ConfigurationError" && message.starts_with(why), "{kind}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
        assert_eq!((pipeline.revisions("web"), pipeline.live("web")), (1, "web:1".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_this_version_does_not_know_pass_through_its_hands() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let other = Hired::hire(&pipeline, MORE).await;
    let has_handed_on = || !pipeline.state(&execution).tokens.is_empty();
    other.work_until(&pipeline, has_handed_on).await;
    let before = pipeline.state(&execution).tokens.len();
    let (worker, _interrupter) = pipeline.hire_as(brief("worker-of-this-version")).await;
    pipeline.until_over(worker.run()).await;

    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1), "{:?}", state.failure);
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    assert!(state.tokens.len() > before, "this version has handed it on as well");
    for token in &state.tokens {
        let token: Value = serde_json::from_str(token).unwrap();
        assert_eq!((&token["v"], &token["pace"]), (&json!(2), &json!({ "of": 1.5 })));
        assert_eq!(token["s"][0]["zone"], "a");
    }
}

#[tokio::test(start_paused = true)]
async fn workers_of_two_versions_side_by_side_end_each_job_once_with_the_truth() {
    fastrand::seed(5);
    let pipeline = Pipeline::empty();
    let services: Vec<String> = (0..24).map(|nth| format!("s{nth}")).collect();
    let mut executions = Vec::new();
    for (nth, name) in services.iter().enumerate() {
        pipeline.service(name, json!({}));
        if nth % 3 == 0 {
            pipeline.next_rollout(name, RolloutOutcome::Crash);
        }
        executions.push(pipeline.start(name, &[]));
    }
    let other = Hired::hire(&pipeline, NEXT).await;
    let (this, _interrupter) =
        pipeline.hire_as(Settings { concurrency: 4, ..brief("worker-of-this-version") }).await;
    pipeline.until_over(async { tokio::join!(this.run(), other.worker.run()) }).await;

    let answered = other.answered.lock().unwrap().clone();
    let (mut by_next_alone, mut by_both, mut by_this_alone) = (0, 0, 0);
    for (nth, (name, execution)) in services.iter().zip(&executions).enumerate() {
        let state = pipeline.state(execution);
        let fails = nth % 3 == 0;
        let status = if fails { ActionStatus::Failed } else { ActionStatus::Succeeded };
        assert_eq!((state.status, state.terminal_results), (status, 1), "{name}: {:?}", state.failure);
        let told = state.failure.map(|(kind, _)| kind);
        assert_eq!(told.as_deref(), fails.then_some("JobFailed"), "{name}");
        let live = format!("{name}:{}", if fails { 1 } else { 2 });
        assert_eq!((pipeline.live(name), pipeline.revisions(name)), (live, 2), "{name}");
        assert_eq!(pipeline.effects("UpdateService", name), 1, "{name}");

        // Once the next version has had a job in its hands, it has all that follow.
        let by_next: Vec<bool> = state.jobs.iter().map(|job| answered.contains(job)).collect();
        assert!(by_next.is_sorted(), "{name}: {by_next:?}");
        match (by_next[0], by_next[by_next.len() - 1]) {
            (true, _) => by_next_alone += 1,
            (false, true) => by_both += 1,
            (false, false) => by_this_alone += 1,
        }
    }
    assert!(by_next_alone > 0 && by_both > 0, "{by_next_alone} {by_both} {by_this_alone}");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_record_is_of_a_newer_version_fails_before_anything_changes() {
    let pipeline = Pipeline::new();
    let newer = r#"{"schema":"evenkeel.record/v2","lives":["web:1"]}"#;
    pipeline.sandbox.put_parameter("/deploy/web", newer).unwrap();
    let execution = pipeline.start("web", &[("Record", "ssm:/deploy/web")]);
    pipeline.work().await;
    let (kind, message) = pipeline.state(&execution).failure.unwrap();
    assert_eq!(kind, "ConfigurationError", "{message}");
    assert!(message.contains(r#"its schema is "evenkeel.record/v2", not "evenkeel.record/v1""#), "{message}");
    assert_eq!(pipeline.sandbox.parameter("/deploy/web").unwrap(), (newer.to_owned(), 1));
    assert_eq!((pipeline.revisions("web"), pipeline.live("web")), (1, "web:1".to_owned()));
}
