//! The one-off tasks of a deployment: before a service is updated, and after the rollouts of all have completed.
//!
//! # Flow
//! Registered → record in progress → each task before → update → rollout → each task after → success.
//!
//! # Guarantees
//! * A task runs once for each new revision in one execution, in the surroundings of the first service that is to run that
//!   revision, also where a worker is killed: its phase is in the checkpoint, which is kept before it starts and
//!   right after.
//! * No service is updated after a task before it failed. After a task after it failed, each service that still runs the new
//!   revision is rolled back by an update, since ECS calls its deployment successful.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Decision, Ending, Event, Outcome, Phase, Why};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::{
    Patience, Step, StepsProgress, TaskCommand, TaskEnd, TaskPhase, TaskRequest, started_by,
};
use evenkeel_core::placement::CAPACITY_GRACE;
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};
use evenkeel_core::request::OnFailure;

use crate::clock::Moment;
use crate::one_off::{OneOff, TaskIdentity, TaskNews, Turned};

use super::backoff::PATIENCE;
use super::context::Context;
use super::explain::LOG_LINES;
use super::flow::Flow;
use super::run::Run;
use super::{Progress, ending};

/// How far the steps of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stepped {
    /// All have ended well, or there are none.
    Done,
    /// The next turn can follow at once.
    AtOnce,
    /// The next turn is for later.
    Later,
}

/// The task that is followed: one at a time.
pub(super) struct FollowedTask {
    revision: TaskDefinitionArn,
    /// The step's place among all of them.
    place: usize,
    task: OneOff,
}

