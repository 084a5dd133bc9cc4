//! What ECS says of a service: the snapshot that every decision is made from.

use std::collections::BTreeMap;
use std::time::Duration;

use super::arn::{TaskDefinitionArn, last_part};
use super::timestamp::Timestamp;
use crate::words::text;

/// A service as `DescribeServices` or `UpdateService` answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The service's ARN.
    pub arn: String,
    /// The service's name.
    pub name: String,
    /// The ARN of the cluster that it runs in.
    pub cluster: String,
    /// Whether its status is ACTIVE; a deleted service is described for a while, too.
    pub active: bool,
    /// Who drives its deployments.
    pub controller: Controller,
    /// ECS made it, and manages its resources: an Express Gateway service.
    pub is_managed: bool,
    /// What its tasks run on.
    pub launch: Launch,
    /// The revision that was last asked for.
    pub task_definition: Option<TaskDefinitionArn>,
    /// How many tasks should run.
    pub desired: u32,
    /// How it goes from one deployment to the next.
    pub strategy: Strategy,
    /// Who else ends a failing deployment.
    pub guard: Guard,
    /// The ARN of its newest service deployment, where ECS tells it.
    pub current_deployment: Option<String>,
    /// Its deployments, newest first.
    pub deployments: Vec<Deployment>,
    /// Its last events, newest first; ECS keeps 100.
    pub events: Vec<ServiceEvent>,
    /// The ARNs of the service revisions that have tasks.
    pub service_revisions: Vec<String>,
}

impl Service {
    /// The deployment that ECS works towards.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.primary)
    }

    /// The deployment with this id, while ECS still lists it.
    #[must_use]
    pub fn deployment(&self, id: &DeploymentId) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == *id)
    }

    /// How many tasks `deployment`, one of its deployments, is to have in the end.
    ///
    /// In its first seconds ECS shows a new deployment with a desired count of 0.
    #[must_use]
    pub fn wanted(&self, deployment: &Deployment) -> u32 {
        if deployment.primary && deployment.desired == 0 { self.desired } else { deployment.desired }
    }

    /// Why ECS can replace no task of it, if so: it may neither stop one nor start another.
    ///
    /// ECS rounds the most tasks down and the fewest up. A daemon's tasks are stopped before their
    /// successors start.
    #[must_use]
    pub fn has_no_room(&self) -> Option<String> {
        let Room { minimum, maximum, scheduler } = self.strategy.room;
        let most = u64::from(self.desired) * u64::from(maximum) / 100;
        let fewest = (u64::from(self.desired) * u64::from(minimum)).div_ceil(100);
        let is_stuck = match scheduler {
            Scheduler::Daemon => minimum >= 100,
            Scheduler::Replica => self.desired > 0 && most <= fewest,
        };
        (is_stuck && !self.strategy.is_staged).then(|| {
            let tasks = match scheduler {
                Scheduler::Daemon => "of a DAEMON's tasks".to_owned(),
                Scheduler::Replica => format!("of {} tasks", self.desired),
            };
            format!(
                "with minimumHealthyPercent {minimum} and maximumPercent {maximum} {tasks} ECS may neither stop one \
                 nor start another, so it can replace none"
            )
        })
    }

    /// Whether nothing but the tasks decides when a deployment has completed: no stages, no bake time and no alarms. Then
    /// the service's own word on that is as good as the service deployment's.
    #[must_use]
    pub fn completes_with_its_tasks(&self) -> bool {
        let Strategy { is_staged, bake_time, succeeds_early, .. } = &self.strategy;
        !is_staged && !succeeds_early && bake_time.is_zero() && self.guard.alarms == Watchdog::Off
    }

    /// Its events from this time on, newest first.
    pub(super) fn events_since(&self, at: Timestamp) -> impl Iterator<Item = &ServiceEvent> {
        self.events.iter().take_while(move |event| event.at >= at)
    }

    /// The latest time that anything in it tells of, by the clock of ECS.
    #[must_use]
    pub fn seen_until(&self) -> Timestamp {
        let created = self.deployments.iter().map(|deployment| deployment.created);
        created.chain(self.events.iter().map(|event| event.at)).max().unwrap_or_default()
    }

    /// The revision that is live: the PRIMARY deployment's, never the family's newest.
    #[must_use]
    pub fn live(&self) -> Option<&TaskDefinitionArn> {
        self.primary().map(|primary| &primary.task_definition).or(self.task_definition.as_ref())
    }
}

/// One entry of a service's `deployments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `ecs-svc/<digits>`.
    pub id: DeploymentId,
    /// Whether its status is PRIMARY; the others are drained.
    pub primary: bool,
    /// The revision that it rolls out.
    pub task_definition: TaskDefinitionArn,
    /// How many tasks it should run.
    pub desired: u32,
    /// How many of its tasks run.
    pub running: u32,
    /// How many of its tasks are starting.
    pub pending: u32,
    /// How many of its tasks failed in a row; ECS counts from 0 again when one runs.
    pub failed: u32,
    /// How far ECS is with it.
    pub rollout: RolloutState,
    /// ECS's words on `rollout`.
    pub reason: Option<String>,
    /// When it was created.
    pub created: Timestamp,
}

