//! Task definitions: kept exactly as they were registered, completed only when they are read.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::digests::Digests;
use super::ids::{arn, name_of};
use super::on_read;
use super::refusals;
use super::request::{includes, page, seconds, text};
use crate::ACCOUNT;
use crate::wire::ApiError;

/// Every family with all its revisions: revision `n` is at index `n - 1`, so none is ever reused.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskDefinitions {
    families: BTreeMap<String, Vec<Revision>>,
    /// What another actor registered, by the number of the deployment that it superseded.
    rivals: BTreeMap<u64, String>,
    /// Of the images that they name.
    pub(super) digests: Digests,
}

/// One revision.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) arn: String,
    number: usize,
    request: Value,
    registered: Timestamp,
    deregistered: Option<Timestamp>,
}

impl TaskDefinitions {
    /// Registers a revision unless ECS would refuse it; `declared` are the members whose values are not checked.
    pub(super) fn register(
        &mut self,
        request: &Value,
        declared: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        refusals::check(request, declared)?;
        Ok(self.add(request, now).answer(true))
    }

    /// Adds a revision without asking whether ECS would refuse it today.
    pub(super) fn add(&mut self, request: &Value, now: Timestamp) -> &Revision {
        let family = text(request, "family").unwrap_or_default();
        let revisions = self.families.entry(family.to_owned()).or_default();
        let number = revisions.len() + 1;
        revisions.push(Revision {
            arn: arn("task-definition", &format!("{family}:{number}")),
            number,
            request: request.clone(),
            registered: now,
            deregistered: None,
        });
        &revisions[number - 1]
    }

    /// The ARN of the definition by which another actor supersedes a deployment of `base`: a copy
    /// with another image. It is registered once, whoever asks, since a copy of a service asks too.
    pub(super) fn rival_of(&mut self, deployment: u64, base: &str, now: Timestamp) -> Option<String> {
        if let Some(rival) = self.rivals.get(&deployment) {
            return Some(rival.clone());
        }
        let mut copy = self.find(base)?.stored().clone();
        if let Some(image) = copy.pointer_mut("/containerDefinitions/0/image") {
            *image = "registry.example.com/rival:1".into();
        }
        let rival = self.add(&copy, now).arn.clone();
        self.rivals.insert(deployment, rival.clone());
        Some(rival)
    }

    pub(super) fn describe(&self, request: &Value) -> Result<Value, ApiError> {
        self.describe_of(request, None)
    }

    /// Describes one of those that were registered until a time: a read may lag.
    pub(super) fn describe_of(&self, request: &Value, until: Option<Timestamp>) -> Result<Value, ApiError> {
        let is_known = |revision: &&Revision| until.is_none_or(|until| revision.registered <= until);
        let revision = text(request, "taskDefinition").and_then(|reference| {
            let newest = self.find(reference)?;
            if reference.rsplit('/').next()?.contains(':') {
                return Some(newest).filter(is_known);
            }
            let family = name_of("task-definition", &newest.arn).split(':').next()?;
            let known = self.families.get(family)?.iter().filter(is_known);
            known.rev().find(|revision| revision.is_active())
        });
        let revision = revision.ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
        Ok(revision.answer(includes(request, "TAGS")))
    }

    pub(super) fn deregister(&mut self, request: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let reference = text(request, "taskDefinition").unwrap_or_default();
        if !reference.contains(':') {
            return Err(ApiError::client("Invalid revision number. Number: null"));
        }
        let revision = self
            .position(reference)
            .and_then(|(family, index)| self.families.get_mut(&family)?.get_mut(index));
        let revision = revision.ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
        if revision.deregistered.is_some() {
            return Err(ApiError::client(
                "The specified task definition is inactive. You can only deregister a task definition that is active.",
            ));
        }
        revision.deregistered = Some(now);
        Ok(revision.answer(false))
    }

