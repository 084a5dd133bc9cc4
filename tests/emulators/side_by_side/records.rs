//! The service deployments of a service under test, and the service revisions that they bring.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::service::{Service, seconds, summary};
use super::shape::Kind;
use super::timeline::{COUNTED, IN_PROGRESS, RECORDED, Rollout, THRESHOLD};

impl Service {
    /// Those that were created no earlier than `after`, in short.
    pub(super) fn list_records(&self, after: f64, now: Timestamp) -> Value {
        let records = self.records(now).into_iter().map(|(brief, _)| brief);
        records.filter(|brief| brief["createdAt"].as_f64() >= Some(after)).collect()
    }

    /// Those of these ARNs.
    pub(super) fn describe_records(&self, arns: &[&str], now: Timestamp) -> Value {
        let records = self.records(now).into_iter();
        let asked = records.filter(|(brief, _)| {
            brief["serviceDeploymentArn"].as_str().is_some_and(|arn| arns.contains(&arn))
        });
        asked.map(|(brief, rest)| described(brief, rest)).collect()
    }

    pub(super) fn describe_revisions(&self, arns: &[&str]) -> Value {
        let former = (self.former.number, &self.former.definition);
        let rollouts = self.rollouts.iter().map(|rollout| (rollout.number, &rollout.definition));
        let revisions = std::iter::once(former).chain(rollouts);
        let named = revisions.map(|(number, definition)| (self.revision_arn(number), definition));
        named
            .filter(|(arn, _)| arns.contains(&arn.as_str()))
            .map(|(arn, definition)| {
                json!({ "serviceRevisionArn": arn, "serviceArn": self.arn, "taskDefinition": definition })
            })
            .collect()
    }

    /// What the list tells of each, and what only a description does; the newest first.
    fn records(&self, now: Timestamp) -> Vec<(Value, Value)> {
        let recorded = |rollout: &&Rollout| now.since(rollout.began) >= RECORDED;
        let rollouts = self.rollouts.iter().rev().filter(recorded);
        let mut records: Vec<_> = rollouts.map(|rollout| self.record(rollout, now)).collect();
        records.push(self.former_record());
        records
    }

    fn record(&self, rollout: &Rollout, now: Timestamp) -> (Value, Value) {
        let at = now.since(rollout.began);
        let has_ended = at >= rollout.ends();
        let (status, reason) = status(rollout, at);
        let mut brief = self.brief(rollout.number, rollout.began.plus(RECORDED), status);
        let mut rest = json!({
            "targetServiceRevision": self.target(rollout, at),
            "sourceServiceRevisions": [self.source(rollout, at, now)],
            "deploymentCircuitBreaker": self.breaker(rollout, at),
            "alarms": { "status": "DISABLED" },
        });
        if at >= IN_PROGRESS {
            brief["startedAt"] = json!(seconds(rollout.began.plus(IN_PROGRESS)));
        }
        if let Some(reason) = reason {
            brief["statusReason"] = json!(reason);
        }
        if has_ended {
            brief["finishedAt"] = json!(seconds(rollout.began.plus(rollout.ends())));
        }
        if let Some(stage) = rollout.stage(at) {
            rest["lifecycleStage"] = json!(stage);
        }
        if let Some(back) = rollout.rolls_back().filter(|back| *back <= at) {
            rest["rollback"] = json!({
                "reason": reason,
                "startedAt": seconds(rollout.began.plus(back)),
                "serviceRevisionArn": self.revision_arn(self.former.number),
            });
        }
        if status == "STOPPED" {
            rest["stoppedAt"] = brief["finishedAt"].clone();
        }
        (brief, rest)
    }

    /// The revision that the rollout brings.
    fn target(&self, rollout: &Rollout, at: Duration) -> Value {
        let is_back = rollout.rolls_back().is_some_and(|back| back <= at);
        let requested = if is_back || at < COUNTED.min(rollout.starts()) { 0 } else { rollout.desired };
        let target = summary(&self.revision_arn(rollout.number), requested, rollout.counts(at));
        weighted(target, rollout, if at >= rollout.shifts() { 100.0 } else { 0.0 })
    }

    /// The revision that it replaces.
    fn source(&self, rollout: &Rollout, at: Duration, now: Timestamp) -> Value {
        let running = self.former_tasks(now).unwrap_or_default();
        let source = summary(&self.revision_arn(self.former.number), running, (running, 0));
        weighted(source, rollout, if at >= rollout.shifts() { 0.0 } else { 100.0 })
    }

    fn breaker(&self, rollout: &Rollout, at: Duration) -> Value {
        let failures = rollout.failures(at);
        let is_on = self.shape.configuration()["deploymentCircuitBreaker"]["enable"] == true;
        let status = if !is_on {
            "DISABLED"
        } else if failures == THRESHOLD {
            "TRIGGERED"
        } else if at >= rollout.ends() {
            "MONITORING_COMPLETE"
        } else {
            "MONITORING"
        };
        json!({ "status": status, "failureCount": failures, "threshold": THRESHOLD })
    }

    /// Of the service's creation, which is long over.
    fn former_record(&self) -> (Value, Value) {
        let (number, desired) = (self.former.number, self.shape.desired);
        let mut brief = self.brief(number, self.former.created, "SUCCESSFUL");
        for member in ["startedAt", "finishedAt"] {
            brief[member] = brief["createdAt"].clone();
        }
        let target = summary(&self.revision_arn(number), desired, (desired, 0));
        (brief, json!({ "targetServiceRevision": target, "sourceServiceRevisions": [] }))
    }

    fn brief(&self, number: u64, created: Timestamp, status: &str) -> Value {
        json!({
            "serviceDeploymentArn": self.record_arn(number),
            "serviceArn": self.arn,
            "targetServiceRevisionArn": self.revision_arn(number),
            "createdAt": seconds(created),
            "status": status,
        })
    }
}

/// The list names the target's ARN; the description has the target itself.
fn described(brief: Value, rest: Value) -> Value {
    let (Value::Object(mut whole), Value::Object(rest)) = (brief, rest) else { return Value::Null };
    whole.remove("targetServiceRevisionArn");
    whole.extend(rest);
    Value::Object(whole)
}

/// The `status` and the `statusReason`.
fn status(rollout: &Rollout, at: Duration) -> (&'static str, Option<&'static str>) {
    let has_ended = at >= rollout.ends();
    match rollout.kind {
        _ if at < IN_PROGRESS => ("PENDING", None),
        Kind::RolledBack(_) if at >= rollout.pace.up => {
            let status = if has_ended { "ROLLBACK_SUCCESSFUL" } else { "ROLLBACK_IN_PROGRESS" };
            let why = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
            (status, Some(why))
        }
        _ if !has_ended => ("IN_PROGRESS", None),
        // AWS documents no text for this one.
        Kind::GivenUp(_) => ("STOPPED", Some("ECS deployment circuit breaker: tasks failed to start.")),
        Kind::Rolling | Kind::BlueGreen | Kind::RolledBack(_) => ("SUCCESSFUL", None),
    }
}

/// With the share of production traffic that the revision has, where traffic is shifted.
fn weighted(mut revision: Value, rollout: &Rollout, production: f64) -> Value {
    if rollout.kind == Kind::BlueGreen {
        revision["requestedProductionTrafficWeight"] = json!(production);
    }
    revision
}
