//! The operations on services.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::clusters::Counts;
use super::ids::{Ids, arn};
use super::rollout::Rollout;
use super::service::Service;
use super::task::TaskState;
use super::task_definitions::TaskDefinitions;
use crate::request::{described, flag, includes, list, merged, number, page, text, texts, without};
use crate::wire::{ApiError, ApiResult, refuse_if};

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
    pub(super) rollouts: BTreeMap<(String, String), Rollout>,
    /// The service that the last operation changed, until it is asked for.
    changed: Option<(String, String)>,
}

impl Services {
    pub(super) fn advance(&mut self, now: Timestamp, definitions: &mut TaskDefinitions) {
        for service in self.services.values_mut().filter(|service| service.active) {
            service.advance(now, definitions);
        }
    }

    /// Creates a service that runs at once, so that a test can start from a steady one; unless a
    /// rollout was set for it before, which its first deployment goes through then.
    pub(super) fn create(
        &mut self,
        request: &Value,
        cluster: &str,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> ApiResult {
        let name = text(request, "serviceName");
        let name = name.ok_or_else(|| ApiError::invalid_parameter("Service name cannot be empty."))?;
        let key = (cluster.to_owned(), name.to_owned());
        let former = self.services.get(&key);
        refuse_if(former.is_some_and(|service| service.active), || {
            ApiError::invalid_parameter("Creation of service was not idempotent.")
        })?;
        // The ids of a service that had this name before are not given once more.
        let ids = former.map_or_else(|| Ids::of(&format!("{cluster}/{name}")), |former| former.ids.clone());
        let mut service = Service {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            active: true,
            created: now,
            desired: count(request)?.unwrap_or_default(),
            settings: json!({}),
            tags: list(request, "tags").into(),
            played: now,
            ids,
            ..Service::default()
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
        self.changed = Some(key);
        self.replace(service);
        Ok(answer)
    }

    pub(super) fn update(
        &mut self,
        request: &Value,
        cluster: &str,
        definitions: &TaskDefinitions,
        now: Timestamp,
    ) -> ApiResult {
        let key = self.asked(cluster, request)?.key();
        let rollout = self.rollouts.get(&key).copied().unwrap_or_default();
        let service = self.services.get_mut(&key).ok_or_else(service_not_found)?;
        refuse_if(!service.active, || ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."))?;
        let reference = text(request, "taskDefinition");
        let forced = flag(request, "forceNewDeployment");
        if reference.is_some() || forced {
            check_controller(service.controller())?;
        }
        let desired = count(request)?;
        refuse_if(desired.is_some() && service.scheduling_strategy() == "DAEMON", || {
            ApiError::invalid_parameter(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired \
                 count value and try again",
            )
        })?;
        let asked = reference.map(|reference| definitions.find_active(reference)).transpose()?;
        let asked = asked.map(|revision| revision.arn.clone());

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

    pub(super) fn delete(&mut self, request: &Value, cluster: &str, now: Timestamp) -> ApiResult {
        let service = self.asked(cluster, request)?;
        refuse_if(service.desired > 0 && !flag(request, "force"), || {
            ApiError::invalid_parameter("The service cannot be stopped while it is scaled above 0.")
        })?;
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

    pub(super) fn describe(&self, request: &Value, cluster: &str) -> ApiResult {
        let references = texts(request, "services");
        check_number("Services", &references, 10)?;
        let views = references.into_iter().map(|reference| match self.find(cluster, reference) {
            Ok(service) => Ok(service.view(includes(request, "TAGS"))),
            Err(_) => Err(arn("service", &format!("{cluster}/{}", short(reference)))),
        });
        described("services", views)
    }

    pub(super) fn list(&self, request: &Value, cluster: &str) -> ApiResult {
        let (launch_type, strategy) = (text(request, "launchType"), text(request, "schedulingStrategy"));
        let arns = self
            .in_cluster(cluster)
            .filter(|service| service.active)
            .filter(|service| launch_type.is_none_or(|launch_type| launch_type == service.launch_type()))
            .filter(|service| strategy.is_none_or(|strategy| strategy == service.scheduling_strategy()))
            .map(|service| service.arn().into())
            .collect();
        page(request, "serviceArns", arns, 100)
    }

    /// The service that a request is about.
    pub(super) fn asked(&self, cluster: &str, request: &Value) -> Result<&Service, ApiError> {
        self.find(cluster, text(request, "service").unwrap_or_default())
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
        for (name, value) in request.as_object().into_iter().flatten() {
            if value.is_null() || NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            let old = self.settings.get(name);
            let new = match old {
                // A member of the deployment configuration that is not given stays as it was.
                Some(old) if name == "deploymentConfiguration" => merged(old.clone(), value),
                Some(_) | None => value.clone(),
            };
            deploys |= DEPLOYING.contains(&name.as_str()) && old != Some(&new);
            self.settings[name] = new;
        }
        deploys
    }
}

/// A service as the answer to a write shows it: the service deployment does not exist yet (real answers
/// of `CreateService` and `UpdateService`).
fn of_a_write(service: Value) -> Value {
    without(service, "currentServiceDeployment")
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
    let is_given = request.get("desiredCount").is_some_and(|count| !count.is_null());
    let count = number(request, "desiredCount");
    refuse_if(is_given && count.is_none(), || {
        ApiError::invalid_parameter("Desired count cannot be negative.")
    })?;
    Ok(count)
}

/// Refuses a request that names none, or more than `most`.
pub(super) fn check_number(what: &str, references: &[&str], most: usize) -> Result<(), ApiError> {
    refuse_if(references.is_empty(), || ApiError::invalid_parameter(format!("{what} cannot be empty.")))?;
    refuse_if(references.len() > most, || {
        ApiError::invalid_parameter(format!("{what} cannot be more than {most}."))
    })
}

/// The last part of the ARN of a service or a task; a name stays as it is.
pub(super) fn short(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

fn service_not_found() -> ApiError {
    ApiError::new("ServiceNotFoundException", "Service not found.")
}
