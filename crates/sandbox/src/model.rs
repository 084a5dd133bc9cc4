//! Checks requests against a service's own model, as `model.py` writes it.
//!
//! Wrong types, missing members and members that the operation does not have are refused, however
//! deep they are. Values of enums are only collected: the caller decides about them, because AWS adds new ones.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::wire::ApiError;

/// The operations of a service, and the shapes of their requests.
#[derive(Deserialize)]
pub(super) struct Model {
    operations: BTreeMap<String, String>,
    shapes: BTreeMap<String, Shape>,
}

impl Model {
    /// Reads a `model.json`.
    pub(super) fn parse(text: &str) -> Self {
        #[expect(clippy::expect_used, reason = "the text is part of the program, and every test reads it")]
        serde_json::from_str(text).expect("model.json has the form that model.py writes")
    }

    /// Checks `request` against the members of `operation`; `declared` are the paths of members that
    /// are accepted although the model does not know them.
    ///
    /// # Errors
    /// `UnknownOperationException`, `SerializationException` for a wrong type, `ClientException` for
    /// an unknown member, `InvalidParameterException` for a missing one.
    pub(super) fn check(
        &self,
        operation: &str,
        request: &Value,
        declared: &BTreeSet<String>,
    ) -> Result<(), ApiError> {
        let shape = self.operations.get(operation).ok_or_else(ApiError::unknown_operation)?;
        self.check_value(shape, request, "", declared)
    }

    /// Every value of an enum in `request`, which has the shapes of `operation`.
    pub(super) fn enum_values<'a>(&'a self, operation: &str, request: &'a Value) -> Vec<EnumValue<'a>> {
        let mut found = Vec::new();
        if let Some(shape) = self.operations.get(operation) {
            self.find_enum_values(shape, request, String::new(), &mut found);
        }
        found
    }

    fn find_enum_values<'a>(
        &'a self,
        shape: &str,
        value: &'a Value,
        path: String,
        found: &mut Vec<EnumValue<'a>>,
    ) {
        match (self.shapes.get(shape), value) {
            (Some(Shape::Structure { members, .. }), Value::Object(object)) => {
                for (name, value) in object {
                    let path = member_path(&path, name);
                    if let Some(member) = members.get(name) {
                        self.find_enum_values(member, value, path, found);
                    }
                }
            }
            (Some(Shape::List { member }), Value::Array(items)) => {
                for item in items {
                    self.find_enum_values(member, item, format!("{path}[]"), found);
                }
            }
            (Some(Shape::String { listed: Some(listed) }), Value::String(text)) => {
                found.push(EnumValue { path, text, listed });
            }
            // No map of the models has enums.
            _ => {}
        }
    }

    fn check_value(
        &self,
        shape: &str,
        value: &Value,
        path: &str,
        declared: &BTreeSet<String>,
    ) -> Result<(), ApiError> {
        let Some(shape) = self.shapes.get(shape) else {
            return Err(ApiError::serialization(format!("{path}: the model has no shape {shape}")));
        };
        match (shape, value) {
            // A null is the same as an absent member.
            (_, Value::Null) => Ok(()),
            (Shape::Structure { members, required }, Value::Object(object)) => {
                for (name, value) in object {
                    let path = member_path(path, name);
                    match members.get(name) {
                        Some(member) => self.check_value(member, value, &path, declared)?,
                        None if declared.contains(&path) => {}
                        None => {
                            return Err(ApiError::client(format!("Unknown parameter in input: '{path}'")));
                        }
                    }
                }
                match required.iter().find(|name| object.get(*name).is_none_or(Value::is_null)) {
                    Some(name) => Err(ApiError::invalid_parameter(missing(path, name))),
                    None => Ok(()),
                }
            }
            (Shape::List { member }, Value::Array(items)) => {
                let path = format!("{path}[]");
                items.iter().try_for_each(|item| self.check_value(member, item, &path, declared))
            }
            (Shape::Map { value: member }, Value::Object(entries)) => {
                let path = format!("{path}{{}}");
                entries.values().try_for_each(|value| self.check_value(member, value, &path, declared))
            }
            (Shape::String { .. }, Value::String(_))
            | (Shape::Integer | Shape::Long | Shape::Double | Shape::Timestamp, Value::Number(_))
            | (Shape::Boolean, Value::Bool(_)) => Ok(()),
            (shape, value) => {
                let message = format!("{path}: {} can not be converted to {}", token(value), name(shape));
                Err(ApiError::serialization(message))
            }
        }
    }
}

/// A value of an enum in a request.
pub(super) struct EnumValue<'a> {
    /// Its member's path, `containerDefinitions[].dependsOn[].condition` for example.
    pub(super) path: String,
    pub(super) text: &'a str,
    /// The values that the model lists.
    pub(super) listed: &'a [String],
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Shape {
    Structure {
        members: BTreeMap<String, String>,
        #[serde(default)]
        required: Vec<String>,
    },
    List {
        member: String,
    },
    Map {
        value: String,
    },
    String {
        /// The values of an enum.
        #[serde(rename = "enum")]
        listed: Option<Vec<String>>,
    },
    Integer,
    Long,
    Double,
    Timestamp,
    Boolean,
}

/// The path of the member `name` of what is at `path`.
fn member_path(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn missing(path: &str, name: &str) -> String {
    let parent = if path.is_empty() { "input".to_owned() } else { format!("'{path}'") };
    format!("Missing required parameter in {parent}: '{name}'")
}

/// What a value is called in AWS's message about a wrong type.
fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

fn name(shape: &Shape) -> &'static str {
    match shape {
        Shape::Structure { .. } => "a structure",
        Shape::List { .. } => "a list",
        Shape::Map { .. } => "a map",
        Shape::String { .. } => "a String",
        Shape::Integer => "an Integer",
        Shape::Long => "a Long",
        Shape::Double => "a Double",
        Shape::Timestamp => "a Timestamp",
        Shape::Boolean => "a Boolean",
    }
}
