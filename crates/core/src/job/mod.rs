//! A job of CodePipeline: what a pipeline's action asks for, and what it is answered.
//!
//! Facts are from the AWS CodePipeline API reference (`PollForJobs`, `PutJobSuccessResult`,
//! `PutJobFailureResult`) and the service model.

mod action_type;
mod answer;
mod configuration;
mod property;
mod text;
mod variables;

pub use action_type::{
    ActionType, ActionVersion, ArtifactCount, Category, ConsoleLinks, Definition, Provider,
};
pub use answer::{Answer, FailureType, MAX_EXTERNAL_ID, MAX_MESSAGE, MAX_SUMMARY};
pub use configuration::JobConfiguration;
pub use property::Property;
pub use text::Text;
pub use variables::{MAX_VARIABLES, ServiceOutputs, output_variables};

use std::collections::BTreeMap;
use std::fmt;

use super::notification::Channel;
use super::one_off::Steps;
use super::request::Policy;
use super::scheduled::Also;
use super::variables::VariableChanges;
use crate::words::text;

/// A job as CodePipeline offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id. One action execution has a new job for every continuation.
    pub id: JobId,
    /// What it is a job of.
    pub execution: Execution,
    /// The action's configuration as it came; a property may be declared secret, so all are.
    pub configuration: BTreeMap<String, Secret>,
    /// The artifacts to read.
    pub inputs: Vec<Artifact>,
    /// The artifacts to write.
    pub outputs: Vec<Artifact>,
    /// What opens the artifacts, and nothing else. How long it does is not documented.
    pub credentials: Option<ArtifactCredentials>,
    /// What the former job of this action execution handed on.
    pub continuation: Option<Secret>,
    /// The customer managed key for output artifacts; without it, S3's own KMS key is to be used.
    pub encryption_key: Option<String>,
}

text!(
    /// A job's id, a lower-case UUID.
    JobId
);

impl JobId {
    /// The id as CodePipeline wrote it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

/// Which action of which pipeline, and which run of it. Empty where CodePipeline did not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Execution {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// The action's name.
    pub action: String,
    /// The id of the pipeline's execution.
    pub pipeline_execution: String,
    /// The id of the action's execution: the same in all its jobs, another one in a retry.
    pub action_execution: String,
}

impl Execution {
    /// What all jobs of one run of the action have in common, and no other job.
    #[must_use]
    pub fn key(&self) -> &str {
        if self.action_execution.is_empty() { &self.pipeline_execution } else { &self.action_execution }
    }
}

/// An artifact, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name in the pipeline.
    pub name: String,
    /// Where it is, or is to be.
    pub location: ObjectAddress,
}

/// An object in Amazon S3.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectAddress {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl fmt::Display for ObjectAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Temporary credentials for a job's artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactCredentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session token.
    pub session_token: Secret,
}

/// Text that no output may show: it has no `Display`, and its `Debug` is three asterisks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for a call that needs it, never for an output.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the options of a job say; those that are not given have the command line's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobOptions {
    /// How to go about the deployment. The time-out and what to do on a failure are properties of their
    /// own, and count for nothing here.
    pub policy: Policy,
    /// `--external-id`: what the trust policy of the role asks for.
    pub external_id: Option<Secret>,
    /// `--before` and `--after`: what runs beside the deployment.
    pub steps: Steps,
    /// `--set-env` and its like: the variables to set and to give back.
    pub variables: VariableChanges,
    /// `--also`: the rules and schedules that follow the deployment.
    pub also: Vec<Also>,
    /// `--notify`: where to send a notification when the deployment ends.
    pub channels: Vec<Channel>,
}

/// Reads the text of `Options`, or says what is wrong with it: the front end has the options'
/// definitions, and hands its parser down.
pub type ReadOptions = fn(&str) -> Result<JobOptions, Vec<String>>;
