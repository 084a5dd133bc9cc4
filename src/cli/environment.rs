//! The environment, read once; nothing else in Evenkeel looks at it, but for clap and the SDK.

use std::collections::BTreeMap;

use evenkeel_core::runner::Runner;

/// The process's environment variables.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads it. Variables that are not UTF-8 are none of ours.
    pub(super) fn read() -> Self {
        let pairs = std::env::vars_os();
        pairs
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What stands behind `prefix` in the names of variables, and their values.
    pub(super) fn beginning_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// All names and values.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Who runs the command.
    pub(super) fn runner(&self) -> Runner {
        if self.is_github() { Runner::GitHub } else { Runner::Other }
    }

    /// Whether a step of GitHub Actions runs us.
    pub(super) fn is_github(&self) -> bool {
        self.get("GITHUB_ACTIONS") == Some("true")
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}
