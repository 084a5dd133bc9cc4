use std::time::Duration;

use super::*;
use crate::rollout::Observation;
use crate::samples::{self, arn, at, id};
use crate::service::{Deployment, RolloutState, ServiceEvent};

const BEGIN: u64 = 1_000;

/// Deployment 2 brings `web:2` in the place of deployment 1.
fn rollout() -> Rollout {
    Rollout { revision: arn("web:2"), deployment: Some(id(2)), replaced: Some(id(1)), since: at(BEGIN) }
}

fn seen(primary: Deployment) -> Observation {
    Observation::of(samples::service("web", vec![primary]))
}

fn mine(rollout: RolloutState) -> Deployment {
    samples::primary(2, "web:2", rollout)
}

fn watched(seen: &Observation, seconds: u64) -> Watching {
    watch(&rollout(), seen, at(BEGIN + seconds), &Policy::default())
}

fn finish(outcome: Outcome, reason: &str) -> Watching {
    Watching::Finish(Ending { outcome, reason: reason.to_owned() })
}

#[test]
fn a_rollout_is_waited_for_until_it_completes() {
    assert_eq!(watched(&seen(mine(RolloutState::InProgress)), 10), Watching::Wait);
    assert_eq!(watched(&seen(mine(RolloutState::Completed)), 10), finish(Outcome::Deployed, ""));
}

#[test]
fn a_rollout_that_fails_while_ecs_goes_on_is_not_rolled_back_by_who_watches() {
    let failing = Deployment { running: 0, failed: 3, ..mine(RolloutState::InProgress) };
    let mut seen = seen(failing);
    seen.tasks = crate::crash_loop::TaskCensus::Unreadable;
    let told = "3 tasks failed in a row and none runs (the limit is 3); ECS goes on with it";
    assert_eq!(watched(&seen, 60), finish(Outcome::Failed, told));
}

#[test]
fn a_rollout_that_ecs_gave_up_is_over() {
    let failed = Deployment { reason: Some("tasks failed".to_owned()), ..mine(RolloutState::Failed) };
    assert_eq!(watched(&seen(failed), 60), finish(Outcome::Failed, "tasks failed"));
}

#[test]
fn a_rollout_that_takes_too_long_goes_on() {
    let seconds = Policy::default().timeout.as_secs();
    let told = "the rollout did not end within 1800 s: 1 of 1 tasks run; ECS goes on with it";
    let seen = seen(mine(RolloutState::InProgress));
    assert_eq!(watched(&seen, seconds), finish(Outcome::TimedOut, told));
    assert_eq!(watched(&seen, seconds - 1), Watching::Wait);
}

#[test]
fn a_newer_deployment_of_the_same_revision_is_followed() {
    let newer =
        Deployment { created: at(BEGIN + 5), ..samples::primary(3, "web:2", RolloutState::InProgress) };
    assert_eq!(watched(&seen(newer), 10), Watching::Join(id(3)));
}

#[test]
fn a_deployment_that_is_a_rollback_itself_does_not_count_as_deployed() {
    let told = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/2.";
    let back = Deployment { reason: Some(told.to_owned()), ..mine(RolloutState::Completed) };
    assert_eq!(watched(&seen(back), 60), finish(Outcome::RolledBack, told));

    let event = |to: &str| {
        let mut seen = seen(mine(RolloutState::Completed));
        let message = format!("(service web) rolling back to deployment {to}.");
        let at = at(BEGIN).plus(Duration::from_secs(60));
        seen.service.events.push(ServiceEvent { at, message });
        watched(&seen, 90)
    };
    assert_eq!(event("ecs-svc/2"), finish(Outcome::RolledBack, "rolling back to deployment ecs-svc/2."));
    assert_eq!(event("ecs-svc/1"), finish(Outcome::Deployed, ""));
    assert_eq!(event("ecs-svc/21"), finish(Outcome::Deployed, ""));
}
