//! How the deployment that ECS works towards stands, whoever's it is.

use super::rollout::has_completed;
use super::service::{RolloutState, Service};
use crate::words::words;

words! {
    /// How a service's PRIMARY deployment stands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum PrimaryState {
        /// It has reached its end.
        Completed = "completed",
        /// It goes on.
        GoesOn = "in_progress",
        /// ECS gave it up, and went back to nothing.
        Failed = "failed",
    }
}

impl PrimaryState {
    /// That of the service's PRIMARY deployment. A service without one has nothing under way.
    #[must_use]
    pub fn of(service: &Service) -> Self {
        match service.primary() {
            Some(primary) if primary.rollout == RolloutState::Failed => Self::Failed,
            Some(primary) if !has_completed(primary, service) => Self::GoesOn,
            Some(_) | None => Self::Completed,
        }
    }
}
