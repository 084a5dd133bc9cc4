//! One job, from its offer to its last answer.
//!
//! # Flow
//! claim → acknowledge → work, while the claim is renewed → (what is about to be answered goes into
//! the claim) → answer → release the claim.
//!
//! # Guarantees
//! * A claim that is no longer ours ends the work at once: nothing is done and nothing answered.
//! * A worker that dies leaves its claim standing still, which is what the others look for.
//! * A job whose token or claim another version of Evenkeel wrote is never begun again. It is left for a worker that
//!   understands it, and fails if none comes.

mod answering;
mod attempt;
mod ecs;
mod held;
mod images;
mod record;
mod result;

pub(super) use ecs::CallerKey;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use evenkeel_core::checkpoint::Checkpoint;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::{Answer, Job, JobConfiguration, JobId};
use evenkeel_core::not_understood::NotUnderstood;
use evenkeel_core::ports::{Access, Acknowledgement, ClaimStore, JobQueue, Offer, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Map;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Moment;

use super::WorkerContext;
use super::claims::{Claim, JobStage};
use super::metrics::Part;
use super::settings::FOR_ANOTHER_VERSION;
use answering::answer;
use attempt::{WorkEnd, attempt};
use held::{HeldJob, Taken};

/// How long claiming an offered job may take. An offer proves that nobody has acknowledged the job, but only for the
/// moment: CodePipeline makes the next one after about 30 s, and another worker may have ended the job by then.
const LONGEST_CLAIM: Duration = Duration::from_secs(20);

/// How a worker left a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// It is somebody else's, or may be.
    NotOurs,
    /// A worker of another version is to take it. The version of its claim, or none if the offer's token is what is not
    /// understood.
    NotUnderstood(Option<Version>),
    /// It goes on in another job.
    HandedOn,
    /// It was answered, and with this outcome.
    Answered(&'static str),
    /// It was over already.
    Over,
    /// Its claim went to somebody else.
    Lost,
}

impl Left {
    /// The word for the metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::NotUnderstood(_) => "not_understood",
            Self::HandedOn => "handed_on",
            Self::Answered(outcome) => outcome,
            Self::Over => "over_already",
            Self::Lost => "lost",
        }
    }
}

/// What a worker knows of a job that it is offered.
pub(super) struct Known {
    /// The version of a claim on the job that has stood still for its lease.
    pub(super) stalled: Option<Version>,
    /// The same, if the claim has stood still for so long that nobody comes any more who understands it.
    pub(super) abandoned: Option<Version>,
    /// For how long offers of the job were seen whose token is not understood.
    pub(super) not_understood_for: Option<Duration>,
    /// It was said before that the job is not understood.
    pub(super) was_said: bool,
}

