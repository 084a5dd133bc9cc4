//! What every step of a deployment works with, whichever service it is of.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::{ExecutionId, StepsProgress};
use evenkeel_core::plan::PlannedRevision;
use evenkeel_core::ports::Ecs;
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::DeployRequest;
use evenkeel_core::scheduled::PlannedMove;
use evenkeel_core::service::{DeploymentId, Service};
use evenkeel_core::timestamp::Timestamp;

use crate::clock::Clock;

use super::polling::Schedule;
use super::run::Run;
use super::slice::Slice;
use super::{Interrupt, Listener, Progress, World};

/// What all services of a deployment share.
pub(super) struct Context<'a, E> {
    pub(super) ecs: &'a E,
    pub(super) clock: Clock,
    /// When to poll next.
    pub(super) schedule: Schedule,
    pub(super) interrupt: Interrupt,
    pub(super) source: &'a DeployedBy,
    pub(super) execution: ExecutionId,
    /// How far the one-off tasks of each revision are.
    pub(super) steps: BTreeMap<TaskDefinitionArn, StepsProgress>,
    pub(super) request: &'a DeployRequest,
    pub(super) listen: &'a mut Listener<'a>,
    /// When to hand on; a command's deployment never does.
    pub(super) slice: Option<&'a Slice<'a>>,
    /// When the deployment began, in an earlier slice if there was one.
    pub(super) began: Timestamp,
    /// Services with one base have one revision.
    pub(super) revisions: Vec<Chosen>,
    pub(super) warnings: Vec<String>,
    /// The scheduled tasks that follow, as they were when the deployment was planned; none after the first slice.
    pub(super) scheduled: Vec<PlannedMove>,
    /// A rollout has begun in this slice.
    pub(super) has_started: bool,
}

/// A planned revision, and what it is called once it exists.
pub(super) struct Chosen {
    pub(super) planned: PlannedRevision,
    pub(super) arn: Option<TaskDefinitionArn>,
}

impl<'a, E> Context<'a, E> {
    pub(super) fn new<R>(
        world: &World<'a, E, R>,
        request: &'a DeployRequest,
        listen: &'a mut Listener<'a>,
        began: Timestamp,
    ) -> Self {
        Self {
            ecs: world.ecs,
            clock: world.clock,
            schedule: Schedule::new(world.polling),
            interrupt: world.interrupt.clone(),
            source: world.source,
            execution: world.execution.clone(),
            steps: BTreeMap::new(),
            request,
            listen,
            slice: None,
            began,
            revisions: Vec::new(),
            warnings: Vec::new(),
            scheduled: Vec::new(),
            has_started: false,
        }
    }

    /// What the run's service is put on.
    pub(super) fn planned(&self, run: &Run) -> &PlannedRevision {
        &self.revisions[run.revision].planned
    }

    pub(super) fn warn(&mut self, warning: String) {
        (self.listen)(Progress::Warning(&warning));
        self.warnings.push(warning);
    }

    /// A rollout begins now: it is polled soon, and a slice may end.
    pub(super) fn watch_from_now(&mut self) {
        self.has_started = true;
        self.schedule.begin();
    }

    /// Whether the next slice is to try again what failed.
    pub(super) fn outlasts(&self, failure: &Failure) -> bool {
        self.slice.is_some_and(|slice| slice.outlasts(failure, self.request, self.clock.now()))
    }

    /// How long the run's rollout has gone on; the deployment, where it has none.
    pub(super) fn elapsed(&self, run: &Run) -> Duration {
        let since = run.phase.rollout().map_or(self.began, |rollout| rollout.since);
        self.clock.now().since(since)
    }

    /// When the time-out of a rollout begins: when ECS made the deployment, as far as `service` shows that. One that is
    /// older than our own deployment is somebody else's, or of a former run, whose time-out was another.
    pub(super) fn since(&self, service: &Service, deployment: Option<&DeploymentId>) -> Timestamp {
        let shown = deployment.and_then(|id| service.deployment(id));
        shown.map_or_else(|| self.clock.now(), |shown| shown.created.max(self.began))
    }
}

impl<E: Ecs> Context<'_, E> {
    /// Whether an effect that failed was refused for its rate, when `throttled` attempts had been before, and a command
    /// has the time to try again. Of all who deploy at once, some wait for minutes until ECS lets them register.
    pub(super) fn waits_for_its_turn(&mut self, failure: &Failure, throttled: u64) -> bool {
        let is_throttled = failure.kind() == FailureKind::Unavailable && self.ecs.throttled() > throttled;
        let has_time = self.clock.now().since(self.began) < self.request.longest_beginning();
        let waits = is_throttled && has_time && self.slice.is_none();
        if waits {
            let what = failure.without_advice();
            (self.listen)(Progress::Warning(&format!("{what}; waiting, since others deploy as well")));
        }
        waits
    }

    /// The run's service as it is now.
    ///
    /// # Errors
    /// Those of `DescribeServices`, and a service that is gone.
    pub(super) async fn describe_again(&mut self, run: &Run) -> Result<Service, Failure> {
        self.schedule.count_second_call();
        let found = self.ecs.describe_services(&self.request.cluster, &[&run.seen.service.arn]).await?;
        found.into_iter().next().ok_or_else(|| gone(&run.named))
    }
}

/// The failure of a service that was there a moment ago.
pub(super) fn gone(service: &str) -> Failure {
    Failure::invalid_input(format!("service {service} is gone"))
        .because("it was deleted during its deployment")
}
