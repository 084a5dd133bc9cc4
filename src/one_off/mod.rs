//! One-off tasks: started once, followed to their end, and their logs as they come.
//!
//! # Flow
//! Look for tasks of the same service that other executions run → start → describe until the container has ended.
//! `OneOff` takes one step at a time; [`run`] is the whole command.
//!
//! # Guarantees
//! * Each turn has at most one effect. `OneOff::is_about_to_start` says before which one a caller keeps
//!   `OneOff::phase`; the phase is kept again whenever it has changed.
//! * A lost response and a killed process repeat the same request with the same token: see [`evenkeel_core::one_off`].
//!
//! # Errors
//! Those of `RunTask`. A description or a log that cannot be read is a warning: the task goes on.

mod conflict;
mod failure;
mod follow;
mod hearing;
mod log;
mod news;
mod prepare;
mod report;
mod run_command;

use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::one_off::{
    ExecutionId, Launched, NotLaunched, OneOffTask, Patience, TaskEnd, TaskPhase, TaskRequest, TaskSettings,
    TaskStatus, Turn, reason_to_stop_side_cars,
};
use evenkeel_core::ports::{EffectError, Logs, OneOffTasks};
use evenkeel_core::service::Service;
use evenkeel_core::task_definition::{PackedDefinition, TaskDefinition};
use evenkeel_core::timestamp::Timestamp;

use crate::clock::Clock;

pub(crate) use news::TaskListener;
pub use news::TaskNews;
pub use report::{TaskOutcome, TaskReport};
pub use run_command::{OnInterrupt, RunRequest, run};

use log::LogFollower;

/// How long a read of the log may hold up a turn: the verdict does not wait for CloudWatch Logs.
const LONGEST_READ: Duration = Duration::from_secs(10);

/// How often a request whose response gets lost is sent in all, before the failure counts.
const ATTEMPTS: u32 = 4;

/// A one-off task that is run.
pub(crate) struct OneOff {
    /// What it runs.
    pub(crate) request: TaskRequest,
    /// How far it is.
    pub(crate) phase: TaskPhase,
    /// What was seen of it last.
    pub(crate) shown: Option<OneOffTask>,
    /// The service in whose surroundings it runs.
    service: Service,
    settings: Option<TaskSettings>,
    patience: Patience,
    identity: TaskIdentity,
    definition: PackedDefinition,
    log: Option<LogFollower>,
    /// No other execution runs a task of this service, as was seen right before the start.
    is_free: bool,
    /// How many responses were lost in a row.
    lost: u32,
    /// Why it could not be described last.
    unread: Option<Failure>,
    /// The tasks of other executions that it waits for, as shown last.
    waits_for: Vec<String>,
    /// Why ECS started nothing, as shown last.
    not_launched: Option<NotLaunched>,
    /// ECS refused to stop it.
    pub(crate) cannot_be_stopped: bool,
}

/// What a one-off task's token is made of, beside its service and revision.
#[derive(Clone)]
pub(crate) struct TaskIdentity {
    pub(crate) execution: ExecutionId,
    /// Which of the execution's tasks it is.
    pub(crate) step: Vec<String>,
}

/// The step may have the values of variables in it.
impl std::fmt::Debug for TaskIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskIdentity").field("execution", &self.execution).finish_non_exhaustive()
    }
}

/// What a turn came to. The phase may have changed with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// The next turn can follow at once.
    AtOnce,
    /// The next turn is for later.
    Later,
    /// The task has ended.
    Ended,
}

impl OneOff {
    /// A task of `definition`, the revision of `request`, in the surroundings of `service`; `follows_log` shows the lines of
    /// its container's log as they come.
    pub(crate) fn new(
        request: TaskRequest,
        phase: TaskPhase,
        service: Service,
        definition: &TaskDefinition,
        identity: TaskIdentity,
        patience: Patience,
        follows_log: bool,
    ) -> Self {
        Self {
            definition: PackedDefinition::from(definition),
            log: follows_log.then(|| LogFollower::new(definition, &request.container)),
            request,
            phase,
            shown: None,
            service,
            settings: None,
            patience,
            identity,
            is_free: false,
            lost: 0,
            unread: None,
            waits_for: Vec::new(),
            not_launched: None,
            cannot_be_stopped: false,
        }
    }

    /// Whether the next turn starts the task. The caller keeps the phase before that turn, so that another process that goes
    /// on sends the same token.
    pub(crate) fn is_about_to_start(&self) -> bool {
        matches!(self.phase, TaskPhase::Starting { sent: Some(_), .. })
    }

    /// The id of the task, if it runs as far as is known.
    pub(crate) fn running(&self) -> Option<&str> {
        match &self.phase {
            TaskPhase::Started { id, .. } => Some(id),
            TaskPhase::Starting { .. } | TaskPhase::Ended(_) => None,
        }
    }

