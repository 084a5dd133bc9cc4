//! What a slice of a deployment begins with, and how it ends.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use evenkeel_core::checkpoint::Checkpoint;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::timestamp::Timestamp;

use crate::clock::{Clock, Moment};

use super::beginning::{self, Cut};
use super::{Interrupt, Report};

/// Where a slice begins and when it hands on.
pub struct Slice<'a> {
    /// Where the deployment stands.
    pub from: Checkpoint,
    /// When it is handed on: never, if there is none.
    pub until: Option<Moment>,
    /// Hand it on right after a rollout has begun.
    pub after_start: bool,
    /// Is told what is about to be done.
    pub journal: &'a dyn Journal,
}

/// Why a slice ends before its first tick.
pub enum NotBegun {
    /// It is interrupted, or over: another one begins where it began.
    HandedOn,
    /// The deployment's time-out is over, and nothing of it has begun.
    Failed(Failure),
}

impl Slice<'_> {
    /// The result of `reading`, which changes nothing, before the first tick. An interrupt, the end of the slice and the
    /// end of the deployment's `timeout` cut the reading off. A rollout that is under way is not cut off by its
    /// time-out, since its first tick decides what to do about that.
    pub async fn begin<T>(
        &self,
        timeout: Duration,
        clock: Clock,
        interrupt: Interrupt,
        reading: impl Future<Output = T>,
    ) -> Result<T, NotBegun> {
        let until_timeout = match self.from.services.is_empty() {
            true => self.from.began.plus(timeout).since(clock.now()),
            false => Duration::MAX,
        };
        let longest = self.left().min(until_timeout);
        beginning::within(longest, clock, interrupt, reading).await.map_err(|cut| match cut {
            Cut::TooLong if !self.left().is_zero() => NotBegun::Failed(cut.failure(timeout)),
            Cut::TooLong | Cut::Interrupted(_) => NotBegun::HandedOn,
        })
    }

    /// How long it still lasts.
    pub(super) fn left(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.since(Moment::now()))
    }

    /// Whether `failure` may pass by itself, and there is time left for it to.
    pub(super) fn outlasts(&self, failure: &Failure, request: &DeployRequest, now: Timestamp) -> bool {
        failure.kind() == FailureKind::Unavailable && now.since(self.from.began) < request.longest()
    }
}

/// Keeps what is about to be done, for whoever takes over.
pub trait Journal: Sync {
    /// Keeps `checkpoint` in the place of the last one.
    ///
    /// # Errors
    /// When it is not kept; then nothing is done.
    fn note<'a>(&'a self, checkpoint: &'a Checkpoint) -> Noted<'a>;
}

/// The future of [`Journal::note`].
pub type Noted<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// How a slice ended.
#[derive(Debug)]
pub enum SliceEnd {
    /// The deployment is over.
    Ended(Report),
    /// It goes on from here.
    HandedOn(Checkpoint),
}
