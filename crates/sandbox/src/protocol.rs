//! The protocols: `awsJson1.1` for ECS, ECR, CodePipeline, CloudWatch Logs, EventBridge and SSM, the query protocol for
//! STS and SNS, REST with XML for S3.

use serde_json::{Value, json};

use super::s3;
use super::wire::{ApiError, JsonService, Parsed, Protocol, Request, Response, form_fields, xml_escaped};

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
        let prefixes = [
            ("AmazonEC2ContainerServiceV20141113.", JsonService::Ecs),
            ("CodePipeline_20150709.", JsonService::CodePipeline),
            ("AmazonEC2ContainerRegistry_V20150921.", JsonService::Ecr),
            ("AWSEvents.", JsonService::Events),
            ("Logs_20140328.", JsonService::Logs),
            ("AmazonSSM.", JsonService::Ssm),
        ];
        let found = prefixes.into_iter().find_map(|(prefix, it)| Some((target.strip_prefix(prefix)?, it)));
        let (operation, service) = found.unwrap_or((target, JsonService::Ecs));
        let request = whole.and_then(|body| {
            serde_json::from_slice(body).map_err(|error| ApiError::serialization(error.to_string()))
        });
        return Parsed { protocol: Protocol::Json(service), operation: operation.to_owned(), request };
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
            let body = json!({ "__type": error.code, "message": error.message });
            Response { status: error.status, ..Response::json(&body) }
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
                 <RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
            );
            Response { status, ..Response::xml(body) }
        }
        Protocol::Rest => s3::error(error),
    }
}
