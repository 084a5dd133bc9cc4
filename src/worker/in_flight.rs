//! The jobs that a worker works on, each in a task of its own, and what its loops know of the rest.
//!
//! # Guarantees
//! * However a task ends, its job is no longer in flight: a claim that it left behind is taken over, by this
//!   worker too.
//! * Dropping it ends all tasks where they are, as a crash would.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_core::job::JobId;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Moment;

use super::claims::Watch;
use super::job::{Known, Left};
use super::metrics::Metrics;
use super::settings::{OFFERED_AGAIN, Settings};

/// How often in a row a draining worker has to find nothing, 20 seconds or more as long as it polls every two: the event
/// that starts one may come before the job can be polled.
const EMPTY_POLLS: u32 = 10;

/// How long after its last offer a job is forgotten whose token is not understood.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// The jobs in flight.
pub(super) struct InFlight {
    seen: Arc<watch::Sender<LoopTimes>>,
    tasks: Mutex<JoinSet<()>>,
    concurrency: usize,
    has_claims: bool,
    queues: usize,
}

/// What the loops of a worker know.
#[derive(Debug, Default)]
pub(super) struct LoopTimes {
    jobs: BTreeSet<JobId>,
    /// Jobs that are another worker's, and until when offers of them are left alone.
    resting: BTreeMap<JobId, Moment>,
    /// Jobs whose token is not understood: when the first of their offers was left, and the last.
    not_understood: BTreeMap<JobId, (Moment, Moment)>,
    /// The claims, and whether they were ever listed.
    pub(super) claims: Watch,
    pub(super) has_listed: bool,
    /// How many polls in a row found nothing in each queue.
    pub(super) empty_polls: BTreeMap<usize, u32>,
    /// The queues of which a poll is under way, whose jobs are not in flight yet.
    pub(super) polling: BTreeSet<usize>,
}

impl InFlight {
    /// None yet, of so many queues.
    pub(super) fn new(settings: &Settings, has_claims: bool, queues: usize) -> Self {
        let (seen, _) = watch::channel(LoopTimes::default());
        let (seen, concurrency) = (Arc::new(seen), settings.concurrency);
        Self { seen, tasks: Mutex::default(), concurrency, has_claims, queues }
    }

    /// How many more jobs there is room for.
    pub(super) fn room(&self) -> usize {
        self.concurrency.saturating_sub(self.seen.borrow().jobs.len())
    }

    /// Waits until there is room for a job.
    pub(super) async fn wait_for_room(&self) {
        self.wait_for(|seen| seen.jobs.len() < self.concurrency).await;
    }

    /// Waits until nothing is queued, nothing in flight, and no claim may be a dead worker's.
    pub(super) async fn wait_until_drained(&self) {
        let are_claims_sure = |seen: &LoopTimes| {
            !self.has_claims || seen.has_listed && !seen.claims.has_doubts(|job| seen.jobs.contains(job))
        };
        self.wait_for(|seen| {
            seen.jobs.is_empty()
                && seen.polling.is_empty()
                && seen.empty_polls.values().filter(|polls| **polls >= EMPTY_POLLS).count() == self.queues
                && are_claims_sure(seen)
                && !seen.may_be_offered(Moment::now())
        })
        .await;
    }

    /// Waits until no job is in flight.
    pub(super) async fn wait_until_empty(&self) {
        let left = self.seen.borrow().jobs.len();
        if left > 0 {
            tracing::info!("ending as soon as all jobs are handed back; there are {left}");
        }
        self.wait_for(|seen| seen.jobs.is_empty()).await;
    }

    async fn wait_for(&self, is_so: impl FnMut(&LoopTimes) -> bool) {
        // The sender lives as long as this.
        let _ = self.seen.subscribe().wait_for(is_so).await;
    }

    /// Tells what the loops know.
    pub(super) fn read<T>(&self, read: impl FnOnce(&LoopTimes) -> T) -> T {
        read(&self.seen.borrow())
    }

    /// Notes what a loop has learnt.
    pub(super) fn note(&self, note: impl FnOnce(&mut LoopTimes)) {
        self.seen.send_modify(note);
    }

    /// Works on a job. When it is left to another worker, offers of it are left alone for `pause`.
    pub(super) fn start(
        &self,
        id: JobId,
        pause: Duration,
        metrics: Arc<Metrics>,
        work: impl Future<Output = Left> + Send + 'static,
    ) {
        self.note(|seen| {
            seen.jobs.insert(id.clone());
        });
        metrics.began();
        let mut place = Slot { id, seen: Arc::clone(&self.seen), metrics, left: None };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        // As it is, a task would hold it twice: as it came, and as it is awaited.
        let work = Box::pin(work);
        tasks.spawn(async move {
            let left = work.await;
            place.leave(left, Moment::now(), pause);
        });
    }
}

impl LoopTimes {
    /// Whether this worker works on the job.
    pub(super) fn has(&self, job: &JobId) -> bool {
        self.jobs.contains(job)
    }

    /// Whether offers of the job are left alone for now.
    pub(super) fn rests(&self, job: &JobId, now: Moment) -> bool {
        self.resting.get(job).is_some_and(|until| *until > now)
    }

    /// What is known of a job that is offered.
    pub(super) fn known(&self, job: &JobId, settings: &Settings, now: Moment) -> Known {
        let not_understood_for = self.not_understood.get(job).map(|(first, _)| now.since(*first));
        Known {
            stalled: self.claims.stalled_version(job, settings.lease, now),
            abandoned: self.claims.stalled_version(job, settings.forbearance(), now),
            not_understood_for,
            was_said: not_understood_for.is_some() || self.claims.is_foreign(job),
        }
    }

    /// Whether a job that was left, since its token is not understood, may be offered again.
    fn may_be_offered(&self, now: Moment) -> bool {
        self.not_understood.values().any(|(_, last)| now.since(*last) < OFFERED_AGAIN)
    }
}

/// The place that a job has among those in flight, until this is dropped.
struct Slot {
    id: JobId,
    seen: Arc<watch::Sender<LoopTimes>>,
    metrics: Arc<Metrics>,
    left: Option<Left>,
}

impl Slot {
    /// The work has come to its end.
    fn leave(&mut self, left: Left, now: Moment, pause: Duration) {
        if matches!(left, Left::NotOurs | Left::NotUnderstood(_)) {
            self.seen.send_modify(|seen| {
                seen.resting.retain(|_, until| *until > now);
                seen.resting.insert(self.id.clone(), now.plus(pause));
                if let Left::NotUnderstood(Some(claim)) = &left {
                    seen.claims.not_understood(&self.id, claim);
                }
                if left == Left::NotUnderstood(None) {
                    seen.not_understood.retain(|_, (_, last)| now.since(*last) < FORGOTTEN);
                    seen.not_understood.entry(self.id.clone()).or_insert((now, now)).1 = now;
                }
            });
        } else {
            self.seen.send_modify(|seen| {
                seen.not_understood.remove(&self.id);
            });
        }
        self.left = Some(left);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match &self.left {
            Some(left) => self.metrics.left(left.as_str()),
            None => {
                self.metrics.left("panicked");
                if std::thread::panicking() {
                    tracing::error!("a bug in Evenkeel: the task of job {} panicked", self.id);
                }
            }
        }
        self.seen.send_modify(|seen| {
            seen.jobs.remove(&self.id);
        });
    }
}
