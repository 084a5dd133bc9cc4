//! A record in an object of Amazon S3.

use evenkeel_core::failure::Failure;
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Encryption, Objects, Precondition, RecordStore, Version};

/// How many bytes a record may have: far more than any has, and little enough to read.
const LONGEST: u64 = 256 * 1024;

/// A record in an object.
#[derive(Debug, Clone)]
pub struct ObjectStore<O> {
    objects: O,
    at: ObjectAddress,
    encryption: Encryption,
    /// What stands before the address where it is typed.
    prefix: &'static str,
}

impl<O> ObjectStore<O> {
    /// The object at this address; it need not exist, its bucket must.
    pub fn new(objects: O, at: ObjectAddress, encryption: Encryption) -> Self {
        Self::of_prefix("", objects, at, encryption)
    }

    pub(super) fn of_prefix(
        prefix: &'static str,
        objects: O,
        at: ObjectAddress,
        encryption: Encryption,
    ) -> Self {
        Self { objects, at, encryption, prefix }
    }
}

impl<O: Objects> RecordStore for ObjectStore<O> {
    fn place(&self) -> String {
        format!("{}{}", self.prefix, self.at)
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        self.objects.read(&self.at, LONGEST).await
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        let condition = over.map_or(Precondition::Absent, |version| Precondition::Unchanged(version.clone()));
        let written = self.objects.write(&self.at, content.to_vec(), &condition, &self.encryption).await?;
        if written.is_some() {
            return Ok(written);
        }
        // The first response to our own write may have been lost.
        let found = self.read().await?;
        Ok(found.filter(|(found, _)| found == content).map(|(_, version)| version))
    }
}
