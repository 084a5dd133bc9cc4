//! A task definition as JSON, copied without loss.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::arn::TaskDefinitionArn;
use super::brought::Brought;
use super::canonical::canonical;
use super::failure::Failure;
use super::image::Images;
use super::variables::{VariableEdits, Variables, edit, variables_of};

/// What `DescribeTaskDefinition` tells of a revision and `RegisterTaskDefinition` does not take: the members
/// by which the shape `TaskDefinition` exceeds `RegisterTaskDefinitionRequest` in botocore's ECS model.
const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "deleteRequestedAt",
    "registeredBy",
];

/// With these keys `serde_json` passes numbers and raw values on to itself; a document that has one would
/// be read as something else than it is.
const LIBRARYS_OWN: &[u8] = b"$serde_json::private";

/// One revision as ECS keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its name.
    pub arn: TaskDefinitionArn,
    /// Whether a service may still be moved to it: its status is `ACTIVE`.
    pub active: bool,
    /// What it was registered with.
    pub definition: TaskDefinition,
}

impl Revision {
    /// Reads the whole body of an answer to `DescribeTaskDefinition`. Tags are in it only when they were
    /// asked for (`include: ["TAGS"]`).
    ///
    /// # Errors
    /// A [`Failure::invalid_input`] that names the member in question when the answer is not shaped as the ECS API
    /// reference says. It never quotes the answer, which holds environment values.
    pub fn from_describe(answer: &[u8]) -> Result<Self, Failure> {
        if answer.windows(LIBRARYS_OWN.len()).any(|part| part == LIBRARYS_OWN) {
            return Err(Failure::invalid_input("the task definition cannot be copied faithfully")
                .because("it has a name that the JSON library keeps for itself, $serde_json::private")
                .advice("Rename it in the task definition; nothing was changed"));
        }
        let answer: Value =
            serde_json::from_slice(answer).map_err(|error| unknown_shape("").caused_by(error))?;
        let Value::Object(mut answer) = answer else { return Err(unknown_shape("")) };
        let Some(Value::Object(mut members)) = answer.remove("taskDefinition") else {
            return Err(unknown_shape("taskDefinition"));
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str).ok_or_else(|| unknown_shape(name));
        let arn = TaskDefinitionArn::parse(text("taskDefinitionArn")?)?;
        let active = text("status")? == "ACTIVE";
        members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        match answer.remove("tags") {
            None | Some(Value::Null) => {}
            Some(Value::Array(mut tags)) => {
                tags.retain(|tag| !is_of_aws(tag));
                if !tags.is_empty() {
                    members.insert("tags".to_owned(), Value::Array(tags));
                }
            }
            Some(_) => return Err(unknown_shape("tags")),
        }
        Ok(Self { arn, active, definition: TaskDefinition::new(members)? })
    }
}

/// What `RegisterTaskDefinition` is sent: every member, known to an SDK or not, as the JSON value that it was.
///
/// `==` compares JSON values exactly, numbers digit by digit; for "would ECS treat them alike" ask
/// [`is_equivalent`](Self::is_equivalent). `Debug` shows no environment values.
#[derive(Clone, PartialEq)]
pub struct TaskDefinition(
    /// An object with a string `family` and an array `containerDefinitions` of objects with a string `name`.
    Value,
);

impl TaskDefinition {
    fn new(members: Map<String, Value>) -> Result<Self, Failure> {
        if !members.get("family").is_some_and(Value::is_string) {
            return Err(unknown_shape("family"));
        }
        let Some(containers) = members.get("containerDefinitions").and_then(Value::as_array) else {
            return Err(unknown_shape("containerDefinitions"));
        };
        if !containers.iter().all(|container| container["name"].is_string()) {
            return Err(unknown_shape("containerDefinitions[].name"));
        }
        Ok(Self(Value::Object(members)))
    }

    /// The family that a new revision is registered in.
    #[must_use]
    pub fn family(&self) -> &str {
        self.0["family"].as_str().unwrap_or_default()
    }

    /// The names of the containers, in the order of the definition.
    #[must_use]
    pub fn containers(&self) -> Vec<&str> {
        self.container_definitions().map(container_name).collect()
    }

    /// The image of every container that has one, as it stands.
    #[must_use]
    pub fn images(&self) -> BTreeMap<String, String> {
        let image = |container: &Value| {
            Some((container_name(container).to_owned(), container["image"].as_str()?.to_owned()))
        };
        self.container_definitions().filter_map(image).collect()
    }

