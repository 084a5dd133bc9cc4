//! Workers of this version beside those of a made-up next one: a job that a worker does not understand is never begun
//! again. It is finished by a worker that understands it, or it fails.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::aws::{Aws, CodePipelineQueue, S3Objects};
use evenkeel::deploy::{Interrupt, Interrupter};
use evenkeel::domain::failure::{Failure, FailureKind};
use evenkeel::domain::job::{ActionType, Answer, Job, JobId, Secret};
use evenkeel::ports::{Acknowledgement, ClaimStore, Condition, JobQueue, Offer, Version};
use evenkeel::sandbox::{ActionStatus, Fault, FaultKind, RolloutOutcome};
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Settings, Worker};
use serde_json::{Value, json};

use crate::world::{CLAIMS, Pipeline, settings};

/// How the formats of a made-up version differ from this version's.
#[derive(Clone, Copy)]
struct Formats {
    /// Makes a token of this version one of the made-up version.
    write: fn(&str) -> String,
    /// Makes a token of either version one of this version.
    read: fn(&str) -> String,
    /// Whether its claims are of another version, too.
    claims: bool,
}

/// The next version: its tokens and claims are of the next versions, each with a member more.
const NEXT: Formats = Formats { write: next_token, read: this_token, claims: true };

/// A version that changed the token alone.
const NEXT_TOKEN: Formats = Formats { claims: false, ..NEXT };

/// A version whose tokens have more members, which older versions need not know.
const MORE: Formats = Formats { write: with_members, read: str::to_owned, claims: false };

/// No version of Evenkeel.
const GARBLED: Formats = Formats { write: |_| "s3cret".to_owned(), read: str::to_owned, claims: false };

fn next_token(token: &str) -> String {
    let mut token: Value = serde_json::from_str(token).unwrap();
    (token["v"], token["pace"]) = (json!(3), json!({ "of": 1.5 }));
    token.to_string()
}

fn this_token(token: &str) -> String {
    let mut token: Value = serde_json::from_str(token).unwrap();
    if token["v"] == 3 {
        token["v"] = json!(2);
        token.as_object_mut().unwrap().remove("pace");
    }
    token.to_string()
}

fn with_members(token: &str) -> String {
    let mut token: Value = serde_json::from_str(token).unwrap();
    token["pace"] = json!({ "of": 1.5 });
    for service in token["s"].as_array_mut().into_iter().flatten() {
        service["zone"] = json!("a");
    }
    token.to_string()
}

/// The queue as a worker of another version sees and fills it.
struct OtherQueue(CodePipelineQueue, Formats, Arc<Mutex<BTreeSet<String>>>);

impl OtherQueue {
    fn read(&self, job: &mut Job) {
        let token = job.continuation.as_ref().map(|token| (self.1.read)(token.expose()));
        job.continuation = token.map(Secret::new);
    }
}

impl JobQueue for OtherQueue {
    async fn poll(&self, capacity: usize) -> Result<Vec<Offer>, Failure> {
        let mut offers = self.0.poll(capacity).await?;
        offers.iter_mut().for_each(|offer| self.read(&mut offer.job));
        Ok(offers)
    }

    async fn acknowledge(&self, job: &JobId, nonce: &Secret) -> Result<Acknowledgement, Failure> {
        self.0.acknowledge(job, nonce).await
    }

    async fn details(&self, job: &JobId) -> Result<Option<Job>, Failure> {
        let mut job = self.0.details(job).await?;
        job.iter_mut().for_each(|job| self.read(job));
        Ok(job)
    }

    async fn answer(&self, job: &JobId, answer: &Answer) -> Result<bool, Failure> {
        self.2.lock().unwrap().insert(job.as_str().to_owned());
        self.0.answer(job, &answer_with(answer, self.1.write)).await
    }
}

fn answer_with(answer: &Answer, token: fn(&str) -> String) -> Answer {
    match answer {
        Answer::HandOn { token: of_this, external_id, summary } => {
            Answer::hand_on(token(of_this), external_id.as_deref().unwrap_or_default(), summary)
        }
        other @ (Answer::Succeed { .. } | Answer::Fail { .. }) => other.clone(),
    }
}

/// The claims as a worker of another version reads and writes them.
struct OtherClaims(BucketClaims<S3Objects>, Formats);

impl OtherClaims {
    fn write_as(&self, content: &[u8]) -> Vec<u8> {
        let mut claim: Value = serde_json::from_slice(content).unwrap();
        if self.1.claims {
            (claim["schema"], claim["zone"]) = (json!("evenkeel.claim/v2"), json!(["a"]));
        }
        claim_with(claim, self.1.write)
    }

    fn read_as(&self, content: &[u8]) -> Vec<u8> {
        let mut claim: Value = serde_json::from_slice(content).unwrap();
        if self.1.claims && claim["schema"] == "evenkeel.claim/v2" {
            claim["schema"] = json!("evenkeel.claim/v1");
            claim.as_object_mut().unwrap().remove("zone");
        }
        claim_with(claim, self.1.read)
    }
}

fn claim_with(mut claim: Value, token: fn(&str) -> String) -> Vec<u8> {
    for pointer in ["/checkpoint", "/answer/hand_on/token"] {
        if let Some(member) = claim.pointer_mut(pointer) {
            *member = token(member.as_str().unwrap()).into();
        }
    }
    claim.to_string().into_bytes()
}

impl ClaimStore for OtherClaims {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn list(&self) -> Result<Vec<(JobId, Version)>, Failure> {
        self.0.list().await
    }

    async fn read(&self, job: &JobId) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let read = self.0.read(job).await?;
        Ok(read.map(|(content, version)| (self.read_as(&content), version)))
    }

    async fn write(
        &self,
        job: &JobId,
        content: &[u8],
        condition: &Condition,
    ) -> Result<Option<Version>, Failure> {
        self.0.write(job, &self.write_as(content), condition).await
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        self.0.remove(job, version).await
    }
}

/// A worker of another version, what interrupts it, and the jobs that it has answered.
struct Other {
    worker: Worker<OtherQueue, OtherClaims, Aws>,
    interrupter: Interrupter,
    answered: Arc<Mutex<BTreeSet<String>>>,
}

impl Other {
    async fn hire(pipeline: &Pipeline, formats: Formats) -> Self {
        let (interrupter, interrupt) = Interrupt::new();
        let (aws, answered) = (pipeline.aws().await, Arc::default());
        let claims = OtherClaims(BucketClaims::new(aws.apart().objects(), CLAIMS, "evenkeel"), formats);
        let queue = OtherQueue(aws.apart().job_queue(ActionType::default()), formats, Arc::clone(&answered));
        let (clock, settings) = (pipeline.clock, brief("worker-of-another-version"));
        let worker = Worker::new(queue, Some(claims), aws, clock, settings, Arc::default(), interrupt);
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
    let other = Other::hire(&pipeline, formats).await;
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
    // A poll's pause lies between two polls, of 5 s at least.
    assert!((14 * 4..=14 * 12).contains(&calls("PollForJobs")), "{}", calls("PollForJobs"));

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
    let other = Other::hire(&pipeline, GARBLED).await;
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
    let other = Other::hire(&pipeline, NEXT).await;
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
        Other::hire(&pipeline, formats).await.die_in_the_update(&pipeline).await;
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
    Other::hire(&pipeline, NEXT).await.die_in_the_update(&pipeline).await;
    work_for(&pipeline, minutes(5)).await;
    let heir = Other::hire(&pipeline, NEXT).await;
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
    let other = Other::hire(&pipeline, MORE).await;
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
    let other = Other::hire(&pipeline, NEXT).await;
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
