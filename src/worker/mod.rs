//! The worker: takes the jobs of the custom action, deploys, and answers each exactly once.
//!
//! # Flow
//! poll by free capacity → (per job) claim → acknowledge → read what to deploy → deploy a slice → hand
//! on or answer → release the claim. Beside it claims are looked through: one that stands still for
//! its lease belongs to a worker that has gone, and its job is taken over.
//!
//! # Guarantees
//! * No job is lost: it is in CodePipeline's queue, or in a claim, or answered.
//! * Of several workers one works on a job; another one goes on from what the claim says.
//! * A panic in a job is that job's failure and nobody else's.
//!
//! # Assumptions
//! An acknowledged job is not offered again. All workers on one action type share one place of
//! claims. Without claims a job whose worker dies waits for its time-out of 24 hours.

mod answering;
mod attempt;
pub mod claims;
mod health;
mod hold;
mod images;
mod job;
mod job_ecs;
mod job_record;
mod log;
mod metrics;
mod result;
mod settings;
mod shared;
mod unwind;

pub use health::serve as serve_health;
pub use metrics::Metrics;
pub use settings::{Between, Settings};

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::clock::{Clock, Timestamp};
use crate::deploy::Interrupt;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::job::{Job, JobId};
use crate::ports::{Access, ClaimStore, JobQueue, Offer};

use claims::Watch;
use job::Left;
use job_ecs::Who;
use shared::Sharing;

/// How long to wait at most before the queue is asked again after it failed.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// How often in a row a draining worker has to find nothing: the event that starts one may come
/// before the job can be polled.
const EMPTY_POLLS: u32 = 2;

/// How many deployments begin at once. ECS lets an account register a revision a second, so more
/// would but stand in the way of those that have begun and are watched.
const BEGINNINGS: usize = 16;

/// A worker, and all that it works with.
pub struct Worker<Q, C, A: Access> {
    shared: Arc<Shared<Q, C, A>>,
}

/// What all jobs of a worker share.
struct Shared<Q, C, A: Access> {
    queue: Q,
    claims: Option<C>,
    access: A,
    sharing: Sharing<Who, A::Ecs>,
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
            shared: Arc::new(Shared {
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
        }
    }

    /// Works until it is interrupted and every job is handed back, or until nothing is left to
    /// drain. Dropping it leaves the jobs where they are, as a crash would.
    ///
    /// # Errors
    /// When the queue refuses to be asked before it ever answered: a wrong name, or no permission.
    pub async fn run(self) -> Result<(), Failure> {
        let now = self.shared.clock.now();
        let mut rounds = Rounds {
            shared: self.shared,
            tasks: JoinSet::new(),
            in_flight: BTreeSet::new(),
            watch: Watch::default(),
            next_poll: now,
            next_sweep: now,
            empty_polls: 0,
            failed_polls: 0,
            has_heard: false,
            has_swept: false,
        };
        let worked = rounds.work().await;
        if !rounds.tasks.is_empty() {
            tracing::info!("ending as soon as all jobs are handed back; there are {}", rounds.tasks.len());
        }
        while let Some(ended) = rounds.tasks.join_next().await {
            rounds.reap(ended);
        }
        worked
    }
}

/// The rounds that a worker makes: over the queue, over the claims, over its own jobs.
struct Rounds<Q, C, A: Access> {
    shared: Arc<Shared<Q, C, A>>,
    tasks: JoinSet<(JobId, Left)>,
    in_flight: BTreeSet<JobId>,
    watch: Watch,
    next_poll: Timestamp,
    next_sweep: Timestamp,
    empty_polls: u32,
    failed_polls: u32,
    has_heard: bool,
    has_swept: bool,
}

