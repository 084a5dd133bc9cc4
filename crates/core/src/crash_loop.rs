//! Tasks that fail again and again: seen before ECS gives up, or where it never would.
//!
//! ECS itself counts the tasks of a deployment that failed in a row, and begins anew whenever one
//! gets to run. So a task that starts and then exits is never counted, by the circuit breaker
//! neither. The tasks that stopped tell the rest; reading them costs calls, so it is done only
//! where there is a [`suspicion`].
//!
//! A task that exits with 0 did what it was made for: that alone is no crash loop. A limit of 0
//! failures leaves all of this to ECS.

use std::time::Duration;

use super::lasting::{cannot_ever_start, start_errors};
use super::request::Policy;
use super::service::{Deployment, Service, ServiceEvent, Watchdog};
use super::stopped_task::StoppedTask;
use super::timestamp::Timestamp;

/// What is known of a deployment's tasks beside how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TaskCensus {
    /// They were not asked for.
    #[default]
    Unread,
    /// They may not be read.
    Unreadable,
    /// These there were.
    Read(Census),
}

/// The tasks of a deployment at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Those that stopped of late.
    pub stopped: Vec<StoppedTask>,
    /// Those that run.
    pub running: Vec<RunningTask>,
}

/// A task that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningTask {
    /// Since when.
    pub started: Option<Timestamp>,
    /// Whether its health checks call it healthy.
    pub is_healthy: bool,
}

/// From so many failures on the tasks are looked at; it is also the least that ECS's own circuit
/// breaker needs.
const FEW: u32 = 3;

/// At most so many stopped tasks are asked for: a longer row of failures cannot be counted.
pub const MOST_READ: usize = 100;

/// What hits all tasks at one moment may be over at the next.
const MOMENT: Duration = Duration::from_secs(30);

/// What makes one suspect a crash loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// How many signs of failures there are.
    signs: u32,
    /// Whether the failures in a row, as ECS counts them, are enough.
    is_enough: bool,
}

impl Suspicion {
    /// Whether the tasks may decide now what they did not decide `before`.
    #[must_use]
    pub fn decides(self, before: Self) -> bool {
        self.is_enough && !before.is_enough
    }
}

/// The reason to read the deployment's tasks; none while there is none.
#[must_use]
pub fn suspicion(mine: &Deployment, service: &Service, policy: &Policy) -> Option<Suspicion> {
    if policy.max_task_failures == Some(0) {
        return None;
    }
    let failed = if counts_failures(service, policy) { mine.failed } else { 0 };
    let restarted = started(mine, service).saturating_sub(service.wanted(mine));
    let limit = limit(mine, service, policy);
    let few = FEW.min(limit);
    let errors = u32::try_from(start_errors(mine, service).count()).unwrap_or(u32::MAX);
    let is_enough = failed >= limit || restarted >= limit;
    (failed >= few || restarted >= few || errors > 0)
        .then(|| Suspicion { signs: mine.failed + restarted + errors, is_enough })
}

/// Why the deployment is in a crash loop, if it is.
#[must_use]
pub fn crash_loop(
    mine: &Deployment,
    service: &Service,
    tasks: &TaskCensus,
    now: Timestamp,
    policy: &Policy,
) -> Option<String> {
    if policy.max_task_failures == Some(0) {
        return None;
    }
    let limit = limit(mine, service, policy);
    let in_a_row = counts_failures(service, policy) && mine.failed >= limit;
    let row = in_a_row
        .then(|| format!("{} tasks failed in a row and none runs (the limit is {limit})", mine.failed));
    let census = match tasks {
        TaskCensus::Unread => return None,
        TaskCensus::Unreadable => return cannot_ever_start(mine, service, &[]).or(row),
        TaskCensus::Read(census) => census,
    };
    if census.running.is_empty()
        && let Some(why) = cannot_ever_start(mine, service, &census.stopped)
    {
        return Some(why);
    }
    let failed: Vec<&StoppedTask> = census.failed(counts_failures(service, policy)).collect();
    let enough = usize::try_from(limit).unwrap_or(usize::MAX).min(MOST_READ);
    if in_a_row && failed.len() >= enough {
        return row;
    }
    if census.has_survivor(&failed, now) {
        return None;
    }
    if failed.len() >= enough {
        return Some(format!(
            "{} tasks started and stopped again, and none stayed (the limit is {limit})",
            failed.len()
        ));
    }
    cannot_start(census, &failed, policy)
}

