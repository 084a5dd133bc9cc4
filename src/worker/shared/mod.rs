//! Amazon ECS as many jobs use it at once: they poll together, and keep below its limits.
//!
//! A hundred rollouts that are each polled every two seconds are five calls a second, not fifty.

mod gather;
mod limits;
mod registry;
mod tasks;
mod turns;

pub(crate) use registry::Sharing;
pub(crate) use turns::Purpose;

use std::fmt;
use std::sync::Arc;

use evenkeel_core::crash_loop::RunningTask;
use evenkeel_core::failure::Failure;
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::placement::Departure;
use evenkeel_core::ports::{Cloud, Ecs, ListedServiceDeployment, Listing};
use evenkeel_core::registry::{EcrImage, ImageLookup};
use evenkeel_core::request::ClusterName;
use evenkeel_core::service::{DeploymentId, Service, ServiceRevision};
use evenkeel_core::service_deployment::ServiceDeployment;
use evenkeel_core::stopped_task::StoppedTask;
use evenkeel_core::task_definition::Revision;

use gather::{Gather, Lookup};
use limits::Limits;
use tasks::TaskSet;
use turns::Precedence;

/// Amazon ECS for all jobs that call it as the same role, in the same account and Region.
///
/// `DescribeServices` and `DescribeServiceDeployments` of all of them are gathered for 100 ms,
/// after a quiet time for 20 ms, and sent in as few calls as it takes. Every call of ECS waits for its turn
/// under [`Limits`]. A call that several jobs share and that ECS could not serve fails all of them; one
/// that it refused is made again for each name alone. What was begun ends when this is dropped.
pub(crate) struct SharedEcs<E: Ecs + Send + Sync + 'static> {
    ecs: Arc<E>,
    limits: Arc<Limits>,
    services: Gather<Services<E>>,
    deployments: Gather<ServiceDeployments<E>>,
}

impl<E: Ecs + Send + Sync + 'static> SharedEcs<E> {
    /// Shares `ecs`. Must be called inside a tokio runtime.
    pub(crate) fn new(ecs: E) -> Self {
        let (ecs, limits, tasks) = (Arc::new(ecs), Arc::new(Limits::new()), Arc::<TaskSet>::default());
        let services = Services { ecs: Arc::clone(&ecs), limits: Arc::clone(&limits) };
        let deployments = ServiceDeployments { ecs: Arc::clone(&ecs), limits: Arc::clone(&limits) };
        Self {
            ecs,
            limits,
            services: Gather::new(services, Arc::clone(&tasks)),
            deployments: Gather::new(deployments, tasks),
        }
    }

    /// The limits, for the calls that change something: each job makes its own.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Amazon ECS without limits, in the name that all share.
    pub(crate) fn ecs(&self) -> &E {
        &self.ecs
    }
}

impl<E: Ecs + Send + Sync + 'static> fmt::Debug for SharedEcs<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedEcs").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<E: Ecs + Send + Sync + 'static> SharedEcs<E> {
    pub(crate) async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[&str],
        purpose: Purpose,
    ) -> Result<Vec<Service>, Failure> {
        self.services.ask(cluster, services, purpose).await
    }

    pub(crate) async fn describe_task_definition(&self, name: &str) -> Result<Option<Revision>, Failure> {
        self.limits.describe_task_definition().await;
        self.ecs.describe_task_definition(name).await
    }

    pub(crate) async fn list_service_deployments(
        &self,
        service: &Service,
        which: Listing,
    ) -> Result<Vec<ListedServiceDeployment>, Failure> {
        self.limits.list_service_deployments().await;
        self.ecs.list_service_deployments(service, which).await
    }

    pub(crate) async fn describe_service_deployments(
        &self,
        arns: &[String],
        purpose: Purpose,
    ) -> Result<Vec<ServiceDeployment>, Failure> {
        let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
        self.deployments.ask(&(), &arns, purpose).await
    }

    pub(crate) async fn stopped_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Failure> {
        self.limits.tasks().await;
        self.ecs.stopped_tasks(service, deployment).await
    }

    pub(crate) async fn running_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<RunningTask>, Failure> {
        self.limits.tasks().await;
        self.ecs.running_tasks(service, deployment).await
    }

    pub(crate) async fn departures(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<Departure>, Failure> {
        self.limits.tasks().await;
        self.ecs.departures(service, deployment).await
    }

    pub(crate) async fn describe_service_revisions(
        &self,
        arns: &[String],
    ) -> Result<Vec<ServiceRevision>, Failure> {
        self.limits.describe_service_revisions(arns.len()).await;
        self.ecs.describe_service_revisions(arns).await
    }
}

impl<E: Cloud + Send + Sync + 'static> SharedEcs<E> {
    pub(crate) async fn log_tail(&self, stream: &LogStream, lines: u16) -> Result<Vec<String>, Failure> {
        self.ecs.log_tail(stream, lines).await
    }

    pub(crate) async fn find_image(&self, image: &EcrImage) -> Result<ImageLookup, Failure> {
        self.ecs.find_image(image).await
    }
}

/// `DescribeServices`, by cluster.
struct Services<E: Ecs + Send + Sync + 'static> {
    ecs: Arc<E>,
    limits: Arc<Limits>,
}

impl<E: Ecs + Send + Sync + 'static> Lookup for Services<E> {
    type Scope = ClusterName;
    type Item = Service;
    const BATCH: usize = 10;

    async fn allowed(&self, precedence: impl Fn() -> Option<Precedence> + Send + 'static) {
        self.limits.poll(precedence).await;
    }

    async fn fetch(&self, cluster: &ClusterName, names: &[String]) -> Result<Vec<Service>, Failure> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.ecs.describe_services(cluster, &names).await
    }

    /// A service is asked for by its name or by its ARN, in which an old one has no cluster.
    fn answers(service: &Service, name: &str) -> bool {
        let mut path = name.rsplit('/');
        let (last, before) = (path.next(), path.next());
        let is_there = match before {
            Some(cluster) if !cluster.contains(':') => service.cluster.rsplit('/').next() == Some(cluster),
            Some(_) | None => true,
        };
        name == service.arn || last == Some(service.name.as_str()) && is_there
    }
}

/// `DescribeServiceDeployments`, of all clusters.
struct ServiceDeployments<E: Ecs + Send + Sync + 'static> {
    ecs: Arc<E>,
    limits: Arc<Limits>,
}

impl<E: Ecs + Send + Sync + 'static> Lookup for ServiceDeployments<E> {
    type Scope = ();
    type Item = ServiceDeployment;
    const BATCH: usize = 20;

    async fn allowed(&self, precedence: impl Fn() -> Option<Precedence> + Send + 'static) {
        self.limits.poll(precedence).await;
    }

    async fn fetch(&self, (): &(), arns: &[String]) -> Result<Vec<ServiceDeployment>, Failure> {
        self.ecs.describe_service_deployments(arns).await
    }

    fn answers(deployment: &ServiceDeployment, arn: &str) -> bool {
        deployment.arn == arn
    }
}

#[cfg(test)]
mod tests;