/// Takes an offer up. `settling` is sent a message when the job is acknowledged, and dropped when the job is
/// acknowledged or left.
pub(super) async fn take_up<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    offer: Offer,
    known: Known,
    settling: UnboundedSender<()>,
) -> Left {
    let began = Moment::now();
    let id = &offer.job.id;
    let from = checkpoint(shared, &offer.job, None);
    if let Err(why) = &from
        && known.not_understood_for.is_none_or(|time| time < FOR_ANOTHER_VERSION)
    {
        if !known.was_said {
            leave(why);
        }
        return Left::NotUnderstood(None);
    }
    let taking = Box::pin(HeldJob::take(shared, id, known.stalled.as_ref()));
    let taken = match shared.clock.within(LONGEST_CLAIM, taking).await {
        Some(Ok(Taken::NotOurs)) => return Left::NotOurs,
        Some(Ok(Taken::NotUnderstood(why, version))) if known.abandoned.as_ref() != Some(&version) => {
            // Its worker lives, or was not known to have gone.
            if known.stalled.as_ref() != Some(&version) {
                return Left::NotOurs;
            }
            if !known.was_said {
                leave(&why);
            }
            return Left::NotUnderstood(Some(version));
        }
        Some(Ok(taken)) => taken,
        Some(Err(failure)) => {
            tracing::warn!("the job is left in the queue, since it cannot be claimed: {failure}");
            return Left::NotOurs;
        }
        None => {
            let limit = LONGEST_CLAIM.as_secs();
            tracing::warn!("the job is left in the queue, since its claim was not written in {limit} s");
            return Left::NotOurs;
        }
    };
    let acknowledged = match shared.queue.acknowledge(id, &offer.nonce).await {
        Ok(Acknowledgement::Ours) => JobStage::Acknowledged,
        // To leave it would be to lose it for a day, if it was acknowledged. If it was not, the answer to it does not
        // count, and the job is offered again.
        Ok(Acknowledgement::Unsure) => {
            tracing::warn!("the response to the acknowledgement was lost; the job is taken as acknowledged");
            JobStage::Claimed
        }
        // Nobody has acknowledged the job under a claim that was made for this offer. Under one that was another
        // worker's somebody may have: it stays, to be found when it has stood still.
        Ok(Acknowledgement::NotOurs) => {
            if let Taken::Held(hold) = &taken
                && hold.is_new().await
            {
                hold.release().await;
            }
            return Left::NotOurs;
        }
        Err(failure) => {
            tracing::warn!("{failure}");
            return Left::NotOurs;
        }
    };
    // Nobody waits for it when the worker is about to end.
    let _ = settling.send(());
    drop(settling);
    tracing::info!("took job {id}");
    shared.metrics.took(Part::Acknowledge, Moment::now().since(began));
    match taken {
        Taken::Held(hold) => {
            if acknowledged == JobStage::Acknowledged {
                hold.acknowledged().await;
            }
            let left = async {
                match from {
                    Ok(from) => work(shared, &offer.job, from, &hold).await,
                    Err(why) => {
                        let (given, outcome) = refusal(&why);
                        finish(shared, id, &given, outcome, &hold).await
                    }
                }
            };
            kept(&hold, left.boxed()).await
        }
        // Only now, with the job in our hands, is the claim replaced: without it, another worker would begin the job.
        Taken::NotUnderstood(why, version) => {
            let mut claim = Claim::new(&shared.settings.owner);
            claim.stage = acknowledged;
            give_up(shared, id, &why, claim, &version).boxed().await
        }
        Taken::NotOurs => Left::NotOurs,
    }
}

/// For how long a claim has stood still, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stood {
    /// Its worker has gone.
    ForALease,
    /// Its job would have been offered again, had it not been acknowledged.
    PastOffers,
    /// No worker comes any more that understands it.
    PastOtherVersions,
}

/// Takes over a job by its claim.
pub(super) async fn take_over<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    id: &JobId,
    stalled: &Version,
    stood: Stood,
) -> Left {
    match taken_over(shared, id, stalled, stood).await {
        Ok(left) => left,
        // The claim still stands still, or will again.
        Err(failure) => {
            tracing::warn!("{failure}");
            Left::NotOurs
        }
    }
}

async fn taken_over<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    id: &JobId,
    stalled: &Version,
    stood: Stood,
) -> Result<Left, Failure> {
    let not_understood = |why: NotUnderstood, claim: Claim| async move {
        if stood == Stood::PastOtherVersions {
            return give_up(shared, id, &why, claim, stalled).boxed().await;
        }
        leave(&why);
        Left::NotUnderstood(Some(stalled.clone()))
    };
    let claim = match HeldJob::stalled(shared, id, stalled).await? {
        Some(Ok(claim)) => claim,
        Some(Err(why)) => return Ok(not_understood(why, Claim::new(&shared.settings.owner)).await),
        None => return Ok(Left::NotOurs),
    };
    if claim.stage != JobStage::Acknowledged && stood == Stood::ForALease {
        return Ok(Left::NotOurs);
    }
    let Some(job) = shared.queue.details(id).await? else {
        if let Some(hold) = HeldJob::succeed(shared, id, claim, stalled).await? {
            hold.release().await;
        }
        return Ok(Left::Over);
    };
    let rest = match (claim.stage, &claim.answer) {
        (JobStage::Refused, _) => Rest::Release,
        (JobStage::Claimed | JobStage::Acknowledged, Some(given)) => Rest::Give(given.clone()),
        (stage, None) => match checkpoint(shared, &job, claim.checkpoint.as_deref()) {
            Ok(from) if stage == JobStage::Acknowledged => Rest::Work(from),
            Ok(from) => Rest::HandOn(from),
            Err(why) => return Ok(not_understood(why, claim).await),
        },
    };
    let Some(hold) = HeldJob::succeed(shared, id, claim, stalled).await? else {
        return Ok(Left::NotOurs);
    };
    tracing::info!("taken over from a worker that has gone");
    Ok(match rest {
        Rest::Release => {
            hold.release().await;
            Left::Over
        }
        Rest::Give(given) => kept(&hold, finish(shared, id, &given, "taken_over", &hold).boxed()).await,
        Rest::Work(from) => kept(&hold, work(shared, &job, from, &hold).boxed()).await,
        Rest::HandOn(from) => kept(&hold, hand_on(shared, &job, &from, &hold).boxed()).await,
    })
}

