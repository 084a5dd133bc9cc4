//! A one-off task of `evenkeel run`, followed to its end.

use std::pin::Pin;
use std::time::Duration;

use evenkeel_core::evidence::Evidence;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::{Patience, TaskEnd, TaskPhase, TaskRequest};
use evenkeel_core::ports::{Ecs, Logs, OneOffTasks};

use crate::clock::{Clock, Moment};

use super::hearing::Hearing;
use super::prepare::Prepared;
use super::run_command::{OnInterrupt, RunRequest};
use super::{OneOff, TaskIdentity, TaskNews, TaskOutcome, TaskReport, Turned};

/// How often the log is read after the end, at most, and how often without a new line. CloudWatch Logs shows a line some
/// seconds after it was written.
const READS_AFTER_END: u32 = 3;
const EMPTY_READS: u32 = 2;

/// The longest wait between two of these reads.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A task that is followed.
pub(super) struct Course<'a, 'l, E> {
    ecs: &'a E,
    clock: Clock,
    request: &'a RunRequest,
    began: Moment,
    task: OneOff,
    hearing: Hearing<'a, 'l>,
    /// A refusal of the start for its rate was shown.
    is_throttled: bool,
}

impl<'a, 'l, E: Ecs + OneOffTasks + Logs> Course<'a, 'l, E> {
    pub(super) fn new(
        ecs: &'a E,
        clock: Clock,
        request: &'a RunRequest,
        began: Moment,
        prepared: Prepared,
        hearing: Hearing<'a, 'l>,
    ) -> Self {
        let Prepared { task, service, definition } = prepared;
        let identity = TaskIdentity { execution: request.execution.clone(), step: step(&task) };
        let patience = Patience { timeout: request.timeout, placement_grace: request.placement_grace };
        let phase = TaskPhase::new(clock.now());
        let task = OneOff::new(task, phase, service, &definition, identity, patience, true);
        Self { ecs, clock, request, began, task, hearing, is_throttled: false }
    }

    /// Takes turns until the task has ended, or until `interrupt` is ready.
    pub(super) async fn follow(
        mut self,
        mut interrupt: Pin<&mut (impl Future<Output = FailureKind> + Send)>,
    ) -> TaskReport {
        loop {
            // An interrupt keeps a task from being started, and cuts no call that starts one.
            tokio::select! {
                biased;
                kind = interrupt.as_mut() => return self.interrupted(kind).await,
                () = std::future::ready(()) => {}
            }
            if !self.is_started() && self.elapsed() >= self.request.timeout {
                let failure = self.not_started();
                return self.report(Some(failure));
            }
            let throttled = self.ecs.throttled();
            let Self { ecs, clock, task, hearing, .. } = &mut self;
            match task.turn(*ecs, *clock, &mut |news| hearing.hear(news)).await {
                Ok(Turned::AtOnce) => continue,
                Ok(Turned::Later) => {}
                Ok(Turned::Ended) => return self.ended(interrupt).await,
                Err(failure) if self.waits_for_its_turn(&failure, throttled) => {}
                Err(failure) => return self.gives_up(failure),
            }
            tokio::select! {
                biased;
                kind = interrupt.as_mut() => return self.interrupted(kind).await,
                () = self.clock.sleep(self.request.poll) => {}
            }
        }
    }

    /// Whether a call before the start was refused for its rate, when `throttled` attempts had been before, so that it is
    /// worth another try: ECS starts only so many tasks a second, for all of an account.
    fn waits_for_its_turn(&mut self, failure: &Failure, throttled: u64) -> bool {
        let waits = failure.kind() == FailureKind::Unavailable
            && self.ecs.throttled() > throttled
            && !self.is_started();
        if waits {
            let what = failure.without_advice();
            // The next refusal has another request's id and says the same.
            if !self.is_throttled {
                self.hearing.warn(&format!("{what}; waiting, since others start tasks as well"));
            }
            self.is_throttled = true;
            self.hearing.not_started = Some(what);
        }
        waits
    }

    /// The report on a task that has ended.
    async fn ended(mut self, interrupt: Pin<&mut (impl Future<Output = FailureKind> + Send)>) -> TaskReport {
        let duration = self.elapsed();
        let end = self.task.phase.end().cloned();
        if end.as_ref().is_some_and(may_have_logged) {
            // The end stands: an interrupt only ends the reading.
            tokio::select! {
                biased;
                _ = interrupt => {}
                () = self.read_on() => {}
            }
        }
        if let Some(end) = &end {
            self.hearing.tell(TaskNews::Ended { request: &self.task.request, end });
        }
        let failure = self.task.failure();
        TaskReport { duration, ..self.report(failure) }
    }

    /// Reads the log until it brings nothing new, and why the task stopped if it failed: ECS shows the reason a little later.
    async fn read_on(&mut self) {
        let Some(id) = self.task.shown.as_ref().map(|shown| shown.task.id().to_owned()) else { return };
        let mut empty = 0;
        for _ in 0..READS_AFTER_END {
            if !self.task.has_log() || empty == EMPTY_READS {
                break;
            }
            self.clock.sleep(self.request.poll.min(LONGEST_WAIT)).await;
            let before = self.hearing.lines;
            let Self { ecs, clock, task, hearing, .. } = &mut *self;
            task.follow_log(*ecs, *clock, &id, &mut |news| hearing.hear(news)).await;
            empty = if self.hearing.lines == before { empty + 1 } else { 0 };
        }
        let failed = self.task.phase.end().is_some_and(|end| !end.is_success());
        if failed && let Ok(Some(shown)) = self.ecs.one_off_task(&self.task.request.cluster, &id).await {
            self.task.shown = Some(shown);
        }
    }

