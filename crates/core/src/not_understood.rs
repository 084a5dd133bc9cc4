//! What this version of Evenkeel cannot read of a job, because another version wrote it.

use super::failure::Failure;

/// A token or a claim that this version does not understand. Its content is not part of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    what: String,
    needs: Option<u64>,
    reads: u64,
}

impl NotUnderstood {
    /// `what` is the job's document, "its continuation token". `needs` is the version of its format if that can be
    /// read, and another one than the version that this Evenkeel `reads`; none if the document is garbled.
    #[must_use]
    pub fn new(what: impl Into<String>, needs: Option<u64>, reads: u64) -> Self {
        Self { what: what.into(), needs, reads }
    }

    /// Why the job fails if no worker that understands it comes.
    ///
    /// The action's configuration is sound, but what serves it is not: of CodePipeline's words `ConfigurationError` is
    /// the nearest, and `JobFailed` would say that the deployment failed, which this worker does not know.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let Self { what, needs, reads } = self;
        let (failed, has, run) = match needs {
            Some(needs) => (
                format!(
                    "the job was begun by {} Evenkeel",
                    if needs > reads { "a newer" } else { "an older" }
                ),
                format!("has version {needs}"),
                format!("Run a worker that reads version {needs}"),
            ),
            None => (
                "the job is not understood".to_owned(),
                "is garbled".to_owned(),
                "Run a worker of the version that began the job".to_owned(),
            ),
        };
        Failure::invalid_input(failed)
            .because(format!("{what} {has}; this worker reads version {reads}"))
            .advice(format!(
                "{run}. Look at the service, which this worker did not touch, then retry the stage"
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_says_which_version_is_needed_and_what_to_do() {
        let told = |needs| NotUnderstood::new("its continuation token", needs, 2).failure().to_string();
        assert_eq!(
            told(Some(3)),
            "the job was begun by a newer Evenkeel: its continuation token has version 3; this worker reads version 2. \
             Run a worker that reads version 3. Look at the service, which this worker did not touch, then retry the \
             stage"
        );
        assert!(told(Some(1)).starts_with("the job was begun by an older Evenkeel: "), "{}", told(Some(1)));
        assert!(
            told(None).starts_with("the job is not understood: its continuation token is garbled; "),
            "{}",
            told(None)
        );
    }
}
