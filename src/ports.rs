//! What the deployment needs of the world, in its own nouns.

use std::future::Future;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::Failure;
use crate::domain::request::ClusterName;
use crate::domain::service::{DeploymentId, Service, ServiceDeployment, ServiceRevision};
use crate::domain::stopped_task::StoppedTask;
use crate::domain::task_definition::{Revision, TaskDefinition};

/// Amazon ECS.
///
/// Errors of the reads are [`Failure`]s whose kind tells whether to try again later
/// ([`Unavailable`](crate::domain::failure::FailureKind::Unavailable)) or not. Short bouts of
/// throttling and lost connections are dealt with inside.
pub trait Ecs: Sync {
    /// Describes the services that exist; a missing one is left out. Any number: ten to a call.
    fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[&str],
    ) -> impl Future<Output = Result<Vec<Service>, Failure>> + Send;

    /// Describes a revision by its ARN, or a family's newest active one; `None` if there is none.
    fn describe_task_definition(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Revision>, Failure>> + Send;

    /// Registers a revision. Has no idempotency token: see [`EffectError::Unknown`].
    fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> impl Future<Output = Result<TaskDefinitionArn, EffectError>> + Send;

    /// Puts a service on a revision; `force` starts a deployment also when it is the live one.
    fn update_service(
        &self,
        service: &Service,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> impl Future<Output = Result<Service, EffectError>> + Send;

    /// The ARNs of the service's latest service deployments with their target revisions, newest
    /// first; one page is enough, as ours is among the newest.
    fn list_service_deployments(
        &self,
        service: &Service,
    ) -> impl Future<Output = Result<Vec<ListedServiceDeployment>, Failure>> + Send;

    /// Describes service deployments by ARN; one that is missing is left out. Twenty to a call.
    fn describe_service_deployments(
        &self,
        arns: &[String],
    ) -> impl Future<Output = Result<Vec<ServiceDeployment>, Failure>> + Send;

    /// The tasks of one of a service's deployments that stopped of late, at most a hundred of which
    /// are looked at. ECS forgets them after about an hour.
    fn stopped_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> impl Future<Output = Result<Vec<StoppedTask>, Failure>> + Send;

    /// Describes service revisions by ARN; one that is missing is left out. Twenty to a call.
    fn describe_service_revisions(
        &self,
        arns: &[String],
    ) -> impl Future<Output = Result<Vec<ServiceRevision>, Failure>> + Send;
}

/// A line of `ListServiceDeployments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// The service revision that it rolls out.
    pub target: String,
}

/// Why an effect was not reported as done.
#[derive(Debug)]
pub enum EffectError {
    /// It certainly did not happen.
    Refused(Failure),
    /// Its answer was lost: it may have happened. Look before doing it again.
    Unknown(Failure),
}

/// Where the record of a deployment is kept.
pub trait RecordStore: Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Reads what is there; `None` if there is nothing.
    fn read(&self) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// Puts `content` (nothing: removes the record) in the place of `expected`, and fails if
    /// something else is there by now.
    fn write(
        &self,
        expected: Option<&[u8]>,
        content: Option<&[u8]>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}
