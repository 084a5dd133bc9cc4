//! The record of one job's deployment.

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Excess, RecordStore, Version};

/// A place of the record. As with ECS, a call that is denied is made once more: what expired at that
/// moment is renewed by then.
pub(super) struct JobRecord<R>(pub(super) R);

impl<R: RecordStore> RecordStore for JobRecord<R> {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        match self.0.read().await {
            Err(failure) if failure.kind() == FailureKind::Denied => self.0.read().await,
            answer => answer,
        }
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        match self.0.write(over, content).await {
            Err(failure) if failure.kind() == FailureKind::Denied => self.0.write(over, content).await,
            answer => answer,
        }
    }

    fn excess(&self, content: &[u8]) -> Option<Excess> {
        self.0.excess(content)
    }
}
