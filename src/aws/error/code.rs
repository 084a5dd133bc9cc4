//! AWS's error codes, by what they mean for a caller.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// A refusal of `RegisterTaskDefinition` that is throttling, but is not called so.
const CONCURRENT_REVISION: &str = "Too many concurrent attempts to create a new revision";

/// Whether AWS asks to slow down (the codes are those of the SDK's own classifier).
pub(in crate::aws) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "Throttled"
            | "RequestThrottledException"
            | "RequestThrottled"
            | "TooManyRequestsException"
            | "ProvisionedThroughputExceededException"
            | "TransactionInProgressException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "EC2ThrottledException"
            | "KMSThrottling"
            | "KMSThrottlingException"
            | "KMS.ThrottlingException"
    )
}

/// Whether the message is ECS's other way of throttling.
pub(in crate::aws) fn is_concurrent_revision(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains(CONCURRENT_REVISION))
}

/// Whether the same call may succeed a moment later, and had no effect so far; the SDK's own classifiers do not know
/// these codes.
///
/// Systems Manager: one writer changes a parameter at a time. S3: another conditional write is under way. EventBridge and
/// CodePipeline: somebody else changes the same thing. STS: the identity provider did not answer (the services' API
/// references).
pub(in crate::aws) fn is_worth_repeating(code: &str) -> bool {
    matches!(
        code,
        "TooManyUpdates"
            | "ConditionalRequestConflict"
            | "OperationAborted"
            | "ConcurrentModificationException"
            | "ConcurrentModification"
            | "IDPCommunicationError"
            | "IDPCommunicationErrorException"
            | "KMSThrottling"
            | "KMSThrottlingException"
            | "KMS.ThrottlingException"
            | "Throttled"
    )
}

/// Whether AWS is at fault, and may be well again later.
pub(super) fn is_outage(code: &str) -> bool {
    matches!(
        code,
        "RequestTimeout"
            | "RequestTimeoutException"
            | "InternalError"
            | "InternalFailure"
            | "InternalException"
            | "InternalServerError"
            | "InternalServerException"
            | "InternalServiceError"
            | "ServerException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
    )
}

/// Whether AWS refused the caller.
pub(in crate::aws) fn is_denial(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || is_expiry(code)
        || is_signature(code)
        || is_unknown_key(code)
        || matches!(
            code,
            "AllAccessDisabled"
                | "AccountProblem"
                | "AuthFailure"
                | "IDPRejectedClaim"
                | "IDPRejectedClaimException"
                | "InvalidIdentityToken"
                | "InvalidIdentityTokenException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "NotAuthorized"
                | "NotAuthorizedException"
                | "NotSignedUp"
                | "OptInRequired"
                | "RegionDisabledException"
                | "RequestTimeTooSkewed"
                | "UnauthorizedOperation"
        )
}

/// Whether temporary credentials, or a signature, have expired.
pub(super) fn is_expiry(code: &str) -> bool {
    code.starts_with("ExpiredToken") || matches!(code, "RequestExpired" | "TokenRefreshRequired")
}

/// Whether the signature is not the one that AWS computes.
pub(super) fn is_signature(code: &str) -> bool {
    matches!(
        code,
        "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
    )
}

/// Whether AWS does not know the access key or the session token.
pub(super) fn is_unknown_key(code: &str) -> bool {
    matches!(
        code,
        "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "InvalidSecurity"
    )
}

/// Whether the text can be a code of AWS: a word such as `AccessDenied` or `KMS.NotFoundException`.
pub(super) fn is_code(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// The error code of a response whose body was read: in a header, as EventBridge Scheduler has it (AWS's REST protocol
/// with JSON), JSON's `__type`, or XML's `Code`.
pub(in crate::aws) fn code_of(response: &HttpResponse) -> Option<String> {
    if let Some(code) = response.headers().get("x-amzn-errortype") {
        return bare(code).map(str::to_owned);
    }
    let text = std::str::from_utf8(response.body().bytes()?).ok()?;
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        return bare(json.get("__type")?.as_str()?).map(str::to_owned);
    }
    let (_, after) = text.split_once("<Code>")?;
    after.split_once("</Code>").map(|(code, _)| code.to_owned())
}

/// A code without the namespace before it and the address behind it:
/// `com.amazonaws.ecs#ClientException:http://internal.amazon.com/`.
fn bare(code: &str) -> Option<&str> {
    code.rsplit('#').next()?.split(':').next()
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_code_is_found_wherever_a_protocol_has_it() {
        let code = |header: Option<&'static str>, body: &'static str| {
            let mut response = HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body));
            if let Some(header) = header {
                response.headers_mut().insert("x-amzn-errortype", header);
            }
            code_of(&response)
        };
        let conflict = Some("ConflictException".to_owned());
        assert_eq!(code(Some("ConflictException"), "{\"Message\":\"busy\"}"), conflict);
        assert_eq!(code(Some("ConflictException:http://internal.amazon.com/"), "{}"), conflict);
        assert_eq!(code(None, "{\"__type\":\"com.amazonaws.ecs#ConflictException\"}"), conflict);
        assert_eq!(code(None, "<Error><Code>ConflictException</Code></Error>"), conflict);
        assert_eq!((code(None, "{\"Message\":\"busy\"}"), code(None, "")), (None, None));
    }
}
