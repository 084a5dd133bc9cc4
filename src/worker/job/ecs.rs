//! Amazon ECS for one job: it reads together with all the others, and writes in its own name.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::crash_loop::RunningTask;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::Secret;
use evenkeel_core::log_stream::{LogPage, LogStream};
use evenkeel_core::one_off::{Launched, OneOffTask, TaskRequest, TaskSettings};
use evenkeel_core::placement::Departure;
use evenkeel_core::poll_target::PollTarget;
use evenkeel_core::ports::{
    Access, Cloud, ContainerRegistry, Ecs, EcsEffects, EffectError, Identity, ListedServiceDeployment,
    Listing, Logs, OneOffTasks, ScheduledTaskEffects, ScheduledTasks,
};
use evenkeel_core::registry::{EcrImage, ImageLookup};
use evenkeel_core::request::ClusterName;
use evenkeel_core::scheduled::{Rule, ScheduledTask};
use evenkeel_core::service::{DeploymentId, Service, ServiceRevision};
use evenkeel_core::service_deployment::ServiceDeployment;
use evenkeel_core::stopped_task::StoppedTask;
use evenkeel_core::task_definition::{Revision, TaskDefinition};

use crate::clock::{Clock, Moment};

use super::super::shared::{Purpose, SharedEcs, Sharing};

/// Whose calls can be made together: Region, role and external id.
pub(in crate::worker) type CallerKey = (Option<String>, Option<String>, Option<Secret>);

/// A job that reads one view of a rollout within this time after the other one confirms what that has shown: the next poll
/// comes later.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Amazon ECS for one job.
///
/// A call that is denied is made once more: what expired at that moment is renewed by then, and a
/// permission that was just given may take a moment to be known everywhere.
pub(super) struct JobEcs<E: Ecs + Send + Sync + 'static> {
    shared: Arc<SharedEcs<E>>,
    /// The session that writes; none where there is no role to assume.
    own: Option<E>,
    /// The view of a rollout that was read last, and when it was.
    last: Mutex<Option<(PollTarget, Moment)>>,
    clock: Clock,
    /// When the job is handed on, if it is.
    until: Option<Moment>,
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> JobEcs<E> {
    /// Opens ECS for a job that acts as `identity` and is handed on at `until`.
    pub(super) async fn open<A: Access<Ecs = E>>(
        access: &A,
        sharing: &Sharing<CallerKey, E>,
        identity: Identity,
        clock: Clock,
        until: Option<Moment>,
    ) -> Result<Self, Failure> {
        let Identity { region, role_arn, external_id, .. } = identity.clone();
        let who = (region, role_arn, external_id);
        let own = match &identity.role_arn {
            Some(_) => Some(Box::pin(access.ecs(&identity)).await?),
            None => None,
        };
        let shared = match sharing.get(&who) {
            Some(shared) => shared,
            None => {
                let all = Identity { session: "evenkeel-worker".to_owned(), ..identity };
                sharing.insert(who, Box::pin(access.ecs(&all)).await?)
            }
        };
        Ok(Self { shared, own, last: Mutex::default(), clock, until })
    }

    /// The session that writes.
    fn own(&self) -> &E {
        self.own.as_ref().unwrap_or(self.shared.ecs())
    }

    /// Reads one of the two views of a rollout by `read`, which gets the purpose of the call.
    async fn view<T>(
        &self,
        view: PollTarget,
        read: impl AsyncFnOnce(Purpose) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let purpose = match *self.last() {
            None => Purpose::Beginning,
            Some((other, at)) if other != view && Moment::now().since(at) < AT_ONCE => Purpose::Confirmation,
            Some(_) => Purpose::Poll,
        };
        let found = read(purpose).await;
        *self.last() = Some((view, Moment::now()));
        found
    }

    /// A panic leaves a view that was read as well as before.
    fn last(&self) -> MutexGuard<'_, Option<(PollTarget, Moment)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a call that changes something. The wait ends when the job is to be handed on; the worker
    /// that takes the job next waits again.
    ///
    /// # Errors
    /// [`FailureKind::Unavailable`] if the turn did not come in time. The call was not made.
    async fn turn(&self, operation: &str, turn: impl Future<Output = ()>) -> Result<&E, Failure> {
        let longest = self.until.map_or(Duration::MAX, |until| until.since(Moment::now()));
        match self.clock.within(longest, turn).await {
            Some(()) => Ok(self.own()),
            None => Err(Failure::new(FailureKind::Unavailable, format!("{operation} was not called"))
                .because("this worker's share of the calls that ECS allows was used up for now")),
        }
    }
}

/// Awaits the call, and if it was denied, the call again.
macro_rules! once_more {
    ($call:expr) => {
        match $call.await {
            Err(failure) if failure.kind() == FailureKind::Denied => $call.await,
            answer => answer,
        }
    };
}

