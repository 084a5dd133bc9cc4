//! What went wrong with a call, free of the SDK's types and of everything that a response holds.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::operation::BuildError;
use evenkeel_core::failure::{Failure, FailureKind};

use super::super::network::{Obstacle, obstacle};

use super::advice::{self, AGAIN, Refused};
use super::credentials::{self, Missing};
use super::only_aws::{self, Garbled};
use super::unreached::{Unreached, chain};
use super::{FailedCall, code};

/// What to look at when somebody else than AWS responds.
pub(super) const LOOK_AT_THE_WAY: &str = "Look at HTTPS_PROXY and NO_PROXY, and at the endpoint's address (--endpoint-url, AWS_ENDPOINT_URL): \
     requests have to reach AWS, and responses have to come back unchanged";

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallFault {
    /// AWS refused it, in a whole error response.
    Refused(Refusal),
    /// S3 refused it in response to a HEAD, which has no body.
    Silent(ResponseHead),
    /// The response is none of AWS.
    NotAws(ResponseHead, Garbled),
    /// A certificate or a proxy is in the way.
    InTheWay { kind: FailureKind, why: String, advice: String },
    /// The response broke off.
    Broken(ResponseHead, Unreached),
    /// There is no response.
    Unreached(Unreached),
    /// There are no credentials to sign it with.
    Credentials(Missing),
    /// STS gave none.
    Sts(&'static str, Box<CallFault>),
    /// The settings forbid it, or a value cannot be sent.
    Settings { why: String, advice: &'static str },
}

/// What is seen of a response without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResponseHead {
    status: u16,
    request_id: Option<String>,
}

/// An error of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: Option<String>,
    seen: ResponseHead,
}

impl CallFault {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(obstacle) = obstacle(error) {
            return Self::in_the_way(obstacle);
        }
        match error {
            SdkError::ServiceError(context) => {
                let (raw, seen) = (context.raw(), ResponseHead::of(context.raw()));
                let code = context.err().code().filter(|code| code::is_code(code));
                match code.filter(|_| !raw.status().is_success() && only_aws::is_whole_error(raw)) {
                    Some(code) => Self::Refused(Refusal {
                        code: code.to_owned(),
                        message: context.err().message().map(str::to_owned),
                        seen,
                    }),
                    None => match Garbled::of(raw) {
                        Garbled::Empty if is_head(error) && seen.request_id.is_some() => Self::Silent(seen),
                        garbled => Self::NotAws(seen, garbled),
                    },
                }
            }
            SdkError::ResponseError(context) => {
                let seen = ResponseHead::of(context.raw());
                let source: &(dyn StdError + 'static) = error;
                match chain(source).find_map(|error| error.downcast_ref::<Garbled>()) {
                    Some(garbled) => Self::NotAws(seen, *garbled),
                    // It was read to its end, so it is its form that the SDK does not know.
                    None if context.raw().body().bytes().is_some() => {
                        Self::NotAws(seen, Garbled::of(context.raw()))
                    }
                    None => Self::Broken(seen, Unreached::cutting_off(source)),
                }
            }
            SdkError::TimeoutError(_) => Self::Unreached(Unreached::timed_out()),
            SdkError::DispatchFailure(failure) => of_credentials(error)
                .or_else(|| settings(error))
                .or_else(|| failure.as_connector_error().map(|error| Self::Unreached(Unreached::of(error))))
                .unwrap_or_else(unsendable),
            _ => of_credentials(error).or_else(|| settings(error)).unwrap_or_else(unsendable),
        }
    }

    /// What the network's own part of the program explains.
    pub(super) fn in_the_way(obstacle: &Obstacle) -> Self {
        let (kind, why, advice) = (obstacle.kind(), obstacle.to_string(), obstacle.advice().to_owned());
        Self::InTheWay { kind, why, advice }
    }

    pub(super) fn failure(&self, call: &FailedCall<'_>) -> Failure {
        let FailedCall { operation, resource, .. } = call;
        Failure::new(self.kind(), format!("{operation} of {resource} failed"))
            .because(self.words())
            .advice(self.advice(call))
    }

