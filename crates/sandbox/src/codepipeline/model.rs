//! Checks values against CodePipeline's own service model: types, members, lengths, patterns.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::wire::ApiError;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is part of the program, and every test reads it")]
    serde_json::from_str(include_str!("model.json")).expect("model.json has the form that model.py writes")
});

/// Checks `request` against the members of `operation`.
///
/// # Errors
/// `UnknownOperationException`, `SerializationException` for a wrong type, `ValidationException`
/// for an unknown or missing member and for a value outside its limits.
pub(super) fn check(operation: &str, request: &Value) -> Result<(), ApiError> {
    let shape = MODEL.operations.get(operation).ok_or_else(ApiError::unknown_operation)?;
    check_shape(shape, request)
}

/// Checks a value that no request has as a whole.
///
/// # Errors
/// As those of [`check`].
pub(super) fn check_shape(shape: &str, value: &Value) -> Result<(), ApiError> {
    let mut breaches = Vec::new();
    find_breaches(shape, value, "", &mut breaches)?;
    let errors = if breaches.len() == 1 { "error" } else { "errors" };
    if breaches.is_empty() {
        return Ok(());
    }
    let message = format!("{} validation {errors} detected: {}", breaches.len(), breaches.join("; "));
    Err(invalid(message))
}

/// The request is well formed, but not valid.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

#[derive(Deserialize)]
struct Model {
    operations: BTreeMap<String, String>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    members: BTreeMap<String, String>,
    #[serde(default)]
    required: Vec<String>,
    /// The shape of a list's items.
    member: Option<String>,
    /// The shapes of a map's keys and values.
    key: Option<String>,
    value: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(rename = "enum")]
    values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Timestamp,
    Boolean,
}

fn find_breaches(shape: &str, value: &Value, path: &str, breaches: &mut Vec<String>) -> Result<(), ApiError> {
    let Some(shape) = MODEL.shapes.get(shape) else {
        return Err(ApiError::serialization(format!("{path}: the model has no shape {shape}")));
    };
    match (&shape.kind, value) {
        // A null is the same as an absent member.
        (_, Value::Null) => Ok(()),
        (Kind::Structure, Value::Object(object)) => {
            for name in &shape.required {
                if object.get(name).is_none_or(Value::is_null) {
                    let at = below(path, name);
                    breaches.push(breach("null", &at, "Member must not be null"));
                }
            }
            object.iter().try_for_each(|(name, value)| {
                let at = below(path, name);
                match shape.members.get(name) {
                    Some(member) => find_breaches(member, value, &at, breaches),
                    None => Err(invalid(format!("Unknown parameter in input: '{at}'"))),
                }
            })
        }
        (Kind::List, Value::Array(items)) => {
            breaches.extend(shape.length_breach(items.len()).map(|must| breach("[...]", path, &must)));
            let member = shape.member.as_deref().unwrap_or_default();
            items.iter().zip(1..).try_for_each(|(item, number)| {
                find_breaches(member, item, &format!("{path}.{number}.member"), breaches)
            })
        }
        (Kind::Map, Value::Object(entries)) => {
            breaches.extend(shape.length_breach(entries.len()).map(|must| breach("{...}", path, &must)));
            let of_key = shape.key.as_deref().unwrap_or_default();
            let of_value = shape.value.as_deref().unwrap_or_default();
            entries.iter().try_for_each(|(key, value)| {
                find_breaches(of_key, &Value::from(key.as_str()), &below(path, "key"), breaches)?;
                find_breaches(of_value, value, &format!("{path}.{key}.member"), breaches)
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
            let expected = match kind {
                Kind::Structure => "a structure",
                Kind::List => "a list",
                Kind::Map => "a map",
                Kind::String => "a String",
                Kind::Integer => "an Integer",
                Kind::Timestamp => "a Timestamp",
                Kind::Boolean => "a Boolean",
            };
            Err(ApiError::serialization(format!("{path}: the value can not be converted to {expected}")))
        }
    }
}

impl Shape {
    fn text_breach(&self, text: &str) -> Option<String> {
        if let Some(values) = self.values.as_ref().filter(|values| !values.iter().any(|value| value == text))
        {
            return Some(format!("Member must satisfy enum value set: [{}]", values.join(", ")));
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

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
