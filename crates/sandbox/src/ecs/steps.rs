//! What each step of a rollout does to its service.

use evenkeel_core::timestamp::Timestamp;

use super::ending::{Ending, Reach};
use super::lifecycle::{Hook, HookRun, HookStatus, Stage};
use super::rollout::{Rollout, RolloutOutcome};
use super::script::Step;
use super::service::{Deployment, Service};
use super::service_deployment::{Cause, ServiceDeployment};
use super::task::{StopReason, Task, TaskState};
use super::task_definitions::TaskDefinitions;
use crate::request::{number, text};
use crate::{ACCOUNT, REGION};

impl Service {
    /// Takes every step of the rollout that is due at `now`, each at its own time.
    pub(super) fn advance(&mut self, now: Timestamp, definitions: &mut TaskDefinitions) {
        while let Some((at, step)) = self.deployments.first_mut().and_then(|primary| primary.take_due(now)) {
            self.take(step, at, definitions);
        }
        self.tasks.iter_mut().for_each(|task| task.leave(now));
        self.played = now;
        self.tasks.retain(|task| task.is_visible(now));
    }

    fn take(&mut self, step: Step, at: Timestamp, definitions: &mut TaskDefinitions) {
        match step {
            Step::StartTasks => self.start_missing(at),
            Step::StartOne => self.start_tasks(1, at),
            Step::RunShare(percent) => self.run_tasks((self.desired * percent).div_ceil(100), at),
            Step::RunTasks => {
                self.run_tasks(usize::MAX, at);
                self.forget_failures();
            }
            Step::RunOne => self.run_tasks(1, at),
            Step::End(ending) => {
                let image = self.deployments.first().and_then(|primary| {
                    let revision = definitions.find(&primary.task_definition)?;
                    revision.images().next().map(|(_, image)| image.to_owned())
                });
                self.end_task(ending, &image.unwrap_or_default(), at);
            }
            Step::PortTaken => self.report(
                at,
                "was unable to place a task because no container instance met all of its requirements. The closest \
                 matching container-instance 1d2c3b4a59687f6e5d4c3b2a19087f6e is already using a port required by your \
                 task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
            ),
            Step::PortFree => {}
            Step::CannotReplace => self.report(
                at,
                "was unable to stop or start tasks during a deployment because of the service deployment \
                 configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
            ),
            Step::CannotPlace => self.report(
                at,
                "was unable to place a task because no container instance met all of its requirements. Reason: No \
                 Container Instances were found in your cluster. For more information, see the Troubleshooting \
                 section of the Amazon ECS Developer Guide.",
            ),
            Step::DrainOthers => {
                self.drain_others(at);
                let left = at.plus(self.deregistration_delay);
                if let Some(primary) = self.deployments.first_mut() {
                    primary.hold_until(left);
                }
            }
            Step::SucceedEarly => self.succeed(at),
            Step::Complete => self.complete(at),
            Step::Supersede => {
                self.overtake(|it| definitions.rival_of(it.number, &it.task_definition, at), at);
            }
            Step::ForceAgain => self.overtake(|it| Some(it.task_definition.clone()), at),
            Step::RaiseAlarm => self.fail(Cause::Alarm, at),
            Step::Enter(stage) => self.change_record(|record| record.stage = Some(stage)),
            Step::ShiftTest(percent) => self.change_record(|record| record.traffic.0 = percent),
            Step::ShiftProduction(percent) => self.change_record(|record| record.traffic.1 = percent),
            Step::Call(hook, stage) => self.call_hook(hook, stage, at),
            Step::TimeOut => self.time_out(at),
        }
    }

    /// Starts or stops tasks of the PRIMARY deployment until the desired number runs.
    pub(super) fn scale(&mut self, at: Timestamp) {
        self.start_missing(at);
        let (primary, desired) = (self.primary(), self.desired);
        let mut kept = 0;
        self.stop_tasks(at, |task| {
            let is_own = Some(task.deployment) == primary;
            kept += usize::from(is_own);
            is_own && kept > desired
        });
        self.run_tasks(usize::MAX, at);
    }

    pub(super) fn drain_others(&mut self, at: Timestamp) {
        if let Some(primary) = self.primary() {
            self.stop_tasks(at, |task| task.deployment != primary);
        }
    }

    pub(super) fn stop_tasks(&mut self, at: Timestamp, mut surplus: impl FnMut(&Task) -> bool) {
        let deployment = self.primary().unwrap_or_default();
        let (mut stopped, mut leaving) = (Vec::new(), 0);
        for task in self.tasks.iter_mut().filter(|task| !task.is_stopped() && surplus(task)) {
            let (why, delay) = (StopReason::Scaling { deployment }, self.deregistration_delay);
            task.state = if task.state == TaskState::Running && !delay.is_zero() {
                leaving += 1;
                TaskState::Leaving { since: at, until: at.plus(delay), why }
            } else {
                TaskState::Stopped { at, why }
            };
            stopped.push(task.named());
        }
        self.report_stopped(at, &stopped);
        if leaving > 0 {
            self.report(at, &format!("has begun draining connections on {leaving} tasks."));
        }
    }

    fn report_stopped(&mut self, at: Timestamp, tasks: &[String]) {
        if !tasks.is_empty() {
            self.report(at, &format!("has stopped {} running tasks: {}.", tasks.len(), tasks.join(" ")));
        }
    }

    /// The tasks of the PRIMARY deployment that are not to stop.
    fn own_tasks(&mut self) -> impl Iterator<Item = &mut Task> {
        let primary = self.primary();
        self.tasks.iter_mut().filter(move |task| Some(task.deployment) == primary && !task.is_stopped())
    }

