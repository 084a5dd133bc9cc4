//! Service deployments and service revisions.
//!
//! One service deployment covers an update and its rollback, whereas `deployments[]` of a service
//! shows the rollback as an entry of its own.

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::clusters::Clusters;
use super::ids::{arn, name_of};
use super::lifecycle::{Decision, HookRun};
use super::request::{not_found, page_of, seconds, text, texts};
use super::service::Service;
use super::service_deployment::{Cause, Rollback, ServiceDeployment};
use super::service_revision::ServiceRevision;
use super::services::Services;
use super::task_definitions::TaskDefinitions;
use crate::wire::ApiError;

/// `DescribeServiceDeployments` and `DescribeServiceRevisions` take so many ARNs.
const MOST_ARNS: usize = 20;

impl Services {
    pub(super) fn list_deployments(
        &self,
        request: &Value,
        clusters: &Clusters,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let service = self.find(cluster, text(request, "service").unwrap_or_default())?;
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
        page_of(request, "serviceDeployments", briefs, 20)
    }

    pub(super) fn describe_deployments(&self, request: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let view = |arn: &str| {
            let (service, id) = self.owner("service-deployment", arn)?;
            let found = service.service_deployments.iter().find(|it| it.id == id)?;
            Some(service.service_deployment_view(found, now))
        };
        describe_each(request, "serviceDeploymentArns", "serviceDeployments", view)
    }

    pub(super) fn describe_revisions(
        &self,
        request: &Value,
        definitions: &TaskDefinitions,
    ) -> Result<Value, ApiError> {
        let view = |arn: &str| {
            let (service, number) = self.owner("service-revision", arn)?;
            let found = service.revisions.iter().find(|it| it.number.to_string() == number)?;
            Some(service.revision_view(found, definitions))
        };
        describe_each(request, "serviceRevisionArns", "serviceRevisions", view)
    }

    /// Rolls a running service deployment back, whether or not a circuit breaker would.
    pub(super) fn stop_deployment(&mut self, request: &Value, now: Timestamp) -> Result<Value, ApiError> {
        // The model's enum has ABORT too, but its text says that only ROLLBACK is valid.
        if text(request, "stopType").is_some_and(|kind| kind != "ROLLBACK") {
            return Err(ApiError::invalid_parameter("The stop type is not supported."));
        }
        let arn = text(request, "serviceDeploymentArn").unwrap_or_default();
        let (service, found) = self.service_deployment(arn)?;
        // A deployment that is in progress is the newest one, and so the one that goes back below.
        if !found.is_in_progress() {
            return Err(ApiError::new("ConflictException", "The service deployment is not in progress."));
        }
        let key = service.key();
        self.change(&key, |service| service.roll_back(Cause::Caller, now))?;
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    /// Answers the hook that a service deployment waits at.
    pub(super) fn continue_deployment(&mut self, request: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let decision = match text(request, "action") {
            Some("ROLLBACK") => Decision::RollBack,
            Some("CONTINUE") | None => Decision::Continue,
            Some(_) => return Err(ApiError::invalid_parameter("The action is not supported.")),
        };
        let arn = text(request, "serviceDeploymentArn").unwrap_or_default();
        let (service, found) = self.service_deployment(arn)?;
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
        if !answered {
            return Err(ApiError::invalid_parameter("The service deployment is not paused at this hook."));
        }
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    fn service_deployment(&self, arn: &str) -> Result<(&Service, &ServiceDeployment), ApiError> {
        let found = self.owner("service-deployment", arn).and_then(|(service, id)| {
            Some((service, service.service_deployments.iter().find(|it| it.id == id)?))
        });
        found.ok_or_else(|| {
            ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found.")
        })
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
        let mut view = json!({
            "serviceDeploymentArn": self.service_deployment_arn(deployment),
            "serviceArn": self.arn(),
            "clusterArn": arn("cluster", &self.cluster),
            "createdAt": seconds(deployment.created),
            "startedAt": seconds(deployment.created),
            "targetServiceRevisionArn": self.revision_arn(deployment.target),
            "status": status,
        });
        if let Some(reason) = reason {
            view["statusReason"] = reason.into();
        }
        if !deployment.is_running() && status != "STOP_REQUESTED" {
            view["finishedAt"] = seconds(deployment.updated());
        }
        view
    }

    fn service_deployment_view(&self, deployment: &ServiceDeployment, now: Timestamp) -> Value {
        let mut view = self.service_deployment_brief(deployment, now);
        // The brief names the target's ARN; the whole view has the target itself.
        if let Some(members) = view.as_object_mut() {
            members.remove("targetServiceRevisionArn");
        }
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
        view["targetServiceRevision"] = weighted(deployment.target, test, production);
        view["sourceServiceRevisions"] =
            deployment.sources.iter().map(|source| weighted(*source, 0.0, 100.0 - production)).collect();
        view["updatedAt"] = seconds(deployment.updated());
        view["deploymentConfiguration"] = self.deployment_configuration();
        view["deploymentCircuitBreaker"] = json!({
            "status": if self.has_monitor("deploymentCircuitBreaker") { deployment.monitor_status(Cause::CircuitBreaker) } else { "DISABLED" },
            "failureCount": deployment.failures,
            "threshold": self.failure_threshold(),
        });
        view["alarms"] = self.alarms_view(deployment);
        if let Some(stage) = deployment.stage.filter(|_| status != "PENDING") {
            view["lifecycleStage"] = stage.name().into();
        }
        if !deployment.hooks.is_empty() {
            view["lifecycleHookDetails"] = deployment.hooks.iter().map(HookRun::view).collect();
        }
        if let (Some(Rollback { to, at }), Some(cause)) = (deployment.rollback, deployment.cause) {
            view["rollback"] = json!({
                "reason": cause.rollback_reason() + &deployment.failed_hook(),
                "startedAt": seconds(at),
                "serviceRevisionArn": self.revision_arn(to),
            });
        }
        if status == "STOPPED" {
            view["stoppedAt"] = seconds(deployment.updated());
        }
        view
    }

    fn alarms_view(&self, deployment: &ServiceDeployment) -> Value {
        let alarms = self.monitor("alarms").filter(|_| self.has_monitor("alarms"));
        let Some(alarms) = alarms else { return json!({ "status": "DISABLED" }) };
        let names = texts(alarms, "alarmNames");
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
            let mut view = json!({ "containerName": name, "image": image });
            if let Some(time) = revision.resolved {
                view["imageDigest"] = definitions.digests.at(image, time).into();
            }
            view
        };
        let images: Vec<Value> =
            definition.into_iter().flat_map(|definition| definition.images()).map(image).collect();
        json!({
            "serviceRevisionArn": self.revision_arn(revision.number),
            "serviceArn": self.arn(),
            "clusterArn": arn("cluster", &self.cluster),
            "taskDefinition": revision.task_definition,
            "launchType": self.launch_type(),
            "containerImages": images,
            "createdAt": seconds(revision.created),
        })
    }
}

fn describe_each(
    request: &Value,
    arns: &str,
    member: &str,
    view: impl Fn(&str) -> Option<Value>,
) -> Result<Value, ApiError> {
    let arns = texts(request, arns);
    if arns.is_empty() || arns.len() > MOST_ARNS {
        let message = format!("The number of ARNs must be between 1 and {MOST_ARNS}.");
        return Err(ApiError::invalid_parameter(message));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in arns {
        match view(arn) {
            Some(value) => found.push(value),
            None => failures.push(not_found(arn)),
        }
    }
    let mut answer = json!({ "failures": failures });
    answer[member] = found.into();
    Ok(answer)
}
