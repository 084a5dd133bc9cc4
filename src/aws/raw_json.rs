//! Lets a task definition pass through the SDK as the JSON that it is.
//!
//! The SDK's types drop every member that they do not know. So the answer's body is taken, and the
//! request's body put, by interceptors; signing, retries and endpoints stay the SDK's.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_types::body::SdkBody;

/// Keeps the body of a successful answer.
#[derive(Debug, Clone, Default)]
pub(super) struct CaptureAnswer(Arc<Mutex<Option<Vec<u8>>>>);

impl CaptureAnswer {
    /// The body, once there was a successful answer.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for CaptureAnswer {
    fn name(&self) -> &'static str {
        "CaptureAnswer"
    }

    // Only here has the body been read to its end.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if response.status().is_success() {
            let body = response.body().bytes().map(<[u8]>::to_vec);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        }
        Ok(())
    }
}

/// Puts a body in the place of the one that the SDK made.
#[derive(Debug)]
pub(super) struct ReplaceBody(pub(super) Vec<u8>);

impl Intercept for ReplaceBody {
    fn name(&self) -> &'static str {
        "ReplaceBody"
    }

    // Once, before the first attempt: a retry sends the same body again.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _runtime_components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        // The length of the SDK's own, empty body would cut ours off without an error.
        request.headers_mut().insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}
