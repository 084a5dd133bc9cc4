//! A cloud whose texts show no secret value: the one door through which they come in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::arn::TaskDefinitionArn;
use crate::crash_loop::RunningTask;
use crate::failure::Failure;
use crate::log_stream::{LogPage, LogStream};
use crate::one_off::{Launched, OneOffTask, TaskRequest, TaskSettings};
use crate::placement::Departure;
use crate::plan::Plan;
use crate::registry::{EcrImage, ImageLookup};
use crate::request::ClusterName;
use crate::scheduled::{Rule, ScheduledTask};
use crate::secrets::Secrets;
use crate::service::{DeploymentId, Service, ServiceRevision};
use crate::service_deployment::ServiceDeployment;
use crate::stopped_task::StoppedTask;
use crate::task_definition::{Revision, TaskDefinition};

use super::{
    ContainerRegistry, Ecs, EcsEffects, EffectError, ListedServiceDeployment, Listing, Logs, OneOffTasks,
    ScheduledTaskEffects, ScheduledTasks,
};

/// A cloud that hides, in everything that it tells, the secret values of every definition that it was asked
/// for or given.
///
/// Verdicts, reports, records, messages and logs are made of what it tells, so no value can reach them. A text
/// that is read before the first definition is known still shows its values: see [`hide_plan`](Self::hide_plan),
/// [`hide_service`](Self::hide_service) and [`hide_service_deployment`](Self::hide_service_deployment).
#[derive(Debug)]
pub struct Masked<'a, E> {
    cloud: &'a E,
    secrets: Mutex<Secrets>,
}

impl<'a, E> Masked<'a, E> {
    /// Hides what `cloud` tells.
    pub fn new(cloud: &'a E) -> Self {
        Self { cloud, secrets: Mutex::default() }
    }

    /// Hides what was read before the plan's definitions were known.
    pub fn hide_plan(&self, plan: &mut Plan) {
        for revision in &plan.revisions {
            self.secrets().learn(&revision.definition.unpack());
        }
        for planned in &mut plan.services {
            self.hide_service(&mut planned.service);
        }
        for warning in &mut plan.warnings {
            self.hide(warning);
        }
    }

    /// Hides what ECS says of a service.
    pub fn hide_service(&self, service: &mut Service) {
        {
            let mut secrets = self.secrets();
            secrets.learn_public(&service.arn);
            secrets.learn_public(&service.name);
        }
        for deployment in &mut service.deployments {
            deployment.reason.iter_mut().for_each(|reason| self.hide(reason));
        }
        for event in &mut service.events {
            self.hide(&mut event.message);
        }
    }

    /// Hides what ECS says of a service deployment.
    pub fn hide_service_deployment(&self, record: &mut ServiceDeployment) {
        record.reason.iter_mut().chain(&mut record.alarms).for_each(|text| self.hide(text));
    }

    /// Shows a text that outputs show anyway, also where a definition has it as a value.
    pub fn learn_public(&self, text: &str) {
        self.secrets().learn_public(text);
    }

    /// Hides the values of the variables that a one-off task gets. The words of its command stay visible in what it logs:
    /// they say what it does.
    pub fn learn_task(&self, task: &TaskRequest) {
        let mut secrets = self.secrets();
        task.environment.iter().for_each(|(_, value)| secrets.learn_value(value));
    }

    fn hide_task(&self, task: &mut StoppedTask) {
        let reasons = task.containers.iter_mut().filter_map(|container| container.reason.as_mut());
        task.reason.iter_mut().chain(reasons).for_each(|reason| self.hide(reason));
    }

    /// Hides what a failure quotes.
    pub fn hide_failure(&self, failure: Failure) -> Failure {
        self.secrets().hide_failure(failure)
    }

    fn hide(&self, text: &mut String) {
        let hidden = self.secrets().hide(text).into_owned();
        *text = hidden;
    }

    fn told<T>(&self, answer: Result<T, Failure>) -> Hidden<T> {
        answer.map_err(|failure| self.hide_failure(failure))
    }

    fn effected<T>(&self, answer: Result<T, EffectError>) -> Result<T, EffectError> {
        answer.map_err(|error| match error {
            EffectError::Refused(failure) => EffectError::Refused(self.hide_failure(failure)),
            EffectError::Unknown(failure) => EffectError::Unknown(self.hide_failure(failure)),
        })
    }

    /// A panic of another task leaves values that can be hidden as well as before.
    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call comes to, once what is secret in it is hidden.
type Hidden<T> = Result<T, Failure>;

impl<E: Ecs> Ecs for Masked<'_, E> {
    async fn describe_services(&self, cluster: &ClusterName, services: &[&str]) -> Hidden<Vec<Service>> {
        let mut found = self.told(self.cloud.describe_services(cluster, services).await)?;
        found.iter_mut().for_each(|service| self.hide_service(service));
        Ok(found)
    }

    async fn describe_task_definition(&self, name: &str) -> Hidden<Option<Revision>> {
        let found = self.told(self.cloud.describe_task_definition(name).await)?;
        if let Some(revision) = &found {
            let mut secrets = self.secrets();
            secrets.learn(&revision.definition);
            secrets.learn_public(revision.arn.as_str());
        }
        Ok(found)
    }

    async fn list_service_deployments(
        &self,
        service: &Service,
        which: Listing,
    ) -> Hidden<Vec<ListedServiceDeployment>> {
        self.told(self.cloud.list_service_deployments(service, which).await)
    }

