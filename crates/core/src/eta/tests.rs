use super::*;
use crate::samples::{self, at, id};
use crate::service::{Guard, Strategy};
use crate::service_deployment::{Pause, TaskCounts};

/// Deployment 2 replaces deployment 1; so many of its two tasks run, and so many of the old ones.
fn seen(running: u32, old: u32) -> Observation {
    let mine = Deployment { desired: 2, running, ..samples::primary(2, "web:2", RolloutState::InProgress) };
    let former = Deployment { running: old, ..samples::primary(1, "web:1", RolloutState::Completed) };
    let former = Deployment { primary: false, ..former };
    Observation::of(samples::service("web", vec![mine, former]))
}

fn ours() -> Rollout {
    let revision = samples::arn("web:2");
    Rollout { revision, deployment: Some(id(2)), replaced: Some(id(1)), since: at(1_000) }
}

fn recorded(mut seen: Observation, stage: Option<&str>) -> Observation {
    let record = samples::record(2, ServiceDeploymentStatus::InProgress);
    let stage = stage.map(str::to_owned);
    seen.service_deployment = Some(ServiceDeployment { stage, ..record });
    seen
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[test]
fn a_rolling_update_is_far_halfway_and_near() {
    for (running, old, expected) in
        [(0, 2, Eta::Far), (1, 2, Eta::Far), (2, 2, Eta::Halfway), (2, 0, Eta::Near)]
    {
        assert_eq!(eta(&ours(), &seen(running, old)), expected, "{running} {old}");
    }
    let unseen = Rollout { deployment: None, ..ours() };
    assert_eq!(eta(&unseen, &seen(0, 2)), Eta::Near, "ECS is about to show it");
    let mut drained = recorded(seen(2, 2), None);
    drained.service_deployment.as_mut().unwrap().replaced_running = 0;
    assert_eq!(eta(&ours(), &drained), Eta::Near, "the record is newer");
}

#[test]
fn a_failure_that_may_be_the_last_one_is_near() {
    let failing = |failed| {
        let mut seen = seen(0, 2);
        seen.service.deployments[0].failed = failed;
        seen
    };
    assert_eq!(eta(&ours(), &failing(1)), Eta::Far);
    assert_eq!(eta(&ours(), &failing(2)), Eta::Near);
    let mut guarded = recorded(failing(2), None);
    guarded.service_deployment.as_mut().unwrap().breaker = Some((2, 10));
    assert_eq!(eta(&ours(), &guarded), Eta::Far, "the circuit breaker allows more");
    guarded.service_deployment.as_mut().unwrap().breaker = Some((9, 10));
    assert_eq!(eta(&ours(), &guarded), Eta::Near);
}

#[test]
fn a_bake_time_is_waited_out() {
    let mut baking = seen(2, 0);
    baking.service.strategy.bake_time = minutes(5);
    assert_eq!(eta(&ours(), &baking), Eta::Baking(minutes(5)));
    baking.service.guard = Guard { alarms: Watchdog::RollsBack, ..Guard::default() };
    assert_eq!(eta(&ours(), &baking), Eta::Baking(minutes(5)), "going back takes its time");
    baking.service.guard.alarms = Watchdog::Stops;
    assert_eq!(eta(&ours(), &baking), Eta::Near, "an alarm ends it at once");
}

#[test]
fn stages_tell_how_far_a_staged_deployment_is() {
    for (stage, expected) in [
        ("SCALE_UP", Eta::Far),
        ("TEST_TRAFFIC_SHIFT", Eta::Far),
        ("PRODUCTION_TRAFFIC_SHIFT", Eta::Halfway),
        ("BAKE_TIME", Eta::Baking(minutes(5))),
        ("CLEAN_UP", Eta::Near),
        ("SOMETHING_NEW", Eta::Far),
    ] {
        let mut staged = recorded(seen(2, 2), Some(stage));
        staged.service.strategy = Strategy { is_staged: true, bake_time: minutes(5), ..Strategy::default() };
        assert_eq!(eta(&ours(), &staged), expected, "{stage}");
        let record = staged.service_deployment.as_mut().unwrap();
        record.pauses = vec![Pause { hook: "hook".to_owned(), expires: None }];
        assert_eq!(eta(&ours(), &staged), Eta::Far, "somebody is waited for");
    }
}

#[test]
fn a_rollback_is_as_far_as_the_deployment_that_goes_back() {
    let mut back = seen(0, 0);
    let going = Deployment { desired: 2, ..samples::primary(3, "web:1", RolloutState::InProgress) };
    back.service.deployments[0].primary = false;
    back.service.deployments.insert(0, going);
    assert_eq!(eta(&ours(), &back), Eta::Far);
    back.service.deployments[0].running = 2;
    assert_eq!(eta(&ours(), &back), Eta::Near);
}

#[test]
fn the_service_is_looked_at_while_tasks_come_up_and_the_record_afterwards() {
    assert_eq!(subject(&ours(), &seen(2, 0)), Subject::Service, "there is no record");
    assert_eq!(subject(&ours(), &recorded(seen(1, 2), None)), Subject::Service);
    assert_eq!(subject(&ours(), &recorded(seen(2, 2), None)), Subject::Record);
    let mut staged = recorded(seen(1, 2), Some("SCALE_UP"));
    staged.service.strategy.is_staged = true;
    assert_eq!(subject(&ours(), &staged), Subject::Both);
    let mut early = recorded(seen(1, 2), None);
    early.service.strategy.succeeds_early = true;
    assert_eq!(subject(&ours(), &early), Subject::Both, "only the record tells of a success before all run");
}

#[test]
fn a_desired_count_of_0_is_no_progress_unless_none_is_wanted() {
    let mut young = recorded(seen(0, 2), None);
    young.service.deployments[0].desired = 0;
    young.service.desired = 2;
    assert_eq!(eta(&ours(), &young), Eta::Far);
    assert_eq!(subject(&ours(), &young), Subject::Service, "0 of 0 is not all");
    young.service.desired = 0;
    assert_eq!(subject(&ours(), &young), Subject::Record);

    young.service.desired = 2;
    let record = samples::record(2, ServiceDeploymentStatus::InProgress);
    let tasks = TaskCounts { requested: 2, running: 2, pending: 0 };
    young.take_record(&id(2), ServiceDeployment { tasks, ..record });
    assert_eq!(young.service.deployments[0].desired, 2, "the record is newer");
    assert_eq!(eta(&ours(), &young), Eta::Halfway);
}

#[test]
fn a_look_at_the_record_brings_its_counts() {
    let mut seen = seen(2, 2);
    let record = samples::record(2, ServiceDeploymentStatus::InProgress);
    let tasks = TaskCounts { requested: 2, running: 1, pending: 1 };
    seen.take_record(&id(2), ServiceDeployment { tasks, ..record });
    assert_eq!((seen.service.deployments[0].running, seen.service.deployments[0].pending), (1, 1));
    assert_eq!(eta(&ours(), &seen), Eta::Far);
    assert_eq!(subject(&ours(), &seen), Subject::Service, "why tasks went away, only the service tells");
}

#[test]
fn anything_but_an_ongoing_primary_deployment_makes_one_look_at_the_record() {
    let goes_on = |change: fn(&mut Service)| {
        let mut service = seen(0, 2).service;
        change(&mut service);
        super::goes_on(&id(2), &service)
    };
    assert!(goes_on(|_| {}));
    assert!(!goes_on(|service| service.deployments[0].rollout = RolloutState::Failed));
    assert!(!goes_on(|service| service.deployments[0].rollout = RolloutState::Completed));
    assert!(!goes_on(|service| service.deployments[0].rollout = RolloutState::Unreported));
    assert!(!goes_on(|service| service.deployments[0].primary = false));
    assert!(!goes_on(|service| service.deployments.clear()));
}