    /// Does what is to be done next.
    ///
    /// # Errors
    /// What ECS refused, or the last lost response when [`ATTEMPTS`] of them are.
    pub(crate) async fn turn<E: OneOffTasks + Logs>(
        &mut self,
        ecs: &E,
        clock: Clock,
        listen: &mut TaskListener<'_>,
    ) -> Result<Turned, Failure> {
        let turned = self.take_turn(ecs, clock, listen).await?;
        if turned == Turned::Later {
            listen(TaskNews::GoesOn);
        }
        Ok(turned)
    }

    async fn take_turn<E: OneOffTasks + Logs>(
        &mut self,
        ecs: &E,
        clock: Clock,
        listen: &mut TaskListener<'_>,
    ) -> Result<Turned, Failure> {
        match self.phase.turn(clock.now(), self.patience) {
            Turn::Launch { may_be_sent, attempt } => {
                self.is_free = self.is_free || self.look_for_others(ecs, may_be_sent, listen).await?;
                if !self.is_free {
                    return Ok(self.wait_for_others(clock.now(), listen));
                }
                if !may_be_sent {
                    self.phase.sending(clock.now());
                    return Ok(Turned::AtOnce);
                }
                self.launch(ecs, clock, attempt, listen).await
            }
            Turn::Describe(id) => self.describe(ecs, clock, &id, listen).await,
            Turn::Stop(id) => {
                // A task that is followed again may have ended long before its time-out.
                if self.describe(ecs, clock, &id, listen).await? == Turned::Ended {
                    return Ok(Turned::Ended);
                }
                let longest = self.patience.timeout.as_secs();
                self.stop(ecs, &id, &format!("Evenkeel: it did not end within {longest} s"), listen).await;
                self.phase.timed_out();
                Ok(self.ended(listen))
            }
            Turn::Nothing(end) => {
                // A token that ECS may have forgotten ends the task without a response.
                self.phase = TaskPhase::Ended(end);
                Ok(Turned::Ended)
            }
        }
    }

    /// Whether no other execution runs a task of this service. One that may be ours does not count: the response to
    /// our token shows whether it is.
    async fn look_for_others<E: OneOffTasks>(
        &mut self,
        ecs: &E,
        may_be_sent: bool,
        listen: &mut TaskListener<'_>,
    ) -> Result<bool, Failure> {
        let mut others = ecs.one_off_tasks(&self.request.cluster, &self.request.started_by).await?;
        // A killed command leaves the side-cars of a container that is not essential behind, and they may run for ever.
        others.retain(|other| !(other.has_done_its_work() || may_be_sent && other.is_of(&self.request)));
        let others: Vec<String> = others.iter().map(|other| other.task.id().to_owned()).collect();
        if others != self.waits_for {
            others.iter().for_each(|task| listen(TaskNews::WaitsFor { task }));
            self.waits_for = others;
        }
        Ok(self.waits_for.is_empty())
    }

    /// Waits for the tasks of other executions, for as long as the task itself may take.
    fn wait_for_others(&mut self, now: Timestamp, listen: &mut TaskListener<'_>) -> Turned {
        let TaskPhase::Starting { since, .. } = self.phase else { return Turned::Later };
        if now.since(since) < self.patience.timeout {
            return Turned::Later;
        }
        let reason = format!("another execution still runs task {}", self.waits_for.join(", "));
        self.phase = TaskPhase::Ended(TaskEnd::NotLaunched(NotLaunched { reason, detail: None }));
        self.ended(listen)
    }

    async fn launch<E: OneOffTasks>(
        &mut self,
        ecs: &E,
        clock: Clock,
        attempt: u32,
        listen: &mut TaskListener<'_>,
    ) -> Result<Turned, Failure> {
        let settings = match &self.settings {
            Some(settings) => settings,
            None => self.settings.insert(ecs.task_settings(&self.service).await?),
        };
        let step: Vec<&str> = self.identity.step.iter().map(String::as_str).collect();
        let token =
            self.identity.execution.client_token(&self.service.arn, &self.request.revision, &step, attempt);
        let launched = match ecs.run_task(&self.request, settings, &token).await {
            Ok(Launched::Conflict(tasks)) => match self.conflicting(ecs, clock.now(), &tasks).await? {
                Some(task) => Launched::Started(Box::new(task)),
                None => return Ok(Turned::Later),
            },
            Ok(launched) => launched,
            Err(EffectError::Refused(failure)) => return Err(failure),
            Err(EffectError::Unknown(failure)) => {
                self.lost += 1;
                return if self.lost < ATTEMPTS { Ok(Turned::Later) } else { Err(failure) };
            }
        };
        self.lost = 0;
        if let Launched::Started(shown) = &launched {
            listen(TaskNews::Started { request: &self.request, task: shown.task.id() });
            self.shown = Some((**shown).clone());
        }
        if let Some(why) = self.phase.launched(launched, clock.now(), self.patience) {
            if self.not_launched.as_ref() != Some(&why) {
                listen(TaskNews::NotLaunched(&why));
            }
            (self.not_launched, self.is_free) = (Some(why), false);
            return Ok(Turned::Later);
        }
        // A task is described some time after it was started.
        if self.phase.end().is_some() { Ok(self.ended(listen)) } else { Ok(Turned::Later) }
    }