    async fn describe_service_deployments(&self, arns: &[String]) -> Hidden<Vec<ServiceDeployment>> {
        let mut found = self.told(self.cloud.describe_service_deployments(arns).await)?;
        found.iter_mut().for_each(|record| self.hide_service_deployment(record));
        Ok(found)
    }

    async fn stopped_tasks(&self, service: &Service, deployment: &DeploymentId) -> Hidden<Vec<StoppedTask>> {
        let mut stopped = self.told(self.cloud.stopped_tasks(service, deployment).await)?;
        stopped.iter_mut().for_each(|task| self.hide_task(task));
        Ok(stopped)
    }

    async fn running_tasks(&self, service: &Service, deployment: &DeploymentId) -> Hidden<Vec<RunningTask>> {
        self.told(self.cloud.running_tasks(service, deployment).await)
    }

    async fn departures(&self, service: &Service, deployment: &DeploymentId) -> Hidden<Vec<Departure>> {
        self.told(self.cloud.departures(service, deployment).await)
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Hidden<Vec<ServiceRevision>> {
        self.told(self.cloud.describe_service_revisions(arns).await)
    }

    fn throttled(&self) -> u64 {
        self.cloud.throttled()
    }
}

impl<E: EcsEffects> EcsEffects for Masked<'_, E> {
    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, EffectError> {
        self.secrets().learn(definition);
        self.effected(self.cloud.register_task_definition(definition).await)
    }

    async fn update_service(
        &self,
        service: &Service,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> Result<Service, EffectError> {
        let mut after = self.effected(self.cloud.update_service(service, revision, force).await)?;
        self.hide_service(&mut after);
        Ok(after)
    }

    async fn roll_back_service_deployment(&self, arn: &str) -> Hidden<()> {
        self.told(self.cloud.roll_back_service_deployment(arn).await)
    }
}

impl<E: OneOffTasks> OneOffTasks for Masked<'_, E> {
    async fn task_settings(&self, service: &Service) -> Hidden<TaskSettings> {
        self.told(self.cloud.task_settings(service).await)
    }

    async fn run_task(
        &self,
        task: &TaskRequest,
        settings: &TaskSettings,
        token: &str,
    ) -> Result<Launched, EffectError> {
        self.learn_task(task);
        let mut launched = self.effected(self.cloud.run_task(task, settings, token).await)?;
        match &mut launched {
            Launched::Started(shown) => self.hide_task(&mut shown.task),
            Launched::NotLaunched(why) => {
                self.hide(&mut why.reason);
                why.detail.iter_mut().for_each(|detail| self.hide(detail));
            }
            Launched::Conflict(_) => {}
        }
        Ok(launched)
    }

    async fn one_off_task(&self, cluster: &str, id: &str) -> Hidden<Option<OneOffTask>> {
        let mut shown = self.told(self.cloud.one_off_task(cluster, id).await)?;
        shown.iter_mut().for_each(|shown| self.hide_task(&mut shown.task));
        Ok(shown)
    }

    async fn one_off_tasks(&self, cluster: &str, started_by: &str) -> Hidden<Vec<OneOffTask>> {
        let mut shown = self.told(self.cloud.one_off_tasks(cluster, started_by).await)?;
        shown.iter_mut().for_each(|shown| self.hide_task(&mut shown.task));
        Ok(shown)
    }

    async fn stop_task(&self, cluster: &str, id: &str, reason: &str) -> Hidden<()> {
        self.told(self.cloud.stop_task(cluster, id, reason).await)
    }
}

impl<E: ScheduledTasks> ScheduledTasks for Masked<'_, E> {
    async fn rule(&self, bus: &str, name: &str) -> Hidden<Option<Rule>> {
        self.told(self.cloud.rule(bus, name).await)
    }

    async fn rules_on(&self, target: &str) -> Hidden<Vec<(String, String)>> {
        self.told(self.cloud.rules_on(target).await)
    }

    async fn schedule(&self, group: &str, name: &str) -> Hidden<Option<ScheduledTask>> {
        self.told(self.cloud.schedule(group, name).await)
    }

    async fn schedules_on(&self, target: &str) -> Hidden<Vec<(String, String)>> {
        self.told(self.cloud.schedules_on(target).await)
    }
}

impl<E: ScheduledTaskEffects> ScheduledTaskEffects for Masked<'_, E> {
    async fn replace(&self, task: &ScheduledTask) -> Hidden<()> {
        self.told(self.cloud.replace(task).await)
    }
}

impl<E: Logs> Logs for Masked<'_, E> {
    async fn log_page(&self, stream: &LogStream, from: Option<&str>) -> Hidden<Option<LogPage>> {
        let mut page = self.told(self.cloud.log_page(stream, from).await)?;
        page.iter_mut().flat_map(|page| &mut page.lines).for_each(|line| self.hide(line));
        Ok(page)
    }

    async fn log_tail(&self, stream: &LogStream, lines: u16) -> Hidden<Vec<String>> {
        let mut tail = self.told(self.cloud.log_tail(stream, lines).await)?;
        tail.iter_mut().for_each(|line| self.hide(line));
        Ok(tail)
    }
}

impl<E: ContainerRegistry> ContainerRegistry for Masked<'_, E> {
    async fn find_image(&self, image: &EcrImage) -> Hidden<ImageLookup> {
        let mut found = self.told(self.cloud.find_image(image).await)?;
        match &mut found {
            ImageLookup::Refused(words) | ImageLookup::Unknown(words) => self.hide(words),
            ImageLookup::Found(_) | ImageLookup::Missing => {}
        }
        Ok(found)
    }
}
