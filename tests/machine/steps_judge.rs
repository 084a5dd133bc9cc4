//! A deployment with a task before and a task after, and what must hold at its end whatever happened to it.

use std::time::Duration;

use evenkeel::clock::Timestamp;
use evenkeel::deploy::{Interrupt, Polling, Report, World, deploy};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::one_off::{ExecutionId, Step, Steps};
use evenkeel_core::record::{DeployedBy, Record, Status};
use evenkeel_core::request::DeployRequest;
use evenkeel_sandbox::{OneOffTask, Rollout, RolloutOutcome, Sandbox, TaskEnding, TaskScript};
use serde_json::json;

use crate::campaign::{NthCall, calls_of};
use crate::steps::command;
use crate::world::{Account, CLUSTER, SERVICE, definition, message, request};

pub(crate) const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
const PARAMETER: &str = "/deploy/web";

/// The commands of the two steps, by which a task is told from the other.
const BEFORE: &str = "migrate";
const AFTER: &str = "smoke";

/// How long a task runs from the start of its containers, and how long a rollout takes.
const RUNS: Duration = Duration::from_secs(5);
const ROLLOUT: Duration = Duration::from_secs(10);

/// How long each may take.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How the task of a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Well,
    With1,
    CannotPull,
    /// Somebody stops it.
    Stopped,
    /// It is stopped when its time is up.
    Never,
}

/// A deployment whose two tasks end so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Play {
    pub(crate) before: Ends,
    pub(crate) after: Ends,
}

/// What was done to a deployment, as far as its judge has to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disturbance<'a> {
    /// How many executions there were.
    pub(crate) executions: usize,
    /// How often the command was run in all.
    pub(crate) runs: usize,
    /// The operation that never worked again, or was denied once.
    pub(crate) lasting: Option<&'a str>,
}

impl Disturbance<'_> {
    /// One execution, and nothing that lasts.
    pub(crate) const PASSING: Self = Self { executions: 1, runs: 1, lasting: None };
}

impl Play {
    pub(crate) const WELL: Self = Self { before: Ends::Well, after: Ends::Well };

    /// The account right before the deployment: its record says that `web:1` runs.
    pub(crate) fn account(self) -> Account {
        fastrand::seed(1);
        let mut logging = definition();
        logging["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
            "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web",
        }});
        let account = Account::running(&logging);
        let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: ROLLOUT };
        account.sandbox.set_rollout(CLUSTER, SERVICE, rollout);
        for (word, ends) in [(BEFORE, self.before), (AFTER, self.after)] {
            let log = vec![(Duration::from_secs(2), format!("{word} began"))];
            let script = TaskScript { ending: ends.ending(), runs_for: RUNS, log, ..TaskScript::default() };
            account.sandbox.play_tasks(word, script);
        }
        if self.before == Ends::Stopped || self.after == Ends::Stopped {
            for nth in 1..=8 {
                account
                    .sandbox
                    .after_call("RunTask", nth, move |sandbox| self.stop_soon(sandbox, account.clock));
            }
        }
        account.sandbox.put_parameter(PARAMETER, FORMER).unwrap();
        account
    }

    /// Somebody stops the tasks that are to be stopped eight seconds from now.
    fn stop_soon(self, sandbox: &Sandbox, clock: evenkeel::clock::Clock) {
        let sandbox = sandbox.clone();
        tokio::spawn(async move {
            clock.sleep(Duration::from_secs(8)).await;
            for task in sandbox.one_off_tasks() {
                let ends = if task.command == [BEFORE] { self.before } else { self.after };
                if ends == Ends::Stopped && task.stopped.is_none() {
                    sandbox.call("StopTask", json!({ "cluster": CLUSTER, "task": task.arn })).unwrap();
                }
            }
        });
    }

    /// Deploys in the execution of this name.
    pub(crate) async fn deploy(self, account: &Account, execution: &str) -> Report {
        let ecs = account.aws().await.cloud();
        let records = account.records(&[&format!("ssm:{PARAMETER}")]).await;
        let (_interrupter, interrupt) = Interrupt::new();
        let world = World {
            ecs: &ecs,
            records: vec![&records[..]],
            clock: account.clock,
            polling: Polling::default(),
            interrupt,
            source: &DeployedBy { kind: "cli".to_owned(), id: None, url: None },
            execution: ExecutionId::new(execution),
        };
        deploy(&world, &self.request(), &mut |_| {}).await
    }

    fn request(self) -> DeployRequest {
        let command = |word: &str| command(&format!("app={word}"));
        let steps = Steps { before: vec![command(BEFORE)], after: vec![command(AFTER)] };
        let mut request = DeployRequest { steps, ..request(&[NEW]) };
        request.policy.timeout = TIMEOUT;
        request
    }

    /// Each call of the deployment when nothing disturbs it.
    pub(crate) async fn calls(self) -> Vec<NthCall> {
        let account = self.account();
        let report = self.deploy(&account, "test").await;
        self.judge(&account, &report, Disturbance::PASSING, "undisturbed");
        calls_of(&account.sandbox)
    }

    /// Checks everything that must hold when the last of its reports is `report`.
    pub(crate) fn judge(self, account: &Account, report: &Report, by: Disturbance<'_>, what: &str) {
        let what = format!("{self:?}, {by:?}: {what}: {:?}: {}", report.outcome, message(report));
        let tasks = account.sandbox.one_off_tasks();
        let of = |word: &str| tasks.iter().filter(|it| it.command == [word]).collect::<Vec<_>>();
        let (before, after) = (of(BEFORE), of(AFTER));
        assert_eq!(before.len() + after.len(), tasks.len(), "{what}");
        assert!(tasks.iter().all(|task| task.task_definition.ends_with("/web:2")), "{what}");
        assert!(account.revisions("web") <= 2, "{what}");
        assert!(before.len() <= by.executions && after.len() <= by.executions, "{what}: {tasks:?}");

        let updates = updates(account, "web:2");
        for update in &updates {
            let is_over = |it: &&&OneOffTask| ended_well(it).is_some_and(|ended| ended <= *update);
            assert!(
                before.iter().any(|it| is_over(&it)),
                "updated before the end of the step before: {what}"
            );
        }
        assert!(updates.len() <= by.runs, "{what}");
        for task in &after {
            let rolled_out = updates.first().map(|update| update.plus(ROLLOUT));
            assert!(rolled_out.is_some_and(|at| at <= task.created), "{what}");
        }
        let (is_success, live) = (report.exit_status() == 0, account.live(SERVICE));
        if is_success {
            let is_rerun = by.runs > 1 && report.outcome == Outcome::Unchanged;
            assert!((report.outcome == Outcome::Deployed || is_rerun) && live == "web:2", "{what}");
            let is_well = |tasks: &[&OneOffTask]| tasks.iter().any(|it| ended_well(it).is_some());
            assert!(is_well(&before) && is_well(&after), "a success without its steps: {what}");
        } else {
            assert!(!message(report).is_empty(), "{what}");
        }
        match by.lasting {
            Some(operation) => self.judge_outage(report, operation, &live, &what),
            None => self.judge_end(report, &live, (before.len(), after.len()), &what),
        }
        judge_record(account, report, &live, &what);
    }

    /// Whatever happened has passed: the deployment ended as its tasks did.
    fn judge_end(self, report: &Report, live: &str, ran: (usize, usize), what: &str) {
        let told = (report.outcome, report.step, report.exit_status(), live);
        if self.before != Ends::Well {
            assert_eq!(told, (Outcome::Failed, Some(Step::Before), 1, "web:1"), "{what}");
            return assert_eq!(ran.1, 0, "{what}");
        }
        assert!(ran.0 >= 1 && ran.1 >= 1, "{what}");
        if self.after == Ends::Well {
            assert!(matches!(told, (Outcome::Deployed | Outcome::Unchanged, None, 0, "web:2")), "{what}");
        } else {
            assert_eq!(told, (Outcome::RolledBack, Some(Step::After), 1, "web:1"), "{what}");
        }
    }

    /// The operation never worked again: that is said, and so is where the service was left.
    fn judge_outage(self, report: &Report, operation: &str, live: &str, what: &str) {
        if report.exit_status() == 0 {
            return;
        }
        let is_by_task = report.step.is_some();
        assert!(is_by_task || message(report).contains(operation), "{what}");
        let says = |words: &str| message(report).contains(words);
        let why_left = ["goes on in ECS", "the rollback to web:1 had not begun"];
        assert!(live != "web:2" || why_left.into_iter().any(says), "why web:2 runs is not said: {what}");
        let is_doubtful = report.exit_status() == 75 && operation == "RunTask";
        assert!(!is_doubtful || says("whether its task was started is not known"), "{what}");
        let is_unread = operation == "DescribeTasks" && says("did not end");
        assert!(!is_unread || says("whether it had ended is not known"), "{what}");
        let is_stopped = operation == "StopTask" && (says("so its task was stopped") || says(" stopped: "));
        assert!(!is_stopped && !says("for no known reason"), "{what}");
    }
}

