//! `ListTasks` and `DescribeTasks`.

use serde_json::{Value, json};

use super::clusters::Clusters;
use super::ids::{arn, name_of};
use super::request::{not_found, page, text, texts};
use super::services::Services;
use super::task::Task;
use super::task_definitions::TaskDefinitions;
use crate::wire::ApiError;

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
