//! The record of the last deployment, from which Terraform learns what runs.
//!
//! Terraform asks it one question: does the live revision descend from the one that Terraform
//! registered? So [`Record::base`] names the ancestor that Evenkeel did not make.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arn::TaskDefinitionArn;
use super::failure::{Failure, FailureKind};

/// The schema's name and version, as it stands in every record.
pub const SCHEMA: &str = "evenkeel.record/v1";

/// What was deployed last, by whom, and what it descends from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    schema: String,
    /// Whether a deployment is under way.
    pub status: Status,
    /// The cluster, as the deployment named it.
    pub cluster: String,
    /// The service, as the deployment named it.
    pub service: String,
    /// The deployed revision's family.
    pub family: String,
    /// The deployed revision's number.
    pub revision: u64,
    /// The deployed revision.
    pub task_definition_arn: String,
    /// The ancestor that Evenkeel did not make.
    pub base_task_definition_arn: String,
    /// The revision that was live before.
    pub previous_task_definition_arn: String,
    /// The images of the containers that the pipeline owns.
    pub images: BTreeMap<String, String>,
    /// What those images resolved to, as far as ECS told.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
    /// The deployment, `ecs-svc/<digits>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// When it was deployed, RFC 3339.
    pub deployed_at: String,
    /// The revision under way; `in_progress` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_task_definition_arn: Option<String>,
    /// When another Evenkeel may take the deployment over, RFC 3339; `in_progress` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Who deployed it.
    pub source: Source,
}

/// A record's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The service runs what the record says.
    Succeeded,
    /// A deployment is under way; the rest of the record says what ran before it.
    InProgress,
}

/// Who made a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `codebuild`, `github` or `cli`.
    pub kind: String,
    /// The build's or run's id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What a deployment, once it is through, puts in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed<'a> {
    /// The cluster, as the deployment names it.
    pub cluster: &'a str,
    /// The service, as the deployment names it.
    pub service: &'a str,
    /// The revision that is live now.
    pub revision: &'a TaskDefinitionArn,
    /// The revision that was live when the deployment began.
    pub previous: &'a TaskDefinitionArn,
    /// The images that were asked for.
    pub images: BTreeMap<String, String>,
    /// What images resolved to.
    pub digests: BTreeMap<String, String>,
    /// The deployment's id.
    pub deployment_id: Option<String>,
    /// Now, RFC 3339.
    pub at: String,
    /// Who deploys.
    pub source: &'a Source,
}

impl Record {
    /// Reads a record; `{}` is what Terraform puts there before the first deployment: none.
    ///
    /// # Errors
    /// [`FailureKind::InvalidInput`] for anything that this version does not understand; a record
    /// is never overwritten on a guess.
    pub fn parse(place: &str, content: &[u8]) -> Result<Option<Self>, Failure> {
        let refuse = |why: String| {
            Failure::new(FailureKind::InvalidInput, format!("the record in {place} is not understood"))
                .because(why)
                .advice("Mend or remove it; nothing was changed")
        };
        if content.trim_ascii() == b"{}" {
            return Ok(None);
        }
        let record: Self = serde_json::from_slice(content).map_err(|error| refuse(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(refuse(format!("its schema is {:?}, not {SCHEMA:?}", record.schema)));
        }
        Ok(Some(record))
    }

    /// The ancestor of the revision `live` that Evenkeel did not make: the record's base while
    /// Evenkeel made `live`, else `live` itself.
    #[must_use]
    pub fn base<'a>(former: Option<&'a Self>, live: &'a TaskDefinitionArn) -> &'a str {
        match former {
            Some(record) if record.made(live) => &record.base_task_definition_arn,
            _ => live.as_str(),
        }
    }

    /// The record of a deployment that is through.
    #[must_use]
    pub fn succeeded(former: Option<&Self>, done: Deployed<'_>) -> Self {
        let owned = former.map(|record| record.images.clone()).unwrap_or_default();
        Self {
            schema: SCHEMA.to_owned(),
            status: Status::Succeeded,
            cluster: done.cluster.to_owned(),
            service: done.service.to_owned(),
            family: done.revision.family().to_owned(),
            revision: done.revision.revision(),
            task_definition_arn: done.revision.as_str().to_owned(),
            base_task_definition_arn: Self::base(former, done.previous).to_owned(),
            previous_task_definition_arn: done.previous.as_str().to_owned(),
            images: owned.into_iter().chain(done.images).collect(),
            digests: done.digests,
            deployment_id: done.deployment_id,
            deployed_at: done.at,
            candidate_task_definition_arn: None,
            expires_at: None,
            source: done.source.clone(),
        }
    }

    /// This record while a deployment of `candidate` is under way.
    #[must_use]
    pub fn in_progress(self, candidate: &TaskDefinitionArn, expires_at: String) -> Self {
        Self {
            status: Status::InProgress,
            candidate_task_definition_arn: Some(candidate.as_str().to_owned()),
            expires_at: Some(expires_at),
            ..self
        }
    }

    /// This record when the deployment that was under way came to nothing.
    #[must_use]
    pub fn put_back(self) -> Self {
        Self { status: Status::Succeeded, candidate_task_definition_arn: None, expires_at: None, ..self }
    }

    /// Whether it tells of the same deployment: all but when, by whom, and what came before.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        (self.status, &self.task_definition_arn, &self.base_task_definition_arn, &self.images)
            == (other.status, &other.task_definition_arn, &other.base_task_definition_arn, &other.images)
    }

    /// The document, with a final line break.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    fn made(&self, live: &TaskDefinitionArn) -> bool {
        self.task_definition_arn == live.as_str()
            || self.candidate_task_definition_arn.as_deref() == Some(live.as_str())
    }
}

#[cfg(test)]
mod tests;
