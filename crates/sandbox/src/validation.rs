//! Checks values against a service's own model as the services do that answer with `ValidationException`: types, members,
//! lengths and patterns, with all that is wrong in one message.

use serde_json::{Number, Value};

use crate::model::{Kind, Model, Shape, member_path};
use crate::wire::{ApiError, refuse_if};

/// What happens to members that the model does not know.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unknown {
    /// Each is refused.
    Refused,
    /// They are accepted, whatever they hold, below the members whose path begins with this. They stand for what AWS has
    /// added since the model was made.
    AcceptedBelow(&'static str),
}

impl Unknown {
    fn is_accepted(self, path: &str) -> bool {
        match self {
            Self::Refused => false,
            Self::AcceptedBelow(parent) => path.starts_with(parent),
        }
    }
}

/// Checks `request` against the members of `operation`.
///
/// # Errors
/// `UnknownOperationException`, `SerializationException` for a wrong type, `ValidationException`
/// for an unknown or missing member and for a value outside its limits.
pub(super) fn check(
    model: &Model,
    operation: &str,
    request: &Value,
    unknown: Unknown,
) -> Result<(), ApiError> {
    check_shape(model, model.input(operation)?, request, unknown)
}

/// Checks a value against a shape of the model.
///
/// # Errors
/// As those of [`check`].
pub(super) fn check_shape(
    model: &Model,
    shape: &str,
    value: &Value,
    unknown: Unknown,
) -> Result<(), ApiError> {
    let mut check = Check { model, unknown, breaches: Vec::new() };
    check.find_breaches(shape, value, "")?;
    let breaches = check.breaches;
    let errors = if breaches.len() == 1 { "error" } else { "errors" };
    refuse_if(!breaches.is_empty(), || {
        invalid(format!("{} validation {errors} detected: {}", breaches.len(), breaches.join("; ")))
    })
}

/// The request is well formed, but not valid.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

struct Check<'a> {
    model: &'a Model,
    unknown: Unknown,
    breaches: Vec<String>,
}

impl Check<'_> {
    fn find_breaches(&mut self, shape: &str, value: &Value, path: &str) -> Result<(), ApiError> {
        let model = self.model;
        let shape = model.shape(shape, path)?;
        match (shape.kind, value) {
            // A null is the same as an absent member.
            (_, Value::Null) => Ok(()),
            (Kind::Structure, Value::Object(object)) => {
                let missing =
                    shape.required.iter().filter(|name| object.get(*name).is_none_or(Value::is_null));
                self.breaches.extend(
                    missing.map(|name| breach("null", &member_path(path, name), "Member must not be null")),
                );
                object.iter().try_for_each(|(name, value)| {
                    let at = member_path(path, name);
                    match shape.members.get(name) {
                        Some(member) => self.find_breaches(member, value, &at),
                        None if self.unknown.is_accepted(&at) => Ok(()),
                        None => Err(invalid(format!("Unknown parameter in input: '{at}'"))),
                    }
                })
            }
            (Kind::List, Value::Array(items)) => {
                self.breaches
                    .extend(shape.length_breach(items.len()).map(|must| breach("[...]", path, &must)));
                items.iter().zip(1..).try_for_each(|(item, number)| {
                    self.find_breaches(&shape.member, item, &format!("{path}.{number}.member"))
                })
            }
            (Kind::Map, Value::Object(entries)) => {
                self.breaches
                    .extend(shape.length_breach(entries.len()).map(|must| breach("{...}", path, &must)));
                entries.iter().try_for_each(|(key, value)| {
                    let at = member_path(path, "key");
                    self.find_breaches(&shape.key, &Value::from(key.as_str()), &at)?;
                    self.find_breaches(&shape.value, value, &format!("{path}.{key}.member"))
                })
            }
            (Kind::String, Value::String(text)) => {
                let must = shape.text_breach(text);
                self.breaches.extend(must.map(|must| breach(&format!("'{text}'"), path, &must)));
                Ok(())
            }
            (Kind::Integer | Kind::Long, Value::Number(number)) if number.as_i64().is_some() => {
                let must = number.as_i64().and_then(|number| shape.bounds_breach("value", number));
                self.breaches.extend(must.map(|must| breach(&format!("'{number}'"), path, &must)));
                Ok(())
            }
            (Kind::Double | Kind::Timestamp, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
            (kind, _) => {
                let expected = kind.name();
                Err(ApiError::serialization(format!("{path}: the value can not be converted to {expected}")))
            }
        }
    }
}

