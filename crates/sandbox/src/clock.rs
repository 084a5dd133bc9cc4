//! The clock of the embedded AWS.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evenkeel_core::timestamp::Timestamp;
use tokio::time::Instant;

/// It moves with tokio's timer: a test that pauses tokio's time pauses AWS too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that begins with the machine's time.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn system() -> Self {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::starting_at(Timestamp::from_unix(origin.unwrap_or_default()))
    }

    /// A clock that shows `origin` now.
    pub(crate) fn starting_at(origin: Timestamp) -> Self {
        Self { origin, started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.origin.plus(self.started.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
