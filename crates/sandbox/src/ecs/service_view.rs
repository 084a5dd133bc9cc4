//! A service as `DescribeServices` shows it.

use std::time::Duration;

use serde_json::{Value, json};

use super::ids::arn;
use super::service::{Deployment, Event, RolloutState, Service};
use super::service_deployment::Cause;
use super::strategy::Traffic;
use super::task::TaskState;
use crate::ACCOUNT;
use crate::request::{list, merged, seconds, text, without_nulls};

/// How long a new deployment is shown with a desired count of 0. Real answers to an update show it so;
/// for how long is not known, but tasks start some 14 s after it.
const UNCOUNTED: Duration = Duration::from_secs(4);

impl Service {
    pub(super) fn arn(&self) -> String {
        arn("service", &format!("{}/{}", self.cluster, self.name))
    }

    /// The definition of the PRIMARY deployment.
    pub(super) fn task_definition(&self) -> Option<&str> {
        self.deployments.first().map(|primary| primary.task_definition.as_str())
    }

    /// The running and pending tasks of the deployments that `of` picks.
    pub(super) fn task_counts(&self, of: impl Fn(&Deployment) -> bool) -> (usize, usize) {
        let picked: Vec<u64> = self.deployments.iter().filter(|it| of(it)).map(|it| it.number).collect();
        let tasks = || self.tasks.iter().filter(|task| picked.contains(&task.deployment));
        let running = tasks().filter(|task| task.state == TaskState::Running).count();
        let pending = tasks().filter(|task| task.state == TaskState::Pending).count();
        (running, pending)
    }

    /// A service revision with the number of its tasks.
    pub(super) fn revision_summary(&self, revision: u64) -> Value {
        let (running, pending) = self.task_counts(|deployment| deployment.revision == revision);
        let is_target = self.deployments.first().is_some_and(|primary| primary.revision == revision);
        let shown = self.deployments.first().map_or(self.desired, |primary| self.shown_desired(primary));
        json!({
            "arn": self.revision_arn(revision),
            "requestedTaskCount": if is_target { shown } else { running + pending },
            "runningTaskCount": running,
            "pendingTaskCount": pending,
        })
    }

    /// How many tasks the PRIMARY deployment is shown to want: none in its first seconds.
    fn shown_desired(&self, primary: &Deployment) -> usize {
        let is_young = self.played.since(primary.started) < UNCOUNTED;
        if is_young && primary.state == RolloutState::InProgress { 0 } else { self.desired }
    }

    pub(super) fn view(&self, with_tags: bool) -> Value {
        let (running, pending) = self.task_counts(|_| true);
        let unset = json!({
            "loadBalancers": [],
            "serviceRegistries": [],
            "placementConstraints": [],
            "placementStrategy": [],
            "enableECSManagedTags": false,
            "enableExecuteCommand": false,
            "propagateTags": "NONE",
            "resourceManagementType": "CUSTOMER",
        });
        let added = json!({
            "serviceArn": self.arn(),
            "serviceName": self.name,
            "clusterArn": arn("cluster", &self.cluster),
            "status": if self.active { "ACTIVE" } else { "INACTIVE" },
            "desiredCount": self.desired,
            "runningCount": running,
            "pendingCount": pending,
            "launchType": self.launch_type(),
            "schedulingStrategy": self.scheduling_strategy(),
            "deploymentConfiguration": self.deployment_configuration(),
            "createdAt": seconds(self.created),
            "createdBy": format!("arn:aws:iam::{ACCOUNT}:user/evenkeel"),
            "events": self.events_view(),
            "taskDefinition": self.task_definition(),
            "tags": with_tags.then_some(&self.tags),
        });
        let service = merged(merged(unset, &self.settings), &added);
        without_nulls(merged(service, &self.rollouts_view()))
    }

    /// The members that show deployments. One of another controller is a task set, and has no service
    /// deployment.
    fn rollouts_view(&self) -> Value {
        if self.controller() != "ECS" {
            return json!({ "deployments": [], "taskSets": self.task_sets() });
        }
        let current = self.service_deployments.first();
        let revisions = self.current_revisions().into_iter();
        json!({
            "deployments": self.deployments_view(),
            "currentServiceDeployment": current.map(|current| self.service_deployment_arn(current)),
            "currentServiceRevisions": revisions.map(|it| self.revision_summary(it)).collect::<Vec<_>>(),
        })
    }