/// What a worker that has gone left to be done.
enum Rest {
    /// The job is over.
    Release,
    /// The answer is in the claim, and was perhaps not given.
    Give(Answer),
    Work(Checkpoint),
    /// The job may never have been acknowledged.
    HandOn(Checkpoint),
}

/// Hands a job on that may be over, before anything is done: a claim can be written late, after another worker has come
/// to the job's end. CodePipeline tells that only to an answer, and offers the job again if it is under way.
async fn hand_on<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    from: &Checkpoint,
    hold: &HeldJob<'_, C>,
) -> Left {
    let configuration = JobConfiguration::parse(&job.configuration, shared.settings.options);
    let external_id = configuration.map(|it| it.external_id()).unwrap_or_default();
    let (given, outcome) = handed_on(from, &external_id, "taken over");
    finish(shared, &job.id, &given, outcome, hold).await
}

/// Says that the job is left, and why.
fn leave(why: &NotUnderstood) {
    let minutes = FOR_ANOTHER_VERSION.as_secs() / 60;
    tracing::warn!(
        "the job is left for {minutes} minutes for a worker that understands it, then it fails: {}",
        why.failure()
    );
}

/// Fails a job that no worker came for that understands it. `claim` replaces the claim of this `version`, and has the
/// answer in it at once: a worker that found a claim without an answer would begin the job again.
async fn give_up<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    id: &JobId,
    why: &NotUnderstood,
    mut claim: Claim,
    version: &Version,
) -> Left {
    let (given, outcome) = refusal(why);
    claim.answer = Some(given.clone());
    match HeldJob::succeed(shared, id, claim, version).await {
        Ok(Some(hold)) => kept(&hold, finish(shared, id, &given, outcome, &hold).boxed()).await,
        Ok(None) => Left::NotOurs,
        Err(failure) => {
            tracing::warn!("{failure}");
            Left::NotOurs
        }
    }
}

/// What a job is answered that is not understood, and the word for the metrics.
fn refusal(why: &NotUnderstood) -> (Answer, &'static str) {
    let failure = why.failure();
    (Answer::fail(&failure, ""), failure.kind().as_str())
}

/// Does `work` as long as the claim is ours.
async fn kept<C: ClaimStore>(hold: &HeldJob<'_, C>, work: BoxFuture<'_, Left>) -> Left {
    tokio::select! {
        // Work whose claim is lost at the same moment does not count.
        biased;
        () = hold.renewed_until_lost() => {
            tracing::warn!("the claim on the job went to another worker, which finishes it");
            Left::Lost
        }
        left = work => left,
    }
}