/// Nothing has ever run, and for more than a moment each task has failed to start.
fn cannot_start(census: &Census, failed: &[&StoppedTask], policy: &Policy) -> Option<String> {
    let few = policy.max_task_failures.unwrap_or(FEW);
    let first = failed.first()?;
    let times = || failed.iter().filter_map(|task| task.stopped);
    let span = times().max()?.since(times().min()?);
    let is_general = census.running.is_empty() && failed.iter().all(|task| !task.has_run());
    let is_repeated = failed.len() >= usize::try_from(few).unwrap_or(usize::MAX) && span >= MOMENT;
    (is_general && is_repeated).then(|| {
        let why = first.reason.as_deref().unwrap_or("for no known reason");
        format!("no task can start, and {} have tried: {why}", failed.len())
    })
}

impl Census {
    /// The tasks that failed by a fault of their own; where the circuit breaker counts those that fail
    /// to start, only those that it does not count.
    fn failed(&self, all: bool) -> impl Iterator<Item = &StoppedTask> {
        let is_uncounted = move |task: &&StoppedTask| {
            all || task.has_run() && task.stop_code.as_deref() == Some("EssentialContainerExited")
        };
        let is_failure = |task: &&StoppedTask| task.failed() && !task.exited_cleanly();
        self.stopped.iter().filter(is_failure).filter(is_uncounted)
    }

    /// Whether some task shows that this deployment's can live: one that was healthy, or that has run
    /// twice as long as any that failed.
    fn has_survivor(&self, failed: &[&StoppedTask], now: Timestamp) -> bool {
        let lived = |task: &&StoppedTask| Some(task.stopped?.since(task.started?));
        let longest = failed.iter().filter_map(lived).max().unwrap_or_default();
        let outlives = |task: &RunningTask| {
            task.started.is_some_and(|started| now.since(started) > (longest * 2).max(MOMENT))
        };
        self.running.iter().any(|task| task.is_healthy || outlives(task))
            || self.stopped.iter().any(|task| task.is_healthy)
    }
}

/// Whether failures to start are ours to count: not where the circuit breaker does, unless the user
/// gave a number.
fn counts_failures(service: &Service, policy: &Policy) -> bool {
    policy.max_task_failures.is_some() || service.guard.breaker == Watchdog::Off
}

/// How many tasks may fail: as the user says, else the circuit breaker's own default, half of the
/// desired count, at least 3 and at most 200 (Amazon ECS developer guide, deployment circuit breaker).
fn limit(mine: &Deployment, service: &Service, policy: &Policy) -> u32 {
    policy.max_task_failures.unwrap_or_else(|| service.wanted(mine).div_ceil(2).clamp(FEW, 200))
}

/// Whether tasks of the deployment failed that were replaced.
#[must_use]
pub(crate) fn has_replaced_tasks(mine: &Deployment, service: &Service) -> bool {
    mine.failed > 0 || started(mine, service) > service.wanted(mine)
}

/// How many tasks ECS says to have started since the deployment began: `has started 2 tasks: …`.
fn started(mine: &Deployment, service: &Service) -> u32 {
    let count = |event: &ServiceEvent| {
        let (_, rest) = event.message.split_once(" has started ")?;
        rest.split(' ').next()?.parse::<u32>().ok()
    };
    service.events_since(mine.created).filter_map(count).sum()
}

#[cfg(test)]
mod tests;
