//! Going back: by ECS where it can be asked, else by an update.

use std::time::Duration;

use super::super::arn::TaskDefinitionArn;
use super::super::request::OnFailure;
use super::super::rollout::{Rollout, Verdict, took_its_place};
use super::super::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use super::super::timestamp::Timestamp;
use super::{Decision, Ending, Outcome, View, Way, Why};

/// How long ECS may take to begin a rollback that it was asked for.
const ASKED_GRACE: Duration = Duration::from_secs(60);

const LEFT: &str = "the service was left as it is";

impl View<'_> {
    /// The rollout failed: decides how the service is rolled back, unless ECS has done so or another deployment is PRIMARY.
    pub(super) fn undo(
        self,
        rollout: &Rollout,
        to: Option<&TaskDefinitionArn>,
        why: &Why,
        way: Way,
    ) -> Decision {
        match (way, &self.seen.service_deployment) {
            (Way::Open, Some(record)) if record.status == ServiceDeploymentStatus::InProgress => {
                return Decision::Stop(record.arn.clone());
            }
            (Way::Open, _) => return Decision::StopRelying,
            // The rollback stands in the record of what it undoes.
            (Way::Asked(at), Some(_)) => return self.asked(rollout, to, why, at),
            // ECS rolls back all the same: it refused the stop because it had obeyed an earlier one.
            (Way::Update, Some(record)) if is_rolling_back(record) => {
                return self.asked(rollout, to, why, rollout.since.plus(self.policy.timeout));
            }
            (Way::Asked(_), None) | (Way::Update, _) => {}
        }
        let primary = self.seen.service.primary();
        let theirs = primary.filter(|primary| Some(&primary.id) != rollout.deployment.as_ref());
        match (theirs, to, way) {
            (Some(theirs), Some(to), _) if theirs.task_definition == *to => Decision::Join(theirs.id.clone()),
            // The rollback's own deployment, or another actor's.
            (Some(_), _, Way::Asked(at)) => self.asked(rollout, to, why, at),
            (Some(theirs), ..) => why.finish(Outcome::Superseded, &took_its_place(theirs)),
            (None, _, Way::Asked(at)) if self.now.since(at) < ASKED_GRACE => Decision::Wait,
            (None, Some(to), _) => Decision::RollBack { to: to.clone(), why: why.clone() },
            (None, None, _) => why.give_up(LEFT),
        }
    }

    /// ECS was asked to roll the deployment back.
    fn asked(
        self,
        rollout: &Rollout,
        to: Option<&TaskDefinitionArn>,
        why: &Why,
        asked: Timestamp,
    ) -> Decision {
        match self.judge(rollout) {
            Verdict::RolledBack(_) => {
                // ECS returns to the last deployment that completed, which need not be the one that was replaced.
                let back = self.seen.service.live().filter(|live| **live != rollout.revision).or(to);
                let back = back.map_or("its former revision", |back| back.family_and_revision());
                why.finish(why.outcome, &format!("the service is back on {back}"))
            }
            Verdict::Superseded(theirs) => why.finish(Outcome::Superseded, &theirs),
            // It came to a good end just before.
            Verdict::Completed => Decision::Finish(Ending::without_reason(Outcome::Deployed)),
            Verdict::RollingBack(_) if self.is_in_time(asked) => Decision::Wait,
            Verdict::RollingBack(_) => why.give_up(&format!("going back {}", self.did_not_end())),
            Verdict::InProgress | Verdict::Failing(_) if self.now.since(asked) < ASKED_GRACE => {
                Decision::Wait
            }
            Verdict::InProgress | Verdict::Failing(_) | Verdict::Failed(_) | Verdict::Stopped(_) => {
                Decision::StopRelying
            }
        }
    }

    /// The service was rolled back by an update: decides by the rollout of the former revision.
    pub(super) fn roll_back(self, rollout: &Rollout, why: &Why) -> Decision {
        if let Some(shown) = self.shown_instead(rollout) {
            return Decision::Join(shown.id.clone());
        }
        let back = rollout.revision.family_and_revision();
        match self.judge(rollout) {
            Verdict::Completed => why.finish(why.outcome, &format!("the service is back on {back}")),
            Verdict::Superseded(reason) => why.finish(Outcome::Superseded, &reason),
            Verdict::InProgress | Verdict::RollingBack(_) if self.is_in_time(rollout.since) => Decision::Wait,
            Verdict::InProgress | Verdict::RollingBack(_) => {
                why.give_up(&format!("going back to {back} {}", self.did_not_end()))
            }
            Verdict::Failing(reason)
            | Verdict::Failed(reason)
            | Verdict::RolledBack(reason)
            | Verdict::Stopped(reason) => why.give_up(&format!("going back to {back} failed, too: {reason}")),
        }
    }

    /// Goes back if that is wanted and possible; never over somebody else's newer deployment.
    pub(super) fn go_back(self, former: Option<&TaskDefinitionArn>, rollout: &Rollout, why: Why) -> Decision {
        let primary = self.seen.service.primary();
        let is_ours = primary.is_some_and(|primary| Some(&primary.id) == rollout.deployment.as_ref());
        // ECS itself knows what it replaced.
        let is_possible = former.is_some() || self.seen.service_deployment.is_some();
        if self.policy.on_failure == OnFailure::RollBack && is_ours && is_possible {
            Decision::Undo { to: former.cloned(), why }
        } else {
            why.give_up(LEFT)
        }
    }
}

fn is_rolling_back(record: &ServiceDeployment) -> bool {
    matches!(record.status, ServiceDeploymentStatus::RollingBack | ServiceDeploymentStatus::RolledBack)
}

impl Why {
    /// The end with this outcome, after which `then` happened.
    fn finish(&self, outcome: Outcome, then: &str) -> Decision {
        Decision::Finish(Ending { outcome, reason: format!("{}; {then}", self.reason) })
    }

    /// The end of a rollout that was not undone: it timed out or failed.
    fn give_up(&self, then: &str) -> Decision {
        let is_late = self.outcome == Outcome::TimedOut;
        self.finish(if is_late { Outcome::TimedOut } else { Outcome::Failed }, then)
    }
}
