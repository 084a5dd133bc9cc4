//! `ListTasks` and `DescribeTasks`.

use serde_json::Value;

use super::ids::{arn, name_of};
use super::services::{Services, check_number, short};
use super::task::Task;
use super::task_definitions::TaskDefinitions;
use crate::request::{described, page, text, texts};
use crate::wire::{ApiError, ApiResult, refuse_if};

impl Services {
    pub(super) fn list_tasks(&self, request: &Value, cluster: &str) -> ApiResult {
        let service = text(request, "serviceName").map(|service| self.find(cluster, service)).transpose()?;
        let started_by = text(request, "startedBy");
        refuse_if(service.is_some() && started_by.is_some(), || {
            ApiError::invalid_parameter("cannot specify startedBy with other filters")
        })?;
        let desired = text(request, "desiredStatus").unwrap_or("RUNNING");
        let family = text(request, "family");
        let in_family = |task: &Task| {
            let name = name_of("task-definition", &task.task_definition);
            family.is_none_or(|family| name.split(':').next() == Some(family))
        };
        let arns = self
            .in_cluster(cluster)
            .filter(|candidate| service.is_none_or(|service| service.name == candidate.name))
            .flat_map(|service| &service.tasks)
            .filter(|task| task.desired_status() == desired && in_family(task))
            .filter(|task| started_by.is_none_or(|id| id == format!("ecs-svc/{}", task.deployment)))
            .map(|task| task.arn(cluster).into())
            .collect();
        page(request, "taskArns", arns, 100)
    }

    pub(super) fn describe_tasks(
        &self,
        request: &Value,
        cluster: &str,
        definitions: &TaskDefinitions,
    ) -> ApiResult {
        let references = texts(request, "tasks");
        check_number("Tasks", &references, 100)?;
        let views = references.into_iter().map(|reference| {
            let id = short(reference);
            let found = self
                .in_cluster(cluster)
                .find_map(|service| Some((service, service.tasks.iter().find(|task| task.id == id)?)));
            let (service, task) = found.ok_or_else(|| arn("task", &format!("{cluster}/{id}")))?;
            Ok(task.view(&service.cluster, &service.name, service.launch_type(), definitions))
        });
        described("tasks", views)
    }
}
