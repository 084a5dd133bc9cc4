//! One service's deployment: where it stands, and what to do next.
//!
//! Flow: `Pending → Registered → RollingOut → Done`, or `RollingOut → Undoing → Done` where ECS puts
//! the service back, or `RollingOut → Undoing → RollingBack → Done` where an update does.
//! `Registered` and `Undoing` are what is about to be done: whoever resumes from them looks whether
//! it was.
//!
//! Guarantees: [`decide`] and [`Phase::apply`] are pure and total, so a run that was cut off
//! resumes from its phase and what is there, by the same code that lived through it the first time.
//! A decision is made from a snapshot; each effect is looked for before it is repeated.

mod follow;
mod undo;

use std::fmt;

use super::arn::TaskDefinitionArn;
use super::failure::{Failure, FailureKind};
use super::request::Policy;
use super::rollout::{Observation, Rollout, Verdict, has_completed, judge, started_anew};
use super::service::{Deployment, DeploymentId};
use super::service_deployment::ServiceDeployment;
use super::timestamp::Timestamp;
use crate::words::words;

use follow::Course;
pub use follow::{Watching, watch};

/// Where a service's deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was written.
    Pending,
    /// The revision to run exists.
    Registered(Target),
    /// The service was put on it.
    RollingOut {
        /// The rollout.
        rollout: Rollout,
        /// The revision to go back to; unknown when a rollout was joined that hides it.
        former: Option<TaskDefinitionArn>,
        /// The revision of another actor's deployment that our update replaced unseen: ours still lacks its change.
        overtaken: Option<TaskDefinitionArn>,
    },
    /// The service is to be put back on the former revision, or is already.
    Undoing {
        /// The rollout that failed.
        rollout: Rollout,
        /// The former revision; unknown when a rollout was joined that hides it.
        to: Option<TaskDefinitionArn>,
        /// What ended the rollout.
        why: Why,
        /// Who puts it back.
        way: Way,
    },
    /// The service was put back on the former revision.
    RollingBack {
        /// The rollout of the former revision.
        rollout: Rollout,
        /// What ended the rollout before.
        why: Why,
        /// The revision of another actor's deployment that our update replaced unseen.
        overtaken: Option<TaskDefinitionArn>,
    },
    /// It is over.
    Done(Ending),
}

/// The revision that a service is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The revision.
    pub revision: TaskDefinitionArn,
    /// The revision that it was copied from, and to go back to.
    pub base: TaskDefinitionArn,
    /// The revision that is PRIMARY until the update: the base, unless our own first update
    /// overtook another actor's.
    pub live: TaskDefinitionArn,
    /// The deployment that was PRIMARY when that was planned.
    pub replaces: Option<DeploymentId>,
    /// The latest time that ECS had told of by then: another deployment of this revision that is no
    /// older is this one's.
    pub seen_until: Timestamp,
}

/// Why a service is put back: it failed, or it took too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The outcome that the rollout had earned.
    pub outcome: Outcome,
    /// What happened, for people.
    pub reason: String,
}

/// Who puts a service back.
///
/// ECS by itself does it best: it names the deployment that is to end, so nobody else's is overtaken,
/// and puts back all that belonged to the former one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// ECS, if it can be asked.
    Open,
    /// ECS, which was asked at this time by AWS's clock.
    Asked(Timestamp),
    /// Evenkeel, by an update.
    Update,
}

/// What happened to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The revision to run was registered, adopted, or is live.
    Registered(Target),
    /// A rollout was started, or one that is under way joined.
    RolloutStarted {
        /// The rollout.
        rollout: Rollout,
        /// The revision to go back to.
        former: Option<TaskDefinitionArn>,
        /// The revision of another actor's deployment that our update replaced unseen.
        overtaken: Option<TaskDefinitionArn>,
    },
    /// The rollout's revision has what the overtaken one changed.
    Reconciled,
    /// The service is to be put back.
    Undone {
        /// The former revision.
        to: Option<TaskDefinitionArn>,
        /// What ended the rollout.
        why: Why,
    },
    /// ECS was asked to put it back, at this time.
    StopAsked(Timestamp),
    /// ECS does not put it back.
    StopRefused,
    /// The service was put back.
    RollbackStarted {
        /// The rollout of the former revision.
        rollout: Rollout,
        /// What ended the rollout before.
        why: Why,
        /// The revision of another actor's deployment that our update replaced unseen.
        overtaken: Option<TaskDefinitionArn>,
    },
    /// ECS shows the deployment that an update made, or a newer one of the same revision.
    DeploymentSeen(DeploymentId),
    /// Another actor's revision went live in between: everything is decided anew.
    PlannedAgain,
    /// It is over.
    Ended(Ending),
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The outcome.
    pub outcome: Outcome,
    /// What happened, for people; empty when all is well.
    pub reason: String,
}

impl Ending {
    fn without_reason(outcome: Outcome) -> Self {
        Self { outcome, reason: String::new() }
    }

