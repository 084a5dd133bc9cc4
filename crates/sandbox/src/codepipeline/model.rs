//! Checks values against CodePipeline's own service model: types, members, lengths, patterns.

use std::sync::LazyLock;

use serde_json::Value;

use crate::model::Model;
use crate::validation::{self, Unknown};
use crate::wire::ApiError;

pub(super) use crate::validation::invalid;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// Checks `request` against the members of `operation`.
///
/// # Errors
/// As those of [`validation::check`].
pub(super) fn check(operation: &str, request: &Value) -> Result<(), ApiError> {
    validation::check(&MODEL, operation, request, Unknown::Refused)
}

/// Checks a value that no request has as a whole.
///
/// # Errors
/// As those of [`validation::check`].
pub(super) fn check_shape(shape: &str, value: &Value) -> Result<(), ApiError> {
    validation::check_shape(&MODEL, shape, value, Unknown::Refused)
}
