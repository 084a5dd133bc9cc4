//! Amazon ECS through its SDK.

use std::cmp::Reverse;
use std::error::Error as StdError;

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionError;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionError;
use aws_sdk_ecs::operation::update_service::UpdateServiceError;
use aws_sdk_ecs::types::{
    CreatedAt, DesiredStatus, ServiceDeploymentStatus, StopServiceDeploymentStopType, Task,
    TaskDefinitionField,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::crash_loop::{MOST_READ, RunningTask};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::placement::Departure;
use evenkeel_core::ports::{Ecs, EcsEffects, EffectError, ListedServiceDeployment, Listing};
use evenkeel_core::request::ClusterName;
use evenkeel_core::service::{DeploymentId, Service, ServiceRevision};
use evenkeel_core::service_deployment::ServiceDeployment;
use evenkeel_core::stopped_task::StoppedTask;
use evenkeel_core::task_definition::{Revision, TaskDefinition};
use serde_json::Value;

use super::cloud::AwsCloud;
use super::error::{certainly_did_nothing, failure_as, lacking};
use super::lost::LostResponse;
use super::raw_json::{CaptureAnswer, ReplaceBody};
use super::retry::OnlyIfNotDone;
use super::shapes;

/// `DescribeServices` takes ten services.
const SERVICES: usize = 10;
/// `DescribeServiceDeployments` and `DescribeServiceRevisions` take twenty ARNs.
const ARNS: usize = 20;

/// A service's deployments of 90 days, as long as ECS keeps them, at a hundred a page.
const LIST_PAGES: usize = 50;

/// `ListTasks` and `DescribeTasks` deal with a hundred tasks at a time. A service's stopped tasks are
/// those of its former deployments, too, so some pages are read for ours.
const TASK_PAGES: usize = 5;

impl Ecs for AwsCloud {
    fn throttled(&self) -> u64 {
        self.throttled.count()
    }

    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[&str],
    ) -> Result<Vec<Service>, Failure> {
        let mut found = Vec::new();
        for batch in services.chunks(SERVICES) {
            let names = batch.iter().map(|name| (*name).to_owned()).collect();
            let call = self.ecs.describe_services().cluster(cluster.as_str()).set_services(Some(names));
            let answer = Box::pin(call.send()).await.map_err(|error| {
                let services = batch.join(", ");
                self.failure("DescribeServices", &format!("{services} in cluster {cluster}"), &error)
            })?;
            for service in answer.services() {
                found.push(shapes::service(service)?);
            }
        }
        Ok(found)
    }

    async fn describe_task_definition(&self, name: &str) -> Result<Option<Revision>, Failure> {
        let answer = CaptureAnswer::default();
        let call = self.ecs.describe_task_definition().task_definition(name);
        let sent =
            Box::pin(call.include(TaskDefinitionField::Tags).customize().interceptor(answer.clone()).send())
                .await;
        // The body counts, also where the SDK's own reading of it stumbles.
        let is_json = |body: &Vec<u8>| {
            serde_json::from_slice::<serde_json::Map<String, Value>>(body).is_ok_and(|body| !body.is_empty())
        };
        if let Some(body) = answer.take().filter(is_json) {
            return Revision::from_describe(&body).map(Some);
        }
        match sent {
            Ok(_) => Err(lacking("DescribeTaskDefinition", name, "task definition")),
            Err(error) if is_missing_definition(&error) => Ok(None),
            Err(error) => Err(self.failure("DescribeTaskDefinition", name, &error)),
        }
    }

    async fn list_service_deployments(
        &self,
        service: &Service,
        which: Listing,
    ) -> Result<Vec<ListedServiceDeployment>, Failure> {
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..LIST_PAGES {
            let call = self.ecs.list_service_deployments().cluster(&service.cluster).service(&service.arn);
            let call = match which {
                Listing::Since(time) => {
                    call.created_at(CreatedAt::builder().after(shapes::date_time(time)).build())
                }
                Listing::Successful => call.status(ServiceDeploymentStatus::Successful),
            };
            let answer = Box::pin(call.set_next_token(next).send())
                .await
                .map_err(|error| self.failure("ListServiceDeployments", &service.arn, &error))?;
            found.extend(answer.service_deployments().iter().filter_map(|listed| {
                Some(ListedServiceDeployment {
                    arn: listed.service_deployment_arn()?.to_owned(),
                    target: listed.target_service_revision_arn()?.to_owned(),
                    status: shapes::status_of(listed.status()),
                    created: shapes::timestamp(listed.created_at()),
                })
            }));
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
        found.sort_by_key(|listed| Reverse(listed.created));
        Ok(found)
    }

    async fn describe_service_deployments(&self, arns: &[String]) -> Result<Vec<ServiceDeployment>, Failure> {
        let mut found = Vec::new();
        for batch in arns.chunks(ARNS) {
            let call = self.ecs.describe_service_deployments();
            let sent = Box::pin(call.set_service_deployment_arns(Some(batch.to_vec())).send()).await;
            let answer =
                sent.map_err(|error| self.failure("DescribeServiceDeployments", &batch.join(", "), &error))?;
            found.extend(answer.service_deployments().iter().map(shapes::service_deployment));
        }
        Ok(found)
    }

    async fn stopped_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Failure> {
        let tasks = self.tasks(service, DesiredStatus::Stopped, |by| by == deployment.as_str()).await?;
        Ok(tasks.iter().map(shapes::stopped_task).collect())
    }

    async fn running_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<RunningTask>, Failure> {
        let tasks = self.tasks(service, DesiredStatus::Running, |by| by == deployment.as_str()).await?;
        let running = tasks.iter().filter(|task| task.last_status() == Some("RUNNING"));
        Ok(running.map(shapes::running_task).collect())
    }

    async fn departures(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<Departure>, Failure> {
        let tasks = self.tasks(service, DesiredStatus::Stopped, |by| by != deployment.as_str()).await?;
        Ok(tasks.iter().map(shapes::departure).collect())
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, Failure> {
        let mut found = Vec::new();
        for batch in arns.chunks(ARNS) {
            let call = self.ecs.describe_service_revisions();
            let sent = Box::pin(call.set_service_revision_arns(Some(batch.to_vec())).send()).await;
            let answer =
                sent.map_err(|error| self.failure("DescribeServiceRevisions", &batch.join(", "), &error))?;
            for revision in answer.service_revisions() {
                found.push(shapes::service_revision(revision)?);
            }
        }
        Ok(found)
    }
}

impl EcsEffects for AwsCloud {
    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, EffectError> {
        let once = self.effects().retry_classifier(OnlyIfNotDone::<RegisterTaskDefinitionError>::new());
        let call = self.ecs.register_task_definition().customize();
        let sent =
            Box::pin(call.config_override(once).interceptor(ReplaceBody(definition.to_json())).send()).await;
        let answer = sent.map_err(|error| {
            self.effect_error("RegisterTaskDefinition", &format!("family {}", definition.family()), &error)
        })?;
        let arn = answer.task_definition().and_then(|definition| definition.task_definition_arn());
        let Some(arn) = arn else {
            let family = format!("family {}", definition.family());
            return Err(EffectError::Unknown(lacking("RegisterTaskDefinition", &family, "task definition")));
        };
        TaskDefinitionArn::parse(arn).map_err(EffectError::Unknown)
    }

    async fn update_service(
        &self,
        service: &Service,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> Result<Service, EffectError> {
        let once = self.effects().retry_classifier(OnlyIfNotDone::<UpdateServiceError>::new());
        let call = self.ecs.update_service().cluster(&service.cluster).service(&service.arn);
        let call = call.task_definition(revision.as_str()).set_force_new_deployment(force.then_some(true));
        let sent = Box::pin(call.customize().config_override(once).send()).await;
        let answer = sent.map_err(|error| self.effect_error("UpdateService", &service.arn, &error))?;
        let updated = answer.service().map(shapes::service).transpose().map_err(EffectError::Unknown)?;
        updated.ok_or_else(|| EffectError::Unknown(lacking("UpdateService", &service.arn, "service")))
    }

    async fn roll_back_service_deployment(&self, arn: &str) -> Result<(), Failure> {
        let call = self.ecs.stop_service_deployment().service_deployment_arn(arn);
        let call = call.stop_type(StopServiceDeploymentStopType::Rollback);
        let lost = LostResponse::default();
        let sent = Box::pin(call.customize().interceptor(lost.clone()).send()).await;
        match sent.map_err(|error| self.failure("StopServiceDeployment", arn, &error)) {
            // ECS refuses to stop what is over: the attempt whose response was lost has done that.
            Err(failure) if lost.happened() && failure.kind() == FailureKind::InvalidInput => Ok(()),
            sent => sent.map(drop),
        }
    }
}

impl AwsCloud {
    pub(super) fn failure<E>(
        &self,
        operation: &str,
        resource: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Failure
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        failure_as(&self.who, "ecs", operation, resource, error)
    }

    pub(super) fn effect_error<E>(
        &self,
        operation: &str,
        resource: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> EffectError
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let failure = self.failure(operation, resource, error);
        if certainly_did_nothing(error) {
            EffectError::Refused(failure)
        } else {
            // Whatever came back, it is for the next look to tell what there is.
            EffectError::Unknown(failure.of_kind(FailureKind::Unavailable))
        }
    }

    /// The tasks that are wanted to run, or to have stopped, of the deployments that `is_wanted` picks by
    /// their ids.
    async fn tasks(
        &self,
        service: &Service,
        wanted: DesiredStatus,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<Task>, Failure> {
        let (mut ours, mut next) = (Vec::new(), None);
        for _ in 0..TASK_PAGES {
            let call = self.ecs.list_tasks().cluster(&service.cluster).service_name(&service.name);
            let sent = Box::pin(call.desired_status(wanted.clone()).set_next_token(next).send()).await;
            let listed = sent.map_err(|error| self.failure("ListTasks", &service.arn, &error))?;
            if !listed.task_arns().is_empty() {
                let call = self.ecs.describe_tasks().cluster(&service.cluster);
                let sent = Box::pin(call.set_tasks(Some(listed.task_arns().to_vec())).send()).await;
                let answer = sent.map_err(|error| self.failure("DescribeTasks", &service.arn, &error))?;
                // A service's task is started by the deployment that it belongs to.
                let tasks = answer.tasks.unwrap_or_default().into_iter();
                ours.extend(tasks.filter(|task| task.started_by().is_some_and(&is_wanted)));
            }
            next = listed.next_token;
            if next.is_none() || ours.len() >= MOST_READ {
                break;
            }
        }
        Ok(ours)
    }
}

/// ECS has no error of its own for a family or revision that does not exist.
fn is_missing_definition(error: &SdkError<DescribeTaskDefinitionError, HttpResponse>) -> bool {
    error.as_service_error().is_some_and(|error| {
        error.is_client_exception()
            && error.message().is_some_and(|message| message.contains("Unable to describe task definition"))
    })
}
