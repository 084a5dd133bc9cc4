//! The log of the calls that arrived over the wire.

use serde_json::Value;

use crate::clock::Timestamp;

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

#[derive(Debug, Default)]
pub(super) struct CallLog {
    calls: Vec<Call>,
    /// How many calls were forgotten: the id of the first call in the log.
    forgotten: u64,
}

impl CallLog {
    pub(super) fn add(&mut self, call: Call) -> CallId {
        self.calls.push(call);
        CallId(self.forgotten + self.calls.len() as u64 - 1)
    }

    /// The call of this id, unless the log was cleared since.
    pub(super) fn get_mut(&mut self, CallId(id): CallId) -> Option<&mut Call> {
        let index = usize::try_from(id.checked_sub(self.forgotten)?).ok()?;
        self.calls.get_mut(index)
    }

    pub(super) fn all(&self) -> Vec<Call> {
        self.calls.clone()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.calls.len() as u64;
        self.calls.clear();
    }
}
