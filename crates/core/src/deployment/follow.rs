//! How a rollout that is followed stands and ends, anybody's.

use super::super::request::Policy;
use super::super::rollout::{Observation, Rollout, Verdict, rollback_to};
use super::super::service::DeploymentId;
use super::super::timestamp::Timestamp;
use super::{Ending, Outcome, View, Why};

/// What becomes of a rollout, before anything is done about it.
pub(super) enum Course {
    /// It goes on.
    Wait,
    /// This deployment, which brings the same revision, is to be followed instead.
    Join(DeploymentId),
    /// It is over.
    Ended(Ending),
    /// It failed or took too long; whether ECS goes on with it.
    Failed { why: Why, goes_on: bool },
}

/// What somebody who only watches a rollout does next: nothing of it changes a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watching {
    /// Look again later.
    Wait,
    /// Follow this deployment from now on, which brings the same revision.
    Join(DeploymentId),
    /// Stop watching: this is how it ended.
    Finish(Ending),
}

/// Decides what somebody who watches `rollout` does next, by what was seen at `now`.
///
/// It ends as a deployment would that leaves its service as it is when the rollout fails.
#[must_use]
pub fn watch(rollout: &Rollout, seen: &Observation, now: Timestamp, policy: &Policy) -> Watching {
    match (View { seen, now, policy }).follow(rollout) {
        Course::Wait => Watching::Wait,
        Course::Join(id) => Watching::Join(id),
        Course::Ended(ending) if ending.outcome == Outcome::Deployed => {
            // The deployment that was followed may itself be a rollback of one that ECS no longer lists.
            let mine = rollout.deployment.as_ref().and_then(|id| seen.service.deployment(id));
            let back = mine.and_then(|mine| rollback_to(mine, &seen.service));
            Watching::Finish(back.map_or(ending, |reason| Ending { outcome: Outcome::RolledBack, reason }))
        }
        Course::Ended(ending) => Watching::Finish(ending),
        Course::Failed { why: Why { outcome, reason }, goes_on } => {
            let outcome = if outcome == Outcome::TimedOut { outcome } else { Outcome::Failed };
            let going_on = || format!("{}; ECS goes on with it", reason.trim_end_matches('.'));
            let reason = if goes_on { going_on() } else { reason };
            Watching::Finish(Ending { outcome, reason })
        }
    }
}

impl View<'_> {
    pub(super) fn follow(self, rollout: &Rollout) -> Course {
        if let Some(shown) = self.shown_instead(rollout) {
            return Course::Join(shown.id.clone());
        }
        let ended = |outcome, reason| Course::Ended(Ending { outcome, reason });
        let failed = |reason, goes_on| {
            let why = Why { outcome: Outcome::RolledBack, reason };
            Course::Failed { why, goes_on }
        };
        match self.judge(rollout) {
            Verdict::Completed => Course::Ended(Ending::without_reason(Outcome::Deployed)),
            Verdict::RolledBack(reason) => ended(Outcome::RolledBack, reason),
            Verdict::Superseded(reason) => ended(Outcome::Superseded, reason),
            Verdict::Stopped(reason) => ended(Outcome::Stopped, reason),
            Verdict::Failing(reason) => failed(reason, true),
            Verdict::Failed(reason) => failed(reason, false),
            Verdict::InProgress | Verdict::RollingBack(_) if self.is_in_time(rollout.since) => Course::Wait,
            Verdict::RollingBack(reason) => {
                ended(Outcome::Failed, format!("{reason}; ECS is still going back to the former revision"))
            }
            Verdict::InProgress => {
                let stands = self.stands(rollout).map(|stands| format!(": {stands}")).unwrap_or_default();
                let room = self.seen.service.has_no_room();
                let room = room.map(|why| format!("; {why}")).unwrap_or_default();
                let reason = format!("the rollout {}{stands}{room}", self.did_not_end());
                Course::Failed { why: Why { outcome: Outcome::TimedOut, reason }, goes_on: true }
            }
        }
    }
}

#[cfg(test)]
mod tests;
