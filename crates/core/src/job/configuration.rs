//! The configuration of the custom action, parsed once.

mod properties;

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::failure::Failure;
use super::super::image::Images;
use super::super::quote::{listed, quoted};
use super::super::record::{Sink, SinkPattern};
use super::super::request::{ClusterName, DeployRequest, OnFailure, Policy, ServiceName};
use super::{JobOptions, Property, ReadOptions, Secret};

use properties::Properties;

/// The file that AWS's own ECS action looks for, too (AWS CodePipeline user guide, "Amazon ECS").
const IMAGE_DEFINITIONS: &str = "imagedefinitions.json";

/// The longest time-out, in minutes. CodePipeline ends a custom action after 24 hours (AWS
/// CodePipeline user guide, "Quotas"), and never tells the worker; half an hour of them is kept for
/// what comes before the rollout and after it. A rollback may take as long as the rollout: with more
/// than half a day CodePipeline may not see its end.
const MAX_TIMEOUT: u64 = 24 * 60 - 30;

/// What CodePipeline adds to a custom action's properties (AWS CodePipeline user guide, "Create and
/// add a custom action").
const ADDED_BY_AWS: &str = "JobList";

/// What the action is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct JobConfiguration {
    /// `ClusterName`.
    pub cluster: ClusterName,
    /// `ServiceName`: one or several, each once.
    pub services: Vec<ServiceName>,
    /// `FileName`: the file to look for in the input artifact, a relative path within it.
    pub file_name: String,
    /// Whether the file may be missing: it is not named, and there are variables to deploy.
    pub is_file_optional: bool,
    /// `DeploymentTimeout`.
    pub timeout: Option<Duration>,
    /// `OnFailure`.
    pub on_failure: OnFailure,
    /// `Record`: where the record of each service is kept, in the order of the services.
    pub records: Vec<Vec<Sink>>,
    /// `RoleArn`: the role to assume for everything in ECS.
    pub role_arn: Option<String>,
    /// `ContainerName`: the container that `imageDetail.json` is for.
    pub container_name: Option<String>,
    /// `Images`: images that are given without an artifact.
    pub images: Option<Images>,
    /// `Options`: further options of the deployment.
    pub options: JobOptions,
    /// The Region of the cluster and its services, if an ARN tells it.
    pub region: Option<String>,
    /// The account of the cluster and its services, if an ARN tells it.
    pub account: Option<String>,
}

impl JobConfiguration {
    /// Reads the properties as a pipeline gives them, `Options` by `read_options`. Blanks around a
    /// value, and around the commas within, are not part of it.
    ///
    /// # Errors
    /// One [`Failure::invalid_input`] that tells all mistakes and the property of each. Of an
    /// unknown property the value is not told.
    pub fn parse(properties: &BTreeMap<String, Secret>, read_options: ReadOptions) -> Result<Self, Failure> {
        let mut given = Properties::new(properties);
        let cluster = given.read(Property::ClusterName, |text| {
            ClusterName::parse(text).map_err(|failure| failure.without_advice())
        });
        let services = given.read_each(Property::ServiceName, |text, services| {
            ServiceName::parse_another(text, services).map_err(|failure| failure.without_advice())
        });
        let file_name = given.read(Property::FileName, properties::path_in_artifact);
        let timeout = given.read(Property::DeploymentTimeout, properties::minutes);
        let on_failure = given.read(Property::OnFailure, properties::on_failure);
        let patterns = given.read_each(Property::Record, |text, patterns| {
            SinkPattern::parse_another(text, patterns).map_err(|failure| failure.to_string())
        });
        let role_arn = given.read(Property::RoleArn, properties::role_arn);
        let container_name = given.read(Property::ContainerName, properties::container_name);
        let images = given.read_each(Property::Images, properties::image);
        let options = given.options(read_options);
        let services = services.unwrap_or_default();
        given.must_agree(cluster.as_ref(), &services);
        let records = given.records(&patterns.unwrap_or_default(), cluster.as_ref(), &services);
        let Some(cluster) = cluster.filter(|_| given.mistakes.is_empty() && given.unknown.is_empty()) else {
            return Err(wrong(given));
        };
        let place = cluster.place().or_else(|| services.iter().find_map(ServiceName::place));
        Ok(Self {
            region: place.map(|place| place.region.to_owned()),
            account: place.map(|place| place.account.to_owned()),
            cluster,
            services,
            is_file_optional: file_name.is_none() && !options.variables.is_empty(),
            file_name: file_name.unwrap_or_else(|| IMAGE_DEFINITIONS.to_owned()),
            timeout,
            on_failure: on_failure.unwrap_or(Policy::default().on_failure),
            records,
            role_arn,
            container_name,
            images,
            options,
        })
    }

    /// Whether the images are to be read from an input artifact: they are not given by `Images`.
    #[must_use]
    pub fn needs_artifact(&self) -> bool {
        self.images.is_none()
    }

    /// How to go about it: as the command line does where nothing else is said.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let timeout = self.timeout.unwrap_or(Policy::default().timeout);
        Policy { timeout, on_failure: self.on_failure, ..self.options.policy.clone() }
    }

    /// The deployment of `images` that the action asks for.
    #[must_use]
    pub fn request(&self, images: Images) -> DeployRequest {
        DeployRequest {
            cluster: self.cluster.clone(),
            services: self.services.clone(),
            images,
            policy: self.policy(),
            steps: self.options.steps.clone(),
            variables: self.options.variables.clone(),
            also: self.options.also.clone(),
        }
    }

    /// What the console's link is made from, by the template in
    /// [`ConsoleLinks::execution_url`](super::ConsoleLinks): the deployments of the first service. It needs
    /// no escaping in a URL.
    #[must_use]
    pub fn external_id(&self) -> String {
        let service = self.services.first().map(ServiceName::short).unwrap_or_default();
        format!("{}/services/{service}/deployments", self.cluster.short())
    }
}

/// The failure that tells everything that is wrong.
fn wrong(given: Properties<'_>) -> Failure {
    let unknown = given.unknown.iter().map(|name| format!("{} is not a property", quoted(name)));
    let mistakes: Vec<String> = given.mistakes.iter().cloned().chain(unknown).collect();
    let correct = "Correct the action's configuration in the pipeline; nothing was changed";
    let advice = if given.unknown.is_empty() {
        correct.to_owned()
    } else {
        format!("The properties are {}. {correct}", listed(Property::ALL))
    };
    Failure::invalid_input("the action's configuration is wrong").because(mistakes.join("; ")).advice(advice)
}

#[cfg(test)]
mod tests;