impl<Q, C, A> Rounds<Q, C, A>
where
    Q: JobQueue + Send + 'static,
    C: ClaimStore + 'static,
    A: Access,
{
    async fn work(&mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let clock = shared.clock;
        let mut interrupt = shared.interrupt.clone();
        while !self.is_drained() {
            let has_room = self.has_room();
            tokio::select! {
                () = interrupt.wait() => return Ok(()),
                Some(ended) = self.tasks.join_next() => self.reap(ended),
                () = clock.sleep(self.next_sweep.since(clock.now())), if shared.claims.is_some() => {
                    tokio::select! {
                        () = interrupt.wait() => return Ok(()),
                        () = self.sweep() => {}
                    }
                }
                () = clock.sleep(self.next_poll.since(clock.now())), if has_room => {
                    // A poll that is dropped half-way loses no job: each is offered again.
                    tokio::select! {
                        () = interrupt.wait() => return Ok(()),
                        polled = self.poll() => polled?,
                    }
                }
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.tasks.len() < self.shared.settings.concurrency
    }

    /// Nothing is queued, nothing in flight, and no claim may be a dead worker's.
    fn is_drained(&self) -> bool {
        self.shared.settings.drain
            && self.tasks.is_empty()
            && self.empty_polls >= EMPTY_POLLS
            && (self.shared.claims.is_none()
                || self.has_swept && !self.watch.has_doubts(|job| self.in_flight.contains(job)))
    }

    async fn poll(&mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let free = shared.settings.concurrency - self.tasks.len();
        match shared.queue.poll(free).await {
            Ok(offers) => {
                self.has_heard = true;
                self.failed_polls = 0;
                shared.metrics.heard(shared.clock.now().since_epoch());
                shared.metrics.polled(if offers.is_empty() { "empty" } else { "jobs" });
                self.empty_polls = if offers.is_empty() { self.empty_polls + 1 } else { 0 };
                // Where there was a job there may be more.
                let wait = if offers.is_empty() { shared.settings.poll.any() } else { Duration::ZERO };
                self.next_poll = shared.clock.now().plus(wait);
                let mut taken = false;
                for offer in offers {
                    taken |= self.take_up(offer);
                }
                if !taken {
                    self.next_poll = shared.clock.now().plus(shared.settings.poll.any());
                }
                Ok(())
            }
            Err(failure) if !self.has_heard && failure.kind() != FailureKind::Unavailable => Err(failure),
            Err(failure) => {
                shared.metrics.polled("failed");
                tracing::warn!("{failure}");
                let backoff = shared.settings.poll.any() * 2_u32.saturating_pow(self.failed_polls.min(8));
                self.failed_polls += 1;
                self.next_poll = shared.clock.now().plus(backoff.min(LONGEST_BACKOFF));
                Ok(())
            }
        }
    }

    /// Whether the offer is a job that is not in our hands already.
    fn take_up(&mut self, offer: Offer) -> bool {
        let id = offer.job.id.clone();
        if self.in_flight.contains(&id) {
            return false;
        }
        let shared = Arc::clone(&self.shared);
        let stalled = self.watch.stalled_version(&id, shared.settings.lease, shared.clock.now());
        let span = span(&offer.job);
        self.spawn(id, async move { job::take_up(&shared, offer, stalled).await }.instrument(span));
        true
    }

    async fn sweep(&mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(store) = &shared.claims else { return };
        self.next_sweep = shared.clock.now().plus(shared.settings.heartbeat());
        match store.list().await {
            Ok(listed) => {
                self.has_swept = true;
                self.watch.see(listed, shared.clock.now());
            }
            Err(failure) => {
                tracing::warn!("the claims cannot be looked through: {failure}");
                return;
            }
        }
        let now = shared.clock.now();
        for (id, version) in self.watch.stalled(shared.settings.lease, now) {
            if !self.has_room() {
                return;
            }
            if self.in_flight.contains(&id) {
                continue;
            }
            let patient = self.watch.stalled_version(&id, shared.settings.patience(), now).is_some();
            let (shared, job) = (Arc::clone(&shared), id.clone());
            let span = tracing::info_span!("job", job = %id);
            let work = async move { job::take_over(&shared, &job, &version, patient).await };
            self.spawn(id, work.instrument(span));
        }
    }

    fn spawn(&mut self, id: JobId, work: impl Future<Output = Left> + Send + 'static) {
        self.in_flight.insert(id.clone());
        self.shared.metrics.began();
        self.tasks.spawn(async move { (id, work.await) });
    }

    fn reap(&mut self, ended: Result<(JobId, Left), tokio::task::JoinError>) {
        match ended {
            Ok((id, left)) => {
                self.in_flight.remove(&id);
                self.shared.metrics.left(left.as_str());
            }
            // What can panic is caught inside; a claim that is left behind is taken over.
            Err(error) => {
                self.shared.metrics.left("panicked");
                tracing::error!("a job's task came to grief: {error}");
            }
        }
    }
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
