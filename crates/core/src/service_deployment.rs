//! A service deployment: ECS's own record of one rollout, rollback included.

use super::timestamp::Timestamp;

/// A service deployment, as `DescribeServiceDeployments` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// The service revision that it rolls out.
    pub target: String,
    /// The tasks of that revision.
    pub tasks: TaskCounts,
    /// How many tasks of the revisions that it replaces run.
    pub replaced_running: u32,
    /// How far it is.
    pub status: ServiceDeploymentStatus,
    /// When it was created.
    pub created: Timestamp,
    /// When it ended, a rollback included; none while it goes on.
    pub finished: Option<Timestamp>,
    /// ECS's words on the status.
    pub reason: Option<String>,
    /// The circuit breaker: how many tasks have failed, and how many may.
    pub breaker: Option<(u32, u32)>,
    /// Whether its circuit breaker or an alarm has fired.
    pub guard_fired: bool,
    /// The alarms that went off.
    pub alarms: Vec<String>,
    /// The lifecycle stage of a blue/green, linear or canary deployment.
    pub stage: Option<String>,
    /// The pause hooks that wait for somebody.
    pub pauses: Vec<Pause>,
}

/// How many tasks of a revision there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCounts {
    /// How many should run.
    pub requested: u32,
    /// How many run.
    pub running: u32,
    /// How many are starting.
    pub pending: u32,
}

/// A lifecycle hook at which a deployment waits until somebody continues it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The hook's id, which `ContinueServiceDeployment` wants.
    pub hook: String,
    /// When ECS no longer waits.
    pub expires: Option<Timestamp>,
}

/// A service deployment's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceDeploymentStatus {
    /// Not begun, in progress, or asked to stop.
    InProgress,
    /// Ended as asked.
    Successful,
    /// Ended early: replaced, stopped by hand, or failed with nothing to go back to.
    Stopped,
    /// ECS goes back to the former revision.
    RollingBack,
    /// ECS went back to the former revision.
    RolledBack,
    /// ECS could not go back.
    RollbackFailed,
    /// A status that this version of Evenkeel does not know.
    Unknown,
}

impl ServiceDeployment {
    /// For people: `it waits at a pause hook until …`, with the command that continues it.
    #[must_use]
    pub fn pause_hint(&self) -> Option<String> {
        let Pause { hook, expires } = self.pauses.first()?;
        let until = expires.map(|at| format!(" until {at}")).unwrap_or_default();
        Some(format!(
            "it waits at a pause hook{until}; `aws ecs continue-service-deployment --service-deployment-arn {} \
             --hook-id {hook} --action CONTINUE` continues it",
            self.arn
        ))
    }
}
