//! What a deployment tells while it goes on.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Outcome, Phase};
use evenkeel_core::one_off::Step;
use evenkeel_core::plan::Plan;
use evenkeel_core::rollout::Observation;
use evenkeel_core::service::DeploymentId;

pub use crate::one_off::TaskNews;

use super::ScheduledReport;

/// Something that a user who watches wants to know.
#[derive(Debug)]
pub enum Progress<'a> {
    /// What will be done.
    Planned(&'a Plan),
    /// A revision was registered.
    Registered(&'a TaskDefinitionArn),
    /// A revision that was registered earlier is used again.
    Adopted(&'a TaskDefinitionArn),
    /// A service's rollout was started.
    Started {
        /// The service.
        service: &'a str,
        /// The revision.
        revision: &'a TaskDefinitionArn,
        /// Its deployment, if ECS showed it already.
        deployment: Option<&'a DeploymentId>,
        /// Where it can be looked at in AWS's console.
        console: Option<String>,
    },
    /// A rollout that is under way is followed.
    Joined {
        /// The service.
        service: &'a str,
        /// Its deployment.
        deployment: &'a DeploymentId,
    },
    /// A deployment that was handed on goes on.
    Resumed {
        /// The service.
        service: &'a str,
        /// Where it stands.
        phase: &'a Phase,
    },
    /// Another actor's deployment came in between.
    PlannedAgain {
        /// The service.
        service: &'a str,
        /// The revision that it brought.
        live: &'a TaskDefinitionArn,
    },
    /// A rollout was looked at.
    Seen {
        /// The service.
        service: &'a str,
        /// The deployment that is followed.
        deployment: Option<&'a DeploymentId>,
        /// What was seen.
        seen: &'a Observation,
        /// How long the rollout has gone on.
        elapsed: Duration,
    },
    /// A service is put back on its former revision.
    RollingBack {
        /// The service.
        service: &'a str,
        /// The former revision, if it is known.
        to: Option<&'a TaskDefinitionArn>,
        /// What ended the rollout.
        why: &'a str,
    },
    /// A service's deployment is over.
    Ended {
        /// The service.
        service: &'a str,
        /// How.
        outcome: Outcome,
        /// Why, if it is not what was asked for.
        reason: Option<&'a str>,
    },
    /// A one-off task goes on.
    Task {
        /// When in a deployment it runs; none, if it runs by itself.
        step: Option<Step>,
        /// What there is to say.
        news: TaskNews<'a>,
    },
    /// A scheduled task was moved, or stays as it was.
    Scheduled(&'a ScheduledReport),
    /// Something that the user should know besides.
    Warning(&'a str),
}

/// Whoever wants to know.
pub type Listener<'a> = dyn FnMut(Progress<'_>) + Send + 'a;
