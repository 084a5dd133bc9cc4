//! What a definition that requires Fargate has to have, and the sizes that Fargate offers.

use serde_json::Value;

use super::refuse_if;
use crate::request::{text, texts};
use crate::wire::ApiError;

/// The log drivers that Fargate has.
pub(super) const LOG_DRIVERS: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

/// Whether ECS validates the definition against Fargate, alone or among others.
pub(super) fn is_required(request: &Value) -> bool {
    texts(request, "requiresCompatibilities").contains(&"FARGATE")
}

pub(super) fn check(request: &Value, containers: &[Value]) -> Result<(), ApiError> {
    // `1024` or `1 vCPU`, and in MiB `1024` or `1 GB`.
    let cpu = size_of(request, "cpu", &[("vcpu", 1024.0)])?;
    let memory = size_of(request, "memory", &[("gb", 1024.0), ("mb", 1.0)])?;
    if !is_required(request) {
        return Ok(());
    }
    // The message, with these quotation marks: aws/amazon-ecs-cli, issue 1145.
    refuse_if(
        text(request, "networkMode") != Some("awsvpc"),
        || "Fargate only supports network mode ‘awsvpc’.",
    )?;
    check_size(cpu, memory)?;
    containers.iter().try_for_each(|container| check_execution_role(request, container))
}

/// The messages: klothoplatform/klotho, issue 892, and i-dot-ai/redbox, pull request 1398.
fn check_size(cpu: Option<u64>, memory: Option<u64>) -> Result<(), ApiError> {
    let defined = |size: Option<u64>, what: &str| {
        let message =
            || ApiError::client(format!("Fargate requires that '{what}' be defined at the task level."));
        size.ok_or_else(message)
    };
    let (cpu, memory) = (defined(cpu, "cpu")?, defined(memory, "memory")?);
    refuse_if(!is_size(cpu, memory), || {
        format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. \
             See the Amazon ECS documentation for the valid values."
        )
    })
}

/// Whether Fargate has tasks of this size, in CPU units and MiB: the table of `RegisterTaskDefinition`'s `memory`. For
/// Windows the table begins at 1024 CPU units; that is not checked.
fn is_size(cpu: u64, memory: u64) -> bool {
    let (least, most, step) = match cpu {
        256 => return matches!(memory, 512 | 1024 | 2048),
        512 => (1024, 4096, 1024),
        1024 => (2048, 8192, 1024),
        2048 => (4096, 16_384, 1024),
        4096 => (8192, 30_720, 1024),
        8192 => (16_384, 61_440, 4096),
        16_384 => (32_768, 122_880, 8192),
        _ => return false,
    };
    (least..=most).contains(&memory) && memory.is_multiple_of(step)
}

/// The messages: virtual-kubelet/virtual-kubelet, issue 193, and hashicorp/terraform-provider-aws, issue 3051.
fn check_execution_role(request: &Value, container: &Value) -> Result<(), ApiError> {
    if text(request, "executionRoleArn").is_some() {
        return Ok(());
    }
    let needed_for = |what: &str| {
        format!("Fargate requires task definition to have execution role ARN to support {what}.")
    };
    let driver = container.pointer("/logConfiguration/logDriver").and_then(Value::as_str);
    refuse_if(driver == Some("awslogs"), || needed_for("log driver awslogs"))?;
    let is_private = text(container, "image").is_some_and(is_in_private_ecr);
    refuse_if(is_private, || needed_for("ECR images"))
}

/// Whether an image is in a private repository of ECR, `123456789012.dkr.ecr.eu-west-1.amazonaws.com/web` for example.
fn is_in_private_ecr(image: &str) -> bool {
    let host = image.split('/').next().unwrap_or_default();
    host.split_once(".dkr.ecr.").is_some_and(|(account, _)| super::is_account(account))
}

/// A size of the task, with one of these units or without. The message: Amazon ECS Developer Guide, "Invalid CPU or
/// memory error".
fn size_of(request: &Value, member: &str, units: &[(&str, f64)]) -> Result<Option<u64>, ApiError> {
    let Some(size) = text(request, member) else { return Ok(None) };
    let size = size.to_ascii_lowercase();
    let with_unit = units.iter().find_map(|(unit, factor)| Some((size.strip_suffix(unit)?, *factor)));
    let (number, factor) = with_unit.unwrap_or((&size, 1.0));
    let number = number.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    let Some(number) = number else {
        return Err(ApiError::client(format!(
            "Invalid '{member}' setting for task. \
             For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        )));
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size is positive and far below 2^63"
    )]
    Ok(Some((number * factor) as u64))
}

/// The message: kayac/ecspresso, issue 364.
pub(super) fn no_log_driver(driver: &str, known: &[&str]) -> String {
    format!("{driver} is not a valid log driver. Must be one of [{}]", known.join(","))
}
