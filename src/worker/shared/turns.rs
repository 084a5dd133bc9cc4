//! The order in which polls of Amazon ECS are made.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use leaky_bucket::RateLimiter;
use tokio::sync::oneshot;

use crate::clock::Moment;

/// Turns that come at a limited rate and are taken by precedence.
pub(super) struct Turns {
    limiter: RateLimiter,
    waiting: Mutex<Vec<Waiter>>,
}

/// What is asked first: confirmations, then beginnings, and of each purpose what has waited longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Precedence {
    pub(super) purpose: Purpose,
    pub(super) asked: Moment,
}

/// Why something is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// A verdict waits for it: the other view of the rollout has just shown something.
    Confirmation,
    /// The first read of a job. Until the response comes, the job keeps others from beginning.
    Beginning,
    /// To see whether there is something new.
    Poll,
}

struct Waiter {
    /// Read when a turn is given, because a question that was asked meanwhile may have changed it. `None` once no question is
    /// left.
    precedence: Box<dyn Fn() -> Option<Precedence> + Send>,
    turn: oneshot::Sender<()>,
}

impl Turns {
    pub(super) fn new(limiter: RateLimiter) -> Self {
        Self { limiter, waiting: Mutex::default() }
    }

    /// Waits for a turn. A caller that is dropped takes none.
    pub(super) async fn wait(&self, precedence: impl Fn() -> Option<Precedence> + Send + 'static) {
        let (turn, mut taken) = oneshot::channel();
        self.lock().push(Waiter { precedence: Box::new(precedence), turn });
        loop {
            // Every waiter fetches a turn and gives it to the first in line, so as many are fetched as are needed.
            tokio::select! {
                biased;
                _ = &mut taken => return,
                () = self.limiter.acquire_one() => self.give(),
            }
        }
    }

    fn give(&self) {
        let mut waiting = self.lock();
        waiting.retain(|waiter| !waiter.turn.is_closed());
        let precedences = waiting.iter().enumerate().map(|(at, waiter)| ((waiter.precedence)(), at));
        let first = precedences.min_by_key(|(precedence, at)| (precedence.is_none(), *precedence, *at));
        if let Some((_, at)) = first {
            // The sender is open, or its waiter went away this very moment.
            let _ = waiting.remove(at).turn.send(());
        }
    }

    /// A panic leaves waiters that can be served as well as before.
    fn lock(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("waiting", &self.lock().len()).finish_non_exhaustive()
    }
}
