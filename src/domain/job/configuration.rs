//! The configuration of the custom action, parsed once.

use std::time::Duration;

use super::super::image::Images;
use super::super::request::{ClusterName, OnFailure, ServiceName};

/// What the action is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct JobConfiguration {
    /// `ClusterName`.
    pub cluster: ClusterName,
    /// `ServiceName`: one or several, each once.
    pub services: Vec<ServiceName>,
    /// `FileName`: the file to look for in the input artifact.
    pub file_name: String,
    /// `DeploymentTimeout`.
    pub timeout: Option<Duration>,
    /// `OnFailure`.
    pub on_failure: OnFailure,
    /// `Record`: where records are kept, as written.
    pub records: Vec<String>,
    /// `RoleArn`: the role to assume for everything in ECS.
    pub role_arn: Option<String>,
    /// `ContainerName`: the container that `imageDetail.json` is for.
    pub container_name: Option<String>,
    /// `Images`: images that are given without an artifact.
    pub images: Option<Images>,
}