impl<E: Cloud + EcsEffects, R: RecordStore> Flow<'_, E, R> {
    /// Takes a turn of the tasks before, which all services wait for.
    ///
    /// # Errors
    /// That one failed, or that AWS does not let it run.
    pub(super) async fn before(&mut self, at: usize) -> Result<Stepped, Failure> {
        if self.cx.request.steps.before.is_empty() {
            return Ok(Stepped::Done);
        }
        if self.runs.iter().any(|run| run.phase == Phase::Pending) {
            return Ok(Stepped::Later);
        }
        let is_registered = |run: &Run| matches!(run.phase, Phase::Registered(_));
        let mut registered = (0..self.runs.len()).filter(|run| is_registered(&self.runs[*run]));
        // All have the same tasks before them: one run takes the turns.
        let is_first = registered.clone().next() == Some(at);
        match registered.find(|run| self.next_step(*run, Step::Before).is_some()) {
            None => Ok(Stepped::Done),
            Some(run) if is_first => self.take_turn(run, Step::Before).await,
            Some(_) => Ok(Stepped::Later),
        }
    }

    /// Ends a run that was decided to have come to `ending`. Before a success, the tasks after run, once all rollouts have
    /// completed. Returns whether the next tick can follow at once.
    ///
    /// # Errors
    /// AWS does not respond, and a later slice is to go on.
    pub(super) async fn finish(&mut self, at: usize, ending: Ending) -> Result<bool, Failure> {
        if is_good(&ending) && !self.cx.request.steps.after.is_empty() {
            let may_owe = ending.outcome == Outcome::Unchanged || self.has_joined(at);
            if may_owe && self.take_up_what_is_owed(at)? {
                return Ok(true);
            }
            match self.after(at).await? {
                Stepped::Done => {}
                Stepped::AtOnce => return Ok(true),
                Stepped::Later => return Ok(false),
            }
        }
        ending::finish(&mut self.cx, &mut self.runs[at], ending).await?;
        Ok(true)
    }

    /// Takes a turn of the tasks after. One that fails has all services rolled back.
    async fn after(&mut self, at: usize) -> Result<Stepped, Failure> {
        if self.runs.iter().any(|run| run.failure.is_some()) {
            if self.next_step(at, Step::After).is_some() {
                let named = &self.runs[at].named;
                let what =
                    format!("no task ran after the rollout of service {named}, since another service failed");
                self.cx.warn(what);
            }
            return Ok(Stepped::Done);
        }
        if !(0..self.runs.len()).all(|run| self.is_good(run)) {
            return Ok(Stepped::Later);
        }
        let Some(next) = (0..self.runs.len()).find(|run| self.next_step(*run, Step::After).is_some()) else {
            return Ok(Stepped::Done);
        };
        if self.runs.iter().position(|run| !run.is_done()) != Some(at) {
            return Ok(Stepped::Later);
        }
        match self.take_turn(next, Step::After).await {
            Err(failure) if !self.cx.outlasts(&failure) => {
                self.undo_all(&failure).await?;
                Ok(Stepped::AtOnce)
            }
            stepped => stepped,
        }
    }

    /// The place of the run's next task of this kind, and its revision.
    fn next_step(&self, at: usize, step: Step) -> Option<(usize, TaskDefinitionArn)> {
        let run = &self.runs[at];
        let revision = self.cx.new_revision(run)?;
        let definition = self.cx.planned(run).definition.unpack();
        let done = self.cx.steps.get(&revision).map_or(0, |progress| progress.done);
        let (place, _) = self.cx.request.steps.next(step, done, &definition.containers())?;
        Some((place, revision))
    }

    /// Takes a turn of the run's next task.
    async fn take_turn(&mut self, at: usize, step: Step) -> Result<Stepped, Failure> {
        let Some((place, revision)) = self.next_step(at, step) else { return Ok(Stepped::Done) };
        let is_followed = |it: &FollowedTask| it.revision == revision && it.place == place;
        let followed = match self.task.take().filter(|it| is_followed(it)) {
            Some(followed) => followed,
            None => Box::new(FollowedTask { task: self.task(at, step, place, &revision), revision, place }),
        };
        let revision = followed.revision.clone();
        let (throttled, began) = (self.cx.ecs.throttled(), Moment::now());
        match self.turn_of(at, step, followed).await {
            Err(failure) if self.cx.waits_for_its_turn(&failure, throttled) => Ok(Stepped::Later),
            Err(failure) if self.waits_for_aws(&failure, began) => Ok(Stepped::Later),
            Err(failure) if !self.cx.outlasts(&failure) => {
                self.cx.steps_of(&revision, at).failed = Some(step);
                self.runs[at].has_read_stopped_tasks = true;
                Err(failed(step, failure))
            }
            stepped => {
                self.without_task_since = None;
                stepped
            }
        }
    }

    /// Whether a command takes a turn that failed once more: AWS does not respond, and has not for less than [`PATIENCE`].
    /// `began` is when the turn began. A worker's next slice tries again in any case.
    fn waits_for_aws(&mut self, failure: &Failure, began: Moment) -> bool {
        if failure.kind() != FailureKind::Unavailable || self.cx.slice.is_some() {
            return false;
        }
        let is_first = self.without_task_since.is_none();
        let since = *self.without_task_since.get_or_insert(began);
        let waits = Moment::now().since(since) < PATIENCE;
        // Each such failure has another request's id.
        if waits && is_first {
            let (what, longest) = (failure.without_advice(), PATIENCE.as_secs());
            self.cx.warn(format!("{what}; trying again for {longest} s"));
        }
        waits
    }

    fn task(&mut self, at: usize, step: Step, place: usize, revision: &TaskDefinitionArn) -> OneOff {
        let definition = self.cx.planned(&self.runs[at]).definition.unpack();
        let request = self.cx.request;
        let first = self.first_on(revision).unwrap_or(at);
        let progress = self.cx.steps_of(revision, first).clone();
        let service = self.runs[progress.service.min(self.runs.len() - 1)].seen.service.clone();
        let command = request.steps.all().nth(place).map(|(_, command)| command.clone());
        let TaskCommand { container, words } = command.unwrap_or_default();
        let task = TaskRequest {
            revision: revision.clone(),
            cluster: service.cluster.clone(),
            started_by: started_by(&service.arn),
            container,
            command: words,
            environment: Vec::new(),
            cpu: None,
            memory: None,
        };
        let identity = TaskIdentity {
            execution: self.cx.execution.clone(),
            step: vec![step.as_str().to_owned(), place.to_string()],
        };
        let patience = Patience {
            timeout: request.policy.timeout,
            placement_grace: request.policy.placement_grace.unwrap_or(CAPACITY_GRACE),
        };
        let phase = progress.task.unwrap_or_else(|| TaskPhase::new(self.cx.clock.now()));
        // A worker's log is shared by all its jobs, so a job shows only the last lines of a task that failed.
        let follows_log = self.cx.slice.is_none();
        OneOff::new(task, phase, service, &definition, identity, patience, follows_log)
    }

    /// The first service that runs the revision or is to run it. One that a former run has updated counts: the token of the
    /// task is made of its name.
    fn first_on(&self, revision: &TaskDefinitionArn) -> Option<usize> {
        self.runs.iter().position(|run| {
            let chosen = &self.cx.revisions[run.revision];
            chosen.arn.as_ref() == Some(revision) || chosen.planned.base == *revision
        })
    }

    async fn turn_of(
        &mut self,
        at: usize,
        step: Step,
        mut followed: Box<FollowedTask>,
    ) -> Result<Stepped, Failure> {
        let revision = followed.revision.clone();
        if followed.task.is_about_to_start() {
            self.note().await?;
        }
        let (ecs, clock, listen) = (self.cx.ecs, self.cx.clock, &mut *self.cx.listen);
        let mut tell = |news: TaskNews<'_>| listen(Progress::Task { step: Some(step), news });
        let before = followed.task.phase.clone();
        let turned = followed.task.turn(ecs, clock, &mut tell).await;
        let has_changed = followed.task.phase != before;
        let progress = self.cx.steps_of(&revision, at);
        progress.task = Some(followed.task.phase.clone());
        let is_over = matches!(turned, Ok(Turned::Ended));
        let failure = if is_over { followed.task.failure() } else { None };
        if is_over && failure.is_none() {
            (progress.done, progress.task) = (followed.place + 1, None);
        }
        let turned = turned.map_err(|failure| with_what_runs(failure, &followed.task))?;
        let turned_at_once = turned == Turned::AtOnce;
        match (turned, failure) {
            (_, Some(failure)) => {
                self.keep_evidence(at, &followed.task).await;
                Err(failure)
            }
            (Turned::Ended, None) => {
                self.note().await?;
                Ok(Stepped::AtOnce)
            }
            (Turned::Later | Turned::AtOnce, None) => {
                let is_running = followed.task.running().is_some();
                self.task = Some(followed);
                if has_changed && is_running {
                    // A worker that takes the job over follows the task by its id.
                    self.note().await?;
                }
                Ok(if turned_at_once { Stepped::AtOnce } else { Stepped::Later })
            }
        }
    }

    /// Keeps the failed task, with the last lines of its log, as the evidence of the run's failure.
    async fn keep_evidence(&mut self, at: usize, task: &OneOff) {
        let Some(shown) = &task.shown else { return };
        let mut stopped = shown.task.clone();
        if task.phase.end() == Some(&TaskEnd::TimedOut) {
            stopped.goes_on = task.cannot_be_stopped;
            // ECS shows the reason of StopTask only later.
            stopped.reason.get_or_insert_with(|| "Evenkeel: it did not end in time".to_owned());
        }
        if let Some((place, stream)) = task.log_stream() {
            match self.cx.ecs.log_tail(&stream, LOG_LINES).await {
                Ok(lines) => stopped.containers[place].log_tail = lines,
                Err(failure) => {
                    self.cx.warn(format!("what {} logged cannot be read: {failure}", stream.stream))
                }
            }
        }
        self.runs[at].evidence.tasks = vec![stopped];
    }

    /// Whether a run has come to a good end, as far as the rollout decides.
    fn is_good(&self, at: usize) -> bool {
        let is_good = matches!(self.decide(at), Decision::Finish(ending) if is_good(&ending));
        is_good && self.runs[at].failure.is_none()
    }

    /// A task after the rollouts failed: each service that still runs our revision is rolled back, or left as it is where
    /// that was asked for.
    async fn undo_all(&mut self, failure: &Failure) -> Result<(), Failure> {
        let evidence = self.runs.iter().find(|run| !run.evidence.tasks.is_empty());
        let evidence = evidence.map(|run| run.evidence.clone()).unwrap_or_default();
        for at in 0..self.runs.len() {
            let is_ours = self.cx.new_revision(&self.runs[at]).is_some();
            let Phase::RollingOut { former, .. } = self.runs[at].phase.clone() else { continue };
            if !is_ours {
                continue;
            }
            let run = &mut self.runs[at];
            run.evidence.clone_from(&evidence);
            run.has_read_stopped_tasks = true;
            run.has_failed_after = true;
            let reason = failure.without_advice();
            if self.cx.request.policy.on_failure == OnFailure::RollBack && former.is_some() {
                run.apply(Event::Undone { to: former, why: Why { outcome: Outcome::RolledBack, reason } })?;
                // ECS rolls back what is in progress only.
                run.apply(Event::StopRefused)?;
            } else {
                let reason = format!("{reason}; the service was left as it is");
                let ending = Ending { outcome: Outcome::Failed, reason };
                ending::finish(&mut self.cx, run, ending).await?;
            }
        }
        Ok(())
    }
}

