//! The log of the calls that arrived over the wire.

use std::collections::VecDeque;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

/// One HTTP request that arrived, with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The operation's name, for example `UpdateService` or `AssumeRole`.
    pub operation: String,
    /// When it arrived.
    pub at: Timestamp,
    /// The request as JSON; the form fields of an STS request as an object of strings; of an S3
    /// request the bucket, the key and what it depends on.
    pub request: Value,
    /// The access key id that signed the request.
    pub access_key: Option<String>,
    /// Whether the operation was carried out, also when its answer was lost.
    pub effect: bool,
    /// The HTTP status that was answered; `None` when the connection was cut.
    pub status: Option<u16>,
    /// How many bytes the answer's body has.
    pub sent: usize,
}

/// Names a call in the log, also after the log was cleared.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallId(u64);

impl CallId {
    /// The request id that AWS would answer with.
    pub(super) fn request_id(self) -> String {
        format!("00000000-0000-4000-8000-{:012}", self.0)
    }
}

#[derive(Debug, Clone)]
pub(super) struct CallLog {
    calls: VecDeque<Call>,
    /// How many calls were forgotten: the id of the first call in the log.
    forgotten: u64,
    /// How many calls are kept; the oldest are forgotten first.
    most: usize,
}

impl Default for CallLog {
    fn default() -> Self {
        Self { calls: VecDeque::new(), forgotten: 0, most: usize::MAX }
    }
}

impl CallLog {
    pub(super) fn add(&mut self, call: Call) -> CallId {
        self.calls.push_back(call);
        self.forget();
        CallId(self.forgotten + self.calls.len() as u64 - 1)
    }

    /// Keeps the latest `most` calls, from now on.
    pub(super) fn keep(&mut self, most: usize) {
        self.most = most.max(1);
        self.forget();
    }

    fn forget(&mut self) {
        while self.calls.len() > self.most {
            self.calls.pop_front();
            self.forgotten += 1;
        }
    }

    /// The call of this id, unless the log was cleared since.
    pub(super) fn get_mut(&mut self, CallId(id): CallId) -> Option<&mut Call> {
        let index = usize::try_from(id.checked_sub(self.forgotten)?).ok()?;
        self.calls.get_mut(index)
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.calls.len() as u64;
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn call(operation: String) -> Call {
        let at = Timestamp::from_unix(Duration::ZERO);
        Call { operation, at, request: Value::Null, access_key: None, effect: false, status: None, sent: 0 }
    }

    #[test]
    fn a_bounded_log_keeps_the_latest_calls_and_their_ids() {
        let mut log = CallLog::default();
        let first = log.add(call("0".to_owned()));
        log.keep(3);
        let ids: Vec<CallId> = (1..=5).map(|number| log.add(call(number.to_string()))).collect();
        let kept: Vec<String> = log.all().into_iter().map(|call| call.operation).collect();
        assert_eq!(kept, ["3", "4", "5"]);
        assert!(log.get_mut(first).is_none() && log.get_mut(ids[1]).is_none());
        assert_eq!(log.get_mut(ids[4]).unwrap().operation, "5");
    }
}