impl Shape {
    fn text_breach(&self, text: &str) -> Option<String> {
        if let Some(listed) = self.listed.as_ref().filter(|listed| !listed.iter().any(|it| it == text)) {
            return Some(format!("Member must satisfy enum value set: [{}]", listed.join(", ")));
        }
        self.length_breach(text.chars().count()).or_else(|| {
            let pattern = self.pattern.as_deref().filter(|pattern| !fits(pattern, text))?;
            Some(format!("Member must satisfy regular expression pattern: {pattern}"))
        })
    }

    fn length_breach(&self, length: usize) -> Option<String> {
        self.bounds_breach("length", i64::try_from(length).unwrap_or(i64::MAX))
    }

    fn bounds_breach(&self, what: &str, number: i64) -> Option<String> {
        if let Some(min) = self.min.filter(|min| number < *min) {
            return Some(format!("Member must have {what} greater than or equal to {min}"));
        }
        let max = self.max.filter(|max| number > *max)?;
        Some(format!("Member must have {what} less than or equal to {max}"))
    }
}

/// Whether `text` fits one of the models' few patterns; none fits one that is not known here.
fn fits(pattern: &str, text: &str) -> bool {
    let has_only = |further: &str| text.chars().all(|it| it.is_ascii_alphanumeric() || further.contains(it));
    let made_of = |further: &str| !text.is_empty() && has_only(further);
    match pattern {
        "[0-9A-Za-z_-]+" | "[a-zA-Z0-9_-]+" | r"[a-zA-Z0-9_\-]+" | r"[A-Za-z0-9\_\-]+"
        | "^[a-zA-Z0-9-_]+$" => made_of("_-"),
        r"^[A-Za-z0-9\-_]*$" => has_only("_-"),
        r"[A-Za-z0-9@\-_]+" => made_of("@-_"),
        r"[A-Za-z0-9.@\-_]+" => made_of(".@-_"),
        r"[\.\-_A-Za-z0-9]+" | "^[0-9a-zA-Z-_.]+$" => made_of(".-_"),
        r"[/\.\-_A-Za-z0-9]+" => made_of("/.-_"),
        EVENT_BUS => made_of("/.-_") || is_arn(text, "events", &["event-bus/"]),
        IAM_ROLE => is_arn(text, "iam", &["role/"]),
        KMS_KEY => is_arn(text, "kms", &["key/", "alias/"]),
        SQS_QUEUE => is_arn(text, "sqs", &[""]),
        TAG => text.chars().all(|it| it.is_alphanumeric() || it.is_whitespace() || "_.:/=+-@".contains(it)),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" => {
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            lengths == [8, 4, 4, 4, 12]
                && text.chars().all(|it| it == '-' || it.is_ascii_digit() || ('a'..='f').contains(&it))
        }
        _ => false,
    }
}

const EVENT_BUS: &str =
    r"(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+";
const IAM_ROLE: &str = r"^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$";
const KMS_KEY: &str = r"^arn:aws(-[a-z]+)?:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*$";
const SQS_QUEUE: &str = r"^arn:aws(-[a-z]+)?:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$";
const TAG: &str = r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$";

/// Whether `text` is an ARN of the service whose resource begins with one of `beginnings` and goes on after it.
fn is_arn(text: &str, service: &str, beginnings: &[&str]) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &[arn, partition, of, _, account, resource] = parts.as_slice() else { return false };
    let goes_on = |begin: &&str| resource.strip_prefix(*begin).is_some_and(|rest| !rest.is_empty());
    arn == "arn"
        && partition.starts_with("aws")
        && of == service
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && beginnings.iter().any(goes_on)
}

fn breach(value: &str, path: &str, must: &str) -> String {
    format!("Value {value} at '{path}' failed to satisfy constraint: {must}")
}

/// The text as a number, where it is one: what a query of a path has in the place of a member that is a number.
pub(super) fn as_number(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| Value::from(text), |number| Value::Number(Number::from(number)))
}
