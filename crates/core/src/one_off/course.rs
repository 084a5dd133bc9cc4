//! From the first request to the end of a one-off task: pure, and kept in a checkpoint.

use std::time::Duration;

use crate::timestamp::Timestamp;

use super::{Launched, NotLaunched, OneOffTask};

/// How far a one-off task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskPhase {
    /// It was not started, as far as is known.
    Starting {
        /// How often ECS said that it started nothing: a part of the client token.
        attempt: u32,
        /// Since when it is to start.
        since: Timestamp,
        /// When a request with this attempt's token was first sent, if one may have been.
        sent: Option<Timestamp>,
    },
    /// It was started.
    Started {
        /// The last part of its ARN.
        id: String,
        /// When it was created, by the clock of ECS.
        since: Timestamp,
        /// ECS has described it since.
        was_shown: bool,
    },
    /// It is over.
    Ended(TaskEnd),
}

/// How a one-off task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// Its container ended by itself with this status.
    Exited(i32),
    /// Its container never ran.
    NeverRan,
    /// Somebody or AWS stopped it.
    Stopped,
    /// It took too long.
    TimedOut,
    /// ECS no longer knows it, so its end is not known.
    Forgotten,
    /// ECS did not start it.
    NotLaunched(NotLaunched),
}

impl TaskEnd {
    /// Whether it did what it was for.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

/// How long is waited for a one-off task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For its end, from its creation on.
    pub timeout: Duration,
    /// For capacity.
    pub placement_grace: Duration,
}

/// What is to be done next about a one-off task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Send `RunTask` with the token of this attempt, which may have been sent before.
    Launch {
        /// The attempt.
        attempt: u32,
        /// A request with this token may have been sent.
        may_be_sent: bool,
    },
    /// Describe the task of this id.
    Describe(String),
    /// Stop the task of this id, since it took too long; then it has ended so.
    Stop(String),
    /// Nothing: it has ended so.
    Nothing(TaskEnd),
}

/// How long ECS knows a token at least: for the life of its task and an hour. A minute less, since clocks differ.
const TOKEN_IS_KNOWN: Duration = Duration::from_secs(59 * 60);

/// A task is described only some time after it was started (`DescribeTasks` is eventually consistent).
pub const SHOWN_AFTER: Duration = Duration::from_secs(60);

impl TaskPhase {
    /// A task that is to be started from now on.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::Starting { attempt: 0, since: now, sent: None }
    }

    /// What is to be done next.
    #[must_use]
    pub fn turn(&self, now: Timestamp, patience: Patience) -> Turn {
        match self {
            Self::Starting { sent: Some(sent), .. } if now.since(*sent) >= TOKEN_IS_KNOWN => {
                Turn::Nothing(TaskEnd::Forgotten)
            }
            Self::Starting { attempt, sent, .. } => {
                Turn::Launch { attempt: *attempt, may_be_sent: sent.is_some() }
            }
            Self::Started { id, since, .. } if now.since(*since) >= patience.timeout => {
                Turn::Stop(id.clone())
            }
            Self::Started { id, .. } => Turn::Describe(id.clone()),
            Self::Ended(end) => Turn::Nothing(end.clone()),
        }
    }

    /// `RunTask` is about to be sent.
    pub fn sending(&mut self, now: Timestamp) {
        if let Self::Starting { sent, .. } = self {
            sent.get_or_insert(now);
        }
    }

    /// What `RunTask` responded at `now`, with no [`Conflict`](Launched::Conflict): returns why ECS started nothing, where
    /// it is to be asked again later.
    pub fn launched(
        &mut self,
        launched: Launched,
        now: Timestamp,
        patience: Patience,
    ) -> Option<NotLaunched> {
        let Self::Starting { attempt, since, .. } = self else { return None };
        match launched {
            Launched::Started(shown) => {
                let since = if shown.created == Timestamp::default() { now } else { shown.created };
                *self = Self::Started { id: shown.task.id().to_owned(), since, was_shown: false };
                None
            }
            Launched::NotLaunched(why) if why.may_pass() && now.since(*since) < patience.placement_grace => {
                let attempt = *attempt + 1;
                // The token of an attempt that started nothing repeats that response.
                *self = Self::Starting { attempt, since: *since, sent: None };
                Some(why)
            }
            Launched::NotLaunched(why) => {
                *self = Self::Ended(TaskEnd::NotLaunched(why));
                None
            }
            Launched::Conflict(_) => None,
        }
    }

    /// What `DescribeTasks` responded at `now`; nothing, if ECS does not know the task.
    pub fn described(&mut self, shown: Option<&OneOffTask>, container: &str, now: Timestamp) {
        let Self::Started { since, was_shown, .. } = self else { return };
        match shown {
            Some(shown) => {
                *was_shown = true;
                if let Some(end) = shown.end_of(container) {
                    *self = Self::Ended(end);
                }
            }
            None if *was_shown || now.since(*since) >= SHOWN_AFTER => *self = Self::Ended(TaskEnd::Forgotten),
            None => {}
        }
    }

    /// It took too long, and was stopped.
    pub fn timed_out(&mut self) {
        *self = Self::Ended(TaskEnd::TimedOut);
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<&TaskEnd> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Starting { .. } | Self::Started { .. } => None,
        }
    }
}
