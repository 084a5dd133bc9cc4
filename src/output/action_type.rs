//! The definition of the custom action type, for whoever makes it.

use evenkeel_core::job::{ArtifactCount, Definition, Property};
use serde_json::{Value, json};

/// The type that each property has. A number or a boolean would not take a pipeline's variable.
const TYPE: &str = "String";

/// The request of `CreateCustomActionType`, as `--cli-input-json` of the AWS CLI takes it.
#[must_use]
pub fn action_type_json(definition: &Definition) -> Value {
    let Definition { action_type, settings, inputs, outputs } = definition;
    let property = |property: &Property| {
        json!({
            "name": property.name(),
            "description": property.description(),
            "required": property.is_required(),
            "key": property.is_key(),
            "secret": property.is_secret(),
            "type": TYPE,
        })
    };
    let artifacts =
        |count: &ArtifactCount| json!({ "minimumCount": count.minimum, "maximumCount": count.maximum });
    json!({
        "category": action_type.category.as_str(),
        "provider": action_type.provider.as_str(),
        "version": action_type.version.as_str(),
        "settings": {
            "entityUrlTemplate": settings.entity_url,
            "executionUrlTemplate": settings.execution_url,
        },
        "configurationProperties": Property::ALL.iter().map(property).collect::<Vec<_>>(),
        "inputArtifactDetails": artifacts(inputs),
        "outputArtifactDetails": artifacts(outputs),
    })
}

/// A resource of the Terraform provider for AWS, formatted as `terraform fmt` does.
#[must_use]
pub fn action_type_terraform(definition: &Definition) -> String {
    let Definition { action_type, settings, inputs, outputs } = definition;
    let properties: String = Property::ALL
        .iter()
        .map(|property| {
            format!(
                r#"
  configuration_property {{
    name        = {name}
    description = {description}
    required    = {required}
    key         = {key}
    secret      = {secret}
    type        = {type}
  }}
"#,
                name = hcl(property.name()),
                description = hcl(property.description()),
                required = property.is_required(),
                key = property.is_key(),
                secret = property.is_secret(),
                r#type = hcl(TYPE),
            )
        })
        .collect();
    let artifacts = |name: &str, count: &ArtifactCount| {
        let ArtifactCount { minimum, maximum } = count;
        format!("\n  {name} {{\n    minimum_count = {minimum}\n    maximum_count = {maximum}\n  }}\n")
    };
    format!(
        r#"resource "aws_codepipeline_custom_action_type" "evenkeel" {{
  category      = {category}
  provider_name = {provider}
  version       = {version}

  settings {{
    entity_url_template    = {entity}
    execution_url_template = {execution}
  }}
{properties}{inputs}{outputs}}}
"#,
        category = hcl(action_type.category.as_str()),
        provider = hcl(action_type.provider.as_str()),
        version = hcl(action_type.version.as_str()),
        entity = hcl(&settings.entity_url),
        execution = hcl(&settings.execution_url),
        inputs = artifacts("input_artifact_details", inputs),
        outputs = artifacts("output_artifact_details", outputs),
    )
}

/// A whole CloudFormation template, in YAML.
#[must_use]
pub fn action_type_cloudformation(definition: &Definition) -> String {
    let Definition { action_type, settings, inputs, outputs } = definition;
    let properties: String = Property::ALL
        .iter()
        .map(|property| {
            format!(
                r#"        - Name: {name}
          Description: {description}
          Required: {required}
          Key: {key}
          Secret: {secret}
          Type: {type}
"#,
                name = quoted(property.name()),
                description = quoted(property.description()),
                required = property.is_required(),
                key = property.is_key(),
                secret = property.is_secret(),
                r#type = quoted(TYPE),
            )
        })
        .collect();
    let artifacts = |name: &str, count: &ArtifactCount| {
        let ArtifactCount { minimum, maximum } = count;
        format!("      {name}:\n        MinimumCount: {minimum}\n        MaximumCount: {maximum}\n")
    };
    format!(
        r#"AWSTemplateFormatVersion: "2010-09-09"
Resources:
  EvenkeelActionType:
    Type: "AWS::CodePipeline::CustomActionType"
    Properties:
      Category: {category}
      Provider: {provider}
      Version: {version}
      Settings:
        EntityUrlTemplate: {entity}
        ExecutionUrlTemplate: {execution}
      ConfigurationProperties:
{properties}{inputs}{outputs}"#,
        category = quoted(action_type.category.as_str()),
        provider = quoted(action_type.provider.as_str()),
        version = quoted(action_type.version.as_str()),
        entity = quoted(&settings.entity_url),
        execution = quoted(&settings.execution_url),
        inputs = artifacts("InputArtifactDetails", inputs),
        outputs = artifacts("OutputArtifactDetails", outputs),
    )
}

/// A string of JSON, which is one of YAML, too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A string of HCL, in which `${` and `%{` would begin a template.
fn hcl(text: &str) -> String {
    quoted(text).replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests;
