//! What a claim says: who works on a job, and how far it is.

use serde::{Deserialize, Serialize};

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::job::Answer;

/// The most bytes that a claim may have; the output variables of an answer are 120 KiB at most.
pub(super) const MAX_CLAIM: usize = 256 * 1024;

const SCHEMA: &str = "evenkeel.claim/v1";

/// A claim on a job. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::worker) struct Claim {
    schema: String,
    /// The worker's own name.
    pub(in crate::worker) owner: String,
    /// Counts the writes, so that no two contents of a claim are alike.
    pub(in crate::worker) renewals: u64,
    /// How far the job is.
    pub(in crate::worker) stage: Stage,
    /// The continuation token that the work can be gone on from, if anything was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::worker) checkpoint: Option<String>,
    /// What the job is being answered, or was: then nothing else is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::worker) answer: Option<Answer>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::worker) enum Stage {
    /// It may have been acknowledged.
    Claimed,
    /// It was acknowledged.
    Acknowledged,
    /// Its last answer did not count.
    Refused,
}

impl Claim {
    /// A new claim.
    pub(in crate::worker) fn new(owner: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            owner: owner.to_owned(),
            renewals: 0,
            stage: Stage::Claimed,
            checkpoint: None,
            answer: None,
        }
    }

    /// Reads a claim; `place` is told where it is not understood.
    pub(in crate::worker) fn parse(place: &str, content: &[u8]) -> Result<Self, Failure> {
        let refuse = |why: String| {
            Failure::new(FailureKind::InvalidInput, format!("a claim in {place} is not understood"))
                .because(why)
                .advice("Give this worker a place for claims of its own, or remove the claim")
        };
        let claim: Self = serde_json::from_slice(content)
            .map_err(|error| refuse(format!("line {}, column {}", error.line(), error.column())))?;
        if claim.schema != SCHEMA {
            return Err(refuse(format!("its schema is not {SCHEMA}")));
        }
        Ok(claim)
    }

    /// The document.
    pub(in crate::worker) fn to_json(&self) -> Vec<u8> {
        // A document of our own making has no keys that are not strings.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_claim_is_read_as_it_was_written() {
        let claim = Claim {
            stage: Stage::Acknowledged,
            renewals: 3,
            checkpoint: Some("{}".to_owned()),
            answer: Some(Answer::succeed("deployed", "", BTreeMap::default())),
            ..Claim::new("worker-1")
        };
        assert_eq!(Claim::parse("here", &claim.to_json()).unwrap(), claim);
        assert_eq!(
            String::from_utf8(claim.to_json()).unwrap(),
            r#"{"schema":"evenkeel.claim/v1","owner":"worker-1","renewals":3,"stage":"acknowledged","checkpoint":"{}","answer":{"succeed":{"summary":"deployed","externalId":null,"variables":{}}}}"#
        );
    }

    #[test]
    fn what_another_program_wrote_is_refused_without_being_quoted() {
        for content in ["", "{}", r#"{"schema":"x","owner":"o","renewals":0,"stage":"claimed"}"#, "secret"] {
            let refused = Claim::parse("dir:/claims", content.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("dir:/claims") && !refused.contains("secret"), "{refused}");
        }
    }
}
