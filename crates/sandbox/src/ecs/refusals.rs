//! What ECS refuses at `RegisterTaskDefinition`, beyond the shapes of its model.
//!
//! A message that has a source beside it is ECS's own. Where no source quotes ECS, a comment says that its words are
//! not known, and the message is a plain sentence. A definition on which the sources disagree is accepted.

mod fargate;
mod references;
mod values;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::request::{list, text};
use crate::wire::{self, ApiError};

/// Quotas of a task definition: "Task definition size limit" and "Containers per task definition".
const LARGEST_DEFINITION: usize = 64 << 10;
const MOST_CONTAINERS: usize = 10;
/// "Up to 255 letters …" of the family, of a container's name and of its image.
const LONGEST_NAME: usize = 255;

/// Checks a request that has the shapes of the model; `declared` are the members whose values are not checked.
///
/// # Errors
/// ECS's first objection. In which order ECS checks is not known.
pub(super) fn check(request: &Value, declared: &BTreeSet<String>) -> Result<(), ApiError> {
    check_size(request)?;
    check_family(request)?;
    values::check(request, declared)?;
    check_roles(request)?;
    let containers = list(request, "containerDefinitions");
    check_containers(containers)?;
    for container in containers {
        check_memory(request, container)?;
        check_ports(request, container)?;
        check_secrets(request, container)?;
    }
    references::check(request, containers)?;
    fargate::check(request, containers)?;
    check_tags(request)
}

fn check_size(request: &Value) -> Result<(), ApiError> {
    let size = request.to_string().len();
    refuse_if(size > LARGEST_DEFINITION, || {
        format!("Actual length: '{size}'. Max allowed length is '{LARGEST_DEFINITION}' bytes.")
    })
}

fn check_family(request: &Value) -> Result<(), ApiError> {
    let family = text(request, "family");
    let family = family.ok_or_else(|| ApiError::client("Family should not be null or empty."))?;
    // The message: aws/amazon-ecs-cli, issue 37.
    check_characters("Family", family, is_of_name)?;
    check_length("Family", family)
}

/// The message: fabfuel/ecs-deploy, issue 231, for an empty role; aws-samples/aws-modern-application-workshop, issue 9,
/// for the ARN of a cluster.
pub(super) fn check_roles(request: &Value) -> Result<(), ApiError> {
    let is_valid = |member: &str| request.get(member).and_then(Value::as_str).is_none_or(is_role);
    refuse_if(!["taskRoleArn", "executionRoleArn"].into_iter().all(is_valid), || "Role is not valid")
}

/// Whether this is a role's short name or its full ARN. The API reference allows the short name for the task's role
/// only, but ECS took one for the execution role as well: virtual-kubelet/virtual-kubelet, pull request 194.
fn is_role(role: &str) -> bool {
    let name = match role.strip_prefix("arn:") {
        None => role,
        Some(rest) => match rest.splitn(5, ':').collect::<Vec<_>>()[..] {
            [partition, "iam", "", account, resource]
                if partition.starts_with("aws") && is_account(account) =>
            {
                // The path of a role may have any printable character, so only the name behind it is checked.
                resource.strip_prefix("role/").map_or("", |name| name.rsplit('/').next().unwrap_or_default())
            }
            _ => "",
        },
    };
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_+=,.@-/".contains(character);
    !name.is_empty() && name.chars().all(is_allowed)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_containers(containers: &[Value]) -> Result<(), ApiError> {
    refuse_if(containers.is_empty(), || "Container list cannot be empty.")?;
    // The message: aws/amazon-ecs-cli, issue 184.
    refuse_if(containers.len() > MOST_CONTAINERS, || "Too many containers.")?;
    let mut names = BTreeSet::new();
    for container in containers {
        let required = |member: &str| {
            let message = || ApiError::client(format!("Container.{member} should not be null or empty."));
            text(container, member).ok_or_else(message)
        };
        let (name, image) = (required("name")?, required("image")?);
        // The messages: hashicorp/terraform-provider-aws, issue 5950, and Shippable/support, issue 3094.
        check_characters("Container.name", name, is_of_name)?;
        check_characters("Container.image", image, is_of_image)?;
        check_length("Container.name", name)?;
        // "For images using digests the 255 character limit applies only to everything before the @ sign."
        check_length("Container.image", image.split('@').next().unwrap_or_default())?;
        // The message: Shippable/support, issue 2946.
        refuse_if(!names.insert(name), || "Container names must be unique within a Task Definition.")?;
    }
    // The message: eagletmt/hako, pull request 68.
    refuse_if(
        !containers.iter().any(is_essential),
        || "Task definition doesn't have any essential container.",
    )
}

/// "If this parameter is omitted, a container is assumed to be essential."
fn is_essential(container: &Value) -> bool {
    container.get("essential").and_then(Value::as_bool).unwrap_or(true)
}

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed."
fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_".contains(character)
}