    /// This definition with other images in the containers that `images` names and it has.
    ///
    /// The image is replaced whole, whatever it was, and nothing else is touched. A name that this definition does
    /// not have changes nothing here: the caller looks at [`containers`](Self::containers) first.
    #[must_use]
    pub fn with_images(&self, images: &Images) -> Self {
        let mut copy = self.clone();
        let containers = copy.0.get_mut("containerDefinitions").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(image) = images.get(container_name(container)) {
                container["image"] = Value::from(image.as_str());
            }
        }
        copy
    }

    /// All environment variables, references to secrets and labels of the containers, with their values.
    #[must_use]
    pub fn variables(&self) -> Variables {
        let mut all = Variables::default();
        for container in self.container_definitions() {
            for (name, value) in variables_of(container).iter() {
                all.put(name.clone(), value.map(str::to_owned));
            }
        }
        all
    }

    /// This definition with other variables; an edit of a container that it does not have changes nothing.
    #[must_use]
    pub fn with_variables(&self, edits: &VariableEdits) -> Self {
        let mut copy = self.clone();
        let containers = copy.0.get_mut("containerDefinitions").and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(|container| edit(container, edits));
        copy
    }

    /// This definition with what a deployment brings.
    #[must_use]
    pub fn with(&self, brought: &Brought) -> Self {
        self.with_images(&brought.images).with_variables(&brought.variables)
    }

    /// All of it.
    pub(super) fn value(&self) -> &Value {
        &self.0
    }

    /// Whether it runs confidential tasks, whose attestation policy pins their containers.
    pub(super) fn is_confidential(&self) -> bool {
        let isolation = self.member("trustedExecutionConfiguration").and_then(|it| it.get("isolationMode"));
        isolation.is_some_and(|mode| mode == "CONFIDENTIAL_SANDBOX")
    }

    /// One of its own members.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether the end of a container ends its task, as is so unless the definition says otherwise.
    #[must_use]
    pub fn is_essential(&self, container: &str) -> bool {
        self.container(container).and_then(|container| container.get("essential"))
            != Some(&Value::Bool(false))
    }

    /// The definition of a container.
    pub(super) fn container(&self, name: &str) -> Option<&Value> {
        self.container_definitions().find(|container| container_name(container) == name)
    }

    /// The body of the request that registers it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    /// Whether ECS would run the same from both: equal but for what ECS adds when a definition is read
    /// back, and for the order of lists that it keeps in no order.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }

    pub(super) fn canonical(&self) -> Value {
        canonical(&self.0)
    }

    fn container_definitions(&self) -> impl Iterator<Item = &Value> {
        self.0["containerDefinitions"].as_array().into_iter().flatten()
    }
}

/// A task definition as its JSON text, for whoever keeps one for long: as a tree of values it takes fifteen times the memory,
/// and a worker keeps one for each job.
#[derive(Clone, PartialEq)]
pub struct PackedDefinition(
    /// A JSON text of a [`TaskDefinition`].
    Box<str>,
);

impl PackedDefinition {
    /// The definition that was packed.
    #[must_use]
    pub fn unpack(&self) -> TaskDefinition {
        // The text was written from a value.
        TaskDefinition(serde_json::from_str(&self.0).unwrap_or_default())
    }
}

impl From<&TaskDefinition> for PackedDefinition {
    fn from(definition: &TaskDefinition) -> Self {
        Self(definition.0.to_string().into())
    }
}

impl fmt::Debug for PackedDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unpack().fmt(f)
    }
}

impl fmt::Debug for TaskDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefinition")
            .field("family", &self.family())
            .field("images", &self.images())
            .finish_non_exhaustive()
    }
}

fn container_name(container: &Value) -> &str {
    container["name"].as_str().unwrap_or_default()
}

/// Tags that AWS itself set; `RegisterTaskDefinition` refuses the prefix in any case (ECS API reference, `tags`).
fn is_of_aws(tag: &Value) -> bool {
    let key = tag["key"].as_str().unwrap_or_default();
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

fn unknown_shape(member: &str) -> Failure {
    let what = "the answer to DescribeTaskDefinition is not shaped as the ECS API reference says";
    let failure = Failure::invalid_input(what)
        .advice("Look at the endpoint's address (--endpoint-url, AWS_ENDPOINT_URL): whatever responds there is not Amazon ECS");
    if member.is_empty() {
        failure
    } else {
        failure.because(format!("{member} is missing or of another type"))
    }
}

#[cfg(test)]
pub(super) mod tests;
