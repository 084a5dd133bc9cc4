//! A schedule, as it is kept and as it is shown.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::arn;
use super::invalid;
use crate::request::{merged, seconds, text, without};
use crate::wire::{ApiError, refuse_if};

/// A schedule.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// The request that made it or changed it last, without its client token.
    settings: Value,
    created: Timestamp,
    modified: Timestamp,
}

impl Schedule {
    pub(super) fn new(request: &Value, now: Timestamp) -> Self {
        Self { settings: without(request.clone(), "ClientToken"), created: now, modified: now }
    }

    /// Sets all of it anew.
    pub(super) fn replace(&mut self, request: &Value, now: Timestamp) {
        (self.settings, self.modified) = (without(request.clone(), "ClientToken"), now);
    }

    /// What it starts.
    pub(super) fn target(&self) -> &Value {
        &self.settings["Target"]
    }

    /// Whether it starts anything.
    pub(super) fn is_enabled(&self) -> bool {
        text(&self.settings, "State").unwrap_or("ENABLED") == "ENABLED"
    }

    /// The schedule as `GetSchedule` answers it, with the defaults of what nobody set.
    pub(super) fn described(&self, group: &str, name: &str) -> Value {
        let defaults = json!({
            "State": "ENABLED",
            "ScheduleExpressionTimezone": "UTC",
            "ActionAfterCompletion": "NONE",
        });
        let read_only = json!({
            "Arn": arn(group, name),
            "GroupName": group,
            "Name": name,
            "CreationDate": seconds(self.created),
            "LastModificationDate": seconds(self.modified),
        });
        merged(merged(defaults, &self.settings), &read_only)
    }

    /// The schedule as `ListSchedules` answers it. Of its target nothing is said but the ARN.
    pub(super) fn summary(&self, group: &str, name: &str) -> Value {
        let all = self.described(group, name);
        let mut summary = json!({ "Target": { "Arn": self.target()["Arn"] } });
        for member in ["Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State"] {
            summary[member] = all[member].clone();
        }
        summary
    }
}

/// Refuses a schedule that the model allows and the service does not.
pub(super) fn refuse_unsound(request: &Value) -> Result<(), ApiError> {
    let expression = text(request, "ScheduleExpression").unwrap_or_default();
    let is_one = ["at(", "rate(", "cron("].iter().any(|kind| expression.starts_with(kind));
    refuse_if(!is_one || !expression.ends_with(')'), || {
        invalid(format!("Invalid Schedule Expression {expression}."))
    })?;
    let target = &request["Target"];
    let arn = text(target, "Arn").unwrap_or_default();
    refuse_if(!arn.starts_with("arn:"), || invalid("Provided Arn is not in correct format."))?;
    refuse_if(arn.starts_with("arn:aws:ecs:") && !target["EcsParameters"].is_object(), || {
        invalid(format!("EcsParameters is required for target {arn}."))
    })?;
    let window = &request["FlexibleTimeWindow"];
    let (is_flexible, has_width) =
        (window["Mode"] == "FLEXIBLE", window["MaximumWindowInMinutes"].is_number());
    refuse_if(is_flexible != has_width, || {
        invalid("MaximumWindowInMinutes must be set if and only if the FlexibleTimeWindow is FLEXIBLE.")
    })
}
