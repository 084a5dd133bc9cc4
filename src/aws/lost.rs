//! Notes whether an attempt of a call may have taken effect although its response was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_ecs::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;

/// Watches the attempts of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct LostResponse(Arc<AtomicBool>);

impl LostResponse {
    /// Whether an attempt came to no response of AWS, or to one that says nothing about its effect.
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for LostResponse {
    fn name(&self) -> &'static str {
        "LostResponse"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_none_or(|response| response.status().is_server_error()) {
            self.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
