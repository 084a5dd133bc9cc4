//! What no story on the embedded AWS can play: another task under our token, and a task that ECS forgets.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::log_stream::{LogPage, LogStream};
use evenkeel_core::one_off::Override;
use evenkeel_core::service::{Controller, Guard, Launch, Strategy};
use evenkeel_core::stopped_task::{StoppedContainer, StoppedTask};
use evenkeel_core::task_definition::Revision;
use evenkeel_core::timestamp::Timestamp;
use serde_json::json;

use super::*;

const START: Timestamp = Timestamp::from_unix(Duration::from_secs(1_800_000_000));
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2";

/// An ECS that responds what it is told.
#[derive(Default)]
struct Told {
    launched: Mutex<VecDeque<Result<Launched, EffectError>>>,
    /// The last one stays.
    shown: Mutex<VecDeque<Option<OneOffTask>>>,
    logged: Mutex<VecDeque<Result<Option<LogPage>, Failure>>>,
    others: Vec<OneOffTask>,
    cannot_stop: bool,
    tokens: Mutex<Vec<String>>,
    stopped: Mutex<Vec<String>>,
}

impl OneOffTasks for Told {
    async fn task_settings(&self, _: &Service) -> Result<TaskSettings, Failure> {
        Ok(TaskSettings::default())
    }

    async fn run_task(
        &self,
        _: &TaskRequest,
        _: &TaskSettings,
        token: &str,
    ) -> Result<Launched, EffectError> {
        self.tokens.lock().unwrap().push(token.to_owned());
        self.launched.lock().unwrap().pop_front().unwrap()
    }

    async fn one_off_task(&self, _: &str, _: &str) -> Result<Option<OneOffTask>, Failure> {
        let mut shown = self.shown.lock().unwrap();
        if shown.len() > 1 {
            Ok(shown.pop_front().unwrap())
        } else {
            Ok(shown.front().cloned().unwrap_or_default())
        }
    }

    async fn one_off_tasks(&self, _: &str, _: &str) -> Result<Vec<OneOffTask>, Failure> {
        Ok(self.others.clone())
    }

    async fn stop_task(&self, _: &str, id: &str, reason: &str) -> Result<(), Failure> {
        if self.cannot_stop {
            return Err(Failure::new(FailureKind::Denied, "StopTask failed"));
        }
        self.stopped.lock().unwrap().push(format!("{id}: {reason}"));
        Ok(())
    }
}

impl Logs for Told {
    async fn log_page(&self, _: &LogStream, _: Option<&str>) -> Result<Option<LogPage>, Failure> {
        self.logged.lock().unwrap().pop_front().unwrap_or(Ok(None))
    }

    async fn log_tail(&self, _: &LogStream, _: u16) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
}

/// The task `1f2e` with this command, whose container `app` ended so.
fn task(command: &str, status: TaskStatus, exit_code: Option<i32>) -> OneOffTask {
    let app = StoppedContainer { name: "app".to_owned(), exit_code, ..StoppedContainer::default() };
    OneOffTask {
        task: StoppedTask {
            arn: "arn:aws:ecs:eu-west-1:123456789012:task/prod/1f2e".to_owned(),
            stop_code: None,
            reason: None,
            started: None,
            stopped: None,
            goes_on: false,
            is_healthy: false,
            containers: vec![app],
        },
        revision: TaskDefinitionArn::parse(REVISION).ok(),
        status,
        is_to_stop: status > TaskStatus::Running,
        created: START,
        overrides: vec![Override { container: "app".to_owned(), command: vec![command.to_owned()] }],
    }
}

fn started(task: OneOffTask) -> Result<Launched, EffectError> {
    Ok(Launched::Started(Box::new(task)))
}

/// A task that runs `migrate` in `app`, which ends its task or does not.
fn migrate(is_essential: bool) -> OneOff {
    let described = json!({ "taskDefinition": {
        "taskDefinitionArn": REVISION,
        "status": "ACTIVE",
        "family": "web",
        "containerDefinitions": [{
            "name": "app",
            "essential": is_essential,
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web",
            }},
        }],
    }});
    let revision = Revision::from_describe(described.to_string().as_bytes()).unwrap();
    let service = Service {
        arn: "arn:aws:ecs:eu-west-1:123456789012:service/prod/web".to_owned(),
        name: "web".to_owned(),
        cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod".to_owned(),
        active: true,
        controller: Controller::Ecs,
        is_managed: false,
        launch: Launch::default(),
        task_definition: None,
        desired: 1,
        strategy: Strategy::default(),
        guard: Guard::default(),
        current_deployment: None,
        deployments: Vec::new(),
        events: Vec::new(),
        service_revisions: Vec::new(),
    };
    let request = TaskRequest {
        revision: revision.arn,
        cluster: service.cluster.clone(),
        started_by: "evenkeel/1".to_owned(),
        container: "app".to_owned(),
        command: vec!["migrate".to_owned()],
        environment: Vec::new(),
        cpu: None,
        memory: None,
    };
    let identity = TaskIdentity { execution: ExecutionId::new("x"), step: vec!["s3cret".to_owned()] };
    assert!(!format!("{identity:?}").contains("s3cret"));
    let patience = Patience { timeout: Duration::from_secs(600), placement_grace: Duration::from_secs(300) };
    OneOff::new(request, TaskPhase::new(START), service, &revision.definition, identity, patience, true)
}

