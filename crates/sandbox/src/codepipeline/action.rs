//! What a test or a console says and sees of a pipeline's action.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;

/// A custom action as a pipeline declares it: what to start.
///
/// The default is the action `Deploy` in the stage `Deploy` of the pipeline `shop`, of the type
/// `Evenkeel`, version `1`, in the category `Deploy`, without configuration and artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The category of the action's type.
    pub category: String,
    /// The provider of the action's type.
    pub provider: String,
    /// The version of the action's type.
    pub version: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's name.
    pub stage: String,
    /// The action's name.
    pub action: String,
    /// The action's configuration: only properties that the type has, each of 1 to 1000 characters.
    pub configuration: BTreeMap<String, String>,
    /// The artifact that the action reads.
    pub input: Option<ActionArtifact>,
    /// The artifact that the action writes.
    pub output: Option<ActionArtifact>,
    /// The customer managed key of the artifact bucket: a key id, the ARN of a key or of an alias.
    pub encryption_key: Option<String>,
}

/// An artifact of an action: where the pipeline keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionArtifact {
    /// Its name in the pipeline.
    pub name: String,
    /// The bucket of the pipeline's artifact store.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// What became of an execution of an action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionState {
    /// Whether it is over, and how it ended.
    pub status: ActionStatus,
    /// The ids of its jobs, the first one first: one more for every continuation.
    pub jobs: Vec<String>,
    /// Every continuation token that was handed on, in order.
    pub tokens: Vec<String>,
    /// How many answers ended it: never more than one.
    pub terminal_results: usize,
    /// How many answers to its jobs were refused, whatever for: not valid, late, or once too many.
    pub refused_results: usize,
    /// The output variables of the answer that ended it.
    pub output_variables: BTreeMap<String, String>,
    /// What the console's link is made from, from the latest answer that told it.
    pub external_execution_id: Option<String>,
    /// The summary of the latest answer that had one.
    pub summary: Option<String>,
    /// The failure's type and message.
    pub failure: Option<(String, String)>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// How an execution of an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActionStatus {
    /// It waits for an answer.
    #[default]
    InProgress,
    /// It was answered with success.
    Succeeded,
    /// It was answered with failure.
    Failed,
    /// Its pipeline was stopped without waiting for it.
    Abandoned,
    /// It was not answered within 24 hours.
    TimedOut,
}

impl ActionArtifact {
    /// The artifact `name` at `key` in `bucket`.
    pub fn new(name: impl Into<String>, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { name: name.into(), bucket: bucket.into(), key: key.into() }
    }
}

impl Default for Action {
    fn default() -> Self {
        Self {
            category: "Deploy".to_owned(),
            provider: "Evenkeel".to_owned(),
            version: "1".to_owned(),
            pipeline: "shop".to_owned(),
            stage: "Deploy".to_owned(),
            action: "Deploy".to_owned(),
            configuration: BTreeMap::new(),
            input: None,
            output: None,
            encryption_key: None,
        }
    }
}
