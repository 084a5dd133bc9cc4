//! SIGINT and SIGTERM: the first ends the wait, the second the process.

use evenkeel_core::failure::{Failure, FailureKind};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::deploy::Interrupter;

/// The signals that end a deployment's wait.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(super) fn catch() -> Result<Self, Failure> {
        let caught = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(FailureKind::Bug, "signals cannot be caught").caused_by(error))
        };
        Ok(Self { interrupt: caught(SignalKind::interrupt())?, terminate: caught(SignalKind::terminate())? })
    }

    /// Hands the first one on, and returns with the second.
    pub(super) async fn hand_on(mut self, interrupter: Interrupter) -> FailureKind {
        interrupter.raise(self.next().await);
        self.next().await
    }

    async fn next(&mut self) -> FailureKind {
        tokio::select! {
            _ = self.interrupt.recv() => FailureKind::Interrupted,
            _ = self.terminate.recv() => FailureKind::Terminated,
        }
    }
}
