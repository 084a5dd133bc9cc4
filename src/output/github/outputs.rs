//! The outputs of a step, for the steps after it.

use serde_json::json;

use crate::deploy::{Report, ServiceReport};

use super::super::report_document;
use super::commands::token;

/// The longest document that is made an output; all outputs of a job have 1 MB (GitHub, "Workflow
/// syntax").
const LONGEST: usize = 256 * 1024;

/// What is appended to the file that `GITHUB_OUTPUT` names.
///
/// Each value stands between two lines with a word that nobody could have known, so that nothing in it
/// is taken for another output. With several services each name but `outcome` and `json` ends in
/// `-<service>`. What is not known is left out.
#[must_use]
pub fn step_outputs(report: &Report) -> String {
    let mut text = output("outcome", report.outcome.as_str());
    for service in &report.services {
        let suffix = match report.services.as_slice() {
            [_] => String::new(),
            _ => format!("-{}", service.service.rsplit('/').next().unwrap_or_default()),
        };
        for (name, value) in facts(service) {
            text.push_str(&output(&format!("{name}{suffix}"), &value));
        }
    }
    let document = report_document(report).to_string();
    if document.len() <= LONGEST {
        text.push_str(&output("json", &document));
    }
    text
}

fn facts(service: &ServiceReport) -> Vec<(&'static str, String)> {
    let ServiceReport { task_definition, previous, .. } = service;
    let facts = [
        ("task-definition-arn", task_definition.as_ref().map(ToString::to_string)),
        // GitHub empties an output that holds a secret, as the number of the account in an ARN often is.
        ("task-definition", task_definition.as_ref().map(|arn| arn.family_and_revision().to_owned())),
        ("previous-task-definition-arn", previous.as_ref().map(ToString::to_string)),
        ("revision", task_definition.as_ref().map(|arn| arn.revision().to_string())),
        ("deployment-id", service.deployment.clone()),
        ("service-deployment-arn", service.service_deployment.clone()),
        ("images", Some(json!(service.images).to_string())),
        ("digests", Some(json!(service.digests).to_string())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn output(name: &str, value: &str) -> String {
    let token = token();
    format!("{name}<<ghadelimiter_{token}\n{value}\nghadelimiter_{token}\n")
}
