//! Tasks that ECS cannot place: how long it may say so before the rollout counts as failed.
//!
//! The time does not run while tasks of former deployments drain or stop: one instance with a fixed
//! host port has room for the new task only when the old one has left it, which takes a target group's
//! deregistration delay, 300 s by default.

use std::time::Duration;

use super::request::Policy;
use super::service::{Deployment, Service, ServiceEvent};
use super::timestamp::Timestamp;

/// The grace where capacity lacks and the service still has tasks that run: ECS pauses for about five
/// minutes between two attempts, and instances or Spot capacity may come late.
pub const CAPACITY_GRACE: Duration = Duration::from_secs(15 * 60);

/// The grace for any other reason, and where nothing of the service runs any more.
pub const GRACE: Duration = Duration::from_secs(5 * 60);

/// How long old tasks may leave where they may not be read: a target group's default delay.
const LEAVING: Duration = Duration::from_secs(5 * 60);

const UNPLACED: &str = "unable to place a task";

/// What is known of the tasks of former deployments that ECS stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Departures {
    /// They were not asked for.
    #[default]
    Unread,
    /// They may not be read.
    Unreadable,
    /// They were read at this time.
    Read {
        /// When.
        at: Timestamp,
        /// When the last of them stopped; `at` while one still drains or stops, none if there are none.
        last: Option<Timestamp>,
    },
}

/// A task that ECS wants to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// When it stopped; none while it drains or stops.
    pub stopped: Option<Timestamp>,
}

impl Departures {
    /// What these tasks tell that were read `at`.
    #[must_use]
    pub fn read(tasks: &[Departure], at: Timestamp) -> Self {
        Self::Read { at, last: tasks.iter().map(|task| task.stopped.unwrap_or(at)).max() }
    }
}

/// Whether departures are to be read: by what is known of them, the grace is over.
#[must_use]
pub fn are_departures_due(
    mine: &Deployment,
    service: &Service,
    known: Departures,
    now: Timestamp,
    policy: &Policy,
) -> bool {
    let Some(unplaced) = Unplaced::of(mine, service) else { return false };
    let over = unplaced.over(service, known, policy);
    let is_known = match known {
        Departures::Unread => false,
        Departures::Unreadable => true,
        Departures::Read { at, .. } => at >= over,
    };
    now >= over && !is_known
}

/// Why the rollout fails: ECS says again and again that it cannot place a task, has placed none in
/// between, and the grace is over.
#[must_use]
pub fn unplaceable(
    mine: &Deployment,
    service: &Service,
    known: Departures,
    now: Timestamp,
    policy: &Policy,
) -> Option<String> {
    let unplaced = Unplaced::of(mine, service)?;
    let is_read = known != Departures::Unread && !are_departures_due(mine, service, known, now, policy);
    (is_read && now >= unplaced.over(service, known, policy)).then(|| {
        let seconds = now.since(unplaced.first.at).as_secs();
        format!("no task could be placed for {seconds} s: {}", unplaced.newest.said())
    })
}

/// ECS's words on a task that was placed but could not start, which it tells as a failed placement:
/// `was unable to place a task. Reason: CannotPullContainerError: …`.
#[must_use]
pub fn start_error(event: &ServiceEvent) -> Option<&str> {
    let (_, reason) = event.message.split_once(UNPLACED)?.1.split_once("Reason: ")?;
    let (error, _) = reason.split_once(':')?;
    (error.ends_with("Error") && !error.contains(' ')).then_some(reason)
}

/// The events of one row of failed placements.
struct Unplaced<'a> {
    first: &'a ServiceEvent,
    newest: &'a ServiceEvent,
}

impl<'a> Unplaced<'a> {
    fn of(mine: &Deployment, service: &'a Service) -> Option<Self> {
        let mut unplaced = service
            .events_since(mine.created)
            .take_while(|event| !event.message.contains("has started"))
            .filter(|event| event.message.contains(UNPLACED) && start_error(event).is_none());
        let newest = unplaced.next()?;
        Some(Self { first: unplaced.last().unwrap_or(newest), newest })
    }

    /// When the grace is over.
    fn over(&self, service: &Service, known: Departures, policy: &Policy) -> Timestamp {
        let left = match known {
            Departures::Unread => None,
            Departures::Unreadable => last_departure(service).map(|at| at.plus(LEAVING)),
            Departures::Read { last, .. } => last,
        };
        let grace = policy.placement_grace.unwrap_or_else(|| self.default_grace(service));
        self.first.at.max(left.unwrap_or_default()).plus(grace)
    }

    fn default_grace(&self, service: &Service) -> Duration {
        let some_run = service.deployments.iter().any(|deployment| deployment.running > 0);
        if some_run && lacks_capacity(&self.newest.message) { CAPACITY_GRACE } else { GRACE }
    }
}

/// When ECS last said that it stops tasks or takes them out of their load balancer.
fn last_departure(service: &Service) -> Option<Timestamp> {
    let leaves = |event: &&ServiceEvent| {
        event.message.contains("has begun draining connections") || event.message.contains("has stopped")
    };
    service.events.iter().find(leaves).map(|event| event.at)
}

/// Whether ECS has no room, rather than a task that fits nowhere: the Amazon ECS developer guide,
/// "Amazon ECS service event messages".
fn lacks_capacity(message: &str) -> bool {
    let message = message.to_lowercase();
    let words =
        ["insufficient", "capacity", "resource:", "no container instances were found", "using a port"];
    words.iter().any(|words| message.contains(words)) || message.contains("reached the limit")
}

#[cfg(test)]
mod tests;
