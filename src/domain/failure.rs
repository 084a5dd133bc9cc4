//! Why something did not happen: a kind, a sentence, a source and what to do next.

use std::fmt;
use std::sync::Arc;

/// An error as its user meets it.
///
/// `Display` is one line: what failed and on which resource, why (in AWS's own words where they
/// are known), and what to do next. It can be cloned, as one call may fail several jobs.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: FailureKind,
    what: String,
    source: Option<Arc<anyhow::Error>>,
    advice: Option<String>,
}

impl Failure {
    /// A failure of this kind; `what` says what failed and on which resource, without a full stop.
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None, advice: None }
    }

    /// Adds why, in the words of whoever refused.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.source = Some(Arc::new(anyhow::Error::msg(why.into())));
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(Arc::new(source.into()));
        self
    }

    /// Adds what the user can do next, as an instruction without a full stop.
    #[must_use]
    pub fn advice(mut self, next: impl Into<String>) -> Self {
        self.advice = Some(next.into());
        self
    }

    /// What failed and why, without what to do next: a part of a longer message.
    #[must_use]
    pub fn without_advice(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {source:#}", self.what),
            None => self.what.clone(),
        }
    }

    /// What kind of failure this is; it alone decides the exit status.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_advice())?;
        if let Some(advice) = &self.advice {
            write!(f, ". {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source.as_ref() as _)
    }
}

/// The kinds of failure that a caller can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The command line is wrong.
    Usage,
    /// An input or the configuration is wrong: malformed image definitions, an unknown container,
    /// a cluster or service that is missing, a controller that Evenkeel does not drive.
    InvalidInput,
    /// AWS refused the caller, or there are no valid credentials.
    Denied,
    /// A file or artifact is missing or cannot be read.
    Unreadable,
    /// The rollout failed, was rolled back or was stopped.
    RolloutFailed,
    /// Another actor's deployment took the place of ours.
    Superseded,
    /// The rollout did not end in time.
    TimedOut,
    /// AWS is unavailable or throttles, also after retries.
    Unavailable,
    /// SIGINT ended the wait; the rollout goes on in ECS.
    Interrupted,
    /// SIGTERM ended the wait; the rollout goes on in ECS.
    Terminated,
    /// A bug in Evenkeel.
    Bug,
}

impl FailureKind {
    /// The process's exit status: part of the contract, scripts depend on it.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::RolloutFailed => 1,
            Self::Usage => 2,
            Self::InvalidInput => 3,
            Self::Denied => 4,
            Self::Unreadable => 5,
            Self::Superseded => 6,
            Self::TimedOut => 7,
            Self::Bug => 70,
            Self::Unavailable => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The kind that `word` stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Usage,
            Self::InvalidInput,
            Self::Denied,
            Self::Unreadable,
            Self::RolloutFailed,
            Self::Superseded,
            Self::TimedOut,
            Self::Unavailable,
            Self::Interrupted,
            Self::Terminated,
            Self::Bug,
        ];
        all.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word for this kind in JSON documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RolloutFailed => "rollout_failed",
            Self::Usage => "usage",
            Self::InvalidInput => "invalid_input",
            Self::Denied => "denied",
            Self::Unreadable => "unreadable",
            Self::Superseded => "superseded",
            Self::TimedOut => "timed_out",
            Self::Bug => "bug",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let bare = Failure::new(FailureKind::Denied, "UpdateService of web failed");
        assert_eq!(bare.to_string(), "UpdateService of web failed");
        let whole = bare.because("AccessDenied: no").advice("Allow it");
        assert_eq!(whole.to_string(), "UpdateService of web failed: AccessDenied: no. Allow it");
        assert_eq!(whole.without_advice(), "UpdateService of web failed: AccessDenied: no");
        let outer = Failure::new(FailureKind::Denied, "the deployment failed").caused_by(whole);
        assert!(outer.to_string().contains("AccessDenied: no"), "{outer}");
    }

    #[test]
    fn every_kind_has_a_status_and_a_word_of_its_own() {
        use FailureKind as Kind;
        let table = [
            (Kind::RolloutFailed, 1, "rollout_failed"),
            (Kind::Usage, 2, "usage"),
            (Kind::InvalidInput, 3, "invalid_input"),
            (Kind::Denied, 4, "denied"),
            (Kind::Unreadable, 5, "unreadable"),
            (Kind::Superseded, 6, "superseded"),
            (Kind::TimedOut, 7, "timed_out"),
            (Kind::Bug, 70, "bug"),
            (Kind::Unavailable, 75, "unavailable"),
            (Kind::Interrupted, 130, "interrupted"),
            (Kind::Terminated, 143, "terminated"),
        ];
        for (kind, status, word) in table {
            assert_eq!((kind.exit_status(), kind.as_str()), (status, word));
            assert_eq!(FailureKind::parse(word), Some(kind));
        }
        assert_eq!(table.iter().map(|(_, status, _)| status).collect::<BTreeSet<_>>().len(), table.len());
    }
}
