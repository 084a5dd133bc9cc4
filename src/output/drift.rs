//! What has drifted apart, for people and scripts.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::diff::Change;
use evenkeel_core::drift::{Difference, DriftView, Recorded};
use evenkeel_core::record::Status;
use serde_json::{Value, json};

use super::scheduled;
use super::text::change_line;

/// `evenkeel.drift/v1`.
#[must_use]
pub fn drift_document(cluster: &str, service: &str, seen: &DriftView, differences: &[Difference]) -> Value {
    let arn = |arn: &Option<TaskDefinitionArn>| arn.as_ref().map(|arn| arn.as_str().to_owned());
    let change = |change: &Change| json!({ "path": change.path, "from": change.from, "to": change.to });
    let difference = |it: &Difference| {
        let changes: Vec<Value> = it.changes.iter().map(change).collect();
        json!({ "kind": it.kind, "what": it.what, "who": it.who, "next": it.next, "changes": changes })
    };
    let mut document = json!({
        "schema": "evenkeel.drift/v1",
        "drift": !differences.is_empty(),
        "cluster": cluster,
        "service": service,
        "liveTaskDefinitionArn": seen.live.as_str(),
        "rollout": seen.primary.as_str(),
        "newestTaskDefinitionArn": arn(&seen.newest),
        "records": seen.records.iter().map(recorded).collect::<Vec<_>>(),
        "differences": differences.iter().map(difference).collect::<Vec<_>>(),
    });
    if let Some(believed) = &seen.terraform {
        document["terraform"] = json!({
            "serviceTaskDefinitionArn": arn(&believed.service),
            "registeredTaskDefinitionArn": arn(&believed.registered),
        });
    }
    if let Some(tasks) = &seen.scheduled {
        document["scheduledTasks"] = tasks.iter().map(scheduled::document).collect();
    }
    document
}

/// A line for what was compared, three for each difference, and one for each member that differs.
#[must_use]
pub fn drift_text(service: &str, seen: &DriftView, differences: &[Difference]) -> String {
    let short = |arn: &TaskDefinitionArn| arn.family_and_revision().to_owned();
    let mut compared = vec![format!("live {} ({})", short(&seen.live), seen.primary.as_str())];
    if let Some(newest) = &seen.newest {
        compared.push(format!("newest {}", short(newest)));
    }
    for it in &seen.records {
        let told = it.record.as_ref().map(|record| format!("{}:{}", record.family, record.revision));
        compared.push(format!("{} {}", it.place, told.unwrap_or_else(|| "nothing".to_owned())));
    }
    if let Some(registered) = seen.terraform.as_ref().and_then(|believed| believed.registered.as_ref()) {
        compared.push(format!("Terraform's {}", short(registered)));
    }
    let verdict = if differences.is_empty() { "; no drift" } else { "" };
    let mut lines = vec![format!("{service}: {}{verdict}", compared.join(", "))];
    for it in differences {
        lines.push(format!("{}: {}", it.kind, it.what));
        lines.extend(it.changes.iter().map(change_line));
        lines.push(format!("  probably by: {}", it.who));
        lines.push(format!("  what to do: {}", it.next));
    }
    lines.join("\n") + "\n"
}

fn recorded(recorded: &Recorded) -> Value {
    let status = match &recorded.record {
        Some(record) if record.status == Status::InProgress => "in_progress",
        Some(_) => "succeeded",
        None if recorded.is_missing => "missing",
        None => "empty",
    };
    let record = recorded.record.as_ref();
    json!({
        "place": recorded.place,
        "status": status,
        "taskDefinitionArn": record.map(|record| &record.task_definition_arn),
        "baseTaskDefinitionArn": record.map(|record| &record.base_task_definition_arn),
    })
}
