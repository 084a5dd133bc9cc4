//! The only place that reads the time or waits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A wall clock that is read once and then moves with tokio's timer.
///
/// So it never jumps when the machine's clock is set, and a test that pauses tokio's time pauses
/// the deployment, the SDK's back-off and the embedded AWS alike.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Duration,
    started: Instant,
}

impl Clock {
    /// A clock that shows the machine's time. Must be called inside a tokio runtime.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock adapter")]
    pub fn system() -> Self {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::starting_at(Timestamp::from_unix(origin.unwrap_or_default()))
    }

    /// A clock that shows `origin` now. Must be called inside a tokio runtime.
    #[must_use]
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin: origin.since_epoch(), started: Instant::now() }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.origin + self.started.elapsed())
    }

    /// Waits for `duration`.
    #[expect(clippy::disallowed_methods, reason = "this is the clock adapter")]
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// What `future` comes to, unless that takes longer than `duration`: then it is dropped.
    pub async fn within<T>(&self, duration: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(duration, future).await.ok()
    }
}

pub use crate::domain::timestamp::Timestamp;
