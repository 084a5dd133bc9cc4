//! The operations on services.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::clusters::{Clusters, Counts};
use super::ids::{Ids, arn};
use super::request::{flag, includes, not_found, page, text, texts};
use super::rollout::Rollout;
use super::service::Service;
use super::task::TaskState;
use super::task_definitions::TaskDefinitions;
use crate::wire::ApiError;

/// Members whose change starts a deployment, beside `taskDefinition` and `forceNewDeployment`:
/// the documentation of `UpdateService`.
const DEPLOYING: [&str; 7] = [
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Members that are no settings of the service.
const NOT_SETTINGS: [&str; 9] = [
    "role",
    "cluster",
    "serviceName",
    "service",
    "taskDefinition",
    "desiredCount",
    "forceNewDeployment",
    "clientToken",
    "tags",
];

/// Every service by its cluster's name and its own.
#[derive(Debug, Default, Clone)]
pub(super) struct Services {
    services: BTreeMap<(String, String), Service>,
    rollouts: BTreeMap<(String, String), Rollout>,
    /// The service that the last operation changed, until it is asked for.
    changed: Option<(String, String)>,
}

impl Services {
    pub(super) fn advance(&mut self, now: Timestamp, definitions: &mut TaskDefinitions) {
        for service in self.services.values_mut().filter(|service| service.active) {
            service.advance(now, definitions);
        }
    }

    pub(super) fn set_rollout(&mut self, cluster: &str, service: &str, rollout: Rollout) {
        self.rollouts.insert((cluster.to_owned(), service.to_owned()), rollout);
    }

    /// Creates a service that runs at once, so that a test can start from a steady one; unless a
    /// rollout was set for it before, which its first deployment goes through then.
    pub(super) fn create(
        &mut self,
        request: &Value,
        clusters: &Clusters,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let name = text(request, "serviceName");
        let name = name.ok_or_else(|| ApiError::invalid_parameter("Service name cannot be empty."))?;
        let key = (cluster.to_owned(), name.to_owned());
        let former = self.services.get(&key);
        if former.is_some_and(|service| service.active) {
            return Err(ApiError::invalid_parameter("Creation of service was not idempotent."));
        }
        // The ids of a service that had this name before are not given once more.
        let ids = former.map_or_else(|| Ids::of(&format!("{cluster}/{name}")), |former| former.ids.clone());
        let mut service = Service {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            active: true,
            created: now,
            desired: count(request)?.unwrap_or_default(),
            settings: Map::new(),
            tags: request.get("tags").cloned().unwrap_or_else(|| json!([])),
            deployments: Vec::new(),
            service_deployments: Vec::new(),
            revisions: Vec::new(),
            tasks: Vec::new(),
            events: VecDeque::new(),
            last_completed: None,
            deregistration_delay: Duration::ZERO,
            played: now,
            ids,
        };
        service.change_settings(request);
        match (service.controller(), text(request, "taskDefinition")) {
            ("EXTERNAL", None) => {}
            ("EXTERNAL", Some(_)) => {
                return Err(ApiError::invalid_parameter("TaskDefinition must be blank."));
            }
            (_, None) => return Err(ApiError::invalid_parameter("TaskDefinition can not be blank.")),
            (_, Some(reference)) => {
                let definition = &definitions.find_active(reference)?.arn;
                let rollout = self.rollouts.get(&key).copied();
                service.deploy(definition, rollout.unwrap_or_default(), now);
                if rollout.is_none() {
                    service.complete(now);
                }
            }
        }
        let answer = json!({ "service": of_a_write(service.view(true)) });
        self.changed = Some(key.clone());
        self.services.insert(key, service);
        Ok(answer)
    }

    pub(super) fn update(
        &mut self,
        request: &Value,
        clusters: &Clusters,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let key = self.find(cluster, text(request, "service").unwrap_or_default())?.key();
        let rollout = self.rollouts.get(&key).copied().unwrap_or_default();
        let service = self.services.get_mut(&key).ok_or_else(service_not_found)?;
        if !service.active {
            return Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        let reference = text(request, "taskDefinition");
        let forced = flag(request, "forceNewDeployment");
        if reference.is_some() || forced {
            check_controller(service.controller())?;
        }
        let desired = count(request)?;
        if desired.is_some() && service.settings.get("schedulingStrategy") == Some(&json!("DAEMON")) {
            return Err(ApiError::invalid_parameter(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired \
                 count value and try again",
            ));
        }
        let asked = match reference {
            Some(reference) => Some(definitions.find_active(reference)?.arn.clone()),
            None => None,
        };

        let changed_settings = service.change_settings(request);
        if let Some(desired) = desired {
            service.desired = desired;
            service.scale_when_steady(now);
        }
        let current = service.task_definition().map(str::to_owned);
        let deploys = forced || changed_settings || (asked.is_some() && asked != current);
        if let Some(definition) = asked.or(current).filter(|_| deploys) {
            service.deploy(&definition, rollout, now);
        }
        let answer = json!({ "service": of_a_write(service.view(false)) });
        self.changed = Some(key);
        Ok(answer)
    }

    pub(super) fn delete(
        &mut self,
        request: &Value,
        clusters: &Clusters,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let service = self.find(cluster, text(request, "service").unwrap_or_default())?;
        if service.desired > 0 && !flag(request, "force") {
            return Err(ApiError::invalid_parameter(
                "The service cannot be stopped while it is scaled above 0.",
            ));
        }
        let key = service.key();
        self.change(&key, |service| {
            service.delete(now);
            json!({ "service": service.view(false) })
        })
    }

    /// Changes the service of this key.
    pub(super) fn change<T>(
        &mut self,
        key: &(String, String),
        change: impl FnOnce(&mut Service) -> T,
    ) -> Result<T, ApiError> {
        let service = self.services.get_mut(key).ok_or_else(service_not_found)?;
        self.changed = Some(key.clone());
        Ok(change(service))
    }

    /// The service that was changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> Option<&Service> {
        self.services.get(&self.changed.take()?)
    }

    /// Puts a service in the place of the one of its name.
    pub(super) fn replace(&mut self, service: Service) {
        self.services.insert(service.key(), service);
    }

    /// Says who manages the resources of a service, which no request can.
    pub(super) fn set_resource_management(&mut self, cluster: &str, service: &str, kind: &str) {
        // Without the service there is nothing to say it of.
        let _ = self.change(&(cluster.to_owned(), service.to_owned()), |service| {
            service.settings.insert("resourceManagementType".to_owned(), kind.into())
        });
    }

    /// Says how long the tasks of a service take to leave.
    pub(super) fn set_deregistration_delay(&mut self, cluster: &str, service: &str, delay: Duration) {
        // Without the service there is nothing to say it of.
        let _ = self.change(&(cluster.to_owned(), service.to_owned()), |service| {
            service.deregistration_delay = delay;
        });
    }

    pub(super) fn describe(&self, request: &Value, clusters: &Clusters) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let references = texts(request, "services");
        if references.is_empty() {
            return Err(ApiError::invalid_parameter("Services cannot be empty."));
        }
        if references.len() > 10 {
            return Err(ApiError::invalid_parameter("Services cannot be more than 10."));
        }
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for reference in references {
            match self.find(cluster, reference) {
                Ok(service) => services.push(service.view(includes(request, "TAGS"))),
                Err(_) => {
                    failures.push(not_found(&arn("service", &format!("{cluster}/{}", short(reference)))))
                }
            }
        }
        Ok(json!({ "services": services, "failures": failures }))
    }

    pub(super) fn list(&self, request: &Value, clusters: &Clusters) -> Result<Value, ApiError> {
        let cluster = clusters.name_in(request)?;
        let (launch_type, strategy) = (text(request, "launchType"), text(request, "schedulingStrategy"));
        let arns = self
            .in_cluster(cluster)
            .filter(|service| service.active)
            .filter(|service| launch_type.is_none_or(|launch_type| launch_type == service.launch_type()))
            .filter(|service| strategy.is_none_or(|strategy| strategy == service.scheduling_strategy()))
            .map(|service| service.arn().into())
            .collect();
        page(request, "serviceArns", arns)
    }

    /// The service of this name or ARN, also when it was deleted.
    pub(super) fn find(&self, cluster: &str, reference: &str) -> Result<&Service, ApiError> {
        let key = (cluster.to_owned(), short(reference).to_owned());
        self.services.get(&key).ok_or_else(service_not_found)
    }

    pub(super) fn in_cluster(&self, cluster: &str) -> impl Iterator<Item = &Service> {
        self.services.values().filter(move |service| service.cluster == cluster)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    pub(super) fn counts(&self, cluster: &str) -> Counts {
        let mut counts = Counts::default();
        for service in self.in_cluster(cluster) {
            counts.services += usize::from(service.active);
            for task in &service.tasks {
                match task.state {
                    TaskState::Running => counts.running += 1,
                    TaskState::Pending => counts.pending += 1,
                    TaskState::Leaving { .. } | TaskState::Stopped { .. } => {}
                }
            }
        }
        counts
    }
}

impl Service {
    pub(super) fn key(&self) -> (String, String) {
        (self.cluster.clone(), self.name.clone())
    }

    /// Keeps the members that are given; tells whether one of them starts a deployment.
    fn change_settings(&mut self, request: &Value) -> bool {
        let mut deploys = false;
        let members = request.as_object().into_iter().flatten();
        for (name, value) in members.filter(|(_, value)| !value.is_null()) {
            if NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            let new = match (self.settings.get(name), value) {
                // A member of the deployment configuration that is not given stays as it was.
                (Some(Value::Object(old)), Value::Object(given)) if name == "deploymentConfiguration" => {
                    let mut merged = old.clone();
                    merged.extend(given.clone());
                    Value::Object(merged)
                }
                _ => value.clone(),
            };
            let old = self.settings.insert(name.clone(), new.clone());
            deploys |= DEPLOYING.contains(&name.as_str()) && old.as_ref() != Some(&new);
        }
        deploys
    }
}

/// A service as the answer to a write shows it: the service deployment does not exist yet (real answers
/// of `CreateService` and `UpdateService`).
fn of_a_write(mut service: Value) -> Value {
    if let Some(members) = service.as_object_mut() {
        members.remove("currentServiceDeployment");
    }
    service
}

fn check_controller(controller: &str) -> Result<(), ApiError> {
    match controller {
        "CODE_DEPLOY" => Err(ApiError::invalid_parameter(
            "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy \
             to trigger a new deployment.",
        )),
        // AWS documents no text for this one.
        "EXTERNAL" => Err(ApiError::invalid_parameter(
            "Unable to update task definition on services with an EXTERNAL deployment controller. Create a new task \
             set to trigger a new deployment.",
        )),
        _ => Ok(()),
    }
}

fn count(request: &Value) -> Result<Option<usize>, ApiError> {
    match request.get("desiredCount") {
        None | Some(Value::Null) => Ok(None),
        Some(count) => match count.as_u64().and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Ok(Some(count)),
            None => Err(ApiError::invalid_parameter("Desired count cannot be negative.")),
        },
    }
}

/// The last part of a service's ARN; a name stays as it is.
pub(super) fn short(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

pub(super) fn service_not_found() -> ApiError {
    ApiError::new("ServiceNotFoundException", "Service not found.")
}
