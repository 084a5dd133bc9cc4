//! A task, as far as rollouts start and stop it.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::ending::{Ending, Reach, SIGTERM};
use super::ids::{Ids, arn};
use super::task_definitions::{Revision, TaskDefinitions};
use crate::request::{seconds, without_nulls};

/// How long a stopped task can still be described.
const STOPPED_TASK_VISIBLE: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) deployment: u64,
    pub(super) task_definition: String,
    pub(super) state: TaskState,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
    /// When ECS asked the registry for the digests of its images.
    pub(super) resolved: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskState {
    Pending,
    Running,
    /// It leaves its load balancer until a time.
    Leaving {
        since: Timestamp,
        until: Timestamp,
        why: StopReason,
    },
    Stopped {
        at: Timestamp,
        why: StopReason,
    },
}

/// Why a task was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopReason {
    /// It came to no good end. Of the reason only the image is still to be filled in.
    Failed { ending: &'static Ending, reason: String },
    /// The scheduler had no use for it any more, because of this deployment.
    Scaling { deployment: u64 },
}

impl Task {
    /// Whether it is wanted to stop.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, TaskState::Leaving { .. } | TaskState::Stopped { .. })
    }

    /// Stops at its time, if it leaves.
    pub(super) fn leave(&mut self, now: Timestamp) {
        if let TaskState::Leaving { until, why, .. } = &self.state
            && *until <= now
        {
            self.state = TaskState::Stopped { at: *until, why: why.clone() };
        }
    }

    /// Whether it can still be described at `now`.
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        match self.state {
            TaskState::Stopped { at, .. } => now.since(at) < STOPPED_TASK_VISIBLE,
            TaskState::Pending | TaskState::Running | TaskState::Leaving { .. } => true,
        }
    }

    pub(super) fn arn(&self, cluster: &str) -> String {
        arn("task", &format!("{cluster}/{}", self.id))
    }

    /// The task as the service's events name it.
    pub(super) fn named(&self) -> String {
        format!("(task {})", self.id)
    }

    pub(super) fn desired_status(&self) -> &'static str {
        if self.is_stopped() { "STOPPED" } else { "RUNNING" }
    }

    /// The task of the service of this cluster and name, as `DescribeTasks` shows it.
    pub(super) fn view(
        &self,
        cluster: &str,
        service: &str,
        launch_type: &str,
        definitions: &TaskDefinitions,
    ) -> Value {
        let last_status = match self.state {
            TaskState::Pending => "PENDING",
            TaskState::Running => "RUNNING",
            TaskState::Leaving { .. } => "DEACTIVATING",
            TaskState::Stopped { .. } => "STOPPED",
        };
        let revision = definitions.find(&self.task_definition);
        let images: Vec<_> = revision.into_iter().flat_map(Revision::images).collect();
        let first_image = images.first().map_or("", |(_, image)| *image);
        let (stop, at) = match &self.state {
            TaskState::Leaving { since: at, why, .. } | TaskState::Stopped { at, why } => {
                (Some(why.told(first_image)), Some(seconds(*at)))
            }
            TaskState::Pending | TaskState::Running => (None, None),
        };
        let (stop_code, stopped_reason) = stop.unzip();
        // A container is healthy if its own check says so, and the task if all that have a check are.
        let is_healthy = |name: &str| {
            let check = revision.and_then(|revision| revision.container(name)?.get("healthCheck"));
            self.state == TaskState::Running && check.is_some_and(Value::is_object)
        };
        let health = |is_healthy: bool| if is_healthy { "HEALTHY" } else { "UNKNOWN" };
        let task_arn = self.arn(cluster);
        let last = images.len().saturating_sub(1);
        let containers = images.iter().enumerate().map(|(index, (name, image))| {
            // One container ends the task; the others are stopped then.
            let ended = self.ending();
            let ending = ended.filter(|it| index == if it.by_last { last } else { 0 });
            let stopped = ended.map_or(SIGTERM, |it| it.others);
            let exit_code = ending.and_then(|it| it.exit_code).unwrap_or(stopped);
            let was_created = self.has_containers();
            without_nulls(json!({
                "containerArn": format!("{}/{index}", task_arn.replacen(":task/", ":container/", 1)),
                "taskArn": task_arn,
                "name": name,
                "image": image,
                "lastStatus": last_status,
                "networkInterfaces": [],
                "healthStatus": health(is_healthy(name)),
                "imageDigest": was_created.then(|| definitions.digests.at(image, self.resolved)),
                "runtimeId": was_created.then(|| runtime_id(&self.id, name, launch_type)),
                "exitCode": (was_created && last_status == "STOPPED").then_some(exit_code),
                "reason": ending.and_then(|ending| ending.container_reason),
            }))
        });
        without_nulls(json!({
            "taskArn": task_arn,
            "clusterArn": arn("cluster", cluster),
            "taskDefinitionArn": self.task_definition,
            "group": format!("service:{service}"),
            "startedBy": format!("ecs-svc/{}", self.deployment),
            "launchType": launch_type,
            "desiredStatus": self.desired_status(),
            "lastStatus": last_status,
            "healthStatus": health(images.iter().any(|(name, _)| is_healthy(name))),
            "createdAt": seconds(self.created),
            "startedAt": self.started.map(seconds),
            "stopCode": stop_code,
            "stoppedReason": stopped_reason,
            "stoppingAt": at,
            "stoppedAt": at.as_ref().filter(|_| last_status == "STOPPED"),
            "attachments": [],
            "attributes": [],
            "tags": [],
            "version": 1,
            "containers": containers.collect::<Vec<_>>(),
        }))
    }

    /// How far it got, if it is over.
    pub(super) fn ending(&self) -> Option<&'static Ending> {
        match &self.state {
            TaskState::Stopped { why: StopReason::Failed { ending, .. }, .. } => Some(ending),
            TaskState::Stopped { why: StopReason::Scaling { .. }, .. }
            | TaskState::Leaving { .. }
            | TaskState::Pending
            | TaskState::Running => None,
        }
    }

    /// Whether its containers were ever created.
    pub(super) fn has_containers(&self) -> bool {
        self.started.is_some() || self.ending().is_some_and(|ending| ending.reach != Reach::Nothing)
    }
}

impl StopReason {
    /// The code and the words that tell of it; the task's first container has this image.
    fn told(&self, image: &str) -> (&'static str, String) {
        match self {
            Self::Failed { ending, reason } => (ending.stop_code, reason.replace("{image}", image)),
            Self::Scaling { deployment } => {
                let by = format!("(deployment ecs-svc/{deployment})");
                ("ServiceSchedulerInitiated", format!("Scaling activity initiated by {by}"))
            }
        }
    }
}

/// The id that the container runtime gives a container: the task's id and some digits on Fargate, 64 hexadecimal digits
/// elsewhere.
pub(super) fn runtime_id(task_id: &str, container: &str, launch_type: &str) -> String {
    let mut ids = Ids::of(&format!("{task_id}/{container}"));
    if launch_type == "FARGATE" {
        format!("{task_id}-{}", ids.number() % 9_000_000_000 + 1_000_000_000)
    } else {
        format!("{task_id}{}", ids.hex())
    }
}