    /// The failure that it is to the user of `service`, if it is one.
    #[must_use]
    pub fn failure(&self, service: &str) -> Option<Failure> {
        let what = format!("service {service}: {}", self.outcome.sentence());
        self.outcome.failure_kind().map(|kind| Failure::new(kind, what).because(self.reason.clone()))
    }
}

words! {
    /// The words for how a deployment ended.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Outcome {
        /// The images were live already.
        Unchanged = "unchanged",
        /// The rollout has started and was not waited for.
        Started = "started",
        /// The rollout completed.
        Deployed = "deployed",
        /// The rollout failed, and the service is back on the former revision.
        RolledBack = "rolled_back",
        /// The rollout failed, and the service is not back.
        Failed = "failed",
        /// Another actor's deployment replaced ours.
        Superseded = "superseded",
        /// Somebody stopped the rollout.
        Stopped = "stopped",
        /// The rollout did not end in time.
        TimedOut = "timed_out",
    }
}

impl Outcome {
    /// What it means, for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unchanged => "these images are live already",
            Self::Started => "the rollout has started",
            Self::Deployed => "the rollout completed",
            Self::RolledBack => "the rollout failed and the service is back on the former revision",
            Self::Failed => "the rollout failed",
            Self::Superseded => "another deployment took the place of this one",
            Self::Stopped => "the rollout was stopped",
            Self::TimedOut => "the rollout timed out",
        }
    }

    /// The kind of failure that it is, if it is one.
    #[must_use]
    pub fn failure_kind(self) -> Option<FailureKind> {
        match self {
            Self::Unchanged | Self::Started | Self::Deployed => None,
            Self::RolledBack | Self::Failed | Self::Stopped => Some(FailureKind::RolloutFailed),
            Self::Superseded => Some(FailureKind::Superseded),
            Self::TimedOut => Some(FailureKind::TimedOut),
        }
    }
}

/// What to do next; at most one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make sure that the planned revision exists.
    Register,
    /// Put the service on the revision.
    Update {
        /// Start a deployment although the revision is the live one.
        force: bool,
    },
    /// Follow this deployment, which runs our revision, or goes back for us.
    Join(DeploymentId),
    /// Another actor's revision is live: plan again from it.
    PlanAgain(TaskDefinitionArn),
    /// Look again later.
    Wait,
    /// Settle on going back to the former revision.
    Undo {
        /// That revision.
        to: Option<TaskDefinitionArn>,
        /// What ended the rollout.
        why: Why,
    },
    /// Ask ECS to roll this service deployment back. It may be asked again.
    Stop(String),
    /// Have no more of ECS's help in going back.
    StopRelying,
    /// Put the service back on its former revision.
    RollBack {
        /// That revision.
        to: TaskDefinitionArn,
        /// What ended the rollout.
        why: Why,
    },
    /// Put the service on this revision of another actor's deployment again, which our rollback replaced.
    Restore {
        /// That revision.
        to: TaskDefinitionArn,
        /// What ended the rollout.
        why: Why,
    },
    /// End it.
    Finish(Ending),
}

/// Decides what to do next, from where the deployment stands and what was seen at `now`.
#[must_use]
pub fn decide(phase: &Phase, seen: &Observation, now: Timestamp, policy: &Policy) -> Decision {
    let view = View { seen, now, policy };
    match phase {
        Phase::Pending => Decision::Register,
        Phase::Registered(target) => view.start(target),
        Phase::RollingOut { rollout, overtaken: Some(overtaken), .. } if view.is_live(rollout) => {
            Decision::PlanAgain(overtaken.clone())
        }
        Phase::RollingOut { rollout, former, .. } => view.roll_out(rollout, former.as_ref()),
        Phase::Undoing { rollout, to, why, way } => view.undo(rollout, to.as_ref(), why, *way),
        Phase::RollingBack { rollout, why, overtaken: Some(to) } if view.is_live(rollout) => {
            Decision::Restore { to: to.clone(), why: why.clone() }
        }
        Phase::RollingBack { rollout, why, .. } => view.roll_back(rollout, why),
        Phase::Done(ending) => Decision::Finish(ending.clone()),
    }
}

impl Phase {
    /// The rollout that is watched.
    #[must_use]
    pub fn rollout(&self) -> Option<&Rollout> {
        match self {
            Self::RollingOut { rollout, .. }
            | Self::Undoing { rollout, .. }
            | Self::RollingBack { rollout, .. } => Some(rollout),
            Self::Pending | Self::Registered(_) | Self::Done(_) => None,
        }
    }

