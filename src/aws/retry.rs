//! When a call that has no idempotency token may be sent again: only if it certainly did nothing.

use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use hyper_util::client::legacy::Error as HyperError;

use super::error::{is_concurrent_revision, is_throttling};

/// Whether an effect certainly did not happen.
pub(super) fn certainly_did_not_happen<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().is_none_or(|error| error.is_user() || never_connected(error))
        }
        SdkError::ServiceError(error) => !error.raw().status().is_server_error(),
        _ => false,
    }
}

/// Lets the SDK send an effect again only when it certainly did not happen.
pub(super) struct OnlyIfNotDone<E>(PhantomData<fn() -> E>);

impl<E> OnlyIfNotDone<E> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> fmt::Debug for OnlyIfNotDone<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnlyIfNotDone")
    }
}

impl<E: StdError + ProvideErrorMetadata + Send + Sync + 'static> ClassifyRetry for OnlyIfNotDone<E> {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        if let Some(connector) = error.as_connector_error() {
            return if never_connected(connector) {
                RetryAction::transient_error()
            } else {
                RetryAction::RetryForbidden
            };
        }
        let Some(refusal) = error.as_operation_error().and_then(|error| error.downcast_ref::<E>()) else {
            // A time-out, or an answer that could not be read.
            return RetryAction::RetryForbidden;
        };
        let is_server_error = context.response().is_some_and(|response| response.status().is_server_error());
        if is_concurrent_revision(refusal.message()) || refusal.code().is_some_and(is_throttling) {
            RetryAction::throttling_error()
        } else if is_server_error {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "OnlyIfNotDone"
    }

    // The last word: the SDK's own classifiers would send a lost request again.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether the connection failed before a byte of the request was sent.
fn never_connected(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<HyperError>().is_some_and(HyperError::is_connect) {
            return true;
        }
        cause = error.source();
    }
    false
}
