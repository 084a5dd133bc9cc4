use super::*;
use crate::samples::{self, at, id};
use crate::service::RolloutState;

const BEGIN: u64 = 1_000;
const PORT: &str = "was unable to place a task because no container instance met all of its requirements. The \
                    closest matching container-instance 1f2e is already using a port required by your task.";
const ATTRIBUTE: &str = "was unable to place a task because no container instance met all of its requirements. The \
                         closest matching container-instance 1f2e is missing an attribute required by your task.";

/// A service whose deployment began at [`BEGIN`]: so many of its former tasks run, and ECS said this.
fn service(former_running: u32, events: &[(u64, &str)]) -> Service {
    let mine = Deployment { running: 0, ..samples::primary(2, "web:2", RolloutState::InProgress) };
    let former = Deployment {
        primary: false,
        running: former_running,
        ..samples::primary(1, "web:1", RolloutState::Completed)
    };
    let mut service = samples::service("web", vec![mine, former]);
    let event = |(seconds, what): &(u64, &str)| ServiceEvent {
        at: at(BEGIN + seconds),
        message: format!("(service web) {what}"),
    };
    service.events = events.iter().rev().map(event).collect();
    service
}

/// When the rollout fails, in seconds from its beginning, if it is looked at each second and
/// departures are read when that is due; and how often they were.
fn fails_at(
    service: &Service,
    policy: &Policy,
    departures: impl Fn(u64) -> Option<Vec<Departure>>,
) -> (Option<u64>, usize) {
    let mine = service.deployment(&id(2)).unwrap();
    let (mut known, mut reads) = (Departures::Unread, 0);
    for second in 0..3_600 {
        let now = at(BEGIN + second);
        let mut seen = service.clone();
        seen.events.retain(|event| event.at <= now);
        if are_departures_due(mine, &seen, known, now, policy) {
            reads += 1;
            known = departures(second)
                .map_or(Departures::Unreadable, |departures| Departures::read(&departures, now));
        }
        if unplaceable(mine, &seen, known, now, policy).is_some() {
            return (Some(second), reads);
        }
    }
    (None, reads)
}

fn none(_: u64) -> Option<Vec<Departure>> {
    Some(Vec::new())
}

#[test]
fn the_default_grace_outlasts_ecs_own_pause_where_capacity_lacks_and_tasks_run() {
    let policy = Policy::default();
    for (running, words, seconds) in [(3, PORT, 910), (0, PORT, 310), (3, ATTRIBUTE, 310)] {
        let service = service(running, &[(10, words)]);
        assert_eq!(fails_at(&service, &policy, none), (Some(seconds), 1), "{running} {words}");
    }
    let given = Policy { placement_grace: Some(Duration::from_secs(60)), ..Policy::default() };
    assert_eq!(fails_at(&service(3, &[(10, PORT)]), &given, none), (Some(70), 1));
}

#[test]
fn the_grace_does_not_run_while_former_tasks_drain_or_stop() {
    let service = service(0, &[(5, PORT)]);
    // The old task drains for 300 s and takes 40 s to stop.
    let leaves = |second: u64| {
        let stopped = (second >= 345).then(|| at(BEGIN + 345));
        Some(vec![Departure { stopped }])
    };
    assert_eq!(fails_at(&service, &Policy::default(), leaves), (Some(645), 3));
    let for_ever = |_| Some(vec![Departure { stopped: None }]);
    assert_eq!(fails_at(&service, &Policy::default(), for_ever).0, None, "the time-out ends it");
}

#[test]
fn where_tasks_may_not_be_read_ecs_events_tell_when_they_began_to_leave() {
    let draining = "has begun draining connections on 1 tasks.";
    let service = service(0, &[(5, PORT), (6, draining)]);
    assert_eq!(fails_at(&service, &Policy::default(), |_| None), (Some(606), 1));
}

#[test]
fn a_task_that_was_placed_in_between_begins_the_grace_anew() {
    let service = service(0, &[(10, PORT), (100, "has started 1 tasks: (task 1)."), (200, PORT)]);
    assert_eq!(fails_at(&service, &Policy::default(), none).0, Some(500));
}

#[test]
fn an_event_of_an_earlier_deployment_tells_nothing() {
    let mut before = service(1, &[(0, PORT)]);
    before.events[0].at = at(BEGIN - 1);
    assert_eq!(fails_at(&before, &Policy::default(), none), (None, 0));
}

#[test]
fn a_task_that_could_not_start_was_placed() {
    let pull = "was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been retried \
                1 time(s): failed to resolve ref web:2: not found.";
    let started = service(1, &[(10, pull)]);
    assert_eq!(fails_at(&started, &Policy::default(), none), (None, 0));
    let reason = start_error(&started.events[0]).unwrap();
    assert!(reason.starts_with("CannotPullContainerError: pull image manifest"), "{reason}");
    for words in
        [PORT, "was unable to place a task. Reason: No Container Instances were found in your cluster."]
    {
        assert_eq!(start_error(&service(1, &[(10, words)]).events[0]), None);
    }
}
