//! Why something did not happen: a kind, a sentence, a source and what to do next.

use std::fmt;
use std::sync::Arc;

use crate::words::words;

/// An error as its user meets it.
///
/// `Display` is one line: what failed and on which resource, why (in AWS's own words where they
/// are known), and what to do next, each once however failures are wrapped in one another. It can be
/// cloned, as one call may fail several jobs.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: FailureKind,
    what: String,
    cause: Option<Cause>,
    advice: Option<String>,
}

#[derive(Debug, Clone)]
enum Cause {
    /// Somebody's words.
    Words(String),
    /// A failure of ours, with a cause and advice of its own.
    Failure(Arc<Failure>),
}

impl Failure {
    /// A failure of this kind; `what` says what failed and on which resource, without a full stop.
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), cause: None, advice: None }
    }

    /// A [`FailureKind::InvalidInput`].
    pub fn invalid_input(what: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidInput, what)
    }

    /// A [`FailureKind::Usage`].
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, what)
    }

    /// Adds why, in the words of whoever refused.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.cause = Some(Cause::Words(why.into()));
        self
    }

    /// Adds the error that caused this one. It must be free of what a response of AWS holds.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(match source.into().downcast::<Self>() {
            Ok(failure) => Cause::Failure(Arc::new(failure)),
            Err(error) => Cause::Words(joined(error.chain().map(ToString::to_string))),
        });
        self
    }

    /// Adds what the user can do next, as an instruction without a full stop.
    #[must_use]
    pub fn advice(mut self, next: impl Into<String>) -> Self {
        self.advice = Some(next.into());
        self
    }

    /// The same failure in other words: `say` is given each of its texts, those of its causes too.
    #[must_use]
    pub fn reworded(self, say: &impl Fn(&str) -> String) -> Self {
        Self {
            what: say(&self.what),
            cause: self.cause.map(|cause| match cause {
                Cause::Words(words) => Cause::Words(say(&words)),
                Cause::Failure(failure) => {
                    Cause::Failure(Arc::new(Arc::unwrap_or_clone(failure).reworded(say)))
                }
            }),
            advice: self.advice.map(|advice| say(&advice)),
            ..self
        }
    }

    /// What failed and why, without what to do next: a part of a longer message.
    #[must_use]
    pub fn without_advice(&self) -> String {
        joined(self.parts())
    }

    /// The same as another kind of failure.
    #[must_use]
    pub fn of_kind(self, kind: FailureKind) -> Self {
        Self { kind, ..self }
    }

    /// What kind of failure this is; it alone decides the exit status.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What failed, then why, then why that.
    fn parts(&self) -> Vec<String> {
        let mut parts = vec![self.what.clone()];
        match &self.cause {
            Some(Cause::Words(why)) => parts.push(why.clone()),
            Some(Cause::Failure(failure)) => parts.extend(failure.parts()),
            None => {}
        }
        parts
    }

    /// What to do next: first about the cause, then about the whole. Of two that begin alike the whole's stays.
    fn advices(&self) -> Vec<&str> {
        let mut advices = match &self.cause {
            Some(Cause::Failure(failure)) => failure.advices(),
            Some(Cause::Words(_)) | None => Vec::new(),
        };
        if let Some(advice) = &self.advice {
            advices.retain(|other| opening(other) != opening(advice));
            advices.push(advice);
        }
        advices
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.without_advice();
        for advice in self.advices() {
            append(&mut text, ". ", advice);
        }
        f.write_str(&text)
    }
}

// It has no source: `Display` shows the causes already, so a printed chain would show them twice.
impl std::error::Error for Failure {}

/// The parts one after the other, but for those that an earlier one tells already.
fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for part in parts {
        append(&mut text, ": ", &part);
    }
    text
}

/// Appends a part behind a mark that ends the text before it, unless that has an end or tells the same.
fn append(text: &mut String, mark: &str, part: &str) {
    let part = part.trim().trim_end_matches(['.', ',', ';', ':', ' ']);
    if part.is_empty() || part.len() > 7 && text.contains(part) {
        return;
    }
    if part.starts_with(text.as_str()) {
        text.clear();
    }
    if !text.is_empty() {
        text.push_str(if text.ends_with(['?', '!']) { " " } else { mark });
    }
    text.push_str(part);
}

/// The words that show that two instructions are the same: "Run the same command again".
fn opening(advice: &str) -> Vec<String> {
    let words = advice.split_whitespace().take(5);
    words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()).collect()
}

words! {
    /// The kinds of failure that a caller can tell apart.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum FailureKind {
        /// The command line is wrong.
        Usage = "usage",
        /// An input or the configuration is wrong: malformed image definitions, an unknown container,
        /// a cluster or service that is missing, a controller that Evenkeel does not drive.
        InvalidInput = "invalid_input",
        /// AWS refused the caller, or there are no valid credentials.
        Denied = "denied",
        /// A file or artifact is missing or cannot be read.
        Unreadable = "unreadable",
        /// The rollout failed, was rolled back or was stopped.
        RolloutFailed = "rollout_failed",
        /// Another actor's deployment took the place of ours.
        Superseded = "superseded",
        /// The rollout did not end in time.
        TimedOut = "timed_out",
        /// AWS is unavailable or throttles, also after retries.
        Unavailable = "unavailable",
        /// SIGINT ended the wait; the rollout goes on in ECS.
        Interrupted = "interrupted",
        /// SIGTERM ended the wait; the rollout goes on in ECS.
        Terminated = "terminated",
        /// A bug in Evenkeel.
        Bug = "bug",
    }
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
        assert_eq!(
            outer.to_string(),
            "the deployment failed: UpdateService of web failed: AccessDenied: no. Allow it"
        );
    }

    #[test]
    fn nothing_is_said_twice_and_no_sentence_ends_twice() {
        let again = "Run the same command again; it goes on where this one ended";
        let cause = Failure::new(FailureKind::Unavailable, "PutParameter of /web failed:")
            .because("TooManyUpdates: There are concurrent updates.")
            .advice(again);
        let whole = Failure::new(cause.kind(), "the record could not be written")
            .caused_by(cause.clone())
            .advice("Run the same command again, which mends the record.");
        assert_eq!(
            whole.to_string(),
            "the record could not be written: PutParameter of /web failed: TooManyUpdates: There are concurrent \
             updates. Run the same command again, which mends the record"
        );
        // However it is wrapped: as an error of a library, in a chain that is printed, or by its text.
        let chain = format!("{:#}", anyhow::Error::new(whole.clone()));
        assert_eq!(chain, whole.to_string());
        assert_eq!(Failure::new(whole.kind(), whole.to_string()).caused_by(whole.clone()).to_string(), chain);
        let other = Failure::new(FailureKind::Denied, "it failed").caused_by(cause).advice("Allow it.");
        assert_eq!(
            other.to_string(),
            format!(
                "it failed: PutParameter of /web failed: TooManyUpdates: There are concurrent updates. {again}. Allow it"
            )
        );
        let asked =
            Failure::new(FailureKind::InvalidInput, "was the variable for the tag set?").advice("Give one!");
        assert_eq!(asked.to_string(), "was the variable for the tag set? Give one!");
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
