//! The loops of a worker beside each other: a full worker, an offer of another's job, a queue that hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel::aws::S3Objects;
use evenkeel::clock::Moment;
use evenkeel::deploy::Interrupt;
use evenkeel::output::action_type_json;
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Settings, Worker, health_page};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ActionType, ActionVersion, JobId};
use evenkeel_core::ports::{ClaimStore, Precondition, Version};
use evenkeel_sandbox::{Action, ActionStatus, Fault, FaultKind, RolloutOutcome};
use http::Method;
use serde_json::json;

use crate::world::{CLAIMS, Pipeline, action, settings};

/// Long enough for a worker to take a job and for its rollout to be under way.
const A_WHILE: Duration = Duration::from_secs(20);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A worker that polls every second.
fn brisk(owner: &str) -> Settings {
    Settings { poll: seconds(1), ..settings(owner) }
}

#[tokio::test(start_paused = true)]
async fn a_full_worker_and_one_whose_queue_is_down_are_alive_and_only_the_latter_is_not_ready() {
    let pipeline = Pipeline::new();
    pipeline.next_rollout("web", RolloutOutcome::Stuck);
    let execution = pipeline.start("web", &[]);
    let metrics = Arc::new(Metrics::default());
    let full = Settings { concurrency: 1, ..brisk("worker-1") };
    let (worker, _interrupter) = pipeline.hire_with(full, Arc::clone(&metrics)).await;
    let page = |path: &str| {
        let (status, text) = health_page(&Method::GET, path, &metrics, Moment::now());
        (status.as_u16(), text)
    };
    let ok = || (200, "ok\n".to_owned());
    assert_eq!(page("/healthz"), ok());
    assert_eq!(page("/readyz"), (503, "the job queue has not answered yet\n".to_owned()));
    let watch = async {
        // The time-out of the action is 30 minutes, during which the worker is full.
        for _ in 0..20 {
            pipeline.clock.sleep(seconds(60)).await;
            assert_eq!((page("/healthz"), page("/readyz")), (ok(), ok()));
        }
        assert_eq!(pipeline.state(&execution).status, ActionStatus::InProgress);
        pipeline.over().await;

        for kind in [FaultKind::Denied, FaultKind::ErrorBefore, FaultKind::HangBefore] {
            let operation = "PollForJobs".to_owned();
            pipeline.sandbox.inject(Fault { operation, nth: None, kind });
            pipeline.clock.sleep(seconds(600)).await;
            let (status, text) = page("/readyz");
            assert!(status == 503 && text.starts_with("the job queue has not answered for "), "{text}");
            assert_eq!(page("/healthz"), ok());
            pipeline.sandbox.clear_faults();
            pipeline.clock.sleep(seconds(150)).await;
            assert_eq!((page("/healthz"), page("/readyz")), (ok(), ok()));
        }
    };
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = watch => {}
    }
    // A worker that is gone turns no loop.
    pipeline.clock.sleep(seconds(600)).await;
    assert_eq!(page("/healthz"), (503, "the loop that polls the job queue is stuck\n".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_was_down_is_polled_as_before_at_once_and_one_that_throttled_step_by_step() {
    let pipeline = Pipeline::new();
    let (worker, _interrupter) = pipeline.hire_as(brisk("worker-1")).await;
    // How often it is polled in this time. Each wait is drawn up to a fifth longer than a second.
    let polls = async |time| {
        pipeline.sandbox.clear_calls();
        pipeline.clock.sleep(time).await;
        pipeline.sandbox.calls().iter().filter(|call| call.operation == "PollForJobs").count()
    };
    let fail = |kind| {
        pipeline.sandbox.inject(Fault { operation: "PollForJobs".to_owned(), nth: None, kind });
    };
    let watch = async {
        let usual = polls(seconds(60)).await;
        assert!((49..=60).contains(&usual), "{usual}");
        fail(FaultKind::Denied);
        let down = polls(seconds(60)).await;
        assert!((49..=60).contains(&down), "{down}");
        pipeline.sandbox.clear_faults();
        let up = polls(seconds(60)).await;
        assert!((49..=60).contains(&up), "{up}");

        fail(FaultKind::Throttled);
        pipeline.clock.sleep(seconds(60)).await;
        // Each poll is two attempts.
        let throttled = polls(seconds(60)).await;
        assert!((6..=20).contains(&throttled), "{throttled}");
        pipeline.sandbox.clear_faults();
        let hesitant = polls(seconds(60)).await;
        assert!((8..=30).contains(&hesitant), "{hesitant}");
        pipeline.clock.sleep(seconds(120)).await;
        let usual = polls(seconds(60)).await;
        assert!((49..=60).contains(&usual), "{usual}");
    };
    tokio::select! {
        ended = worker.run() => panic!("{ended:?}"),
        () = watch => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_offer_of_another_workers_job_is_left_for_the_length_of_a_poll() {
    let pipeline = Pipeline::new();
    // The claim is written and the acknowledgement never arrives, so the job is offered at every poll.
    pipeline.sandbox.set_offer_interval(Duration::ZERO);
    let (operation, nth) = ("AcknowledgeJob".to_owned(), Some(1));
    pipeline.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangBefore });
    let execution = pipeline.start("web", &[]);
    let (gone, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        _ = gone.run() => unreachable!(),
        () = pipeline.sandbox.hung() => {}
    }

    pipeline.sandbox.clear_calls();
    // By the time that a poll is answered the job of the former one was found to be another worker's.
    let (operation, kind) = ("PollForJobs".to_owned(), FaultKind::Delay(Duration::from_millis(100)));
    pipeline.sandbox.inject(Fault { operation, nth: None, kind });
    let (heir, _interrupter) = pipeline.hire_as(brisk("worker-2")).await;
    tokio::select! {
        _ = heir.run() => unreachable!(),
        () = pipeline.clock.sleep(seconds(30)) => {}
    }
    let calls = pipeline.sandbox.calls();
    let polls = calls.iter().filter(|call| call.operation == "PollForJobs").count();
    assert!((10..=32).contains(&polls), "{polls} polls in 30 s");
    // The claim stands still, so the job is taken over in the end.
    pipeline.work().await;
    assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded);
}

/// Claims that panic when the first one is written.
struct PanicsOnce(BucketClaims<S3Objects>, AtomicBool);

impl ClaimStore for PanicsOnce {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn list(&self) -> Result<Vec<(JobId, Version)>, Failure> {
        self.0.list().await
    }

    async fn read(&self, job: &JobId) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        self.0.read(job).await
    }

    async fn write(
        &self,
        job: &JobId,
        content: &[u8],
        condition: &Precondition,
    ) -> Result<Option<Version>, Failure> {
        assert!(self.1.swap(true, Ordering::Relaxed), "as this test wants it");
        self.0.write(job, content, condition).await
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        self.0.remove(job, version).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_task_panicked_before_it_was_claimed_is_taken_at_its_next_offer() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let (_interrupter, interrupt) = Interrupt::new();
    let aws = pipeline.aws().await;
    let claims = BucketClaims::new(aws.objects(), CLAIMS, "evenkeel");
    let claims = PanicsOnce(claims, AtomicBool::new(false));
    let queue = aws.job_queue(ActionType::default());
    let metrics = Arc::new(Metrics::default());
    let counted = Arc::clone(&metrics);
    let worker =
        Worker::new(queue, Some(claims), aws, pipeline.clock, settings("worker-1"), metrics, interrupt);
    pipeline.until_over(worker.run()).await;
    assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded);
    assert!(counted.text().contains("evenkeel_jobs_total{outcome=\"panicked\"} 1"), "{}", counted.text());
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_hangs_keeps_no_dead_workers_job_waiting() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let (gone, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        _ = gone.run() => unreachable!(),
        () = pipeline.clock.sleep(A_WHILE) => {}
    }
    assert!(!pipeline.is_over());

    let operation = "PollForJobs".to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::HangBefore });
    let died = pipeline.clock.now();
    let (heir, _interrupter) = pipeline.hire("worker-2").await;
    let taken_over = async {
        // The first job was handed on right after the update, so its successor is the one that hangs on a claim.
        while pipeline.state(&execution).status == ActionStatus::InProgress {
            pipeline.sandbox.called().await;
        }
    };
    tokio::select! {
        _ = heir.run() => unreachable!(),
        () = taken_over => {}
    }
    // A lease, and two looks at the claims.
    let took = pipeline.clock.now().since(died);
    assert!(took <= seconds(60 + 2 * 20), "{took:?}");
    assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn one_worker_takes_the_jobs_of_every_version_that_it_is_given() {
    let pipeline = Pipeline::new();
    pipeline.service("api", json!({}));
    let second = ActionType { version: ActionVersion::parse("2").unwrap(), ..ActionType::default() };
    let definition = action_type_json(&second.definition(None).unwrap());
    pipeline.sandbox.create_action_type(definition).unwrap();
    let moved = Action { version: "2".to_owned(), ..action("api", &[]) };
    let executions = [pipeline.start("web", &[]), pipeline.sandbox.start_action(moved).unwrap()];

    let (_interrupter, interrupt) = Interrupt::new();
    let aws = pipeline.aws().await;
    let claims = BucketClaims::new(aws.objects(), CLAIMS, "evenkeel");
    let [first, second] = [ActionType::default(), second].map(|it| aws.job_queue(it));
    let settings = Settings { drain: true, ..settings("worker-1") };
    let worker = Worker::new(first, Some(claims), aws, pipeline.clock, settings, Arc::default(), interrupt);
    worker.polling_also(vec![second]).run().await.unwrap();
    for execution in &executions {
        assert_eq!(pipeline.state(execution).status, ActionStatus::Succeeded);
    }
}
