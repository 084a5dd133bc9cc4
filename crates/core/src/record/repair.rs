//! A record made anew from what runs.

use std::collections::{BTreeMap, BTreeSet};

use super::super::arn::TaskDefinitionArn;
use super::super::primary_state::PrimaryState;
use super::super::variables::{VariableEdits, Variables};
use super::{Deployed, DeployedBy, Record};

/// What was found to run.
#[derive(Debug, Clone)]
pub struct RunningRevision<'a> {
    /// The cluster, as it was named.
    pub cluster: &'a str,
    /// The service, as it was named.
    pub service: &'a str,
    /// The live revision.
    pub live: &'a TaskDefinitionArn,
    /// The revision of which it is a copy with other images of the pipeline's; itself, if it is none.
    pub copied: &'a TaskDefinitionArn,
    /// The images of all its containers.
    pub images: BTreeMap<String, String>,
    /// All its variables.
    pub variables: Variables,
    /// What they resolved to.
    pub digests: BTreeMap<String, String>,
    /// The PRIMARY deployment's id.
    pub deployment_id: Option<String>,
    /// How that stands.
    pub primary: PrimaryState,
    /// Now, RFC 3339.
    pub at: String,
    /// Who repairs.
    pub by: &'a DeployedBy,
}

impl Record {
    /// The containers that the pipeline owns, also by what is under way.
    #[must_use]
    pub fn owned(&self) -> BTreeSet<String> {
        let under_way = self.marks().flat_map(|mark| mark.images.keys());
        self.images.keys().chain(under_way).cloned().collect()
    }

    /// The variables that the pipeline owns, also by what is under way. Their values do not count.
    #[must_use]
    pub fn owned_variables(&self) -> Variables {
        let marks: Vec<_> = self.marks().collect();
        marks.into_iter().rev().fold(self.variables.clone(), |owned, mark| mark.edits().owned_after(owned))
    }

    /// This record as it should be, by what runs: the ancestor stays where it is known. A rollout that
    /// ECS gave up is told by what was before it.
    #[must_use]
    pub fn repaired(self, found: RunningRevision<'_>) -> Self {
        if found.primary == PrimaryState::Failed {
            return self.closed(None);
        }
        let is_copy = found.copied != found.live;
        let set = if is_copy { self.owned_variables() } else { Variables::default() };
        let edits = VariableEdits { set, given_back: Variables::default() };
        let asked = if is_copy { self.owned() } else { BTreeSet::new() };
        let repaired = Self::succeeded(
            Some(&self),
            Deployed {
                cluster: found.cluster,
                service: found.service,
                revision: found.live,
                source: found.copied,
                images: found.images,
                asked,
                digests: found.digests,
                variables: found.variables,
                edits,
                deployment_id: found.deployment_id,
                at: found.at,
                by: found.by,
            },
        );
        let closed = self.closed(Some(found.live));
        // Who deployed what is recorded already stays.
        if closed.tells_the_same(&repaired) { closed } else { repaired }
    }
}
