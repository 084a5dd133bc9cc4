//! Reads members of a request that was checked against the model.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Map, Number, Value, json};

use crate::wire::ApiError;

/// A member that is a non-empty string.
pub(super) fn text<'a>(request: &'a Value, member: &str) -> Option<&'a str> {
    request.get(member)?.as_str().filter(|text| !text.is_empty())
}

/// A member that is a list of strings; empty when absent.
pub(super) fn texts<'a>(request: &'a Value, member: &str) -> Vec<&'a str> {
    let items = request.get(member).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a member is `true`.
pub(super) fn flag(request: &Value, member: &str) -> bool {
    request.get(member).and_then(Value::as_bool).unwrap_or_default()
}

/// Whether `include` asks for this.
pub(super) fn includes(request: &Value, what: &str) -> bool {
    texts(request, "include").contains(&what)
}

/// A time as `awsJson1.1` writes it: seconds since the epoch, with milliseconds.
pub(super) fn seconds(time: Timestamp) -> Value {
    let millis = time.since_epoch().as_millis();
    #[expect(clippy::cast_precision_loss, reason = "today's milliseconds are far below 2^53")]
    let seconds = millis as f64 / 1000.0;
    Number::from_f64(seconds).map_or(Value::Null, Value::Number)
}

/// One page of `items` under `member`, with `nextToken` when there is more. The token is the
/// position of the next page.
///
/// # Errors
/// `InvalidParameterException` for a token that was not handed out by this.
pub(super) fn page(request: &Value, member: &str, items: Vec<Value>) -> Result<Value, ApiError> {
    page_of(request, member, items, 100)
}

/// As [`page`], with so many items unless the request says how many.
///
/// # Errors
/// As those of [`page`].
pub(super) fn page_of(
    request: &Value,
    member: &str,
    items: Vec<Value>,
    size: u64,
) -> Result<Value, ApiError> {
    let start = match text(request, "nextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| ApiError::invalid_parameter("Invalid token"))?,
    };
    let size = request.get("maxResults").and_then(Value::as_u64).map_or(size, |size| size.clamp(1, 100));
    let end = start + usize::try_from(size).unwrap_or(100);
    let more = end < items.len();
    let mut answer = Map::new();
    answer.insert(member.to_owned(), items.into_iter().skip(start).take(end - start).collect());
    if more {
        answer.insert("nextToken".to_owned(), end.to_string().into());
    }
    Ok(Value::Object(answer))
}

/// An entry of `failures[]` for something that does not exist.
pub(super) fn not_found(arn: &str) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}
