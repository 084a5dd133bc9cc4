//! How the deployment that ECS works towards stands, whoever's it is.

use super::rollout::has_completed;
use super::service::{RolloutState, Service};

/// How a service's PRIMARY deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has reached its end.
    Completed,
    /// It goes on.
    GoesOn,
    /// ECS gave it up, and went back to nothing.
    Failed,
}

impl Standing {
    /// That of the service's PRIMARY deployment. A service without one has nothing under way.
    #[must_use]
    pub fn of(service: &Service) -> Self {
        match service.primary() {
            Some(primary) if primary.rollout == RolloutState::Failed => Self::Failed,
            Some(primary) if !has_completed(primary, service) => Self::GoesOn,
            Some(_) | None => Self::Completed,
        }
    }

    /// The word for JSON documents and people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::GoesOn => "in_progress",
            Self::Failed => "failed",
        }
    }
}
