//! The tasks of a service under test, and the events that tell of them.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::service::{Service, seconds};
use super::shape::{Failing, Kind};
use super::timeline::{Rollout, Stop, Task};

const TARGET_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/shop/6d0ecf831eec9f09";

impl Service {
    /// The ARNs of the new tasks that are to run, or are to stop.
    pub(super) fn list_tasks(&self, desired: &str, now: Timestamp) -> Value {
        let tasks = self.tasks(now).into_iter();
        tasks.filter(|task| task["desiredStatus"] == desired).map(|task| task["taskArn"].clone()).collect()
    }

    pub(super) fn describe_tasks(&self, arns: &[&str], now: Timestamp) -> Value {
        let is_asked = |task: &Value| task["taskArn"].as_str().is_some_and(|arn| arns.contains(&arn));
        self.tasks(now).into_iter().filter(is_asked).collect()
    }

    fn tasks(&self, now: Timestamp) -> Vec<Value> {
        let tasks = |rollout: &Rollout| {
            let at = now.since(rollout.began);
            let started = rollout.tasks().into_iter().enumerate().filter(move |(_, task)| task.started <= at);
            started.map(|(nth, task)| self.task(rollout, nth, &task, at)).collect::<Vec<_>>()
        };
        self.rollouts.iter().flat_map(tasks).collect()
    }

    fn task(&self, rollout: &Rollout, nth: usize, task: &Task, at: Duration) -> Value {
        let time = |at: Duration| seconds(rollout.began.plus(at));
        let status = if task.has_stopped(at) {
            "STOPPED"
        } else if task.is_running(at) {
            "RUNNING"
        } else {
            "PENDING"
        };
        let mut shown = json!({
            "taskArn": self.task_arn(rollout.number, nth),
            "taskDefinitionArn": rollout.definition,
            "startedBy": format!("ecs-svc/{}", rollout.number),
            "group": format!("service:{}", self.name),
            "desiredStatus": if status == "STOPPED" { "STOPPED" } else { "RUNNING" },
            "lastStatus": status,
            "createdAt": time(task.started),
        });
        if let Some(runs) = task.runs.filter(|runs| *runs <= at) {
            shown["startedAt"] = json!(time(runs));
        }
        let mut container = json!({ "name": "app", "lastStatus": status });
        if let Some((stopped, why)) = task.stops.filter(|(stopped, _)| *stopped <= at) {
            let former = self.former.number;
            let (code, reason, exit) = match why {
                Stop::Failed(Failing::Exits) => {
                    ("EssentialContainerExited", "Essential container in task exited".to_owned(), 1)
                }
                Stop::Failed(Failing::Unhealthy) => (
                    "ServiceSchedulerInitiated",
                    format!("Task failed ELB health checks in (target-group {TARGET_GROUP})"),
                    143,
                ),
                Stop::Scaling => (
                    "ServiceSchedulerInitiated",
                    format!("Scaling activity initiated by (deployment ecs-svc/{former})"),
                    143,
                ),
            };
            shown["stopCode"] = json!(code);
            shown["stoppedReason"] = json!(reason);
            shown["stoppingAt"] = json!(time(stopped));
            shown["stoppedAt"] = json!(time(stopped));
            container["exitCode"] = json!(exit);
        }
        shown["containers"] = json!([container]);
        shown
    }

    fn task_arn(&self, number: u64, nth: usize) -> String {
        let cluster = self.arn.trim_end_matches(&self.name).replacen(":service/", ":task/", 1);
        format!("{cluster}{}", task_id(number, nth))
    }

    /// What has happened, the newest first.
    pub(super) fn events(&self, now: Timestamp) -> Value {
        let mut events: Vec<(Timestamp, String)> = Vec::new();
        for rollout in &self.rollouts {
            let happened = self.told(rollout).into_iter().map(|(at, said)| (rollout.began.plus(at), said));
            events.extend(happened.filter(|(at, _)| *at <= now));
        }
        // What happens at the same time comes in the order in which it is told.
        events.sort_by_key(|(at, _)| *at);
        let event = |(nth, (at, said)): (usize, (Timestamp, String))| {
            let message = format!("(service {}) {said}", self.name);
            json!({ "id": format!("event-{nth}"), "createdAt": seconds(at), "message": message })
        };
        events.into_iter().enumerate().rev().map(event).collect()
    }

    /// All that ECS tells of a rollout, and when.
    fn told(&self, rollout: &Rollout) -> Vec<(Duration, String)> {
        let (number, former) = (rollout.number, self.former.number);
        let tasks = rollout.tasks();
        let mut told = Vec::new();
        for chunk in tasks.chunk_by(|one, other| one.started == other.started) {
            let first = tasks.iter().take_while(|task| task.started < chunk[0].started).count();
            let names = (first..first + chunk.len()).map(|nth| named(number, nth)).collect::<Vec<_>>();
            told.push((chunk[0].started, format!("has started {} tasks: {}.", chunk.len(), names.join(" "))));
        }
        for (nth, task) in tasks.iter().enumerate() {
            if let Some((at, Stop::Failed(Failing::Unhealthy))) = task.stops {
                let why = "(reason Health checks failed with these codes: [502])";
                let place = format!("in (target-group {TARGET_GROUP})");
                told.push((at, format!("(port 8080) is unhealthy {place} due to {why}.")));
                told.push((at, format!("has stopped 1 running tasks: {}.", named(number, nth))));
            }
        }
        let (drains, ends) = (rollout.drains(), rollout.ends_in_list());
        let completed = |number: u64| format!("(deployment ecs-svc/{number}) deployment completed.");
        let failed = format!("(deployment ecs-svc/{number}) deployment failed: tasks failed to start.");
        let steady = "has reached a steady state.".to_owned();
        match rollout.kind {
            Kind::Rolling | Kind::BlueGreen => {
                let desired = rollout.desired;
                let names = (0..desired).map(|nth| named(former, nth)).collect::<Vec<_>>();
                told.push((drains, format!("has stopped {desired} running tasks: {}.", names.join(" "))));
                if !rollout.pace.drain.is_zero() {
                    told.push((drains, format!("has begun draining connections on {desired} tasks.")));
                }
                told.extend([(ends, completed(number)), (ends, steady)]);
            }
            Kind::RolledBack(_) => {
                told.push((drains, failed));
                told.push((drains, format!("rolling back to deployment ecs-svc/{former}.")));
                told.extend([(ends, completed(former)), (ends, steady)]);
            }
            Kind::GivenUp(_) => told.push((ends, failed)),
        }
        told
    }
}

fn named(number: u64, nth: usize) -> String {
    format!("(task {})", task_id(number, nth))
}

fn task_id(number: u64, nth: usize) -> String {
    format!("{:032x}", u128::from(number) << 64 | nth as u128)
}
