//! Service deployments and service revisions.
//!
//! One service deployment covers an update and its rollback, whereas `deployments[]` of a service
//! shows the rollback as an entry of its own.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::ids::{arn, name_of};
use super::lifecycle::{Decision, HookRun};
use super::service::Service;
use super::service_deployment::{Cause, Rollback, ServiceDeployment, ServiceRevision};
use super::services::Services;
use super::task_definitions::{Revision, TaskDefinitions};
use crate::request::{described, merged, page, seconds, text, texts, without_nulls};
use crate::wire::{ApiError, ApiResult, refuse_if};

/// `DescribeServiceDeployments` and `DescribeServiceRevisions` take so many ARNs.
const MOST_ARNS: usize = 20;

impl Services {
    pub(super) fn list_deployments(&self, request: &Value, cluster: &str, now: Timestamp) -> ApiResult {
        let service = self.asked(cluster, request)?;
        let statuses = texts(request, "status");
        let bound = |member: &str| request.get("createdAt")?.get(member)?.as_f64();
        let (after, before) = (bound("after"), bound("before"));
        // AWS promises no order, and gives twenty at a time unless it is asked for more.
        let mut all: Vec<_> = service.service_deployments.iter().collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        let briefs = all
            .into_iter()
            .filter(|it| statuses.is_empty() || statuses.contains(&it.status(now).0))
            .filter(|it| after.is_none_or(|after| it.created.since_epoch().as_secs_f64() >= after))
            .filter(|it| before.is_none_or(|before| it.created.since_epoch().as_secs_f64() <= before))
            .map(|it| service.service_deployment_brief(it, now))
            .collect();
        page(request, "serviceDeployments", briefs, 20)
    }

    pub(super) fn describe_deployments(&self, request: &Value, now: Timestamp) -> ApiResult {
        describe_each(request, "serviceDeploymentArns", "serviceDeployments", |arn| {
            let (service, found) = self.service_deployment(arn)?;
            Some(service.service_deployment_view(found, now))
        })
    }

    pub(super) fn describe_revisions(&self, request: &Value, definitions: &TaskDefinitions) -> ApiResult {
        describe_each(request, "serviceRevisionArns", "serviceRevisions", |arn| {
            let (service, number) = self.owner("service-revision", arn)?;
            let found = service.revisions.iter().find(|it| it.number.to_string() == number)?;
            Some(service.revision_view(found, definitions))
        })
    }

    /// Rolls a running service deployment back, whether or not a circuit breaker would.
    pub(super) fn stop_deployment(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        // The model's enum has ABORT too, but its text says that only ROLLBACK is valid.
        refuse_if(text(request, "stopType").is_some_and(|kind| kind != "ROLLBACK"), || {
            ApiError::invalid_parameter("The stop type is not supported.")
        })?;
        let arn = text(request, "serviceDeploymentArn").unwrap_or_default();
        let (service, found) = self.service_deployment(arn).ok_or_else(deployment_not_found)?;
        // A deployment that is in progress is the newest one, and so the one that goes back below.
        refuse_if(!found.is_in_progress(), || {
            ApiError::new("ConflictException", "The service deployment is not in progress.")
        })?;
        let key = service.key();
        self.change(&key, |service| service.roll_back(Cause::Caller, now))?;
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    /// Answers the hook that a service deployment waits at.
    pub(super) fn continue_deployment(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let decision = match text(request, "action") {
            Some("ROLLBACK") => Decision::Rollback,
            Some("CONTINUE") | None => Decision::Continue,
            Some(_) => return Err(ApiError::invalid_parameter("The action is not supported.")),
        };
        let arn = text(request, "serviceDeploymentArn").unwrap_or_default();
        let (service, found) = self.service_deployment(arn).ok_or_else(deployment_not_found)?;
        let is_newest = service.service_deployments.first().is_some_and(|newest| newest.id == found.id);
        let key = service.key();
        let id = text(request, "hookId");
        let answered = self.change(&key, |service| {
            let waits = is_newest && service.waiting_hook(id).is_some();
            if waits {
                service.answer_hook(decision, now);
            }
            waits
        })?;
        refuse_if(!answered, || {
            ApiError::invalid_parameter("The service deployment is not paused at this hook.")
        })?;
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    fn service_deployment(&self, arn: &str) -> Option<(&Service, &ServiceDeployment)> {
        let (service, id) = self.owner("service-deployment", arn)?;
        Some((service, service.service_deployments.iter().find(|it| it.id == id)?))
    }

    /// The service that an ARN `…:kind/cluster/service/id` is about, and the id.
    fn owner<'a>(&self, kind: &str, arn: &'a str) -> Option<(&Service, &'a str)> {
        let mut parts = name_of(kind, arn).splitn(3, '/');
        let (cluster, name, id) = (parts.next()?, parts.next()?, parts.next()?);
        let service = self.all().find(|service| service.cluster == cluster && service.name == name)?;
        Some((service, id))
    }
}

impl Service {
    pub(super) fn service_deployment_arn(&self, deployment: &ServiceDeployment) -> String {
        arn("service-deployment", &format!("{}/{}/{}", self.cluster, self.name, deployment.id))
    }

