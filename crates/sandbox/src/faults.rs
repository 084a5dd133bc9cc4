//! What can go wrong with a call.

use std::time::Duration;

use serde_json::{Value, json};

use super::events;
use super::protocol::iam_prefix;
use super::scheduler;
use super::wire::{ApiError, Parsed, Response};
use super::{ACCOUNT, REGION};

/// Something that goes wrong with calls of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The operation's name, for example `UpdateService`.
    pub operation: String,
    /// Which call it hits, counted from 1 and from the injection; `None` hits every one.
    pub nth: Option<usize>,
    /// What happens.
    pub kind: FaultKind,
}

/// The ways in which a call can go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// 400 `ThrottlingException`; the call has no effect.
    Throttled,
    /// 500 `ServerException`; the call has no effect.
    ErrorBefore,
    /// 500 `ServerException`, although the call took effect.
    ErrorAfter,
    /// The connection is cut before the call takes effect.
    CutBefore,
    /// The connection is cut after the call took effect: the answer is lost.
    CutAfter,
    /// The call takes effect and is answered, but only after this time.
    Delay(Duration),
    /// The call never takes effect and is never answered: [`Sandbox::hung`](super::Sandbox::hung)
    /// tells when it has come, and whoever made it can be killed there.
    HangBefore,
    /// The call takes effect, but is never answered.
    HangAfter,
    /// 400 `AccessDeniedException`; the call has no effect.
    Denied,
    /// 400 `ClientException`: another revision of the family is being made just now.
    ConcurrentRevision,
    /// 400 `ExpiredTokenException`; the call has no effect.
    ExpiredToken,
    /// This refusal; the call has no effect.
    Refused {
        /// The HTTP status.
        status: u16,
        /// AWS's code.
        code: &'static str,
        /// AWS's words.
        message: &'static str,
    },
    /// 400 `UnknownOperationException`, as of an emulator that lacks the operation.
    Unsupported,
    /// 200 with empty lists, as of an emulator that knows the operation and fills nothing in. Meant
    /// for the operations that list or describe service deployments and revisions, services or tasks.
    Empty,
    /// The call takes effect, and its response comes back changed: what a proxy or a gateway on the way does.
    Garbled(GarbledResponse),
}

/// A response that is not as AWS sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GarbledResponse {
    /// Another HTTP status; none leaves AWS's.
    pub status: Option<u16>,
    /// What is sent in the place of the body.
    pub body: GarbledBody,
}

/// What comes in the place of a response's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GarbledBody {
    /// The body up to some byte before its last, chosen by this number.
    CutAt(usize),
    /// A page for a browser with these words, without AWS's headers.
    Page(String),
    /// Nothing, without AWS's headers.
    Nothing,
    /// The body as it is, said to be of this type.
    Typed(&'static str),
}

