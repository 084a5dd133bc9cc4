use super::*;
use crate::samples::{self, arn, at, id};

/// Deployment `number` of revision `number`, made at `number` times a hundred seconds.
fn deployment(number: u64, primary: bool, rollout: RolloutState) -> Deployment {
    let created = at(number * 100);
    Deployment { primary, created, ..samples::primary(number, &format!("web:{number}"), rollout) }
}

fn service(deployments: Vec<Deployment>) -> Service {
    samples::service("web", deployments)
}

fn words(deployment: Deployment) -> Deployment {
    let reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";
    Deployment { reason: Some(reason.to_owned()), ..deployment }
}

/// The numbers of the newest rollout's deployment and of the one that it replaced.
fn newest(deployments: Vec<Deployment>) -> (Option<DeploymentId>, Option<DeploymentId>) {
    let rollout = newest_rollout(&service(deployments)).unwrap();
    (rollout.deployment, rollout.replaced)
}

use RolloutState::{Completed, Failed, InProgress};

#[test]
fn a_service_without_a_deployment_has_none() {
    assert_eq!(newest_rollout(&service(Vec::new())), None);
}

#[test]
fn it_is_the_primary_deployments_and_replaces_the_newest_other_one() {
    assert_eq!(newest(vec![deployment(2, true, Completed)]), (Some(id(2)), None));
    let several =
        [deployment(3, true, InProgress), deployment(1, false, Completed), deployment(2, false, Failed)];
    assert_eq!(newest(several.into()), (Some(id(3)), Some(id(2))));
}

#[test]
fn while_it_is_rolled_back_it_is_the_one_that_failed() {
    let reused = vec![deployment(1, true, InProgress), deployment(2, false, Failed)];
    assert_eq!(newest(reused), (Some(id(2)), Some(id(1))));
    let with_words = vec![words(deployment(1, true, InProgress)), deployment(2, false, Failed)];
    assert_eq!(newest(with_words), (Some(id(2)), None), "the words tell, also when it is listed no more");
    let made_anew = vec![words(deployment(3, true, InProgress)), deployment(2, false, Failed)];
    assert_eq!(newest(made_anew), (Some(id(2)), None));
    // Words of an earlier rollback stay on what runs.
    assert_eq!(newest(vec![words(deployment(1, true, Completed))]), (Some(id(1)), None));
}

#[test]
fn a_record_of_a_rollback_tells_what_is_rolled_back() {
    use ServiceDeploymentStatus as Status;
    for (status, tells) in [
        (Status::RollingBack, true),
        (Status::RolledBack, true),
        (Status::RollbackFailed, true),
        (Status::InProgress, false),
        (Status::Successful, false),
        (Status::Stopped, false),
    ] {
        let told = deployment_rolled_back(&samples::record(2, status));
        assert_eq!(told, tells.then(|| id(2)), "{status:?}");
    }
}

#[test]
fn what_has_ended_is_not_under_way() {
    let under_way = |deployments: Vec<Deployment>, status: Option<ServiceDeploymentStatus>| {
        let mut service = service(deployments);
        service.strategy.bake_time = std::time::Duration::from_secs(60);
        let rollout = newest_rollout(&service).unwrap();
        let mut seen = Observation::of(service);
        seen.service_deployment = status.map(|status| samples::record(2, status));
        is_under_way(&rollout, &seen, at(1_000), &Policy::default())
    };
    use ServiceDeploymentStatus as Status;
    let alone = |rollout| vec![deployment(2, true, rollout)];
    assert!(under_way(alone(InProgress), None));
    assert!(!under_way(alone(Completed), None));
    assert!(!under_way(alone(Failed), None));
    assert!(under_way(alone(Completed), Some(Status::InProgress)), "it bakes");
    assert!(!under_way(alone(Completed), Some(Status::Successful)));
    assert!(!under_way(alone(InProgress), Some(Status::Stopped)));
    let back = |rollout| vec![deployment(1, true, rollout), deployment(2, false, Failed)];
    assert!(under_way(back(InProgress), None));
    assert!(under_way(back(InProgress), Some(Status::RollingBack)));
    assert!(!under_way(back(Completed), None));
    // By the list alone, a rollback that somebody asked for is judged as done before it is.
    let asked = |rollout| vec![deployment(1, true, rollout), deployment(2, false, InProgress)];
    assert!(under_way(asked(InProgress), None));
    assert!(!under_way(asked(Completed), None));
}

#[test]
fn the_revision_of_a_rollback_is_the_one_that_failed() {
    let rollout = rolled_back(&service(vec![deployment(1, true, Completed)]), id(2), arn("web:2"));
    assert_eq!((rollout.revision, rollout.replaced), (arn("web:2"), Some(id(1))));
}
