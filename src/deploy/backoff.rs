//! How long, and how often, a call is tried again where giving up would be worse than waiting.

use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};

use crate::clock::{Clock, Moment};

/// How long a command sends again what AWS does not take for the moment: a record's write, a task after a rollout that went
/// well, and what follows the deployment. The SDK has tried for half a minute each time.
pub(super) const PATIENCE: Duration = Duration::from_secs(3 * 60);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// The tries of a call, or of several calls that have the time together.
pub(super) struct Backoff {
    clock: Clock,
    began: Moment,
    longest: Duration,
    wait: Duration,
}

impl Backoff {
    /// Tries from now on, for so long.
    pub(super) fn new(clock: Clock, longest: Duration) -> Self {
        Self { clock, began: Moment::now(), longest, wait: Duration::from_secs(1) }
    }

    /// Waits where the call is to be tried again: AWS does not respond, and there is time left.
    pub(super) async fn outlasts(&mut self, failure: &Failure) -> bool {
        let waits =
            failure.kind() == FailureKind::Unavailable && Moment::now().since(self.began) < self.longest;
        if waits {
            // Those that were refused at one moment are not to come again at one moment.
            self.clock.sleep(self.wait.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
        waits
    }
}
