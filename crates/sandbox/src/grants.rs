//! Temporary credentials that open some objects and nothing else: what CodePipeline gives a job.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;

use super::wire::ApiError;

/// The credentials that were handed out. A key that is not among them is the account's own.
#[derive(Debug, Clone, Default)]
pub(super) struct Grants {
    by_access_key: BTreeMap<String, Grant>,
}

#[derive(Debug, Clone)]
struct Grant {
    reads: Vec<(String, String)>,
    writes: Vec<(String, String)>,
    expires: Timestamp,
}

impl Grants {
    /// Hands out an access key id that opens these objects (bucket and key) until `expires`.
    pub(super) fn issue(
        &mut self,
        reads: Vec<(String, String)>,
        writes: Vec<(String, String)>,
        expires: Timestamp,
    ) -> String {
        let access_key = format!("ASIAARTIFACT{:08}", self.by_access_key.len() + 1);
        self.by_access_key.insert(access_key.clone(), Grant { reads, writes, expires });
        access_key
    }

    /// Whether a call signed with `access_key` may read, or write, this object.
    pub(super) fn check(
        &self,
        access_key: Option<&str>,
        write: bool,
        bucket: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let Some(grant) = access_key.and_then(|key| self.by_access_key.get(key)) else { return Ok(()) };
        if now >= grant.expires {
            return Err(ApiError::new("ExpiredToken", "The provided token has expired."));
        }
        let opened = if write { &grant.writes } else { &grant.reads };
        if opened.iter().any(|(of, at)| of == bucket && at == key) {
            return Ok(());
        }
        Err(ApiError::new("AccessDenied", "Access Denied").with_status(403))
    }
}
