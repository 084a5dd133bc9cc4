//! How a worker is to work.

use std::time::Duration;

use evenkeel_core::job::ReadOptions;

use crate::deploy::Polling;

/// How a worker is to work.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this worker is, in its claims: unlike any other process's, also its own predecessor's.
    pub owner: String,
    /// How many jobs it works on at once, 1 or more.
    pub concurrency: usize,
    /// How long to wait between two polls of the job queue that found nothing.
    pub poll: Duration,
    /// After how long a job is handed on to a new one.
    pub slice: Duration,
    /// How long a claim is honoured that is not renewed.
    pub lease: Duration,
    /// Take what is queued, keep it to its end, and end.
    pub drain: bool,
    /// When to poll rollouts.
    pub watching: Polling,
    /// Reads the property `Options` of a job.
    pub options: ReadOptions,
}

/// Without claims an acknowledged job is lost with its worker, so it is handed back soon.
const UNCLAIMED_SLICE: Duration = Duration::from_secs(30);

/// How long after a lease ran out a job that may never have been acknowledged is offered again at
/// the latest; AWS does not say how long that takes.
pub(super) const OFFERED_AGAIN: Duration = Duration::from_secs(120);

/// How long a job that this worker does not understand is left for a worker of another version, while a fleet of both
/// is updated or rolled back. Then it fails, long before CodePipeline's 24 hours are over.
pub(super) const FOR_ANOTHER_VERSION: Duration = Duration::from_secs(15 * 60);

impl Settings {
    /// How long this worker keeps a job before it hands it on; none when it keeps it to its end.
    pub(super) fn slice(&self, has_claims: bool) -> Option<Duration> {
        if self.drain {
            None
        } else if has_claims {
            Some(self.slice)
        } else {
            Some(self.slice.min(UNCLAIMED_SLICE))
        }
    }

    /// For how long a claim has to stand still until the job may be taken over, if it was not
    /// acknowledged for certain: one that was not is offered again first.
    pub(super) fn patience(&self) -> Duration {
        self.lease + OFFERED_AGAIN
    }

    /// For how long a claim that is not understood has to stand still until its job fails on an offer.
    pub(super) fn forbearance(&self) -> Duration {
        self.lease.max(FOR_ANOTHER_VERSION)
    }

    /// The same for a job that is not offered: it may never have been acknowledged, and is offered again first.
    pub(super) fn longest_forbearance(&self) -> Duration {
        self.forbearance() + OFFERED_AGAIN
    }

    /// For how long after its last renewal a claim is its owner's: less than a lease, so that what the
    /// owner has under way has ended when others take over.
    pub(super) fn tenure(&self) -> Duration {
        self.lease * 5 / 6
    }

    /// How often a claim is renewed: twice it may fail.
    pub(super) fn heartbeat(&self) -> Duration {
        self.lease / 3
    }
}
