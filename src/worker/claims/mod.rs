//! Claims: which worker works on which job, so that the job of a worker that dies is finished.
//!
//! # Flow
//! take → (renew | note)* → release; beside it every worker watches all claims, and takes over what
//! stands still.
//!
//! # Guarantees
//! * Every write depends on what was read, so of several workers one has a claim.
//! * No clock of another machine is trusted: a watcher measures by its own monotonic clock how long a claim
//!   stands still, and an owner by its own how long it has not renewed it.
//! * A process that is killed at any moment leaves a whole claim or none.

mod bucket;
mod claim;
mod folder;
mod key;
mod watch;

pub use bucket::BucketClaims;
pub use folder::FolderClaims;

pub(super) use claim::{Claim, JobStage};
pub(super) use watch::Watch;

use evenkeel_core::failure::Failure;
use evenkeel_core::job::JobId;
use evenkeel_core::ports::{ClaimStore, Objects, Precondition, Version};

/// Either place of claims.
#[derive(Debug)]
pub enum Claims<O> {
    /// A folder of this machine, `dir:PATH`.
    Folder(FolderClaims),
    /// A bucket, `s3://BUCKET/PREFIX`.
    Bucket(BucketClaims<O>),
}

impl<O: Objects + Send> ClaimStore for Claims<O> {
    fn place(&self) -> String {
        match self {
            Self::Folder(folder) => folder.place(),
            Self::Bucket(bucket) => bucket.place(),
        }
    }

    async fn list(&self) -> Result<Vec<(JobId, Version)>, Failure> {
        match self {
            Self::Folder(folder) => folder.list().await,
            Self::Bucket(bucket) => bucket.list().await,
        }
    }

    async fn read(&self, job: &JobId) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        match self {
            Self::Folder(folder) => folder.read(job).await,
            Self::Bucket(bucket) => bucket.read(job).await,
        }
    }

    async fn write(
        &self,
        job: &JobId,
        content: &[u8],
        condition: &Precondition,
    ) -> Result<Option<Version>, Failure> {
        match self {
            Self::Folder(folder) => folder.write(job, content, condition).await,
            Self::Bucket(bucket) => bucket.write(job, content, condition).await,
        }
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        match self {
            Self::Folder(folder) => folder.remove(job, version).await,
            Self::Bucket(bucket) => bucket.remove(job, version).await,
        }
    }
}

#[cfg(test)]
mod tests;
