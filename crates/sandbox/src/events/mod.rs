//! Amazon EventBridge: buses, rules and their targets, and the events that were put.
//!
//! Facts are from the Amazon EventBridge API reference. A target is kept as the JSON that it came as, members that the
//! model does not know included: they stand for what AWS has added since. Whether the task definition that a target names
//! exists is not checked, as EventBridge does not check it either.

mod bus;
mod console;
mod put_events;
mod rules;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::model::Model;
use super::request::text;
use super::validation::{self, Unknown};
use super::wire::{ApiError, ApiResult};

use bus::{Bus, Rule};
use put_events::Taken;
use targets::Refusal;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// The bus that every account has, and the one of requests that name none.
const DEFAULT: &str = "default";

/// All buses but the default one, which is made when it is first needed.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    taken: Taken,
    /// By name.
    buses: BTreeMap<String, Bus>,
    /// What becomes of targets that are still to be put, the next one first.
    refusals: Vec<Refusal>,
    /// How many entries a page has at most, where that is set.
    page_size: Option<usize>,
}

impl Events {
    /// Answers one request.
    pub(super) fn answer(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        if operation == "PutEvents" {
            MODEL.check(operation, request, &BTreeSet::new())?;
            return self.taken.put(request);
        }
        validation::check(&MODEL, operation, request, Unknown::AcceptedBelow("Targets."))?;
        self.buses.entry(DEFAULT.to_owned()).or_insert_with(|| Bus::new(now));
        match operation {
            "CreateEventBus" => self.create_bus(request, now),
            "DeleteRule" => self.delete_rule(request),
            "DescribeRule" => self.describe_rule(request),
            "ListEventBuses" => self.list_buses(request),
            "ListRuleNamesByTarget" => self.list_rule_names(request),
            "ListTargetsByRule" => self.list_targets(request),
            "PutRule" => self.put_rule(request),
            "PutTargets" => self.put_targets(request),
            "RemoveTargets" => self.remove_targets(request),
            _ => Err(ApiError::unknown_operation()),
        }
    }

    /// The bus that a request names by its name or ARN, with its name.
    fn bus<'a>(&mut self, request: &'a Value) -> Result<(&'a str, &mut Bus), ApiError> {
        let named = text(request, "EventBusName").unwrap_or(DEFAULT);
        let name = named.split_once(":event-bus/").map_or(named, |(_, name)| name);
        let missing =
            || ApiError::new("ResourceNotFoundException", format!("Event bus {name} does not exist."));
        self.buses.get_mut(name).map(|bus| (name, bus)).ok_or_else(missing)
    }

    /// The rule that a request names in `member`.
    fn rule(&mut self, request: &Value, member: &str) -> Result<&mut Rule, ApiError> {
        let name = text(request, member).unwrap_or_default();
        let (bus, found) = self.bus(request)?;
        let missing = || {
            let message = format!("Rule {name} does not exist on EventBus {bus}.");
            ApiError::new("ResourceNotFoundException", message)
        };
        found.rules.get_mut(name).ok_or_else(missing)
    }

    /// How many entries a page has if the request does not ask for fewer.
    fn page_size(&self) -> usize {
        self.page_size.unwrap_or(100)
    }
}

/// As [`validation::invalid`].
fn invalid(message: impl Into<String>) -> ApiError {
    validation::invalid(message)
}

/// The ARN of the rule that a request is about, as far as IAM can tell callers apart by it.
pub(super) fn resource(operation: &str, request: &Value) -> Option<String> {
    let rule = match operation {
        "DeleteRule" | "DescribeRule" | "PutRule" => text(request, "Name")?,
        "ListTargetsByRule" | "PutTargets" | "RemoveTargets" => text(request, "Rule")?,
        _ => return None,
    };
    Some(bus::rule_arn(text(request, "EventBusName").unwrap_or(DEFAULT), rule))
}
