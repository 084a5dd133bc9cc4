//! Service deployments and service revisions.
//!
//! One service deployment covers an update and its rollback, whereas `deployments[]` of a service
//! shows the rollback as an entry of its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::clusters::Clusters;
use super::ids::{Ids, arn, digest_of, name_of};
use super::request::{not_found, page, seconds, text, texts};
use super::service::Service;
use super::services::Services;
use super::task_definitions::TaskDefinitions;
use crate::clock::Timestamp;
use crate::sandbox::wire::ApiError;

/// How long a new service deployment is PENDING, and a replaced one `STOP_REQUESTED`.
const HANDOVER: Duration = Duration::from_secs(1);
/// `DescribeServiceDeployments` and `DescribeServiceRevisions` take so many ARNs.
const MOST_ARNS: usize = 20;

#[derive(Debug)]
pub(super) struct ServiceDeployment {
    id: String,
    /// The revision that it brings; its number is the one in the deployment's id `ecs-svc/<number>`.
    target: u64,
    sources: Vec<u64>,
    created: Timestamp,
    course: Course,
    /// When the course was taken.
    since: Timestamp,
    /// The revision that a rollback goes back to, and when it began.
    rollback: Option<(u64, Timestamp)>,
    /// How many tasks failed to start.
    pub(super) failures: u32,
}

/// What became of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    InProgress,
    Successful,
    /// Another deployment took its place.
    Replaced,
    /// The circuit breaker ended it, without a rollback.
    Failed,
    /// The circuit breaker rolls back to this revision.
    RollingBack {
        to: u64,
    },
    RolledBack,
    /// The circuit breaker wants to roll back, but no deployment ever completed.
    CannotRollBack,
}

#[derive(Debug)]
pub(super) struct ServiceRevision {
    pub(super) number: u64,
    task_definition: String,
    created: Timestamp,
    /// Whether ECS has asked the registry for the images' digests.
    pub(super) resolved: bool,
}

impl ServiceDeployment {
    pub(super) fn new(ids: &mut Ids, target: u64, sources: Vec<u64>, at: Timestamp) -> Self {
        let mut id = ids.hex();
        id.truncate(21);
        Self {
            id,
            target,
            sources,
            created: at,
            course: Course::InProgress,
            since: at,
            rollback: None,
            failures: 0,
        }
    }

    pub(super) fn set_course(&mut self, course: Course, at: Timestamp) {
        if let Course::RollingBack { to } = course {
            self.rollback = Some((to, at));
        }
        self.course = course;
        self.since = at;
    }

    pub(super) fn is_running(&self) -> bool {
        match self.course {
            Course::InProgress | Course::RollingBack { .. } => true,
            Course::Successful
            | Course::Replaced
            | Course::Failed
            | Course::RolledBack
            | Course::CannotRollBack => false,
        }
    }

    fn status(&self, now: Timestamp) -> (&'static str, Option<&'static str>) {
        let just_now = now.since(self.since) < HANDOVER;
        match self.course {
            Course::InProgress => (if just_now { "PENDING" } else { "IN_PROGRESS" }, None),
            Course::Successful => ("SUCCESSFUL", None),
            Course::Replaced => {
                let status = if just_now { "STOP_REQUESTED" } else { "STOPPED" };
                (status, Some("Replaced by a new service deployment."))
            }
            Course::Failed => ("STOPPED", Some(BREAKER_FAILED)),
            Course::RollingBack { .. } => ("ROLLBACK_IN_PROGRESS", Some(BREAKER_ROLLED_BACK)),
            Course::RolledBack => ("ROLLBACK_SUCCESSFUL", Some(BREAKER_ROLLED_BACK)),
            Course::CannotRollBack => {
                ("ROLLBACK_FAILED", Some("No rollback candidate was found to run the rollback."))
            }
        }
    }
}

const BREAKER_FAILED: &str = "ECS deployment circuit breaker: tasks failed to start.";
const BREAKER_ROLLED_BACK: &str =
    "Service deployment rolled back because the circuit breaker threshold was exceeded.";

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
        if !deployment.is_running() {
            view["finishedAt"] = seconds(deployment.since);
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
        view["updatedAt"] = seconds(deployment.since);
        view["deploymentConfiguration"] = self.deployment_configuration();
        view["deploymentCircuitBreaker"] = json!({
            "status": self.breaker_status(deployment),
            "failureCount": deployment.failures,
            "threshold": self.failure_threshold(),
        });
        view["alarms"] = json!({ "status": "DISABLED" });
        if let Some((revision, at)) = deployment.rollback {
            view["rollback"] = json!({
                "reason": BREAKER_ROLLED_BACK,
                "startedAt": seconds(at),
                "serviceRevisionArn": self.revision_arn(revision),
            });
        }
        if deployment.course == Course::Replaced || deployment.course == Course::Failed {
            view["stoppedAt"] = seconds(deployment.since);
        }
        view
    }

    fn breaker_status(&self, deployment: &ServiceDeployment) -> &'static str {
        match deployment.course {
            _ if !self.has_circuit_breaker() => "DISABLED",
            Course::InProgress => "MONITORING",
            Course::Successful | Course::Replaced => "MONITORING_COMPLETE",
            Course::Failed | Course::RollingBack { .. } | Course::RolledBack | Course::CannotRollBack => {
                "TRIGGERED"
            }
        }
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