/// A deployment's `rolloutState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutState {
    /// Tasks are being replaced.
    InProgress,
    /// The deployment reached its end.
    Completed,
    /// A circuit breaker or an alarm ended it.
    Failed,
    /// ECS reports none, as behind a Classic Load Balancer.
    Unreported,
}

text!(
    /// A deployment's id, `ecs-svc/<digits>`.
    DeploymentId
);

impl DeploymentId {
    /// The id as ECS wrote it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id of the deployment that rolls out `service_revision`, an ARN: see
    /// [`rolls_out`](Self::rolls_out).
    #[must_use]
    pub fn of_service_revision(service_revision: &str) -> Option<Self> {
        let digits = last_part(service_revision);
        (!digits.is_empty()).then(|| Self(format!("ecs-svc/{digits}")))
    }

    /// Whether `service_revision`, an ARN, is the one that this deployment rolls out.
    ///
    /// Both end in the same digits. AWS does not document that; its Terraform provider relies on
    /// it. The revision's task definition is compared as well before a success is reported.
    #[must_use]
    pub fn rolls_out(&self, service_revision: &str) -> bool {
        let digits = last_part(&self.0);
        !digits.is_empty() && last_part(service_revision) == digits
    }
}

/// One of a service's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// When it happened.
    pub at: Timestamp,
    /// ECS's words, `(service web) …`.
    pub message: String,
}

impl ServiceEvent {
    /// ECS's words without the service's name before them.
    #[must_use]
    pub fn said(&self) -> &str {
        let rest = self.message.strip_prefix("(service ").and_then(|rest| rest.split_once(") "));
        rest.map_or(&self.message, |(_, rest)| rest)
    }
}

/// What the tasks of a service run on, by its launch type or its capacity providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Launch {
    /// AWS Fargate.
    Fargate,
    /// Instances: EC2, managed by ECS, or somebody's own.
    Instances,
    /// ECS does not say.
    #[default]
    Unknown,
}

/// A service's deployment controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Controller {
    /// ECS itself: the one that Evenkeel drives.
    Ecs,
    /// AWS `CodeDeploy`, which refuses a new revision by `UpdateService`.
    CodeDeploy,
    /// Task sets made by a third party.
    External,
    /// One that this version of Evenkeel does not know.
    Unknown(String),
}

/// How a service goes from one deployment to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strategy {
    /// Traffic is shifted in stages, as blue/green, linear and canary do; else tasks are replaced in place.
    pub is_staged: bool,
    /// How long the old tasks are kept after the new ones have taken over.
    pub bake_time: Duration,
    /// How many tasks it may run meanwhile.
    pub room: Room,
    /// ECS calls a deployment successful before all its tasks run: `earlySuccessCriteria`.
    pub succeeds_early: bool,
}

/// How many tasks may and must run during a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// `minimumHealthyPercent`.
    pub minimum: u32,
    /// `maximumPercent`.
    pub maximum: u32,
    /// Who decides how many tasks there are.
    pub scheduler: Scheduler,
}

/// A service's scheduling strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// The desired count.
    Replica,
    /// One task to a container instance.
    Daemon,
}

impl Room {
    /// What holds where the service says nothing (Amazon ECS API reference, `DeploymentConfiguration`).
    #[must_use]
    pub fn of(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Replica => Self { minimum: 100, maximum: 200, scheduler },
            Scheduler::Daemon => Self { minimum: 0, maximum: 100, scheduler },
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::of(Scheduler::Replica)
    }
}

/// What of a service's deployment configuration ends a failing deployment without us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// The deployment circuit breaker, which counts tasks that fail to start.
    pub breaker: Watchdog,
    /// The CloudWatch alarms of the deployment.
    pub alarms: Watchdog,
}

/// What ECS does when something that watches a deployment fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watchdog {
    /// Nothing watches.
    #[default]
    Off,
    /// It ends the deployment and leaves the service where it is.
    Stops,
    /// It puts the service back on the former revision.
    RollsBack,
}

impl Guard {
    /// What ECS does about a deployment that it gave up for `reason`, in its own words.
    #[must_use]
    pub fn fired(self, reason: &str) -> Watchdog {
        if self.breaker == Watchdog::Off || reason.to_lowercase().contains("alarm") {
            self.alarms
        } else {
            self.breaker
        }
    }
}

/// A service revision: what a service deployment really runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRevision {
    /// Its ARN.
    pub arn: String,
    /// The task definition that it runs.
    pub task_definition: TaskDefinitionArn,
    /// The digest that each container's image resolved to, `sha256:…`.
    pub digests: BTreeMap<String, String>,
}
