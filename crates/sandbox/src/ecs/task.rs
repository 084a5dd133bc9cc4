//! A task, as far as rollouts start and stop it.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::ending::{Ending, Reach, SIGTERM};
use super::ids::{Ids, arn};
use super::request::seconds;
use super::task_definitions::TaskDefinitions;

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

    pub(super) fn desired_status(&self) -> &'static str {
        if self.is_stopped() { "STOPPED" } else { "RUNNING" }
    }

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
        let task_arn = self.arn(cluster);
        let mut task = json!({
            "taskArn": task_arn,
            "clusterArn": arn("cluster", cluster),
            "taskDefinitionArn": self.task_definition,
            "group": format!("service:{service}"),
            "startedBy": format!("ecs-svc/{}", self.deployment),
            "launchType": launch_type,
            "desiredStatus": self.desired_status(),
            "lastStatus": last_status,
            "healthStatus": self.task_health(definitions),
            "createdAt": seconds(self.created),
            "attachments": [],
            "attributes": [],
            "tags": [],
            "version": 1,
            "containers": self.containers(&task_arn, last_status, launch_type, definitions),
        });
        if let Some(time) = self.started {
            task["startedAt"] = seconds(time);
        }
        if let TaskState::Leaving { since: at, why, .. } | TaskState::Stopped { at, why } = &self.state {
            let (code, reason) = match why {
                StopReason::Failed { ending, reason } => {
                    (ending.stop_code, reason.replace("{image}", self.image(definitions)))
                }
                StopReason::Scaling { deployment } => (
                    "ServiceSchedulerInitiated",
                    format!("Scaling activity initiated by (deployment ecs-svc/{deployment})"),
                ),
            };
            task["stopCode"] = code.into();
            task["stoppedReason"] = reason.into();
            task["stoppingAt"] = seconds(*at);
            if last_status == "STOPPED" {
                task["stoppedAt"] = seconds(*at);
            }
        }
        task
    }

    /// The first container's image.
    fn image<'a>(&self, definitions: &'a TaskDefinitions) -> &'a str {
        let revision = definitions.find(&self.task_definition);
        revision.and_then(|revision| revision.images().next()).map_or("", |(_, image)| image)
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

    /// A container's health as its own check tells it; `UNKNOWN` without a check, or before it runs.
    fn health(&self, container: &str, definitions: &TaskDefinitions) -> &'static str {
        let revision = definitions.find(&self.task_definition);
        let checks = revision
            .and_then(|revision| revision.container(container)?.get("healthCheck"))
            .is_some_and(Value::is_object);
        if checks && self.state == TaskState::Running { "HEALTHY" } else { "UNKNOWN" }
    }

    /// The task is healthy if all containers that have a check are.
    fn task_health(&self, definitions: &TaskDefinitions) -> &'static str {
        let revision = definitions.find(&self.task_definition);
        let mut names = revision.into_iter().flat_map(|revision| revision.images()).map(|(name, _)| name);
        names.find(|name| self.health(name, definitions) == "HEALTHY").map_or("UNKNOWN", |_| "HEALTHY")
    }

    /// The id that the container runtime gives a container: the task's id and some digits on
    /// Fargate, 64 hexadecimal digits elsewhere.
    pub(super) fn runtime_id(&self, container: &str, launch_type: &str) -> String {
        let mut ids = Ids::of(&format!("{}/{container}", self.id));
        if launch_type == "FARGATE" {
            format!("{}-{}", self.id, ids.number() % 9_000_000_000 + 1_000_000_000)
        } else {
            format!("{}{}", self.id, ids.hex())
        }
    }

    fn containers(
        &self,
        task_arn: &str,
        status: &str,
        launch_type: &str,
        definitions: &TaskDefinitions,
    ) -> Vec<Value> {
        let last_status_is_stopped = status == "STOPPED";
        let revision = definitions.find(&self.task_definition);
        let images: Vec<_> = revision.into_iter().flat_map(|revision| revision.images()).collect();
        let last = images.len().saturating_sub(1);
        let view = |(index, (name, image)): (usize, (&str, &str))| {
            let mut container = json!({
                "containerArn": format!("{}/{index}", task_arn.replacen(":task/", ":container/", 1)),
                "taskArn": task_arn,
                "name": name,
                "image": image,
                "lastStatus": status,
                "networkInterfaces": [],
                "healthStatus": self.health(name, definitions),
            });
            if self.has_containers() {
                container["imageDigest"] = definitions.digests.at(image, self.resolved).into();
                container["runtimeId"] = self.runtime_id(name, launch_type).into();
            }
            // One container ends the task; the others are stopped then.
            let ended = self.ending();
            let ending = ended.filter(|it| index == if it.by_last { last } else { 0 });
            if last_status_is_stopped && self.has_containers() {
                let stopped = ended.map_or(SIGTERM, |it| it.others);
                container["exitCode"] = ending.and_then(|it| it.exit_code).unwrap_or(stopped).into();
            }
            if let Some(reason) = ending.and_then(|ending| ending.container_reason) {
                container["reason"] = reason.into();
            }
            container
        };
        images.into_iter().enumerate().map(view).collect()
    }
}
