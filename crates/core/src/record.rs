//! The record of the last deployment, from which Terraform learns what runs.
//!
//! Terraform asks it one question: does the live revision descend from the one that Terraform
//! registered? So [`Record::base`] names the ancestor that Evenkeel did not make.

mod marks;
mod ownership;
mod pattern;
mod repair;
mod sink;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arn::TaskDefinitionArn;
use super::failure::{Failure, FailureKind};
use super::variables::{VariableEdits, Variables};
use crate::keeps_unknown_members;

pub use ownership::{Ownership, ownership};
pub use pattern::{SinkPattern, sinks_of_each};
pub use repair::RunningRevision;
pub use sink::Sink;

/// The schema's name and version, as it stands in every record.
pub const SCHEMA: &str = "evenkeel.record/v1";

/// What was deployed last, by whom, and what it descends from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
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
    /// The revision that it replaced and is a copy of.
    pub previous_task_definition_arn: String,
    /// The images of the containers that the pipeline owns.
    pub images: BTreeMap<String, String>,
    /// What those images resolved to, as far as ECS told.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
    /// The variables that the pipeline owns, `null` for one that the revision does not have.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// The deployment, `ecs-svc/<digits>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// When it was deployed, RFC 3339.
    pub deployed_at: String,
    /// The deployment that is under way, the latest one if there are several; `in_progress` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// The other deployments that are under way or ended recently, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Candidate>,
    /// When another Evenkeel may take the deployment over, RFC 3339; `in_progress` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Who deployed it; while a deployment is under way, who makes that one.
    pub source: DeployedBy,
    /// Who deployed what the record names; `in_progress` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_source: Option<DeployedBy>,
    /// The members that this version does not know, which it keeps.
    #[serde(skip)]
    pub unknown: Map<String, Value>,
}

keeps_unknown_members!(
    Record,
    [
        "schema",
        "status",
        "cluster",
        "service",
        "family",
        "revision",
        "taskDefinitionArn",
        "baseTaskDefinitionArn",
        "previousTaskDefinitionArn",
        "images",
        "digests",
        "variables",
        "deploymentId",
        "deployedAt",
        "candidate",
        "others",
        "expiresAt",
        "source",
        "formerSource",
    ]
);

/// Which version a record is of, whatever else is in it.
#[derive(Deserialize)]
struct Head {
    schema: String,
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

/// The deployment that is under way.
///
/// The record is written beside the registration, when the revision has no name yet. Whoever finds it
/// after a crash knows the revision by what it is: a copy of the source with these images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub struct Candidate {
    /// The revision, if it was known when the record was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition_arn: Option<String>,
    /// The revision that it is a copy of, which was live.
    pub source_task_definition_arn: String,
    /// The ancestor that Evenkeel did not make.
    pub base_task_definition_arn: String,
    /// The images that were put into the copy.
    pub images: BTreeMap<String, String>,
    /// The variables that were set in the copy.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// The variables that it gives back, with what the copy has for them.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub given_back: Variables,
    /// When another Evenkeel may take the deployment over, RFC 3339; one of [`Record::others`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Who makes the deployment; one of [`Record::others`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<DeployedBy>,
    /// This deployment has ended. Until its time is over, others may make copies of its revision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
    /// The members that this version does not know, which it keeps.
    #[serde(skip)]
    pub unknown: Map<String, Value>,
}

keeps_unknown_members!(
    Candidate,
    [
        "taskDefinitionArn",
        "sourceTaskDefinitionArn",
        "baseTaskDefinitionArn",
        "images",
        "variables",
        "givenBack",
        "expiresAt",
        "source",
        "isOver",
    ]
);

/// Who made a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedBy {
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
    /// The revision that it was copied from: itself, if it was live already.
    pub source: &'a TaskDefinitionArn,
    /// The images of all its containers.
    pub images: BTreeMap<String, String>,
    /// The containers that images were asked for.
    pub asked: BTreeSet<String>,
    /// What images resolved to.
    pub digests: BTreeMap<String, String>,
    /// All variables of the revision.
    pub variables: Variables,
    /// What the deployment did to variables.
    pub edits: VariableEdits,
    /// The deployment's id.
    pub deployment_id: Option<String>,
    /// Now, RFC 3339.
    pub at: String,
    /// Who deploys.
    pub by: &'a DeployedBy,
}