/// The same for an effect that certainly did not happen.
macro_rules! effect_once_more {
    ($call:expr) => {
        match $call.await {
            Err(EffectError::Refused(failure)) if failure.kind() == FailureKind::Denied => $call.await,
            answer => answer,
        }
    };
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> Ecs for JobEcs<E> {
    fn throttled(&self) -> u64 {
        self.shared.ecs().throttled()
    }

    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[&str],
    ) -> Result<Vec<Service>, Failure> {
        self.view(PollTarget::Service, async |purpose| {
            once_more!(self.shared.describe_services(cluster, services, purpose))
        })
        .await
    }

    async fn describe_task_definition(&self, name: &str) -> Result<Option<Revision>, Failure> {
        once_more!(self.shared.describe_task_definition(name))
    }

    async fn list_service_deployments(
        &self,
        service: &Service,
        which: Listing,
    ) -> Result<Vec<ListedServiceDeployment>, Failure> {
        once_more!(self.shared.list_service_deployments(service, which))
    }

    async fn describe_service_deployments(&self, arns: &[String]) -> Result<Vec<ServiceDeployment>, Failure> {
        self.view(PollTarget::ServiceDeployment, async |purpose| {
            once_more!(self.shared.describe_service_deployments(arns, purpose))
        })
        .await
    }

    async fn stopped_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Failure> {
        once_more!(self.shared.stopped_tasks(service, deployment))
    }

    async fn running_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<RunningTask>, Failure> {
        once_more!(self.shared.running_tasks(service, deployment))
    }

    async fn departures(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<Departure>, Failure> {
        once_more!(self.shared.departures(service, deployment))
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, Failure> {
        once_more!(self.shared.describe_service_revisions(arns))
    }
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> EcsEffects for JobEcs<E> {
    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, EffectError> {
        let turn = self.turn("RegisterTaskDefinition", self.shared.limits().register_task_definition());
        let ecs = turn.await.map_err(EffectError::Refused)?;
        effect_once_more!(ecs.register_task_definition(definition))
    }

    async fn update_service(
        &self,
        service: &Service,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> Result<Service, EffectError> {
        let turn = self.turn("UpdateService", self.shared.limits().update_service());
        let ecs = turn.await.map_err(EffectError::Refused)?;
        effect_once_more!(ecs.update_service(service, revision, force))
    }

    async fn roll_back_service_deployment(&self, arn: &str) -> Result<(), Failure> {
        let ecs = self.turn("StopServiceDeployment", self.shared.limits().update_service()).await?;
        once_more!(ecs.roll_back_service_deployment(arn))
    }
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> OneOffTasks for JobEcs<E> {
    async fn task_settings(&self, service: &Service) -> Result<TaskSettings, Failure> {
        self.shared.limits().describe_services().await;
        once_more!(self.shared.ecs().task_settings(service))
    }

    async fn run_task(
        &self,
        task: &TaskRequest,
        settings: &TaskSettings,
        token: &str,
    ) -> Result<Launched, EffectError> {
        let turn = self.turn("RunTask", self.shared.limits().run_task());
        let ecs = turn.await.map_err(EffectError::Refused)?;
        effect_once_more!(ecs.run_task(task, settings, token))
    }

    async fn one_off_task(&self, cluster: &str, id: &str) -> Result<Option<OneOffTask>, Failure> {
        self.shared.limits().tasks().await;
        once_more!(self.shared.ecs().one_off_task(cluster, id))
    }

    async fn one_off_tasks(&self, cluster: &str, started_by: &str) -> Result<Vec<OneOffTask>, Failure> {
        self.shared.limits().tasks().await;
        once_more!(self.shared.ecs().one_off_tasks(cluster, started_by))
    }

    async fn stop_task(&self, cluster: &str, id: &str, reason: &str) -> Result<(), Failure> {
        let ecs = self.turn("StopTask", self.shared.limits().run_task()).await?;
        once_more!(ecs.stop_task(cluster, id, reason))
    }
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> ScheduledTasks for JobEcs<E> {
    async fn rule(&self, bus: &str, name: &str) -> Result<Option<Rule>, Failure> {
        once_more!(self.shared.ecs().rule(bus, name))
    }

    async fn rules_on(&self, target: &str) -> Result<Vec<(String, String)>, Failure> {
        once_more!(self.shared.ecs().rules_on(target))
    }

    async fn schedule(&self, group: &str, name: &str) -> Result<Option<ScheduledTask>, Failure> {
        once_more!(self.shared.ecs().schedule(group, name))
    }

    async fn schedules_on(&self, target: &str) -> Result<Vec<(String, String)>, Failure> {
        once_more!(self.shared.ecs().schedules_on(target))
    }
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> ScheduledTaskEffects for JobEcs<E> {
    async fn replace(&self, task: &ScheduledTask) -> Result<(), Failure> {
        once_more!(self.own().replace(task))
    }
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> Logs for JobEcs<E> {
    async fn log_page(&self, stream: &LogStream, from: Option<&str>) -> Result<Option<LogPage>, Failure> {
        once_more!(self.shared.ecs().log_page(stream, from))
    }

    async fn log_tail(&self, stream: &LogStream, lines: u16) -> Result<Vec<String>, Failure> {
        once_more!(self.shared.log_tail(stream, lines))
    }
}

impl<E: Cloud + EcsEffects + Send + Sync + 'static> ContainerRegistry for JobEcs<E> {
    async fn find_image(&self, image: &EcrImage) -> Result<ImageLookup, Failure> {
        once_more!(self.shared.find_image(image))
    }
}
