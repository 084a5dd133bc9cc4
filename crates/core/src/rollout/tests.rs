use super::*;
use crate::crash_loop::TaskCensus;
use crate::samples::{self, at, id};
use crate::service::{Guard, ServiceEvent};

const BEGIN: u64 = 1_000;

fn arn(revision: u64) -> TaskDefinitionArn {
    samples::arn(&format!("web:{revision}"))
}

/// Deployment `number` rolls out revision `number`; two tasks are wanted, none runs.
fn deployment(number: u64, primary: bool, rollout: RolloutState) -> Deployment {
    let revision = format!("web:{number}");
    Deployment { primary, desired: 2, running: 0, ..samples::primary(number, &revision, rollout) }
}

fn seen(deployments: Vec<Deployment>) -> Observation {
    Observation::of(samples::service("web", deployments))
}

fn recorded(mut seen: Observation, status: ServiceDeploymentStatus, guard_fired: bool) -> Observation {
    seen.service_deployment = Some(ServiceDeployment { guard_fired, ..samples::record(2, status) });
    seen
}

fn with_event(mut seen: Observation, at_seconds: u64, message: &str) -> Observation {
    seen.service.events.insert(0, ServiceEvent { at: at(at_seconds), message: message.to_owned() });
    seen
}

/// Ours is deployment 2; it replaced deployment 1.
fn ours() -> Rollout {
    Rollout { revision: arn(2), deployment: Some(id(2)), replaced: Some(id(1)), since: at(BEGIN) }
}

/// The verdict's name, ten seconds into the rollout.
fn verdict(seen: &Observation) -> &'static str {
    verdict_at(seen, 10, &Policy::default()).0
}

fn verdict_at(seen: &Observation, seconds: u64, policy: &Policy) -> (&'static str, String) {
    match judge(&ours(), seen, at(BEGIN + seconds), policy) {
        Verdict::InProgress => ("in progress", String::new()),
        Verdict::Completed => ("completed", String::new()),
        Verdict::Failing(why) => ("failing", why),
        Verdict::Failed(why) => ("failed", why),
        Verdict::RollingBack(why) => ("rolling back", why),
        Verdict::RolledBack(why) => ("rolled back", why),
        Verdict::Superseded(why) => ("superseded", why),
        Verdict::Stopped(why) => ("stopped", why),
    }
}

use RolloutState::{Completed, Failed, InProgress, Unreported};

#[test]
fn a_rollout_that_is_listed_is_judged_by_its_own_state() {
    let old = || deployment(1, false, Completed);
    for (ours, expected) in [
        (deployment(2, true, InProgress), "in progress"),
        (deployment(2, true, Completed), "completed"),
        (deployment(2, true, Failed), "failed"),
    ] {
        assert_eq!(verdict(&seen(vec![ours, old()])), expected);
    }
    let mut wrong = deployment(2, true, Completed);
    wrong.task_definition = arn(9);
    assert_eq!(verdict(&seen(vec![wrong])), "failed", "a success is of our revision or none");
}

#[test]
fn a_failure_is_waited_out_where_ecs_goes_back_by_itself() {
    let mut guarded = seen(vec![deployment(2, true, Failed), deployment(1, false, Completed)]);
    for (breaker, alarms, expected) in [
        (Watchdog::RollsBack, Watchdog::Off, "rolling back"),
        (Watchdog::Off, Watchdog::RollsBack, "rolling back"),
        (Watchdog::Stops, Watchdog::RollsBack, "failed"),
        (Watchdog::Stops, Watchdog::Off, "failed"),
    ] {
        guarded.service.guard = Guard { breaker, alarms };
        assert_eq!(verdict(&guarded), expected, "{breaker:?} {alarms:?}");
    }
    guarded.service.guard = Guard { breaker: Watchdog::RollsBack, alarms: Watchdog::Stops };
    guarded.service.deployments[0].reason = Some("ECS deployment alarm: web-5xx is in ALARM.".to_owned());
    assert_eq!(verdict(&guarded), "failed", "the alarm that fired does not put it back");

    let mut back = deployment(3, true, InProgress);
    back.reason = Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".to_owned());
    assert_eq!(verdict(&seen(vec![back.clone(), deployment(2, false, Failed)])), "rolling back");
    // Nor do ECS's words decide it where the former deployment itself is the one that it works towards again.
    let former = deployment(1, true, InProgress);
    assert_eq!(verdict(&seen(vec![former, deployment(2, false, Failed)])), "rolling back");
    back.rollout = Completed;
    assert_eq!(verdict(&seen(vec![back.clone(), deployment(2, false, Failed)])), "rolled back");
    assert_eq!(verdict(&seen(vec![back])), "rolled back", "ours is gone from the list");
}