    pub(super) fn deployment_configuration(&self) -> Value {
        let (maximum, minimum) = if self.scheduling_strategy() == "DAEMON" { (100, 0) } else { (200, 100) };
        let unset = json!({
            "deploymentCircuitBreaker": { "enable": false, "rollback": false },
            "maximumPercent": maximum,
            "minimumHealthyPercent": minimum,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        });
        merged(unset, &self.settings["deploymentConfiguration"])
    }

    fn deployments_view(&self) -> Value {
        self.deployments.iter().enumerate().map(|(index, it)| self.deployment_view(it, index == 0)).collect()
    }

    fn deployment_view(&self, deployment: &Deployment, primary: bool) -> Value {
        let (running, pending) = self.task_counts(|it| it.number == deployment.number);
        let rollout = self.reports_rollout_states().then(|| rollout_state(deployment));
        let (state, reason) = rollout.unzip();
        without_nulls(json!({
            "id": format!("ecs-svc/{}", deployment.number),
            "status": self.deployment_status(deployment, primary),
            "taskDefinition": deployment.task_definition,
            "desiredCount": if primary { self.shown_desired(deployment) } else { running + pending },
            "runningCount": running,
            "pendingCount": pending,
            "failedTasks": deployment.failed_tasks,
            "createdAt": seconds(deployment.started),
            "updatedAt": seconds(deployment.updated),
            "launchType": self.launch_type(),
            "rolloutState": state,
            "rolloutStateReason": reason,
            "networkConfiguration": self.settings["networkConfiguration"],
        }))
    }

    /// What failed and was rolled back is shown as `DRAINING`; the model does not name it.
    fn deployment_status(&self, deployment: &Deployment, primary: bool) -> &'static str {
        let rolls_back = self.deployments.first().is_some_and(|first| first.rolls_back.is_some());
        match deployment.state {
            _ if primary => "PRIMARY",
            RolloutState::Failed(_) if rolls_back => "DRAINING",
            RolloutState::Failed(_) | RolloutState::InProgress | RolloutState::Completed => "ACTIVE",
        }
    }

    /// "The rolloutState of a service is only returned for services that use the rolling update (ECS)
    /// deployment type that aren't behind a Classic Load Balancer": the service model.
    fn reports_rollout_states(&self) -> bool {
        let is_classic = |balancer: &Value| text(balancer, "loadBalancerName").is_some();
        Traffic::of(&self.settings["deploymentConfiguration"]) == Traffic::Rolling
            && !list(&self.settings, "loadBalancers").iter().any(is_classic)
    }

    fn task_sets(&self) -> Value {
        let view = |deployment: &Deployment| {
            let (running, pending) = self.task_counts(|it| it.number == deployment.number);
            json!({
                "id": format!("ecs-svc/{}", deployment.number),
                "taskSetArn": arn("task-set", &format!("{}/{}/ecs-svc/{}", self.cluster, self.name, deployment.number)),
                "serviceArn": self.arn(),
                "clusterArn": arn("cluster", &self.cluster),
                "status": "PRIMARY",
                "taskDefinition": deployment.task_definition,
                "computedDesiredCount": self.desired,
                "runningCount": running,
                "pendingCount": pending,
                "createdAt": seconds(deployment.started),
                "updatedAt": seconds(deployment.updated),
                "launchType": self.launch_type(),
                "stabilityStatus": "STEADY_STATE",
            })
        };
        self.deployments.iter().take(1).map(view).collect()
    }

    fn events_view(&self) -> Value {
        let view = |event: &Event| json!({ "id": event.id, "createdAt": seconds(event.at), "message": event.message });
        self.events.iter().map(view).collect()
    }
}

fn rollout_state(deployment: &Deployment) -> (&'static str, String) {
    let number = deployment.number;
    let (state, what) = match deployment.state {
        RolloutState::Failed(cause) => return ("FAILED", cause.failure_reason()),
        RolloutState::InProgress => ("IN_PROGRESS", "in progress"),
        RolloutState::Completed => ("COMPLETED", "completed"),
    };
    let reason = match deployment.rolls_back {
        Some((target, Cause::CircuitBreaker)) => {
            format!("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/{target}.")
        }
        // AWS documents no text for this one.
        Some((target, Cause::Alarm)) => {
            format!("ECS deployment alarm: rolling back to deploymentId ecs-svc/{target}.")
        }
        Some((_, Cause::Caller | Cause::Hook(_))) | None => {
            format!("ECS deployment ecs-svc/{number} {what}.")
        }
    };
    (state, reason)
}
