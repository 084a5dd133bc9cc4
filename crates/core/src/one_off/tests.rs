use std::collections::BTreeSet;
use std::time::Duration;

use crate::samples::{arn, at, stopped};
use crate::stopped_task::StoppedTask;

use super::*;

const PATIENCE: Patience =
    Patience { timeout: Duration::from_secs(600), placement_grace: Duration::from_secs(300) };

/// A task in this status whose container `app` ended so.
fn shown(status: TaskStatus, stop_code: Option<&str>, exit_code: Option<i32>) -> OneOffTask {
    let mut task = StoppedTask { stop_code: stop_code.map(str::to_owned), ..stopped("1f2e") };
    task.containers[0].exit_code = exit_code;
    let overrides = vec![Override { container: "app".to_owned(), command: vec!["migrate".to_owned()] }];
    OneOffTask {
        task,
        revision: Some(arn("web:2")),
        status,
        is_to_stop: status > TaskStatus::Running,
        created: at(1_000),
        overrides,
    }
}

fn running() -> OneOffTask {
    shown(TaskStatus::Running, None, None)
}

fn started() -> TaskPhase {
    TaskPhase::Started { id: "1f2e".to_owned(), since: at(1_000), was_shown: false }
}

fn no_memory() -> NotLaunched {
    NotLaunched { reason: "RESOURCE:MEMORY".to_owned(), detail: None }
}

#[test]
fn a_command_is_split_as_a_shell_does_and_never_quoted_in_an_error() {
    for (text, container, words) in [
        ("app=rails db:migrate", "app", vec!["rails", "db:migrate"]),
        ("app=sh -c 'a && b=\"c d\"'", "app", vec!["sh", "-c", "a && b=\"c d\""]),
        ("db-1=flyway -url=x\\ y ''", "db-1", vec!["flyway", "-url=x y", ""]),
    ] {
        let command = TaskCommand::parse(text, "--before").unwrap();
        assert_eq!(
            (command.container.as_str(), command.words),
            (container, words.iter().map(|it| (*it).to_owned()).collect())
        );
    }
    for (text, says) in [
        ("rails hunter22", "--before names no container: there is no `=`"),
        ("a b=hunter22", "--before names \"a b\", which is no container"),
        ("app=sh -c 'hunter22", "cannot be split into words: a quotation mark is not closed"),
        ("app= ", "--before app= has no command"),
        ("=hunter22", "which is no container"),
    ] {
        let refused = TaskCommand::parse(text, "--before").unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert!(!refused.contains("hunter22"), "{refused}");
        assert!(refused.contains("Write it as --before 'CONTAINER=command"), "{refused}");
    }
    assert_eq!(parse_variable("A=b=c").unwrap(), ("A".to_owned(), "b=c".to_owned()));
    let refused = parse_variable("=hunter22").unwrap_err().to_string();
    assert!(!refused.contains("hunter22") && refused.contains("--env NAME=VALUE"), "{refused}");
}

