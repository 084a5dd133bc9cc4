//! One service: its deployments and tasks, and how a deployment begins and ends.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

use super::ids::Ids;
use super::rollout::{Rollout, RolloutOutcome, Shape};
use super::script::{Pace, Script, Step};
use super::service_deployment::{Cause, Course, ServiceDeployment, ServiceRevision};
use super::strategy::Strategy;
use super::task::Task;
use crate::request::{flag, number, text};

/// `DescribeServices` shows so many events, the newest ones.
const MOST_EVENTS: usize = 100;

#[derive(Debug, Clone, Default)]
pub(super) struct Service {
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) created: Timestamp,
    /// The desired count, unless the scheduling strategy is `DAEMON`.
    pub(super) desired: usize,
    /// The members of `CreateService` and `UpdateService` that are kept as they were given, an object.
    pub(super) settings: Value,
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
    /// What a rollback goes back to.
    pub(super) last_completed: Option<Completed>,
    /// How long its tasks take to leave: its target group's deregistration delay.
    pub(super) deregistration_delay: Duration,
    /// How long the parts of its deployments take, if that was set.
    pub(super) shape: Option<Shape>,
    /// Until when its rollout was played.
    pub(super) played: Timestamp,
    /// Its own, so that what happens to it has the same ids in a copy of it.
    pub(super) ids: Ids,
}

/// An entry of `deployments[]`.
#[derive(Debug, Clone, Default)]
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
    /// The deployment that it goes back to and why, if it is a rollback.
    pub(super) rolls_back: Option<(u64, Cause)>,
    pub(super) rollout: Rollout,
    pub(super) script: Script,
    /// When the script's last step was taken.
    pub(super) stepped: Timestamp,
    /// Until when it waits at a hook, if it does.
    pub(super) waits_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum RolloutState {
    #[default]
    InProgress,
    Completed,
    Failed(Cause),
}

/// The last deployment that completed.
#[derive(Debug, Clone)]
pub(super) struct Completed {
    pub(super) deployment: u64,
    pub(super) task_definition: String,
    pub(super) revision: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) message: String,
}

impl Service {
    /// Starts a deployment, which replaces the one that is going on.
    pub(super) fn deploy(&mut self, task_definition: &str, rollout: Rollout, at: Timestamp) {
        let reconciles = self.end_running(Course::Replaced, at);
        // A revision that ran before runs again: going back to it succeeds.
        let ran_before =
            self.last_completed.as_ref().is_some_and(|last| last.task_definition == task_definition);
        let rollout = if ran_before { Rollout { outcome: RolloutOutcome::Ok, ..rollout } } else { rollout };
        let strategy = Strategy::of(&self.settings);
        let pace = Pace { rollout, shape: self.shape, threshold: self.failure_threshold() };
        let script = Script::new(pace, &strategy, self.desired, reconciles);
        let number = self.ids.number();
        let sources = self.current_revisions();
        let task_definition = task_definition.to_owned();
        let revision =
            ServiceRevision { number, task_definition: task_definition.clone(), created: at, resolved: None };
        self.revisions.insert(0, revision);
        let record = ServiceDeployment::new(&mut self.ids, number, sources, at);
        self.service_deployments.insert(0, record);
        let mut deployment = Deployment {
            number,
            task_definition,
            revision: number,
            started: at,
            updated: at,
            rollout,
            ..Deployment::default()
        };
        deployment.play(script, at);
        self.deployments.insert(0, deployment);
    }

    /// Ends the service deployment that is going on; tells whether there was one.
    fn end_running(&mut self, course: Course, at: Timestamp) -> bool {
        let running = self.service_deployments.first_mut().filter(|running| running.is_running());
        running.map(|running| running.set_course(course, at)).is_some()
    }

    /// Ends the PRIMARY deployment as a success: only its tasks are left, as many as desired.
    pub(super) fn complete(&mut self, at: Timestamp) {
        self.drain_others(at);
        self.scale(at);
        let Some(primary) = self.deployments.first_mut() else { return };
        primary.state = RolloutState::Completed;
        primary.updated = at;
        let number = primary.number;
        self.deployments.truncate(1);
        self.succeed(at);
        self.report(at, &format!("(deployment ecs-svc/{number}) deployment completed."));
        self.report(at, "has reached a steady state.");
    }