    pub(super) fn revision_arn(&self, number: u64) -> String {
        arn("service-revision", &format!("{}/{}/{number}", self.cluster, self.name))
    }

    fn service_deployment_brief(&self, deployment: &ServiceDeployment, now: Timestamp) -> Value {
        let (status, reason) = deployment.status(now);
        let is_finished = !deployment.is_running() && status != "STOP_REQUESTED";
        without_nulls(json!({
            "serviceDeploymentArn": self.service_deployment_arn(deployment),
            "serviceArn": self.arn(),
            "clusterArn": arn("cluster", &self.cluster),
            "createdAt": seconds(deployment.created),
            "startedAt": seconds(deployment.created),
            "targetServiceRevisionArn": self.revision_arn(deployment.target),
            "status": status,
            "statusReason": reason,
            "finishedAt": is_finished.then(|| seconds(deployment.finished())),
        }))
    }

    fn service_deployment_view(&self, deployment: &ServiceDeployment, now: Timestamp) -> Value {
        let (test, production) = deployment.traffic;
        let (status, _) = deployment.status(now);
        let weighted = |revision: u64, test: f64, production: f64| {
            let mut summary = self.revision_summary(revision);
            if deployment.stage.is_some() {
                summary["requestedTestTrafficWeight"] = test.into();
                summary["requestedProductionTrafficWeight"] = production.into();
            }
            summary
        };
        let source = |source: &u64| weighted(*source, 0.0, 100.0 - production);
        let has_breaker = self.has_monitor("deploymentCircuitBreaker");
        let breaker = if has_breaker { deployment.monitor_status(Cause::CircuitBreaker) } else { "DISABLED" };
        let rollback = deployment.rollback.zip(deployment.cause).map(|(Rollback { to, at }, cause)| {
            json!({
                "reason": cause.rollback_reason() + &deployment.failed_hook(),
                "startedAt": seconds(at),
                "serviceRevisionArn": self.revision_arn(to),
            })
        });
        let hooks: Vec<Value> = deployment.hooks.iter().map(HookRun::view).collect();
        let whole = json!({
            // The brief names the target's ARN; the whole view has the target itself.
            "targetServiceRevisionArn": null,
            "targetServiceRevision": weighted(deployment.target, test, production),
            "sourceServiceRevisions": deployment.sources.iter().map(source).collect::<Vec<_>>(),
            "updatedAt": seconds(deployment.since),
            "deploymentConfiguration": self.deployment_configuration(),
            "deploymentCircuitBreaker": {
                "status": breaker,
                "failureCount": deployment.failures,
                "threshold": self.failure_threshold(),
            },
            "alarms": self.alarms_view(deployment),
            "lifecycleStage": deployment.stage.filter(|_| status != "PENDING"),
            "lifecycleHookDetails": (!hooks.is_empty()).then_some(hooks),
            "rollback": rollback,
            "stoppedAt": (status == "STOPPED").then(|| seconds(deployment.since)),
        });
        without_nulls(merged(self.service_deployment_brief(deployment, now), &whole))
    }

    fn alarms_view(&self, deployment: &ServiceDeployment) -> Value {
        if !self.has_monitor("alarms") {
            return json!({ "status": "DISABLED" });
        }
        let names = texts(self.monitor("alarms"), "alarmNames");
        let triggered = names.iter().take(usize::from(deployment.cause == Some(Cause::Alarm)));
        json!({
            "status": deployment.monitor_status(Cause::Alarm),
            "alarmNames": names,
            "triggeredAlarmNames": triggered.collect::<Vec<_>>(),
        })
    }

    fn revision_view(&self, revision: &ServiceRevision, definitions: &TaskDefinitions) -> Value {
        let definition = definitions.find(&revision.task_definition);
        let image = |(name, image): (&str, &str)| {
            let digest = revision.resolved.map(|time| definitions.digests.at(image, time));
            without_nulls(json!({ "containerName": name, "image": image, "imageDigest": digest }))
        };
        json!({
            "serviceRevisionArn": self.revision_arn(revision.number),
            "serviceArn": self.arn(),
            "clusterArn": arn("cluster", &self.cluster),
            "taskDefinition": revision.task_definition,
            "launchType": self.launch_type(),
            "containerImages": definition.into_iter().flat_map(Revision::images).map(image).collect::<Vec<_>>(),
            "createdAt": seconds(revision.created),
        })
    }
}

/// Describes what a request names in the member `arns`, each by `view`, under `member`.
fn describe_each(
    request: &Value,
    arns: &str,
    member: &str,
    view: impl Fn(&str) -> Option<Value>,
) -> ApiResult {
    let arns = texts(request, arns);
    refuse_if(arns.is_empty() || arns.len() > MOST_ARNS, || {
        ApiError::invalid_parameter(format!("The number of ARNs must be between 1 and {MOST_ARNS}."))
    })?;
    described(member, arns.into_iter().map(|arn| view(arn).ok_or_else(|| arn.to_owned())))
}

fn deployment_not_found() -> ApiError {
    ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found.")
}