impl<E> Context<'_, E> {
    /// The revision of the run, if it is new to its service, or its tasks are still to run.
    pub(super) fn new_revision(&self, run: &Run) -> Option<TaskDefinitionArn> {
        let chosen = &self.revisions[run.revision];
        let arn = chosen.arn.as_ref().or(run.target.as_ref())?;
        (*arn != chosen.planned.base || self.steps.contains_key(arn)).then(|| arn.clone())
    }

    /// How far the steps of a revision are, which the service in the place `at` is the first to run.
    pub(super) fn steps_of(&mut self, revision: &TaskDefinitionArn, at: usize) -> &mut StepsProgress {
        self.steps.entry(revision.clone()).or_insert_with(|| StepsProgress::new(at))
    }

    /// The id of the task that runs, if one does.
    pub(super) fn running_task(&self) -> Option<&str> {
        self.steps.values().find_map(|progress| match &progress.task {
            Some(TaskPhase::Started { id, .. }) => Some(id.as_str()),
            Some(TaskPhase::Starting { .. } | TaskPhase::Ended(_)) | None => None,
        })
    }

    /// Which kind of step failed, if one did.
    pub(super) fn failed_step(&self) -> Option<Step> {
        self.steps.values().find_map(|progress| progress.failed)
    }
}

fn is_good(ending: &Ending) -> bool {
    matches!(ending.outcome, Outcome::Deployed | Outcome::Unchanged)
}

/// The failure with the task that goes on in spite of it, or may.
fn with_what_runs(failure: Failure, task: &OneOff) -> Failure {
    let what = match task.running() {
        Some(id) => format!("task {id} goes on, but is not followed"),
        None if task.is_about_to_start() && failure.kind() == FailureKind::Unavailable => {
            "whether its task was started is not known".to_owned()
        }
        None => return failure,
    };
    Failure::new(failure.kind(), what).caused_by(failure)
}

/// The failure of a deployment by that of its task. What AWS refused stays of its kind.
fn failed(step: Step, failure: Failure) -> Failure {
    let is_late = failure.kind() == FailureKind::TimedOut;
    let kind = if is_late { FailureKind::RolloutFailed } else { failure.kind() };
    let what = match step {
        Step::Before => "a task before the update failed, so no service was updated",
        Step::After => "a task after the rollout failed",
    };
    Failure::new(kind, what).caused_by(failure)
}