    /// The service deployment has done what it was to do, whatever is left to be done for its tasks.
    pub(super) fn succeed(&mut self, at: Timestamp) {
        let Some(primary) = self.deployments.first() else { return };
        self.last_completed = Some(Completed {
            deployment: primary.number,
            task_definition: primary.task_definition.clone(),
            revision: primary.revision,
        });
        let course = if primary.rolls_back.is_some() { Course::RolledBack } else { Course::Successful };
        self.end_running(course, at);
    }

    /// As [`Self::scale`], unless a rollout goes on, which ends with the desired number anyway; at
    /// once, if that is 0.
    pub(super) fn scale_when_steady(&mut self, at: Timestamp) {
        match self.deployments.first_mut() {
            Some(primary) if primary.state == RolloutState::Completed => self.scale(at),
            Some(primary) if self.desired == 0 => primary.play(Script::completion(), at),
            Some(_) | None => {}
        }
    }

    /// Ends everything that runs, because the service is deleted.
    pub(super) fn delete(&mut self, at: Timestamp) {
        self.stop_tasks(at, |_| true);
        self.end_running(Course::Deleted, at);
        self.deployments.clear();
        self.desired = 0;
        self.active = false;
    }

    /// Who rolls out deployments: `ECS`, `CODE_DEPLOY`, or with `EXTERNAL` somebody outside AWS.
    pub(super) fn controller(&self) -> &str {
        text(&self.settings["deploymentController"], "type").unwrap_or("ECS")
    }

    pub(super) fn launch_type(&self) -> &str {
        text(&self.settings, "launchType").unwrap_or("EC2")
    }

    pub(super) fn scheduling_strategy(&self) -> &str {
        text(&self.settings, "schedulingStrategy").unwrap_or("REPLICA")
    }

    /// The PRIMARY deployment's number.
    pub(super) fn primary(&self) -> Option<u64> {
        self.deployments.first().map(|primary| primary.number)
    }

    /// A member of the deployment configuration that can be enabled, as it was configured.
    pub(super) fn monitor(&self, member: &str) -> &Value {
        &self.settings["deploymentConfiguration"][member]
    }

    pub(super) fn has_monitor(&self, member: &str) -> bool {
        flag(self.monitor(member), "enable")
    }

    /// How many failed tasks make the circuit breaker step in. By default that is half the desired
    /// count, but at least 3 and at most 200: "How the Amazon ECS deployment circuit breaker
    /// detects service failures" in the Amazon ECS Developer Guide.
    pub(super) fn failure_threshold(&self) -> u32 {
        let configured = &self.monitor("deploymentCircuitBreaker")["thresholdConfiguration"];
        let value: u64 = number(configured, "value").unwrap_or(50);
        let part = u32::try_from((self.desired as u64 * value).div_ceil(100)).unwrap_or(u32::MAX);
        match text(configured, "type") {
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

    pub(super) fn report(&mut self, at: Timestamp, what: &str) {
        let message = format!("(service {}) {what}", self.name);
        self.events.push_front(Event { id: self.ids.uuid(), at, message });
        self.events.truncate(MOST_EVENTS);
    }
}

impl Deployment {
    /// Takes the next step no earlier than this.
    pub(super) fn hold_until(&mut self, then: Timestamp) {
        if let Some(wait) = self.script.wait() {
            self.stepped = self.stepped.max(then.before(wait));
        }
    }

    /// Goes on as this script says.
    pub(super) fn play(&mut self, script: Script, at: Timestamp) {
        self.script = script;
        self.go_on(at);
    }

    /// Waits no more.
    pub(super) fn go_on(&mut self, at: Timestamp) {
        self.waits_until = None;
        self.stepped = at;
    }

    /// Takes out the next step if it is due at `now`, with its time.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Step)> {
        if self.state != RolloutState::InProgress {
            return None;
        }
        if let Some(at) = self.waits_until {
            return (at <= now).then_some((at, Step::TimeOut));
        }
        let at = self.stepped.plus(self.script.wait()?);
        if at > now {
            return None;
        }
        self.stepped = at;
        Some((at, self.script.take()?))
    }
}
