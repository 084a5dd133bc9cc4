//! What a job is answered, within CodePipeline's limits.
//!
//! The limits are those of the AWS CodePipeline API reference (`PutJobSuccessResult`,
//! `PutJobFailureResult`) and the quotas in its user guide. An answer beyond them would be refused, and
//! the job left without one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::checkpoint::MAX_TOKEN;
use super::super::failure::{Failure, FailureKind};
use super::text::Text;
use super::variables;
use crate::words::words;

/// The longest summary, in characters.
pub const MAX_SUMMARY: usize = 2048;

/// The longest external execution id, in characters.
pub const MAX_EXTERNAL_ID: usize = 1500;

/// The longest message of a failure, in characters.
pub const MAX_MESSAGE: usize = 5000;

/// What a job is answered: exactly one of these, once.
///
/// Made by [`succeed`](Self::succeed), [`fail`](Self::fail) and [`hand_on`](Self::hand_on) only; its
/// parts cannot be empty or too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The action goes on in another job, which is handed `token`.
    HandOn {
        /// The continuation token.
        token: Text<MAX_TOKEN>,
        /// What the console's link is made from.
        external_id: Option<Text<MAX_EXTERNAL_ID>>,
        /// How far the action is, for people.
        summary: Text<MAX_SUMMARY>,
    },
    /// The action succeeded.
    Succeed {
        /// What came of it, for people.
        summary: Text<MAX_SUMMARY>,
        /// What the console's link is made from.
        external_id: Option<Text<MAX_EXTERNAL_ID>>,
        /// The action's output variables.
        variables: BTreeMap<String, String>,
    },
    /// The action failed.
    Fail {
        /// Why, in CodePipeline's word.
        kind: FailureType,
        /// Why, for people.
        message: Text<MAX_MESSAGE>,
        /// What the console's link is made from.
        external_id: Option<Text<MAX_EXTERNAL_ID>>,
    },
}

impl Answer {
    /// The action succeeded. An empty `external_id` is none. Of `variables` those are left out that
    /// CodePipeline would not take, and those that are too much for it, in the order of their keys:
    /// [`output_variables`](super::output_variables) makes none of either.
    #[must_use]
    pub fn succeed(summary: &str, external_id: &str, variables: BTreeMap<String, String>) -> Self {
        Self::Succeed {
            summary: Text::or(summary, "succeeded"),
            external_id: Text::new(external_id),
            variables: variables::within_limits(variables),
        }
    }

    /// The action failed, and why: what failed, because of what, and what to do next. An empty
    /// `external_id` is none.
    #[must_use]
    pub fn fail(failure: &Failure, external_id: &str) -> Self {
        Self::fail_for(failure, "", external_id)
    }

    /// As [`fail`](Self::fail), and `reasons`, lines that tell more; where it is too much, they are cut.
    #[must_use]
    pub fn fail_for(failure: &Failure, reasons: &str, external_id: &str) -> Self {
        Self::Fail {
            kind: failure.kind().failure_type(),
            message: Text::or(&format!("{failure}\n{reasons}"), failure.kind().as_str()),
            external_id: Text::new(external_id),
        }
    }

    /// The action goes on in another job, which is handed `token`. An empty `external_id` is none.
    ///
    /// A token of 1 to 2048 characters is handed on as it is. Any other is a bug, and nobody could go
    /// on from it: the action fails with that.
    #[must_use]
    pub fn hand_on(token: impl Into<String>, external_id: &str, summary: &str) -> Self {
        match Text::exact(token) {
            Ok(token) => Self::HandOn {
                token,
                external_id: Text::new(external_id),
                summary: Text::or(summary, "in progress"),
            },
            Err(token) => {
                let characters = token.chars().count();
                let what =
                    format!("the job cannot go on: its continuation token has {characters} characters");
                let failure = Failure::new(FailureKind::Bug, what)
                    .because(format!("CodePipeline takes 1 to {MAX_TOKEN}"))
                    .advice("Look at the service, then retry the stage");
                Self::fail(&failure, external_id)
            }
        }
    }
}

/// How many characters of a text are left in a short one.
const SHORT: usize = 150;

impl Answer {
    /// The same answer with less in it, for when AWS refuses this one for good: first without output variables,
    /// then with a short text in ASCII and without a link. `None` if nothing is left to leave out.
    #[must_use]
    pub fn plainer(&self) -> Option<Self> {
        let plainer = match self.clone() {
            Self::Succeed { summary, external_id, variables } if !variables.is_empty() => {
                Self::Succeed { summary, external_id, variables: BTreeMap::new() }
            }
            Self::Succeed { summary, variables, .. } => {
                Self::Succeed { summary: short(&summary, "succeeded"), external_id: None, variables }
            }
            Self::Fail { kind, message, .. } => {
                Self::Fail { kind, message: short(&message, "failed"), external_id: None }
            }
            Self::HandOn { token, summary, .. } => {
                Self::HandOn { token, summary: short(&summary, "in progress"), external_id: None }
            }
        };
        (plainer != *self).then_some(plainer)
    }
}

/// The beginning of the text's first line, and where the whole is found.
fn short<const MAX: usize>(text: &str, instead: &'static str) -> Text<MAX> {
    const LOG: &str = " (see the worker's log)";
    if text.ends_with(LOG) {
        return Text::or(text, instead);
    }
    let line = text.lines().next().unwrap_or_default();
    let line: String = line.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).take(SHORT).collect();
    Text::or(&format!("{}{LOG}", line.trim()), instead)
}

words! {
    /// CodePipeline's words for why an action failed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum FailureType {
        /// The work itself failed.
        JobFailed = "JobFailed",
        /// The action's configuration, or what it names, is wrong.
        ConfigurationError = "ConfigurationError",
        /// AWS refused the caller.
        PermissionError = "PermissionError",
        /// Another deployment took the place of this one.
        RevisionOutOfSync = "RevisionOutOfSync",
        /// The artifact is missing or cannot be read.
        RevisionUnavailable = "RevisionUnavailable",
        /// AWS is unavailable.
        SystemUnavailable = "SystemUnavailable",
    }
}

impl FailureKind {
    /// CodePipeline's word for this kind: part of the contract.
    #[must_use]
    pub fn failure_type(self) -> FailureType {
        match self {
            Self::Usage | Self::InvalidInput => FailureType::ConfigurationError,
            Self::Denied => FailureType::PermissionError,
            Self::Unreadable => FailureType::RevisionUnavailable,
            Self::Superseded => FailureType::RevisionOutOfSync,
            Self::Unavailable => FailureType::SystemUnavailable,
            Self::RolloutFailed | Self::TimedOut | Self::Interrupted | Self::Terminated | Self::Bug => {
                FailureType::JobFailed
            }
        }
    }
}

#[cfg(test)]
mod tests;
