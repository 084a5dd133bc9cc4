//! Reads that lag behind: the services as they were a while ago.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::service::Service;
use super::services::Services;
use super::task_definitions::TaskDefinitions;

/// A copy of the services that learns of each write only when the lag is over, and otherwise plays
/// the same rollouts by itself. It keeps no more than the writes of one lag.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) lag: Duration,
    /// Since when it lags.
    since: Timestamp,
    services: Services,
    /// What the services were after each write that it has not learned of yet, the oldest first.
    waiting: Vec<(Timestamp, Service)>,
}

/// The operations whose answers lag.
pub(super) const LAGGING: [&str; 7] = [
    "DescribeTaskDefinition",
    "DescribeServices",
    "ListServiceDeployments",
    "DescribeServiceDeployments",
    "DescribeServiceRevisions",
    "ListTasks",
    "DescribeTasks",
];

impl Replica {
    /// A copy that lags from now on: what was there before is seen as it is now.
    pub(super) fn new(lag: Duration, services: &Services, now: Timestamp) -> Self {
        Self { lag, since: now, services: services.clone(), waiting: Vec::new() }
    }

    /// Keeps what a write made of a service until the lag is over.
    pub(super) fn record(&mut self, service: &Service, now: Timestamp) {
        self.catch_up(now);
        self.waiting.push((now, service.clone()));
    }

    /// The services as they were a lag before `now`, and the time that was then.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        definitions: &mut TaskDefinitions,
    ) -> (&Services, Timestamp) {
        let then = self.catch_up(now);
        self.services.advance(then, definitions);
        (&self.services, then)
    }

    /// Until when task definitions are known.
    pub(super) fn knows_until(&self, now: Timestamp) -> Timestamp {
        now.before(self.lag).max(self.since)
    }

    /// The time at which one-off tasks are seen: a lag before `now`, or right before it was set. A test that pauses the clock
    /// sets the lag and starts a task at the same time, and the task comes after.
    pub(super) fn sees_tasks_at(&self, now: Timestamp) -> Timestamp {
        now.before(self.lag).max(self.since.before(Duration::from_nanos(1)))
    }

    fn catch_up(&mut self, now: Timestamp) -> Timestamp {
        let then = now.before(self.lag);
        for (_, service) in self.waiting.extract_if(.., |(written, _)| *written <= then) {
            self.services.replace(service);
        }
        then
    }
}