#[test]
fn a_token_is_of_one_task_alone_and_as_ecs_takes_it() {
    let token = |execution: &str, service: &str, revision: &str, step: &[&str], attempt| {
        ExecutionId::new(execution).client_token(service, &arn(revision), step, attempt)
    };
    let tokens = [
        token("x", "s", "web:2", &["before", "0"], 0),
        token("y", "s", "web:2", &["before", "0"], 0),
        token("x", "t", "web:2", &["before", "0"], 0),
        token("x", "s", "web:3", &["before", "0"], 0),
        token("x", "s", "web:2", &["before", "1"], 0),
        token("x", "s", "web:2", &["after", "0"], 0),
        token("x", "s", "web:2", &["before", "0"], 1),
        // Borders count.
        token("x", "s", "web:2", &["before0"], 0),
    ];
    assert_eq!(tokens[0], token("x", "s", "web:2", &["before", "0"], 0));
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), tokens.len());
    assert!(
        tokens.iter().all(|token| token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
    let by = started_by(service);
    assert!(by.len() <= 36 && by.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/'), "{by}");
    assert_ne!(by, started_by(&format!("{service}2")));
}

#[test]
fn only_a_container_that_ended_by_itself_with_0_is_a_success() {
    use TaskStatus::{Running, Starting, Stopped, Stopping};
    let exited = Some("EssentialContainerExited");
    for (status, stop_code, exit_code, end) in [
        (Starting, None, None, None),
        (Running, None, None, None),
        // A side-car goes on, or ECS removes the network.
        (Running, None, Some(0), Some(TaskEnd::Exited(0))),
        (Stopping, exited, Some(3), Some(TaskEnd::Exited(3))),
        (Stopping, exited, None, None),
        (Stopped, exited, Some(0), Some(TaskEnd::Exited(0))),
        (Stopped, None, Some(0), Some(TaskEnd::Exited(0))),
        // An essential side-car ended first.
        (Stopped, exited, Some(137), Some(TaskEnd::Exited(137))),
        (Stopped, Some("TaskFailedToStart"), None, Some(TaskEnd::NeverRan)),
        (Stopped, Some("UserInitiated"), Some(0), Some(TaskEnd::Stopped)),
        (Stopping, Some("SpotInterruption"), Some(143), Some(TaskEnd::Stopped)),
        (Stopped, Some("UserInitiated"), None, Some(TaskEnd::Stopped)),
        (Stopped, Some("UserInitiated"), Some(3), Some(TaskEnd::Exited(3))),
    ] {
        let found = shown(status, stop_code, exit_code).end_of("app");
        assert_eq!(found, end, "{status:?} {stop_code:?} {exit_code:?}");
        assert_eq!(found.is_some_and(|end| end.is_success()), end == Some(TaskEnd::Exited(0)));
    }
    let mut for_side_cars = shown(Stopping, Some("UserInitiated"), Some(0));
    for_side_cars.task.reason = Some(reason_to_stop_side_cars("app"));
    assert_eq!(for_side_cars.end_of("app"), Some(TaskEnd::Exited(0)), "it had ended by itself");
    for_side_cars.task.reason = Some(reason_to_stop_side_cars("migrate"));
    assert_eq!(for_side_cars.end_of("app"), Some(TaskEnd::Stopped), "another container had ended");

    let mut first = shown(Stopped, exited, Some(0));
    assert_eq!(first.end_of("migrate"), Some(TaskEnd::NeverRan), "another container");
    first.task.containers.clear();
    assert_eq!(first.end_of("app"), Some(TaskEnd::NeverRan), "a repeated response tells no containers");
}

#[test]
fn a_task_has_done_its_work_when_the_container_of_its_command_has_ended() {
    assert!(!running().has_done_its_work());
    let mut ended = shown(TaskStatus::Running, None, Some(3));
    assert!(ended.has_done_its_work());
    // ECS may name containers that nothing was changed of.
    ended.overrides.push(Override { container: "proxy".to_owned(), command: Vec::new() });
    assert!(ended.has_done_its_work());
    ended.overrides.remove(0);
    assert!(!ended.has_done_its_work(), "which container matters is not known");
}

#[test]
fn a_task_is_started_described_and_ends() {
    let mut phase = TaskPhase::new(at(1_000));
    assert_eq!(phase.turn(at(1_000), PATIENCE), Turn::Launch { attempt: 0, may_be_sent: false });
    phase.sending(at(1_000));
    assert_eq!(phase.turn(at(1_001), PATIENCE), Turn::Launch { attempt: 0, may_be_sent: true });
    assert_eq!(phase.launched(Launched::Started(Box::new(running())), at(1_001), PATIENCE), None);
    assert_eq!(phase, started());
    // Not shown yet, then shown.
    phase.described(None, "app", at(1_059));
    assert_eq!(phase.turn(at(1_059), PATIENCE), Turn::Describe("1f2e".to_owned()));
    phase.described(Some(&running()), "app", at(1_061));
    assert_eq!(phase.end(), None);
    phase.described(Some(&shown(TaskStatus::Stopped, None, Some(0))), "app", at(1_070));
    assert_eq!(phase.turn(at(9_999), PATIENCE), Turn::Nothing(TaskEnd::Exited(0)));
}

#[test]
fn a_task_that_ecs_no_longer_shows_is_forgotten() {
    let mut never_shown = started();
    never_shown.described(None, "app", at(1_060));
    assert_eq!(never_shown.end(), Some(&TaskEnd::Forgotten));
    let mut shown_once = started();
    shown_once.described(Some(&running()), "app", at(1_005));
    shown_once.described(None, "app", at(1_010));
    assert_eq!(shown_once.end(), Some(&TaskEnd::Forgotten));
    // ECS may no longer know the token of a request that was sent an hour ago.
    let mut lost = TaskPhase::new(at(0));
    lost.sending(at(0));
    lost.sending(at(600));
    assert_eq!(lost.turn(at(59 * 60 - 1), PATIENCE), Turn::Launch { attempt: 0, may_be_sent: true });
    assert_eq!(lost.turn(at(59 * 60), PATIENCE), Turn::Nothing(TaskEnd::Forgotten));
}

#[test]
fn capacity_is_waited_for_with_a_new_token_each_time() {
    let mut phase = TaskPhase::new(at(0));
    phase.sending(at(0));
    assert_eq!(phase.launched(Launched::NotLaunched(no_memory()), at(0), PATIENCE), Some(no_memory()));
    assert_eq!(phase.turn(at(299), PATIENCE), Turn::Launch { attempt: 1, may_be_sent: false });
    phase.sending(at(299));
    assert_eq!(phase.launched(Launched::NotLaunched(no_memory()), at(299), PATIENCE), Some(no_memory()));
    assert_eq!(phase.launched(Launched::NotLaunched(no_memory()), at(300), PATIENCE), None);
    assert_eq!(phase.end(), Some(&TaskEnd::NotLaunched(no_memory())));

    for (reason, may_pass) in [
        ("RESOURCE:CPU", true),
        ("AGENT", true),
        (
            "Capacity is unavailable at this time. Please try again later or in a different availability zone",
            true,
        ),
        ("ATTRIBUTE", false),
        ("LOCATION", false),
    ] {
        let why = NotLaunched { reason: reason.to_owned(), detail: None };
        assert_eq!(why.may_pass(), may_pass, "{reason}");
        let mut phase = TaskPhase::new(at(0));
        assert_eq!(phase.launched(Launched::NotLaunched(why), at(0), PATIENCE).is_some(), may_pass);
    }
}

#[test]
fn a_task_that_takes_too_long_is_stopped() {
    let mut phase = started();
    assert_eq!(phase.turn(at(1_599), PATIENCE), Turn::Describe("1f2e".to_owned()));
    assert_eq!(phase.turn(at(1_600), PATIENCE), Turn::Stop("1f2e".to_owned()));
    phase.timed_out();
    assert_eq!(phase.turn(at(1_600), PATIENCE), Turn::Nothing(TaskEnd::TimedOut));
}

#[test]
fn a_task_is_of_a_request_by_its_revision_and_command() {
    let request = |revision: &str, container: &str, command: &[&str]| TaskRequest {
        revision: arn(revision),
        cluster: "prod".to_owned(),
        started_by: started_by("web"),
        container: container.to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: vec![("PASSWORD".to_owned(), "hunter22".to_owned())],
        cpu: None,
        memory: None,
    };
    let task = running();
    assert!(task.is_of(&request("web:2", "app", &["migrate"])));
    assert!(!task.is_of(&request("web:3", "app", &["migrate"])));
    assert!(!task.is_of(&request("web:2", "app", &["migrate", "down"])));
    assert!(!task.is_of(&request("web:2", "db", &["migrate"])));
    assert!(task.is_of(&request("web:2", "db", &[])), "its own command was changed by nobody");
    let debug = format!("{:?}", request("web:2", "app", &["migrate"]));
    assert!(!debug.contains("hunter22") && !debug.contains("migrate"), "{debug}");
}
