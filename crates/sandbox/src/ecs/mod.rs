//! ECS: which operation does what.

mod clusters;
mod console;
mod digests;
mod ending;
mod ids;
mod lifecycle;
mod log_streams;
mod on_read;
mod one_off;
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
pub use self::one_off::{OneOffTask, TaskEnding, TaskScript};
pub use self::rollout::{Rollout, RolloutOutcome, Shape};

use self::clusters::Clusters;
use self::one_off::{OneOffTasks, Seen};
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
    one_off: OneOffTasks,
    declared: BTreeSet<String>,
    replica: Option<Replica>,
}

impl Ecs {
    /// Brings the rollouts up to `now` and performs one operation.
    pub(super) fn answer(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        self.perform(operation, request, now, now)
    }

    /// As [`Self::answer`], but a read may answer as things were a while ago.
    pub(super) fn answer_late(&mut self, operation: &str, request: &Value, now: Timestamp) -> ApiResult {
        let known_until = now.before(self.one_off.lag);
        let Some(replica) = self.replica.as_mut().filter(|_| LAGGING.contains(&operation)) else {
            return self.perform(operation, request, now, known_until);
        };
        MODEL.check(operation, request, &self.declared)?;
        let Self { clusters, definitions, services, one_off, .. } = self;
        services.advance(now, definitions);
        if operation == "DescribeTaskDefinition" {
            return definitions.describe(request, Some(replica.knows_until(now)));
        }
        let at = replica.sees_tasks_at(now);
        let one_off = Seen { tasks: one_off, at, known_until: known_until.min(at) };
        let (services, then) = replica.look(now, definitions);
        services.observe(operation, request, clusters, definitions, one_off, then)
    }

    /// Performs one operation; a read misses the one-off tasks that were created after `known_until`.
    fn perform(
        &mut self,
        operation: &str,
        request: &Value,
        now: Timestamp,
        known_until: Timestamp,
    ) -> ApiResult {
        MODEL.check(operation, request, &self.declared)?;
        self.advance(now);
        let Self { clusters, definitions, services, one_off, declared, .. } = self;
        let cluster = || clusters.name_in(request);
        let counts = |name: &str| services.counts(name).plus(one_off.counts(name, now));
        let answer = match operation {
            "CreateCluster" => clusters.create(request),
            "DescribeClusters" => clusters.describe(request, counts),
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
            "RunTask" => one_off.run(request, clusters, definitions, declared, now),
            "StopTask" => {
                let cluster = cluster()?;
                services.check_stop(request, cluster)?;
                one_off.stop(request, cluster, definitions, now)
            }
            _ => {
                let one_off = Seen { tasks: one_off, at: now, known_until };
                services.observe(operation, request, clusters, definitions, one_off, now)
            }
        };
        self.tell_replica(now);
        answer
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
    /// Performs an operation that reads services, what belongs to them or tasks.
    fn observe(
        &self,
        operation: &str,
        request: &Value,
        clusters: &Clusters,
        definitions: &TaskDefinitions,
        one_off: Seen<'_>,
        now: Timestamp,
    ) -> ApiResult {
        let cluster = || clusters.name_in(request);
        match operation {
            "DescribeServices" => self.describe(request, cluster()?),
            "ListServiceDeployments" => self.list_deployments(request, cluster()?, now),
            "DescribeServiceDeployments" => self.describe_deployments(request, now),
            "DescribeServiceRevisions" => self.describe_revisions(request, definitions),
            "ListTasks" => self.list_tasks(request, cluster()?, one_off),
            "DescribeTasks" => self.describe_tasks(request, cluster()?, definitions, one_off),
            _ => Err(ApiError::unknown_operation()),
        }
    }
}
