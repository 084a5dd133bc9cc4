//! Environment variables, references to secrets and Docker labels that the pipeline owns.
//!
//! Each belongs to the pipeline from the deployment that sets it until a deployment gives it back. The record lists
//! them with their values: all of them are public.

mod assignment;
mod changes;
mod edits;
mod secret_like;
mod within;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) use within::{edit, variables_of};

pub use changes::{Ownership, VariableChanges};
pub use edits::VariableEdits;

/// What kind of entry of a container definition a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VariableKind {
    /// An environment variable.
    Environment,
    /// A variable whose value ECS reads from AWS Secrets Manager or AWS Systems Manager.
    Secret,
    /// A Docker label.
    Label,
}

impl VariableKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Environment, Self::Secret, Self::Label];

    /// The member of a container definition that holds them, and of the record.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Secret => "secrets",
            Self::Label => "dockerLabels",
        }
    }

    /// The word of the options, as in `--set-env`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Environment => "env",
            Self::Secret => "secret",
            Self::Label => "label",
        }
    }

    /// The kind that shares its names with this one: ECS takes a name once, as a variable or as a secret.
    #[must_use]
    pub fn rival(self) -> Option<Self> {
        match self {
            Self::Environment => Some(Self::Secret),
            Self::Secret => Some(Self::Environment),
            Self::Label => None,
        }
    }
}

/// Which variable of which container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableName {
    /// The container.
    pub container: String,
    /// Its kind.
    pub kind: VariableKind,
    /// Its name, or the label's key.
    pub name: String,
}

impl VariableName {
    /// The entry of the other kind that has the same name, if there can be one.
    #[must_use]
    pub fn rival(&self) -> Option<Self> {
        self.kind.rival().map(|kind| Self { kind, ..self.clone() })
    }

    /// As a plan calls it: `containerDefinitions[web].environment[GIT_SHA]`.
    pub(super) fn path(&self) -> String {
        let Self { container, kind, name } = self;
        let member = kind.member();
        match kind {
            VariableKind::Environment | VariableKind::Secret => {
                format!("containerDefinitions[{container}].{member}[{name}]")
            }
            VariableKind::Label => format!("containerDefinitions[{container}].{member}.{name}"),
        }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            VariableKind::Environment => "environment variable",
            VariableKind::Secret => "secret",
            VariableKind::Label => "label",
        };
        write!(f, "{what} {} of container {}", self.name, self.container)
    }
}

/// Variables with their values, `None` for one that is absent.
///
/// As JSON: by container, by member of the container definition, by name, and `null` for one that is absent.
/// `Debug` shows the names alone, since a definition's other variables may be secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Variables(BTreeMap<VariableName, Option<String>>);

impl Variables {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them, absent or not.
    #[must_use]
    pub fn has(&self, name: &VariableName) -> bool {
        self.0.contains_key(name)
    }

    /// The value of one that is there.
    #[must_use]
    pub fn value(&self, name: &VariableName) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }

    /// All of them, by container, kind and name.
    pub fn iter(&self) -> impl Iterator<Item = (&VariableName, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name, value.as_deref()))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &VariableName> {
        self.0.keys()
    }

    /// Adds one, or gives it another value; whether it was not there.
    pub fn put(&mut self, name: VariableName, value: Option<String>) -> bool {
        self.0.insert(name, value).is_none()
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, name: &VariableName) {
        self.0.remove(name);
    }

    /// The same names with the values that they have in `all`. One that `all` has as the other kind is that kind there.
    #[must_use]
    pub fn as_in(&self, all: &Self) -> Self {
        let of = |name: &VariableName| {
            let rival = name.rival().filter(|rival| all.value(name).is_none() && all.value(rival).is_some());
            let name = rival.unwrap_or_else(|| name.clone());
            let value = all.value(&name).map(str::to_owned);
            (name, value)
        };
        // A name that is absent as one kind is not told where it is there as the other.
        let mut found: BTreeMap<_, _> = self.names().map(of).collect();
        let there: Vec<_> =
            found.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.clone()).collect();
        for rival in there.iter().filter_map(VariableName::rival) {
            found.remove(&rival);
        }
        Self(found)
    }

    /// `web: environment GIT_SHA=abc` for each, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |(name, value): (&VariableName, Option<&str>)| {
            let VariableName { container, kind, name } = name;
            let value = value.map_or_else(|| "(absent)".to_owned(), |value| format!("= {value}"));
            format!("{container}  {} {name} {value}", kind.word())
        };
        self.iter().map(line).collect()
    }
}

impl FromIterator<(VariableName, Option<String>)> for Variables {
    fn from_iter<I: IntoIterator<Item = (VariableName, Option<String>)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names().map(ToString::to_string)).finish()
    }
}

type Nested<T> = BTreeMap<T, BTreeMap<T, BTreeMap<T, Option<T>>>>;

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut nested: Nested<&str> = BTreeMap::new();
        for (VariableName { container, kind, name }, value) in self.iter() {
            let of_kind = nested.entry(container).or_default().entry(kind.member()).or_default();
            of_kind.insert(name, value);
        }
        nested.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut variables = BTreeMap::new();
        for (container, members) in Nested::<String>::deserialize(deserializer)? {
            for (member, values) in members {
                let kind = VariableKind::ALL.into_iter().find(|kind| kind.member() == member);
                let kind =
                    kind.ok_or_else(|| Error::custom(format!("variables of the unknown kind {member:?}")))?;
                for (name, value) in values {
                    variables.insert(VariableName { container: container.clone(), kind, name }, value);
                }
            }
        }
        Ok(Self(variables))
    }
}

#[cfg(test)]
mod tests;
