//! One-off tasks of a deployment, on the command line: the no-op first, then the change, the failures, the repeat.

use std::time::Duration;

use evenkeel::clock::Timestamp;
use evenkeel::deploy::{Interrupt, Progress, Report, TaskNews};
use evenkeel::record::FileStore;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::one_off::{Step, Steps, TaskCommand};
use evenkeel_core::request::{DeployRequest, OnFailure, ServiceName};
use evenkeel_sandbox::{Fault, FaultKind, OneOffTask, TaskEnding, TaskScript};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request};

const OLD: (&str, &str) = ("app", "registry.example.com:5000/shop/web:1");
const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

pub(crate) fn command(text: &str) -> TaskCommand {
    TaskCommand::parse(text, "--before").unwrap()
}

fn steps(before: &[&str], after: &[&str]) -> Steps {
    let commands = |texts: &[&str]| texts.iter().map(|text| command(text)).collect();
    Steps { before: commands(before), after: commands(after) }
}

/// A deployment of the new image with these tasks.
fn with_steps(before: &[&str], after: &[&str]) -> DeployRequest {
    DeployRequest { steps: steps(before, after), ..request(&[NEW]) }
}

/// An account whose tasks with this word end so.
fn playing(word: &str, ending: TaskEnding) -> Account {
    let account = Account::new();
    account.sandbox.play_tasks(word, TaskScript { ending, ..TaskScript::default() });
    account
}

/// What ran, by revision and command.
fn ran(account: &Account) -> Vec<String> {
    let short = |task: &OneOffTask| {
        let revision = task.task_definition.rsplit('/').next().unwrap().to_owned();
        format!("{revision} {}: {}", task.container, task.command.join(" "))
    };
    account.sandbox.one_off_tasks().iter().map(short).collect()
}

/// When an operation took effect first.
fn first(account: &Account, operation: &str) -> Timestamp {
    account.sandbox.calls().iter().find(|call| call.operation == operation && call.effect).unwrap().at
}

