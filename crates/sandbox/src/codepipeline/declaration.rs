//! Whether a pipeline may have an action, and what its jobs tell of it.

use serde_json::{Value, json};

use super::action::{Action, ActionArtifact};
use super::action_types::{ActionType, ActionTypes, ArtifactCounts, TypeId};
use super::model;
use crate::wire::{ApiError, refuse_if};
use crate::{ACCOUNT, REGION};

/// The value of a queryable property has at most so many characters (model, `queryable`).
const LONGEST_QUERYABLE: usize = 20;

/// An action that a pipeline may have.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) action_type: TypeId,
    /// The `data` of its jobs, as far as it is the same in all of them.
    pub(super) data: Value,
    /// The objects that its jobs may read and write: bucket and key.
    pub(super) reads: Vec<(String, String)>,
    pub(super) writes: Vec<(String, String)>,
}

/// Checks an action as CodePipeline does when a pipeline is created or updated.
///
/// # Errors
/// `InvalidActionDeclarationException` when it does not fit its type, `ValidationException` when a
/// value is outside the limits of the model.
pub(super) fn declare(action: &Action, types: &ActionTypes) -> Result<Declared, ApiError> {
    let action_type = TypeId {
        category: action.category.clone(),
        provider: action.provider.clone(),
        version: action.version.clone(),
    };
    let name = &action.action;
    let found = types.get(&action_type).ok_or_else(|| {
        let region = REGION.to_uppercase().replace('-', "_");
        refused(format!("ActionType {action_type} in action '{name}' is not available in region '{region}'"))
    })?;
    check_configuration(action, found)?;
    check_count(name, "input", action.input.is_some(), &found.input_artifact_details)?;
    check_count(name, "output", action.output.is_some(), &found.output_artifact_details)?;

    let mut data = json!({
        "actionTypeId": action_type.view(),
        "actionConfiguration": { "configuration": action.configuration },
        "pipelineContext": {
            "pipelineName": action.pipeline,
            "stage": { "name": action.stage },
            "action": { "name": action.action },
        },
        "inputArtifacts": artifacts(action.input.as_ref()),
        "outputArtifacts": artifacts(action.output.as_ref()),
    });
    if let Some(id) = &action.encryption_key {
        data["encryptionKey"] = json!({ "id": id, "type": "KMS" });
    }
    model::check_shape("JobData", &data)?;
    let pipeline_arn = format!("arn:aws:codepipeline:{REGION}:{ACCOUNT}:{}", action.pipeline);
    data["pipelineContext"]["pipelineArn"] = pipeline_arn.into();

    let object = |artifact: &ActionArtifact| (artifact.bucket.clone(), artifact.key.clone());
    Ok(Declared {
        action_type,
        data,
        reads: action.input.iter().map(object).collect(),
        writes: action.output.iter().map(object).collect(),
    })
}

fn check_configuration(action: &Action, action_type: &ActionType) -> Result<(), ApiError> {
    let Action { action: name, configuration, .. } = action;
    let properties = &action_type.properties;
    if let Some(unknown) = configuration.keys().find(|key| !properties.iter().any(|it| it.name == **key)) {
        return Err(refused(format!(
            "Action configuration for action '{name}' contains unknown configuration '{unknown}'"
        )));
    }
    if let Some(missing) = properties.iter().find(|it| it.required && !configuration.contains_key(&it.name)) {
        return Err(refused(format!(
            "Action configuration for action '{name}' is missing required configuration '{}'",
            missing.name
        )));
    }
    let queryable = action_type.queryable().and_then(|it| configuration.get(&it.name));
    refuse_if(queryable.is_some_and(|value| !is_queryable(value)), || {
        refused(format!(
            "The queryable configuration of action '{name}' has up to {LONGEST_QUERYABLE} alphanumeric characters, \
             underscores and hyphens"
        ))
    })
}

fn is_queryable(value: &str) -> bool {
    value.len() <= LONGEST_QUERYABLE
        && value.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'))
}

fn check_count(action: &str, which: &str, is_there: bool, counts: &ArtifactCounts) -> Result<(), ApiError> {
    let count = u64::from(is_there);
    let ArtifactCounts { minimum_count, maximum_count } = counts;
    refuse_if(!(minimum_count..=maximum_count).contains(&&count), || {
        refused(format!(
            "Action '{action}' has {count} {which} artifacts, its type wants {minimum_count} to {maximum_count}"
        ))
    })
}

fn artifacts(artifact: Option<&ActionArtifact>) -> Vec<Value> {
    let view = |ActionArtifact { name, bucket, key }: &ActionArtifact| {
        json!({
            "name": name,
            "location": { "type": "S3", "s3Location": { "bucketName": bucket, "objectKey": key } },
        })
    };
    artifact.into_iter().map(view).collect()
}

fn refused(message: String) -> ApiError {
    ApiError::new("InvalidActionDeclarationException", message)
}
