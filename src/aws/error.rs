//! What kind of failure an SDK error is, in AWS's own words.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::network::obstacle;
use crate::domain::failure::{Failure, FailureKind};

/// A refusal of `RegisterTaskDefinition` that is throttling, but is not called so.
const CONCURRENT_REVISION: &str = "Too many concurrent attempts to create a new revision";

/// The failure of ECS's `operation` on `resource`.
pub(super) fn failure<E>(operation: &str, resource: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    failure_of("ecs", operation, resource, error)
}

/// The failure of a service's `operation` on `resource`; `iam` is what the service is called in
/// policies.
pub(super) fn failure_of<E>(
    iam: &str,
    operation: &str,
    resource: &str,
    error: &SdkError<E, HttpResponse>,
) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let what = format!("{operation} of {resource} failed");
    if let Some(obstacle) = obstacle(error) {
        let failure = Failure::new(obstacle.kind(), what).because(obstacle.to_string());
        return failure.advice(obstacle.advice());
    }
    let kind = kind(error);
    let failure = Failure::new(kind, what).because(words(error));
    match kind {
        FailureKind::Denied if is_about_credentials(error) => {
            failure.advice("Give valid AWS credentials for this account, and try again")
        }
        FailureKind::Denied if iam == "ecs" => failure
            .advice(format!("Allow ecs:{operation} to the caller (and iam:PassRole for the task's roles)")),
        FailureKind::Denied => failure.advice(format!("Allow {iam}:{operation} to the caller")),
        FailureKind::Unavailable => {
            failure.advice("Run the same command again; it goes on where this one ended")
        }
        _ => failure.advice("Correct the input or the service; AWS refused the call as it stands"),
    }
}

fn kind<E>(error: &SdkError<E, HttpResponse>) -> FailureKind
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if is_about_credentials(error) {
        return FailureKind::Denied;
    }
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            if is_throttling(code) || is_concurrent_revision(service.err().message()) {
                FailureKind::Unavailable
            } else if is_denial(code) {
                FailureKind::Denied
            } else if service.raw().status().is_server_error() {
                FailureKind::Unavailable
            } else {
                FailureKind::InvalidInput
            }
        }
        SdkError::ConstructionFailure(_) => FailureKind::Bug,
        _ => FailureKind::Unavailable,
    }
}

/// The codes by which AWS asks to slow down (as the SDK's own classifier knows them).
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottledException"
            | "RequestThrottled"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "EC2ThrottledException"
    )
}

/// Whether the message is ECS's other way of throttling.
pub(super) fn is_concurrent_revision(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains(CONCURRENT_REVISION))
}

pub(super) fn is_denial(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || code.starts_with("ExpiredToken")
        || matches!(
            code,
            "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "IncompleteSignature"
                | "IncompleteSignatureException"
                | "NotAuthorized"
                | "OptInRequired"
                | "RequestExpired"
                | "UnauthorizedOperation"
        )
}

fn is_about_credentials<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<CredentialsError>().is_some() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// AWS's code, message and request id; else the chain of causes.
fn words<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let SdkError::ServiceError(service) = error else {
        return DisplayErrorContext(error).to_string();
    };
    let code = service.err().code().unwrap_or("HTTP error");
    let message = service.err().message().unwrap_or("AWS gave no message");
    match service.raw().request_id() {
        Some(id) => format!("{code}: {message} (request {id})"),
        None => format!("{code}: {message} (HTTP {})", service.raw().status().as_u16()),
    }
}

/// The error code in an answer's body: JSON's `__type`, or XML's `Code`.
pub(super) fn code_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        // It may stand behind a namespace: `com.amazonaws.ecs#ClientException`.
        return json.get("__type")?.as_str()?.rsplit('#').next().map(str::to_owned);
    }
    let (_, after) = text.split_once("<Code>")?;
    after.split_once("</Code>").map(|(code, _)| code.to_owned())
}
