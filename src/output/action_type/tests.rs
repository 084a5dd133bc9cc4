use std::collections::BTreeSet;

use evenkeel_core::job::{ActionType, ActionVersion, Category, Provider};

use super::*;

fn definition() -> Definition {
    let action_type = ActionType {
        category: Category::Deploy,
        provider: Provider::parse("Evenkeel").unwrap(),
        version: ActionVersion::parse("1").unwrap(),
    };
    action_type.definition(Some("eu-west-1")).unwrap()
}

/// Asserts that the value is an object of just these members, and returns it.
#[track_caller]
fn with_members<'a>(value: &'a Value, members: &[&str]) -> &'a Value {
    let found: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, members.iter().copied().collect());
    value
}

/// Asserts that the text has from 1 to `longest` characters, and returns it.
#[track_caller]
fn text(value: &Value, longest: usize) -> &str {
    let text = value.as_str().unwrap();
    assert!((1..=longest).contains(&text.chars().count()), "{text}");
    text
}

#[test]
fn the_request_is_within_the_limits_of_codepipeline() {
    let request = action_type_json(&definition());
    let members = [
        "category",
        "provider",
        "version",
        "settings",
        "configurationProperties",
        "inputArtifactDetails",
        "outputArtifactDetails",
    ];
    with_members(&request, &members);
    assert_eq!(
        (text(&request["category"], 20), text(&request["provider"], 25), text(&request["version"], 9)),
        ("Deploy", "Evenkeel", "1")
    );
    let settings = with_members(&request["settings"], &["entityUrlTemplate", "executionUrlTemplate"]);
    for url in settings.as_object().unwrap().values() {
        assert!(text(url, 2048).starts_with("https://eu-west-1.console.aws.amazon.com/"), "{url}");
    }
    for artifacts in ["inputArtifactDetails", "outputArtifactDetails"] {
        assert_eq!(request[artifacts], json!({ "minimumCount": 0, "maximumCount": 1 }));
    }
    let properties = request["configurationProperties"].as_array().unwrap();
    assert_eq!(properties.len(), 10);
    for property in properties {
        // Without `queryable`: a queryable property could have 20 characters at most.
        with_members(property, &["name", "description", "required", "key", "secret", "type"]);
        text(&property["name"], 50);
        text(&property["description"], 160);
        assert!(["required", "key", "secret"].iter().all(|flag| property[flag].is_boolean()), "{property}");
    }
    let required: Vec<&str> = properties
        .iter()
        .filter(|property| property["required"] == true && property["secret"] == false)
        .map(|property| property["name"].as_str().unwrap())
        .collect();
    assert_eq!(required, ["ClusterName", "ServiceName"]);
    assert!(settings["entityUrlTemplate"].as_str().unwrap().contains("{Config:ClusterName}"));
}

#[test]
fn terraform_gets_the_same_in_its_own_words() {
    let text = action_type_terraform(&definition());
    let begin = r#"resource "aws_codepipeline_custom_action_type" "evenkeel" {
  category      = "Deploy"
  provider_name = "Evenkeel"
  version       = "1"

  settings {
    entity_url_template    = "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/{Config:ClusterName}/services?region=eu-west-1"
    execution_url_template = "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/{ExternalExecutionId}?region=eu-west-1"
  }

  configuration_property {
    name        = "ClusterName"
    description = "The ECS cluster: its name or its ARN"
    required    = true
    key         = true
    secret      = false
    type        = "String"
  }

  configuration_property {
"#;
    let end = r#"
  input_artifact_details {
    minimum_count = 0
    maximum_count = 1
  }

  output_artifact_details {
    minimum_count = 0
    maximum_count = 1
  }
}
"#;
    assert!(text.starts_with(begin) && text.ends_with(end), "{text}");
    assert_eq!(text.matches("  configuration_property {\n").count(), 10);
    assert_eq!(hcl(r#"a "${b}" %{c}"#), r#""a \"$${b}\" %%{c}""#);
}

#[test]
fn cloudformation_gets_the_same_in_its_own_words() {
    let text = action_type_cloudformation(&definition());
    let begin = r#"AWSTemplateFormatVersion: "2010-09-09"
Resources:
  EvenkeelActionType:
    Type: "AWS::CodePipeline::CustomActionType"
    Properties:
      Category: "Deploy"
      Provider: "Evenkeel"
      Version: "1"
      Settings:
        EntityUrlTemplate: "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/{Config:ClusterName}/services?region=eu-west-1"
        ExecutionUrlTemplate: "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/{ExternalExecutionId}?region=eu-west-1"
      ConfigurationProperties:
        - Name: "ClusterName"
          Description: "The ECS cluster: its name or its ARN"
          Required: true
          Key: true
          Secret: false
          Type: "String"
        - Name: "ServiceName"
"#;
    let end = r"      InputArtifactDetails:
        MinimumCount: 0
        MaximumCount: 1
      OutputArtifactDetails:
        MinimumCount: 0
        MaximumCount: 1
";
    assert!(text.starts_with(begin) && text.ends_with(end), "{text}");
    assert_eq!(text.matches("        - Name: ").count(), 10);
}
