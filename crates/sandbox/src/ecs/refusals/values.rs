//! Values of enums that the model does not list.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fargate;
use crate::ecs::MODEL;
use crate::wire::ApiError;

const LOG_DRIVER: &str = "containerDefinitions[].logConfiguration.logDriver";
/// Log drivers that ECS took before and that today's model no longer lists: aws/amazon-ecs-agent, issue 1056, for
/// `none`, and older API references for the others. Whether ECS takes them today is not known, so they are accepted.
const FORMER_LOG_DRIVERS: [&str; 3] = ["none", "logentries", "sumologic"];
/// "Amazon ECS treats any other specified value as tcp."
const PROTOCOL: &str = "containerDefinitions[].portMappings[].protocol";

/// Checks the values of the request's enums, but for those of the `declared` members.
pub(super) fn check(request: &Value, declared: &BTreeSet<String>) -> Result<(), ApiError> {
    let is_fargate = fargate::is_required(request);
    let values = MODEL.enum_values("RegisterTaskDefinition", request, declared)?;
    for value in values.iter().filter(|value| value.path != PROTOCOL && !declared.contains(&value.path)) {
        let listed: Vec<&str> = value.listed.iter().map(String::as_str).collect();
        if value.path == LOG_DRIVER {
            let drivers = if is_fargate { &fargate::LOG_DRIVERS[..] } else { &listed };
            let was_taken = !is_fargate && FORMER_LOG_DRIVERS.contains(&value.text);
            if !drivers.contains(&value.text) && !was_taken {
                return Err(ApiError::client(fargate::no_log_driver(value.text, drivers)));
            }
        } else if !listed.contains(&value.text) {
            // ECS's words are not known.
            let (path, text, listed) = (&value.path, value.text, listed.join(", "));
            return Err(ApiError::client(format!("{path} cannot be '{text}'. It must be one of: {listed}.")));
        }
    }
    Ok(())
}