    async fn describe<E: OneOffTasks + Logs>(
        &mut self,
        ecs: &E,
        clock: Clock,
        id: &str,
        listen: &mut TaskListener<'_>,
    ) -> Result<Turned, Failure> {
        match ecs.one_off_task(&self.request.cluster, id).await {
            Ok(shown) => {
                self.unread = None;
                self.phase.described(shown.as_ref(), &self.request.container, clock.now());
                self.take(shown, listen);
            }
            Err(failure) if failure.kind() == FailureKind::Unavailable => {
                // Each such failure has another request's id.
                if self.unread.is_none() {
                    listen(TaskNews::Warning(&failure.without_advice()));
                }
                self.unread = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
        self.follow_log(ecs, clock, id, listen).await;
        if self.phase.end().is_none() {
            return Ok(Turned::Later);
        }
        let goes_on = self.shown.as_ref().is_some_and(|shown| !shown.is_to_stop);
        if goes_on && !self.definition.unpack().is_essential(&self.request.container) {
            // Its side-cars would run for ever.
            let reason = reason_to_stop_side_cars(&self.request.container);
            self.stop(ecs, id, &reason, listen).await;
        }
        Ok(self.ended(listen))
    }

    fn take(&mut self, shown: Option<OneOffTask>, listen: &mut TaskListener<'_>) {
        let Some(shown) = shown else { return };
        let ran = self.shown.as_ref().is_some_and(|shown| shown.status >= TaskStatus::Running);
        if shown.status == TaskStatus::Running && !ran {
            listen(TaskNews::Runs);
        }
        self.shown = Some(shown);
    }

    /// Passes on what the task logged since the last read.
    pub(crate) async fn follow_log<E: Logs>(
        &mut self,
        ecs: &E,
        clock: Clock,
        id: &str,
        listen: &mut TaskListener<'_>,
    ) {
        let Some(log) = &mut self.log else { return };
        let containers =
            self.shown.as_ref().map(|shown| shown.task.containers.as_slice()).unwrap_or_default();
        let container = containers.iter().find(|it| it.name == self.request.container);
        let runtime_id = container.and_then(|container| container.runtime_id.as_deref());
        // A read that is dropped is made again from where it began.
        if clock.within(LONGEST_READ, log.follow(ecs, id, runtime_id, listen)).await.is_none() {
            let why = format!("CloudWatch Logs did not respond within {} s", LONGEST_READ.as_secs());
            log.fail(&Failure::new(FailureKind::Unavailable, why), listen);
        }
    }

    /// The place of its container among the task's, and where that logs to.
    pub(crate) fn log_stream(&self) -> Option<(usize, LogStream)> {
        let task = &self.shown.as_ref()?.task;
        let place = task.containers.iter().position(|it| it.name == self.request.container)?;
        let runtime_id = task.containers[place].runtime_id.as_deref();
        let stream =
            LogStream::of(&self.definition.unpack(), &self.request.container, task.id(), runtime_id)?;
        Some((place, stream))
    }

    /// Stops the task for `reason`, and returns whether ECS does. That it cannot be stopped is a warning.
    pub(crate) async fn stop<E: OneOffTasks>(
        &mut self,
        ecs: &E,
        id: &str,
        reason: &str,
        listen: &mut TaskListener<'_>,
    ) -> bool {
        let stopped = ecs.stop_task(&self.request.cluster, id, reason).await;
        self.cannot_be_stopped = stopped.is_err();
        if let Err(failure) = stopped {
            listen(TaskNews::Warning(&format!("task {id} goes on: {failure}")));
        }
        !self.cannot_be_stopped
    }

    /// Whether more of its log may come.
    pub(crate) fn has_log(&self) -> bool {
        self.log.as_ref().is_some_and(LogFollower::is_open)
    }

    fn ended(&self, listen: &mut TaskListener<'_>) -> Turned {
        if let Some(end) = self.phase.end() {
            listen(TaskNews::Ended { request: &self.request, end });
        }
        Turned::Ended
    }

    /// Why it failed, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let end = self.phase.end().filter(|end| !end.is_success())?;
        let (shown, timeout) = (self.shown.as_ref(), self.patience.timeout);
        let failure = failure::failure(&self.request, end, shown, timeout, self.cannot_be_stopped);
        Some(match &self.unread {
            Some(unread) if *end == TaskEnd::TimedOut => {
                failure.because(format!("whether it had ended is not known: {}", unread.without_advice()))
            }
            Some(_) | None => failure,
        })
    }
}

#[cfg(test)]
mod tests;