/// "Letters (uppercase and lowercase), numbers, hyphens, underscores, colons, periods, forward slashes, and number
/// signs", and the sign before a digest. The documentation leaves out the brackets of a registry's IPv6 address;
/// whether ECS takes them is not known, so they are accepted.
fn is_of_image(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_:./#@[]".contains(character)
}

fn check_characters(what: &str, value: &str, is_allowed: fn(char) -> bool) -> Result<(), ApiError> {
    refuse_if(!value.chars().all(is_allowed), || format!("{what} contains invalid characters."))
}

/// ECS's words are not known.
fn check_length(what: &str, value: &str) -> Result<(), ApiError> {
    refuse_if(value.len() > LONGEST_NAME, || format!("{what} has more than {LONGEST_NAME} characters."))
}

/// The messages: ansible/ansible, issue 67647, and aws/aws-cli, issue 4453.
fn check_memory(request: &Value, container: &Value) -> Result<(), ApiError> {
    let (name, size) = (name_of(container), |member: &str| container.get(member).and_then(Value::as_i64));
    refuse_if(size("memory") == Some(0), || format!("Invalid 'memory' setting for container '{name}'."))?;
    // "You must specify a non-zero integer for one or both", unless the task has a size.
    let has_size = ["memory", "memoryReservation"].into_iter().any(|member| size(member).unwrap_or(0) != 0);
    refuse_if(!has_size && text(request, "memory").is_none(), || {
        format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
        )
    })
}

/// The message: klothoplatform/klotho, issue 892. It is quoted for `awsvpc`; the documentation has the same rule for
/// `host`. Whether a host port of 0 counts as blank is not clear, so it is accepted.
fn check_ports(request: &Value, container: &Value) -> Result<(), ApiError> {
    let Some(mode @ ("awsvpc" | "host")) = text(request, "networkMode") else { return Ok(()) };
    let port = |mapping: &Value, member| mapping.get(member).and_then(Value::as_i64);
    let differs = |mapping: &Value| match (port(mapping, "hostPort"), port(mapping, "containerPort")) {
        (Some(host), Some(container)) => host != 0 && host != container,
        _ => false,
    };
    refuse_if(list(container, "portMappings").iter().any(differs), || {
        format!("When networkMode={mode}, the host ports and container ports in port mappings must match.")
    })
}

/// The message: fabfuel/ecs-deploy, issue 87. ECS refuses this on instances as well as on Fargate: sil-org/ecs-deploy,
/// pull request 166.
fn check_secrets(request: &Value, container: &Value) -> Result<(), ApiError> {
    let has_role = text(request, "executionRoleArn").is_some();
    refuse_if(
        !has_role && !list(container, "secrets").is_empty(),
        || "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    )
}

pub(super) fn check_tags(request: &Value) -> Result<(), ApiError> {
    let tags = list(request, "tags");
    wire::refuse_if(tags.len() > 50, || {
        ApiError::invalid_parameter("Too many tags, at most 50 are allowed.")
    })?;
    let texts = tags.iter().flat_map(|tag| [text(tag, "key"), text(tag, "value")]).flatten();
    let mut starts = texts.filter_map(|text| text.get(..4));
    wire::refuse_if(starts.any(|start| start.eq_ignore_ascii_case("aws:")), || {
        ApiError::invalid_parameter("Tag keys and values cannot start with 'aws:'.")
    })
}

/// A container's name: it has one, since that is checked first.
fn name_of(container: &Value) -> &str {
    text(container, "name").unwrap_or_default()
}

fn refuse_if<M: Into<String>>(is_wrong: bool, message: impl FnOnce() -> M) -> Result<(), ApiError> {
    wire::refuse_if(is_wrong, || ApiError::client(message()))
}
