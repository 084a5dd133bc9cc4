//! Jobs with a task before the update and a task after the rollout: the no-op, the change, the failures, hand-overs and
//! kills. Each task runs once for the revision, and the verdict is true.

use std::time::Duration;

use evenkeel::worker::Settings;
use evenkeel_core::checkpoint::MAX_TOKEN;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::record::{Record, Status};
use evenkeel_sandbox::{ActionState, ActionStatus, Fault, FaultKind, OneOffTask, TaskEnding, TaskScript};
use serde_json::json;

use crate::campaign::{NthCall, calls_of};
use crate::world::{OLD, Pipeline, definition, settings};

const OPTIONS: (&str, &str) = ("Options", "--before 'app=migrate up' --after app=smoke");
const RECORD: (&str, &str) = ("Record", "ssm:/deploy/web/record");

/// How the tasks of a job end, and whether the job does well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Play {
    pub(crate) before: TaskEnding,
    pub(crate) after: TaskEnding,
    /// In minutes.
    pub(crate) timeout: &'static str,
}

pub(crate) const WELL: Play =
    Play { before: TaskEnding::Exits(0), after: TaskEnding::Exits(0), timeout: "30" };
pub(crate) const BEFORE_FAILS: Play = Play { before: TaskEnding::Exits(3), ..WELL };
pub(crate) const AFTER_FAILS: Play = Play { after: TaskEnding::Exits(3), ..WELL };

impl Play {
    pub(crate) fn start(self) -> (Pipeline, String) {
        fastrand::seed(1);
        let pipeline = Pipeline::empty();
        let mut logging = definition("web", OLD);
        logging["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
            "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web",
        }});
        pipeline.service_of("web", logging, json!({}));
        for (word, ending) in [("migrate", self.before), ("smoke", self.after)] {
            pipeline.sandbox.play_tasks(word, TaskScript { ending, ..TaskScript::default() });
        }
        let execution = pipeline.start("web", &[OPTIONS, RECORD, ("DeploymentTimeout", self.timeout)]);
        pipeline.sandbox.clear_calls();
        (pipeline, execution)
    }

    async fn work(self) -> (Pipeline, ActionState) {
        let (pipeline, execution) = self.start();
        pipeline.work().await;
        let state = pipeline.state(&execution);
        self.judge(&pipeline, &state, "undisturbed");
        (pipeline, state)
    }

    /// Each call of the job when nothing disturbs it.
    pub(crate) async fn calls(self) -> Vec<NthCall> {
        let (pipeline, _) = self.work().await;
        calls_of(&pipeline.sandbox)
    }

    pub(crate) fn does_well(self) -> bool {
        (self.before, self.after) == (TaskEnding::Exits(0), TaskEnding::Exits(0))
    }

    /// Checks everything that must hold when the job is over.
    pub(crate) fn judge(self, pipeline: &Pipeline, state: &ActionState, what: &str) {
        let what = format!("{self:?}: {what}: {:?}", state.failure);
        let tasks = pipeline.sandbox.one_off_tasks();
        assert!(tasks.iter().all(|task| task.task_definition.ends_with("/web:2")), "{what}");
        let of = |word: &str| tasks.iter().filter(|it| it.command[0] == word).collect::<Vec<_>>();
        let (before, after) = (of("migrate"), of("smoke"));
        let is_good = |ending: TaskEnding| ending == TaskEnding::Exits(0);
        assert_eq!((before.len(), after.len()), (1, usize::from(is_good(self.before))), "{what}");
        assert_eq!(pipeline.revisions("web"), 2, "{what}");
        assert_eq!(pipeline.effects("UpdateService", "web"), after.len(), "{what}");
        let calls = pipeline.sandbox.calls();
        if let Some(update) = calls.iter().find(|call| call.operation == "UpdateService" && call.effect) {
            assert!(ended(before[0]) <= update.at, "updated before the end of the task: {what}");
            assert!(update.at.plus(crate::world::ROLLOUT) <= after[0].created, "{what}");
        }
        assert!(state.tokens.iter().all(|token| token.len() <= MAX_TOKEN), "{what}");

        assert_eq!(state.terminal_results, 1, "{what}");
        let does_well = self.does_well();
        let live = if does_well { "web:2" } else { "web:1" };
        assert_eq!(
            (state.status == ActionStatus::Succeeded, &*pipeline.live("web")),
            (does_well, live),
            "{what}"
        );
        if let Some((kind, message)) = &state.failure {
            let step =
                if is_good(self.before) { "a task after the rollout" } else { "a task before the update" };
            assert!(kind == "JobFailed" && message.contains(step), "{what}");
        }
        judge_record(pipeline, live, does_well, &what);
    }
}

