use super::*;
use crate::samples::{self, at, id};
use crate::service::ServiceEvent;
use crate::service_deployment::TaskCounts;

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

/// The same with a service deployment in progress.
fn known(mut seen: Observation) -> Observation {
    seen.service_deployment = Some(samples::record(2, ServiceDeploymentStatus::InProgress));
    seen
}

fn target(seen: &Observation) -> PollTarget {
    poll_target(&ours(), seen)
}

#[test]
fn the_service_is_polled_while_tasks_start_and_the_service_deployment_afterwards() {
    assert_eq!(target(&seen(2, 0)), PollTarget::Service, "no service deployment is known");
    assert_eq!(target(&known(seen(1, 2))), PollTarget::Service);
    assert_eq!(target(&known(seen(2, 2))), PollTarget::ServiceDeployment);
    let mut staged = known(seen(1, 2));
    staged.service.strategy.is_staged = true;
    assert_eq!(target(&staged), PollTarget::Service);
    let unseen = Rollout { deployment: None, ..ours() };
    assert_eq!(poll_target(&unseen, &known(seen(2, 2))), PollTarget::Service, "ECS is about to show ours");
}

#[test]
fn an_early_success_is_told_by_the_service_deployment_only_and_failures_by_the_service() {
    let mut early = known(seen(1, 2));
    early.service.strategy.succeeds_early = true;
    assert_eq!(target(&early), PollTarget::ServiceDeployment);
    early.service.deployments[0].failed = 1;
    assert_eq!(target(&early), PollTarget::Service);
}

#[test]
fn a_rolling_update_whose_tasks_fail_and_run_in_turns_is_told_by_the_service() {
    let mut restarting = known(seen(2, 2));
    let started = |seconds, count| ServiceEvent {
        at: at(seconds),
        message: format!("(service web) has started {count} tasks: (task 1)."),
    };
    restarting.service.events = vec![started(1_000, 2)];
    restarting.service.deployments[0].created = at(1_000);
    assert_eq!(target(&restarting), PollTarget::ServiceDeployment);
    restarting.service.events.insert(0, started(1_010, 1));
    assert_eq!(target(&restarting), PollTarget::Service);
    restarting.service.strategy.is_staged = true;
    assert_eq!(
        target(&restarting),
        PollTarget::ServiceDeployment,
        "stages end without a sign in the service"
    );
}

#[test]
fn whatever_is_decided_is_decided_by_the_service_deployment() {
    let mut failed = known(seen(1, 2));
    failed.service.deployments[0].rollout = RolloutState::Failed;
    assert_eq!(target(&failed), PollTarget::ServiceDeployment);
    let mut rolling_back = known(seen(1, 2));
    rolling_back.service_deployment.as_mut().unwrap().status = ServiceDeploymentStatus::RollingBack;
    assert_eq!(target(&rolling_back), PollTarget::ServiceDeployment);
}

#[test]
fn none_of_no_tasks_is_all_only_where_none_is_wanted() {
    let mut young = known(seen(0, 2));
    young.service.deployments[0].desired = 0;
    young.service.desired = 2;
    assert_eq!(target(&young), PollTarget::Service, "0 of 0 is not all");
    young.service.desired = 0;
    assert_eq!(target(&young), PollTarget::ServiceDeployment);
}

#[test]
fn the_counts_of_a_service_deployment_are_newer() {
    let mut seen = seen(2, 2);
    let record = samples::record(2, ServiceDeploymentStatus::InProgress);
    let tasks = TaskCounts { requested: 2, running: 1, pending: 1 };
    seen.take_record(&id(2), ServiceDeployment { tasks, ..record });
    assert_eq!((seen.service.deployments[0].running, seen.service.deployments[0].pending), (1, 1));
    assert_eq!(target(&seen), PollTarget::Service, "only the service tells why tasks went away");
}

#[test]
fn a_service_deployment_shows_failures_by_its_counts() {
    let with = |running, pending, failures| ServiceDeployment {
        tasks: TaskCounts { requested: 2, running, pending },
        breaker: Some((failures, 3)),
        ..samples::record(2, ServiceDeploymentStatus::InProgress)
    };
    assert!(!has_lost_tasks(&with(0, 2, 0), &with(1, 1, 0)));
    assert!(has_lost_tasks(&with(1, 1, 0), &with(1, 0, 0)));
    assert!(has_lost_tasks(&with(0, 2, 0), &with(0, 2, 1)));
}

#[test]
fn only_a_primary_deployment_in_progress_goes_on() {
    let goes_on = |change: fn(&mut Service)| {
        let mut service = seen(0, 2).service;
        let before = service.clone();
        change(&mut service);
        let mine = service.deployments.first();
        let is_decided = mine.is_some_and(|mine| is_decided_by_list(mine, &service));
        assert_eq!(has_turned(&id(2), &before, &service), service != before && !is_decided);
        service.strategy.bake_time = std::time::Duration::from_secs(60);
        assert_eq!(
            has_turned(&id(2), &before, &service),
            service != before && service.deployments != before.deployments
        );
        super::goes_on(&id(2), &service)
    };
    assert!(goes_on(|_| {}));
    assert!(!goes_on(|service| service.deployments[0].rollout = RolloutState::Failed));
    assert!(!goes_on(|service| service.deployments[0].rollout = RolloutState::Completed));
    assert!(!goes_on(|service| service.deployments[0].rollout = RolloutState::Unreported));
    assert!(!goes_on(|service| service.deployments[0].primary = false));
    assert!(!goes_on(|service| service.deployments.clear()));
}

#[test]
fn ecs_reports_no_state_of_a_staged_deployment() {
    let mut service = seen(0, 2).service;
    service.deployments[0].rollout = RolloutState::Unreported;
    service.strategy.is_staged = true;
    assert!(goes_on(&id(2), &service));
}
