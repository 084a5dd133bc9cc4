//! When the SDK sends a call again beyond its own rules, and when it must not.

use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use hyper_util::client::legacy::Error as HyperError;

use super::error::{code_of, is_concurrent_revision, is_throttling, is_worth_repeating};

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

/// Lets the SDK send again what AWS refuses only because somebody else writes at the same moment, such as Systems
/// Manager's `TooManyUpdates`, with its growing and random waits.
#[derive(Debug)]
pub(super) struct WhatPasses;

impl ClassifyRetry for WhatPasses {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let refusal = context.response().filter(|response| !response.status().is_success());
        match refusal.and_then(code_of) {
            Some(code) if is_worth_repeating(&code) => RetryAction::throttling_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "WhatPasses"
    }

    // Behind the SDK's own, none of which knows these codes, and before the last word on effects.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_before(RetryClassifierPriority::transient_error_classifier())
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
