//! Amazon EventBridge's rules and EventBridge Scheduler's schedules through their SDKs.
//!
//! Targets and schedules travel as raw JSON, as task definitions do: the SDK's types drop every member that they do not
//! know, and both calls that write replace the whole.

use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleError;
use aws_sdk_eventbridge::operation::list_rule_names_by_target::ListRuleNamesByTargetError;
use aws_sdk_eventbridge::operation::list_targets_by_rule::ListTargetsByRuleError;
use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleError;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{ScheduledTaskEffects, ScheduledTasks};
use evenkeel_core::scheduled::{Rule, ScheduledTask, TaskPlace};
use serde_json::{Map, Value, json};

use super::cloud::AwsCloud;
use super::error::{failure_as, lacking};
use super::raw_json::{CaptureAnswer, ReplaceBody};

/// As many pages are read at most, of a hundred entries each: an answer that always names a next page ends as well.
const PAGES: usize = 1_000;

impl ScheduledTasks for AwsCloud {
    async fn rule(&self, bus: &str, name: &str) -> Result<Option<Rule>, Failure> {
        let client = self.event_bridge();
        let sent = Box::pin(client.describe_rule().name(name).event_bus_name(bus).send()).await;
        let rule = match sent {
            Ok(rule) => rule,
            Err(error) => match error.as_service_error() {
                Some(DescribeRuleError::ResourceNotFoundException(_)) => return Ok(None),
                _ => return Err(failure_as(&self.who, "events", "DescribeRule", name, &error)),
            },
        };
        let (mut targets, mut page) = (Vec::new(), None);
        for _ in 0..PAGES {
            let raw = CaptureAnswer::default();
            let call = client.list_targets_by_rule().rule(name).event_bus_name(bus).set_next_token(page);
            let sent = Box::pin(call.customize().interceptor(raw.clone()).send()).await;
            let answer = match sent {
                Ok(answer) => answer,
                Err(error) => match error.as_service_error() {
                    // It was deleted a moment ago.
                    Some(ListTargetsByRuleError::ResourceNotFoundException(_)) => return Ok(None),
                    _ => return Err(failure_as(&self.who, "events", "ListTargetsByRule", name, &error)),
                },
            };
            targets
                .extend(listed(&raw, "Targets").ok_or_else(|| lacking("ListTargetsByRule", name, "target"))?);
            page = answer.next_token;
            if page.is_none() {
                break;
            }
        }
        Ok(Some(Rule {
            is_enabled: rule.state().is_none_or(|state| *state != RuleState::Disabled),
            managed_by: rule.managed_by.filter(|service| !service.is_empty()),
            targets,
        }))
    }

    async fn rules_on(&self, target: &str) -> Result<Vec<(String, String)>, Failure> {
        let client = self.event_bridge();
        let (mut buses, mut page) = (Vec::new(), None);
        for _ in 0..PAGES {
            let sent = Box::pin(client.list_event_buses().set_next_token(page).send()).await;
            let answer = sent
                .map_err(|error| failure_as(&self.who, "events", "ListEventBuses", "the Region", &error))?;
            buses.extend(answer.event_buses().iter().filter_map(|bus| bus.name().map(str::to_owned)));
            page = answer.next_token;
            if page.is_none() {
                break;
            }
        }
        let mut rules = Vec::new();
        for bus in buses {
            let mut page = None;
            for _ in 0..PAGES {
                let call = client.list_rule_names_by_target().target_arn(target).event_bus_name(&bus);
                let answer = match Box::pin(call.set_next_token(page).send()).await {
                    Ok(answer) => answer,
                    Err(error) => match error.as_service_error() {
                        // It was deleted a moment ago.
                        Some(ListRuleNamesByTargetError::ResourceNotFoundException(_)) => break,
                        _ => {
                            return Err(failure_as(
                                &self.who,
                                "events",
                                "ListRuleNamesByTarget",
                                &bus,
                                &error,
                            ));
                        }
                    },
                };
                rules.extend(answer.rule_names().iter().map(|rule| (bus.clone(), rule.clone())));
                page = answer.next_token;
                if page.is_none() {
                    break;
                }
            }
        }
        Ok(rules)
    }