    /// The report on a task whose command is interrupted.
    async fn interrupted(mut self, kind: FailureKind) -> TaskReport {
        let interrupted = |what: &str| Failure::new(kind, format!("the wait for {what} was interrupted"));
        let failure = interrupted(&self.of());
        let (Some(id), Some(arn)) = (self.task.running().map(str::to_owned), self.arn()) else {
            let failure = match self.may_be_started() {
                Some(advice) => failure.because("whether its task was started is not known").advice(advice),
                None => failure.because("no task was started").advice("Run the same command again"),
            };
            return self.report(Some(failure));
        };
        let Self { ecs, request, task, hearing, .. } = &mut self;
        let is_stopped = match request.on_interrupt {
            OnInterrupt::Stop => {
                task.stop(*ecs, &id, "Evenkeel: its command was interrupted", &mut |news| hearing.hear(news))
                    .await
            }
            OnInterrupt::Leave => false,
        };
        let failure = if is_stopped {
            failure.because(format!("its task {arn} was stopped"))
        } else {
            failure.because(format!("its task {arn} goes on in ECS")).advice(self.how_to_go_on(&arn))
        };
        self.report(Some(failure))
    }

    /// The report on a task that `failure` keeps from being started or followed.
    fn gives_up(self, failure: Failure) -> TaskReport {
        let (of, kind) = (self.of(), failure.kind());
        let failure = match (self.arn(), self.may_be_started()) {
            (Some(arn), _) => {
                let what = format!("{of} cannot be followed to its end, and its task {arn} goes on in ECS");
                Failure::new(kind, what).caused_by(failure).advice(self.how_to_go_on(&arn))
            }
            // What was refused otherwise has certainly not happened.
            (None, Some(advice)) if kind == FailureKind::Unavailable => {
                let what = format!("whether {of} was started is not known");
                Failure::new(kind, what).caused_by(failure).advice(advice)
            }
            (None, _) => Failure::new(kind, format!("{of} was not started")).caused_by(failure),
        };
        self.report(Some(failure))
    }

    /// The failure of a task that was not started in time.
    fn not_started(&self) -> Failure {
        let (of, longest) = (self.of(), self.request.timeout.as_secs());
        let why = self.hearing.not_started.clone().unwrap_or_default();
        let failure = |what: String| Failure::new(FailureKind::TimedOut, what).because(why);
        match self.may_be_started() {
            Some(advice) => {
                failure(format!("whether {of} was started within {longest} s is not known")).advice(advice)
            }
            None => failure(format!("{of} was not started within {longest} s"))
                .advice("Give it more time by --timeout"),
        }
    }

    /// How to find the task, if a request that starts it may have been sent.
    fn may_be_started(&self) -> Option<String> {
        let (cluster, started_by) = (&self.request.cluster, &self.task.request.started_by);
        self.task.is_about_to_start().then(|| {
            format!(
                "The same command in the same build follows it; look for it by `aws ecs list-tasks --cluster {cluster} \
                 --started-by {started_by}`"
            )
        })
    }

    /// What can be done about a task that goes on.
    fn how_to_go_on(&self, arn: &str) -> String {
        let cluster = &self.request.cluster;
        format!(
            "The same command in the same build follows it; stop it by `aws ecs stop-task --cluster {cluster} --task \
             {arn}`"
        )
    }

    fn report(self, failure: Option<Failure>) -> TaskReport {
        let duration = self.elapsed();
        let container = &self.task.request.container;
        let shown = self.task.shown.as_ref().map(|shown| &shown.task);
        let mut evidence = Evidence::default();
        if failure.is_some()
            && self.task.phase.end().is_some()
            && let Some(mut task) = shown.cloned()
        {
            for it in task.containers.iter_mut().filter(|it| it.name == *container) {
                it.log_tail = self.hearing.tail.iter().cloned().collect();
            }
            evidence.tasks.push(task);
        }
        TaskReport {
            outcome: TaskOutcome::of(failure.as_ref()),
            service: None,
            revision: Some(self.task.request.revision.clone()),
            task: shown.map(|task| task.arn.clone()),
            container: Some(container.clone()),
            end: self.task.phase.end().cloned(),
            duration,
            failure,
            evidence,
            warnings: self.hearing.warnings,
        }
    }

    fn is_started(&self) -> bool {
        matches!(self.task.phase, TaskPhase::Started { .. } | TaskPhase::Ended(_))
    }

    fn elapsed(&self) -> Duration {
        Moment::now().since(self.began)
    }

    /// `container app of web:42`.
    fn of(&self) -> String {
        let TaskRequest { container, revision, .. } = &self.task.request;
        format!("container {container} of {}", revision.family_and_revision())
    }

    fn arn(&self) -> Option<String> {
        self.task.shown.as_ref().map(|shown| shown.task.arn.clone())
    }
}

/// Whether the container ran until a moment ago.
fn may_have_logged(end: &TaskEnd) -> bool {
    match end {
        TaskEnd::Exited(_) | TaskEnd::Stopped | TaskEnd::TimedOut => true,
        TaskEnd::NeverRan | TaskEnd::Forgotten | TaskEnd::NotLaunched(_) => false,
    }
}

/// Which of an execution's tasks it is: each other command, environment or size is another one. The number of words
/// separates them from what follows.
fn step(task: &TaskRequest) -> Vec<String> {
    let TaskRequest { container, command, environment, cpu, memory, .. } = task;
    let mut step = vec!["run".to_owned(), container.clone(), command.len().to_string()];
    step.extend(command.iter().cloned());
    step.push(environment.len().to_string());
    step.extend(environment.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
    step.extend([cpu, memory].map(|size| size.clone().unwrap_or_default()));
    step
}
