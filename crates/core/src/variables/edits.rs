//! What a deployment does to variables.

use super::{VariableName, Variables};

/// The variables that a deployment sets in its copy, and those that it gives back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VariableEdits {
    /// What the pipeline owns from then on.
    pub set: Variables,
    /// What it no longer owns, each with the value of the ancestor that Evenkeel did not make.
    pub given_back: Variables,
}

impl VariableEdits {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.given_back.is_empty()
    }

    /// Every variable that is edited, with the value that the copy gets.
    pub fn values(&self) -> impl Iterator<Item = (&VariableName, Option<&str>)> {
        self.given_back.iter().chain(self.set.iter())
    }

    /// Whether this variable is edited, or the one of the other kind with the same name.
    #[must_use]
    pub fn has(&self, name: &VariableName) -> bool {
        let is_edited = |name: &VariableName| self.set.has(name) || self.given_back.has(name);
        is_edited(name) || name.rival().is_some_and(|rival| is_edited(&rival))
    }

    /// What the pipeline owns after them, if it owned `owned` before.
    ///
    /// A name is owned as one kind: where a secret takes the place of a variable, the variable is no longer owned.
    #[must_use]
    pub fn owned_after(&self, mut owned: Variables) -> Variables {
        for name in self.given_back.names() {
            owned.remove(name);
        }
        for (name, value) in self.set.iter() {
            if let Some(rival) = name.rival() {
                owned.remove(&rival);
            }
            owned.put(name.clone(), value.map(str::to_owned));
        }
        owned
    }

    /// Whether every edit of these is one of `other`, with the same value.
    #[must_use]
    pub fn is_part_of(&self, other: &Self) -> bool {
        let is_part = |mine: &Variables, theirs: &Variables| {
            mine.iter().all(|(name, value)| theirs.has(name) && theirs.value(name) == value)
        };
        is_part(&self.set, &other.set) && is_part(&self.given_back, &other.given_back)
    }
}
