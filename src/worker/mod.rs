//! The worker: takes the jobs of the custom action, deploys, and answers each exactly once.
//!
//! # Flow
//! poll by free capacity → (per job) claim → acknowledge → read what to deploy → deploy a slice → hand
//! on or answer → release the claim. A second loop looks through the claims: one that stands still for
//! its lease belongs to a worker that has gone, and its job is taken over. Neither loop waits for the other or for
//! a job.
//!
//! # Guarantees
//! * No job is lost: it is in CodePipeline's queue, or in a claim, or answered.
//! * Of several workers one works on a job; another one goes on from what the claim says.
//! * What another version of Evenkeel has begun is never begun again: see `job`.
//! * A panic in a job is that job's failure and nobody else's.
//!
//! # Assumptions
//! An acknowledged job is not offered again. All workers on one action type share one place of
//! claims. Without claims a job whose worker dies waits for its time-out of 24 hours.

pub mod claims;
mod health;
mod in_flight;
mod job;
mod log;
mod metrics;
mod polling;
mod pulse;
mod settings;
mod shared;
mod takeovers;

pub use health::{page as health_page, serve as serve_health};
pub use metrics::Metrics;
pub use settings::Settings;

use std::sync::Arc;

use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Access, ClaimStore, JobQueue};
use futures_util::future::select_all;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::deploy::Interrupt;

use in_flight::InFlight;
use job::CallerKey;
use shared::Sharing;

/// How many deployments begin at once. ECS lets an account register a revision a second, so more
/// would but stand in the way of those that have begun and are watched.
const BEGINNINGS: usize = 16;

/// A worker, and all that it works with.
pub struct Worker<Q, C, A: Access> {
    shared: Arc<WorkerContext<Q, C, A>>,
    /// The queues of further action types.
    further: Vec<Q>,
}

/// What all jobs of a worker share.
struct WorkerContext<Q, C, A: Access> {
    queue: Q,
    claims: Option<C>,
    access: A,
    sharing: Sharing<CallerKey, A::Ecs>,
    clock: Clock,
    settings: Settings,
    metrics: Arc<Metrics>,
    interrupt: Interrupt,
    /// Who may begin a deployment.
    beginnings: Semaphore,
}

impl<Q, C, A> Worker<Q, C, A>
where
    Q: JobQueue + Send + 'static,
    C: ClaimStore + 'static,
    A: Access,
{
    /// A worker on `queue`, whose jobs are handed back when `interrupt` is raised.
    pub fn new(
        queue: Q,
        claims: Option<C>,
        access: A,
        clock: Clock,
        settings: Settings,
        metrics: Arc<Metrics>,
        interrupt: Interrupt,
    ) -> Self {
        let sharing = Sharing::default();
        Self {
            shared: Arc::new(WorkerContext {
                queue,
                claims,
                access,
                sharing,
                clock,
                settings,
                metrics,
                interrupt,
                beginnings: Semaphore::new(BEGINNINGS),
            }),
            further: Vec::new(),
        }
    }

    /// The same, which polls these queues too: those of other versions of the action type. A job is acknowledged and
    /// answered by its id, whatever its type.
    #[must_use]
    pub fn polling_also(self, further: Vec<Q>) -> Self {
        Self { further, ..self }
    }

    /// Works until it is interrupted and every job is handed back, or until nothing is left to
    /// drain. Dropping it leaves the jobs where they are, as a crash would.
    ///
    /// # Errors
    /// When the queue refuses to be asked before it ever answered: a wrong name, or no permission.
    pub async fn run(self) -> Result<(), Failure> {
        let Self { shared, further } = self;
        let mut interrupt = shared.interrupt.clone();
        let jobs = InFlight::new(&shared.settings, shared.claims.is_some(), 1 + further.len());
        let queues = std::iter::once(&shared.queue).chain(&further).enumerate();
        let polling = queues.map(|(nth, queue)| Box::pin(polling::run(&shared, queue, nth, &jobs)));
        let polling = select_all(polling);
        // What is dropped half-way loses nothing: a poll's jobs are offered again, and claims are listed again.
        let worked = tokio::select! {
            biased;
            _ = interrupt.wait() => Ok(()),
            (refusal, ..) = polling => Err(refusal),
            () = takeovers::run(&shared, &jobs) => Ok(()),
            () = jobs.wait_until_drained(), if shared.settings.drain => Ok(()),
        };
        shared.metrics.pulse().ended();
        jobs.wait_until_empty().await;
        worked
    }
}
