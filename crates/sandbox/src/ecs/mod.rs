//! ECS: which operation does what.

mod clusters;
mod digests;
mod ending;
mod ids;
mod lifecycle;
mod log_streams;
mod on_read;
mod refusals;
mod replica;
mod request;
mod rollout;
mod script;
mod service;
mod service_deployment;
mod service_deployments;
mod service_revision;
mod service_view;
mod services;
mod setbacks;
mod steps;
mod strategy;
mod task;
mod task_definitions;
mod tasks;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

pub(super) use self::ids::digest_of;
pub(super) use self::log_streams::{LogStream, Missing};
pub use self::rollout::{Rollout, RolloutOutcome};

use self::clusters::Clusters;
use self::replica::{LAGGING, Replica};
use self::services::Services;
use self::task_definitions::TaskDefinitions;
use super::model::Model;
use super::wire::ApiError;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model.json")));

/// All of ECS.
#[derive(Debug, Clone, Default)]
pub(super) struct Ecs {
    clusters: Clusters,
    definitions: TaskDefinitions,
    services: Services,
    declared: BTreeSet<String>,
    replica: Option<Replica>,
}

impl Ecs {
    /// Brings the rollouts up to `now` and performs one operation.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        request: &Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        MODEL.check(operation, request, &self.declared)?;
        let Self { clusters, definitions, services, declared, .. } = self;
        services.advance(now, definitions);
        let answer = match operation {
            "CreateCluster" => clusters.create(request),
            "DescribeClusters" => clusters.describe(request, |name| services.counts(name)),
            "ListClusters" => clusters.list(request),
            "RegisterTaskDefinition" => definitions.register(request, declared, now),
            "DescribeTaskDefinition" => definitions.describe(request),
            "DeregisterTaskDefinition" => definitions.deregister(request, now),
            "ListTaskDefinitions" => definitions.list(request),
            "CreateService" => services.create(request, clusters, definitions, now),
            "UpdateService" => services.update(request, clusters, definitions, now),
            "DeleteService" => services.delete(request, clusters, now),
            "ListServices" => services.list(request, clusters),
            "StopServiceDeployment" => services.stop_deployment(request, now),
            "ContinueServiceDeployment" => services.continue_deployment(request, now),
            _ => observe(operation, request, services, clusters, definitions, now),
        };
        self.tell_replica(now);
        answer
    }

    /// As [`Self::answer`], but a read may answer as things were a while ago.
    pub(super) fn answer_late(
        &mut self,
        operation: &str,
        request: &Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        if self.replica.is_none() || !LAGGING.contains(&operation) {
            return self.answer(operation, request, now);
        }
        MODEL.check(operation, request, &self.declared)?;
        let Self { clusters, definitions, services, replica, .. } = self;
        services.advance(now, definitions);
        let Some(replica) = replica else { return Err(ApiError::unknown_operation()) };
        if operation == "DescribeTaskDefinition" {
            return definitions.describe_of(request, Some(replica.knows_until(now)));
        }
        let (services, then) = replica.look(now, definitions);
        observe(operation, request, services, clusters, definitions, then)
    }

    pub(super) fn push_image(&mut self, repository: &str, tag: &str, digest: &str, now: Timestamp) {
        self.services.advance(now, &mut self.definitions);
        self.definitions.digests.push(repository, tag, digest, now);
    }

    fn tell_replica(&mut self, now: Timestamp) {
        if let (Some(changed), Some(replica)) = (self.services.take_changed(), &mut self.replica) {
            replica.record(changed, now);
        }
    }

    /// Lets reads lag so far behind from now on.
    pub(super) fn set_read_lag(&mut self, lag: Duration, now: Timestamp) {
        self.services.advance(now, &mut self.definitions);
        match &mut self.replica {
            _ if lag.is_zero() => self.replica = None,
            Some(replica) => replica.set_lag(lag),
            None => self.replica = Some(Replica::new(lag, &self.services, now)),
        }
    }

    pub(super) fn set_resource_management(
        &mut self,
        cluster: &str,
        service: &str,
        kind: &str,
        now: Timestamp,
    ) {
        self.services.advance(now, &mut self.definitions);
        self.services.set_resource_management(cluster, service, kind);
        self.tell_replica(now);
    }

    pub(super) fn set_deregistration_delay(
        &mut self,
        cluster: &str,
        service: &str,
        delay: Duration,
        now: Timestamp,
    ) {
        self.services.advance(now, &mut self.definitions);
        self.services.set_deregistration_delay(cluster, service, delay);
        self.tell_replica(now);
    }

    pub(super) fn set_rollout(&mut self, cluster: &str, service: &str, rollout: Rollout) {
        self.services.set_rollout(cluster, service, rollout);
    }

    pub(super) fn declare_member(&mut self, path: &str) {
        self.declared.insert(path.to_owned());
    }

    pub(super) fn add_old_revision(&mut self, request: &Value, now: Timestamp) -> String {
        self.services.advance(now, &mut self.definitions);
        self.definitions.add(request, now).arn.clone()
    }

    pub(super) fn stored(&self, task_definition: &str) -> Result<Value, ApiError> {
        let revision = self.definitions.find(task_definition);
        let revision = revision.ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
        Ok(revision.stored().clone())
    }
}

/// Performs an operation that reads services or what belongs to them.
fn observe(
    operation: &str,
    request: &Value,
    services: &Services,
    clusters: &Clusters,
    definitions: &TaskDefinitions,
    now: Timestamp,
) -> Result<Value, ApiError> {
    match operation {
        "DescribeServices" => services.describe(request, clusters),
        "ListServiceDeployments" => services.list_deployments(request, clusters, now),
        "DescribeServiceDeployments" => services.describe_deployments(request, now),
        "DescribeServiceRevisions" => services.describe_revisions(request, definitions),
        "ListTasks" => services.list_tasks(request, clusters),
        "DescribeTasks" => services.describe_tasks(request, clusters, definitions),
        _ => Err(ApiError::unknown_operation()),
    }
}
