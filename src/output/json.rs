//! The JSON documents: part of the contract, scripts depend on them.

use evenkeel_core::failure::Failure;
use evenkeel_core::plan::{Plan, PlannedService, PlannedTask, RevisionOrigin};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::stopped_task::{StoppedContainer, StoppedTask};
use serde_json::{Value, json};

use super::scheduled;
use crate::deploy::{Report, ServiceReport};

/// What a deployment came to: `evenkeel.deployment/v1`.
#[must_use]
pub fn report_document(report: &Report) -> Value {
    let mut document = json!({
        "schema": "evenkeel.deployment/v1",
        "outcome": report.outcome.as_str(),
        "services": report.services.iter().map(service).collect::<Vec<_>>(),
        "warnings": report.warnings,
    });
    if let Some(step) = report.step {
        document["step"] = step.as_str().into();
    }
    if let Some(failed) = &report.failure {
        document["failure"] = failure(failed);
    }
    if let Some(tasks) = &report.scheduled {
        document["scheduledTasks"] = tasks.iter().map(scheduled::report_document).collect();
    }
    document
}

/// What a deployment would do: `evenkeel.plan/v1`.
#[must_use]
pub fn plan_document(plan: &Plan, request: &DeployRequest) -> Value {
    let service = |planned: &PlannedService| {
        let revision = plan.revision_of(planned);
        let (action, becomes) = match &revision.source {
            RevisionOrigin::Register => ("register", None),
            RevisionOrigin::Adopt(arn) => ("adopt", Some(arn)),
            RevisionOrigin::Return(arn) => ("return", Some(arn)),
            RevisionOrigin::Live if request.policy.force_new_deployment => ("force", Some(&revision.base)),
            RevisionOrigin::Live => ("unchanged", Some(&revision.base)),
        };
        let changes = revision
            .changes
            .iter()
            .map(|change| json!({ "path": change.path, "from": change.from, "to": change.to }));
        json!({
            "cluster": request.cluster.as_str(),
            "service": planned.service.name,
            "action": action,
            "liveTaskDefinitionArn": revision.base.as_str(),
            "taskDefinitionArn": becomes.map(|arn| arn.as_str()),
            "changes": changes.collect::<Vec<_>>(),
        })
    };
    let mut document = json!({
        "schema": "evenkeel.plan/v1",
        "changes": plan.changes_anything(request),
        "services": plan.services.iter().map(service).collect::<Vec<_>>(),
        "warnings": plan.warnings,
    });
    if request.steps.count() > 0 {
        // A command may hold a secret.
        let task = |planned: PlannedTask<'_>| {
            json!({
                "step": planned.step.as_str(),
                "container": planned.container,
                "service": planned.service.name,
            })
        };
        document["tasks"] = plan.tasks(request).into_iter().map(task).collect();
    }
    if !request.also.is_empty() {
        let planned = plan.scheduled.iter().map(|planned| scheduled::plan_document(plan, planned));
        document["scheduledTasks"] = planned.collect();
    }
    document
}

/// The document of a command that came to nothing.
#[must_use]
pub fn failed_document(schema: &str, failed: &Failure) -> Value {
    json!({ "schema": schema, "failure": failure(failed) })
}

fn service(service: &ServiceReport) -> Value {
    let mut document = json!({
        "cluster": service.cluster,
        "service": service.service,
        "outcome": service.outcome.as_str(),
        "taskDefinitionArn": service.task_definition.as_ref().map(|arn| arn.as_str()),
        "previousTaskDefinitionArn": service.previous.as_ref().map(|arn| arn.as_str()),
        "revision": service.task_definition.as_ref().map(|arn| arn.revision()),
        "images": service.images,
        "digests": service.digests,
        "deploymentId": service.deployment,
        "serviceDeploymentArn": service.service_deployment,
        "durationSeconds": in_milliseconds(service.duration.as_secs_f64()),
    });
    if !service.variables.is_empty() {
        document["variables"] = json!(service.variables);
    }
    if let Some(note) = &service.note {
        document["note"] = note.as_str().into();
    }
    if let Some(failed) = &service.failure {
        document["failure"] = failure(failed);
        document["failure"]["tasks"] = service.evidence.tasks.iter().map(task).collect();
    }
    document
}

pub(super) fn task(task: &StoppedTask) -> Value {
    let container = |container: &StoppedContainer| {
        json!({
            "name": container.name,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "logTail": container.log_tail,
        })
    };
    json!({
        "taskArn": task.arn,
        "stopCode": task.stop_code,
        "stoppedReason": task.reason,
        "containers": task.containers.iter().map(container).collect::<Vec<_>>(),
    })
}

pub(super) fn failure(failure: &Failure) -> Value {
    json!({ "kind": failure.kind().as_str(), "message": failure.to_string() })
}

/// Seconds, rounded to the millisecond.
pub(super) fn in_milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