    /// Starts as many tasks of the PRIMARY deployment as are missing: one that is rolled back to may
    /// have all of its own still.
    fn start_missing(&mut self, at: Timestamp) {
        let missing = self.desired.saturating_sub(self.own_tasks().count());
        if missing > 0 {
            self.start_tasks(missing, at);
        }
    }

    fn start_tasks(&mut self, count: usize, at: Timestamp) {
        let Some(primary) = self.deployments.first() else { return };
        // The first task of a revision is what makes ECS ask the registry for the digests.
        let revision = self.revisions.iter_mut().find(|revision| revision.number == primary.revision);
        let resolved = revision.map_or(at, |revision| *revision.resolved.get_or_insert(at));
        let ids = &mut self.ids;
        let new_task = |_| Task {
            id: ids.hex(),
            deployment: primary.number,
            task_definition: primary.task_definition.clone(),
            state: TaskState::Pending,
            created: at,
            started: None,
            resolved,
        };
        let started: Vec<Task> = (0..count).map(new_task).collect();
        let names: Vec<String> = started.iter().map(Task::named).collect();
        self.tasks.extend(started);
        self.report(at, &format!("has started {count} tasks: {}.", names.join(" ")));
    }

    /// Lets pending tasks of the PRIMARY deployment run, until so many do.
    fn run_tasks(&mut self, most: usize, at: Timestamp) {
        for task in self.own_tasks().take(most).filter(|task| task.state == TaskState::Pending) {
            task.state = TaskState::Running;
            task.started = Some(at);
        }
    }

    /// A task that runs well ends the row of failed ones, for the circuit breaker too unless it was
    /// told otherwise: `resetOnHealthyTask`.
    fn forget_failures(&mut self) {
        let resets = self.monitor("deploymentCircuitBreaker")["resetOnHealthyTask"].as_bool().unwrap_or(true);
        if let Some(primary) = self.deployments.first_mut() {
            primary.failed_tasks = 0;
        }
        self.change_record(|record| {
            if resets && record.is_in_progress() {
                record.failures = 0;
            }
        });
    }

    /// Ends the PRIMARY deployment's task that is not stopped yet.
    fn end_task(&mut self, ending: &'static Ending, image: &str, at: Timestamp) {
        let (target_group, port) = self.target_group();
        let fill = |text: &str| text.replace("{target-group}", &target_group).replace("{port}", &port);
        let reason = fill(ending.stopped_reason);
        let mut ended = Vec::new();
        for task in self.own_tasks() {
            task.state =
                TaskState::Stopped { at, why: StopReason::Failed { ending, reason: reason.clone() } };
            if ending.reach == Reach::Start {
                task.started = Some(at);
            }
            ended.push(task.named());
        }
        let Some(primary) = self.deployments.first_mut() else { return };
        primary.updated = at;
        primary.failed_tasks += u32::from(ending.counts);
        if let Some(event) = ending.event {
            self.report(at, &fill(event).replace("{reason}", &reason).replace("{image}", image));
            if ending.reach == Reach::Run {
                self.report_stopped(at, &ended);
            }
        }
        if ending.counts {
            self.count_failure(at);
        }
    }

    fn count_failure(&mut self, at: Timestamp) {
        let (threshold, has_breaker) =
            (self.failure_threshold(), self.has_monitor("deploymentCircuitBreaker"));
        let Some(current) = self.service_deployments.first_mut() else { return };
        let primary = self.deployments.first().filter(|primary| primary.rolls_back.is_some());
        if current.is_running() && primary.is_some_and(|back| back.failed_tasks >= threshold) {
            return self.fail_to_roll_back(at);
        }
        current.failures += 1;
        if current.failures >= threshold && has_breaker && current.is_in_progress() {
            self.fail(Cause::CircuitBreaker, at);
        }
    }

    /// The ARN of the target group that the service's tasks are in, and their port there.
    fn target_group(&self) -> (String, String) {
        let balancer = &self.settings["loadBalancers"][0];
        let made_up = || {
            let path = format!("targetgroup/{}/6d0ecf831eec9f09", self.name);
            format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:{path}")
        };
        let group = text(balancer, "targetGroupArn").map_or_else(made_up, str::to_owned);
        let port: u64 = number(balancer, "containerPort").unwrap_or(8080);
        (group, port.to_string())
    }

    fn call_hook(&mut self, hook: Hook, stage: Stage, at: Timestamp) {
        let Some(primary) = self.deployments.first_mut() else { return };
        // A function answers at once.
        let status = match (hook.pauses, primary.rollout.outcome == RolloutOutcome::HookFails) {
            (true, _) => HookStatus::AwaitingAction,
            (false, true) => HookStatus::Failed,
            (false, false) => HookStatus::Succeeded,
        };
        let expires = at.plus(hook.timeout);
        if hook.pauses {
            primary.waits_until = Some(expires);
        }
        let run = HookRun { id: self.ids.uuid(), stage, status, expires, hook };
        self.change_record(|record| record.hooks.push(run));
        if status == HookStatus::Failed {
            self.roll_back(Cause::Hook(stage), at);
        }
    }

    /// Another actor deploys something: a definition that it registers, a copy of the PRIMARY deployment's with
    /// another image, or the same one again.
    fn overtake(&mut self, definition: impl FnOnce(&Deployment) -> Option<String>, at: Timestamp) {
        let Some(primary) = self.deployments.first() else { return };
        let rollout = Rollout { outcome: RolloutOutcome::Ok, ..primary.rollout };
        if let Some(definition) = definition(primary) {
            self.deploy(&definition, rollout, at);
        }
    }

    /// Changes the newest service deployment.
    pub(super) fn change_record(&mut self, change: impl FnOnce(&mut ServiceDeployment)) {
        if let Some(record) = self.service_deployments.first_mut() {
            change(record);
        }
    }
}
