//! What a job is answered, within CodePipeline's limits.

use std::collections::BTreeMap;

use super::super::failure::FailureKind;

/// What a job is answered: exactly one of these, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The action goes on in another job, which is handed `token`.
    HandOn {
        /// The continuation token, 1 to 2048 characters.
        token: String,
        /// What the console's link is made from.
        external_id: Option<String>,
        /// How far the action is, for people.
        summary: String,
    },
    /// The action succeeded.
    Succeed {
        /// What came of it, for people.
        summary: String,
        /// What the console's link is made from.
        external_id: Option<String>,
        /// The action's output variables.
        variables: BTreeMap<String, String>,
    },
    /// The action failed.
    Fail {
        /// Why, in CodePipeline's word.
        kind: FailureType,
        /// Why, for people.
        message: String,
        /// What the console's link is made from.
        external_id: Option<String>,
    },
}

/// CodePipeline's words for why an action failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureType {
    /// The work itself failed.
    JobFailed,
    /// The action's configuration, or what it names, is wrong.
    ConfigurationError,
    /// AWS refused the caller.
    PermissionError,
    /// Another deployment took the place of this one.
    RevisionOutOfSync,
    /// The artifact is missing or cannot be read.
    RevisionUnavailable,
    /// AWS is unavailable.
    SystemUnavailable,
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

impl FailureType {
    /// The word as CodePipeline spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobFailed => "JobFailed",
            Self::ConfigurationError => "ConfigurationError",
            Self::PermissionError => "PermissionError",
            Self::RevisionOutOfSync => "RevisionOutOfSync",
            Self::RevisionUnavailable => "RevisionUnavailable",
            Self::SystemUnavailable => "SystemUnavailable",
        }
    }
}
