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

/// The form of a value, with what the model says of values of its kind.
#[derive(Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// The shapes of a structure's members.
    #[serde(default)]
    pub(super) members: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) required: Vec<String>,
    /// The shape of a list's items.
    #[serde(default)]
    pub(super) member: String,
    /// The shapes of a map's keys and values.
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
    pub(super) pattern: Option<String>,
    /// The values of an enum.
    #[serde(rename = "enum")]
    pub(super) listed: Option<Vec<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Double,
    Timestamp,
    Boolean,
}

impl Model {
    /// Reads a `model.json`.
    pub(super) fn parse(text: &str) -> Self {
        #[expect(clippy::expect_used, reason = "the text is part of the program, and every test reads it")]
        serde_json::from_str(text).expect("model.json has the form that model.py writes")
    }

    /// The name of the shape of an operation's requests.
    pub(super) fn input(&self, operation: &str) -> Result<&str, ApiError> {
        self.operations.get(operation).map(String::as_str).ok_or_else(ApiError::unknown_operation)
    }

    /// The shape of this name, which what is at `path` has.
    pub(super) fn shape(&self, name: &str, path: &str) -> Result<&Shape, ApiError> {
        let unknown = || ApiError::serialization(format!("{path}: the model has no shape {name}"));
        self.shapes.get(name).ok_or_else(unknown)
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
        self.enum_values(operation, request, declared).map(|_| ())
    }

    /// As [`Self::check`]; gives every value of an enum in `request`.
    pub(super) fn enum_values<'a>(
        &'a self,
        operation: &str,
        request: &'a Value,
        declared: &BTreeSet<String>,
    ) -> Result<Vec<EnumValue<'a>>, ApiError> {
        let mut found = Vec::new();
        self.check_value(self.input(operation)?, request, "", declared, &mut found)?;
        Ok(found)
    }

    /// Checks the value at `path`, and adds the values of enums to those that were found.
    fn check_value<'a>(
        &'a self,
        shape: &str,
        value: &'a Value,
        path: &str,
        declared: &BTreeSet<String>,
        found: &mut Vec<EnumValue<'a>>,
    ) -> Result<(), ApiError> {
        let shape = self.shape(shape, path)?;
        match (shape.kind, value) {
            // A null is the same as an absent member.
            (_, Value::Null) => Ok(()),
            (Kind::Structure, Value::Object(object)) => {
                for (name, value) in object {
                    let path = member_path(path, name);
                    match shape.members.get(name) {
                        Some(member) => self.check_value(member, value, &path, declared, found)?,
                        None if declared.contains(&path) => {}
                        None => {
                            return Err(ApiError::client(format!("Unknown parameter in input: '{path}'")));
                        }
                    }
                }
                match shape.required.iter().find(|name| object.get(*name).is_none_or(Value::is_null)) {
                    Some(name) => Err(ApiError::invalid_parameter(missing(path, name))),
                    None => Ok(()),
                }
            }
            (Kind::List, Value::Array(items)) => {
                let path = format!("{path}[]");
                items
                    .iter()
                    .try_for_each(|item| self.check_value(&shape.member, item, &path, declared, found))
            }
            (Kind::Map, Value::Object(entries)) => {
                let path = format!("{path}{{}}");
                entries
                    .values()
                    .try_for_each(|value| self.check_value(&shape.value, value, &path, declared, found))
            }
            (Kind::String, Value::String(text)) => {
                let value = |listed| EnumValue { path: path.to_owned(), text, listed };
                found.extend(shape.listed.as_deref().map(value));
                Ok(())
            }
            (Kind::Integer | Kind::Long | Kind::Double | Kind::Timestamp, Value::Number(_))
            | (Kind::Boolean, Value::Bool(_)) => Ok(()),
            (kind, value) => {
                let (given, expected) = (token(value), kind.name());
                Err(ApiError::serialization(format!("{path}: {given} can not be converted to {expected}")))
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

impl Kind {
    /// What a kind is called in AWS's message about a wrong type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Structure => "a structure",
            Self::List => "a list",
            Self::Map => "a map",
            Self::String => "a String",
            Self::Integer => "an Integer",
            Self::Long => "a Long",
            Self::Double => "a Double",
            Self::Timestamp => "a Timestamp",
            Self::Boolean => "a Boolean",
        }
    }
}

/// The path of the member `name` of what is at `path`.
pub(super) fn member_path(path: &str, name: &str) -> String {
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
