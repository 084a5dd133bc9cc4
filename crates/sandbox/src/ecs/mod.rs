//! ECS: which operation does what.

mod clusters;
mod console;
mod digests;
mod ending;
mod ids;
mod lifecycle;
mod log_streams;
mod on_read;
mod refusals;
mod replica;
mod rollout;
mod script;
mod service;
mod service_deployment;
mod service_deployments;
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

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

pub(super) use self::ids::digest_of;
pub(super) use self::log_streams::LogStream;
pub use self::rollout::{Rollout, RolloutOutcome, Shape};

use self::clusters::Clusters;
use self::replica::{LAGGING, Replica};
use self::services::Services;
use self::task_definitions::TaskDefinitions;
use super::model::Model;
use super::wire::{ApiError, ApiResult};

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
    pub(super) fn answer(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        MODEL.check(operation, request, &self.declared)?;
        self.advance(now);
        let Self { clusters, definitions, services, declared, .. } = self;
        let cluster = || clusters.name_in(request);
        let answer = match operation {
            "CreateCluster" => clusters.create(request),
            "DescribeClusters" => clusters.describe(request, |name| services.counts(name)),
            "ListClusters" => clusters.list(request),
            "RegisterTaskDefinition" => definitions.register(request, declared, now),
            "DescribeTaskDefinition" => definitions.describe(request, None),
            "DeregisterTaskDefinition" => definitions.deregister(request, now),
            "ListTaskDefinitions" => definitions.list(request),
            "CreateService" => services.create(request, cluster()?, definitions, now),
            "UpdateService" => services.update(request, cluster()?, definitions, now),
            "DeleteService" => services.delete(request, cluster()?, now),
            "ListServices" => services.list(request, cluster()?),
            "StopServiceDeployment" => services.stop_deployment(request, now),
            "ContinueServiceDeployment" => services.continue_deployment(request, now),
            _ => services.observe(operation, request, clusters, definitions, now),
        };
        self.tell_replica(now);
        answer
    }

    /// As [`Self::answer`], but a read may answer as things were a while ago.
    pub(super) fn answer_late(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        let Some(replica) = self.replica.as_mut().filter(|_| LAGGING.contains(&operation)) else {
            return self.answer(operation, request, now);
        };
        MODEL.check(operation, request, &self.declared)?;
        let Self { clusters, definitions, services, .. } = self;
        services.advance(now, definitions);
        if operation == "DescribeTaskDefinition" {
            return definitions.describe(request, Some(replica.knows_until(now)));
        }
        let (services, then) = replica.look(now, definitions);
        services.observe(operation, request, clusters, definitions, then)
    }

    /// From now on the tag of this repository in ECR names this digest.
    pub(super) fn push_image(&mut self, repository: &str, tag: &str, digest: &str, now: Timestamp) {
        self.advance(now);
        self.definitions.digests.push(repository, tag, digest, now);
    }

    fn advance(&mut self, now: Timestamp) {
        self.services.advance(now, &mut self.definitions);
    }

    fn tell_replica(&mut self, now: Timestamp) {
        if let (Some(changed), Some(replica)) = (self.services.take_changed(), &mut self.replica) {
            replica.record(changed, now);
        }
    }
}

impl Services {
    /// Performs an operation that reads services or what belongs to them.
    fn observe(
        &self,
        operation: &str,
        request: &Value,
        clusters: &Clusters,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> ApiResult {
        let cluster = || clusters.name_in(request);
        match operation {
            "DescribeServices" => self.describe(request, cluster()?),
            "ListServiceDeployments" => self.list_deployments(request, cluster()?, now),
            "DescribeServiceDeployments" => self.describe_deployments(request, now),
            "DescribeServiceRevisions" => self.describe_revisions(request, definitions),
            "ListTasks" => self.list_tasks(request, cluster()?),
            "DescribeTasks" => self.describe_tasks(request, cluster()?, definitions),
            _ => Err(ApiError::unknown_operation()),
        }
    }
}
