//! Answering a job: as often as it takes, and nothing else is done meanwhile.

use std::time::Duration;

use crate::clock::Clock;
use crate::domain::failure::Failure;
use crate::domain::job::{Answer, JobId};
use crate::ports::JobQueue;

/// The first wait between two attempts, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// When to give up: a custom action is over after 24 hours (AWS CodePipeline quotas).
const OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers a job; whether the answer counted. It does not when the job was over already.
///
/// An answer that cannot be given is given again, whatever the reason: a job without one would
/// hold its pipeline up for a day.
///
/// # Errors
/// After a day of trying.
pub(super) async fn answer<Q: JobQueue>(
    queue: &Q,
    clock: Clock,
    job: &JobId,
    answer: &Answer,
) -> Result<bool, Failure> {
    let began = clock.now();
    let mut wait = WAITS.0;
    loop {
        match queue.answer(job, answer).await {
            Ok(counted) => return Ok(counted),
            Err(failure) if clock.now().since(began) >= OVER => return Err(failure),
            Err(failure) => tracing::error!("the answer was not taken and is given again: {failure}"),
        }
        clock.sleep(wait.mul_f64(1.0 - 0.2 * fastrand::f64())).await;
        wait = (wait * 2).min(WAITS.1);
    }
}
