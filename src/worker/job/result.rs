//! What a deployment came to, as a job is answered and as the pipeline's next actions read it.

use evenkeel_core::failure::Failure;
use evenkeel_core::job::{Answer, ServiceOutputs, output_variables};
use evenkeel_core::record::{Deployed, DeployedBy, Record};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::variables::{VariableEdits, Variables};
use serde_json::Value;

use crate::artifact;
use crate::clock::Timestamp;
use crate::deploy::{Report, ServiceReport};
use crate::live::Live;
use crate::output;

/// What the job is answered.
pub(super) fn answer(report: &Report, external_id: &str) -> Answer {
    if let Some(failure) = report.first_failure() {
        return Answer::fail_for(failure, &output::reasons_text(report), external_id);
    }
    let told: Vec<ServiceOutputs<'_>> = report.services.iter().map(told).collect();
    Answer::succeed(&output::report_text(report), external_id, output_variables(&told))
}

fn told(service: &ServiceReport) -> ServiceOutputs<'_> {
    ServiceOutputs {
        service: short(&service.service),
        task_definition: service.task_definition.as_ref(),
        previous: service.previous.as_ref(),
        deployment_id: service.deployment.as_deref(),
        outcome: service.outcome.as_str(),
        images: &service.images,
    }
}

/// The output artifact: the report, and for each service its record and its Terraform variables.
///
/// With one service they are `record.json` and `evenkeel.auto.tfvars.json`; with several each has
/// a folder of the service's name.
///
/// # Errors
/// [`FailureKind::Bug`](evenkeel_core::failure::FailureKind::Bug) if it cannot be packed.
pub(super) fn output_artifact(
    report: &Report,
    asked: &DeployRequest,
    source: &DeployedBy,
    now: Timestamp,
) -> Result<Vec<u8>, Failure> {
    let mut files = vec![("deployment.json".to_owned(), pretty(&output::report_document(report)))];
    for service in &report.services {
        let folder = match report.services.as_slice() {
            [_] => String::new(),
            _ => format!("{}/", short(&service.service)),
        };
        if let Some(record) = record(service, asked, source, now) {
            files.push((format!("{folder}record.json"), record.to_json()));
        }
        if let Some(live) = live(service) {
            files.push((format!("{folder}evenkeel.auto.tfvars.json"), pretty(&output::tfvars(&live))));
        }
    }
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    artifact::output_artifact(&files)
}

/// The record of a service's deployment as if there had been none before: its base is the revision
/// that was live, its images are those that were asked for.
fn record(
    service: &ServiceReport,
    asked: &DeployRequest,
    source: &DeployedBy,
    now: Timestamp,
) -> Option<Record> {
    let revision = service.task_definition.as_ref()?;
    let done = Deployed {
        cluster: &service.cluster,
        service: &service.service,
        revision,
        source: service.previous.as_ref().unwrap_or(revision),
        images: service.images.clone(),
        asked: asked.images.names().map(str::to_owned).collect(),
        variables: service.variables.clone(),
        edits: VariableEdits { set: service.variables.clone(), given_back: Variables::default() },
        digests: service.digests.clone(),
        deployment_id: service.deployment.clone(),
        at: now.to_string(),
        by: source,
    };
    Some(Record::succeeded(None, done))
}

fn live(service: &ServiceReport) -> Option<Live> {
    Some(Live {
        cluster: service.cluster.clone(),
        service: service.service.clone(),
        task_definition: service.task_definition.clone()?,
        images: service.images.clone(),
        variables: service.variables.clone(),
        digests: service.digests.clone(),
        scheduled: None,
    })
}

/// The name without what stands before it in an ARN.
fn short(service: &str) -> &str {
    service.rsplit('/').next().unwrap_or(service)
}

fn pretty(document: &Value) -> Vec<u8> {
    // A document of our own making has no keys that are not strings.
    let mut text = serde_json::to_vec_pretty(document).unwrap_or_default();
    text.push(b'\n');
    text
}
