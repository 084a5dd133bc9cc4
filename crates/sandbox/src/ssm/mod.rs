//! The Parameter Store of AWS Systems Manager: standard parameters with their versions.
//!
//! Facts are from the Systems Manager API reference (`PutParameter`, `GetParameter`,
//! `DeleteParameter`) and the user guide's "Managing parameter tiers".

mod console;
mod name;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::request::{flag, text};
use super::wire::{ApiError, ApiResult, refuse_if};
use super::{ACCOUNT, REGION, faults};

use name::{checked, selected};

/// How many bytes the value of a standard parameter may have.
const LONGEST: usize = 4096;
/// How many versions of a parameter are kept.
const VERSIONS: usize = 100;

/// How long an update of a parameter takes, where the rate is limited.
const UPDATE: Duration = Duration::from_millis(100);

/// All parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Ssm {
    parameters: BTreeMap<String, Parameter>,
    /// How many writes a second are taken, if that is limited.
    writes_a_second: Option<usize>,
    /// When the last ones came.
    writes: VecDeque<Timestamp>,
}

#[derive(Debug, Clone)]
struct Parameter {
    kind: String,
    /// The versions that are kept, oldest first, the newest of which has the number `version`.
    values: Vec<String>,
    version: u64,
    modified: Timestamp,
}

impl Ssm {
    /// Answers one request.
    pub(super) fn answer(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        match operation {
            "GetParameter" => self.get(request),
            "PutParameter" => {
                self.take_turn(request, now)?;
                self.put(request, now)
            }
            "DeleteParameter" => self.delete(request),
            _ => Err(ApiError::unknown_operation()),
        }
    }

    fn get(&self, request: &Value) -> ApiResult {
        let (name, version) = selected(required(request, "Name")?)?;
        let parameter = self.parameters.get(name).ok_or_else(not_found)?;
        let version = version.unwrap_or(parameter.version);
        let value = parameter.value(version).ok_or_else(|| {
            let message = format!(
                "Systems Manager could not find version {version} of {name}. Verify the version and try again."
            );
            ApiError::new("ParameterVersionNotFound", message)
        })?;
        Ok(json!({ "Parameter": {
            "ARN": format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"),
            "DataType": "text",
            "LastModifiedDate": parameter.modified.since_epoch().as_secs(),
            "Name": name,
            "Type": parameter.kind,
            "Value": value,
            "Version": version,
        } }))
    }

    /// Refuses a write that comes too early: after all others, or after the last one of the same parameter.
    fn take_turn(&mut self, request: &Value, now: Timestamp) -> Result<(), ApiError> {
        let Some(limit) = self.writes_a_second else { return Ok(()) };
        while self.writes.front().is_some_and(|at| now.since(*at) >= Duration::from_secs(1)) {
            self.writes.pop_front();
        }
        refuse_if(self.writes.len() >= limit, faults::throttled)?;
        let parameter = self.parameters.get(checked(required(request, "Name")?)?);
        refuse_if(parameter.is_some_and(|parameter| now.since(parameter.modified) < UPDATE), || {
            let words = "There are concurrent updates for a resource that is already being updated. Please try again later.";
            ApiError::new("TooManyUpdates", words)
        })?;
        self.writes.push_back(now);
        Ok(())
    }

    fn put(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let name = checked(required(request, "Name")?)?;
        let value = required(request, "Value")?;
        let kind = request["Type"].as_str();
        refuse_if(value.contains("{{"), || {
            invalid("Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.")
        })?;
        refuse_if(value.len() > LONGEST, || {
            invalid(
                "Standard tier parameters support a maximum parameter value of 4096 characters. To create a \
                 larger parameter value, upgrade the parameter to use the advanced-parameter tier.",
            )
        })?;
        let version = match self.parameters.get_mut(name) {
            Some(_) if !flag(request, "Overwrite") => {
                return Err(ApiError::new(
                    "ParameterAlreadyExists",
                    "The parameter already exists. To overwrite this value, set the overwrite option in the \
                     request to true.",
                ));
            }
            Some(parameter) if kind.is_some_and(|kind| kind != parameter.kind) => {
                return Err(ApiError::new(
                    "HierarchyTypeMismatchException",
                    "Parameter Store doesn't support changing a parameter type in a hierarchy.",
                ));
            }
            Some(parameter) => parameter.overwrite(value, now),
            None => {
                let kind =
                    kind.ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
                refuse_if(!["String", "StringList", "SecureString"].contains(&kind), || {
                    ApiError::new("UnsupportedParameterType", "The parameter type isn't supported.")
                })?;
                let (kind, values) = (kind.to_owned(), vec![value.to_owned()]);
                let parameter = Parameter { kind, values, version: 1, modified: now };
                self.parameters.insert(name.to_owned(), parameter);
                1
            }
        };
        Ok(json!({ "Tier": "Standard", "Version": version }))
    }

    fn delete(&mut self, request: &Value) -> ApiResult {
        let removed = self.parameters.remove(checked(required(request, "Name")?)?);
        removed.map(|_| json!({})).ok_or_else(not_found)
    }
}

impl Parameter {
    fn overwrite(&mut self, value: &str, now: Timestamp) -> u64 {
        self.values.push(value.to_owned());
        if self.values.len() > VERSIONS {
            self.values.remove(0);
        }
        (self.version, self.modified) = (self.version + 1, now);
        self.version
    }

    fn value(&self, version: u64) -> Option<&str> {
        let before = usize::try_from(self.version.checked_sub(version)?).ok()?;
        let place = self.values.len().checked_sub(before + 1)?;
        self.values.get(place).map(String::as_str)
    }
}

fn required<'a>(request: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    text(request, member).ok_or_else(|| {
        let member = member[..1].to_lowercase() + &member[1..];
        invalid(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

/// AWS tells no more of it.
fn not_found() -> ApiError {
    ApiError::new("ParameterNotFound", "")
}
