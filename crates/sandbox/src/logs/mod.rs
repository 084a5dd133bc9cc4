//! CloudWatch Logs: what crashed containers and one-off tasks wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::ecs::{Ecs, LogStream};
use super::model::Model;
use super::request::{flag, number};
use super::wire::{ApiError, ApiResult, refuse_if};

/// `GetLogEvents` answers with so many events at most.
const MOST_EVENTS: usize = 10_000;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// What the containers of some services write, by the names of cluster and service. The streams
/// themselves follow from the tasks.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs {
    pub(super) lines: BTreeMap<(String, String), Vec<String>>,
}

impl Logs {
    pub(super) fn answer(
        &self,
        operation: &str,
        request: &Value,
        ecs: &mut Ecs,
        now: Timestamp,
    ) -> ApiResult {
        MODEL.check(operation, request, &BTreeSet::new())?;
        match operation {
            "GetLogEvents" => self.events(request, ecs, now),
            _ => Err(ApiError::unknown_operation()),
        }
    }

    fn events(&self, request: &Value, ecs: &mut Ecs, now: Timestamp) -> ApiResult {
        let text = |member: &str| request[member].as_str();
        let group = match (text("logGroupName"), text("logGroupIdentifier")) {
            (Some(name), None) => name,
            (None, Some(identifier)) => group_name(identifier),
            (Some(_), Some(_)) | (None, None) => {
                return Err(ApiError::invalid_parameter(
                    "Exactly one of logGroupName and logGroupIdentifier has to be specified.",
                ));
            }
        };
        let stream = ecs.log_stream(group, text("logStreamName").unwrap_or_default(), now)?;
        let (since, until) = (number(request, "startTime"), number(request, "endTime"));
        let mut events = self.written(&stream);
        events.retain(|(at, _)| {
            since.is_none_or(|since| *at >= since) && until.is_none_or(|until| *at < until)
        });
        let (start, end) = window(request, events.len())?;
        let view =
            |(at, line): &(u64, String)| json!({ "timestamp": at, "message": line, "ingestionTime": at });
        Ok(json!({
            "events": events[start..end].iter().map(view).collect::<Vec<_>>(),
            "nextForwardToken": format!("f/{end}/s"),
            "nextBackwardToken": format!("b/{start}/s"),
        }))
    }

    /// What is in a stream: each line and its time in milliseconds.
    fn written(&self, stream: &LogStream) -> Vec<(u64, String)> {
        let (service, ended) = match stream {
            LogStream::OfService { service, ended } => (service, ended),
            LogStream::OfOneOffTask(lines) => {
                return lines.iter().map(|(at, line)| (millis(at.since_epoch()), line.clone())).collect();
            }
        };
        let Some((at, status)) = *ended else { return Vec::new() };
        let lines = self.lines.get(service).cloned().unwrap_or_else(|| lines_of_a_crash(status));
        let last = at.since_epoch();
        let count = lines.len();
        let times = (0..count).map(|index| {
            let before = Duration::from_millis(u64::try_from(count - index).unwrap_or_default());
            millis(last.saturating_sub(before))
        });
        times.zip(lines).collect()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or_default()
}

/// What an application writes that ends with this status.
fn lines_of_a_crash(status: i32) -> Vec<String> {
    let mut lines = vec!["Starting the application"];
    match status {
        137 => lines.push("Loading the catalogue into memory"),
        143 => lines.extend(["GET /health 502", "Received SIGTERM, shutting down"]),
        _ => lines.extend([
            "Error: connect ECONNREFUSED 10.0.12.34:5432",
            "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)",
            "Cannot reach the database, giving up",
        ]),
    }
    lines.into_iter().map(str::to_owned).collect()
}

/// The name in `arn:aws:logs:region:account:log-group:name`, which may end in `:*`.
fn group_name(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

/// Which of `count` events are asked for: the newest ones, or the oldest with `startFromHead`, or
/// those that a token stands before (`b/position/s`) or after (`f/position/s`).
fn window(request: &Value, count: usize) -> Result<(usize, usize), ApiError> {
    let limit = number(request, "limit").unwrap_or(MOST_EVENTS);
    refuse_if(limit == 0 || limit > MOST_EVENTS, || {
        ApiError::invalid_parameter(format!("The limit must be between 1 and {MOST_EVENTS}."))
    })?;
    let (forward, position) = match request["nextToken"].as_str() {
        Some(token) => {
            let mut parts = token.splitn(3, '/');
            let (direction, position) = (parts.next(), parts.next().and_then(|it| it.parse::<usize>().ok()));
            match (direction, position) {
                (Some("f"), Some(position)) => (true, position.min(count)),
                (Some("b"), Some(position)) => (false, position.min(count)),
                _ => return Err(ApiError::invalid_parameter("The specified nextToken is invalid.")),
            }
        }
        None if flag(request, "startFromHead") => (true, 0),
        None => (false, count),
    };
    Ok(if forward {
        (position, (position + limit).min(count))
    } else {
        (position.saturating_sub(limit), position)
    })
}
