//! The protocols: `awsJson1.1` for ECS, ECR, CodePipeline, CloudWatch Logs, EventBridge and SSM, the query protocol for
//! STS and SNS, REST with XML for S3, REST with JSON for EventBridge Scheduler.

use serde_json::{Value, json};

use super::s3;
use super::scheduler;
use super::sns::Sns;
use super::wire::{
    ApiError, JsonService, Parsed, Protocol, REQUEST_ID, Request, Response, form_fields, xml_escaped,
};

/// The services that speak JSON: what the header `x-amz-target` begins with, and the name in IAM's actions.
const JSON_SERVICES: [(&str, JsonService, &str); 6] = [
    ("AmazonEC2ContainerServiceV20141113", JsonService::Ecs, "ecs"),
    ("CodePipeline_20150709", JsonService::CodePipeline, "codepipeline"),
    ("AmazonEC2ContainerRegistry_V20150921", JsonService::Ecr, "ecr"),
    ("AWSEvents", JsonService::Events, "events"),
    ("Logs_20140328", JsonService::Logs, "logs"),
    ("AmazonSSM", JsonService::Ssm, "ssm"),
];

/// The name that IAM's actions have for the service that a call is for.
pub(super) fn iam_prefix(call: &Parsed) -> &'static str {
    match call.protocol {
        Protocol::Json(service) => {
            JSON_SERVICES.iter().find(|(_, it, _)| *it == service).map_or("", |it| it.2)
        }
        Protocol::Query if Sns::has(&call.operation) => "sns",
        Protocol::Query => "sts",
        Protocol::Rest => "s3",
        Protocol::RestJson => "scheduler",
    }
}

/// Finds the operation and reads the body, whose length has to be what the header says: a
/// client that replaces the body and forgets the header would be cut short by a real server.
pub(super) fn parse(request: &Request) -> Parsed {
    let whole = match request.header("content-length") {
        Some(length) if length != request.body.len().to_string() => Err(ApiError::serialization(format!(
            "The header content-length says {length}, but the body has {} bytes",
            request.body.len()
        ))),
        Some(_) | None => Ok(request.body.as_slice()),
    };
    if let Some(target) = request.header("x-amz-target") {
        let service = |(prefix, service, _)| Some((target.strip_prefix(prefix)?.strip_prefix('.')?, service));
        let found = JSON_SERVICES.into_iter().find_map(service);
        let (operation, service) = found.unwrap_or((target, JsonService::Ecs));
        let request = whole.and_then(|body| {
            serde_json::from_slice(body).map_err(|error| ApiError::serialization(error.to_string()))
        });
        return Parsed { protocol: Protocol::Json(service), operation: operation.to_owned(), request };
    }
    if scheduler::is_for(request) {
        return scheduler::parse(request, whole);
    }
    if request.path() != "/" {
        return s3::parse(request, whole.err());
    }
    let fields = whole.map(form_fields);
    let action = fields.as_ref().ok().and_then(|fields| fields.get("Action"));
    let operation = action.and_then(Value::as_str).unwrap_or_default().to_owned();
    Parsed { protocol: Protocol::Query, operation, request: fields.map(Value::Object) }
}

/// The response that tells an error.
pub(super) fn refusal(protocol: Protocol, error: &ApiError) -> Response {
    match protocol {
        Protocol::Json(_) => {
            let mut body = json!({ "__type": error.code, "message": error.message });
            if !error.resource_ids.is_empty() {
                body["resourceIds"] = error.resource_ids.clone().into();
            }
            Response::json(&body).with_status(error.status)
        }
        Protocol::Query => {
            // They spell the common errors in their own way, and answer these two with 403.
            let (status, code) = match error.code {
                "AccessDeniedException" => (403, "AccessDenied"),
                "ExpiredTokenException" => (403, "ExpiredToken"),
                "ThrottlingException" => (400, "Throttling"),
                "ServerException" => (500, "InternalFailure"),
                "UnknownOperationException" => (400, "InvalidAction"),
                code => (error.status, code),
            };
            let kind = if status < 500 { "Sender" } else { "Receiver" };
            let message = xml_escaped(&error.message);
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{kind}</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            );
            Response::xml(body).with_status(status)
        }
        Protocol::Rest => s3::error(error),
        Protocol::RestJson => scheduler::error(error),
    }
}
