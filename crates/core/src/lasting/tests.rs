use super::*;
use crate::samples::{self, at};
use crate::service::{RolloutState, ServiceEvent};

const BEGIN: u64 = 1_000;
const MISSING: &str = "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve \
                       ref registry.example.com/web:2: not found";
const NO_SECRET: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                         retrieval failed: unable to retrieve secret from asm: AccessDeniedException: User is not \
                         authorized to perform: secretsmanager:GetSecretValue";
const TIMEOUT: &str =
    "CannotPullContainerError: ref pull has been retried 5 time(s): dial tcp 10.0.0.1:443: i/o timeout";

fn mine(running: u32) -> Deployment {
    Deployment { running, ..samples::primary(2, "web:2", RolloutState::InProgress) }
}

/// Tasks that stopped at these seconds without having run, all for this reason.
fn stopped(reason: &str, seconds: &[u64]) -> Vec<StoppedTask> {
    let task = |second: &u64| StoppedTask {
        stop_code: Some("TaskFailedToStart".to_owned()),
        reason: Some(reason.to_owned()),
        stopped: Some(at(BEGIN + second)),
        ..samples::stopped(&format!("{second}"))
    };
    seconds.iter().map(task).collect()
}

fn verdict(stopped: &[StoppedTask]) -> Option<String> {
    cannot_ever_start(&mine(0), &samples::service("web", Vec::new()), stopped)
}

#[test]
fn what_is_not_there_at_two_attempts_will_not_be_there_at_the_third() {
    for (reason, seconds, expected) in [
        (MISSING, vec![10], None),
        (MISSING, vec![10, 11], None),
        (MISSING, vec![10, 134], Some("the image cannot be pulled: CannotPullContainerError: pull image")),
        (NO_SECRET, vec![10, 30], None),
        (NO_SECRET, vec![10, 40], Some("the tasks' secrets cannot be read: ResourceInitializationError: ")),
        (TIMEOUT, vec![10, 134, 300], None),
        ("OutOfMemoryError: container not found", vec![10, 134], None),
    ] {
        let why = verdict(&stopped(reason, &seconds));
        assert_eq!(why.is_some(), expected.is_some(), "{reason} {seconds:?}: {why:?}");
        assert!(why.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{reason}");
    }
}

#[test]
fn a_task_that_runs_shows_that_they_can_start() {
    let failed = stopped(MISSING, &[10, 134]);
    assert!(cannot_ever_start(&mine(1), &samples::service("web", Vec::new()), &failed).is_none());
}

#[test]
fn where_tasks_may_not_be_read_ecs_events_are_enough() {
    let mut service = samples::service("web", Vec::new());
    let event = |seconds| ServiceEvent {
        at: at(BEGIN + seconds),
        message: format!("(service web) was unable to place a task. Reason: {MISSING}."),
    };
    service.events = vec![event(154)];
    assert_eq!(cannot_ever_start(&mine(0), &service, &[]), None);
    service.events = vec![event(286), event(154)];
    let why = cannot_ever_start(&mine(0), &service, &[]).unwrap();
    assert!(why.starts_with("the image cannot be pulled: CannotPullContainerError"), "{why}");
    let later = Deployment { created: at(BEGIN + 200), ..mine(0) };
    assert_eq!(cannot_ever_start(&later, &service, &[]), None, "an event of an earlier deployment");
}

#[test]
fn a_registrys_and_awss_words_for_what_is_not_there_are_known() {
    for words in [
        "CannotPullContainerError: Error response from daemon: manifest for x:1 not found: manifest unknown: manifest unknown",
        "CannotPullContainerError: Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login'",
        "CannotPullContainerError: The repository with name 'x' does not exist in the registry with id '123456789012'",
        "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
        "CannotPullImageManifestError: Error response from daemon: name unknown: repository x not found",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
         unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /x",
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to \
         create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.",
    ] {
        assert!(lack(words).is_some(), "{words}");
    }
    assert!(lack("CannotPullContainerError: dial tcp: lookup registry.example.com: no such host").is_none());
}
