//! Why a one-off task failed, for people.

use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::{OneOffTask, TaskEnd, TaskRequest};

/// The failure of a task that ended so. The reasons are ECS's own, as those of a rollout's tasks are.
pub(super) fn failure(
    request: &TaskRequest,
    end: &TaskEnd,
    shown: Option<&OneOffTask>,
    timeout: Duration,
    cannot_be_stopped: bool,
) -> Failure {
    let of = format!("container {} of {}", request.container, request.revision.family_and_revision());
    let why = |failure: Failure| match shown {
        Some(shown) => failure.because(shown.task.to_string()),
        None => failure,
    };
    let failed = |what: String| Failure::new(FailureKind::RolloutFailed, what);
    match end {
        TaskEnd::Exited(code) => why(failed(format!("{of} ended with {code}"))),
        TaskEnd::NeverRan => why(failed(format!("{of} never ran"))),
        TaskEnd::Stopped => why(failed(format!("the task of {of} was stopped before its end"))),
        TaskEnd::TimedOut => {
            let then = if cannot_be_stopped { "and its task goes on" } else { "so its task was stopped" };
            let what = format!("{of} did not end within {} s, {then}", timeout.as_secs());
            Failure::new(FailureKind::TimedOut, what).advice("Give it more time by --timeout")
        }
        TaskEnd::Forgotten => {
            let forgotten = match shown {
                Some(shown) => failed(format!("how {of} ended is not known")).because(format!(
                    "ECS no longer describes its task {}; it forgets a task an hour after its end",
                    shown.task.id()
                )),
                None => failed(format!("whether {of} ran, and how it ended, is not known"))
                    .because("ECS describes no task of it; it forgets a task, and the request that started it, after an hour"),
            };
            forgotten.advice(
                "Find out by its log whether it did its work; it is not started again in this execution",
            )
        }
        TaskEnd::NotLaunched(why) => {
            let advice = match why {
                why if why.may_pass() => {
                    "Make room in the cluster, or give it more time by --placement-grace"
                }
                why if why.is_code() => {
                    "See what the task definition asks of an instance, and what the cluster's instances offer"
                }
                _ => "Give it more time by --timeout",
            };
            failed(format!("ECS started no task for {of}")).because(why.to_string()).advice(advice)
        }
    }
}
