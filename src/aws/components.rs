//! For requests that are not AWS's own, but go by the client that calls AWS.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;

/// Keeps what a call was made with, for a request that is not AWS's own.
#[derive(Debug, Clone, Default)]
pub(super) struct CaptureComponents(Arc<Mutex<Option<RuntimeComponents>>>);

impl CaptureComponents {
    /// What the call was made with, if it was answered.
    pub(super) fn take(&self) -> Option<RuntimeComponents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for CaptureComponents {
    fn name(&self) -> &'static str {
        "CaptureComponents"
    }

    fn read_after_deserialization(
        &self,
        _context: &AfterDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(components.clone());
        Ok(())
    }
}
