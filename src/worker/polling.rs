//! The loop over the job queue: it polls by free capacity and takes up what is offered.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::Job;
use evenkeel_core::ports::{Access, ClaimStore, JobQueue, Offer};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Instrument;

use crate::clock::Moment;
use crate::deploy::Throttling;

use super::WorkerContext;
use super::in_flight::InFlight;
use super::job;
use super::pulse::Loop;

/// How long a poll may take. One that is dropped loses no job: each is offered again.
const LONGEST_POLL: Duration = Duration::from_secs(60);

/// How often a worker that is full comes round to say so.
const FULL: Duration = Duration::from_secs(10);

/// Polls `queue`, the worker's `nth`, until it refuses to be asked before it ever answered: a wrong name, or no
/// permission.
pub(super) async fn run<Q, C, A>(
    shared: &Arc<WorkerContext<Q, C, A>>,
    queue: &Q,
    nth: usize,
    jobs: &InFlight,
) -> Failure
where
    Q: JobQueue + Send + 'static,
    C: ClaimStore + 'static,
    A: Access,
{
    let (clock, settings) = (shared.clock, &shared.settings);
    let (mut has_answered, mut throttling) = (false, Throttling::default());
    loop {
        wait_for_room(shared, nth, jobs).await;
        turned(shared, nth, LONGEST_POLL);
        jobs.note(|seen| {
            seen.polling.insert(nth);
        });
        let throttled = queue.throttled();
        let polled = ask(shared, queue, nth, jobs.room()).await;
        if queue.throttled() > throttled {
            throttling.refused(settings.poll);
        } else {
            throttling.passed(settings.poll);
        }
        let wait = match polled {
            Ok(offers) => {
                has_answered = true;
                let is_empty = offers.is_empty();
                shared.metrics.polled(if is_empty { "empty" } else { "jobs" });
                let settled = take_up(shared, jobs, offers);
                jobs.note(|seen| {
                    seen.polling.remove(&nth);
                    let empty = seen.empty_polls.entry(nth).or_default();
                    *empty = if is_empty { *empty + 1 } else { 0 };
                });
                let pause = throttling.wait(drawn(settings.poll));
                match settled {
                    Some(settled) => {
                        turned(shared, nth, pause);
                        // A poll before the acknowledgement could offer the same job once more, and only the newest
                        // offer of a job counts.
                        let began = Moment::now();
                        let is_ours = clock.within(pause, any_acknowledged(settled)).await.unwrap_or(false);
                        // Where there was a job for us there may be more.
                        let waited = Moment::now().since(began);
                        if is_ours { Duration::ZERO } else { pause.saturating_sub(waited) }
                    }
                    None => pause,
                }
            }
            Err(failure) if !has_answered && failure.kind() != FailureKind::Unavailable => return failure,
            Err(failure) => {
                jobs.note(|seen| {
                    seen.polling.remove(&nth);
                });
                shared.metrics.polled("failed");
                tracing::warn!("{failure}");
                drawn(throttling.wait(settings.poll))
            }
        };
        turned(shared, nth, wait);
        clock.sleep(wait).await;
    }
}

/// Up to a fifth longer, drawn each time: else of two workers the same one would be offered each job, also one that it does
/// not understand.
fn drawn(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + 0.2 * fastrand::f64())
}

fn turned<Q, C, A: Access>(shared: &WorkerContext<Q, C, A>, nth: usize, time: Duration) {
    shared.metrics.pulse().turned(Loop::Polling(nth), Moment::now(), time);
}

async fn wait_for_room<Q, C, A: Access>(shared: &WorkerContext<Q, C, A>, nth: usize, jobs: &InFlight) {
    loop {
        turned(shared, nth, FULL);
        if shared.clock.within(FULL, jobs.wait_for_room()).await.is_some() {
            return;
        }
    }
}

async fn ask<Q: JobQueue, C, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    queue: &Q,
    nth: usize,
    room: usize,
) -> Result<Vec<Offer>, Failure> {
    let pulse = shared.metrics.pulse();
    pulse.asks(nth, Moment::now());
    let polled = shared.clock.within(LONGEST_POLL, queue.poll(room)).await;
    let offers = polled.unwrap_or_else(|| {
        let what = format!("PollForJobs did not answer in {} s", LONGEST_POLL.as_secs());
        Err(Failure::new(FailureKind::Unavailable, what))
    })?;
    pulse.answered(nth);
    shared.metrics.heard(shared.clock.now().since_epoch());
    Ok(offers)
}

/// Waits until every offer that was taken up is acknowledged or left; whether one was acknowledged.
async fn any_acknowledged(mut settled: UnboundedReceiver<()>) -> bool {
    let mut is_any = false;
    while settled.recv().await.is_some() {
        is_any = true;
    }
    is_any
}

/// Takes up the offers of jobs that are not in our hands already, and were not another worker's just now. What is
/// returned, if there was any, receives a message for each acknowledged job and ends when all offers are settled.
fn take_up<Q, C, A>(
    shared: &Arc<WorkerContext<Q, C, A>>,
    jobs: &InFlight,
    offers: Vec<Offer>,
) -> Option<UnboundedReceiver<()>>
where
    Q: JobQueue + Send + 'static,
    C: ClaimStore + 'static,
    A: Access,
{
    let (settling, settled) = unbounded_channel();
    let now = Moment::now();
    let mut taken = false;
    for offer in offers {
        let id = offer.job.id.clone();
        let known = jobs.read(|seen| {
            let is_ours = !seen.has(&id) && !seen.rests(&id, now);
            is_ours.then(|| seen.known(&id, &shared.settings, now))
        });
        // Room that a job was taken over into while the poll was under way is gone; an offer that is left is made
        // again.
        let Some(known) = known.filter(|_| jobs.room() > 0) else { continue };
        taken = true;
        let (of_job, settling, span) = (Arc::clone(shared), settling.clone(), span(&offer.job));
        let work = async move { job::take_up(&of_job, offer, known, settling).await };
        let (pause, metrics) = (shared.settings.poll, Arc::clone(&shared.metrics));
        jobs.start(id, pause, metrics, work.instrument(span));
    }
    taken.then_some(settled)
}

/// What every line of a job's log tells.
fn span(job: &Job) -> tracing::Span {
    tracing::info_span!(
        "job",
        job = %job.id,
        pipeline = %job.execution.pipeline,
        stage = %job.execution.stage,
        action = %job.execution.action,
        execution = %job.execution.pipeline_execution,
    )
}
