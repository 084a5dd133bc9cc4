use super::*;
use crate::samples::{self, at, id, stopped};
use crate::service::{RolloutState, ServiceEvent};
use crate::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};

fn seen(events: &[(u64, &str)]) -> Observation {
    let mine = samples::primary(2, "web:2", RolloutState::InProgress);
    let mut seen = Observation::of(samples::service("web", vec![mine]));
    let event = |(seconds, message): &(u64, &str)| ServiceEvent {
        at: at(*seconds),
        message: format!("(service web) {message}"),
    };
    seen.service.events = events.iter().map(event).collect();
    seen
}

fn logging(mut task: StoppedTask, lines: &[&str]) -> StoppedTask {
    task.containers[0].log_tail = lines.iter().map(|line| (*line).to_owned()).collect();
    task
}

#[test]
fn alarms_and_health_checks_of_this_deployment_are_told() {
    const UNHEALTHY: &str =
        "(port 8080) is unhealthy in (target-group tg) due to (reason Health checks failed)";
    let mut alarmed = seen(&[(1_030, "has started 1 tasks"), (1_020, UNHEALTHY), (1_010, "older")]);
    let record = samples::record(2, ServiceDeploymentStatus::RollingBack);
    alarmed.service_deployment =
        Some(ServiceDeployment { alarms: vec!["web-5xx".to_owned(), "web-p99".to_owned()], ..record });
    let evidence = Evidence::seen(&alarmed, &id(2));
    assert_eq!(evidence.headline("").unwrap(), format!("{UNHEALTHY}; in ALARM: web-5xx, web-p99"));
    let before = Evidence::seen(&seen(&[(999, UNHEALTHY)]), &id(2));
    assert_eq!(before.headline(""), None, "an event of an earlier deployment");
}

#[test]
fn what_is_seen_later_is_added_to_what_was_gathered_when_the_rollback_began() {
    const UNHEALTHY: &str =
        "(port 8080) is unhealthy in (target-group tg) due to (reason Health checks failed)";
    let mut evidence = Evidence::seen(&seen(&[]), &id(2)).with_tasks(vec![stopped("a")]);
    let before = evidence.clone();
    evidence.update(&seen(&[]), &id(2));
    assert_eq!(evidence, before);

    let mut later = seen(&[(1_030, UNHEALTHY)]);
    let record = samples::record(2, ServiceDeploymentStatus::RolledBack);
    later.service_deployment = Some(ServiceDeployment { alarms: vec!["web-5xx".to_owned()], ..record });
    evidence.update(&later, &id(2));
    let all = Evidence {
        alarms: vec!["web-5xx".to_owned()],
        unhealthy: Some(UNHEALTHY.to_owned()),
        tasks: before.tasks,
    };
    assert_eq!(evidence, all);
    // What ECS no longer tells is kept.
    evidence.update(&seen(&[]), &id(2));
    assert_eq!(evidence, all);
}

#[test]
fn tasks_that_stopped_for_the_same_reason_are_told_once() {
    let other = StoppedTask { reason: Some("password refused".to_owned()), ..stopped("c") };
    let scaled = StoppedTask { stop_code: Some("UserInitiated".to_owned()), ..stopped("d") };
    let all = vec![stopped("a"), stopped("b"), other, scaled];
    let evidence = Evidence::default().with_tasks(all);
    let told: Vec<&str> = evidence.tasks.iter().map(StoppedTask::id).collect();
    assert_eq!(told, ["a", "c"]);
    assert!(evidence.headline("").unwrap().starts_with("task a stopped: Essential container in task exited"));
    assert_eq!(evidence.details(), ["task c stopped: password refused (app exited with 1)"]);
}

#[test]
fn the_last_line_that_was_logged_is_in_the_headline_and_all_of_them_in_the_details() {
    let task = logging(stopped("a"), &["starting", "panic: no route to host", "  "]);
    let evidence = Evidence { tasks: vec![task], ..Evidence::default() };
    let headline = evidence.headline("").unwrap();
    assert!(
        headline.ends_with("(app exited with 1), and logged \"panic: no route to host\" last"),
        "{headline}"
    );
    assert_eq!(
        evidence.details(),
        ["the last lines of app in task a:", "  starting", "  panic: no route to host", "    "]
    );
}

#[test]
fn what_the_verdict_says_already_is_not_said_twice() {
    let reason = "CannotPullContainerError: web:2: not found";
    let task = StoppedTask { reason: Some(reason.to_owned()), containers: Vec::new(), ..stopped("a") };
    let evidence = Evidence { tasks: vec![task], ..Evidence::default() };
    assert!(evidence.headline("3 tasks failed in a row").unwrap().contains(reason));
    assert_eq!(evidence.headline(&format!("the image cannot be pulled: {reason}")), None);
}

#[test]
fn what_is_told_is_bounded() {
    let tasks = (0..50).map(|number| {
        let reason = Some(format!("reason {number} {}", "x".repeat(5_000)));
        logging(StoppedTask { reason, ..stopped("a") }, &["y".repeat(5_000).as_str()])
    });
    let evidence = Evidence::default().with_tasks(tasks.collect());
    let details = evidence.details();
    assert!(details.len() <= 3 * TASKS, "{}", details.len());
    assert!(details.iter().all(|line| line.chars().count() <= LINE + 2));
    assert!(evidence.headline("").unwrap().chars().count() <= 3 * LINE);
}
