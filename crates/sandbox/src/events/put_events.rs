//! `PutEvents`: every event that was taken, whatever its bus.

use serde_json::{Value, json};

use crate::Sandbox;
use crate::request::{list, text};
use crate::wire::{ApiError, ApiResult, refuse_if};

/// The most entries that one request may have, and the most bytes of them all (Amazon EventBridge API
/// reference, `PutEvents`).
const MOST_ENTRIES: usize = 10;
const MOST_BYTES: usize = 256 * 1024;

/// The events that were taken, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Vec<Value>);

impl Taken {
    /// An entry that is wrong has an error in its place of the response, whose status is 200.
    pub(super) fn put(&mut self, request: &Value) -> ApiResult {
        let entries = list(request, "Entries");
        let invalid = |message| ApiError::new("ValidationException", message);
        refuse_if(entries.is_empty() || entries.len() > MOST_ENTRIES, || {
            invalid(format!("The request has {} entries, and 1 to {MOST_ENTRIES} are taken.", entries.len()))
        })?;
        refuse_if(request.to_string().len() > MOST_BYTES, || {
            invalid("Total size of the entries in the request is over the limit.".to_owned())
        })?;
        let answers: Vec<Value> = entries.iter().map(|entry| self.take(entry)).collect();
        let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
        Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
    }

    fn take(&mut self, entry: &Value) -> Value {
        let refused = |code: &str, message: &str| json!({ "ErrorCode": code, "ErrorMessage": message });
        for member in ["Source", "DetailType", "Detail"] {
            if text(entry, member).is_none() {
                let reason = format!("Reason: {member} is a required argument.");
                return refused("InvalidArgument", &format!("Parameter {member} is not valid. {reason}"));
            }
        }
        let detail = serde_json::from_str::<Value>(text(entry, "Detail").unwrap_or_default());
        if !detail.is_ok_and(|detail| detail.is_object()) {
            return refused("MalformedDetail", "Detail is malformed.");
        }
        self.0.push(entry.clone());
        json!({ "EventId": format!("00000000-0000-4000-9000-{:012}", self.0.len()) })
    }
}

impl Sandbox {
    /// The events that were put on buses, in order, as entries of `PutEvents`.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.state().events.taken.0.clone()
    }
}
