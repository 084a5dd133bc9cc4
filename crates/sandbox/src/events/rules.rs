//! Buses and rules.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::bus::{Bus, Rule, bus_arn, rule_arn};
use super::{DEFAULT, Events, invalid};
use crate::request::{Paging, flag, paged, seconds, text};
use crate::wire::{ApiError, ApiResult, refuse_if};

/// How EventBridge calls the members of a page.
pub(super) const PAGING: Paging = Paging { token: "NextToken", size: "Limit" };

impl Events {
    pub(super) fn create_bus(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let name = text(request, "Name").unwrap_or_default();
        refuse_if(self.buses.contains_key(name), || {
            ApiError::new("ResourceAlreadyExistsException", format!("Event bus {name} already exists."))
        })?;
        self.buses.insert(name.to_owned(), Bus::new(now));
        Ok(json!({ "EventBusArn": bus_arn(name) }))
    }

    pub(super) fn list_buses(&self, request: &Value) -> ApiResult {
        let prefix = text(request, "NamePrefix").unwrap_or_default();
        let view = |(name, bus): (&String, &Bus)| {
            let created = seconds(bus.created);
            json!({ "Name": name, "Arn": bus_arn(name), "CreationTime": created, "LastModifiedTime": created })
        };
        let buses = self.buses.iter().filter(|(name, _)| name.starts_with(prefix)).map(view).collect();
        paged(request, "EventBuses", buses, self.page_size(), PAGING)
    }

    /// Makes a rule, or gives one that is there all settings anew. Its targets stay.
    pub(super) fn put_rule(&mut self, request: &Value) -> ApiResult {
        let name = text(request, "Name").unwrap_or_default().to_owned();
        let schedule = text(request, "ScheduleExpression");
        refuse_if(schedule.is_none() && text(request, "EventPattern").is_none(), || {
            invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        })?;
        let (bus, found) = self.bus(request)?;
        refuse_if(schedule.is_some() && bus != DEFAULT, || {
            invalid("ScheduleExpression is supported only on the default event bus.")
        })?;
        refuse_if(schedule.is_some_and(|it| !it.starts_with("cron(") && !it.starts_with("rate(")), || {
            invalid("Parameter ScheduleExpression is not valid.")
        })?;
        let arn = rule_arn(bus, &name);
        let fresh = Rule { settings: Value::Null, managed_by: None, targets: Vec::new() };
        let rule = found.rules.entry(name).or_insert(fresh);
        rule.refuse_if_managed(request)?;
        rule.settings = request.clone();
        Ok(json!({ "RuleArn": arn }))
    }

    pub(super) fn describe_rule(&mut self, request: &Value) -> ApiResult {
        let name = text(request, "Name").unwrap_or_default();
        self.rule(request, "Name")?;
        let (bus, found) = self.bus(request)?;
        Ok(found.rules.get(name).map(|rule| rule.described(bus, name)).unwrap_or_default())
    }

    /// A rule that is not there is deleted as well.
    pub(super) fn delete_rule(&mut self, request: &Value) -> ApiResult {
        let name = text(request, "Name").unwrap_or_default();
        let (_, bus) = self.bus(request)?;
        if let Some(rule) = bus.rules.get(name) {
            rule.refuse_if_managed(request)?;
            refuse_if(!rule.targets.is_empty(), || invalid("Rule can't be deleted since it has targets."))?;
        }
        bus.rules.remove(name);
        Ok(json!({}))
    }

    /// The names of a bus's rules with a target of this ARN. As the rules are looked through page by page, a page may be
    /// empty and not the last.
    pub(super) fn list_rule_names(&mut self, request: &Value) -> ApiResult {
        let size = self.page_size();
        let arn = text(request, "TargetArn").unwrap_or_default();
        let (_, bus) = self.bus(request)?;
        let names = bus.rules.keys().map(|name| Value::from(name.as_str())).collect();
        let mut page = paged(request, "RuleNames", names, size, PAGING)?;
        let starts = |name: &Value| {
            let rule = name.as_str().and_then(|name| bus.rules.get(name));
            rule.is_some_and(|rule| rule.targets.iter().any(|target| target["Arn"] == arn))
        };
        if let Some(names) = page["RuleNames"].as_array_mut() {
            names.retain(starts);
        }
        Ok(page)
    }
}

impl Rule {
    /// Refuses to change a rule that an AWS service made, unless a request to delete it has `Force`.
    pub(super) fn refuse_if_managed(&self, request: &Value) -> Result<(), ApiError> {
        let managed = self.managed_by.as_deref().filter(|_| !flag(request, "Force"));
        managed.map_or(Ok(()), |service| {
            let message = format!("The rule is managed by {service}, which alone can change it.");
            Err(ApiError::new("ManagedRuleException", message))
        })
    }
}