    async fn schedule(&self, group: &str, name: &str) -> Result<Option<ScheduledTask>, Failure> {
        let raw = CaptureAnswer::default();
        let client = self.scheduler();
        let call = client.get_schedule().group_name(group).name(name);
        match Box::pin(call.customize().interceptor(raw.clone()).send()).await {
            Ok(_) => {}
            Err(error) => match error.as_service_error() {
                Some(GetScheduleError::ResourceNotFoundException(_)) => return Ok(None),
                _ => return Err(failure_as(&self.who, "scheduler", "GetSchedule", name, &error)),
            },
        }
        let schedule = object(&raw).filter(|schedule| schedule.contains_key("Target"));
        let schedule = schedule.ok_or_else(|| lacking("GetSchedule", name, "target"))?;
        Ok(Some(ScheduledTask::of_schedule(group, name, schedule)))
    }

    async fn schedules_on(&self, target: &str) -> Result<Vec<(String, String)>, Failure> {
        let client = self.scheduler();
        let (mut found, mut page) = (Vec::new(), None);
        for _ in 0..PAGES {
            let sent = Box::pin(client.list_schedules().set_next_token(page).send()).await;
            let answer = sent
                .map_err(|error| failure_as(&self.who, "scheduler", "ListSchedules", "the Region", &error))?;
            let schedules = answer.schedules().iter();
            let on_it = schedules.filter(|it| it.target().is_some_and(|its| its.arn() == target));
            found.extend(on_it.filter_map(|it| Some((it.group_name()?.to_owned(), it.name()?.to_owned()))));
            page = answer.next_token;
            if page.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

impl ScheduledTaskEffects for AwsCloud {
    async fn replace(&self, task: &ScheduledTask) -> Result<(), Failure> {
        match task.place() {
            TaskPlace::Rule { bus, rule, target } => self.put_target(bus, rule, target, task.request()).await,
            TaskPlace::Schedule { group, name } => self.update_schedule(group, name, task.request()).await,
        }
    }
}

impl AwsCloud {
    async fn put_target(
        &self,
        bus: &str,
        rule: &str,
        target: &str,
        raw: Map<String, Value>,
    ) -> Result<(), Failure> {
        let body = json!({ "Rule": rule, "EventBusName": bus, "Targets": [raw] });
        let client = self.event_bridge();
        let call = client.put_targets().rule(rule).event_bus_name(bus);
        let call = call.customize().interceptor(ReplaceBody(body.to_string().into_bytes()));
        let answer = Box::pin(call.send()).await;
        let answer = answer.map_err(|error| failure_as(&self.who, "events", "PutTargets", rule, &error))?;
        // A refused target is answered with 200 (Amazon EventBridge API reference, `PutTargets`).
        let Some(refused) = answer.failed_entries().first() else { return Ok(()) };
        let code = refused.error_code().unwrap_or_default();
        let is_passing = code.starts_with("ConcurrentModification") || code.starts_with("Internal");
        let kind = if is_passing { FailureKind::Unavailable } else { FailureKind::InvalidInput };
        let why = format!("{code}: {}", refused.error_message().unwrap_or("AWS gave no message"));
        Err(Failure::new(kind, format!("PutTargets of target {target} of rule {rule} failed")).because(why))
    }

    async fn update_schedule(&self, group: &str, name: &str, raw: Map<String, Value>) -> Result<(), Failure> {
        let mut body = raw;
        // The name stands in the request's path.
        body.remove("Name");
        body.insert("GroupName".to_owned(), group.into());
        // One for each change, and the same for its retries: a token made of the content would let Scheduler take a later
        // change to the same content for a repetition.
        let token = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        body.insert("ClientToken".to_owned(), token.into());
        let client = self.scheduler();
        let call = client.update_schedule().name(name);
        let call = call.customize().interceptor(ReplaceBody(Value::Object(body).to_string().into_bytes()));
        match Box::pin(call.send()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let is_conflict = error.as_service_error().is_some_and(|error| error.is_conflict_exception());
                let failure = failure_as(&self.who, "scheduler", "UpdateSchedule", name, &error);
                // Another change of the schedule is under way (EventBridge Scheduler API reference).
                Err(if is_conflict { failure.of_kind(FailureKind::Unavailable) } else { failure })
            }
        }
    }
}

/// The answer's body.
fn object(raw: &CaptureAnswer) -> Option<Map<String, Value>> {
    serde_json::from_slice(&raw.take()?).ok()
}

/// The list that is called so in the answer's body.
fn listed(raw: &CaptureAnswer, name: &str) -> Option<Vec<Value>> {
    match object(raw)?.remove(name) {
        Some(Value::Array(items)) => Some(items),
        Some(_) | None => None,
    }
}
