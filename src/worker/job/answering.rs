//! Answering a job: as often as it takes, and nothing else is done meanwhile.

use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::{Answer, JobId};
use evenkeel_core::ports::JobQueue;

use crate::clock::{Clock, Moment};
use crate::deploy::Interrupt;

/// The first wait between two attempts, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// When to give up: a custom action is over after 24 hours (AWS CodePipeline quotas).
const OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a worker repeats an answer after a signal. Amazon ECS kills a container 30 s after SIGTERM by default.
const LAST_TRIES: Duration = Duration::from_secs(20);

/// Answers a job; whether the answer counted. It does not when the job was over already.
///
/// An answer that cannot be given is given again, whatever the reason: a job without one would
/// hold its pipeline up for a day. One that AWS refuses for good is given with less in it.
///
/// # Errors
/// The failure of the last try: after a day, or 20 s after a signal.
pub(super) async fn answer<Q: JobQueue>(
    queue: &Q,
    clock: Clock,
    mut interrupt: Interrupt,
    job: &JobId,
    answer: &Answer,
) -> Result<bool, Failure> {
    let began = Moment::now();
    let mut answer = answer.clone();
    let mut wait = WAITS.0;
    let mut ends = None;
    loop {
        let failure = match queue.answer(job, &answer).await {
            Ok(counted) => return Ok(counted),
            Err(failure) => failure,
        };
        let now = Moment::now();
        if interrupt.raised().is_some() {
            let ends = *ends.get_or_insert_with(|| now.plus(LAST_TRIES));
            if now >= ends {
                return Err(failure);
            }
        }
        if now.since(began) >= OVER {
            return Err(failure);
        }
        let plainer = answer.plainer().filter(|_| failure.kind() == FailureKind::InvalidInput);
        if let Some(plainer) = plainer {
            tracing::error!("the answer was refused and is given with less in it: {failure}");
            answer = plainer;
            continue;
        }
        tracing::error!("the answer was not taken and is given again: {failure}");
        let pause = clock.sleep(wait.mul_f64(1.0 - 0.2 * fastrand::f64()));
        wait = (wait * 2).min(WAITS.1);
        if ends.is_some() {
            clock.within(LAST_TRIES / 4, pause).await;
            continue;
        }
        tokio::select! {
            biased;
            () = pause => {}
            _ = interrupt.wait() => ends = Some(Moment::now().plus(LAST_TRIES)),
        }
    }
}
