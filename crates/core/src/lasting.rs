//! Failures to start that no repetition mends: an image or a secret that is not there.
//!
//! ECS repeats them all the same, at growing intervals, so that a circuit breaker may need more than
//! eleven minutes for three of them.

use std::time::Duration;

use super::placement::start_error;
use super::service::{Deployment, Service};
use super::stopped_task::StoppedTask;
use super::timestamp::Timestamp;

/// What a task lacks, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lack {
    what: &'static str,
    /// How far two attempts must lie apart to count as two.
    apart: Duration,
}

/// Something that is not there comes only if somebody makes it.
const ATTEMPT: Duration = Duration::from_secs(5);
/// A permission that was just given takes a while to be known everywhere.
const PERMISSION: Duration = Duration::from_secs(30);

/// Words of registries and of AWS for what is not there: those that Docker, containerd, ECR, Secrets
/// Manager and the Parameter Store use.
const NOT_THERE: [&str; 12] = [
    ": not found",
    "manifest unknown",
    "name unknown",
    "does not exist",
    "invalid reference format",
    "does not contain descriptor matching platform",
    "no matching manifest",
    "no match for platform",
    "resourcenotfoundexception",
    "invalid ssm parameters",
    "parameternotfound",
    "did not contain json key",
];
const DENIED: [&str; 6] = [
    "access denied",
    "accessdenied",
    "not authorized",
    "unauthorized",
    "403 forbidden",
    "no basic auth credentials",
];

/// Why no task of the deployment can ever start, if two attempts say so and none runs. `stopped` are those of its tasks
/// that stopped, as far as they may be read.
pub(super) fn cannot_ever_start(
    mine: &Deployment,
    service: &Service,
    stopped: &[StoppedTask],
) -> Option<String> {
    if mine.running > 0 {
        return None;
    }
    let tasks = stopped
        .iter()
        .filter(|task| !task.has_run())
        .filter_map(|task| Some((task.stopped?, task.reason.as_deref()?)));
    // A task and its event tell the same failure: each kind is counted by itself.
    twice(tasks.collect()).or_else(|| twice(start_errors(mine, service).collect()))
}

/// What ECS's events tell of tasks of the deployment that could not start, newest first.
pub(super) fn start_errors<'a>(
    mine: &'a Deployment,
    service: &'a Service,
) -> impl Iterator<Item = (Timestamp, &'a str)> {
    service.events_since(mine.created).filter_map(|event| Some((event.at, start_error(event)?)))
}

fn twice(mut failures: Vec<(Timestamp, &str)>) -> Option<String> {
    failures.sort_by_key(|(at, _)| *at);
    let lacks = failures.iter().filter_map(|(at, words)| Some((*at, *words, lack(words)?)));
    let lacks: Vec<_> = lacks.collect();
    let (first, _, lack) = *lacks.first()?;
    let (last, words, _) = *lacks.iter().rfind(|(_, _, other)| other.what == lack.what)?;
    (last.since(first) >= lack.apart).then(|| format!("{}: {words}", lack.what))
}

fn lack(words: &str) -> Option<Lack> {
    let lower = words.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|some| lower.contains(some));
    let apart = if says(&NOT_THERE) {
        ATTEMPT
    } else if says(&DENIED) {
        PERMISSION
    } else {
        return None;
    };
    let what = if lower.contains("cannotpull") {
        "the image cannot be pulled"
    } else if lower.contains("secret") || lower.contains("ssm") {
        "the tasks' secrets cannot be read"
    } else if lower.contains("resourceinitializationerror") {
        "what the tasks need is not there"
    } else {
        return None;
    };
    Some(Lack { what, apart })
}

#[cfg(test)]
mod tests;
