//! Going back: by ECS where it can be asked, else by an update.

use std::time::Duration;

use super::super::arn::TaskDefinitionArn;
use super::super::request::{OnFailure, Policy};
use super::super::rollout::{Observation, Rollout, Verdict, judge, started_anew};
use super::super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use super::super::timestamp::Timestamp;
use super::{Decision, Ending, Outcome, Way, Why, shown_since};

/// How long ECS may take to begin a rollback that it was asked for.
const ASKED_GRACE: Duration = Duration::from_secs(60);

const LEFT: &str = "the service was left as it is";

/// The service is to go back: it is put back unless that has happened, or somebody else came first.
pub(super) fn decide_undo(
    rollout: &Rollout,
    to: Option<&TaskDefinitionArn>,
    why: &Why,
    way: Way,
    seen: &Observation,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    let record = seen.service_deployment.as_ref();
    match (way, record) {
        (Way::Open, Some(record)) if record.status == ServiceDeploymentStatus::InProgress => {
            return Decision::Stop(record.arn.clone());
        }
        (Way::Open, _) => return Decision::StopRelying,
        // The rollback stands in the record of what it undoes.
        (Way::Asked(at), Some(_)) => return decide_asked(rollout, to, why, at, seen, now, policy),
        // ECS rolls back all the same: it refused the stop because it had obeyed an earlier one.
        (Way::Update, Some(record)) if is_rolling_back(record) => {
            let begun = rollout.since.plus(policy.timeout);
            return decide_asked(rollout, to, why, begun, seen, now, policy);
        }
        (Way::Asked(_), None) | (Way::Update, _) => {}
    }
    let theirs = seen.service.primary().filter(|primary| Some(&primary.id) != rollout.deployment.as_ref());
    match (theirs, to, way) {
        (Some(theirs), Some(to), _) if theirs.task_definition == *to => Decision::Join(theirs.id.clone()),
        // The rollback's own deployment, or another actor's.
        (Some(_), _, Way::Asked(at)) => decide_asked(rollout, to, why, at, seen, now, policy),
        (Some(theirs), ..) => {
            let took = format!(
                "deployment {} of {} took its place",
                theirs.id,
                theirs.task_definition.family_and_revision()
            );
            Decision::Finish(why.end(Outcome::Superseded, &took))
        }
        (None, _, Way::Asked(at)) if now.since(at) < ASKED_GRACE => Decision::Wait,
        (None, Some(to), _) => Decision::RollBack { to: to.clone(), why: why.clone() },
        (None, None, _) => Decision::Finish(why.end(unless_timed_out(why.outcome), LEFT)),
    }
}

fn is_rolling_back(record: &ServiceDeployment) -> bool {
    matches!(record.status, ServiceDeploymentStatus::RollingBack | ServiceDeploymentStatus::RolledBack)
}

/// ECS was asked to roll the deployment back.
fn decide_asked(
    rollout: &Rollout,
    to: Option<&TaskDefinitionArn>,
    why: &Why,
    asked: Timestamp,
    seen: &Observation,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    match judge(rollout, seen, now, policy) {
        Verdict::RolledBack(_) => {
            // ECS returns to the last deployment that completed, which need not be the one that was replaced.
            let back = seen.service.live().filter(|live| **live != rollout.revision).or(to);
            let back = back.map_or("its former revision", |back| back.family_and_revision());
            Decision::Finish(why.end(why.outcome, &format!("the service is back on {back}")))
        }
        Verdict::Superseded(theirs) => Decision::Finish(why.end(Outcome::Superseded, &theirs)),
        // It came to a good end just before.
        Verdict::Completed => Decision::Finish(Ending { outcome: Outcome::Deployed, reason: String::new() }),
        Verdict::RollingBack(_) if now.since(asked) < policy.timeout => Decision::Wait,
        Verdict::RollingBack(_) => {
            let late = format!("going back did not end within {} s", policy.timeout.as_secs_f64());
            Decision::Finish(why.end(unless_timed_out(why.outcome), &late))
        }
        Verdict::InProgress | Verdict::Failing(_) if now.since(asked) < ASKED_GRACE => Decision::Wait,
        Verdict::InProgress | Verdict::Failing(_) | Verdict::Failed(_) | Verdict::Stopped(_) => {
            Decision::StopRelying
        }
    }
}

/// The service was put back by an update.
pub(super) fn decide_rollback(
    rollout: &Rollout,
    why: &Why,
    seen: &Observation,
    now: Timestamp,
    policy: &Policy,
) -> Decision {
    if rollout.deployment.is_none()
        && let Some(shown) = shown_since(rollout, seen)
    {
        return Decision::Join(shown.id.clone());
    }
    if let Some(newer) = started_anew(rollout, seen) {
        return Decision::Join(newer.id.clone());
    }
    let finish = |outcome, then: String| Decision::Finish(why.end(outcome, &then));
    let back = rollout.revision.family_and_revision();
    match judge(rollout, seen, now, policy) {
        Verdict::Completed => finish(why.outcome, format!("the service is back on {back}")),
        Verdict::Superseded(reason) => finish(Outcome::Superseded, reason),
        Verdict::InProgress | Verdict::RollingBack(_) if now.since(rollout.since) < policy.timeout => {
            Decision::Wait
        }
        Verdict::InProgress | Verdict::RollingBack(_) => finish(
            unless_timed_out(why.outcome),
            format!("going back to {back} did not end within {} s", policy.timeout.as_secs_f64()),
        ),
        Verdict::Failing(reason)
        | Verdict::Failed(reason)
        | Verdict::RolledBack(reason)
        | Verdict::Stopped(reason) => {
            finish(unless_timed_out(why.outcome), format!("going back to {back} failed, too: {reason}"))
        }
    }
}

/// Goes back if that is wanted and possible; never over somebody else's newer deployment.
pub(super) fn go_back(
    former: Option<&TaskDefinitionArn>,
    rollout: &Rollout,
    seen: &Observation,
    policy: &Policy,
    why: Why,
) -> Decision {
    let is_ours =
        seen.service.primary().is_some_and(|primary| Some(&primary.id) == rollout.deployment.as_ref());
    // ECS itself knows what it replaced.
    let is_possible = former.is_some() || seen.service_deployment.is_some();
    if policy.on_failure == OnFailure::RollBack && is_ours && is_possible {
        Decision::Undo { to: former.cloned(), why }
    } else {
        Decision::Finish(why.end(unless_timed_out(why.outcome), LEFT))
    }
}

impl Why {
    /// The ending with this outcome, after which `then` happened.
    fn end(&self, outcome: Outcome, then: &str) -> Ending {
        Ending { outcome, reason: format!("{}; {then}", self.reason) }
    }
}

/// The outcome of a rollout that was not undone.
fn unless_timed_out(earned: Outcome) -> Outcome {
    if earned == Outcome::TimedOut { earned } else { Outcome::Failed }
}
