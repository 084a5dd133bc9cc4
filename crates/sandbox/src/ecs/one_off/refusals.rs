//! What ECS refuses at `RunTask`, beyond the shapes of its model.
//!
//! A message that has a source beside it is ECS's own. Where no source quotes ECS, a comment says that its words are
//! not known.

use std::collections::BTreeSet;

use serde_json::Value;

use super::task::Capacity;
use crate::ecs::refusals::{check_roles, check_tags};
use crate::ecs::task_definitions::Revision;
use crate::ecs::{MODEL, on_read};
use crate::request::{flag, list, text};
use crate::wire::{self, ApiError};

const MOST_TASKS: i64 = 10;
const LONGEST_TOKEN: usize = 64;
const LONGEST_STARTED_BY: usize = 128;
const LONGEST_OVERRIDES: usize = 8192;
const MOST_PROVIDERS: usize = 20;

/// Checks the client token: "Up to 64 characters … in the range of 33-126". ECS's words are not known.
pub(super) fn check_token(request: &Value) -> Result<(), ApiError> {
    let Some(token) = text(request, "clientToken") else { return Ok(()) };
    refuse_if(token.len() > LONGEST_TOKEN, || format!("clientToken longer than {LONGEST_TOKEN}."))?;
    refuse_if(
        !token.bytes().all(|byte| (33..=126).contains(&byte)),
        || "clientToken contains invalid characters.",
    )
}

/// Checks a request that has the shapes of the model, for tasks of this revision on this capacity.
///
/// # Errors
/// ECS's first objection. In which order ECS checks is not known.
pub(super) fn check(
    request: &Value,
    revision: &Revision,
    capacity: &Capacity,
    declared: &BTreeSet<String>,
) -> Result<(), ApiError> {
    // Only a revision that a test added past the checks has no container. ECS's words are not known.
    refuse_if(revision.images().next().is_none(), || "TaskDefinition has no container.")?;
    check_values(request, declared)?;
    check_count(request)?;
    check_started_by(request)?;
    check_overrides(request, revision)?;
    check_capacity(request, revision, capacity)?;
    check_network(request, revision)?;
    check_execute_command(request, revision)?;
    check_tags(request)
}

/// The message is made after that of `CreateService`: kayac/ecspresso, pull request 270.
fn check_values(request: &Value, declared: &BTreeSet<String>) -> Result<(), ApiError> {
    for value in MODEL.enum_values("RunTask", request, declared)? {
        let listed: Vec<&str> = value.listed.iter().map(String::as_str).collect();
        refuse_if(!declared.contains(&value.path) && !listed.contains(&value.text), || {
            format!("{} should be one of [{}]", value.path, listed.join(","))
        })?;
    }
    refuse_if(
        text(request, "propagateTags") == Some("SERVICE"),
        || "Propagate tags should be one of [TASK_DEFINITION,NONE]",
    )
}

/// ECS's words are not known.
fn check_count(request: &Value) -> Result<(), ApiError> {
    let count = request.get("count").filter(|count| !count.is_null());
    let is_allowed = count.is_none_or(|it| it.as_i64().is_some_and(|it| (1..=MOST_TASKS).contains(&it)));
    refuse_if(!is_allowed, || format!("count should be between 1 and {MOST_TASKS}."))
}

/// The message about the length: convox/rack, issue 1727, of the time when the limit was 36. ECS's words about characters
/// are not known.
fn check_started_by(request: &Value) -> Result<(), ApiError> {
    let Some(started_by) = text(request, "startedBy") else { return Ok(()) };
    refuse_if(started_by.chars().count() > LONGEST_STARTED_BY, || {
        format!("startedBy longer than {LONGEST_STARTED_BY}.")
    })?;
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "-/_".contains(character);
    refuse_if(!started_by.chars().all(is_allowed), || "startedBy contains invalid characters.")
}

/// The messages: aws-samples/sample-autonomous-cloud-coding-agents, issue 502, and azavea/django-ecsmanage, issue 21. What
/// ECS says to an override without a name is not known.
fn check_overrides(request: &Value, revision: &Revision) -> Result<(), ApiError> {
    let Some(overrides) = request.get("overrides").filter(|it| it.is_object()) else { return Ok(()) };
    refuse_if(overrides.to_string().chars().count() > LONGEST_OVERRIDES, || {
        format!("Container Overrides length must be at most {LONGEST_OVERRIDES}")
    })?;
    for container in list(overrides, "containerOverrides") {
        let name = text(container, "name");
        let name =
            name.ok_or_else(|| ApiError::invalid_parameter("Container override name cannot be blank."))?;
        refuse_if(revision.container(name).is_none(), || {
            format!("Override for container named {name} is not a container in the TaskDefinition.")
        })?;
    }
    check_roles(overrides)
}

/// The messages: terraform-linters/tflint-ruleset-aws, issue 349, and aws/amazon-ecs-cli, issue 1040. ECS's words about a
/// strategy that is too long, and about Managed Instances as a launch type, are not known.
fn check_capacity(request: &Value, revision: &Revision, capacity: &Capacity) -> Result<(), ApiError> {
    let strategy = list(request, "capacityProviderStrategy");
    let launch_type = text(request, "launchType");
    refuse_if(
        launch_type.is_some() && !strategy.is_empty(),
        || "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
    )?;
    refuse_if(strategy.len() > MOST_PROVIDERS, || {
        format!("A capacity provider strategy can contain a maximum of {MOST_PROVIDERS} capacity providers.")
    })?;
    refuse_if(
        launch_type == Some("MANAGED_INSTANCES"),
        || "The launch type MANAGED_INSTANCES is not supported. Use a capacity provider strategy.",
    )?;
    let is_fargate = capacity.launch_type == "FARGATE";
    let compatible = on_read::compatibilities(&revision.request);
    refuse_if(
        is_fargate && !compatible.as_array().is_some_and(|all| all.iter().any(|it| it == "FARGATE")),
        || "Task definition does not support launch_type FARGATE.",
    )?;
    refuse_if(
        !is_fargate && text(request, "platformVersion").is_some(),
        || "The platform version must be null when specifying an EC2 launch type.",
    )
}

/// The messages: fabfuel/ecs-deploy, issue 133, and aws-actions/amazon-ecs-deploy-task-definition, issue 616.
fn check_network(request: &Value, revision: &Revision) -> Result<(), ApiError> {
    let has_own = text(&revision.request, "networkMode") == Some("awsvpc");
    let is_given = request.pointer("/networkConfiguration/awsvpcConfiguration").is_some_and(Value::is_object);
    refuse_if(
        has_own && !is_given,
        || "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    )?;
    refuse_if(
        !has_own && is_given,
        || "Network Configuration is not valid for the given networkMode of this task definition.",
    )
}

/// The message: boto/boto3, issue 3173.
fn check_execute_command(request: &Value, revision: &Revision) -> Result<(), ApiError> {
    let role = text(&request["overrides"], "taskRoleArn").or(text(&revision.request, "taskRoleArn"));
    refuse_if(flag(request, "enableExecuteCommand") && role.is_none(), || {
        "The execute command failed because a valid task role is not being used. Specify a valid task role in your \
            task definition or as a task override and try again."
    })
}

fn refuse_if<M: Into<String>>(is_wrong: bool, message: impl FnOnce() -> M) -> Result<(), ApiError> {
    wire::refuse_if(is_wrong, || ApiError::invalid_parameter(message()))
}
