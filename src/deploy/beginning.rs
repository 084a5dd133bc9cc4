//! What is done before the first tick: it only reads, so it can end at any moment.

use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};

use crate::clock::Clock;

use super::Interrupt;

/// What ended the reading before it was done.
pub(super) enum Cut {
    Interrupted(FailureKind),
    TooLong,
}

/// The result of `reading`, unless it is interrupted or takes longer than `longest`.
pub(super) async fn within<T>(
    longest: Duration,
    clock: Clock,
    mut interrupt: Interrupt,
    reading: impl Future<Output = T>,
) -> Result<T, Cut> {
    tokio::select! {
        biased;
        read = reading => Ok(read),
        kind = interrupt.wait() => Err(Cut::Interrupted(kind)),
        () = clock.sleep(longest) => Err(Cut::TooLong),
    }
}

impl Cut {
    /// The failure of a deployment with this time-out that ends here.
    pub(super) fn failure(&self, timeout: Duration) -> Failure {
        match self {
            Self::Interrupted(kind) => Failure::new(*kind, "the deployment was interrupted before it began")
                .because("no service was changed")
                .advice("Run the same command again"),
            Self::TooLong => {
                let what = format!("the deployment did not begin within its {} s", timeout.as_secs());
                Failure::new(FailureKind::TimedOut, what)
                    .because("what is read before it took longer; no service was changed")
                    .advice("Look into the log for calls that did not answer, then deploy again")
            }
        }
    }
}
