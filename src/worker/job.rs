//! One job, from its offer to its last answer.
//!
//! # Flow
//! claim → acknowledge → work, while the claim is renewed → (what is about to be answered goes into
//! the claim) → answer → release the claim.
//!
//! # Guarantees
//! * A claim that is no longer ours ends the work at once: nothing is done and nothing answered.
//! * A worker that dies leaves its claim standing still, which is what the others look for.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Moment;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::job::{Answer, Job, JobConfiguration, JobId};
use crate::ports::{Access, Acknowledgement, ClaimStore, JobQueue, Offer, Version};

use super::Shared;
use super::answering::answer;
use super::attempt::{Attempt, attempt};
use super::claims::Stage;
use super::hold::Hold;
use super::metrics::Part;
use super::unwind::{Panicked, caught};

/// How long claiming an offered job may take. An offer proves that nobody has acknowledged the job, but only for the
/// moment: CodePipeline makes the next one after about 30 s, and another worker may have ended the job by then.
const LONGEST_CLAIM: Duration = Duration::from_secs(20);

/// How a worker left a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It is somebody else's, or may be.
    Alone,
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
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Alone => "left_alone",
            Self::HandedOn => "handed_on",
            Self::Answered(outcome) => outcome,
            Self::Over => "over_already",
            Self::Lost => "lost",
        }
    }
}

/// Takes an offer up. `stalled` is the version of a claim on it that has stood still for its lease; `settling` is
/// sent a message when the job is acknowledged, and dropped when it is acknowledged or left.
pub(super) async fn take_up<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &Shared<Q, C, A>,
    offer: Offer,
    stalled: Option<Version>,
    settling: UnboundedSender<()>,
) -> Left {
    let began = Moment::now();
    let id = &offer.job.id;
    let hold = match shared.clock.within(LONGEST_CLAIM, Hold::take(shared, id, stalled.as_ref())).await {
        Some(Ok(Some(hold))) => hold,
        Some(Ok(None)) => return Left::Alone,
        Some(Err(failure)) => {
            tracing::warn!("the job is left in the queue, since it cannot be claimed: {failure}");
            return Left::Alone;
        }
        None => {
            let limit = LONGEST_CLAIM.as_secs();
            tracing::warn!("the job is left in the queue, since its claim was not written in {limit} s");
            return Left::Alone;
        }
    };
    match shared.queue.acknowledge(id, &offer.nonce).await {
        Ok(Acknowledgement::Ours) => hold.acknowledged().await,
        // To leave it would be to lose it for a day, if it was acknowledged. If it was not, the answer to it does not
        // count, and the job is offered again.
        Ok(Acknowledgement::Unsure) => {
            tracing::warn!("the response to the acknowledgement was lost; the job is taken as acknowledged");
        }
        // Nobody has acknowledged the job under a claim that was made for this offer. Under one that was another
        // worker's somebody may have: it stays, to be found when it has stood still.
        Ok(Acknowledgement::NotOurs) => {
            if hold.is_new().await {
                hold.release().await;
            }
            return Left::Alone;
        }
        Err(failure) => {
            tracing::warn!("{failure}");
            return Left::Alone;
        }
    }
    // Nobody waits for it when the worker is about to end.
    let _ = settling.send(());
    drop(settling);
    tracing::info!("took job {id}");
    shared.metrics.took(Part::Acknowledge, Moment::now().since(began));
    let from = offer.job.continuation.as_ref().map(|token| token.expose().to_owned());
    kept(&hold, work(shared, &offer.job, from, &hold)).await
}

