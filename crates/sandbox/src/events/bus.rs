//! A bus, a rule and a rule's targets, as they are kept.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::DEFAULT;
use crate::request::{text, without_nulls};
use crate::{ACCOUNT, REGION};

/// An event bus.
#[derive(Debug, Clone)]
pub(super) struct Bus {
    pub(super) created: Timestamp,
    /// By name.
    pub(super) rules: BTreeMap<String, Rule>,
}

/// A rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The request of the latest `PutRule`.
    pub(super) settings: Value,
    /// The AWS service that made it.
    pub(super) managed_by: Option<String>,
    /// The targets as they came, in the order in which their ids came first.
    pub(super) targets: Vec<Value>,
}

impl Bus {
    /// A bus without rules.
    pub(super) fn new(created: Timestamp) -> Self {
        Self { created, rules: BTreeMap::new() }
    }
}

impl Rule {
    /// The rule as `DescribeRule` answers it.
    pub(super) fn described(&self, bus: &str, name: &str) -> Value {
        let setting = |member: &str| self.settings.get(member).cloned().unwrap_or_default();
        without_nulls(json!({
            "Name": name,
            "Arn": rule_arn(bus, name),
            "EventBusName": bus,
            "EventPattern": setting("EventPattern"),
            "ScheduleExpression": setting("ScheduleExpression"),
            "State": text(&self.settings, "State").unwrap_or("ENABLED"),
            "Description": setting("Description"),
            "RoleArn": setting("RoleArn"),
            "ManagedBy": self.managed_by,
            "CreatedBy": ACCOUNT,
        }))
    }

    /// The target of this id.
    pub(super) fn target(&self, id: &str) -> Option<&Value> {
        self.targets.iter().find(|target| target["Id"] == id)
    }

    /// Puts a target in the place of the one of its id, or behind the others. Nothing stays of the former one.
    pub(super) fn put(&mut self, target: &Value) {
        match self.targets.iter_mut().find(|it| it["Id"] == target["Id"]) {
            Some(former) => *former = target.clone(),
            None => self.targets.push(target.clone()),
        }
    }
}

/// A rule's ARN, in which the default bus is not named.
pub(super) fn rule_arn(bus: &str, name: &str) -> String {
    let path = if bus == DEFAULT { name.to_owned() } else { format!("{bus}/{name}") };
    format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{path}")
}

/// A bus's ARN.
pub(super) fn bus_arn(name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}")
}
