//! `RunTask`.

use std::collections::BTreeSet;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::OneOffTasks;
use super::plan::{Plan, watched_override};
use super::refusals;
use super::task::{Capacity, Task};
use super::tokens::Used;
use crate::ecs::clusters::Clusters;
use crate::ecs::task_definitions::{Revision, TaskDefinitions};
use crate::request::{flag, list, number, text, texts};
use crate::wire::{ApiError, ApiResult};

impl OneOffTasks {
    /// Starts the tasks that a request asks for, unless its token says that they were started before.
    ///
    /// # Errors
    /// What ECS refuses. In which order ECS checks is not known; a token is looked up first.
    pub(in crate::ecs) fn run(
        &mut self,
        request: &Value,
        clusters: &Clusters,
        definitions: &TaskDefinitions,
        declared: &BTreeSet<String>,
        now: Timestamp,
    ) -> ApiResult {
        let cluster = clusters.name_in(request)?;
        refusals::check_token(request)?;
        let token = text(request, "clientToken");
        let used = token.and_then(|token| self.tokens.used(cluster, token, &self.tasks, now));
        if let Some(used) = used {
            return self.replay(used, request, definitions, now);
        }
        let revision = definitions.find_active(text(request, "taskDefinition").unwrap_or_default())?;
        let capacity = capacity(request, clusters.default_strategy(cluster));
        refusals::check(request, revision, &capacity, declared)?;
        let (mut started, mut failures) = (Vec::new(), Vec::new());
        match self.next_failure() {
            Some(failure) => failures.push(failure),
            None => {
                let count = number(request, "count").unwrap_or(1_usize);
                started.extend(
                    (0..count).map(|_| self.start(request, cluster, revision, capacity.clone(), now)),
                );
            }
        }
        if let Some(token) = token {
            let ids = started.iter().map(|task| task.id.clone()).collect();
            let used = Used::new(request, ids, failures.clone(), now);
            self.tokens.keep(cluster, token, used);
        }
        let views: Vec<Value> = started.iter().map(|task| task.view(now, definitions, true)).collect();
        self.tasks.extend(started);
        Ok(json!({ "tasks": views, "failures": failures }))
    }

    /// The response to a request whose token was used before.
    fn replay(
        &self,
        used: &Used,
        request: &Value,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> ApiResult {
        let tasks = || self.tasks.iter().filter(|task| used.tasks.contains(&task.id));
        if !used.is_same(request) {
            // The words of the model; ECS's own are not known.
            let message = "The provided clientToken is already in use with a different RunTask request.";
            let arns = tasks().map(Task::arn).collect();
            return Err(ApiError::new("ConflictException", message).with_resource_ids(arns));
        }
        let view = |task: &Task| match task.stopped(now) {
            Some(_) => task.brief(now),
            None => task.view(now, definitions, true),
        };
        Ok(json!({ "tasks": tasks().map(view).collect::<Vec<_>>(), "failures": used.failures }))
    }

    fn start(
        &mut self,
        request: &Value,
        cluster: &str,
        revision: &Revision,
        capacity: Capacity,
        now: Timestamp,
    ) -> Task {
        let command = watched_override(request).map(|it| texts(it, "command").join(" "));
        let script = self.script_of(&command.unwrap_or_default());
        Task {
            plan: Plan::new(&script, request, revision),
            id: self.ids.hex(),
            cluster: cluster.to_owned(),
            task_definition: revision.arn.clone(),
            created: now,
            capacity,
            tags: tags(request, revision, cluster),
            stop: None,
            request: request.clone(),
        }
    }

    /// The failure of the next request, if it is to fail.
    fn next_failure(&mut self) -> Option<Value> {
        let (reason, left) = self.refusals.front_mut()?;
        // The words of the detail are not ECS's: the reference only says that it has one.
        let failure = json!({ "reason": reason, "detail": "The task could not be placed." });
        *left -= 1;
        if *left == 0 {
            self.refusals.pop_front();
        }
        Some(failure)
    }
}

/// What the tasks of a request run on: its own launch type or strategy, or else the cluster's default strategy, or else
/// instances.
fn capacity(request: &Value, default_strategy: &[Value]) -> Capacity {
    if let Some(launch_type) = text(request, "launchType") {
        return Capacity { launch_type: launch_type.to_owned(), provider: None };
    }
    let given = list(request, "capacityProviderStrategy");
    let strategy = if given.is_empty() { default_strategy } else { given };
    // One task goes to the provider that has to run a base, or else to the one with the most weight.
    let rank = |item: &&Value| {
        let part = |member| number(item, member).unwrap_or(0_u64);
        (part("base"), part("weight"))
    };
    let first = strategy.iter().rev().max_by_key(rank).and_then(|item| text(item, "capacityProvider"));
    let is_fargate = matches!(first, Some("FARGATE" | "FARGATE_SPOT"));
    let launch_type = if is_fargate { "FARGATE" } else { "EC2" };
    Capacity { launch_type: launch_type.to_owned(), provider: first.map(str::to_owned) }
}

/// The request's tags, with those of the definition and of ECS that it asks for. A tag of the request counts more than one
/// of the definition.
fn tags(request: &Value, revision: &Revision, cluster: &str) -> Vec<Value> {
    let mut tags = list(request, "tags").to_vec();
    if text(request, "propagateTags") == Some("TASK_DEFINITION") {
        for tag in list(&revision.request, "tags") {
            if tags.iter().all(|it| it["key"] != tag["key"]) {
                tags.push(tag.clone());
            }
        }
    }
    if flag(request, "enableECSManagedTags") {
        tags.push(json!({ "key": "aws:ecs:clusterName", "value": cluster }));
    }
    tags
}
