//! Amazon EventBridge Scheduler: groups and schedules.
//!
//! Facts are from the EventBridge Scheduler API reference. A schedule is kept as the JSON that it came as, members that
//! the model does not know included: they stand for what AWS has added since.
//!
//! Not known of AWS, and chosen so that a client that relies on it is found out: a client token that comes again with an
//! equal request does nothing, and with another one is a `ConflictException`; members that only AWS writes are refused.

mod console;
mod schedule;
mod wire;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::model::Model;
use super::request::{Paging, paged, text};
use super::validation::{self, Unknown, invalid};
use super::wire::{ApiError, ApiResult, refuse_if};
use super::{ACCOUNT, REGION};

pub(super) use wire::{error, is_for, parse, resource};

use schedule::Schedule;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// The group that every account has, and the one of requests that name none.
const DEFAULT: &str = "default";

/// Members of `GetSchedule`'s answer that no request has.
const READ_ONLY: [&str; 3] = ["Arn", "CreationDate", "LastModificationDate"];

/// How long ago a schedule may begin at the earliest.
const EARLIEST_START: Duration = Duration::from_secs(5 * 60);

/// All schedules.
#[derive(Debug, Clone, Default)]
pub(super) struct Scheduler {
    /// The groups but the default one, and when they were made.
    groups: BTreeMap<String, Timestamp>,
    /// By group and name.
    schedules: BTreeMap<(String, String), Schedule>,
    /// The requests that were carried out, by their client tokens.
    requests: BTreeMap<String, Value>,
    /// Whether an update is refused that keeps a beginning of the past.
    pub(super) refuses_past_starts: bool,
    /// How many entries a page has at most, where that is set.
    pub(super) page_size: Option<usize>,
}

impl Scheduler {
    /// Answers one request.
    pub(super) fn answer(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        if let Some(member) = READ_ONLY.iter().find(|member| request.get(**member).is_some()) {
            return Err(invalid(format!("{operation} does not take the member {member}.")));
        }
        validation::check(&MODEL, operation, request, Unknown::AcceptedBelow(""))?;
        match operation {
            "GetSchedule" => self.get(request),
            "ListSchedules" => self.list(request),
            "CreateSchedule" => self.once(request, |it| it.create(request, now)),
            "UpdateSchedule" => self.once(request, |it| it.update(request, now)),
            "DeleteSchedule" => self.delete(request),
            "CreateScheduleGroup" => self.create_group(request, now),
            _ => Err(ApiError::unknown_operation()),
        }
    }

    /// Carries a request out unless its client token came before.
    fn once(&mut self, request: &Value, carry_out: impl FnOnce(&mut Self) -> ApiResult) -> ApiResult {
        let Some(token) = text(request, "ClientToken") else { return carry_out(self) };
        match self.requests.get(token) {
            Some(former) if former == request => {
                let (group, name) = place(request);
                Ok(json!({ "ScheduleArn": arn(&group, &name) }))
            }
            Some(_) => Err(ApiError::new(
                "ConflictException",
                "The client token was already used with different request parameters.",
            )
            .with_status(409)),
            None => {
                let answer = carry_out(self)?;
                self.requests.insert(token.to_owned(), request.clone());
                Ok(answer)
            }
        }
    }

    fn create(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        schedule::refuse_unsound(request)?;
        refuse_early_start(request, now)?;
        self.add(request, now)
    }

    /// Makes a schedule without asking when it begins.
    fn add(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let (group, name) = place(request);
        self.refuse_without_group(&group)?;
        let answer = json!({ "ScheduleArn": arn(&group, &name) });
        refuse_if(self.schedules.contains_key(&(group.clone(), name.clone())), || {
            ApiError::new("ConflictException", format!("Schedule {name} already exists.")).with_status(409)
        })?;
        self.schedules.insert((group, name), Schedule::new(request, now));
        Ok(answer)
    }

    /// Replaces all of a schedule: of what the request leaves out, nothing stays.
    fn update(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        schedule::refuse_unsound(request)?;
        if self.refuses_past_starts {
            refuse_early_start(request, now)?;
        }
        let (group, name) = place(request);
        self.find(&group, &name)?.replace(request, now);
        Ok(json!({ "ScheduleArn": arn(&group, &name) }))
    }

    fn get(&mut self, request: &Value) -> ApiResult {
        let (group, name) = place(request);
        Ok(self.find(&group, &name)?.described(&group, &name))
    }

    fn delete(&mut self, request: &Value) -> ApiResult {
        let (group, name) = place(request);
        self.find(&group, &name)?;
        self.schedules.remove(&(group, name));
        Ok(json!({}))
    }

    fn list(&self, request: &Value) -> ApiResult {
        let group = text(request, "GroupName");
        group.map_or(Ok(()), |group| self.refuse_without_group(group))?;
        let (prefix, state) = (text(request, "NamePrefix").unwrap_or_default(), text(request, "State"));
        let summaries = self
            .schedules
            .iter()
            .filter(|((of, name), _)| group.is_none_or(|group| group == of) && name.starts_with(prefix))
            .map(|((group, name), schedule)| schedule.summary(group, name))
            .filter(|summary| state.is_none_or(|state| summary["State"] == state));
        let paging = Paging { token: "NextToken", size: "MaxResults" };
        paged(request, "Schedules", summaries.collect(), self.page_size.unwrap_or(100), paging)
    }

    fn create_group(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let name = text(request, "Name").unwrap_or_default();
        refuse_if(name == DEFAULT || self.groups.contains_key(name), || {
            ApiError::new("ConflictException", format!("Schedule group {name} already exists."))
                .with_status(409)
        })?;
        self.groups.insert(name.to_owned(), now);
        Ok(
            json!({ "ScheduleGroupArn": format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{name}") }),
        )
    }

    fn find(&mut self, group: &str, name: &str) -> Result<&mut Schedule, ApiError> {
        let key = (group.to_owned(), name.to_owned());
        self.schedules.get_mut(&key).ok_or_else(|| not_found(format!("Schedule {name} does not exist.")))
    }

    fn refuse_without_group(&self, group: &str) -> Result<(), ApiError> {
        refuse_if(group != DEFAULT && !self.groups.contains_key(group), || {
            not_found(format!("Schedule group {group} does not exist."))
        })
    }
}

/// The group and the name of the schedule that a request is about.
fn place(request: &Value) -> (String, String) {
    let group = text(request, "GroupName").unwrap_or(DEFAULT);
    (group.to_owned(), text(request, "Name").unwrap_or_default().to_owned())
}

/// A schedule's ARN.
fn arn(group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}")
}

fn refuse_early_start(request: &Value, now: Timestamp) -> Result<(), ApiError> {
    let start = request.get("StartDate").and_then(Value::as_f64);
    let earliest = now.before(EARLIEST_START).since_epoch().as_secs_f64();
    refuse_if(start.is_some_and(|start| start < earliest), || {
        invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    })
}

fn not_found(message: String) -> ApiError {
    ApiError::new("ResourceNotFoundException", message).with_status(404)
}
