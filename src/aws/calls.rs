//! Tells of every attempt of a call, for whoever counts them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_ecs::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};

use super::error::{code_of, is_denial, is_throttling};

/// The result of an attempt that AWS refused for its rate.
const THROTTLED: &str = "throttled";

/// An attempt of a call that has come back, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The service, `ECS`.
    pub service: &'a str,
    /// The operation, `DescribeServices`.
    pub operation: &'a str,
    /// `ok`, `throttled`, `denied`, `refused`, `failed` or `lost`.
    pub result: &'static str,
}

/// Who is told of every attempt of a call.
#[derive(Clone)]
pub struct Calls(Arc<dyn Fn(Attempt<'_>) + Send + Sync>);

impl Calls {
    /// Lets `tell` know.
    pub fn told_to(tell: impl Fn(Attempt<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// How many attempts of calls AWS refused for their rate.
#[derive(Debug, Clone, Default)]
pub(super) struct Throttled(Arc<AtomicU64>);

impl Throttled {
    /// So many so far.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Who counts them.
    pub(super) fn counter(&self) -> Calls {
        let counted = Arc::clone(&self.0);
        Calls::told_to(move |attempt| {
            if attempt.result == THROTTLED {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        })
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = config.load::<Metadata>() else { return Ok(()) };
        let result = context.response().map_or("lost", result);
        (self.0)(Attempt { service: metadata.service(), operation: metadata.name(), result });
        Ok(())
    }
}

fn result(response: &HttpResponse) -> &'static str {
    let status = response.status();
    if status.is_success() {
        return "ok";
    }
    let code = code_of(response).unwrap_or_default();
    if is_throttling(&code) {
        THROTTLED
    } else if is_denial(&code) || status.as_u16() == 403 {
        "denied"
    } else if status.is_server_error() {
        "failed"
    } else {
        "refused"
    }
}