    pub(super) fn list(&self, request: &Value) -> Result<Value, ApiError> {
        let family = text(request, "familyPrefix");
        let active = match text(request, "status").unwrap_or("ACTIVE") {
            "ACTIVE" => true,
            "INACTIVE" => false,
            status => return Err(ApiError::invalid_parameter(format!("Status {status} is not supported."))),
        };
        let mut arns: Vec<Value> = self
            .families
            .iter()
            .filter(|(name, _)| family.is_none_or(|family| family == name.as_str()))
            .flat_map(|(_, revisions)| revisions)
            .filter(|revision| revision.is_active() == active)
            .map(|revision| revision.arn.as_str().into())
            .collect();
        if text(request, "sort") == Some("DESC") {
            arns.reverse();
        }
        page(request, "taskDefinitionArns", arns)
    }

    /// The revision of an ARN or `family:revision`, or the latest active one of a family.
    pub(super) fn find(&self, reference: &str) -> Option<&Revision> {
        let (family, index) = self.position(reference)?;
        self.families.get(&family)?.get(index)
    }

    /// Every revision of every family.
    pub(super) fn all(&self) -> impl Iterator<Item = &Revision> {
        self.families.values().flatten()
    }

    /// The revision that a service may start.
    pub(super) fn find_active(&self, reference: &str) -> Result<&Revision, ApiError> {
        let revision = self.find(reference).ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
        if revision.is_active() { Ok(revision) } else { Err(ApiError::client("TaskDefinition is inactive")) }
    }

    fn position(&self, reference: &str) -> Option<(String, usize)> {
        let name = name_of("task-definition", reference);
        let (family, index) = match name.split_once(':') {
            Some((family, revision)) => (family, revision.parse::<usize>().ok()?.checked_sub(1)?),
            None => (name, self.families.get(name)?.iter().rposition(Revision::is_active)?),
        };
        Some((family.to_owned(), index))
    }
}

impl Revision {
    /// The request that registered it, as it was.
    pub(super) fn stored(&self) -> &Value {
        &self.request
    }

    /// The names and images of its containers.
    pub(super) fn images(&self) -> impl Iterator<Item = (&str, &str)> {
        let containers = self.request.get("containerDefinitions").and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .filter_map(|container| Some((text(container, "name")?, text(container, "image")?)))
    }

    /// A container's definition.
    pub(super) fn container(&self, name: &str) -> Option<&Value> {
        let containers = self.request.get("containerDefinitions")?.as_array()?;
        containers.iter().find(|container| text(container, "name") == Some(name))
    }

    fn is_active(&self) -> bool {
        self.deregistered.is_none()
    }

    /// An answer that holds this revision; its tags stand beside it.
    fn answer(&self, with_tags: bool) -> Value {
        let mut definition = self.request.as_object().cloned().unwrap_or_default();
        let tags = definition.remove("tags").filter(Value::is_array).unwrap_or_else(|| json!([]));
        on_read::complete(&mut definition);
        self.add_read_only(&mut definition);
        if with_tags {
            json!({ "taskDefinition": definition, "tags": tags })
        } else {
            json!({ "taskDefinition": definition })
        }
    }

    fn add_read_only(&self, definition: &mut Map<String, Value>) {
        let status = if self.is_active() { "ACTIVE" } else { "INACTIVE" };
        let members = [
            ("taskDefinitionArn", json!(self.arn)),
            ("revision", json!(self.number)),
            ("status", json!(status)),
            ("compatibilities", on_read::compatibilities(definition)),
            ("requiresAttributes", on_read::requires_attributes(definition)),
            ("registeredAt", seconds(self.registered)),
            ("registeredBy", json!(format!("arn:aws:iam::{ACCOUNT}:user/evenkeel"))),
        ];
        definition.extend(members.map(|(name, value)| (name.to_owned(), value)));
        if let Some(time) = self.deregistered {
            definition.insert("deregisteredAt".to_owned(), seconds(time));
        }
    }
}
