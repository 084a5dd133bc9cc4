//! `ListTasks` and `DescribeTasks`, of the services' tasks and of one-off tasks.

use serde_json::Value;

use super::ids::{arn, name_of};
use super::one_off::Seen;
use super::services::{Services, check_number, short};
use super::task::Task;
use super::task_definitions::TaskDefinitions;
use crate::request::{described, includes, page, text, texts};
use crate::wire::{ApiError, ApiResult, refuse_if};

/// The filters that cannot be combined with `startedBy`: "it must be the only filter that you use".
const FILTERS: [&str; 5] = ["containerInstance", "daemonName", "family", "launchType", "serviceName"];

impl Services {
    pub(super) fn list_tasks(&self, request: &Value, cluster: &str, one_off: Seen<'_>) -> ApiResult {
        let service = text(request, "serviceName").map(|service| self.find(cluster, service)).transpose()?;
        let started_by = text(request, "startedBy");
        refuse_if(
            started_by.is_some() && FILTERS.iter().any(|filter| text(request, filter).is_some()),
            || ApiError::invalid_parameter("cannot specify startedBy with other filters"),
        )?;
        let desired = text(request, "desiredStatus").unwrap_or("RUNNING");
        let family = text(request, "family");
        let in_family = |task: &Task| {
            let name = name_of("task-definition", &task.task_definition);
            family.is_none_or(|family| name.split(':').next() == Some(family))
        };
        let launch_type = text(request, "launchType");
        let of_services = self
            .in_cluster(cluster)
            .filter(|candidate| service.is_none_or(|service| service.name == candidate.name))
            .filter(|service| launch_type.is_none_or(|launch_type| launch_type == service.launch_type()))
            .flat_map(|service| &service.tasks)
            .filter(|task| task.desired_status() == desired && in_family(task))
            .filter(|task| started_by.is_none_or(|id| id == format!("ecs-svc/{}", task.deployment)))
            .map(|task| task.arn(cluster).into());
        let one_off = one_off.list(request, cluster).filter(|_| service.is_none());
        page(request, "taskArns", of_services.chain(one_off).collect(), 100)
    }

    /// Refuses to stop a task of a service: how its service replaces it is not embedded.
    pub(super) fn check_stop(&self, request: &Value, cluster: &str) -> Result<(), ApiError> {
        let id = short(text(request, "task").unwrap_or_default());
        let is_theirs = self.in_cluster(cluster).flat_map(|service| &service.tasks).any(|task| task.id == id);
        refuse_if(is_theirs, || {
            ApiError::client("The embedded AWS stops one-off tasks only. This is a task of a service.")
        })
    }

    pub(super) fn describe_tasks(
        &self,
        request: &Value,
        cluster: &str,
        definitions: &TaskDefinitions,
        one_off: Seen<'_>,
    ) -> ApiResult {
        let references = texts(request, "tasks");
        check_number("Tasks", &references, 100)?;
        let with_tags = includes(request, "TAGS");
        let views = references.into_iter().map(|reference| {
            let id = short(reference);
            if let Some(view) = one_off.describe(cluster, id, definitions, with_tags) {
                return Ok(view);
            }
            let found = self
                .in_cluster(cluster)
                .find_map(|service| Some((service, service.tasks.iter().find(|task| task.id == id)?)));
            let (service, task) = found.ok_or_else(|| arn("task", &format!("{cluster}/{id}")))?;
            Ok(task.view(&service.cluster, &service.name, service.launch_type(), definitions))
        });
        described("tasks", views)
    }
}
