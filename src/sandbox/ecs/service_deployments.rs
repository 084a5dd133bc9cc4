//! Service deployments and service revisions.
//!
//! One service deployment covers an update and its rollback, whereas `deployments[]` of a service
//! shows the rollback as an entry of its own.

use serde_json::{Value, json};

use super::clusters::Clusters;
use super::ids::{arn, digest_of, name_of};
use super::request::{not_found, page, seconds, text, texts};
use super::service::Service;
use super::service_deployment::{Rollback, RolledBackBy, ServiceDeployment};
use super::services::Services;
use super::task_definitions::TaskDefinitions;
use crate::clock::Timestamp;
use crate::sandbox::wire::ApiError;

/// `DescribeServiceDeployments` and `DescribeServiceRevisions` take so many ARNs.
const MOST_ARNS: usize = 20;

/// A definition as a service runs it.
#[derive(Debug)]
pub(super) struct ServiceRevision {
    pub(super) number: u64,
    task_definition: String,
    created: Timestamp,
    /// Whether ECS has asked the registry for the images' digests.
    pub(super) resolved: bool,
}

impl ServiceRevision {
    pub(super) fn new(number: u64, task_definition: &str, at: Timestamp) -> Self {
        Self { number, task_definition: task_definition.to_owned(), created: at, resolved: false }
    }
}

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
        let briefs = service
            .service_deployments
            .iter()
            .filter(|it| statuses.is_empty() || statuses.contains(&it.status(now).0))
            .filter(|it| after.is_none_or(|after| it.created.since_epoch().as_secs_f64() >= after))
            .filter(|it| before.is_none_or(|before| it.created.since_epoch().as_secs_f64() <= before))
            .map(|it| service.service_deployment_brief(it, now))
            .collect();
        page(request, "serviceDeployments", briefs)
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
        if text(request, "stopType").is_some_and(|kind| kind != "ROLLBACK") {
            return Err(ApiError::invalid_parameter("The stop type is not supported."));
        }
        let arn = text(request, "serviceDeploymentArn").unwrap_or_default();
        let not_found =
            || ApiError::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
        let (service, id) = self.owner("service-deployment", arn).ok_or_else(not_found)?;
        let found = service.service_deployments.iter().find(|it| it.id == id).ok_or_else(not_found)?;
        // A deployment that is in progress is the newest one, and so the one that goes back below.
        if !found.is_in_progress() {
            return Err(ApiError::new("ConflictException", "The service deployment is not in progress."));
        }
        let key = service.key();
        self.change(&key, |service, ids| service.roll_back(RolledBackBy::Caller, now, ids))?;
        Ok(json!({ "serviceDeploymentArn": arn }))
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
        view["targetServiceRevision"] = self.revision_summary(deployment.target);
        view["sourceServiceRevisions"] =
            deployment.sources.iter().map(|source| self.revision_summary(*source)).collect();
        view["updatedAt"] = seconds(deployment.updated());
        view["deploymentConfiguration"] = self.deployment_configuration();
        view["deploymentCircuitBreaker"] = json!({
            "status": if self.has_circuit_breaker() { deployment.breaker_status() } else { "DISABLED" },
            "failureCount": deployment.failures,
            "threshold": self.failure_threshold(),
        });
        view["alarms"] = json!({ "status": "DISABLED" });
        if let Some(Rollback { to, by, at }) = deployment.rollback {
            view["rollback"] = json!({
                "reason": by.reason(),
                "startedAt": seconds(at),
                "serviceRevisionArn": self.revision_arn(to),
            });
        }
        if deployment.status(now).0 == "STOPPED" {
            view["stoppedAt"] = seconds(deployment.updated());
        }
        view
    }

    fn revision_view(&self, revision: &ServiceRevision, definitions: &TaskDefinitions) -> Value {
        let definition = definitions.find(&revision.task_definition);
        let image = |(name, image): (&str, &str)| {
            let mut view = json!({ "containerName": name, "image": image });
            if revision.resolved {
                view["imageDigest"] = digest_of(image).into();
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