    /// Whether the call certainly had no effect.
    pub(super) fn certainly_did_nothing(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.seen.status < 500,
            // A gateway may let a request through and hold the response back.
            Self::Silent(_) | Self::NotAws(..) | Self::Broken(..) => false,
            Self::Unreached(unreached) => unreached.never_connected(),
            // None of them lets a byte of the request out.
            Self::InTheWay { .. } | Self::Credentials(_) | Self::Sts(..) | Self::Settings { .. } => true,
        }
    }

    /// The status of a refusal by AWS.
    pub(super) fn status_of_refusal(&self) -> Option<u16> {
        match self {
            Self::Refused(Refusal { seen, .. }) | Self::Silent(seen) => Some(seen.status),
            _ => None,
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Refused(refusal) => refusal.kind(),
            Self::Silent(seen) if matches!(seen.status, 401 | 403) => FailureKind::Denied,
            Self::Silent(seen) if seen.may_pass() => FailureKind::Unavailable,
            // By S3 a HEAD with expired credentials is refused so.
            Self::Silent(seen) if seen.status == 400 => FailureKind::Denied,
            Self::Silent(_) => FailureKind::InvalidInput,
            Self::NotAws(seen, garbled) if seen.is_lasting(*garbled) => FailureKind::InvalidInput,
            Self::NotAws(..) => FailureKind::Unavailable,
            Self::Broken(_, unreached) | Self::Unreached(unreached) => unreached.kind(),
            Self::InTheWay { kind, .. } => *kind,
            Self::Credentials(missing) => missing.kind,
            Self::Sts(_, fault) => fault.kind(),
            Self::Settings { .. } => FailureKind::InvalidInput,
        }
    }

    /// Why, in AWS's own words where they are known.
    fn words(&self) -> String {
        match self {
            Self::Refused(Refusal { code, message, seen }) => match message {
                Some(message) => format!("{code}: {} ({seen})", message.trim().trim_end_matches('.')),
                None => format!("{code} ({seen})"),
            },
            Self::Silent(seen) => format!("{seen}; S3 gives no reason in response to HEAD"),
            Self::NotAws(seen, garbled) => {
                format!("{seen} came with {garbled}: this was no response of AWS ({})", only_aws::SUSPECT)
            }
            Self::Broken(seen, unreached) => format!("{} ({seen})", unreached.words()),
            Self::Unreached(unreached) => unreached.words(),
            Self::Credentials(missing) => missing.why.clone(),
            Self::Sts(operation, fault) => format!("{operation} failed: {}", fault.words()),
            Self::Settings { why, .. } | Self::InTheWay { why, .. } => why.clone(),
        }
    }

    fn advice(&self, call: &FailedCall<'_>) -> String {
        match self {
            Self::Refused(refusal) => advice::advice(&Refused {
                iam: call.iam,
                operation: call.operation,
                code: &refusal.code,
                message: refusal.message.as_deref().unwrap_or_default(),
                who: call.who,
                kind: refusal.kind(),
            }),
            Self::Silent(_) => advice::advice(&Refused {
                iam: call.iam,
                operation: call.operation,
                code: "",
                message: "",
                who: call.who,
                kind: self.kind(),
            }),
            Self::NotAws(seen, _) if seen.status == 407 => {
                "Give the proxy's user and password in its address: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT".to_owned()
            }
            Self::NotAws(..) if self.kind() == FailureKind::Unavailable => {
                format!("{AGAIN}. If that does not help: {}", LOOK_AT_THE_WAY.replacen("Look", "look", 1))
            }
            Self::NotAws(..) => LOOK_AT_THE_WAY.to_owned(),
            Self::Broken(_, unreached) | Self::Unreached(unreached) => unreached.advice().to_owned(),
            Self::Credentials(missing) => missing.advice.clone(),
            Self::Sts(operation, fault) => {
                let resource = match call.who {
                    super::Who::Role(arn) => arn,
                    super::Who::Caller | super::Who::Job => "the role",
                };
                fault.advice(&FailedCall { iam: "sts", operation, resource, who: &super::Who::Caller })
            }
            Self::Settings { advice, .. } => (*advice).to_owned(),
            Self::InTheWay { advice, .. } => advice.clone(),
        }
    }
}

impl Refusal {
    fn kind(&self) -> FailureKind {
        let code = self.code.as_str();
        let message = self.message.as_deref();
        if code::is_throttling(code)
            || code::is_worth_repeating(code)
            || code::is_concurrent_revision(message)
        {
            FailureKind::Unavailable
        } else if code::is_denial(code)
            || message.is_some_and(|message| message.contains("is not authorized to perform: "))
        {
            FailureKind::Denied
        } else if code::is_outage(code) || self.seen.may_pass() {
            FailureKind::Unavailable
        } else {
            FailureKind::InvalidInput
        }
    }
}

impl ResponseHead {
    fn of(response: &HttpResponse) -> Self {
        // A header, so anybody's text: only what looks like an id is shown.
        let is_id = |id: &&str| {
            id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte))
        };
        Self {
            status: response.status().as_u16(),
            request_id: response.request_id().filter(is_id).map(str::to_owned),
        }
    }

    /// Whether the responder may recover.
    fn may_pass(&self) -> bool {
        self.status >= 500 && self.status != 501 && self.status != 505 || matches!(self.status, 408 | 429)
    }

    /// Whether a repetition would end the same way: a proxy or a gateway between us and AWS decides so.
    fn is_lasting(&self, garbled: Garbled) -> bool {
        match self.status {
            200..300 => garbled == Garbled::Html,
            _ => !self.may_pass(),
        }
    }
}

