//! The one place through which every error of the SDK reaches a person.
//!
//! An error of the SDK holds the response that caused it, and a response holds secrets: artifact credentials, a
//! parameter's value, a webhook's address. So nothing outside this folder formats such an error. A [`Failure`] made here
//! tells the operation, the resource, AWS's code and message out of a whole error response of AWS, the HTTP status, the
//! request id, and sentences of ours: never a body, a header or the SDK's debug text.

mod advice;
mod code;
mod credentials;
mod fault;
mod host;
mod only_aws;
mod unreached;
mod who;

use std::error::Error as StdError;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use evenkeel_core::failure::{Failure, FailureKind};

pub(super) use code::{code_of, is_concurrent_revision, is_denial, is_throttling, is_worth_repeating};
pub(super) use host::naming_hosts;
pub(super) use only_aws::{OnlyAws, is_of_aws};
pub(super) use who::Who;

use super::network::obstacle;
use fault::CallFault;
use unreached::Unreached;

/// The failure of a service's `operation` on `resource`, as the caller; `iam` is the service's prefix in policies.
pub(super) fn failure_of<E>(
    iam: &str,
    operation: &str,
    resource: &str,
    error: &SdkError<E, HttpResponse>,
) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    failure_as(&Who::Caller, iam, operation, resource, error)
}

/// The failure of a service's `operation` on `resource`, signed with the credentials of `who`.
pub(super) fn failure_as<E>(
    who: &Who,
    iam: &str,
    operation: &str,
    resource: &str,
    error: &SdkError<E, HttpResponse>,
) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    CallFault::of(error).failure(&FailedCall { iam, operation, resource, who })
}

/// A call, as far as the failure of it tells.
#[derive(Debug, Clone, Copy)]
struct FailedCall<'a> {
    /// The service's prefix in policies, `ecs`.
    iam: &'a str,
    /// `UpdateService`.
    operation: &'a str,
    /// The ARN or name of what the call is about.
    resource: &'a str,
    who: &'a Who,
}

/// Whether a call that failed so certainly had no effect.
pub(super) fn certainly_did_nothing<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    CallFault::of(error).certainly_did_nothing()
}

/// The HTTP status of AWS's own refusal: what a proxy responds tells nothing of an object.
pub(super) fn status_of_refusal<E>(error: &SdkError<E, HttpResponse>) -> Option<u16>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    CallFault::of(error).status_of_refusal()
}

/// The failure of a body that could not be read to its end; nothing of `error` is shown.
pub(super) fn unread(what: impl Into<String>, error: &(dyn StdError + 'static)) -> Failure {
    unreachable_by(what, Unreached::cutting_off(error))
}

/// The failure of a request that is not AWS's own; nothing of `error` is shown, and nothing of the address.
pub(super) fn unreachable(what: impl Into<String>, error: &ConnectorError) -> Failure {
    match obstacle(error) {
        Some(obstacle) => {
            Failure::new(obstacle.kind(), what).because(obstacle.to_string()).advice(obstacle.advice())
        }
        None => unreachable_by(what, Unreached::of(error).without_host()),
    }
}

fn unreachable_by(what: impl Into<String>, unreached: Unreached) -> Failure {
    Failure::new(unreached.kind(), what).because(unreached.words()).advice(unreached.advice())
}

/// The failure of a call whose response lacks `member`, which AWS always gives.
pub(super) fn lacking(operation: &str, resource: &str, member: &str) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("{operation} of {resource} failed"))
        .because(format!("the response has no {member}: this was no response of AWS ({})", only_aws::SUSPECT))
        .advice(fault::LOOK_AT_THE_WAY)
}