/// Takes over a job by its claim, which has stood still for its lease; `patient` if for so long that
/// it would have been offered again, had it not been acknowledged.
pub(super) async fn take_over<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &Shared<Q, C, A>,
    id: &JobId,
    stalled: &Version,
    patient: bool,
) -> Left {
    let hold = match Hold::take_over(shared, id, stalled, patient).await {
        Ok(Some(hold)) => hold,
        Ok(None) => return Left::Alone,
        Err(failure) => {
            tracing::warn!("{failure}");
            return Left::Alone;
        }
    };
    let job = match shared.queue.details(id).await {
        Ok(Some(job)) => job,
        Ok(None) => {
            hold.release().await;
            return Left::Over;
        }
        // The claim will stand still again.
        Err(failure) => {
            tracing::warn!("{failure}");
            return Left::Alone;
        }
    };
    let claim = hold.claim().await;
    tracing::info!("taken over from a worker that has gone");
    match (claim.stage, claim.answer) {
        (Stage::Refused, _) => {
            hold.release().await;
            Left::Over
        }
        (Stage::Claimed | Stage::Acknowledged, Some(given)) => {
            kept(&hold, finish(shared, id, &given, "taken_over", &hold)).await
        }
        (stage, None) => {
            let noted = claim.checkpoint;
            let from = noted.or_else(|| job.continuation.as_ref().map(|token| token.expose().to_owned()));
            if stage == Stage::Acknowledged {
                return kept(&hold, work(shared, &job, from, &hold)).await;
            }
            // The job may be over: a claim can be written late, after another worker has come to its end. CodePipeline
            // tells that only to an answer, so the job is handed on from where it is before anything is done.
            let configuration = JobConfiguration::parse(&job.configuration, shared.settings.options);
            let external_id = configuration.map(|it| it.external_id()).unwrap_or_default();
            let (given, outcome) = handed_on(&checkpoint(shared, &job, from), &external_id, "taken over");
            kept(&hold, finish(shared, id, &given, outcome, &hold)).await
        }
    }
}

/// Does `work` as long as the claim is ours.
async fn kept<C: ClaimStore>(hold: &Hold<'_, C>, work: impl Future<Output = Left>) -> Left {
    tokio::select! {
        left = work => left,
        () = hold.renewed_until_lost() => {
            tracing::warn!("the claim on the job went to another worker, which finishes it");
            Left::Lost
        }
    }
}

async fn work<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &Shared<Q, C, A>,
    job: &Job,
    token: Option<String>,
    hold: &Hold<'_, C>,
) -> Left {
    let from = checkpoint(shared, job, token);
    let attempted = match caught(Box::pin(attempt(shared, job, from, hold))).await {
        Ok(attempted) => attempted,
        Err(Panicked) => {
            let bug = Failure::new(FailureKind::Bug, "a bug in Evenkeel: the job's work panicked")
                .advice("Please report it with the worker's log; look at the service, then retry the stage");
            Attempt::Over(Answer::fail(&bug, ""), bug.kind().as_str())
        }
    };
    // What was done under a claim that is not ours any more is for its new owner to tell.
    if hold.is_lost().await {
        return Left::Lost;
    }
    match attempted {
        Attempt::HandOn { checkpoint, external_id, summary } => {
            let (given, outcome) = handed_on(&checkpoint, &external_id, &summary);
            finish(shared, &job.id, &given, outcome, hold).await
        }
        Attempt::Over(answer, outcome) => finish(shared, &job.id, &answer, outcome, hold).await,
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
    shared: &Shared<Q, C, A>,
    id: &JobId,
    given: &Answer,
    outcome: &'static str,
    hold: &Hold<'_, C>,
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
    shared: &Shared<Q, C, A>,
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

/// Where to go on from: what was handed on or noted, if it is this action's, else from the start.
fn checkpoint<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &Shared<Q, C, A>,
    job: &Job,
    token: Option<String>,
) -> Checkpoint {
    let execution = job.execution.key();
    match token.map(|token| Checkpoint::parse(&token)) {
        Some(Ok(checkpoint)) if checkpoint.execution == execution => return checkpoint,
        Some(Ok(_)) => {
            tracing::warn!("the continuation token is of another action; looking at what is there")
        }
        Some(Err(failure)) => tracing::warn!("{}; looking at what is there", failure.without_advice()),
        None => {}
    }
    Checkpoint { execution: execution.to_owned(), began: shared.clock.now(), services: Vec::new() }
}