/// The document that is there as long as nothing was deployed.
pub const EMPTY: &[u8] = b"{}\n";

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
                .advice(
                    "Use the version of Evenkeel that wrote it, or put an empty record there by \
                     `evenkeel record reset`; nothing was changed",
                )
        };
        if content.trim_ascii() == EMPTY.trim_ascii() {
            return Ok(None);
        }
        // The version comes first: the rest of a record of another version may have any form.
        let Head { schema } = serde_json::from_slice(content).map_err(|error| refuse(error.to_string()))?;
        if schema != SCHEMA {
            return Err(refuse(format!("its schema is {schema:?}, not {SCHEMA:?}")));
        }
        serde_json::from_slice(content).map(Some).map_err(|error| refuse(error.to_string()))
    }

    /// The record of a deployment that is through.
    ///
    /// The pipeline owns the containers that it was asked to deploy, now or before; one that is gone is
    /// left out. It owns the variables that it set, now or before, until it gives them back.
    #[must_use]
    pub fn succeeded(former: Option<&Self>, done: Deployed<'_>) -> Self {
        let made = former.and_then(|former| {
            let is_made =
                |mark: &&Candidate| [done.revision, done.source].iter().any(|arn| mark.is(arn.as_str()));
            former.marks().find(is_made)
        });
        let through = |former| Self::owned_through(former, done.source.as_str(), done.revision.as_str());
        let owned = former.into_iter().flat_map(through);
        let asked = done.asked.iter().map(String::as_str);
        let image = |name: &str| Some((name.to_owned(), done.images.get(name)?.clone()));
        let images: BTreeMap<_, _> = owned.chain(asked).filter_map(image).collect();
        let owned =
            former.map(|former| former.variables_through(done.source.as_str(), done.revision.as_str()));
        let variables = done.edits.owned_after(owned.unwrap_or_default()).as_in(&done.variables);
        let previous = match (made, former) {
            _ if done.source != done.revision => done.source.as_str(),
            (Some(made), _) if made.is(done.revision.as_str()) => &made.source_task_definition_arn,
            (_, Some(former)) if former.task_definition_arn == done.revision.as_str() => {
                &former.previous_task_definition_arn
            }
            _ => done.revision.as_str(),
        };
        // Another run may have recorded the very revision, and its ancestor.
        let recorded = former.filter(|former| former.task_definition_arn == done.revision.as_str());
        let base = match recorded {
            Some(former) => former.base_task_definition_arn.clone(),
            None => Self::base(former, done.source),
        };
        Self {
            schema: SCHEMA.to_owned(),
            status: Status::Succeeded,
            cluster: done.cluster.to_owned(),
            service: done.service.to_owned(),
            family: done.revision.family().to_owned(),
            revision: done.revision.revision(),
            task_definition_arn: done.revision.as_str().to_owned(),
            base_task_definition_arn: base,
            previous_task_definition_arn: previous.to_owned(),
            digests: done.digests.into_iter().filter(|(name, _)| images.contains_key(name)).collect(),
            images,
            variables,
            deployment_id: done.deployment_id,
            deployed_at: done.at,
            candidate: None,
            others: Vec::new(),
            expires_at: None,
            source: done.by.clone(),
            former_source: None,
            unknown: former.map(|former| former.unknown.clone()).unwrap_or_default(),
        }
    }

    /// Who deployed the revision that it names.
    #[must_use]
    pub fn deployed_by(&self) -> &DeployedBy {
        self.former_source.as_ref().unwrap_or(&self.source)
    }

    /// This record when nothing is under way any more and the service runs `live`: of the candidate if
    /// that is it, else as it was before.
    #[must_use]
    pub fn closed(self, live: Option<&TaskDefinitionArn>) -> Self {
        let line: Vec<Candidate> =
            live.map(|live| self.line_of(live.as_str()).into_iter().cloned().collect()).unwrap_or_default();
        let by = live.and_then(|live| self.mark_of(live.as_str())?.source);
        let closed = self.clone().with_marks(Vec::new());
        let Some((live, made)) = live.zip(line.first()) else { return closed };
        let brought = line.iter().rev().flat_map(|mark| mark.images.clone());
        let brought: BTreeMap<_, _> = brought.collect();
        let variables =
            line.iter().rev().fold(closed.variables.clone(), |owned, mark| mark.edits().owned_after(owned));
        let untouched = |name: &String| !brought.contains_key(name);
        Self {
            family: live.family().to_owned(),
            revision: live.revision(),
            task_definition_arn: live.as_str().to_owned(),
            previous_task_definition_arn: made.source_task_definition_arn.clone(),
            base_task_definition_arn: self.base_of(live.as_str()),
            digests: closed.digests.into_iter().filter(|(name, _)| untouched(name)).collect(),
            images: closed.images.into_iter().chain(brought).collect(),
            variables,
            deployment_id: None,
            source: by.unwrap_or(closed.source),
            ..closed
        }
    }

    /// Whether another Evenkeel would find that a deployment is under way at `now`, RFC 3339 in UTC: it
    /// began, no end is recorded, and its time is not over.
    #[must_use]
    pub fn is_held(&self, now: &str) -> bool {
        // Such times are ordered as their texts are.
        self.status == Status::InProgress && self.expires_at.as_deref().is_none_or(|expires| now < expires)
    }

    /// Whether it tells of the same deployment: all but when, by whom, and what came before.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        (
            self.status,
            &self.task_definition_arn,
            &self.base_task_definition_arn,
            &self.images,
            &self.variables,
        ) == (
            other.status,
            &other.task_definition_arn,
            &other.base_task_definition_arn,
            &other.images,
            &other.variables,
        )
    }

    /// The document, with a final line break.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl Candidate {
    /// Whether it is known to be this revision.
    #[must_use]
    pub fn is(&self, live: &str) -> bool {
        self.task_definition_arn.as_deref() == Some(live)
    }

    /// Whether nobody who is alive at `now`, RFC 3339 in UTC, needs it: the time of its deployment is over.
    #[must_use]
    pub fn is_expired(&self, now: &str) -> bool {
        self.expires_at.as_deref().map_or(self.is_over, |expires| expires <= now)
    }

    /// Whether it is the mark that `other` is, of one plan of one run. The revision's name does not count: another run can
    /// take an equal revision for this mark's.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.source_task_definition_arn == other.source_task_definition_arn
            && self.brings_the_same(other)
            && self.source == other.source
    }

    /// Whether it comes to the same as `other`, also if the revision of one of them is not known.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let known = self.task_definition_arn.as_ref().zip(other.task_definition_arn.as_ref());
        self.source_task_definition_arn == other.source_task_definition_arn
            && self.brings_the_same(other)
            && known.is_none_or(|(one, another)| one == another)
    }

    fn brings_the_same(&self, other: &Self) -> bool {
        self.images == other.images
            && self.variables == other.variables
            && self.given_back == other.given_back
    }

    /// What the deployment did to variables.
    #[must_use]
    pub fn edits(&self) -> VariableEdits {
        VariableEdits { set: self.variables.clone(), given_back: self.given_back.clone() }
    }
}

#[cfg(test)]
mod tests;
