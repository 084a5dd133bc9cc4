//! What a person or a script gets to read of scheduled tasks.

use evenkeel_core::plan::Plan;
use evenkeel_core::scheduled::{MoveOutcome, PlannedMove, ScheduledTask, TaskPlace};
use serde_json::{Value, json};

use super::text::printable;
use crate::deploy::ScheduledReport;

/// A line for a scheduled task that was to follow a deployment.
#[must_use]
pub(super) fn report_line(report: &ScheduledReport) -> String {
    let (place, before) = (report.task.place(), named(&report.task));
    let now = report.revision.as_ref().map_or("-", |revision| revision.family_and_revision());
    let what = match report.outcome {
        MoveOutcome::Moved => format!("{place} starts {now} from now on, and no longer {before}"),
        MoveOutcome::Current => format!("{place} starts {now} already"),
        MoveOutcome::Left => format!("{place} stays as it was, and starts {before}"),
        MoveOutcome::Failed => format!("{place} was not moved, and starts {before}"),
    };
    let state = if report.task.is_enabled() { "" } else { " (disabled)" };
    let note = report.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    printable(&format!("{what}{state}{note}"))
}

/// A line for a scheduled task that is to follow a deployment.
#[must_use]
pub(super) fn plan_line(plan: &Plan, planned: &PlannedMove) -> String {
    let (place, before) = (planned.task.place(), named(&planned.task));
    let becomes = plan.revisions[planned.revision].exists_as();
    let becomes = becomes.map_or("the new revision", |becomes| becomes.family_and_revision());
    printable(&if plan.moves(planned) {
        format!("{place} would start {becomes} after the rollout; now it starts {before}")
    } else {
        format!("{place} starts {becomes} already")
    })
}

/// A line for a scheduled task as it is.
#[must_use]
pub(super) fn line(task: &ScheduledTask) -> String {
    let state = if task.is_enabled() { "" } else { " (disabled)" };
    printable(&format!("{} starts {}{state}", task.place(), named(task)))
}

/// A scheduled task that was to follow, in documents.
#[must_use]
pub(super) fn report_document(report: &ScheduledReport) -> Value {
    let mut document = document(&report.task);
    let revision = report.revision.as_ref().map(|revision| revision.as_str());
    document["previousTaskDefinition"] = document["taskDefinition"].take();
    document["taskDefinition"] =
        revision.map_or_else(|| document["previousTaskDefinition"].clone(), Value::from);
    document["outcome"] = report.outcome.as_str().into();
    if let Some(note) = &report.note {
        document["note"] = note.as_str().into();
    }
    document
}

/// A scheduled task that is to follow, in documents.
#[must_use]
pub(super) fn plan_document(plan: &Plan, planned: &PlannedMove) -> Value {
    let mut document = document(&planned.task);
    document["moves"] = plan.moves(planned).into();
    document
}

/// A scheduled task as it is, in documents.
#[must_use]
pub(super) fn document(task: &ScheduledTask) -> Value {
    let mut document = match task.place() {
        TaskPlace::Rule { bus, rule, target } => {
            json!({ "kind": "rule", "bus": bus, "name": rule, "target": target })
        }
        TaskPlace::Schedule { group, name } => json!({ "kind": "schedule", "group": group, "name": name }),
    };
    document["enabled"] = task.is_enabled().into();
    document["taskDefinition"] = task.definition().into();
    document
}

/// What it starts, as `web:12`, or `the newest revision of web`.
fn named(task: &ScheduledTask) -> String {
    match task.named() {
        Some(named) => match named.revision {
            Some(revision) => format!("{}:{revision}", named.family),
            None => format!("the newest revision of {}", named.family),
        },
        None => "no task".to_owned(),
    }
}
