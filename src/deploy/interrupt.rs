//! A signal from outside that ends the wait, but never cuts an effect in two.

use evenkeel_core::failure::FailureKind;
use tokio::sync::watch;

/// Tells a deployment that it is to stop waiting.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<Option<FailureKind>>);

/// The end that raises the interrupt.
#[derive(Debug)]
pub struct Interrupter(watch::Sender<Option<FailureKind>>);

impl Interrupt {
    /// An interrupt, and what raises it.
    #[must_use]
    pub fn new() -> (Interrupter, Self) {
        let (sender, receiver) = watch::channel(None);
        (Interrupter(sender), Self(receiver))
    }

    /// The interrupt, if it was raised.
    #[must_use]
    pub fn raised(&self) -> Option<FailureKind> {
        *self.0.borrow()
    }

    /// Waits until it is raised: for ever, if nothing is left that could.
    pub async fn wait(&mut self) -> FailureKind {
        let raised = self.0.wait_for(Option::is_some).await.ok().and_then(|raised| *raised);
        match raised {
            Some(kind) => kind,
            None => std::future::pending().await,
        }
    }
}

impl Interrupter {
    /// Raises it; [`FailureKind::Interrupted`] or [`FailureKind::Terminated`].
    pub fn raise(&self, kind: FailureKind) {
        self.0.send_replace(Some(kind));
    }
}