/// Takes turns to the end, two seconds apart; what was told besides.
async fn follow(ecs: &Told, task: &mut OneOff) -> (Result<(), Failure>, Vec<String>) {
    let clock = Clock::starting_at(START);
    let mut told = Vec::new();
    let mut listen = |news: TaskNews<'_>| match news {
        TaskNews::WaitsFor { task } => told.push(format!("waits for {task}")),
        TaskNews::NotLaunched(why) => told.push(why.to_string()),
        TaskNews::Logged { line, .. } => told.push(line.to_owned()),
        TaskNews::Warning(warning) => told.push(warning.to_owned()),
        TaskNews::Started { .. } | TaskNews::Runs | TaskNews::GoesOn | TaskNews::Ended { .. } => {}
    };
    let ended = loop {
        match task.turn(ecs, clock, &mut listen).await {
            Ok(Turned::AtOnce) => {}
            Ok(Turned::Later) => clock.sleep(Duration::from_secs(2)).await,
            Ok(Turned::Ended) => break Ok(()),
            Err(failure) => break Err(failure),
        }
    };
    (ended, told)
}

#[tokio::test(start_paused = true)]
async fn a_task_under_our_token_is_followed_if_it_is_ours() {
    let conflict =
        || Ok(Launched::Conflict(vec!["arn:aws:ecs:eu-west-1:123456789012:task/prod/1f2e".to_owned()]));
    let ended = task("migrate", TaskStatus::Stopped, Some(0));
    let ecs = Told {
        launched: Mutex::new([conflict()].into()),
        shown: Mutex::new([Some(ended)].into()),
        ..Told::default()
    };
    let mut ours = migrate(true);
    follow(&ecs, &mut ours).await.0.unwrap();
    assert_eq!(ours.phase.end(), Some(&TaskEnd::Exited(0)));

    // At first ECS does not describe it.
    let ecs = Told {
        launched: Mutex::new([conflict(), conflict()].into()),
        shown: Mutex::new([None, Some(task("migrate", TaskStatus::Stopped, Some(0)))].into()),
        ..Told::default()
    };
    let mut ours = migrate(true);
    follow(&ecs, &mut ours).await.0.unwrap();
    assert_eq!(ours.phase.end(), Some(&TaskEnd::Exited(0)));

    let forgotten = (0..40).map(|_| conflict()).collect();
    let ecs = Told { launched: Mutex::new(forgotten), ..Told::default() };
    let failure = follow(&ecs, &mut migrate(true)).await.0.unwrap_err().to_string();
    assert!(failure.contains("was started for this step, but ECS does not describe it"), "{failure}");

    let others = task("seed", TaskStatus::Running, None);
    let ecs = Told {
        launched: Mutex::new([conflict()].into()),
        shown: Mutex::new([Some(others)].into()),
        ..Told::default()
    };
    let failure = follow(&ecs, &mut migrate(true)).await.0.unwrap_err().to_string();
    assert!(failure.contains("of web:2 was started for this step, but it runs something else"), "{failure}");
    assert!(failure.contains("task/prod/1f2e"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn lost_responses_repeat_one_token_and_are_an_error_in_the_end() {
    let lost = || Err(EffectError::Unknown(Failure::new(FailureKind::Unavailable, "RunTask failed")));
    let ecs = Told {
        launched: Mutex::new(
            [lost(), lost(), lost(), started(task("migrate", TaskStatus::Running, None))].into(),
        ),
        shown: Mutex::new([Some(task("migrate", TaskStatus::Stopped, Some(0)))].into()),
        ..Told::default()
    };
    follow(&ecs, &mut migrate(true)).await.0.unwrap();
    let tokens = ecs.tokens.lock().unwrap().clone();
    assert!(tokens.len() == 4 && tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");

    let ecs = Told { launched: Mutex::new([lost(), lost(), lost(), lost()].into()), ..Told::default() };
    let mut never = migrate(true);
    let failure = follow(&ecs, &mut never).await.0.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unavailable);
    assert!(never.is_about_to_start());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ecs_no_longer_shows_is_not_started_again() {
    let running = task("migrate", TaskStatus::Running, None);
    let ecs = Told {
        launched: Mutex::new([started(running.clone())].into()),
        shown: Mutex::new([None, Some(running), None].into()),
        ..Told::default()
    };
    let mut forgotten = migrate(true);
    follow(&ecs, &mut forgotten).await.0.unwrap();
    assert_eq!(forgotten.phase.end(), Some(&TaskEnd::Forgotten));
    let failure = forgotten.failure().unwrap().to_string();
    for words in [
        "how container app of web:2 ended is not known",
        "no longer describes its task 1f2e",
        "Find out by its log",
    ] {
        assert!(failure.contains(words), "{failure}");
    }
    assert_eq!(ecs.tokens.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_outlives_only_a_container_that_is_essential() {
    for (is_essential, stopped) in [(true, 0), (false, 1)] {
        let ecs = Told {
            launched: Mutex::new([started(task("migrate", TaskStatus::Running, None))].into()),
            // The side-cars go on.
            shown: Mutex::new([Some(task("migrate", TaskStatus::Running, Some(3)))].into()),
            ..Told::default()
        };
        let mut one = migrate(is_essential);
        follow(&ecs, &mut one).await.0.unwrap();
        assert_eq!(one.phase.end(), Some(&TaskEnd::Exited(3)));
        assert_eq!(ecs.stopped.lock().unwrap().len(), stopped, "{is_essential}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ended_before_its_time_out_is_not_stopped_after_it() {
    for (shown, end, stopped) in [
        (task("migrate", TaskStatus::Stopped, Some(0)), TaskEnd::Exited(0), 0),
        (task("migrate", TaskStatus::Running, None), TaskEnd::TimedOut, 1),
    ] {
        let created = Timestamp::from_unix(START.since_epoch() - Duration::from_secs(900));
        let old = OneOffTask { created, ..shown };
        let ecs = Told {
            launched: Mutex::new([started(old.clone())].into()),
            shown: Mutex::new([Some(old)].into()),
            ..Told::default()
        };
        let mut followed = migrate(true);
        follow(&ecs, &mut followed).await.0.unwrap();
        assert_eq!(followed.phase.end(), Some(&end));
        assert_eq!(ecs.stopped.lock().unwrap().len(), stopped, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_stopped_is_said_to_go_on() {
    let running = task("migrate", TaskStatus::Running, None);
    let ecs = Told {
        launched: Mutex::new([started(running.clone())].into()),
        shown: Mutex::new([Some(running)].into()),
        cannot_stop: true,
        ..Told::default()
    };
    let mut stuck = migrate(true);
    let (_, told) = follow(&ecs, &mut stuck).await;
    assert_eq!(told, ["task 1f2e goes on: StopTask failed"]);
    let failure = stuck.failure().unwrap();
    assert_eq!(failure.kind(), FailureKind::TimedOut);
    assert!(failure.to_string().contains("did not end within 600 s, and its task goes on"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_lapse_of_the_log_is_said_once_and_read_past() {
    let page = |line: &str, next: &str| {
        Ok(Some(LogPage { lines: vec![line.to_owned()], next: Some(next.to_owned()) }))
    };
    let lapse = || Err(Failure::new(FailureKind::Unavailable, "GetLogEvents failed"));
    let running = || Some(task("migrate", TaskStatus::Running, None));
    let ecs = Told {
        launched: Mutex::new([started(running().unwrap())].into()),
        shown: Mutex::new(
            [running(), running(), running(), Some(task("migrate", TaskStatus::Stopped, Some(0)))].into(),
        ),
        logged: Mutex::new([page("one", "a"), Ok(None), lapse(), lapse(), page("two", "b"), Ok(None)].into()),
        ..Told::default()
    };
    let (_, told) = follow(&ecs, &mut migrate(true)).await;
    assert_eq!(told, ["one", "what container app logs cannot be read: GetLogEvents failed", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_reason_not_to_start_is_told_once() {
    let why = NotLaunched { reason: "RESOURCE:CPU".to_owned(), detail: None };
    let refused = || Ok(Launched::NotLaunched(why.clone()));
    let ecs = Told {
        launched: Mutex::new(
            [refused(), refused(), started(task("migrate", TaskStatus::Running, None))].into(),
        ),
        shown: Mutex::new([Some(task("migrate", TaskStatus::Stopped, Some(0)))].into()),
        ..Told::default()
    };
    let (_, told) = follow(&ecs, &mut migrate(true)).await;
    assert_eq!(told, ["RESOURCE:CPU"]);
    let tokens = ecs.tokens.lock().unwrap().clone();
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
}
