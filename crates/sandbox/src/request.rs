//! Reads members of a request that was checked against the model, and puts answers together.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Number, Value, json};

use crate::wire::{ApiError, ApiResult};

/// A member that is a non-empty string.
pub(crate) fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request.get(member)?.as_str().filter(|text| !text.is_empty())
}

/// A member that is a list; empty when absent.
pub(crate) fn list<'a>(request: &'a Value, member: &str) -> &'a [Value] {
    request.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member that is a list of strings; empty when absent.
pub(crate) fn texts<'a>(request: &'a Value, member: &str) -> Vec<&'a str> {
    list(request, member).iter().filter_map(Value::as_str).collect()
}

/// A member that is a whole number and not negative.
pub(crate) fn number<N: TryFrom<u64>>(request: &Value, member: &str) -> Option<N> {
    N::try_from(request.get(member)?.as_u64()?).ok()
}

/// Whether a member is `true`.
pub(crate) fn flag(request: &Value, member: &str) -> bool {
    request.get(member).and_then(Value::as_bool).unwrap_or_default()
}

/// Whether `include` asks for this.
pub(crate) fn includes(request: &Value, what: &str) -> bool {
    texts(request, "include").contains(&what)
}

/// A time as `awsJson1.1` writes it: seconds since the epoch, with milliseconds.
pub(crate) fn seconds(time: Timestamp) -> Value {
    let millis = time.since_epoch().as_millis();
    #[expect(clippy::cast_precision_loss, reason = "today's milliseconds are far below 2^53")]
    let seconds = millis as f64 / 1000.0;
    Number::from_f64(seconds).map_or(Value::Null, Value::Number)
}

/// An object without the members that are null: AWS leaves out what there is nothing to say of.
pub(crate) fn without_nulls(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    object
}

/// An object without one of its members.
pub(crate) fn without(mut object: Value, member: &str) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.remove(member);
    }
    object
}

/// An object with the members of another one in the place of its own.
pub(crate) fn merged(mut object: Value, newer: &Value) -> Value {
    for (member, value) in newer.as_object().into_iter().flatten() {
        object[member] = value.clone();
    }
    object
}

/// One page of `items` under `member`, with `nextToken` when there is more. The token is the
/// position of the next page. A page has `size` items unless the request says how many.
///
/// # Errors
/// `InvalidParameterException` for a token that was not handed out by this.
pub(crate) fn page(request: &Value, member: &str, items: Vec<Value>, size: usize) -> ApiResult {
    let size = number(request, "maxResults").map_or(size, |size: usize| size.clamp(1, 100));
    let invalid = || ApiError::invalid_parameter("Invalid token");
    page_of(request, member, items, size, "nextToken", invalid)
}

/// How the EventBridge services call what [`page`] knows as `nextToken` and `maxResults`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging {
    pub(crate) token: &'static str,
    pub(crate) size: &'static str,
}

/// As [`page`], by other names. A page has `size` items at most, and never more than the request says.
///
/// # Errors
/// `ValidationException` for a token that was not handed out by this.
pub(crate) fn paged(
    request: &Value,
    member: &str,
    items: Vec<Value>,
    size: usize,
    paging: Paging,
) -> ApiResult {
    let size = number(request, paging.size).map_or(size, |asked: usize| asked.clamp(1, size));
    let invalid = || ApiError::new("ValidationException", "Invalid token");
    page_of(request, member, items, size, paging.token, invalid)
}

fn page_of(
    request: &Value,
    member: &str,
    items: Vec<Value>,
    size: usize,
    token: &str,
    invalid: impl Fn() -> ApiError,
) -> ApiResult {
    let start = text(request, token).map_or(Ok(0), |token| token.parse().map_err(|_| invalid()))?;
    let end = size.saturating_add(start);
    let next = (end < items.len()).then(|| end.to_string());
    let items: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    Ok(without_nulls(json!({ member: items, token: next })))
}

/// What is described, under `member`, and the `failures`: the ARNs of what does not exist.
pub(crate) fn described(member: &str, views: impl Iterator<Item = Result<Value, String>>) -> ApiResult {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for view in views {
        match view {
            Ok(view) => found.push(view),
            Err(arn) => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    Ok(json!({ member: found, "failures": failures }))
}
