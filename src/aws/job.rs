//! CodePipeline's shapes as the domain's job.

use aws_sdk_codepipeline::error::BuildError;
use aws_sdk_codepipeline::types as sdk;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::{Artifact, ArtifactCredentials, Execution, Job, JobId, ObjectAddress, Secret};
use evenkeel_core::ports::Offer;

/// A job without an id or a nonce cannot be acknowledged, and is none of ours.
pub(super) fn offer(found: sdk::Job) -> Option<Offer> {
    Some(Offer { nonce: Secret::new(found.nonce?), job: job(found.id?, found.data.unwrap_or_else(nothing)) })
}

pub(super) fn details(found: sdk::JobDetails) -> Option<Job> {
    Some(job(found.id?, found.data.unwrap_or_else(nothing)))
}

pub(super) fn bug(what: &str, error: BuildError) -> Failure {
    Failure::new(FailureKind::Bug, format!("{what} could not be made")).caused_by(error)
}

fn nothing() -> sdk::JobData {
    sdk::JobData::builder().build()
}

fn job(id: String, data: sdk::JobData) -> Job {
    let configuration = data.action_configuration.and_then(|found| found.configuration).unwrap_or_default();
    Job {
        id: JobId::new(id),
        execution: data.pipeline_context.map(execution).unwrap_or_default(),
        configuration: configuration.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
        inputs: data.input_artifacts.unwrap_or_default().into_iter().filter_map(artifact).collect(),
        outputs: data.output_artifacts.unwrap_or_default().into_iter().filter_map(artifact).collect(),
        credentials: data.artifact_credentials.map(|found| ArtifactCredentials {
            access_key_id: found.access_key_id,
            secret_access_key: Secret::new(found.secret_access_key),
            session_token: Secret::new(found.session_token),
        }),
        continuation: data.continuation_token.map(Secret::new),
        encryption_key: data.encryption_key.map(|key| key.id),
    }
}

fn execution(found: sdk::PipelineContext) -> Execution {
    let action = found.action;
    Execution {
        pipeline: found.pipeline_name.unwrap_or_default(),
        stage: found.stage.and_then(|stage| stage.name).unwrap_or_default(),
        action: action.as_ref().and_then(|action| action.name.clone()).unwrap_or_default(),
        pipeline_execution: found.pipeline_execution_id.unwrap_or_default(),
        action_execution: action.and_then(|action| action.action_execution_id).unwrap_or_default(),
    }
}

/// An artifact that is not in S3 is of a kind that is not known.
fn artifact(found: sdk::Artifact) -> Option<Artifact> {
    let location = found.location?.s3_location?;
    Some(Artifact {
        name: found.name.unwrap_or_default(),
        location: ObjectAddress { bucket: location.bucket_name, key: location.object_key },
    })
}
