//! Task definitions: kept exactly as they were registered, completed only when they are read.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::digests::Digests;
use super::ids::{arn, name_of};
use super::on_read;
use super::refusals;
use crate::ACCOUNT;
use crate::request::{includes, list, merged, page, seconds, text, without, without_nulls};
use crate::wire::{ApiError, ApiResult, refuse_if};

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
    /// The request that registered it, as it was.
    pub(super) request: Value,
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
    ) -> ApiResult {
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
        let mut copy = self.find(base)?.request.clone();
        if let Some(image) = copy.pointer_mut("/containerDefinitions/0/image") {
            *image = "registry.example.com/rival:1".into();
        }
        let rival = self.add(&copy, now).arn.clone();
        self.rivals.insert(deployment, rival.clone());
        Some(rival)
    }

    /// Describes one of those that were registered until a time: a read may lag.
    pub(super) fn describe(&self, request: &Value, until: Option<Timestamp>) -> ApiResult {
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
        Ok(revision.ok_or_else(not_found)?.answer(includes(request, "TAGS")))
    }

    pub(super) fn deregister(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let reference = text(request, "taskDefinition").unwrap_or_default();
        refuse_if(!reference.contains(':'), || ApiError::client("Invalid revision number. Number: null"))?;
        let revision = self
            .position(reference)
            .and_then(|(family, index)| self.families.get_mut(family)?.get_mut(index))
            .ok_or_else(not_found)?;
        refuse_if(!revision.is_active(), || {
            ApiError::client(
                "The specified task definition is inactive. You can only deregister a task definition that is active.",
            )
        })?;
        revision.deregistered = Some(now);
        Ok(revision.answer(false))
    }

    pub(super) fn list(&self, request: &Value) -> ApiResult {
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
        page(request, "taskDefinitionArns", arns, 100)
    }

    /// The revision of an ARN or `family:revision`, or the latest active one of a family.
    pub(super) fn find(&self, reference: &str) -> Option<&Revision> {
        let (family, index) = self.position(reference)?;
        self.families.get(family)?.get(index)
    }

    /// As [`Self::find`], where one has to be described.
    pub(super) fn described(&self, reference: &str) -> Result<&Revision, ApiError> {
        self.find(reference).ok_or_else(not_found)
    }

    /// Every revision of every family.
    pub(super) fn all(&self) -> impl Iterator<Item = &Revision> {
        self.families.values().flatten()
    }

    /// The revision that a service may start.
    pub(super) fn find_active(&self, reference: &str) -> Result<&Revision, ApiError> {
        let revision = self.find(reference).ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
        refuse_if(!revision.is_active(), || ApiError::client("TaskDefinition is inactive"))?;
        Ok(revision)
    }

    fn position<'a>(&self, reference: &'a str) -> Option<(&'a str, usize)> {
        let name = name_of("task-definition", reference);
        match name.split_once(':') {
            Some((family, revision)) => Some((family, revision.parse::<usize>().ok()?.checked_sub(1)?)),
            None => Some((name, self.families.get(name)?.iter().rposition(Revision::is_active)?)),
        }
    }
}

fn not_found() -> ApiError {
    ApiError::client("Unable to describe task definition.")
}

impl Revision {
    /// The names and images of its containers.
    pub(super) fn images(&self) -> impl Iterator<Item = (&str, &str)> {
        let containers = list(&self.request, "containerDefinitions").iter();
        containers.filter_map(|container| Some((text(container, "name")?, text(container, "image")?)))
    }

    /// A container's definition.
    pub(super) fn container(&self, name: &str) -> Option<&Value> {
        let mut containers = list(&self.request, "containerDefinitions").iter();
        containers.find(|container| text(container, "name") == Some(name))
    }

    fn is_active(&self) -> bool {
        self.deregistered.is_none()
    }

    /// An answer that holds this revision; its tags stand beside it.
    fn answer(&self, with_tags: bool) -> Value {
        let definition = on_read::completed(&self.request);
        let added = without_nulls(json!({
            "taskDefinitionArn": self.arn,
            "revision": self.number,
            "status": if self.is_active() { "ACTIVE" } else { "INACTIVE" },
            "compatibilities": on_read::compatibilities(&definition),
            "requiresAttributes": on_read::requires_attributes(&definition),
            "registeredAt": seconds(self.registered),
            "registeredBy": format!("arn:aws:iam::{ACCOUNT}:user/evenkeel"),
            "deregisteredAt": self.deregistered.map(seconds),
        }));
        let definition = without(merged(definition, &added), "tags");
        let tags = with_tags.then(|| list(&self.request, "tags"));
        without_nulls(json!({ "taskDefinition": definition, "tags": tags }))
    }
}