#[test]
fn a_rollback_in_the_list_is_believed_although_the_service_deployment_was_read_before() {
    use ServiceDeploymentStatus as Status;
    let back = |rollout| {
        let mut back = deployment(3, true, rollout);
        back.reason =
            Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".to_owned());
        back
    };
    let began = seen(vec![back(InProgress), deployment(2, false, Failed)]);
    assert_eq!(verdict(&recorded(began, Status::InProgress, false)), "rolling back");
    let ended = seen(vec![back(Completed), deployment(2, false, Failed)]);
    assert_eq!(verdict(&recorded(ended.clone(), Status::InProgress, false)), "rolled back");
    assert_eq!(verdict(&recorded(ended.clone(), Status::RollingBack, false)), "rolled back");
    // By its service deployment alone it goes back, and that it goes back is no end.
    let former = seen(vec![deployment(1, true, Completed), deployment(2, false, InProgress)]);
    assert_eq!(verdict(&recorded(former, Status::RollingBack, false)), "rolling back");

    // Alarms or a bake time decide more than the tasks: the end is only the service deployment's to tell.
    let mut staged = ended;
    staged.service.strategy.is_staged = true;
    assert_eq!(verdict(&recorded(staged.clone(), Status::InProgress, false)), "in progress");
    staged.service.deployments[0].rollout = InProgress;
    assert_eq!(verdict(&recorded(staged, Status::InProgress, false)), "rolling back");
}

#[test]
fn a_rollout_that_is_gone_is_told_apart_from_one_that_is_not_shown_yet() {
    let stale = seen(vec![deployment(1, true, Completed)]);
    let policy = Policy::default();
    assert_eq!(verdict_at(&stale, 0, &policy).0, "in progress");
    assert_eq!(verdict_at(&stale, 299, &policy).0, "in progress");
    assert_eq!(verdict_at(&stale, 300, &policy).0, "rolled back");

    let failed = "(service web) (deployment ecs-svc/2) deployment failed: tasks failed to start.";
    assert_eq!(verdict(&with_event(stale.clone(), BEGIN + 5, failed)), "rolled back");
    let others = "(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.";
    assert_eq!(verdict(&with_event(stale, BEGIN + 5, others)), "in progress");
}

#[test]
fn ecs_words_on_an_earlier_rollback_are_no_rollback_of_ours() {
    let mut former = deployment(1, true, Completed);
    former.reason =
        Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".to_owned());
    assert_eq!(verdict(&seen(vec![former.clone()])), "in progress", "ours is not shown yet");
    former.rollout = InProgress;
    assert_eq!(verdict(&seen(vec![former])), "rolling back");
}

#[test]
fn another_actors_deployment_supersedes_ours() {
    for listed in [
        vec![deployment(3, true, InProgress)],
        vec![deployment(3, true, InProgress), deployment(2, false, InProgress)],
        vec![deployment(3, true, Completed), deployment(2, false, Completed)],
        vec![deployment(3, true, InProgress), deployment(2, false, Failed)],
    ] {
        let seen = seen(listed);
        let (verdict, why) = verdict_at(&seen, 10, &Policy::default());
        assert_eq!(verdict, "superseded", "{seen:?}");
        assert!(why.contains("ecs-svc/3 of web:3"), "{why}");
    }
}

#[test]
fn without_a_rollout_state_the_counts_tell() {
    let counts = |running, pending, more: Option<Deployment>| {
        let mine = Deployment { running, pending, ..deployment(2, true, Unreported) };
        verdict(&seen([Some(mine), more].into_iter().flatten().collect()))
    };
    assert_eq!(counts(2, 0, None), "completed");
    assert_eq!(counts(1, 0, None), "in progress");
    assert_eq!(counts(2, 1, None), "in progress");
    assert_eq!(counts(2, 0, Some(deployment(1, false, Unreported))), "in progress");
}

#[test]
fn ecs_own_record_outranks_the_list() {
    use ServiceDeploymentStatus as Status;
    let running = || seen(vec![deployment(2, true, InProgress), deployment(1, false, Completed)]);
    for (status, fired, expected) in [
        (Status::InProgress, false, "in progress"),
        (Status::Unknown, false, "in progress"),
        (Status::Successful, false, "completed"),
        (Status::Stopped, false, "stopped"),
        (Status::Stopped, true, "failed"),
        (Status::RollingBack, true, "rolling back"),
        (Status::RolledBack, true, "rolled back"),
        (Status::RollbackFailed, true, "failed"),
    ] {
        assert_eq!(verdict(&recorded(running(), status, fired)), expected, "{status:?}");
    }
    let rival = seen(vec![deployment(3, true, InProgress), deployment(2, false, InProgress)]);
    assert_eq!(verdict(&recorded(rival.clone(), Status::Stopped, false)), "superseded");
    assert_eq!(verdict(&recorded(rival, Status::Successful, false)), "superseded", "it was, for a moment");
    let stale = seen(vec![deployment(1, true, Completed)]);
    assert_eq!(verdict(&recorded(stale, Status::Successful, false)), "in progress", "until both say so");

    let plain = seen(vec![deployment(2, true, Completed)]);
    let read_before = recorded(plain.clone(), Status::InProgress, false);
    assert_eq!(verdict(&read_before), "completed", "nothing but its tasks decides");
    let mut baking = plain;
    baking.service.strategy.bake_time = Duration::from_secs(60);
    assert_eq!(verdict(&recorded(baking.clone(), Status::InProgress, false)), "in progress");
    assert_eq!(
        verdict(&recorded(baking, Status::Unknown, false)),
        "completed",
        "the list is all that is left"
    );
    let mut crashing = seen(vec![Deployment { failed: 3, ..deployment(2, true, InProgress) }]);
    crashing.tasks = TaskCensus::Unreadable;
    assert_eq!(verdict(&recorded(crashing, Status::InProgress, false)), "failing");
}