async fn work<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    from: Checkpoint,
    hold: &HeldJob<'_, C>,
) -> Left {
    // After a panic nothing that it held is looked at again.
    let attempting = AssertUnwindSafe(Box::pin(attempt(shared, job, from, hold)));
    let attempted = match attempting.catch_unwind().await {
        Ok(attempted) => attempted,
        // What it said went to standard error.
        Err(_) => {
            let bug = Failure::new(FailureKind::Bug, "a bug in Evenkeel: the job's work panicked")
                .advice("Please report it with the worker's log; look at the service, then retry the stage");
            WorkEnd::Over(Answer::fail(&bug, ""), bug.kind().as_str())
        }
    };
    // What was done under a claim that is not ours any more is for its new owner to tell.
    if hold.is_lost().await {
        return Left::Lost;
    }
    match attempted {
        WorkEnd::HandOn { checkpoint, external_id, summary } => {
            let (given, outcome) = handed_on(&checkpoint, &external_id, &summary);
            finish(shared, &job.id, &given, outcome, hold).await
        }
        WorkEnd::Over(answer, outcome) => finish(shared, &job.id, &answer, outcome, hold).await,
    }
}

/// The answer that hands the job on from `checkpoint`, and the word for the metrics.
fn handed_on(checkpoint: &Checkpoint, external_id: &str, summary: &str) -> (Answer, &'static str) {
    match checkpoint.token() {
        Ok(token) => (Answer::hand_on(token, external_id, summary), "handed_on"),
        Err(failure) => (Answer::fail(&failure, external_id), failure.kind().as_str()),
    }
}

/// Answers the job, and keeps in its claim beforehand what with: whoever took it over later must
/// neither work beside the one that goes on with it, nor do again what is over. By then somebody else
/// may have deployed something newer.
async fn finish<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    id: &JobId,
    given: &Answer,
    outcome: &'static str,
    hold: &HeldJob<'_, C>,
) -> Left {
    let is_acknowledged = hold.is_acknowledged().await;
    if let Err(failure) = hold.answering(given).await {
        if matches!(given, Answer::HandOn { .. }) || hold.is_lost().await {
            tracing::warn!("the job is kept, since its claim cannot be written: {failure}");
            // The claim stands still from now on, and is taken over when it can be written again.
            return Left::Lost;
        }
        // The verdict is in; it does not wait for the claims.
        tracing::warn!("{failure}");
    }
    let left = give(shared, id, given, outcome).await;
    if left == Left::Over && !is_acknowledged {
        // Either it is over, or it was never acknowledged and will be offered: then this claim tells
        // that it has ended.
        hold.refused().await;
    } else if left != Left::Lost {
        hold.release().await;
    }
    left
}

/// Gives an answer.
async fn give<Q: JobQueue, C, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    id: &JobId,
    given: &Answer,
    outcome: &'static str,
) -> Left {
    let began = Moment::now();
    match answer(&shared.queue, shared.clock, shared.interrupt.clone(), id, given).await {
        Ok(true) => {}
        Ok(false) => return Left::Over,
        Err(failure) => {
            tracing::error!("{failure}");
            return Left::Lost;
        }
    }
    match given {
        Answer::HandOn { summary, .. } => {
            tracing::info!("handed the job on: {}", summary.as_str());
            return Left::HandedOn;
        }
        Answer::Fail { kind, message, .. } => {
            tracing::error!("answered the job: {}: {}", kind.as_str(), message.as_str());
        }
        Answer::Succeed { .. } => tracing::info!("answered the job: {outcome}"),
    }
    shared.metrics.took(Part::Answer, Moment::now().since(began));
    Left::Answered(outcome)
}

/// Where to go on from: what was noted, else what was handed on, if it is this execution's of the action, else from the
/// start.
///
/// A token of another execution is no reason to fail. All jobs of an execution have one key, so the token's deployment is
/// another one, which this execution does not continue: it has not begun yet.
fn checkpoint<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    noted: Option<&str>,
) -> Result<Checkpoint, NotUnderstood> {
    let execution = job.execution.key();
    if let Some(token) = noted.or_else(|| job.continuation.as_ref().map(|token| token.expose())) {
        let checkpoint = Checkpoint::parse(token)?;
        if checkpoint.execution == execution {
            return Ok(checkpoint);
        }
        tracing::warn!("the continuation token is of another action; looking at what is there");
    }
    let execution = execution.to_owned();
    Ok(Checkpoint {
        execution,
        began: shared.clock.now(),
        services: Vec::new(),
        steps: BTreeMap::new(),
        unknown: Map::new(),
    })
}