/// The record says what runs, or that it is not known.
fn judge_record(account: &Account, report: &Report, live: &str, what: &str) {
    let (value, _) = account.sandbox.parameter(PARAMETER).unwrap();
    let record = Record::parse(PARAMETER, value.as_bytes()).unwrap().unwrap();
    let what = format!("{what}: {record:?}");
    match record.status {
        Status::Succeeded => {
            assert_eq!(format!("web:{}", record.revision), live, "{what}");
            assert!(record.task_definition_arn.ends_with(live), "{what}");
        }
        // It says what ran before.
        Status::InProgress => {
            assert_eq!(record.revision, 1, "{what}");
            assert!(matches!(report.exit_status(), 4 | 75), "{what}");
        }
    }
    assert!(record.base_task_definition_arn.ends_with("/web:1"), "{what}");
}

impl Ends {
    fn ending(self) -> TaskEnding {
        match self {
            Self::Well => TaskEnding::Exits(0),
            Self::With1 => TaskEnding::Exits(1),
            Self::CannotPull => TaskEnding::CannotPull,
            Self::Stopped | Self::Never => TaskEnding::NeverEnds,
        }
    }
}

/// When the service was put on this revision.
fn updates(account: &Account, revision: &str) -> Vec<Timestamp> {
    let is_of = |request: &serde_json::Value| {
        request["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with(&format!("/{revision}")))
    };
    let calls = account.sandbox.calls().into_iter();
    let updates = calls.filter(|it| it.operation == "UpdateService" && it.effect && is_of(&it.request));
    updates.map(|call| call.at).collect()
}

/// When the task's container ended, if it ended with 0.
fn ended_well(task: &OneOffTask) -> Option<Timestamp> {
    task.exit_code.filter(|code| *code == 0).and(task.started).map(|started| started.plus(RUNS))
}

/// A record of what ran before.
const FORMER: &str = r#"{
    "schema": "evenkeel.record/v1", "status": "succeeded", "cluster": "prod", "service": "web", "family": "web",
    "revision": 1, "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
    "baseTaskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
    "previousTaskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
    "images": {}, "deployedAt": "2026-07-01T08:00:00Z", "source": { "kind": "cli" }
}"#;