/// The record says that `live` runs. A first deployment that failed leaves no record.
pub(crate) fn judge_record(pipeline: &Pipeline, live: &str, is_kept: bool, what: &str) {
    let (value, _) = pipeline.sandbox.parameter("/deploy/web/record").unwrap();
    let record =
        value.contains("schema").then(|| Record::parse("record", value.as_bytes()).unwrap().unwrap());
    let says = record.map(|record| (record.status, format!("web:{}", record.revision)));
    assert!(says.is_some() || !is_kept, "{what}");
    assert!(says.is_none_or(|says| says == (Status::Succeeded, live.to_owned())), "{what}");
}

/// When the task's container ended.
fn ended(task: &OneOffTask) -> evenkeel::clock::Timestamp {
    task.started.unwrap().plus(TaskScript::default().runs_for)
}

#[tokio::test(start_paused = true)]
async fn a_job_that_changes_nothing_runs_nothing() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[OPTIONS, RECORD, ("Images", &format!("app={OLD}"))]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, &*state.output_variables["Outcome"]), (ActionStatus::Succeeded, "unchanged"));
    assert!(pipeline.sandbox.one_off_tasks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_ends_as_its_tasks_do() {
    let (_, state) = WELL.work().await;
    assert_eq!(state.output_variables["Outcome"], "deployed");
    let (_, state) = BEFORE_FAILS.work().await;
    let (_, message) = state.failure.unwrap();
    assert!(message.contains("so no service was updated: container app of web:2 ended with 3"), "{message}");
    let (_, state) = AFTER_FAILS.work().await;
    let (_, message) = state.failure.unwrap();
    assert!(message.contains("the service is back on web:1"), "{message}");
    for play in [
        Play { before: TaskEnding::NeverEnds, timeout: "2", ..WELL },
        Play { after: TaskEnding::NeverEnds, timeout: "2", ..WELL },
    ] {
        let (pipeline, state) = play.work().await;
        let (_, message) = state.failure.unwrap();
        assert!(message.contains("did not end within 120 s, so its task was stopped"), "{message}");
        pipeline.clock.sleep(Duration::from_secs(60)).await;
        assert!(pipeline.sandbox.one_off_tasks().iter().all(|task| task.stopped.is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_says_why_its_task_came_to_nothing() {
    for (ending, says) in [
        (TaskEnding::CannotPull, "CannotPullContainerError"),
        (TaskEnding::SecretDenied, "ResourceInitializationError"),
        (TaskEnding::SpotInterruption, "was stopped before its end"),
        (TaskEnding::OutOfMemory, "OutOfMemoryError"),
    ] {
        for play in [Play { before: ending, ..WELL }, Play { after: ending, ..WELL }] {
            let (_, state) = play.work().await;
            let (_, message) = state.failure.unwrap();
            assert!(message.contains(says), "{play:?}: {message}");
        }
    }

    let pipeline = Pipeline::empty();
    let mut essential = definition("web", OLD);
    essential["containerDefinitions"][1]["essential"] = json!(true);
    pipeline.service_of("web", essential, json!({}));
    let ending = TaskEnding::SidecarExits(1);
    pipeline.sandbox.play_tasks("migrate", TaskScript { ending, ..TaskScript::default() });
    let execution = pipeline.start("web", &[OPTIONS, RECORD]);
    pipeline.work().await;
    let (_, message) = pipeline.state(&execution).failure.unwrap();
    assert!(message.contains("(proxy exited with 1; app was killed (137))"), "{message}");
    assert_eq!(pipeline.live("web"), "web:1");
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_capacity_and_runs_the_tasks_of_each_revision() {
    let pipeline = Pipeline::new();
    pipeline.service("api", json!({}));
    pipeline.sandbox.refuse_tasks("RESOURCE:MEMORY", 60);
    let record = ("Record", "ssm:/deploy/{service}/record");
    let execution = pipeline.start("web,api", &[OPTIONS, record]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);
    let tasks = pipeline.sandbox.one_off_tasks();
    let ran = tasks.iter().map(|task| {
        let revision = task.task_definition.rsplit('/').next().unwrap();
        format!("{revision} {}", task.command[0])
    });
    let ran: Vec<String> = ran.collect();
    assert_eq!(ran, ["web:2 migrate", "api:2 migrate", "web:2 smoke", "api:2 smoke"]);
    let calls = pipeline.sandbox.calls();
    let update = calls.iter().find(|call| call.operation == "UpdateService" && call.effect).unwrap();
    assert!(ended(&tasks[1]) <= update.at);
    let asked = calls.iter().find(|call| call.operation == "RunTask").unwrap().at;
    assert!(tasks[0].created.since(asked) >= 2 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn slices_that_end_while_a_task_runs_hand_it_on() {
    for play in [WELL, BEFORE_FAILS, AFTER_FAILS] {
        let (pipeline, execution) = play.start();
        let short = |owner: &str| Settings { slice: Duration::from_secs(4), ..settings(owner) };
        let (one, _first) = pipeline.hire_as(short("worker-1")).await;
        let (two, _second) = pipeline.hire_as(short("worker-2")).await;
        pipeline.until_over(async { tokio::join!(one.run(), two.run()) }).await;
        let state = pipeline.state(&execution);
        play.judge(&pipeline, &state, "short slices");
        let holds_a_task = |token: &&String| token.contains("{\"F\":");
        let held = state.tokens.iter().filter(holds_a_task).count();
        assert!(held >= 2, "{held} of {:?}", state.tokens);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_while_a_task_runs_hands_it_on() {
    for (play, nth) in [(WELL, 1), (WELL, 2), (BEFORE_FAILS, 1), (AFTER_FAILS, 2)] {
        let (pipeline, execution) = play.start();
        let (worker, interrupter) = pipeline.hire("worker-1").await;
        let stop = async {
            let runs = |task: &OneOffTask| task.started.is_some() && task.exit_code.is_none();
            while !pipeline.sandbox.one_off_tasks().get(nth - 1).is_some_and(runs) {
                pipeline.clock.sleep(Duration::from_secs(1)).await;
            }
            interrupter.raise(FailureKind::Terminated);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = worker.run() => ended.unwrap(),
            () = stop => {}
        }
        assert_eq!(pipeline.state(&execution).status, ActionStatus::InProgress);
        pipeline.work().await;
        play.judge(&pipeline, &pipeline.state(&execution), &format!("a signal in task {nth}"));
    }
}

/// Lets a worker die at this call, and another one come after that time.
pub(crate) async fn dies_at(play: Play, fault: Fault, later: Duration) -> (Pipeline, ActionState) {
    let (pipeline, execution) = play.start();
    let state = die_and_be_succeeded(&pipeline, &execution, fault, later).await;
    (pipeline, state)
}

fn fault(operation: &str, nth: usize, kind: FaultKind) -> Fault {
    Fault { operation: operation.to_owned(), nth: Some(nth), kind }
}

pub(crate) async fn die_and_be_succeeded(
    pipeline: &Pipeline,
    execution: &str,
    fault: Fault,
    later: Duration,
) -> ActionState {
    pipeline.sandbox.inject(fault);
    let (worker, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        biased;
        () = pipeline.sandbox.hung() => {}
        _ = worker.run() => {}
        // It may poll less often than was counted.
        () = pipeline.over() => {}
    }
    pipeline.sandbox.clear_faults();
    pipeline.clock.sleep(later).await;
    let (heir, _interrupter) = pipeline.hire("worker-2").await;
    pipeline.until_over(heir.run()).await;
    pipeline.state(execution)
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_task_that_ended_long_before_the_heir_came_is_judged_by_its_end() {
    // The time-out is 30 minutes, and the task took 15 seconds.
    for (play, nth) in [(WELL, 2), (BEFORE_FAILS, 2), (WELL, 12), (AFTER_FAILS, 12)] {
        let (pipeline, state) =
            dies_at(play, fault("DescribeTasks", nth, FaultKind::HangBefore), 40 * MINUTE).await;
        play.judge(&pipeline, &state, &format!("40 minutes after call {nth}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ecs_has_forgotten_is_not_started_again() {
    for (operation, nth, kind) in [
        ("RunTask", 1, FaultKind::HangAfter),
        ("RunTask", 1, FaultKind::HangBefore),
        ("DescribeTasks", 2, FaultKind::HangAfter),
    ] {
        let started = usize::from(kind == FaultKind::HangAfter);
        let (pipeline, state) = dies_at(WELL, fault(operation, nth, kind), 150 * MINUTE).await;
        assert_eq!(pipeline.sandbox.one_off_tasks().len(), started, "{operation}");
        let (kind, message) = state.failure.unwrap();
        assert_eq!((kind.as_str(), pipeline.live("web").as_str()), ("JobFailed", "web:1"), "{message}");
        assert!(message.contains("is not known"), "{message}");
        assert_eq!(pipeline.effects("UpdateService", "web"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_longer_than_ecs_keeps_a_token_is_followed_by_its_id() {
    let (pipeline, execution) = Play { timeout: "180", ..WELL }.start();
    let runs_for = 120 * MINUTE;
    pipeline.sandbox.play_tasks("migrate", TaskScript { runs_for, ..TaskScript::default() });
    let fault = fault("DescribeTasks", 2, FaultKind::HangBefore);
    let state = die_and_be_succeeded(&pipeline, &execution, fault, 90 * MINUTE).await;
    assert_eq!(
        (state.status, &*pipeline.live("web")),
        (ActionStatus::Succeeded, "web:2"),
        "{:?}",
        state.failure
    );
    assert_eq!(pipeline.sandbox.one_off_tasks().len(), 2);
}
