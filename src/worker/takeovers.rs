//! The loop over the claims: one that stands still for its lease belongs to a worker that has gone.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::JobId;
use evenkeel_core::ports::{Access, ClaimStore, JobQueue, Version};
use tracing::Instrument;

use crate::clock::Moment;

use super::WorkerContext;
use super::in_flight::InFlight;
use super::job::{self, Stood};
use super::pulse::Loop;

/// How long listing the claims may take.
const LONGEST_LISTING: Duration = Duration::from_secs(60);

/// Looks through the claims, for ever. A worker without claims has none to look through.
pub(super) async fn run<Q, C, A>(shared: &Arc<WorkerContext<Q, C, A>>, jobs: &InFlight)
where
    Q: JobQueue + Send + 'static,
    C: ClaimStore + 'static,
    A: Access,
{
    let Some(store) = &shared.claims else { return std::future::pending().await };
    let (clock, settings) = (shared.clock, &shared.settings);
    loop {
        let began = Moment::now();
        shared.metrics.pulse().turned(Loop::Claims, began, settings.heartbeat().max(LONGEST_LISTING));
        match list(store, shared).await {
            Ok(listed) => {
                jobs.note(|seen| {
                    seen.has_listed = true;
                    seen.claims.see(listed, Moment::now());
                });
                take_over(shared, jobs);
            }
            Err(failure) => tracing::warn!("the claims cannot be looked through: {failure}"),
        }
        clock.sleep(settings.heartbeat().saturating_sub(Moment::now().since(began))).await;
    }
}

async fn list<Q, C: ClaimStore, A: Access>(
    store: &C,
    shared: &WorkerContext<Q, C, A>,
) -> Result<Vec<(JobId, Version)>, Failure> {
    let listed = shared.clock.within(LONGEST_LISTING, store.list()).await;
    listed.unwrap_or_else(|| {
        let what = format!("{} did not answer in {} s", store.place(), LONGEST_LISTING.as_secs());
        Err(Failure::new(FailureKind::Unavailable, what))
    })
}

/// Takes over as many of the jobs whose claims stand still as there is room for.
fn take_over<Q, C, A>(shared: &Arc<WorkerContext<Q, C, A>>, jobs: &InFlight)
where
    Q: JobQueue + Send + 'static,
    C: ClaimStore + 'static,
    A: Access,
{
    let (settings, now) = (&shared.settings, Moment::now());
    let stalled = jobs.read(|seen| {
        let mut stalled = seen.claims.stalled(settings.lease, settings.longest_forbearance(), now);
        stalled.retain(|(id, _)| !seen.has(id));
        stalled
    });
    for (id, version) in stalled.into_iter().take(jobs.room()) {
        let has_stood = |time| jobs.read(|seen| seen.claims.stalled_version(&id, time, now).is_some());
        let stood = if has_stood(settings.longest_forbearance()) {
            Stood::PastOtherVersions
        } else if has_stood(settings.patience()) {
            Stood::PastOffers
        } else {
            Stood::ForALease
        };
        let (of_job, job) = (Arc::clone(shared), id.clone());
        let span = tracing::info_span!("job", job = %id);
        let work = async move { job::take_over(&of_job, &job, &version, stood).await };
        let metrics = Arc::clone(&shared.metrics);
        jobs.start(id, Duration::ZERO, metrics, work.instrument(span));
    }
}
