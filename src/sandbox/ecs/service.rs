//! One service: its deployments and tasks, and what each step of a rollout does to them.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::ids::Ids;
use super::request::{flag, text};
use super::rollout::{Rollout, RolloutOutcome, Step};
use super::service_deployment::{Course, RolledBackBy, ServiceDeployment};
use super::service_deployments::ServiceRevision;
use super::task_definitions::TaskDefinitions;
use super::tasks::{StopReason, Task, TaskState};
use crate::clock::Timestamp;

/// `DescribeServices` shows so many events, the newest ones.
const MOST_EVENTS: usize = 100;

#[derive(Debug)]
pub(super) struct Service {
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) created: Timestamp,
    /// When a request last changed it: no step of a rollout happens before that.
    pub(super) changed: Timestamp,
    /// The desired count, unless the scheduling strategy is `DAEMON`.
    pub(super) desired: usize,
    /// The members of `CreateService` and `UpdateService` that are kept as they were given.
    pub(super) settings: Map<String, Value>,
    pub(super) tags: Value,
    /// The newest first: the first one is PRIMARY, the others are ACTIVE.
    pub(super) deployments: Vec<Deployment>,
    /// The newest first.
    pub(super) service_deployments: Vec<ServiceDeployment>,
    /// The newest first.
    pub(super) revisions: Vec<ServiceRevision>,
    pub(super) tasks: Vec<Task>,
    /// The newest first.
    pub(super) events: VecDeque<Event>,
    /// What a circuit breaker rolls back to.
    pub(super) last_completed: Option<Completed>,
}

/// An entry of `deployments[]`.
#[derive(Debug)]
pub(super) struct Deployment {
    /// The digits in `ecs-svc/<digits>`.
    pub(super) number: u64,
    pub(super) task_definition: String,
    /// The number of the service revision that it runs.
    pub(super) revision: u64,
    pub(super) started: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) failed_tasks: u32,
    pub(super) state: RolloutState,
    /// The deployment that it goes back to and who wanted that, if it is a rollback.
    pub(super) rolls_back: Option<(u64, RolledBackBy)>,
    rollout: Rollout,
    steps_done: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

/// The last deployment that completed.
#[derive(Debug, Clone)]
pub(super) struct Completed {
    deployment: u64,
    task_definition: String,
    revision: u64,
}

#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) message: String,
}

impl Service {
    /// Starts a deployment, which replaces the one that is going on.
    pub(super) fn deploy(&mut self, task_definition: &str, rollout: Rollout, at: Timestamp, ids: &mut Ids) {
        if let Some(running) = self.service_deployments.first_mut().filter(|running| running.is_running()) {
            running.set_course(Course::Replaced, at);
        }
        // A revision that ran before runs again: going back to it succeeds.
        let ran_before =
            self.last_completed.as_ref().is_some_and(|last| last.task_definition == task_definition);
        let rollout = if ran_before { Rollout { outcome: RolloutOutcome::Ok, ..rollout } } else { rollout };
        let number = ids.number();
        let sources = self.current_revisions();
        self.revisions.insert(0, ServiceRevision::new(number, task_definition, at));
        self.service_deployments.insert(0, ServiceDeployment::new(ids, number, sources, at));
        self.make_primary(Deployment {
            number,
            task_definition: task_definition.to_owned(),
            revision: number,
            started: at,
            updated: at,
            failed_tasks: 0,
            state: RolloutState::InProgress,
            rolls_back: None,
            rollout,
            steps_done: 0,
        });
    }

    /// Takes every step of the rollout that is due at `now`, each at its own time.
    pub(super) fn advance(&mut self, now: Timestamp, definitions: &mut TaskDefinitions, ids: &mut Ids) {
        while let Some((at, step)) = self.next_step().filter(|(at, _)| *at <= now) {
            self.deployments[0].steps_done += 1;
            match step {
                Step::StartTasks => self.start_tasks(self.desired, at, ids),
                Step::StartOne => self.start_tasks(1, at, ids),
                Step::RunTasks => self.run_tasks(at),
                Step::DrainOthers => self.drain_others(at, ids),
                Step::Complete => self.complete(at, ids),
                Step::Crash => self.crash(at, ids),
                Step::CannotPlace => self.report(
                    at,
                    ids,
                    "was unable to place a task because no container instance met all of its requirements. Reason: No \
                     Container Instances were found in your cluster. For more information, see the Troubleshooting \
                     section of the Amazon ECS Developer Guide.",
                ),
                Step::Supersede => self.supersede(at, definitions, ids),
            }
        }
        self.tasks.retain(|task| task.is_visible(now));
    }

    /// Ends the PRIMARY deployment as a success: only its tasks are left, as many as desired.
    pub(super) fn complete(&mut self, at: Timestamp, ids: &mut Ids) {
        self.drain_others(at, ids);
        self.scale(at, ids);
        let Some(primary) = self.deployments.first_mut() else { return };
        primary.state = RolloutState::Completed;
        primary.updated = at;
        let number = primary.number;
        let course = if primary.rolls_back.is_some() { Course::RolledBack } else { Course::Successful };
        self.last_completed = Some(Completed {
            deployment: number,
            task_definition: primary.task_definition.clone(),
            revision: primary.revision,
        });
        self.deployments.truncate(1);
        if let Some(current) = self.service_deployments.first_mut() {
            current.set_course(course, at);
        }
        self.report(at, ids, &format!("(deployment ecs-svc/{number}) deployment completed."));
        self.report(at, ids, "has reached a steady state.");
    }

