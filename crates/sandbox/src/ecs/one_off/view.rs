//! A one-off task as `DescribeTasks` shows it.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::course::Course;
use super::task::Task;
use crate::ecs::ids::arn;
use crate::ecs::task_definitions::TaskDefinitions;
use crate::request::{flag, list, merged, seconds, text, without_nulls};

impl Task {
    /// The task as it is at `now`, with its tags or without.
    pub(super) fn view(&self, now: Timestamp, definitions: &TaskDefinitions, with_tags: bool) -> Value {
        let course = self.course(now);
        let past = |at: Option<Timestamp>| at.filter(|at| *at <= now).map(seconds);
        let end = course.end_by(now);
        let request = &self.request;
        let definition = definitions.find(&self.task_definition).map(|revision| &revision.request);
        let size = |member: &str| {
            let defined = definition.and_then(|it| text(it, member));
            text(&request["overrides"], member).or(defined)
        };
        let is_fargate = self.capacity.launch_type == "FARGATE";
        let platform_version = text(request, "platformVersion").unwrap_or("1.4.0");
        let group = || format!("family:{}", self.family());
        let tags = if with_tags { self.tags_at(now) } else { &[] };
        let is_network = request.get("networkConfiguration").is_some_and(Value::is_object);
        without_nulls(json!({
            "taskArn": self.arn(),
            "clusterArn": arn("cluster", &self.cluster),
            "taskDefinitionArn": self.task_definition,
            "group": text(request, "group").map_or_else(group, str::to_owned),
            "startedBy": self.started_by(),
            "launchType": self.capacity.launch_type,
            "capacityProviderName": self.capacity.provider,
            "platformVersion": is_fargate.then_some(platform_version),
            "platformFamily": is_fargate.then_some("Linux"),
            "cpu": size("cpu"),
            "memory": size("memory"),
            "enableExecuteCommand": flag(request, "enableExecuteCommand"),
            "overrides": self.overrides(),
            "desiredStatus": course.desired_status(now),
            "lastStatus": course.last_status(now),
            "healthStatus": "UNKNOWN",
            "createdAt": seconds(self.created),
            "startedAt": past(course.started),
            "stopCode": end.map(|end| end.stop_code),
            "stoppedReason": end.map(|end| end.reason.as_str()),
            "stoppingAt": past(end.map(|end| end.stopping)),
            "executionStoppedAt": past(end.map(|end| end.execution_stopped)),
            "stoppedAt": past(end.map(|end| end.stopped)),
            "attachments": if is_network { self.attachments(&course, now) } else { json!([]) },
            "attributes": [],
            "tags": tags,
            "version": 1,
            "containers": self.containers(&course, now, definitions),
        }))
    }

    /// The task as a replay of the request that started it shows a stopped one: "ARN and statuses only".
    pub(super) fn brief(&self, now: Timestamp) -> Value {
        let course = self.course(now);
        json!({
            "taskArn": self.arn(),
            "lastStatus": course.last_status(now),
            "desiredStatus": course.desired_status(now),
        })
    }

    fn tags_at(&self, now: Timestamp) -> &[Value] {
        // "Any tags associated with the task will be deleted": StopTask.
        let is_stopped = self.stop.as_ref().is_some_and(|stop| stop.at <= now);
        if is_stopped { &[] } else { &self.tags }
    }

    /// The overrides as ECS shows them: an entry for each container, also for those that the request left alone.
    fn overrides(&self) -> Value {
        let given = &self.request["overrides"];
        let entries = list(given, "containerOverrides");
        let of_container = |name: &str| {
            let entry = entries.iter().find(|it| text(it, "name") == Some(name));
            entry.map_or_else(|| json!({ "name": name }), |entry| without_nulls(entry.clone()))
        };
        let containers: Vec<Value> = self.plan.containers.iter().map(|it| of_container(&it.name)).collect();
        let unset = json!({ "inferenceAcceleratorOverrides": [] });
        without_nulls(merged(merged(unset, given), &json!({ "containerOverrides": containers })))
    }

    /// The network interface of a task that has one of its own.
    fn attachments(&self, course: &Course, now: Timestamp) -> Value {
        let status = match course.last_status(now) {
            "PROVISIONING" => "PRECREATED",
            "DEPROVISIONING" | "STOPPED" => "DELETED",
            _ => "ATTACHED",
        };
        json!([{
            "id": format!("eni-{}", self.id),
            "type": "ElasticNetworkInterface",
            "status": status,
            "details": [],
        }])
    }

    fn containers(&self, course: &Course, now: Timestamp, definitions: &TaskDefinitions) -> Vec<Value> {
        let has_run = course.started.is_some_and(|started| started <= now);
        let is_over = course.end_by(now).is_some();
        let failed = self.plan.failed_start.as_ref().filter(|failed| is_over && failed.is_of_container);
        let task_arn = self.arn();
        let view = |index: usize| {
            let (plan, exit) = (&self.plan.containers[index], course.exits[index]);
            let exit = exit.filter(|exit| exit.at <= now);
            let last_status = match (has_run, exit) {
                (true, Some(_)) => "STOPPED",
                (true, None) => "RUNNING",
                (false, _) if is_over => "STOPPED",
                (false, _) => "PENDING",
            };
            let failed_to_start = failed.filter(|_| index == self.plan.watched);
            without_nulls(json!({
                "containerArn": format!("{}/{index}", task_arn.replacen(":task/", ":container/", 1)),
                "taskArn": task_arn,
                "name": plan.name,
                "image": plan.image,
                "lastStatus": last_status,
                "networkInterfaces": [],
                "healthStatus": "UNKNOWN",
                "imageDigest": has_run.then(|| definitions.digests.at(&plan.image, self.created)),
                "runtimeId": has_run.then(|| self.runtime_id(&plan.name)),
                "exitCode": exit.map(|exit| exit.code),
                "reason": exit.and_then(|it| it.reason).or(failed_to_start.map(|it| it.reason.as_str())),
            }))
        };
        (0..self.plan.containers.len()).map(view).collect()
    }
}
