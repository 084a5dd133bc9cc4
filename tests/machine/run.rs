//! `evenkeel run`: how one-off tasks end, and what is told of that.

use std::time::Duration;

use evenkeel::deploy::Interrupt;
use evenkeel::one_off::{self, OnInterrupt, RunRequest, TaskNews, TaskOutcome, TaskReport};
use evenkeel::output::progress::{Palette, TaskNarrator};
use evenkeel::output::{task_document, task_reasons_text, task_text};
use evenkeel_core::failure::FailureKind;
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::request::{ClusterName, ServiceName};
use evenkeel_sandbox::{Sandbox, TaskEnding, TaskScript};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition};

pub(crate) const SECRET: &str = "s3cret-of-the-command-line";

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A definition whose container `app` logs by awslogs, beside a side-car that is essential or not.
pub(crate) fn logging(is_sidecar_essential: bool) -> Value {
    let mut definition = definition();
    definition["containerDefinitions"][0]["logConfiguration"] = json!({
        "logDriver": "awslogs",
        "options": { "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web" },
    });
    definition["containerDefinitions"][1]["essential"] = json!(is_sidecar_essential);
    definition
}

/// An account whose service `web` has a task definition with logs.
pub(crate) fn account() -> Account {
    Account::running(&logging(false))
}

/// `evenkeel run … --container app -- migrate`, in the execution of this name.
pub(crate) fn migrate(execution: &str) -> RunRequest {
    RunRequest {
        cluster: ClusterName::parse(CLUSTER).unwrap(),
        service: ServiceName::parse(SERVICE).unwrap(),
        container: Some("app".to_owned()),
        revision: None,
        command: vec!["migrate".to_owned(), "up".to_owned()],
        environment: vec![("PASSWORD".to_owned(), SECRET.to_owned())],
        cpu: None,
        memory: None,
        timeout: seconds(30 * 60),
        placement_grace: seconds(5 * 60),
        poll: seconds(2),
        on_interrupt: OnInterrupt::Leave,
        execution: ExecutionId::new(execution),
    }
}

/// What a run came to, and its progress.
pub(crate) struct Ran {
    pub(crate) report: TaskReport,
    pub(crate) progress: String,
}

impl Ran {
    pub(crate) fn message(&self) -> String {
        self.report.failure.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// The outcome, the exit status and the container's.
    pub(crate) fn ending(&self) -> (TaskOutcome, u8, Option<i32>) {
        (self.report.outcome, self.report.exit_status(), self.report.exit_code())
    }

    /// Asserts that each of these stands in the message.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        let message = self.message();
        words.iter().for_each(|word| assert!(message.contains(word), "{word:?}: {message}"));
    }
}

pub(crate) async fn run(account: &Account, request: &RunRequest) -> Ran {
    run_until(account, request, std::future::pending()).await
}

async fn run_until(
    account: &Account,
    request: &RunRequest,
    interrupt: impl Future<Output = FailureKind> + Send,
) -> Ran {
    let (ecs, mut progress) = (account.aws().await.cloud(), Vec::new());
    let mut narrator = TaskNarrator::new(&mut progress, Palette::plain());
    let mut listen = |news: TaskNews<'_>| narrator.tell(&news);
    let report = one_off::run(&ecs, account.clock, request, interrupt, &mut listen).await;
    let ran = Ran { report, progress: String::from_utf8(progress).unwrap() };
    let document = task_document(&ran.report).to_string();
    for shown in [&ran.progress, &ran.message(), &document, &format!("{:?}", ran.report)] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    ran
}

/// The next tasks end so, and log these lines at these seconds.
pub(crate) fn play(sandbox: &Sandbox, ending: TaskEnding, runs_for: u64, log: &[(u64, &str)]) {
    let log = log.iter().map(|(at, line)| (seconds(*at), (*line).to_owned())).collect();
    sandbox.play_tasks("", TaskScript { starts_after: seconds(5), runs_for: seconds(runs_for), ending, log });
}