fn how_it_ended(report: &Report) -> (Outcome, Option<Step>, u8) {
    (report.outcome, report.step, report.exit_status())
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_where_nothing_changes() {
    let account = Account::new();
    let unchanged = DeployRequest { steps: steps(&["app=migrate"], &[]), ..request(&[OLD]) };
    let report = account.run(&unchanged).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:1", 0));
    assert_eq!(account.operations(), ["DescribeServices", "DescribeTaskDefinition"]);

    let mut forced = unchanged;
    forced.policy.force_new_deployment = true;
    let report = account.run(&forced).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:1", 0));
    assert_eq!(ran(&account), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn tasks_before_run_in_their_order_on_the_new_revision_before_the_update() {
    let account = Account::new();
    let report = account.run(&with_steps(&["app=rails db:migrate", "proxy=warm 'up now'"], &[])).await;

    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!(report.step, None);
    assert_eq!(ran(&account), ["web:2 app: rails db:migrate", "web:2 proxy: warm up now"]);
    let tasks = account.sandbox.one_off_tasks();
    // The container has ended; ECS goes on to stop the task.
    let over = |task: &OneOffTask| task.started.unwrap().plus(Duration::from_secs(10));
    assert!(over(&tasks[0]) <= tasks[1].created);
    assert!(over(&tasks[1]) <= first(&account, "UpdateService"));
    let waited = first(&account, "UpdateService").since(over(&tasks[1]));
    assert!(waited <= Duration::from_secs(3), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn tasks_after_run_when_the_rollout_has_completed_and_before_success_is_said() {
    let account = Account::new();
    let report = account.run(&with_steps(&[], &["app=smoke test"])).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!(ran(&account), ["web:2 app: smoke test"]);
    let task = &account.sandbox.one_off_tasks()[0];
    assert!(task.created.since(first(&account, "UpdateService")) >= Duration::from_secs(60));
    assert!((75.0..=90.0).contains(&report.services[0].duration.as_secs_f64()), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_before_that_fails_leaves_the_service_and_says_why() {
    let exited = "container app of web:2 ended with 3: task";
    for (how, says) in [
        (TaskEnding::Exits(3), exited),
        (TaskEnding::CannotPull, "container app of web:2 never ran: task"),
        (TaskEnding::SecretDenied, "ResourceInitializationError"),
        (TaskEnding::OutOfMemory, "OutOfMemoryError: Container killed due to memory usage"),
        (TaskEnding::SpotInterruption, "was stopped before its end"),
    ] {
        let account = playing("migrate", how);
        let report = account.run(&with_steps(&["app=migrate"], &["app=never"])).await;
        assert_eq!(ending(&report), ended(Outcome::Failed, "web:1", 1), "{how:?}");
        assert_eq!(report.step, Some(Step::Before));
        let told = message(&report);
        assert!(told.contains(says), "{how:?}: {told}");
        assert!(told.starts_with("a task before the update failed, so no service was updated: "), "{told}");
        assert_eq!(
            (account.effects("UpdateService"), account.sandbox.one_off_tasks().len()),
            (0, 1),
            "{how:?}"
        );
        assert_eq!(report.services[0].evidence.tasks.len(), 1, "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_side_car_that_ends_first_is_to_blame() {
    let mut essential = definition();
    essential["containerDefinitions"][1]["essential"] = json!(true);
    let account = Account::running(&essential);
    let ending = TaskEnding::SidecarExits(1);
    account.sandbox.play_tasks("migrate", TaskScript { ending, ..TaskScript::default() });
    let report = account.run(&with_steps(&["app=migrate"], &[])).await;
    assert_eq!(how_it_ended(&report), (Outcome::Failed, Some(Step::Before), 1));
    let told = message(&report);
    assert!(told.contains("container app of web:2 ended with 137: task"), "{told}");
    assert!(told.contains("(proxy exited with 1; app was killed (137))"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_task_logged_is_told_and_what_it_logs_is_shown_as_it_comes() {
    let mut logging = definition();
    logging["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web",
    }});
    let account = Account::running(&logging);
    let line = |second: u64, text: &str| (Duration::from_secs(second), text.to_owned());
    let log = vec![line(1, "0001_users"), line(4, "0002_orders"), line(9, "relation exists already")];
    account
        .sandbox
        .play_tasks("migrate", TaskScript { ending: TaskEnding::Exits(3), log, ..TaskScript::default() });

    let (_interrupter, interrupt) = Interrupt::new();
    let mut shown = Vec::new();
    let mut listen = |progress: Progress<'_>| {
        if let Progress::Task { step, news: TaskNews::Logged { container, line } } = progress {
            shown.push((account.clock.now(), format!("{} {container}: {line}", step.unwrap().as_str())));
        }
    };
    let request = with_steps(&["app=migrate"], &[]);
    let report = account.run_told::<FileStore>(&request, interrupt, vec![], &mut listen).await;

    let texts: Vec<&str> = shown.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        texts,
        ["before app: 0001_users", "before app: 0002_orders", "before app: relation exists already"]
    );
    let started = account.sandbox.one_off_tasks()[0].started.unwrap();
    for ((at, text), logged) in shown.iter().zip([1, 4, 9]) {
        let late = at.since(started.plus(Duration::from_secs(logged)));
        assert!(late <= Duration::from_secs(3), "{text}: {late:?}");
    }
    let tail = &report.services[0].evidence.tasks[0].containers[0].log_tail;
    assert_eq!(tail, &["0001_users", "0002_orders", "relation exists already"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_after_that_fails_has_the_service_rolled_back() {
    let account = playing("smoke", TaskEnding::Exits(1));
    let report = account.run(&with_steps(&["app=migrate"], &["app=smoke", "app=never"])).await;
    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1), "{}", message(&report));
    assert_eq!(report.step, Some(Step::After));
    assert_eq!(ran(&account), ["web:2 app: migrate", "web:2 app: smoke"]);
    assert_eq!(account.live(SERVICE), "web:1");
    let told = message(&report);
    assert!(told.contains("a task after the rollout failed: container app of web:2 ended with 1"), "{told}");
    assert!(told.contains("the service is back on web:1"), "{told}");
    assert_eq!(account.effects("UpdateService"), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_task_after_that_fails_a_service_is_left_where_that_is_asked_for_and_the_record_says_so() {
    let account = playing("smoke", TaskEnding::Exits(1));
    let records = account.records(&["ssm:/deploy/web"]).await;
    let mut request = with_steps(&[], &["app=smoke"]);
    request.policy.on_failure = OnFailure::Leave;
    let (interrupter, interrupt) = Interrupt::new();
    let report = account.run_until(&request, interrupt, interrupter, &records).await;
    assert_eq!(ending(&report), ended(Outcome::Failed, "web:2", 1), "{}", message(&report));
    assert!(message(&report).contains("the service was left as it is"), "{}", message(&report));
    let record = recorded(&account);
    assert_eq!(
        (record["status"].as_str(), record["revision"].as_u64()),
        (Some("succeeded"), Some(2)),
        "{record}"
    );
}

/// The record, as it is kept now.
fn recorded(account: &Account) -> Value {
    let (value, _) = account.sandbox.parameter("/deploy/web").unwrap();
    serde_json::from_str(&value).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_record_is_in_progress_while_tasks_run_and_as_before_when_one_before_fails() {
    let account = playing("migrate", TaskEnding::Exits(3));
    let records = account.records(&["ssm:/deploy/web"]).await;
    let (_interrupter, interrupt) = Interrupt::new();
    let report = account.run_each(&request(&[OLD]), interrupt.clone(), vec![&records[..]]).await;
    assert_eq!(report.outcome, Outcome::Unchanged);
    let before = recorded(&account);

    let mut meanwhile = Vec::new();
    let mut listen = |progress: Progress<'_>| {
        if let Progress::Task { news: TaskNews::Started { .. }, .. } = progress {
            meanwhile.push(recorded(&account));
        }
    };
    let mut request = with_steps(&["app=migrate"], &["app=smoke"]);
    request.policy.timeout = Duration::from_secs(600);
    let report = account.run_told(&request, interrupt, vec![&records[..]], &mut listen).await;
    assert_eq!(how_it_ended(&report), (Outcome::Failed, Some(Step::Before), 1));
    assert_eq!(meanwhile[0]["status"], "in_progress");
    // The first record, the mark, its revision's name, and the mark's end.
    assert!(account.effects("PutParameter") <= 4, "{}", account.effects("PutParameter"));
    let expires = meanwhile[0]["expiresAt"].as_str().unwrap();
    let minutes: u64 = expires[14..16].parse::<u64>().unwrap();
    // A rollout, a rollback and two tasks may take ten minutes each: 40 minutes from 08:00.
    assert_eq!(minutes, 40, "{expires}");
    let strip = |mut record: Value| {
        for volatile in ["candidate", "marks", "expiresAt", "replacesVersion"] {
            record.as_object_mut().unwrap().remove(volatile);
        }
        record
    };
    assert_eq!(strip(recorded(&account)), strip(before));
}

#[tokio::test(start_paused = true)]
async fn capacity_is_waited_for_and_a_task_that_no_instance_takes_fails_at_once() {
    let account = Account::new();
    account.sandbox.refuse_tasks("RESOURCE:MEMORY", 60);
    let report = account.run(&with_steps(&["app=migrate"], &[])).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!(account.sandbox.one_off_tasks().len(), 1);
    let created = account.sandbox.one_off_tasks()[0].created;
    assert!(created.since(first(&account, "RegisterTaskDefinition")) >= Duration::from_secs(120));
    let calls = account.sandbox.calls();
    let tokens: std::collections::BTreeSet<_> = calls
        .iter()
        .filter(|call| call.operation == "RunTask")
        .map(|call| call.request["clientToken"].to_string())
        .collect();
    assert_eq!(tokens.len(), 61, "a new token each time");

    let account = Account::new();
    account.sandbox.refuse_tasks("ATTRIBUTE", 1);
    let report = account.run(&with_steps(&["app=migrate"], &[])).await;
    assert_eq!(ending(&report), ended(Outcome::Failed, "web:1", 1));
    assert!(
        message(&report).contains("ECS started no task for container app of web:2: ATTRIBUTE"),
        "{}",
        message(&report)
    );

    let account = Account::new();
    account.sandbox.refuse_tasks("AGENT", 1_000);
    let mut request = with_steps(&["app=migrate"], &[]);
    request.policy.placement_grace = Some(Duration::from_secs(60));
    let report = account.run(&request).await;
    assert_eq!(ending(&report), ended(Outcome::Failed, "web:1", 1));
    assert!(message(&report).contains("or give it more time by --placement-grace"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_never_ends_is_stopped_when_its_time_is_up() {
    for (request, outcome) in [
        (with_steps(&["app=migrate"], &[]), Outcome::Failed),
        (with_steps(&[], &["app=migrate"]), Outcome::RolledBack),
    ] {
        let account = playing("migrate", TaskEnding::NeverEnds);
        let report = account.run(&request).await;
        assert_eq!(ending(&report), ended(outcome, "web:1", 1));
        let told = message(&report);
        assert!(
            told.contains("container app of web:2 did not end within 1800 s, so its task was stopped"),
            "{told}"
        );
        account.clock.sleep(Duration::from_secs(60)).await;
        let task = &account.sandbox.one_off_tasks()[0];
        assert!(task.stopped.is_some(), "{task:?}");
        let lived = task.stopped.unwrap().since(task.created);
        assert!((Duration::from_secs(1_800)..Duration::from_secs(1_830)).contains(&lived), "{lived:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_services_wait_for_all_tasks_before_and_one_revision_has_them_once() {
    let account = Account::new();
    account.create_service("jobs", "web", json!({}));
    let mut api = definition();
    api["family"] = json!("api");
    account.call("RegisterTaskDefinition", api);
    account.create_service("api", "api", json!({}));
    let services = ["web", "jobs", "api"].map(|name| ServiceName::parse(name).unwrap());
    let all = DeployRequest { services: services.into(), ..with_steps(&["app=migrate"], &["app=smoke"]) };
    let report = account.run(&all).await;
    assert_eq!(report.outcome, Outcome::Deployed, "{}", message(&report));
    assert_eq!(
        ran(&account),
        ["web:2 app: migrate", "api:2 app: migrate", "web:2 app: smoke", "api:2 app: smoke"]
    );
    let tasks = account.sandbox.one_off_tasks();
    let over = tasks[1].started.unwrap().plus(Duration::from_secs(10));
    assert!(over <= first(&account, "UpdateService"));
    assert_eq!(account.effects("UpdateService"), 3);

    // One that fails leaves or rolls back all of them.
    for (word, outcome, updates) in [("migrate", Outcome::Failed, 0), ("smoke", Outcome::RolledBack, 6)] {
        let account = playing(word, TaskEnding::Exits(1));
        account.create_service("jobs", "web", json!({}));
        let mut all = all.clone();
        all.services.truncate(2);
        let report = account.run(&all).await;
        assert_eq!(report.outcome, outcome, "{}", message(&report));
        assert_eq!((account.live("web"), account.live("jobs")), ("web:1".to_owned(), "web:1".to_owned()));
        assert_eq!(account.effects("UpdateService"), updates.min(4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rival_that_goes_live_while_tasks_run_has_the_plan_made_anew() {
    let account = Account::new();
    account
        .sandbox
        .play_tasks("migrate", TaskScript { runs_for: Duration::from_secs(60), ..TaskScript::default() });
    let rival = async {
        account.clock.sleep(Duration::from_secs(30)).await;
        crate::world::rival_deploys(&account.sandbox, "1024");
    };
    let request = with_steps(&["app=migrate"], &["app=smoke"]);
    let (report, ()) = tokio::join!(account.run(&request), rival);
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:4", 0), "{}", message(&report));
    assert_eq!(account.sandbox.stored("web:4").unwrap()["memory"], "1024");
    let last = ran(&account);
    assert_eq!(last.last().unwrap(), "web:4 app: smoke");
    assert!(last.contains(&"web:4 app: migrate".to_owned()), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_another_execution_is_waited_for() {
    let account = Account::new();
    account
        .sandbox
        .play_tasks("earlier", TaskScript { runs_for: Duration::from_secs(120), ..TaskScript::default() });
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
    let described = account.call("DescribeServices", json!({ "cluster": CLUSTER, "services": [SERVICE] }));
    let service = described["services"][0]["serviceArn"].as_str().unwrap_or(service).to_owned();
    account.call(
        "RunTask",
        json!({
            "cluster": CLUSTER, "taskDefinition": "web:1",
            "startedBy": evenkeel_core::one_off::started_by(&service),
            "overrides": { "containerOverrides": [{ "name": "app", "command": ["earlier"] }] },
        }),
    );
    account.clock.sleep(Duration::from_secs(5)).await;
    let (_interrupter, interrupt) = Interrupt::new();
    let mut waits = 0;
    let mut listen = |progress: Progress<'_>| {
        if let Progress::Task { news: TaskNews::WaitsFor { .. }, .. } = progress {
            waits += 1;
        }
    };
    let request = with_steps(&["app=migrate"], &[]);
    let report = account.run_told::<FileStore>(&request, interrupt, vec![], &mut listen).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    assert_eq!(waits, 1, "it is said once");
    let tasks = account.sandbox.one_off_tasks();
    assert!(tasks[0].started.unwrap().plus(Duration::from_secs(120)) <= tasks[1].created);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_says_what_goes_on() {
    for (request, outcome, says) in [
        (with_steps(&["app=wait"], &[]), Outcome::Failed, "the service was not changed"),
        (with_steps(&[], &["app=wait"]), Outcome::Started, "goes on in ECS"),
    ] {
        let account = playing("wait", TaskEnding::NeverEnds);
        let (interrupter, interrupt) = Interrupt::new();
        let mut listen = |progress: Progress<'_>| {
            if let Progress::Task { news: TaskNews::Runs, .. } = progress {
                interrupter.raise(FailureKind::Interrupted);
            }
        };
        let report = account.run_told::<FileStore>(&request, interrupt, vec![], &mut listen).await;
        assert_eq!((report.outcome, report.exit_status()), (outcome, 130));
        let task = account.sandbox.one_off_tasks()[0].arn.rsplit('/').next().unwrap().to_owned();
        let told = message(&report);
        assert!(told.contains(says), "{told}");
        assert!(told.contains(&format!("task {task} goes on")), "{told}");
        assert!(told.contains(&format!("aws ecs stop-task --cluster prod --task {task}")), "{told}");
        assert_eq!(account.effects("StopTask"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rerun_runs_the_tasks_after_that_a_former_run_owes() {
    let account = playing("smoke", TaskEnding::NeverEnds);
    let records = account.records(&["ssm:/deploy/web"]).await;
    let request = with_steps(&["app=migrate"], &["app=smoke"]);
    let (interrupter, interrupt) = Interrupt::new();
    let mut listen = |progress: Progress<'_>| {
        if let Progress::Task { step: Some(Step::After), news: TaskNews::Runs } = progress {
            interrupter.raise(FailureKind::Terminated);
        }
    };
    let report = account.run_told(&request, interrupt, vec![&records[..]], &mut listen).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Started, 143));
    assert_eq!(recorded(&account)["status"], "in_progress");
    let task = account.sandbox.one_off_tasks()[1].arn.clone();
    account.call("StopTask", json!({ "cluster": CLUSTER, "task": task }));
    account.clock.sleep(Duration::from_secs(3 * 3600)).await;

    account.sandbox.play_tasks("smoke", TaskScript::default());
    let (_interrupter, interrupt) = Interrupt::new();
    let report = account.run_each(&request, interrupt, vec![&records[..]]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!(ran(&account), ["web:2 app: migrate", "web:2 app: smoke", "web:2 app: smoke"]);
    assert_eq!(recorded(&account)["status"], "succeeded");

    // Now nothing is owed.
    let (_interrupter, interrupt) = Interrupt::new();
    let report = account.run_each(&request, interrupt, vec![&records[..]]).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:2", 0));
    assert_eq!(account.sandbox.one_off_tasks().len(), 3);

    // Without a record that is not known.
    let report = account.run(&request).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:2", 0));
    assert!(report.warnings.iter().any(|it| it.contains("is not known without a record")), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_no_revision_has_is_refused_before_anything_changes() {
    let account = Account::new();
    let report = account.run(&with_steps(&["app=migrate"], &["db=check"])).await;
    assert_eq!((report.outcome, report.exit_status()), (Outcome::Failed, 3));
    let told = message(&report);
    assert!(told.contains("no container \"db\" in the task definition of service web"), "{told}");
    assert!(
        told.contains("its containers are app, proxy. Correct the name in --after; nothing was changed"),
        "{told}"
    );
    assert_eq!(account.revisions("web"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_permission_to_run_tasks_nothing_is_updated_or_the_service_is_rolled_back() {
    for (request, outcome, status) in [
        (with_steps(&["app=migrate"], &[]), Outcome::Failed, 4),
        (with_steps(&[], &["app=smoke"]), Outcome::RolledBack, 1),
    ] {
        let account = Account::new();
        account.sandbox.inject(Fault { operation: "RunTask".to_owned(), nth: None, kind: FaultKind::Denied });
        let report = account.run(&request).await;
        assert_eq!(ending(&report), ended(outcome, "web:1", status), "{}", message(&report));
        assert!(message(&report).contains("ecs:RunTask"), "{}", message(&report));
        assert_eq!(account.live(SERVICE), "web:1");
    }
}

/// The service was on `web:1` and `web:2`; a task after the rollout of `web:3` failed, so it is on `web:2` again.
async fn rolled_back_from_a_faulty_revision(sinks: &[&str]) -> Account {
    let account = Account::new();
    let records = account.records(sinks).await;
    let (_interrupter, interrupt) = Interrupt::new();
    let report = account.run_each(&request(&[NEW]), interrupt.clone(), vec![&records[..]]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0));
    account.sandbox.play_tasks("smoke", TaskScript { ending: TaskEnding::Exits(1), ..TaskScript::default() });
    let three = ("app", "registry.example.com:5000/shop/web:3");
    let faulty = DeployRequest { steps: steps(&[], &["app=smoke"]), ..request(&[three]) };
    let report = account.run_each(&faulty, interrupt, vec![&records[..]]).await;
    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:2", 1), "{}", message(&report));
    account
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_by_the_record_and_never_to_a_revision_that_a_task_found_faulty() {
    let account = rolled_back_from_a_faulty_revision(&["ssm:/deploy/web"]).await;
    let records = account.records(&["ssm:/deploy/web"]).await;
    let report = account.roll_back(None, &records).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:1", 0), "{}", message(&report));
    assert_eq!(report.warnings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn without_a_record_a_rollback_says_that_it_cannot_know() {
    let account = rolled_back_from_a_faulty_revision(&[]).await;
    let report = account.roll_back::<FileStore>(None, &[]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0));
    let says = "the service was on web:2 before web:3 and after it again: whether web:3 was found faulty";
    assert!(report.warnings.iter().any(|warning| warning.starts_with(says)), "{:?}", report.warnings);
}