    /// Starts or stops tasks of the PRIMARY deployment until the desired number runs.
    pub(super) fn scale(&mut self, at: Timestamp, ids: &mut Ids) {
        let Some(number) = self.deployments.first().map(|primary| primary.number) else { return };
        let desired = self.desired;
        let have = self.tasks.iter().filter(|task| task.deployment == number && !task.is_stopped()).count();
        if have < desired {
            self.start_tasks(desired - have, at, ids);
        }
        let mut kept = 0;
        self.stop_tasks(at, ids, |task| {
            kept += usize::from(task.deployment == number);
            task.deployment == number && kept > desired
        });
        self.run_tasks(at);
    }

    /// As [`Self::scale`], unless a rollout goes on, which ends with the desired number anyway.
    pub(super) fn scale_when_steady(&mut self, at: Timestamp, ids: &mut Ids) {
        if self.deployments.first().is_some_and(|primary| primary.state == RolloutState::Completed) {
            self.scale(at, ids);
        }
    }

    /// Who rolls out deployments: `ECS`, `CODE_DEPLOY`, or with `EXTERNAL` somebody outside AWS.
    pub(super) fn controller(&self) -> &str {
        self.settings
            .get("deploymentController")
            .and_then(|controller| text(controller, "type"))
            .unwrap_or("ECS")
    }

    pub(super) fn launch_type(&self) -> &str {
        self.settings.get("launchType").and_then(Value::as_str).unwrap_or("EC2")
    }

    /// The service's circuit breaker, as it was configured.
    fn circuit_breaker(&self) -> Option<&Value> {
        self.settings.get("deploymentConfiguration")?.get("deploymentCircuitBreaker")
    }

    pub(super) fn has_circuit_breaker(&self) -> bool {
        self.circuit_breaker().is_some_and(|breaker| flag(breaker, "enable"))
    }

    /// How many failed tasks make the circuit breaker step in. By default that is half the desired
    /// count, but at least 3 and at most 200: "How the Amazon ECS deployment circuit breaker
    /// detects service failures" in the Amazon ECS Developer Guide.
    pub(super) fn failure_threshold(&self) -> u32 {
        let configured = self.circuit_breaker().and_then(|breaker| breaker.get("thresholdConfiguration"));
        let value = configured.and_then(|threshold| threshold.get("value")?.as_u64()).unwrap_or(50);
        let part = u32::try_from((self.desired as u64 * value).div_ceil(100)).unwrap_or(u32::MAX);
        match configured.and_then(|threshold| text(threshold, "type")) {
            Some("COUNT") => u32::try_from(value).unwrap_or(u32::MAX).max(1),
            Some("UNBOUNDED_PERCENT") => part.max(1),
            Some(_) | None => part.clamp(3, 200),
        }
    }

    /// The service revisions that the deployments run, each once.
    pub(super) fn current_revisions(&self) -> Vec<u64> {
        let mut revisions: Vec<u64> = self.deployments.iter().map(|deployment| deployment.revision).collect();
        revisions.sort_unstable();
        revisions.dedup();
        revisions
    }

    fn next_step(&self) -> Option<(Timestamp, Step)> {
        let primary = self.deployments.first().filter(|primary| primary.state == RolloutState::InProgress)?;
        let threshold = self.failure_threshold();
        let next = primary.rollout.next_step(primary.steps_done, primary.started, self.desired, threshold);
        next.map(|(at, step)| (at.max(self.changed), step))
    }

    fn make_primary(&mut self, deployment: Deployment) {
        self.deployments.insert(0, deployment);
    }

    fn start_tasks(&mut self, count: usize, at: Timestamp, ids: &mut Ids) {
        let Some(primary) = self.deployments.first() else { return };
        let new_task = |_| Task {
            id: ids.hex(),
            deployment: primary.number,
            task_definition: primary.task_definition.clone(),
            state: TaskState::Pending,
            created: at,
            started: None,
        };
        let started: Vec<Task> = (0..count).map(new_task).collect();
        // The first task of a deployment is what makes ECS ask the registry for the digests.
        if let Some(revision) = self.revisions.iter_mut().find(|revision| revision.number == primary.revision)
        {
            revision.resolved = true;
        }
        let names = names_of(started.iter());
        self.tasks.extend(started);
        self.report(at, ids, &format!("has started {count} tasks: {names}."));
    }

    fn run_tasks(&mut self, at: Timestamp) {
        let Some(number) = self.deployments.first().map(|primary| primary.number) else { return };
        for task in &mut self.tasks {
            if task.deployment == number && task.state == TaskState::Pending {
                task.state = TaskState::Running;
                task.started = Some(at);
            }
        }
    }

