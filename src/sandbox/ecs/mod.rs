//! ECS: which operation does what.

mod clusters;
mod ids;
mod model;
mod on_read;
mod request;
mod rollout;
mod service;
mod service_deployment;
mod service_deployments;
mod service_view;
mod services;
mod task_definitions;
mod tasks;

use std::collections::BTreeSet;

use serde_json::Value;

pub use self::rollout::{Rollout, RolloutOutcome};

use self::clusters::Clusters;
use self::services::Services;
use self::task_definitions::TaskDefinitions;
use super::wire::ApiError;
use crate::clock::Timestamp;

/// All of ECS.
#[derive(Debug, Default)]
pub(super) struct Ecs {
    clusters: Clusters,
    definitions: TaskDefinitions,
    services: Services,
    declared: BTreeSet<String>,
}

impl Ecs {
    /// Brings the rollouts up to `now` and performs one operation.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        request: &Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        model::check(operation, request, &self.declared)?;
        let Self { clusters, definitions, services, .. } = self;
        services.advance(now, definitions);
        match operation {
            "CreateCluster" => clusters.create(request),
            "DescribeClusters" => clusters.describe(request, services),
            "ListClusters" => clusters.list(request),
            "RegisterTaskDefinition" => definitions.register(request, now),
            "DescribeTaskDefinition" => definitions.describe(request),
            "DeregisterTaskDefinition" => definitions.deregister(request, now),
            "ListTaskDefinitions" => definitions.list(request),
            "CreateService" => services.create(request, clusters, definitions, now),
            "UpdateService" => services.update(request, clusters, definitions, now),
            "DeleteService" => services.delete(request, clusters, now),
            "DescribeServices" => services.describe(request, clusters),
            "ListServices" => services.list(request, clusters),
            "ListServiceDeployments" => services.list_deployments(request, clusters, now),
            "DescribeServiceDeployments" => services.describe_deployments(request, now),
            "DescribeServiceRevisions" => services.describe_revisions(request, definitions),
            "StopServiceDeployment" => services.stop_deployment(request, now),
            "ListTasks" => services.list_tasks(request, clusters),
            "DescribeTasks" => services.describe_tasks(request, clusters, definitions),
            _ => Err(ApiError::unknown_operation()),
        }
    }

    pub(super) fn set_rollout(&mut self, cluster: &str, service: &str, rollout: Rollout) {
        self.services.set_rollout(cluster, service, rollout);
    }

    pub(super) fn declare_member(&mut self, path: &str) {
        self.declared.insert(path.to_owned());
    }

    pub(super) fn stored(&self, task_definition: &str) -> Result<Value, ApiError> {
        let revision = self.definitions.find(task_definition);
        let revision = revision.ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
        Ok(revision.stored().clone())
    }
}
