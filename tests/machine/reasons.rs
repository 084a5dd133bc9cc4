//! Why a rollout failed: what its user is told, from whatever can be read, and never a secret.

use std::time::Duration;

use evenkeel::output::{failure_text, reasons_text, report_document};
use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, say};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
const SECRET: &str = "hunter22-do-not-tell";

/// A service whose container logs to CloudWatch Logs, and is handed a secret in its environment.
fn logging() -> Account {
    let mut definition = definition();
    let app = &mut definition["containerDefinitions"][0];
    app["environment"] = json!([{ "name": "PASSWORD", "value": SECRET }]);
    app["logConfiguration"] = json!({
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/shop/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web",
        },
    });
    let account = Account::running(&definition);
    account.next_rollout(RolloutOutcome::Crash);
    let lines = [
        "starting".to_owned(),
        format!("connecting to db:5432 with {SECRET}"),
        "panic: connection refused".to_owned(),
    ];
    account.sandbox.set_log_lines(CLUSTER, SERVICE, lines.to_vec());
    account
}

fn log_tail(document: &Value) -> &Value {
    &document["services"][0]["failure"]["tasks"][0]["containers"][0]["logTail"]
}

#[tokio::test(start_paused = true)]
async fn the_last_lines_of_the_container_that_crashed_are_told_without_secrets() {
    let account = logging();
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert!(
        message(&report).contains("and logged \"panic: connection refused\" last"),
        "{}",
        message(&report)
    );
    let document = report_document(&report);
    let lines = json!(["starting", "connecting to db:5432 with (hidden)", "panic: connection refused"]);
    assert_eq!(*log_tail(&document), lines, "{document}");
    assert!(!format!("{report:?} {document}").contains(SECRET));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_ecs_quotes_is_in_no_verdict() {
    let mut definition = definition();
    definition["containerDefinitions"][0]["environment"] = json!([{ "name": "PASSWORD", "value": SECRET }]);
    let account = Account::empty();
    account.call("RegisterTaskDefinition", definition);
    // So many tasks are wanted that not their number ends it, but the reason that all of them give.
    account.create_service(SERVICE, "web", json!({ "desiredCount": 100 }));
    let rollout = Rollout { outcome: RolloutOutcome::CannotPull, duration: Duration::from_secs(3_000) };
    account.sandbox.set_rollout(CLUSTER, SERVICE, rollout);
    account.sandbox.set_quotes(vec![SECRET.to_owned()]);
    let report = account.deploy(&[NEW]).await;

    let message = message(&report);
    assert!(message.contains("the image cannot be pulled: ") && message.contains("(hidden)"), "{message}");
    assert!(!message.contains(SECRET), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_may_not_be_read_is_a_warning() {
    let account = logging();
    let operation = "GetLogEvents".to_owned();
    account.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
    let report = account.deploy(&[NEW]).await;

    assert_eq!(ending(&report), ended(Outcome::RolledBack, "web:1", 1));
    assert!(message(&report).contains("app exited with 1"), "{}", message(&report));
    assert!(report.warnings[0].contains("Allow logs:GetLogEvents"), "{:?}", report.warnings);
    assert_eq!(*log_tail(&report_document(&report)), json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_logs_elsewhere_has_no_lines_and_costs_no_call() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let report = account.deploy(&[NEW]).await;
    assert_eq!(*log_tail(&report_document(&report)), json!([]));
    assert_eq!(account.effects("GetLogEvents"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_service_is_put_back_before_its_tasks_are_asked_why() {
    let account = logging();
    account.deploy(&[NEW]).await;
    let operations = account.operations();
    let last = |name: &str| operations.iter().rposition(|operation| operation == name).unwrap();
    assert!(last("StopServiceDeployment") < last("ListTasks"), "{operations:?}");
    assert!(last("ListTasks") < last("GetLogEvents"), "{operations:?}");
    assert!(
        last("GetLogEvents") < last("DescribeServiceDeployments"),
        "the verdict does not wait: {operations:?}"
    );
}

/// What is printed for a rollout that fails so.
async fn printed(account: &Account, outcome: RolloutOutcome) -> String {
    account.next_rollout(outcome);
    let report = account.deploy(&[NEW]).await;
    let failure = report.first_failure().unwrap_or_else(|| panic!("{outcome:?}: {report:?}"));
    failure_text(failure) + &reasons_text(&report)
}

#[tokio::test(start_paused = true)]
async fn each_cause_is_told_in_words_that_lead_to_it() {
    let alarmed = Account::empty();
    alarmed.call("RegisterTaskDefinition", definition());
    let alarms = json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": true });
    let configuration = json!({ "alarms": alarms, "bakeTimeInMinutes": 5 });
    alarmed.create_service(SERVICE, "web", json!({ "deploymentConfiguration": configuration }));
    for (account, outcome, words) in [
        (
            logging(),
            RolloutOutcome::Crash,
            "app exited with 1), and logged \"panic: connection refused\" last",
        ),
        (Account::new(), RolloutOutcome::CannotPull, "CannotPullContainerError: pull image manifest"),
        (Account::new(), RolloutOutcome::Unhealthy, "Health checks failed with these codes: [502]"),
        (
            Account::new(),
            RolloutOutcome::Unplaceable,
            "was unable to place a task because no container instance met",
        ),
        (alarmed, RolloutOutcome::Alarm, "in ALARM: web-5xx"),
    ] {
        let text = printed(&account, outcome).await;
        say(&format!("{outcome:?}\n{text}"));
        assert!(text.contains(words), "{words:?} is not in {text:?}");
        assert!(text.starts_with("error: service web: the rollout failed and the service is back"), "{text}");
    }
}
