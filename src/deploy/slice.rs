//! What a slice of a deployment begins with, and how it ends.

use std::future::Future;
use std::pin::Pin;

use crate::clock::Moment;
use crate::domain::checkpoint::Checkpoint;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::request::DeployRequest;
use crate::domain::timestamp::Timestamp;

use super::Report;

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

impl Slice<'_> {
    /// Whether `failure` may pass by itself, and there is time left for it to: a rollout's, and that of
    /// a rollback again.
    pub(super) fn outlasts(&self, failure: &Failure, request: &DeployRequest, now: Timestamp) -> bool {
        failure.kind() == FailureKind::Unavailable && now.since(self.from.began) < request.policy.timeout * 2
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
