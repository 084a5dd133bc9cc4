//! Tasks, as far as rollouts start and stop them.

use std::time::Duration;

use serde_json::{Value, json};

use super::clusters::Clusters;
use super::ids::{arn, digest_of, name_of};
use super::request::{not_found, page, seconds, text, texts};
use super::services::Services;
use super::task_definitions::TaskDefinitions;
use crate::clock::Timestamp;
use crate::sandbox::wire::ApiError;

/// How long a stopped task can still be described.
const STOPPED_TASK_VISIBLE: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) deployment: u64,
    pub(super) task_definition: String,
    pub(super) state: TaskState,
    pub(super) created: Timestamp,
    pub(super) started: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskState {
    Pending,
    Running,
    Stopped { at: Timestamp, why: StopReason },
}

/// Why a task was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopReason {
    /// A container that the task needs exited.
    EssentialContainerExited,
    /// The scheduler had no use for it any more, because of this deployment.
    Scaling { deployment: u64 },
}

impl Task {
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, TaskState::Stopped { .. })
    }

    /// Whether it can still be described at `now`.
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        match self.state {
            TaskState::Stopped { at, .. } => now.since(at) < STOPPED_TASK_VISIBLE,
            TaskState::Pending | TaskState::Running => true,
        }
    }

    fn arn(&self, cluster: &str) -> String {
        arn("task", &format!("{cluster}/{}", self.id))
    }

    fn desired_status(&self) -> &'static str {
        if self.is_stopped() { "STOPPED" } else { "RUNNING" }
    }

    fn view(&self, cluster: &str, service: &str, launch_type: &str, definitions: &TaskDefinitions) -> Value {
        let last_status = match self.state {
            TaskState::Pending => "PENDING",
            TaskState::Running => "RUNNING",
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
            "healthStatus": "UNKNOWN",
            "createdAt": seconds(self.created),
            "attachments": [],
            "attributes": [],
            "tags": [],
            "version": 1,
            "containers": self.containers(&task_arn, last_status, definitions),
        });
        if let Some(time) = self.started {
            task["startedAt"] = seconds(time);
        }
        if let TaskState::Stopped { at, why } = &self.state {
            let (code, reason) = match why {
                StopReason::EssentialContainerExited => {
                    ("EssentialContainerExited", "Essential container in task exited".to_owned())
                }
                StopReason::Scaling { deployment } => (
                    "ServiceSchedulerInitiated",
                    format!("Scaling activity initiated by (deployment ecs-svc/{deployment})"),
                ),
            };
            task["stopCode"] = code.into();
            task["stoppedReason"] = reason.into();
            task["stoppingAt"] = seconds(*at);
            task["stoppedAt"] = seconds(*at);
        }
        task
    }

    fn containers(&self, task_arn: &str, status: &str, definitions: &TaskDefinitions) -> Vec<Value> {
        let revision = definitions.find(&self.task_definition);
        let images = revision.into_iter().flat_map(|revision| revision.images());
        let view = |(index, (name, image)): (usize, (&str, &str))| {
            let mut container = json!({
                "containerArn": format!("{}/{index}", task_arn.replacen(":task/", ":container/", 1)),
                "taskArn": task_arn,
                "name": name,
                "image": image,
                "imageDigest": digest_of(image),
                "lastStatus": status,
                "networkInterfaces": [],
                "healthStatus": "UNKNOWN",
            });
            if let TaskState::Stopped { why, .. } = &self.state {
                // The first container is the one that crashes; the scheduler ends the others with SIGTERM.
                let crashed = index == 0 && *why == StopReason::EssentialContainerExited;
                container["exitCode"] = if crashed { 1 } else { 143 }.into();
            }
            container
        };
        images.enumerate().map(view).collect()
    }
}

impl Services {
    pub(super) fn list_tasks(&self, request: &Value, clusters: &Clusters) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let service = text(request, "serviceName");
        if let Some(service) = service {
            self.find(cluster, service)?;
        }
        let started_by = text(request, "startedBy");
        if service.is_some() && started_by.is_some() {
            return Err(ApiError::invalid_parameter("cannot specify startedBy with other filters"));
        }
        let service = service.map(|service| service.rsplit('/').next().unwrap_or_default());
        let desired = text(request, "desiredStatus").unwrap_or("RUNNING");
        let family = text(request, "family");
        let in_family = |task: &Task| {
            let name = name_of("task-definition", &task.task_definition);
            family.is_none_or(|family| name.split(':').next() == Some(family))
        };
        let arns = self
            .in_cluster(cluster)
            .filter(|candidate| service.is_none_or(|service| service == candidate.name))
            .flat_map(|service| &service.tasks)
            .filter(|task| task.desired_status() == desired && in_family(task))
            .filter(|task| started_by.is_none_or(|id| id == format!("ecs-svc/{}", task.deployment)))
            .map(|task| task.arn(cluster).into())
            .collect();
        page(request, "taskArns", arns)
    }

    pub(super) fn describe_tasks(
        &self,
        request: &Value,
        clusters: &Clusters,
        definitions: &TaskDefinitions,
    ) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let references = texts(request, "tasks");
        if references.is_empty() {
            return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
        }
        if references.len() > 100 {
            return Err(ApiError::invalid_parameter("Tasks cannot be more than 100."));
        }
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for reference in references {
            let id = reference.rsplit('/').next().unwrap_or_default();
            let found = self
                .in_cluster(cluster)
                .find_map(|service| Some((service, service.tasks.iter().find(|task| task.id == id)?)));
            match found {
                Some((service, task)) => {
                    tasks.push(task.view(cluster, &service.name, service.launch_type(), definitions));
                }
                None => failures.push(not_found(&arn("task", &format!("{cluster}/{id}")))),
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }
}
