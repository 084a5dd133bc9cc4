//! Requests, answers and errors as they travel: `awsJson1.1` for ECS, ECR, CodePipeline, CloudWatch
//! Logs, EventBridge and SSM, the query protocol for STS and SNS, REST with XML for S3.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use super::s3;

/// An HTTP request, free of its transport.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path and, after a question mark, the query: both still escaped.
    pub(super) target: String,
    /// Their names are in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// An HTTP answer, free of its transport.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// The header `x-amzn-requestid`.
    pub(super) request_id: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The error's name, for example `ClientException`.
    pub code: &'static str,
    /// The error in AWS's words.
    pub message: String,
    /// The Region that S3 names in a header: the bucket is there.
    pub(super) bucket_region: Option<String>,
}

impl ApiError {
    /// An error that the caller is to blame for: status 400.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), bucket_region: None }
    }

    /// The request asks for something that cannot be.
    pub(super) fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    /// A parameter of the request has a value that is not valid here.
    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// The request's body is not what the protocol says.
    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// There is no such operation.
    pub(super) fn unknown_operation() -> Self {
        Self::new("UnknownOperationException", "The requested operation is not recognized by the service.")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// The protocol of a request, which the answer has to use too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON both ways, the operation in the header `x-amz-target`.
    Json(JsonService),
    /// STS and SNS: a form in, XML out, the operation in the field `Action`.
    Query,
    /// S3: the operation is the method and the path, the body an object's content or XML.
    Rest,
}

/// The services that speak JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonService {
    CodePipeline,
    Ecr,
    Ecs,
    Events,
    Logs,
    Ssm,
}

/// A request that was read: which operation, and what it asks.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) protocol: Protocol,
    pub(super) operation: String,
    pub(super) request: Result<Value, ApiError>,
}

impl Request {
    /// Finds the operation and reads the body, whose length has to be what the header says: a
    /// client that replaces the body and forgets the header would be cut short by a real server.
    pub(super) fn parse(&self) -> Parsed {
        let whole = match self.header("content-length") {
            Some(length) if length != self.body.len().to_string() => Err(ApiError::serialization(format!(
                "The header content-length says {length}, but the body has {} bytes",
                self.body.len()
            ))),
            Some(_) | None => Ok(self.body.as_slice()),
        };
        if let Some(target) = self.header("x-amz-target") {
            let prefixes = [
                ("AmazonEC2ContainerServiceV20141113.", JsonService::Ecs),
                ("CodePipeline_20150709.", JsonService::CodePipeline),
                ("AmazonEC2ContainerRegistry_V20150921.", JsonService::Ecr),
                ("AWSEvents.", JsonService::Events),
                ("Logs_20140328.", JsonService::Logs),
                ("AmazonSSM.", JsonService::Ssm),
            ];
            let found =
                prefixes.into_iter().find_map(|(prefix, it)| Some((target.strip_prefix(prefix)?, it)));
            let (operation, service) = found.unwrap_or((target, JsonService::Ecs));
            let request = whole.and_then(|body| {
                serde_json::from_slice(body).map_err(|error| ApiError::serialization(error.to_string()))
            });
            return Parsed { protocol: Protocol::Json(service), operation: operation.to_owned(), request };
        }
        if self.path() != "/" {
            return s3::parse(self, whole.err());
        }
        let fields = whole.map(form_fields);
        let action = fields.as_ref().ok().and_then(|fields| fields.get("Action"));
        let operation = action.and_then(Value::as_str).unwrap_or_default().to_owned();
        Parsed { protocol: Protocol::Query, operation, request: fields.map(Value::Object) }
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The path, still escaped.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The parameters of the query.
    pub(super) fn query(&self) -> Map<String, Value> {
        form_fields(self.target.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    /// The access key id in the header `authorization` of a request signed with Signature Version 4.
    pub(super) fn access_key(&self) -> Option<String> {
        let (_, credential) = self.header("authorization")?.split_once("Credential=")?;
        credential.split('/').next().map(str::to_owned)
    }
}

impl Response {
    pub(super) fn json(value: &Value) -> Self {
        Self::new("application/x-amz-json-1.1", value.to_string().into_bytes())
    }

    pub(super) fn xml(body: String) -> Self {
        Self::new("text/xml", body.into_bytes())
    }

    /// Bytes without a form.
    pub(super) fn bytes(body: Vec<u8>) -> Self {
        Self::new("binary/octet-stream", body)
    }

    fn new(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: 200, content_type, request_id: String::new(), headers: Vec::new(), body }
    }

    pub(super) fn error(protocol: Protocol, error: &ApiError) -> Self {
        match protocol {
            Protocol::Json(_) => {
                let body = json!({ "__type": error.code, "message": error.message });
                Self { status: error.status, ..Self::json(&body) }
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
                Self { status, ..Self::xml(body) }
            }
            Protocol::Rest => s3::error(error),
        }
    }
}

/// Text as it may stand between two XML tags.
pub(super) fn xml_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(super) fn form_fields(body: &[u8]) -> Map<String, Value> {
    String::from_utf8_lossy(body)
        .split('&')
        .filter(|field| !field.is_empty())
        .map(|field| field.split_once('=').unwrap_or((field, "")))
        .map(|(name, value)| (form_decoded(name), Value::String(form_decoded(value))))
        .collect()
}

/// Undoes the escapes of a path, in which a plus sign is one.
pub(super) fn path_decoded(text: &str) -> String {
    form_decoded(&text.replace('+', "%2B"))
}

/// Undoes `application/x-www-form-urlencoded`. A `%` without two hexadecimal digits stays.
fn form_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        decoded.push(match first {
            b'+' => b' ',
            b'%' => match escaped_byte(tail) {
                Some(byte) => {
                    rest = &tail[2..];
                    byte
                }
                None => b'%',
            },
            byte => *byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn escaped_byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}
