//! What a claim says: who works on a job, and how far it is.

use evenkeel_core::job::Answer;
use evenkeel_core::keeps_unknown_members;
use evenkeel_core::not_understood::NotUnderstood;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most bytes that a claim may have; the output variables of an answer are 120 KiB at most.
pub(super) const MAX_CLAIM: usize = 256 * 1024;

/// What the schema of a claim of any version begins with.
const SCHEMA: &str = "evenkeel.claim/v";

/// The version that is written, and the only one that is read: `CONTRIBUTING.md` says what makes another one.
const VERSION: u64 = 1;

/// A claim on a job. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub(in crate::worker) struct Claim {
    schema: String,
    /// The worker's own name.
    pub(in crate::worker) owner: String,
    /// Counts the writes, so that no two contents of a claim are alike.
    pub(in crate::worker) renewals: u64,
    /// How far the job is.
    pub(in crate::worker) stage: JobStage,
    /// The continuation token that the work can be gone on from, if anything was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::worker) checkpoint: Option<String>,
    /// What the job is being answered, or was: then nothing else is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::worker) answer: Option<Answer>,
    /// The members that this version does not know, which it keeps.
    #[serde(skip)]
    unknown: Map<String, Value>,
}

keeps_unknown_members!(Claim, ["schema", "owner", "renewals", "stage", "checkpoint", "answer"]);

/// Which version a claim is of, whatever else is in it.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::worker) enum JobStage {
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
            schema: format!("{SCHEMA}{VERSION}"),
            owner: owner.to_owned(),
            renewals: 0,
            stage: JobStage::Claimed,
            checkpoint: None,
            answer: None,
            unknown: Map::new(),
        }
    }

    /// Reads a claim of the store `place`. One that is not understood is not quoted.
    pub(in crate::worker) fn parse(place: &str, content: &[u8]) -> Result<Self, NotUnderstood> {
        let refused = |needs| NotUnderstood::new(format!("its claim in {place}"), needs, VERSION);
        // The version comes first: the rest of a claim of another version may have any form.
        let Head { schema } = serde_json::from_slice(content).map_err(|_| refused(None))?;
        match schema.strip_prefix(SCHEMA).and_then(|version| version.parse().ok()) {
            Some(VERSION) => serde_json::from_slice(content).map_err(|_| refused(None)),
            other => Err(refused(other)),
        }
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

    use serde_json::json;

    use super::*;
    use evenkeel_core::failure::{Failure, FailureKind};

    #[test]
    fn a_claim_is_read_as_it_was_written() {
        let claim = Claim {
            stage: JobStage::Acknowledged,
            renewals: 3,
            checkpoint: Some("{}".to_owned()),
            answer: Some(Answer::succeed("deployed", "", BTreeMap::default())),
            ..Claim::new("worker-1")
        };
        assert_eq!(Claim::parse("here", &claim.to_json()).unwrap(), claim);
    }

    #[test]
    fn members_that_this_version_does_not_know_are_kept() {
        let later = json!({
            "schema": "evenkeel.claim/v1", "owner": "o", "renewals": 7, "stage": "claimed", "zone": { "pace": 1.5 },
        });
        let read = Claim::parse("here", later.to_string().as_bytes()).unwrap();
        assert_eq!(read, Claim { renewals: 7, unknown: read.unknown.clone(), ..Claim::new("o") });
        assert_eq!(serde_json::from_slice::<Value>(&read.to_json()).unwrap(), later);
    }

    #[test]
    fn what_another_version_or_another_program_wrote_is_refused_without_being_quoted() {
        let of = |needs| NotUnderstood::new("its claim in dir:/claims", needs, 1);
        for (content, needs) in [
            (r#"{"schema":"evenkeel.claim/v2","secret":1}"#, Some(2)),
            (r#"{"schema":"evenkeel.claim/v0","owner":"o","renewals":0,"stage":"claimed"}"#, Some(0)),
            (r#"{"schema":"evenkeel.claim/v1","owner":"o","renewals":0,"stage":"secret"}"#, None),
            (r#"{"schema":"secret","owner":"o","renewals":0,"stage":"claimed"}"#, None),
            (r#"{"schema":"evenkeel.claim/vsecret"}"#, None),
            ("", None),
            ("{}", None),
            ("secret", None),
        ] {
            let refused = Claim::parse("dir:/claims", content.as_bytes()).unwrap_err();
            assert_eq!(refused, of(needs), "{content}");
            assert!(!refused.failure().to_string().contains("secret"), "{content}");
        }
    }

    /// Claims as they were written by the first version of this format, with what they have to mean for ever.
    #[test]
    fn claims_of_former_versions_mean_what_they_meant() {
        const TOKEN: &str = include_str!("../../../tests/formats/token-v2/registered.json");
        macro_rules! claim {
            ($name:literal) => {
                include_str!(concat!("../../../tests/formats/claim-v1/", $name, ".json"))
            };
        }
        let failure = Failure::new(FailureKind::RolloutFailed, "service web: the rollout failed");
        let variables = BTreeMap::from([("Outcome".to_owned(), "deployed".to_owned())]);
        let link = "prod/services/web";
        for (content, stage, is_noted, answer) in [
            (claim!("claimed"), JobStage::Claimed, false, None),
            (claim!("acknowledged"), JobStage::Acknowledged, true, None),
            (
                claim!("handed-on"),
                JobStage::Acknowledged,
                true,
                Some(Answer::hand_on(TOKEN.trim_end(), link, "web is under way")),
            ),
            (
                claim!("succeeded"),
                JobStage::Acknowledged,
                true,
                Some(Answer::succeed("deployed", link, variables)),
            ),
            (claim!("failed"), JobStage::Acknowledged, false, Some(Answer::fail(&failure, link))),
            (claim!("refused"), JobStage::Refused, false, Some(Answer::fail(&failure, ""))),
        ] {
            let checkpoint = is_noted.then(|| TOKEN.trim_end().to_owned());
            let means = Claim { stage, renewals: 3, checkpoint, answer, ..Claim::new("ip-10-0-0-7-00f3") };
            assert_eq!(Claim::parse("here", content.as_bytes()).as_ref(), Ok(&means), "{content}");
            let read: Value = serde_json::from_str(content).unwrap();
            assert_eq!(
                serde_json::from_slice::<Value>(&means.to_json()).unwrap(),
                read,
                "it is written the same"
            );
        }
    }
}
