//! What is told elsewhere of how a deployment ended.

use evenkeel_core::failure::Failure;
use evenkeel_core::notification::Notification;
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::DeployRequest;
use serde_json::{Value, json};

use crate::deploy::{Report, ServiceReport};

use super::format;
use super::result::{outcome_in_words, report_in_words};
use super::story::Story;
use super::text::{printable, short};

/// The longest message of a failure, in characters. Whoever is told elsewhere sees no log lines but
/// the last: the step's own log has them all.
const LONGEST: usize = 1_000;

/// How many services are told of: a message has 256 KiB at most (Amazon EventBridge and Amazon SNS).
const MOST: usize = 50;

/// The notification of a deployment's end; its detail is `evenkeel.notification/v1`.
#[must_use]
pub fn notification(
    request: &DeployRequest,
    report: &Report,
    story: &Story,
    source: &DeployedBy,
) -> Notification {
    let services: Vec<&str> = request.services.iter().map(|service| service.short()).take(MOST).collect();
    let subject =
        format!("{} in {}: {}", services.join(", "), request.cluster.short(), report_in_words(report));
    let mut lines = vec![subject.clone()];
    for service in report.services.iter().take(MOST) {
        lines.extend(told(service, story));
    }
    lines.extend(report.failure.as_ref().map(message));
    lines.extend(source.url.clone());
    let services: Vec<Value> =
        report.services.iter().take(MOST).map(|service| document(service, story)).collect();
    let mut detail = json!({
        "schema": "evenkeel.notification/v1",
        "outcome": report.outcome.as_str(),
        "cluster": request.cluster.short(),
        "services": services,
        "source": source,
    });
    if let Some(failed) = &report.failure {
        detail["failure"] = failure(failed);
    }
    let revisions = report.services.iter().filter_map(|service| service.task_definition.as_ref());
    let deployments = report.services.iter().filter_map(|service| service.service_deployment.clone());
    Notification {
        outcome: report.outcome.as_str(),
        subject,
        text: lines.join("\n"),
        detail: detail.to_string(),
        resources: revisions.map(ToString::to_string).chain(deployments).take(MOST).collect(),
    }
}

fn told(service: &ServiceReport, story: &Story) -> Vec<String> {
    let (previous, live) = (short(service.previous.as_ref()), short(service.task_definition.as_ref()));
    let way = if previous == live { live.to_owned() } else { format!("{previous} -> {live}") };
    let name = name(service);
    let how = outcome_in_words(service);
    let mut lines = vec![format!("{name}: {how}, {way}, {}", format::took(service.duration))];
    lines.extend(service.failure.as_ref().map(message));
    lines.extend(story.console(&service.service).map(str::to_owned));
    lines
}

fn document(service: &ServiceReport, story: &Story) -> Value {
    let mut document = json!({
        "service": name(service),
        "outcome": service.outcome.as_str(),
        "taskDefinitionArn": service.task_definition.as_ref().map(|arn| arn.as_str()),
        "previousTaskDefinitionArn": service.previous.as_ref().map(|arn| arn.as_str()),
        "images": service.images,
        "deploymentId": service.deployment,
        "serviceDeploymentArn": service.service_deployment,
        "durationSeconds": (service.duration.as_secs_f64() * 1000.0).round() / 1000.0,
        "url": story.console(&service.service),
    });
    if let Some(failed) = &service.failure {
        document["failure"] = failure(failed);
    }
    document
}

fn failure(failed: &Failure) -> Value {
    json!({ "kind": failed.kind().as_str(), "message": message(failed) })
}

fn message(failed: &Failure) -> String {
    printable(&failed.to_string()).chars().take(LONGEST).collect()
}

fn name(service: &ServiceReport) -> &str {
    format::name(&service.service)
}