#[test]
fn a_rollout_that_ecs_has_not_shown_yet_goes_on() {
    let unknown = Rollout { deployment: None, ..ours() };
    let seen = seen(vec![deployment(1, true, Completed)]);
    assert_eq!(judge(&unknown, &seen, at(BEGIN + 9_999), &Policy::default()), Verdict::InProgress);
}

#[test]
fn tasks_that_cannot_be_placed_fail_after_the_grace() {
    const UNABLE: &str = "(service web) was unable to place a task because no instance met all requirements.";
    let rolling = || seen(vec![deployment(2, true, InProgress)]);
    let mut unable = with_event(rolling(), BEGIN + 10, UNABLE);
    assert_eq!(verdict_at(&unable, 310, &Policy::default()).0, "in progress", "former tasks are read first");
    unable.departures = Departures::read(&[], at(BEGIN + 310));
    assert_eq!(verdict_at(&unable, 310, &Policy::default()).0, "failing");
}

#[test]
fn a_desired_count_of_0_is_no_completion_while_the_service_wants_tasks() {
    let mine = Deployment { desired: 0, ..deployment(2, true, Unreported) };
    let mut young = seen(vec![mine]);
    young.service.desired = 2;
    assert_eq!(verdict(&young), "in progress");
    young.service.desired = 0;
    assert_eq!(verdict(&young), "completed");
}

#[test]
fn a_rollback_that_failed_as_well_is_over() {
    let mut former = deployment(1, true, Failed);
    former.reason = Some("ECS deployment circuit breaker: tasks failed to start.".to_owned());
    let both = seen(vec![former, deployment(2, false, Failed)]);
    for seen in [both.clone(), recorded(both, ServiceDeploymentStatus::RollingBack, true)] {
        let (verdict, why) = verdict_at(&seen, 10, &Policy::default());
        assert_eq!(verdict, "failed");
        assert!(
            why.contains("the rollback to web:1 failed as well: ECS deployment circuit breaker"),
            "{why}"
        );
    }
}

#[test]
fn the_event_of_a_failure_is_ours_with_or_without_parentheses() {
    let stale = || seen(vec![deployment(1, true, Completed)]);
    for (event, expected) in [
        ("(service web) deployment ecs-svc/2 deployment failed: alarm detected.", "rolled back"),
        ("(service web) (deployment ecs-svc/2) deployment failed: alarm detected.", "rolled back"),
        ("(service web) deployment ecs-svc/22 deployment failed: alarm detected.", "in progress"),
        ("(service web) (deployment ecs-svc/2) deployment completed.", "in progress"),
    ] {
        assert_eq!(verdict(&with_event(stale(), BEGIN + 5, event)), expected, "{event}");
    }
}

#[test]
fn a_stranger_is_a_deployment_that_nobody_knew_before() {
    let service = |numbers: &[u64]| {
        seen(numbers.iter().map(|number| deployment(*number, false, InProgress)).collect()).service
    };
    let before = service(&[1]);
    assert_eq!(came_between(&before, &service(&[2]), &id(2)), None);
    assert_eq!(came_between(&before, &service(&[2, 1]), &id(2)), None);
    assert_eq!(came_between(&before, &service(&[2, 3, 1]), &id(2)), Some(&arn(3)));
    assert_eq!(
        came_between(&before, &service(&[2, 4, 3]), &id(2)),
        Some(&arn(4)),
        "the newest is listed first"
    );
    let mut after = service(&[2, 4, 3]);
    after.deployments[2].created = at(BEGIN + 1);
    assert_eq!(came_between(&before, &after, &id(2)), Some(&arn(3)), "the newest by its time");
}

#[test]
fn a_deployment_and_its_service_revision_end_in_the_same_digits() {
    let revision = "arn:aws:ecs:eu-west-1:123456789012:service-revision/prod/web/42";
    assert!(id(42).rolls_out(revision));
    assert!(!id(2).rolls_out(revision), "the end of a number is not the number");
    assert!(!DeploymentId::new("ecs-svc/").rolls_out("a/"), "nothing is not a number");
}
