//! Workers of versions that are made up: their tokens and claims are those of this version, rewritten on their way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use evenkeel::aws::{Aws, CodePipelineQueue, S3Objects};
use evenkeel::clock::Clock;
use evenkeel::deploy::{Interrupt, Interrupter};
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Settings, Worker};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ActionType, Answer, Job, JobId, Secret};
use evenkeel_core::ports::{Acknowledgement, ClaimStore, JobQueue, Offer, Precondition, Version};
use serde_json::{Value, json};

use crate::world::{CLAIMS, aws_by};

/// A worker of another version.
pub(crate) type Other = Worker<OtherQueue, OtherClaims, Aws>;

/// The jobs that a worker has answered.
pub(crate) type Answered = Arc<Mutex<BTreeSet<String>>>;

/// A worker of another version, by a clock of its own, whose calls go through this client.
pub(crate) async fn hire(
    formats: Formats,
    clock: Clock,
    client: SharedHttpClient,
    settings: Settings,
) -> (Other, Interrupter, Answered) {
    let (interrupter, interrupt) = Interrupt::new();
    let (aws, answered) = (aws_by(clock, client).await, Answered::default());
    let claims = OtherClaims(BucketClaims::new(aws.apart().objects(), CLAIMS, "evenkeel"), formats);
    let queue = OtherQueue(aws.apart().job_queue(ActionType::default()), formats, Arc::clone(&answered));
    let worker = Worker::new(queue, Some(claims), aws, clock, settings, Arc::default(), interrupt);
    (worker, interrupter, answered)
}

/// How the formats of a made-up version differ from this version's.
#[derive(Clone, Copy)]
pub(crate) struct Formats {
    /// Makes a token of this version one of the made-up version.
    write: fn(&str) -> String,
    /// Makes a token of either version one of this version.
    read: fn(&str) -> String,
    /// Whether its claims are of another version, too.
    pub(crate) claims: bool,
}

/// The next version: its tokens and claims are of the next versions, each with a member more.
pub(crate) const NEXT: Formats = Formats { write: next_token, read: this_token, claims: true };

/// A version that changed the token alone.
pub(crate) const NEXT_TOKEN: Formats = Formats { claims: false, ..NEXT };

/// A version whose tokens have more members, which older versions need not know.
pub(crate) const MORE: Formats = Formats { write: with_members, read: str::to_owned, claims: false };

/// No version of Evenkeel.
pub(crate) const GARBLED: Formats =
    Formats { write: |_| "s3cret".to_owned(), read: str::to_owned, claims: false };

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
pub(crate) struct OtherQueue(CodePipelineQueue, Formats, Answered);

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

    fn throttled(&self) -> u64 {
        self.0.throttled()
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
pub(crate) struct OtherClaims(BucketClaims<S3Objects>, Formats);

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
        condition: &Precondition,
    ) -> Result<Option<Version>, Failure> {
        self.0.write(job, &self.write_as(content), condition).await
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        self.0.remove(job, version).await
    }
}
