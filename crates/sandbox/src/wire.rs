//! Requests, responses and errors as they travel.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// What an operation of a JSON service answers.
pub(super) type ApiResult = Result<Value, ApiError>;

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
    /// The ARNs that a `ConflictException` of ECS names in `resourceIds`.
    pub(super) resource_ids: Vec<String>,
}

impl ApiError {
    /// An error that the caller is to blame for: status 400.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), bucket_region: None, resource_ids: Vec::new() }
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same with the ARNs of what the request conflicts with.
    pub(super) fn with_resource_ids(self, resource_ids: Vec<String>) -> Self {
        Self { resource_ids, ..self }
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

/// Ends an operation with an error if something is wrong.
pub(super) fn refuse_if(is_wrong: bool, error: impl FnOnce() -> ApiError) -> Result<(), ApiError> {
    if is_wrong { Err(error()) } else { Ok(()) }
}

/// The protocol of a request, which the answer has to use too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON both ways, the operation in the header `x-amz-target`.
    Json(JsonService),
    /// STS and SNS: a form in, XML out, the operation in the field `Action`.
    Query,
    /// S3: the operation is the method and the path, the body an object's content or XML.
    Rest,
    /// EventBridge Scheduler: the operation is the method and the path, JSON both ways.
    RestJson,
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
    /// A request as a transport received it. A header that is no text is left out.
    pub(super) fn new(parts: &http::request::Parts, body: Vec<u8>) -> Self {
        let headers = parts.headers.iter();
        Self {
            method: parts.method.to_string(),
            target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
                .collect(),
            body,
        }
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
    pub(super) fn access_key(&self) -> Option<&str> {
        self.credential()?.next()
    }

    /// The Region that a request is signed for, which is that of the endpoint it came to.
    pub(super) fn signed_region(&self) -> Option<&str> {
        self.credential()?.nth(2)
    }

    /// The service that a request is signed for, by its name in signatures.
    pub(super) fn signed_service(&self) -> Option<&str> {
        self.credential()?.nth(3)
    }

    /// The parts of the credential: the access key id, a date, the Region and the service.
    fn credential(&self) -> Option<impl Iterator<Item = &str>> {
        let (_, credential) = self.header("authorization")?.split_once("Credential=")?;
        Some(credential.split(',').next()?.split('/'))
    }
}

impl Response {
    pub(super) fn json(value: &Value) -> Self {
        Self::new("application/x-amz-json-1.1", value.to_string().into_bytes())
    }

    /// JSON as the REST protocol has it.
    pub(super) fn plain_json(value: &Value) -> Self {
        Self::new("application/json", value.to_string().into_bytes())
    }

    pub(super) fn xml(body: String) -> Self {
        Self::new("text/xml", body.into_bytes())
    }

    /// Bytes without a form.
    pub(super) fn bytes(body: Vec<u8>) -> Self {
        Self::new("binary/octet-stream", body)
    }

    fn new(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: 200, content_type, headers: Vec::new(), body }
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same with one more header.
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The response as a transport sends it.
    pub(super) fn into_http<B: From<Vec<u8>>>(self) -> http::Result<http::Response<B>> {
        let response =
            http::Response::builder().status(self.status).header("content-type", self.content_type);
        let headers = self.headers.into_iter();
        headers.fold(response, |response, (name, value)| response.header(name, value)).body(self.body.into())
    }
}

/// The request id in the body of an answer in XML.
pub(super) const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The body of an answer by the query protocol, around the XML of an operation's result.
pub(super) fn query_answer(namespace: &str, operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{operation}Response>"
    )
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
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Undoes `application/x-www-form-urlencoded`. A `%` without two hexadecimal digits stays.
fn form_decoded(text: &str) -> String {
    path_decoded(&text.replace('+', " "))
}