impl std::fmt::Display for ResponseHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        match &self.request_id {
            Some(id) => write!(f, ", request {id}"),
            None => Ok(()),
        }
    }
}

fn is_head<E: 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let error: &dyn std::any::Any = error;
    error.is::<SdkError<aws_sdk_s3::operation::head_object::HeadObjectError, HttpResponse>>()
}

/// What is wrong with the credentials, if that is what an error is about.
fn of_credentials(error: &(dyn StdError + 'static)) -> Option<CallFault> {
    let error = chain(error).find_map(|error| error.downcast_ref::<CredentialsError>())?;
    Some(of_sts(error).unwrap_or_else(|| CallFault::Credentials(credentials::missing(error))))
}

/// STS was asked for them and refused, or could not be reached.
fn of_sts(error: &CredentialsError) -> Option<CallFault> {
    chain(error).skip(1).find_map(|error| {
        let assumed = error.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>();
        let by_web = error.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>();
        match (assumed, by_web) {
            (Some(error), _) => Some(CallFault::Sts("AssumeRole", Box::new(CallFault::of(error)))),
            (_, Some(error)) => {
                Some(CallFault::Sts("AssumeRoleWithWebIdentity", Box::new(CallFault::of(error))))
            }
            (None, None) => None,
        }
    })
}

/// What the settings forbid. The SDK's own text holds the whole request, so only its words decide.
fn settings(error: &(dyn StdError + 'static)) -> Option<CallFault> {
    let texts: String = chain(error).map(|it| format!("{it}\n")).collect();
    let is = |words: &str| texts.contains(words);
    let (why, advice) = if is("FIPS and custom endpoint") {
        (
            "a FIPS endpoint is wanted (AWS_USE_FIPS_ENDPOINT, use_fips_endpoint), and an endpoint's address is given",
            "Unset AWS_USE_FIPS_ENDPOINT, or the address (--endpoint-url, AWS_ENDPOINT_URL): the two exclude each other",
        )
    } else if is("ualstack and custom endpoint")
        || is("ual-stack") && is("ustom endpoint")
        || is("both dualstack and a custom")
    {
        (
            "a dual-stack endpoint is wanted (AWS_USE_DUALSTACK_ENDPOINT, use_dualstack_endpoint), and an endpoint's address is given",
            "Unset AWS_USE_DUALSTACK_ENDPOINT, or the address (--endpoint-url, AWS_ENDPOINT_URL): the two exclude each other",
        )
    } else if is("FIPS is enabled but")
        || is("FIPS and DualStack are enabled")
        || is("DualStack is enabled but")
        || is("does not support FIPS")
    {
        (
            "AWS has no FIPS or dual-stack endpoint of this service in this Region's partition",
            "Unset AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, or give another Region",
        )
    } else if is("failed to apply endpoint")
        || is("endpoint must contain a valid")
        || is("failed to construct URI")
        || is("valid scheme")
    {
        (
            "the endpoint's address is none: it is made of http:// or https://, a host, and a port if it has one",
            "Correct --endpoint-url, AWS_ENDPOINT_URL (or its variant for one service), endpoint_url of the profile, or the Region",
        )
    } else if is("Invalid Configuration: Missing Region")
        || is("Invalid Configuration") && is("egion")
        || is("Invalid region")
    {
        ("the Region is missing or none", "Give --region, or set AWS_REGION")
    } else if let Some(error) = chain(error).find_map(|it| it.downcast_ref::<BuildError>()) {
        let why = format!("a value of the request cannot be sent ({error})");
        return Some(CallFault::Settings { why, advice: "Correct the input" });
    } else if is("ResolveEndpointError")
        || is("failed to resolve endpoint")
        || is("no rule matched")
        || is("nvalid bucket")
    {
        (
            "no endpoint of AWS can be made of the Region and the names given",
            "Correct the Region, and the bucket's name if it is about one",
        )
    } else {
        return None;
    };
    Some(CallFault::Settings { why: why.to_owned(), advice })
}

/// The request could not even be made, and nothing is known of the reason that may be shown.
fn unsendable() -> CallFault {
    CallFault::Settings {
        why: "the request cannot be made with these settings".to_owned(),
        advice: "Look at the Region, the endpoint's address (--endpoint-url, AWS_ENDPOINT_URL) and the AWS_ variables: a white space or a \
                 line break in one of them is a common cause",
    }
}
