//! Looks at all watched services at once: ten services, twenty service deployments to a call.

use std::collections::BTreeMap;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::request::ClusterName;
use crate::domain::rollout::Observation;
use crate::domain::service::{DeploymentId, Service, ServiceDeployment};
use crate::ports::Ecs;

/// Watches services, and finds the service deployments that belong to their deployments.
#[derive(Debug, Default)]
pub(super) struct Observer {
    /// The service deployments that were found.
    arns: BTreeMap<DeploymentId, String>,
    /// Service deployments are no longer asked for.
    closed: bool,
    /// Why, until that is told.
    why_closed: Option<Failure>,
}

/// A service to look at, and the deployment of it that is followed.
pub(super) struct Watched<'a> {
    pub(super) service: &'a Service,
    pub(super) deployment: Option<&'a DeploymentId>,
}

impl Observer {
    /// Looks at `watched`; `None` for a service that no longer exists.
    ///
    /// Service deployments are the better source, but may be denied, empty (an emulator) or late:
    /// then the services alone tell.
    ///
    /// # Errors
    /// Those of `DescribeServices`.
    pub(super) async fn observe<E: Ecs>(
        &mut self,
        ecs: &E,
        cluster: &ClusterName,
        watched: &[Watched<'_>],
    ) -> Result<Vec<Option<Observation>>, Failure> {
        let names: Vec<&str> = watched.iter().map(|watched| watched.service.arn.as_str()).collect();
        let mut services = ecs.describe_services(cluster, &names).await?;
        let records = match self.records(ecs, watched, &services).await {
            Ok(records) => records,
            Err(failure) => {
                if failure.kind() != FailureKind::Unavailable {
                    self.closed = true;
                    self.why_closed = Some(failure);
                }
                Vec::new()
            }
        };
        let look = |watched: &Watched<'_>| {
            let place = services.iter().position(|service| service.arn == watched.service.arn)?;
            let service = services.swap_remove(place);
            let record = watched
                .deployment
                .and_then(|id| records.iter().find(|record| id.rolls_out(&record.target)).cloned());
            service.active.then_some(Observation { service, service_deployment: record })
        };
        Ok(watched.iter().map(look).collect())
    }

    /// Why service deployments are no longer asked for, once.
    pub(super) fn take_why_closed(&mut self) -> Option<Failure> {
        self.why_closed.take()
    }

    async fn records<E: Ecs>(
        &mut self,
        ecs: &E,
        watched: &[Watched<'_>],
        services: &[Service],
    ) -> Result<Vec<ServiceDeployment>, Failure> {
        if self.closed {
            return Ok(Vec::new());
        }
        let mut arns = Vec::new();
        for (id, service) in watched.iter().filter_map(|watched| {
            let service = services.iter().find(|service| service.arn == watched.service.arn)?;
            Some((watched.deployment?, service))
        }) {
            if let Some(known) = self.arns.get(id) {
                arns.push(known.clone());
                continue;
            }
            let listed = ecs.list_service_deployments(service).await?;
            if let Some(mine) = listed.into_iter().find(|listed| id.rolls_out(&listed.target)) {
                arns.push(mine.arn.clone());
                self.arns.insert(id.clone(), mine.arn);
            }
        }
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        ecs.describe_service_deployments(&arns).await
    }
}