    fn drain_others(&mut self, at: Timestamp, ids: &mut Ids) {
        let Some(number) = self.deployments.first().map(|primary| primary.number) else { return };
        self.stop_tasks(at, ids, |task| task.deployment != number);
    }

    fn stop_tasks(&mut self, at: Timestamp, ids: &mut Ids, mut surplus: impl FnMut(&Task) -> bool) {
        let deployment = self.deployments.first().map_or(0, |primary| primary.number);
        let mut stopped = Vec::new();
        for task in self.tasks.iter_mut().filter(|task| !task.is_stopped()) {
            if surplus(task) {
                task.state = TaskState::Stopped { at, why: StopReason::Scaling { deployment } };
                stopped.push(&*task);
            }
        }
        if !stopped.is_empty() {
            let count = stopped.len();
            let names = names_of(stopped.into_iter());
            self.report(at, ids, &format!("has stopped {count} running tasks: {names}."));
        }
    }

    fn crash(&mut self, at: Timestamp, ids: &mut Ids) {
        let threshold = self.failure_threshold();
        let Some(primary) = self.deployments.first_mut() else { return };
        for task in &mut self.tasks {
            if task.deployment == primary.number && task.state == TaskState::Pending {
                task.state = TaskState::Stopped { at, why: StopReason::EssentialContainerExited };
                task.started = Some(at);
            }
        }
        primary.failed_tasks += 1;
        primary.updated = at;
        let tripped = primary.failed_tasks >= threshold;
        if let Some(current) = self.service_deployments.first_mut() {
            current.failures = primary.failed_tasks;
        }
        if tripped && self.has_circuit_breaker() {
            self.fail(at, ids);
        }
    }

    /// The circuit breaker ends the PRIMARY deployment, and goes back if it was configured to.
    fn fail(&mut self, at: Timestamp, ids: &mut Ids) {
        let rollback = self.circuit_breaker().is_some_and(|breaker| flag(breaker, "rollback"));
        let Some(failed) = self.deployments.first_mut() else { return };
        failed.state = RolloutState::Failed;
        let number = failed.number;
        self.report(
            at,
            ids,
            &format!("(deployment ecs-svc/{number}) deployment failed: tasks failed to start."),
        );
        if rollback {
            self.roll_back(RolledBackBy::CircuitBreaker, at, ids);
        } else if let Some(current) = self.service_deployments.first_mut() {
            current.set_course(Course::Failed, at);
        }
    }

    /// Starts a deployment of the last good definition, if there is one. The service deployment
    /// stays the same, and so does its target.
    pub(super) fn roll_back(&mut self, by: RolledBackBy, at: Timestamp, ids: &mut Ids) {
        let (Some(current), Some(primary)) = (self.service_deployments.first_mut(), self.deployments.first())
        else {
            return;
        };
        let Some(target) = self.last_completed.clone() else {
            current.set_course(Course::CannotRollBack, at);
            return;
        };
        current.begin_rollback(target.revision, by, at);
        let rollout = Rollout { outcome: RolloutOutcome::Ok, ..primary.rollout };
        self.report(at, ids, &format!("rolling back to deployment ecs-svc/{}.", target.deployment));
        self.make_primary(Deployment {
            number: ids.number(),
            task_definition: target.task_definition,
            revision: target.revision,
            started: at,
            updated: at,
            failed_tasks: 0,
            state: RolloutState::InProgress,
            rolls_back: Some((target.deployment, by)),
            rollout,
            steps_done: 0,
        });
    }

    /// Ends everything that runs, because the service is deleted.
    pub(super) fn delete(&mut self, at: Timestamp, ids: &mut Ids) {
        self.stop_tasks(at, ids, |_| true);
        if let Some(current) = self.service_deployments.first_mut().filter(|current| current.is_running()) {
            current.set_course(Course::Deleted, at);
        }
        self.deployments.clear();
        self.desired = 0;
        self.active = false;
    }

    /// Another actor registers a copy of the PRIMARY deployment's definition with another image and
    /// deploys it.
    fn supersede(&mut self, at: Timestamp, definitions: &mut TaskDefinitions, ids: &mut Ids) {
        let Some(primary) = self.deployments.first() else { return };
        let Some(revision) = definitions.find(&primary.task_definition) else { return };
        let mut copy = revision.stored().clone();
        if let Some(image) = copy.pointer_mut("/containerDefinitions/0/image") {
            *image = "registry.example.com/rival:1".into();
        }
        let rollout = Rollout { outcome: RolloutOutcome::Ok, ..primary.rollout };
        if let Ok(revision) = definitions.add(&copy, at) {
            let arn = revision.arn.clone();
            self.deploy(&arn, rollout, at, ids);
        }
    }

    fn report(&mut self, at: Timestamp, ids: &mut Ids, what: &str) {
        let message = format!("(service {}) {what}", self.name);
        self.events.push_front(Event { id: ids.uuid(), at, message });
        self.events.truncate(MOST_EVENTS);
    }
}

fn names_of<'a>(tasks: impl Iterator<Item = &'a Task>) -> String {
    tasks.map(|task| format!("(task {})", task.id)).collect::<Vec<_>>().join(" ")
}
