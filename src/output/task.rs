//! What a one-off task came to, as a document and as a sentence.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::one_off::TaskEnd;
use serde_json::{Value, json};

use super::format;
use super::json::{failure, in_milliseconds, task};
use super::text::printable;
use crate::one_off::{TaskOutcome, TaskReport};

/// What a one-off task came to: `evenkeel.task/v1`.
#[must_use]
pub fn task_document(report: &TaskReport) -> Value {
    let (cluster, service) = report.service.as_ref().map(|(cluster, service)| (cluster, service)).unzip();
    let mut document = json!({
        "schema": "evenkeel.task/v1",
        "outcome": report.outcome.as_str(),
        "cluster": cluster,
        "service": service,
        "taskDefinitionArn": report.revision.as_ref().map(TaskDefinitionArn::as_str),
        "taskArn": report.task,
        "container": report.container,
        "exitCode": report.exit_code(),
        "durationSeconds": in_milliseconds(report.duration.as_secs_f64()),
        "warnings": report.warnings,
    });
    if let Some(failed) = &report.failure {
        document["failure"] = failure(failed);
        if failed.kind() == FailureKind::RolloutFailed {
            // There is no rollout.
            document["failure"]["kind"] = "task_failed".into();
        }
        document["failure"]["tasks"] = report.evidence.tasks.iter().map(task).collect();
    }
    document
}

/// What a one-off task came to: `container app of web:42 ended with 0 after 12 s (task 0f9d…)`. Nothing where the error
/// says all.
#[must_use]
pub fn task_text(report: &TaskReport) -> String {
    let Some(of) = of(report) else { return String::new() };
    let took = format::took(report.duration);
    let what = match &report.end {
        Some(TaskEnd::Exited(code)) => format!("{of} ended with {code} after {took}"),
        Some(TaskEnd::NeverRan) => format!("{of} never ran: its task stopped after {took}"),
        Some(TaskEnd::Stopped) => format!("{of} was stopped after {took}"),
        Some(TaskEnd::TimedOut) => format!("{of} did not end in time: it took longer than {took}"),
        Some(TaskEnd::Forgotten) => format!("how {of} ended is not known after {took}"),
        Some(TaskEnd::NotLaunched(_)) => format!("{of} was not started within {took}"),
        None => match report.outcome {
            TaskOutcome::Interrupted => format!("the wait for {of} was interrupted after {took}"),
            TaskOutcome::TimedOut => format!("{of} was not started within {took}"),
            TaskOutcome::Succeeded | TaskOutcome::Failed => return String::new(),
        },
    };
    let task = report.task.as_ref().map(|arn| format!(" (task {})", format::name(arn)));
    format!("{what}{}\n", task.unwrap_or_default())
}

/// The last lines of the log of a task that failed, beside the one line that every failure has.
#[must_use]
pub fn task_reasons_text(report: &TaskReport) -> String {
    let details = report.evidence.details();
    details.iter().map(|line| format!("  {}\n", printable(line))).collect()
}

/// What a one-off task came to in a few words: `app of web:42: failed`.
#[must_use]
pub fn task_title(report: &TaskReport) -> String {
    let of = of(report).unwrap_or_else(|| "one-off task".to_owned());
    format!("{of}: {}", report.outcome.as_str().replace('_', " "))
}

/// `container app of web:42`.
fn of(report: &TaskReport) -> Option<String> {
    let (container, revision) = (report.container.as_ref()?, report.revision.as_ref()?);
    Some(format!("container {container} of {}", revision.family_and_revision()))
}
