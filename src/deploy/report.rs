//! What a deployment came to.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::evidence::Evidence;
use evenkeel_core::failure::Failure;
use evenkeel_core::one_off::Step;
use evenkeel_core::timestamp::Timestamp;
use evenkeel_core::variables::Variables;

use super::ScheduledReport;

/// What a command's deployment came to, over all its services.
#[derive(Debug)]
pub struct Report {
    /// The outcome as a whole.
    pub outcome: Outcome,
    /// Each service's, in the order asked for; empty when it failed before there were any.
    pub services: Vec<ServiceReport>,
    /// What the user should know besides.
    pub warnings: Vec<String>,
    /// What went wrong when it concerns no single service.
    pub failure: Option<Failure>,
    /// The kind of one-off task that decided, if one failed.
    pub step: Option<Step>,
    /// What became of the scheduled tasks that were to follow, where that was asked for.
    pub scheduled: Option<Vec<ScheduledReport>>,
}

/// What one service's deployment came to.
#[derive(Debug, Clone)]
pub struct ServiceReport {
    /// The cluster, as it was named.
    pub cluster: String,
    /// The service, as it was named.
    pub service: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The revision that is live at the end.
    pub task_definition: Option<TaskDefinitionArn>,
    /// The revision that was live at the beginning.
    pub previous: Option<TaskDefinitionArn>,
    /// The revision that the service was put on.
    pub target: Option<TaskDefinitionArn>,
    /// Somebody asked to roll back to a revision that ran before.
    pub is_return: bool,
    /// Since when what is live at the end has been live, by AWS's clock.
    pub since: Option<Timestamp>,
    /// The images of the revision that is live at the end, by container.
    pub images: BTreeMap<String, String>,
    /// What they resolved to, by container, as far as it is known.
    pub digests: BTreeMap<String, String>,
    /// The variables that the pipeline owns at the end, with their values in that revision.
    pub variables: Variables,
    /// Our deployment's id.
    pub deployment: Option<String>,
    /// Our service deployment's ARN.
    pub service_deployment: Option<String>,
    /// The page of its deployments in AWS's console.
    pub console: Option<String>,
    /// How long it took, from the first call.
    pub duration: Duration,
    /// What there is to say of an outcome that is no failure.
    pub note: Option<String>,
    /// Why it is not what was asked for.
    pub failure: Option<Failure>,
    /// What speaks for the cause, when it failed.
    pub evidence: Evidence,
}

impl Report {
    /// The report on services of which each has ended.
    #[must_use]
    pub fn of(services: Vec<ServiceReport>, warnings: Vec<String>) -> Self {
        let failed = services.iter().find(|service| service.failure.is_some());
        let best = || services.iter().map(|service| service.outcome).max();
        let outcome = failed.map(|service| service.outcome).or_else(best).unwrap_or(Outcome::Unchanged);
        Self { outcome, services, warnings, failure: None, step: None, scheduled: None }
    }

    /// The report when nothing could be begun.
    #[must_use]
    pub fn refused(failure: Failure) -> Self {
        Self {
            outcome: Outcome::Failed,
            services: Vec::new(),
            warnings: Vec::new(),
            failure: Some(failure),
            step: None,
            scheduled: None,
        }
    }

    /// What went wrong first, if anything did.
    #[must_use]
    pub fn first_failure(&self) -> Option<&Failure> {
        self.failure.as_ref().or_else(|| self.services.iter().find_map(|service| service.failure.as_ref()))
    }

    /// The process's exit status.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        self.first_failure().map_or(0, |failure| failure.kind().exit_status())
    }
}
