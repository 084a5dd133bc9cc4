//! The task definition that a scheduled task names.

use crate::arn::{Arn, TaskDefinitionArn};

/// A task definition as a target names it: by its ARN, or by `family[:revision]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedDefinition<'a> {
    /// Its family.
    pub family: &'a str,
    /// Its revision. Without one, ECS starts the newest active revision at each start.
    pub revision: Option<u64>,
}

impl<'a> NamedDefinition<'a> {
    /// Reads what stands in a target; `None` where that is no task definition's name.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let name = match Arn::of(text, "ecs") {
            Some(arn) => arn.resource.strip_prefix("task-definition/")?,
            None => text,
        };
        let (family, revision) = match name.split_once(':') {
            Some((family, revision)) => (family, Some(revision.parse().ok()?)),
            None => (name, None),
        };
        let is_sound = !family.is_empty() && !family.contains(['/', ':']);
        is_sound.then_some(Self { family, revision })
    }

    /// Whether it is this revision and no other.
    #[must_use]
    pub fn is(&self, revision: &TaskDefinitionArn) -> bool {
        self.family == revision.family() && self.revision == Some(revision.revision())
    }
}
