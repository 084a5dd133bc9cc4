//! What a test or a console does with ECS, besides the calls that travel.

use std::time::Duration;

use serde_json::Value;

use super::Ecs;
use super::replica::Replica;
use super::rollout::{Rollout, Shape};
use super::service::Service;
use crate::wire::ApiError;
use crate::{Sandbox, Timestamp};

impl Sandbox {
    /// Performs an ECS operation as somebody else would, a console user or a rival: the same
    /// checks and effects, but no fault hits it, no hook sees it and the call log has no entry.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn call(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        self.state().ecs.answer(operation, &request, self.clock.now())
    }

    /// Sets how the deployments of new revisions go that are started for this service from now on.
    /// Without it they succeed in a minute; one that goes back to the last good revision always does.
    /// Set before the service is created, it is also how its first deployment goes; without it, a
    /// service that is created runs at once.
    pub fn set_rollout(&self, cluster: &str, service: &str, rollout: Rollout) {
        let key = (cluster.to_owned(), service.to_owned());
        self.state().ecs.services.rollouts.insert(key, rollout);
    }

    /// Lets what is read over the wire of services, their deployments and tasks lag so far behind
    /// from now on: `DescribeServices`, `ListServiceDeployments`, `DescribeServiceDeployments`,
    /// `DescribeServiceRevisions`, `ListTasks` and `DescribeTasks` answer as things were then, and
    /// what did not exist is missing. Writes and their own answers are fresh, and so is
    /// [`Self::call`]. What was there when the lag was set is seen as it was at that moment.
    pub fn set_read_lag(&self, lag: Duration) {
        let now = self.clock.now();
        let ecs = &mut self.state().ecs;
        ecs.advance(now);
        match &mut ecs.replica {
            _ if lag.is_zero() => ecs.replica = None,
            Some(replica) => replica.lag = lag,
            None => ecs.replica = Some(Replica::new(lag, &ecs.services, now)),
        }
    }

    /// Sets the `resourceManagementType` of a service: `ECS` for one that ECS made for an Express
    /// gateway service, `CUSTOMER` for any other. Without effect when there is no such service.
    pub fn set_resource_management(&self, cluster: &str, service: &str, kind: &str) {
        self.state().ecs.change(cluster, service, self.clock.now(), |service| {
            service.settings["resourceManagementType"] = kind.into();
        });
    }

    /// Sets how long the tasks of a service take to leave their load balancer when they are stopped: its
    /// target group's deregistration delay, which AWS sets to 300 seconds. Without it, or without such a
    /// service, they are gone at once.
    pub fn set_deregistration_delay(&self, cluster: &str, service: &str, delay: Duration) {
        self.state().ecs.change(cluster, service, self.clock.now(), |service| {
            service.deregistration_delay = delay;
        });
    }

    /// Sets how long the parts of this service's deployments take that are started from now on. Without effect when
    /// there is no such service. The old tasks leave by its deregistration delay, which this sets, too.
    pub fn set_shape(&self, cluster: &str, service: &str, shape: Shape) {
        self.state().ecs.change(cluster, service, self.clock.now(), |service| {
            service.shape = Some(shape);
            service.deregistration_delay = shape.drain;
        });
    }

    /// Lets an alarm of the deployment that is in progress go off now. Without effect where there is none, or the
    /// deployment has no alarms.
    pub fn raise_alarm(&self, cluster: &str, service: &str) {
        let now = self.clock.now();
        self.state().ecs.change(cluster, service, now, |service| service.raise_alarm(now));
    }

    /// Makes the operations accept a member that the model does not know, but AWS is said to, for
    /// example `futureMember` or `containerDefinitions[].futureMember`. A member that the model does
    /// know may then have values that it does not list, for example `networkMode`.
    pub fn declare_member(&self, path: &str) {
        self.state().ecs.declared.insert(path.to_owned());
    }

    /// Adds a revision past the checks of `RegisterTaskDefinition`, and gives its ARN. It stands for one
    /// that was registered before ECS had today's rules: ECS keeps such revisions and runs them.
    pub fn add_old_revision(&self, request: &Value) -> String {
        let now = self.clock.now();
        let ecs = &mut self.state().ecs;
        ecs.advance(now);
        ecs.definitions.add(request, now).arn.clone()
    }

    /// A task definition exactly as it was registered, tags included and without the members that
    /// AWS adds when it is read.
    ///
    /// # Errors
    /// When there is none of this ARN, `family:revision` or family.
    pub fn stored(&self, task_definition: &str) -> Result<Value, ApiError> {
        Ok(self.state().ecs.definitions.described(task_definition)?.request.clone())
    }
}

impl Ecs {
    /// The ARN of the revision that `RunTask` starts for this ARN, `family:revision` or family.
    pub(crate) fn active_definition(&self, named: &str) -> Option<String> {
        self.definitions.find_active(named).ok().map(|revision| revision.arn.clone())
    }

    /// Changes what no request can change of a service, if there is one of this name.
    fn change(&mut self, cluster: &str, service: &str, now: Timestamp, change: impl FnOnce(&mut Service)) {
        self.advance(now);
        let key = (cluster.to_owned(), service.to_owned());
        if self.services.change(&key, change).is_ok() {
            self.tell_replica(now);
        }
    }
}
