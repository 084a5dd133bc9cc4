//! Whose credentials a call is signed with.

use std::fmt;
use std::sync::Arc;

/// Whose credentials a call is signed with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::aws) enum Who {
    /// The caller who runs Evenkeel.
    #[default]
    Caller,
    /// A role that was assumed, by its ARN.
    Role(Arc<str>),
    /// A job of CodePipeline, which hands out credentials of the pipeline's role for its artifacts.
    Job,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("the caller"),
            Self::Role(arn) => write!(f, "the role {arn}"),
            Self::Job => f.write_str("the pipeline's role, whose credentials the job has for its artifacts"),
        }
    }
}