    /// The phase after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] for an event that cannot happen here: a bug of the caller.
    pub fn apply(self, event: Event) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Pending, Event::Registered(target)) => Ok(Self::Registered(target)),
            (Self::Registered(_), Event::RolloutStarted { rollout, former, overtaken }) => {
                Ok(Self::RollingOut { rollout, former, overtaken })
            }
            (Self::RollingOut { rollout, former, overtaken: Some(_) }, Event::Reconciled) => {
                Ok(Self::RollingOut { rollout, former, overtaken: None })
            }
            (Self::RollingOut { rollout, former, overtaken }, Event::DeploymentSeen(id))
                if rollout.deployment.as_ref() != Some(&id) =>
            {
                Ok(Self::RollingOut { rollout: rollout.followed_by(id), former, overtaken })
            }
            (Self::RollingBack { rollout, why, overtaken }, Event::DeploymentSeen(id))
                if rollout.deployment.as_ref() != Some(&id) =>
            {
                Ok(Self::RollingBack { rollout: rollout.followed_by(id), why, overtaken })
            }
            (Self::RollingOut { rollout, .. }, Event::Undone { to, why }) => {
                Ok(Self::Undoing { rollout, to, why, way: Way::Open })
            }
            (Self::Undoing { rollout, to, why, .. }, Event::StopAsked(at)) => {
                Ok(Self::Undoing { rollout, to, why, way: Way::Asked(at) })
            }
            (Self::Undoing { rollout, to, why, .. }, Event::StopRefused) => {
                Ok(Self::Undoing { rollout, to, why, way: Way::Update })
            }
            (Self::Undoing { .. }, Event::RollbackStarted { rollout, why, overtaken }) => {
                Ok(Self::RollingBack { rollout, why, overtaken })
            }
            (Self::Registered(_) | Self::RollingOut { .. }, Event::PlannedAgain) => Ok(Self::Pending),
            (phase, Event::Ended(ending)) if !matches!(phase, Self::Done(_)) => Ok(Self::Done(ending)),
            (phase, event) => Err(IllegalTransition(Box::new((phase, event)))),
        }
    }
}

/// An event that cannot happen in a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalTransition(Box<(Phase, Event)>);

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, event) = &*self.0;
        write!(f, "{event:?} cannot happen in {phase:?}")
    }
}

impl std::error::Error for IllegalTransition {}

/// What a decision is made from beside the phase.
#[derive(Clone, Copy)]
struct View<'a> {
    seen: &'a Observation,
    now: Timestamp,
    policy: &'a Policy,
}

impl View<'_> {
    /// The revision exists: start a rollout, join the one that is there, or see that all is done.
    fn start(self, target: &Target) -> Decision {
        let service = &self.seen.service;
        let force = self.policy.force_new_deployment;
        let Some(primary) = service.primary() else { return Decision::Update { force } };
        let is_as_planned = target.replaces.as_ref() == Some(&primary.id);
        if primary.task_definition == target.revision {
            if is_as_planned && force {
                Decision::Update { force: true }
            } else if is_as_planned && has_completed(primary, service) {
                Decision::Finish(Ending::without_reason(Outcome::Unchanged))
            } else {
                Decision::Join(primary.id.clone())
            }
        } else if primary.task_definition == target.live {
            Decision::Update { force: false }
        } else {
            Decision::PlanAgain(primary.task_definition.clone())
        }
    }

    fn roll_out(self, rollout: &Rollout, former: Option<&TaskDefinitionArn>) -> Decision {
        if self.policy.no_wait {
            return Decision::Finish(Ending::without_reason(Outcome::Started));
        }
        match self.follow(rollout) {
            Course::Wait => Decision::Wait,
            Course::Join(id) => Decision::Join(id),
            Course::Ended(ending) => Decision::Finish(ending),
            Course::Failed { why, .. } => self.go_back(former, rollout, why),
        }
    }

    fn judge(self, rollout: &Rollout) -> Verdict {
        judge(rollout, self.seen, self.now, self.policy)
    }

    /// Whether something that began at this time may still go on.
    fn is_in_time(self, began: Timestamp) -> bool {
        self.now.since(began) < self.policy.timeout
    }

    fn did_not_end(self) -> String {
        format!("did not end within {} s", self.policy.timeout.as_secs_f64())
    }

    /// Whether the deployment of `rollout` is PRIMARY. A service that shows another one was changed again, or is
    /// shown as it was before our update.
    fn is_live(self, rollout: &Rollout) -> bool {
        let primary = self.seen.service.primary();
        primary.is_some_and(|primary| {
            Some(&primary.id) == rollout.deployment.as_ref() && primary.task_definition == rollout.revision
        })
    }

    /// The deployment to follow from now on: the one that our update made, where its answer did not show it, or a
    /// newer one of the same revision.
    fn shown_instead(&self, rollout: &Rollout) -> Option<&Deployment> {
        if rollout.deployment.is_some() {
            return started_anew(rollout, self.seen);
        }
        self.seen.service.primary().filter(|primary| {
            primary.task_definition == rollout.revision && Some(&primary.id) != rollout.replaced.as_ref()
        })
    }

    /// What a rollout that goes on waits for.
    fn stands(self, rollout: &Rollout) -> Option<String> {
        let service = &self.seen.service;
        let mine = rollout.deployment.as_ref().and_then(|id| service.deployment(id));
        let record = self.seen.service_deployment.as_ref();
        record.and_then(ServiceDeployment::pause_hint).or_else(|| {
            let stage = record.and_then(|record| record.stage.as_ref());
            let stage = stage.map(|stage| format!(", in stage {stage}")).unwrap_or_default();
            mine.map(|mine| format!("{} of {} tasks run{stage}", mine.running, service.wanted(mine)))
        })
    }
}

#[cfg(test)]
mod tests;
