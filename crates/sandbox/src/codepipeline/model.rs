//! Checks values against CodePipeline's own service model: types, members, lengths, patterns.

use std::sync::LazyLock;

use serde_json::Value;

use crate::model::{Kind, Model, Shape, member_path};
use crate::wire::{ApiError, refuse_if};

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// Checks `request` against the members of `operation`.
///
/// # Errors
/// `UnknownOperationException`, `SerializationException` for a wrong type, `ValidationException`
/// for an unknown or missing member and for a value outside its limits.
pub(super) fn check(operation: &str, request: &Value) -> Result<(), ApiError> {
    check_shape(MODEL.input(operation)?, request)
}

/// Checks a value that no request has as a whole.
///
/// # Errors
/// As those of [`check`].
pub(super) fn check_shape(shape: &str, value: &Value) -> Result<(), ApiError> {
    let mut breaches = Vec::new();
    find_breaches(shape, value, "", &mut breaches)?;
    let errors = if breaches.len() == 1 { "error" } else { "errors" };
    refuse_if(!breaches.is_empty(), || {
        invalid(format!("{} validation {errors} detected: {}", breaches.len(), breaches.join("; ")))
    })
}

/// The request is well formed, but not valid.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn find_breaches(shape: &str, value: &Value, path: &str, breaches: &mut Vec<String>) -> Result<(), ApiError> {
    let shape = MODEL.shape(shape, path)?;
    match (shape.kind, value) {
        // A null is the same as an absent member.
        (_, Value::Null) => Ok(()),
        (Kind::Structure, Value::Object(object)) => {
            let missing = shape.required.iter().filter(|name| object.get(*name).is_none_or(Value::is_null));
            breaches.extend(
                missing.map(|name| breach("null", &member_path(path, name), "Member must not be null")),
            );
            object.iter().try_for_each(|(name, value)| {
                let at = member_path(path, name);
                match shape.members.get(name) {
                    Some(member) => find_breaches(member, value, &at, breaches),
                    None => Err(invalid(format!("Unknown parameter in input: '{at}'"))),
                }
            })
        }
        (Kind::List, Value::Array(items)) => {
            breaches.extend(shape.length_breach(items.len()).map(|must| breach("[...]", path, &must)));
            items.iter().zip(1..).try_for_each(|(item, number)| {
                find_breaches(&shape.member, item, &format!("{path}.{number}.member"), breaches)
            })
        }
        (Kind::Map, Value::Object(entries)) => {
            breaches.extend(shape.length_breach(entries.len()).map(|must| breach("{...}", path, &must)));
            entries.iter().try_for_each(|(key, value)| {
                find_breaches(&shape.key, &Value::from(key.as_str()), &member_path(path, "key"), breaches)?;
                find_breaches(&shape.value, value, &format!("{path}.{key}.member"), breaches)
            })
        }
        (Kind::String, Value::String(text)) => {
            breaches.extend(shape.text_breach(text).map(|must| breach(&format!("'{text}'"), path, &must)));
            Ok(())
        }
        (Kind::Integer, Value::Number(number)) if number.as_i64().is_some() => {
            let must = number.as_i64().and_then(|number| shape.bounds_breach("value", number));
            breaches.extend(must.map(|must| breach(&format!("'{number}'"), path, &must)));
            Ok(())
        }
        (Kind::Timestamp, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
        (kind, _) => {
            let expected = kind.name();
            Err(ApiError::serialization(format!("{path}: the value can not be converted to {expected}")))
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

/// Whether `text` fits one of the model's few patterns; none fits one that is not known here.
fn fits(pattern: &str, text: &str) -> bool {
    let made_of = |further: &str| {
        !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || further.contains(it))
    };
    match pattern {
        "[0-9A-Za-z_-]+" | "[a-zA-Z0-9_-]+" | r"[a-zA-Z0-9_\-]+" => made_of("_-"),
        r"[A-Za-z0-9@\-_]+" => made_of("@-_"),
        r"[A-Za-z0-9.@\-_]+" => made_of(".@-_"),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" => {
            let lengths: Vec<usize> = text.split('-').map(str::len).collect();
            lengths == [8, 4, 4, 4, 12]
                && text.chars().all(|it| it == '-' || it.is_ascii_digit() || ('a'..='f').contains(&it))
        }
        _ => false,
    }
}

fn breach(value: &str, path: &str, must: &str) -> String {
    format!("Value {value} at '{path}' failed to satisfy constraint: {must}")
}
