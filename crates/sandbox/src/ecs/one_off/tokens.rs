//! The client tokens of `RunTask`: which request each one stands for, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::task::{STOPPED_TASK_VISIBLE, Task};
use crate::request::without_nulls;

/// How long a token counts at most: "Ensuring idempotency" in the Amazon ECS API reference.
const TIME_TO_LIVE: Duration = Duration::from_secs(24 * 3600);

/// The tokens that were used, by the names of their clusters.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens(BTreeMap<(String, String), Used>);

/// A request that a token was used for, and the response to it.
#[derive(Debug, Clone)]
pub(super) struct Used {
    at: Timestamp,
    request: Value,
    /// The ids of the tasks that it started.
    pub(super) tasks: Vec<String>,
    pub(super) failures: Vec<Value>,
}

impl Used {
    pub(super) fn new(request: &Value, tasks: Vec<String>, failures: Vec<Value>, at: Timestamp) -> Self {
        Self { at, request: without_nulls(request.clone()), tasks, failures }
    }

    /// Whether every parameter is the same. Whether ECS takes `web:1` and the ARN of that revision for the same is not
    /// known; here they differ.
    pub(super) fn is_same(&self, request: &Value) -> bool {
        self.request == without_nulls(request.clone())
    }

    /// Whether the token counts no more: 24 hours after the request, or an hour after the last of its tasks has stopped.
    fn is_over(&self, tasks: &[Task], now: Timestamp) -> bool {
        let started = || tasks.iter().filter(|task| self.tasks.contains(&task.id));
        let all_forgotten = !self.tasks.is_empty()
            && started().all(|task| {
                task.stopped(now).is_some_and(|stopped| now.since(stopped) >= STOPPED_TASK_VISIBLE)
            });
        all_forgotten || now.since(self.at) >= TIME_TO_LIVE
    }
}

impl Tokens {
    /// What the token was used for in this cluster, as long as it counts.
    pub(super) fn used(&self, cluster: &str, token: &str, tasks: &[Task], now: Timestamp) -> Option<&Used> {
        let used = self.0.get(&(cluster.to_owned(), token.to_owned()))?;
        (!used.is_over(tasks, now)).then_some(used)
    }

    pub(super) fn keep(&mut self, cluster: &str, token: &str, used: Used) {
        self.0.insert((cluster.to_owned(), token.to_owned()), used);
    }
}
