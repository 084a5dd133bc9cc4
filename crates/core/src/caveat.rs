//! What a success leaves open.

use super::rollout::Observation;
use super::service::DeploymentId;

/// What the user should know of the success of deployment `id`: that no task runs, or that ECS called
/// it one early.
#[must_use]
pub fn caveat(seen: &Observation, id: &DeploymentId) -> Option<String> {
    let service = &seen.service;
    let name = &service.name;
    if service.desired == 0 {
        return Some(format!("service {name} was scaled to 0: no task runs, so nothing is proven"));
    }
    let mine = service.deployment(id).filter(|_| service.strategy.succeeds_early)?;
    let others = service.deployments.iter().filter(|other| other.id != *id).map(|other| other.running).sum();
    let former = seen.service_deployment.as_ref().map_or(others, |record| record.replaced_running);
    let wanted = service.wanted(mine);
    (mine.running < wanted || former > 0).then(|| {
        format!(
            "ECS calls the deployment of service {name} successful by its earlySuccessCriteria: {} of {wanted} tasks \
             run, and {former} former ones; ECS finishes in the background, where neither circuit breaker nor alarms \
             apply",
            mine.running
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, id};
    use crate::service::{Deployment, RolloutState};
    use crate::service_deployment::{ServiceDeploymentStatus, TaskCounts};

    fn succeeded(early: bool, running: u32, former: u32) -> Observation {
        let mine =
            Deployment { desired: 4, running, ..samples::primary(2, "web:2", RolloutState::Completed) };
        let mut seen = Observation::of(samples::service("web", vec![mine]));
        (seen.service.desired, seen.service.strategy.succeeds_early) = (4, early);
        let mut record = samples::record(2, ServiceDeploymentStatus::Successful);
        record.tasks = TaskCounts { requested: 4, running, pending: 0 };
        record.replaced_running = former;
        seen.take_record(&id(2), record);
        seen
    }

    #[test]
    fn an_early_success_says_how_many_tasks_run() {
        let told = caveat(&succeeded(true, 3, 2), &id(2)).unwrap();
        assert!(
            told.contains("3 of 4 tasks run, and 2 former ones; ECS finishes in the background"),
            "{told}"
        );
        assert!(caveat(&succeeded(true, 4, 2), &id(2)).is_some(), "old tasks still serve");
        for whole in [succeeded(true, 4, 0), succeeded(false, 3, 2)] {
            assert_eq!(caveat(&whole, &id(2)), None);
        }
    }

    #[test]
    fn no_task_proves_nothing() {
        let mut none = succeeded(false, 0, 0);
        none.service.desired = 0;
        let told = caveat(&none, &id(2)).unwrap();
        assert_eq!(told, "service web was scaled to 0: no task runs, so nothing is proven");
    }
}
