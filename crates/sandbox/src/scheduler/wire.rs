//! Scheduler's REST protocol: the operation is the method and the path, the members stand in the path, the query and the
//! body.

use serde_json::{Map, Value, json};

use super::{arn, place};
use crate::validation::as_number;
use crate::wire::{ApiError, Parsed, Protocol, Request, Response, path_decoded};

/// How members are called in a query.
const IN_QUERY: [(&str, &str); 7] = [
    ("groupName", "GroupName"),
    ("ScheduleGroup", "GroupName"),
    ("clientToken", "ClientToken"),
    ("MaxResults", "MaxResults"),
    ("NamePrefix", "NamePrefix"),
    ("NextToken", "NextToken"),
    ("State", "State"),
];

/// Whether a request is for Scheduler: its signature says so, and its host where it has none.
pub(crate) fn is_for(request: &Request) -> bool {
    match request.signed_service() {
        Some(service) => service == "scheduler",
        None => request.header("host").is_some_and(|host| host.starts_with("scheduler.")),
    }
}

/// Finds the operation of a request and puts its members together; `body` is the body if it came whole.
pub(crate) fn parse(request: &Request, body: Result<&[u8], ApiError>) -> Parsed {
    let path: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
    let (operation, name) = match (request.method.as_str(), path.as_slice()) {
        ("GET", ["schedules"]) => ("ListSchedules", None),
        ("GET", ["schedules", name]) => ("GetSchedule", Some(name)),
        ("POST", ["schedules", name]) => ("CreateSchedule", Some(name)),
        ("PUT", ["schedules", name]) => ("UpdateSchedule", Some(name)),
        ("DELETE", ["schedules", name]) => ("DeleteSchedule", Some(name)),
        ("POST", ["schedule-groups", name]) => ("CreateScheduleGroup", Some(name)),
        _ => ("", None),
    };
    let members = body.and_then(members).map(|mut members| {
        // A body cannot give another name than the path.
        members.remove("Name");
        members.extend(name.map(|name| ("Name".to_owned(), path_decoded(name).into())));
        members.extend(request.query().into_iter().filter_map(|(name, value)| of_query(&name, value)));
        Value::Object(members)
    });
    Parsed { protocol: Protocol::RestJson, operation: operation.to_owned(), request: members }
}

fn members(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|error| ApiError::serialization(error.to_string()))
}

fn of_query(name: &str, value: Value) -> Option<(String, Value)> {
    let (_, member) = IN_QUERY.iter().find(|(it, _)| *it == name)?;
    let value = match value.as_str() {
        Some(text) if *member == "MaxResults" => as_number(text),
        Some(_) | None => value,
    };
    Some(((*member).to_owned(), value))
}

/// An error as Scheduler answers it: its code stands in a header.
pub(crate) fn error(error: &ApiError) -> Response {
    let (status, code) = match error.code {
        "AccessDeniedException" => (403, error.code),
        "ExpiredTokenException" => (403, error.code),
        "ThrottlingException" => (429, error.code),
        "ServerException" => (500, "InternalServerException"),
        code => (error.status, code),
    };
    let response = Response::plain_json(&json!({ "Message": error.message }));
    response.with_status(status).with_header("x-amzn-errortype", code.to_owned())
}

/// The ARN of the schedule that a request is about, as far as IAM can tell callers apart by it.
pub(crate) fn resource(operation: &str, request: &Value) -> Option<String> {
    let is_of_one =
        matches!(operation, "CreateSchedule" | "DeleteSchedule" | "GetSchedule" | "UpdateSchedule");
    let (group, name) = place(request);
    is_of_one.then(|| arn(&group, &name))
}