impl GarbledResponse {
    /// Changes a response in this way.
    pub(super) fn change(&self, response: Response) -> Response {
        let status = self.status.unwrap_or(response.status);
        let without_aws = |content_type, body| Response { status, content_type, headers: Vec::new(), body };
        match &self.body {
            GarbledBody::CutAt(number) => {
                let end = number.checked_rem(response.body.len()).unwrap_or_default();
                // Whoever cuts it tells the length that is left.
                let headers =
                    response.headers.into_iter().filter(|(name, _)| *name != "content-length").collect();
                Response { status, headers, body: response.body[..end].to_vec(), ..response }
            }
            GarbledBody::Page(words) => {
                let page = format!("<!DOCTYPE html>\n<html><body><h1>{words}</h1></body></html>");
                without_aws("text/html; charset=utf-8", page.into_bytes())
            }
            GarbledBody::Nothing => without_aws("text/plain", Vec::new()),
            GarbledBody::Typed(content_type) => Response { status, content_type, ..response },
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Injected>);

#[derive(Debug)]
struct Injected {
    fault: Fault,
    seen: usize,
}

impl Faults {
    pub(super) fn inject(&mut self, fault: Fault) {
        self.0.push(Injected { fault, seen: 0 });
    }

    /// Counts one call of `operation` and tells what goes wrong with it.
    pub(super) fn strike(&mut self, operation: &str) -> Option<FaultKind> {
        let mut hit = None;
        for injected in self.0.iter_mut().filter(|injected| injected.fault.operation == operation) {
            injected.seen += 1;
            if hit.is_none() && injected.fault.nth.is_none_or(|nth| nth == injected.seen) {
                hit = Some(injected.fault.kind.clone());
            }
        }
        hit
    }
}

impl FaultKind {
    /// Whether the call is carried out, if it does not hang before that.
    pub(super) fn takes_effect(&self) -> bool {
        matches!(
            self,
            Self::ErrorAfter
                | Self::CutAfter
                | Self::Delay(_)
                | Self::HangBefore
                | Self::HangAfter
                | Self::Garbled(_)
        )
    }

    /// The error that is answered in the place of what the call gave, if it is answered with one.
    pub(super) fn refusal(&self, call: &Parsed) -> Option<ApiError> {
        Some(match self {
            Self::Throttled => throttled(),
            Self::ErrorBefore | Self::ErrorAfter => {
                ApiError::new("ServerException", "Service Unavailable. Please try again later.")
                    .with_status(500)
            }
            Self::Denied => denied(call),
            Self::ConcurrentRevision => ApiError::client(
                "Too many concurrent attempts to create a new revision of the specified family.",
            ),
            Self::ExpiredToken => ApiError::new(
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Self::Refused { status, code, message } => ApiError::new(code, *message).with_status(*status),
            Self::Unsupported => ApiError::unknown_operation(),
            Self::CutBefore
            | Self::CutAfter
            | Self::Delay(_)
            | Self::HangBefore
            | Self::HangAfter
            | Self::Empty
            | Self::Garbled(_) => return None,
        })
    }
}

/// The answer to a call that AWS is too busy for.
pub(super) fn throttled() -> ApiError {
    ApiError::new("ThrottlingException", "Rate exceeded")
}

/// The answer to a caller whose policies do not allow the operation.
fn denied(call: &Parsed) -> ApiError {
    let action = format!("{}:{}", iam_prefix(call), call.operation);
    let resource = resource(&call.operation, call.request.as_ref().unwrap_or(&Value::Null));
    ApiError::new(
        "AccessDeniedException",
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/evenkeel is not authorized to perform: {action} on resource: \
             {resource} because no identity-based policy allows the {action} action"
        ),
    )
}

/// The ARN of what a request is about, as far as IAM can tell callers apart by it.
fn resource(operation: &str, request: &Value) -> String {
    let text = |member: &str| request.get(member).and_then(Value::as_str);
    if let Some(arn) =
        events::resource(operation, request).or_else(|| scheduler::resource(operation, request))
    {
        return arn;
    }
    let arn = |service: &str, path: String| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{path}");
    let of_ecs = |kind: &str, reference: &str, path: String| {
        if reference.starts_with("arn:") {
            reference.to_owned()
        } else {
            arn("ecs", format!("{kind}/{path}"))
        }
    };
    if let Some(definition) = text("taskDefinition").filter(|_| operation == "RunTask") {
        // ECS finds the newest revision of a family first; here the family stands for it.
        let any = if definition.contains(':') { "" } else { ":*" };
        return of_ecs("task-definition", definition, format!("{definition}{any}"));
    }
    if let Some(task) = text("task").or_else(|| request.pointer("/tasks/0")?.as_str()) {
        let cluster = text("cluster").and_then(|it| it.rsplit('/').next()).unwrap_or("default");
        return of_ecs("task", task, format!("{cluster}/{task}"));
    }
    if let Some(service) = text("service").or_else(|| request.pointer("/services/0")?.as_str()) {
        let cluster = text("cluster").unwrap_or("default");
        return of_ecs("service", service, format!("{cluster}/{service}"));
    }
    if let Some(family) = text("family") {
        return arn("ecs", format!("task-definition/{family}:*"));
    }
    if let Some(role) = text("RoleArn") {
        return role.to_owned();
    }
    match (text("repositoryName"), text("logGroupName"), text("logStreamName")) {
        (Some(repository), ..) => arn("ecr", format!("repository/{repository}")),
        (_, Some(group), Some(stream)) => arn("logs", format!("log-group:{group}:log-stream:{stream}")),
        _ => "*".to_owned(),
    }
}

/// The answer that finds nothing, and misses nothing either.
pub(super) fn empty(operation: &str) -> Value {
    match operation {
        "DescribeServices" => json!({ "services": [], "failures": [] }),
        "ListServiceDeployments" => json!({ "serviceDeployments": [] }),
        "DescribeServiceDeployments" => json!({ "serviceDeployments": [], "failures": [] }),
        "DescribeServiceRevisions" => json!({ "serviceRevisions": [], "failures": [] }),
        "ListTasks" => json!({ "taskArns": [] }),
        "DescribeTasks" | "RunTask" => json!({ "tasks": [], "failures": [] }),
        "ListRuleNamesByTarget" => json!({ "RuleNames": [] }),
        "ListTargetsByRule" => json!({ "Targets": [] }),
        "ListEventBuses" => json!({ "EventBuses": [] }),
        "ListSchedules" => json!({ "Schedules": [] }),
        _ => json!({}),
    }
}
