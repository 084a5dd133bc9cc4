//! Claims in an Amazon S3 bucket.

use evenkeel_core::failure::Failure;
use evenkeel_core::job::{JobId, ObjectAddress};
use evenkeel_core::ports::{ClaimStore, Encryption, Objects, Precondition, Version};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::claim::MAX_CLAIM;
use super::key;

/// Claims in a bucket, one object `PREFIX/<job id>.json` each.
///
/// S3 answers conditional writes with strong consistency (Amazon S3 User Guide, "How to prevent
/// object overwrites with conditional writes"). Its calls are boxed, as a job carries several of them.
#[derive(Debug)]
pub struct BucketClaims<O> {
    objects: O,
    bucket: String,
    /// What all keys begin with: empty, or with a slash at its end.
    prefix: String,
    encryption: Encryption,
    turns: Semaphore,
}

/// How many requests are under way at once. A worker may want to renew a thousand claims at one moment,
/// and each that waits inside the SDK takes the memory of a request.
const REQUESTS: usize = 16;

impl<O: Objects> BucketClaims<O> {
    /// The claims below `prefix` in `bucket`; an empty prefix is the whole bucket.
    pub fn new(objects: O, bucket: impl Into<String>, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let (bucket, encryption) = (bucket.into(), Encryption::Default);
        Self { objects, bucket, prefix, encryption, turns: Semaphore::new(REQUESTS) }
    }

    /// The same, with new claims encrypted in this way.
    #[must_use]
    pub fn encrypted(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// The objects, when it is our turn. The semaphore is never closed.
    async fn objects(&self) -> (&O, Option<SemaphorePermit<'_>>) {
        (&self.objects, self.turns.acquire().await.ok())
    }

    fn address(&self, job: &JobId) -> Result<ObjectAddress, Failure> {
        Ok(ObjectAddress { bucket: self.bucket.clone(), key: format!("{}{}", self.prefix, key::name(job)?) })
    }
}

impl<O: Objects + Send> ClaimStore for BucketClaims<O> {
    fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix.trim_end_matches('/'))
    }

    async fn list(&self) -> Result<Vec<(JobId, Version)>, Failure> {
        let (objects, _turn) = self.objects().await;
        let listed = Box::pin(objects.list(&self.bucket, &self.prefix)).await?;
        let claim =
            |(key, version): (String, Version)| Some((key::job(key.strip_prefix(&self.prefix)?)?, version));
        Ok(listed.into_iter().filter_map(claim).collect())
    }

    async fn read(&self, job: &JobId) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let (objects, _turn) = self.objects().await;
        Box::pin(objects.read(&self.address(job)?, MAX_CLAIM as u64)).await
    }

    async fn write(
        &self,
        job: &JobId,
        content: &[u8],
        condition: &Precondition,
    ) -> Result<Option<Version>, Failure> {
        let at = self.address(job)?;
        let (objects, _turn) = self.objects().await;
        Box::pin(objects.write(&at, content.to_vec(), condition, &self.encryption)).await
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        let (objects, _turn) = self.objects().await;
        Box::pin(objects.delete(&self.address(job)?, version)).await
    }
}