/// The ids of all tasks that were ever started, the oldest first.
pub(crate) fn tasks(account: &Account) -> Vec<String> {
    let tasks = account.sandbox.one_off_tasks();
    tasks.into_iter().map(|task| task.arn.rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_with_0_is_a_success_and_its_log_is_shown_as_it_comes() {
    let account = account();
    let leak = format!("connecting with {SECRET}");
    play(
        &account.sandbox,
        TaskEnding::Exits(0),
        20,
        &[(0, "starting"), (4, &leak), (10, "a\u{1b}[31mred"), (20, "done")],
    );
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());

    let task = &account.sandbox.one_off_tasks()[0];
    assert_eq!(
        (task.command.as_slice(), task.container.as_str()),
        (&["migrate".to_owned(), "up".to_owned()][..], "app")
    );
    assert_eq!(task.environment, [("PASSWORD".to_owned(), SECRET.to_owned())]);
    let id = &tasks(&account)[0];
    let lines: Vec<&str> = ran.progress.lines().collect();
    assert_eq!(
        lines,
        [
            &format!("task: started for container app of web:1, as {}…", &id[..8]),
            "task: running",
            "app | starting",
            "app | connecting with (hidden)",
            "app | a [31mred",
            "app | done",
            "task: app ended with 0",
        ]
    );
    let report = &ran.report;
    assert_eq!(report.task.as_deref(), Some(task.arn.as_str()));
    // The start takes 5 s and the work 20 s, which a poll sees within 2 s; the log is read on after that.
    assert!((25..=28).contains(&report.duration.as_secs()), "{:?}", report.duration);
    let told =
        format!("container app of web:1 ended with 0 after {} s (task {id})\n", report.duration.as_secs());
    assert_eq!(task_text(report), told);
    assert!(report.warnings.is_empty() && report.evidence.tasks.is_empty(), "{report:?}");
    assert_eq!(account.sandbox.one_off_tasks().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lines_are_told_while_the_task_runs() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 600, &[(10, "one"), (300, "two")]);
    let (ecs, request) = (account.aws().await.cloud(), migrate("x"));
    let mut heard: Vec<(u64, String)> = Vec::new();
    let began = account.clock.now();
    let clock = account.clock;
    let mut listen = |news: TaskNews<'_>| {
        if let TaskNews::Logged { line, .. } = news {
            heard.push((clock.now().since(began).as_secs(), line.to_owned()));
        }
    };
    one_off::run(&ecs, clock, &request, std::future::pending(), &mut listen).await;
    let [(first, one), (second, two)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((one.as_str(), two.as_str()), ("one", "two"));
    assert!((15..=18).contains(first) && (305..=308).contains(second), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_silent_is_told_once_a_minute() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 190, &[]);
    let ran = run(&account, &migrate("x")).await;
    let silent: Vec<&str> =
        ran.progress.lines().filter(|line| line.starts_with("task: nothing new")).collect();
    assert_eq!(silent.len(), 3, "{}", ran.progress);
    assert!(silent.iter().all(|line| *line == "task: nothing new for 1 min"), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn another_status_than_0_is_a_failure_with_the_end_of_the_log() {
    let account = account();
    let lines: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    let log: Vec<(u64, &str)> = lines.iter().map(|line| (1, line.as_str())).collect();
    play(&account.sandbox, TaskEnding::Exits(3), 10, &log);
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Failed, 1, Some(3)));
    ran.says(&[
        "container app of web:1 ended with 3",
        "Essential container in task exited",
        "app exited with 3",
    ]);
    assert_eq!(ran.report.container_status(), Some(3));
    assert!(ran.progress.ends_with("task: app ended with 3\n"), "{}", ran.progress);
    let failure = &task_document(&ran.report)["failure"];
    assert_eq!(failure["kind"], "task_failed");
    let task = &failure["tasks"][0];
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(task["containers"][0]["exitCode"], 3);
    let tail = task["containers"][0]["logTail"].as_array().unwrap();
    assert_eq!((tail.len(), &tail[0], &tail[19]), (20, &json!("line 11"), &json!("line 30")));
    let reasons = task_reasons_text(&ran.report);
    assert!(
        reasons.contains("the last lines of app in task ") && reasons.contains("    line 30\n"),
        "{reasons}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_never_runs_and_what_is_stopped_is_told_in_the_words_of_ecs() {
    for (ending, exit_code, words) in [
        (TaskEnding::CannotPull, None, &["app of web:1 never ran", "CannotPullContainerError"][..]),
        (
            TaskEnding::SecretDenied,
            None,
            &["never ran", "ResourceInitializationError", "secretsmanager:GetSecretValue"],
        ),
        (TaskEnding::OutOfMemory, Some(137), &["app of web:1 ended with 137", "OutOfMemoryError"]),
        (
            TaskEnding::SpotInterruption,
            Some(143),
            &["was stopped before its end", "Your Spot Task was interrupted"],
        ),
    ] {
        let account = account();
        play(&account.sandbox, ending, 10, &[]);
        let ran = run(&account, &migrate("x")).await;
        assert_eq!(ran.ending(), (TaskOutcome::Failed, 1, exit_code), "{ending:?}");
        ran.says(words);
        assert_eq!(ran.report.container_status(), None, "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_essential_side_car_that_ends_first_ends_the_task() {
    let account = Account::running(&logging(true));
    play(&account.sandbox, TaskEnding::SidecarExits(1), 10, &[(2, "half done")]);
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Failed, 1, Some(137)));
    ran.says(&["app of web:1 ended with 137", "proxy exited with 1", "app was killed (137)"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_essential_takes_its_task_with_it() {
    let mut definition = logging(true);
    definition["containerDefinitions"][0]["essential"] = json!(false);
    for (status, outcome) in [(0, TaskOutcome::Succeeded), (4, TaskOutcome::Failed)] {
        let account = Account::running(&definition);
        play(&account.sandbox, TaskEnding::Exits(status), 10, &[]);
        let ran = run(&account, &migrate("x")).await;
        assert_eq!(ran.ending(), (outcome, u8::from(status > 0), Some(status)), "{}", ran.message());
        account.clock.sleep(seconds(60)).await;
        assert!(account.sandbox.one_off_tasks()[0].stopped.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn capacity_that_lacks_for_two_minutes_is_waited_for() {
    let account = account();
    play(&account.sandbox, TaskEnding::Exits(0), 10, &[]);
    account.sandbox.refuse_tasks("RESOURCE:MEMORY", 60);
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", ran.message());
    assert!((120..160).contains(&ran.report.duration.as_secs()), "{:?}", ran.report.duration);
    let waits = "warning: task: ECS started none, and is asked again: RESOURCE:MEMORY";
    assert!(ran.progress.starts_with(waits), "{}", ran.progress);
    assert_eq!(ran.progress.matches("RESOURCE:MEMORY").count(), 1, "{}", ran.progress);

    let patience = RunRequest { placement_grace: seconds(60), ..migrate("y") };
    account.sandbox.refuse_tasks("RESOURCE:MEMORY", 60);
    let ran = run(&account, &patience).await;
    assert_eq!(ran.ending(), (TaskOutcome::Failed, 1, None));
    ran.says(&["ECS started no task for container app of web:1", "RESOURCE:MEMORY", "--placement-grace"]);
    assert!((60..64).contains(&ran.report.duration.as_secs()));
    assert_eq!(tasks(&account).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_no_instance_offers_is_not_waited_for() {
    let account = account();
    account.sandbox.refuse_tasks("ATTRIBUTE", 1);
    let ran = run(&account, &migrate("x")).await;
    assert_eq!(ran.ending(), (TaskOutcome::Failed, 1, None));
    ran.says(&["ECS started no task", "ATTRIBUTE", "what the cluster's instances offer"]);
    assert!(ran.report.duration < seconds(2));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_too_long_is_stopped() {
    let account = account();
    play(&account.sandbox, TaskEnding::NeverEnds, 0, &[(1, "working")]);
    let request = RunRequest { timeout: seconds(60), ..migrate("x") };
    let ran = run(&account, &request).await;
    assert_eq!((ran.report.outcome, ran.report.exit_status()), (TaskOutcome::TimedOut, 7));
    ran.says(&["did not end within 60 s, so its task was stopped", "--timeout"]);
    assert_eq!(
        task_document(&ran.report)["failure"]["tasks"][0]["containers"][0]["logTail"],
        json!(["working"])
    );
    account.clock.sleep(seconds(60)).await;
    assert!(account.sandbox.one_off_tasks()[0].stopped.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_leaves_the_task_or_stops_it() {
    for (on_interrupt, kind, status) in [
        (OnInterrupt::Leave, FailureKind::Interrupted, 130),
        (OnInterrupt::Stop, FailureKind::Terminated, 143),
    ] {
        let account = account();
        play(&account.sandbox, TaskEnding::Exits(0), 60, &[]);
        let (interrupter, mut interrupt) = Interrupt::new();
        let request = RunRequest { on_interrupt, ..migrate("x") };
        let raise = async {
            account.clock.sleep(seconds(20)).await;
            interrupter.raise(kind);
        };
        let (ran, ()) = tokio::join!(run_until(&account, &request, interrupt.wait()), raise);
        assert_eq!((ran.report.outcome, ran.report.exit_status()), (TaskOutcome::Interrupted, status));
        let arn = account.sandbox.one_off_tasks()[0].arn.clone();
        ran.says(&["the wait for container app of web:1 was interrupted", &arn]);
        account.clock.sleep(seconds(15)).await;
        let is_stopped = account.sandbox.one_off_tasks()[0].stopped.is_some();
        assert_eq!(is_stopped, on_interrupt == OnInterrupt::Stop);
        if on_interrupt == OnInterrupt::Leave {
            let advice = format!("`aws ecs stop-task --cluster prod --task {arn}`");
            ran.says(&["goes on in ECS", &advice]);
            // The same command in the same execution follows the task.
            let again = run(&account, &request).await;
            assert_eq!(again.ending(), (TaskOutcome::Succeeded, 0, Some(0)), "{}", again.message());
            assert_eq!(tasks(&account).len(), 1);
        } else {
            ran.says(&["was stopped"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_before_the_start_starts_nothing() {
    let account = account();
    let ready = std::future::ready(FailureKind::Interrupted);
    let ran = run_until(&account, &migrate("x"), ready).await;
    assert_eq!((ran.report.outcome, ran.report.exit_status()), (TaskOutcome::Interrupted, 130));
    ran.says(&["interrupted before it began", "no task was started"]);
    assert!(tasks(&account).is_empty());
}
