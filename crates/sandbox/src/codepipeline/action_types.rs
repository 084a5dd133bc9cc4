//! The types of custom actions that the account has.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use super::model::invalid;
use crate::request::{list, without_nulls};
use crate::wire::{ApiError, ApiResult, refuse_if};

/// How many custom action types an account may have in a Region (quotas; adjustable).
const MOST_TYPES: usize = 50;
/// How many tags a resource may have.
const MOST_TAGS: usize = 50;
/// The categories that a custom action may have (user guide; the model's enum has more).
const CATEGORIES: [&str; 4] = ["Build", "Deploy", "Test", "Invoke"];

/// Every custom action type.
#[derive(Debug, Clone, Default)]
pub(super) struct ActionTypes(BTreeMap<TypeId, ActionType>);

/// What tells action types apart; the owner is always `Custom`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
pub(super) struct TypeId {
    pub(super) category: String,
    pub(super) provider: String,
    pub(super) version: String,
}

/// What a type demands of its actions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ActionType {
    #[serde(rename = "configurationProperties")]
    pub(super) properties: Vec<Property>,
    pub(super) input_artifact_details: ArtifactCounts,
    pub(super) output_artifact_details: ArtifactCounts,
}

/// A property of the configuration of a type's actions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) required: bool,
    queryable: bool,
    secret: bool,
}

/// How many input (or output) artifacts a type's actions have at least and at most.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArtifactCounts {
    pub(super) minimum_count: u64,
    pub(super) maximum_count: u64,
}

impl ActionTypes {
    /// Creates a type, whose request fits the model.
    pub(super) fn create(&mut self, request: &Value) -> ApiResult {
        let id = TypeId::of(request);
        refuse_if(!CATEGORIES.contains(&id.category.as_str()), || {
            let categories = CATEGORIES.join(", ");
            invalid(format!("The category of a custom action is one of [{categories}]"))
        })?;
        let action_type = ActionType::deserialize(request);
        let action_type = action_type.map_err(|error| ApiError::serialization(error.to_string()))?;
        action_type.check_properties()?;
        action_type.check_templates(&request["settings"])?;
        check_tags(request)?;
        // The documentation names no error of its own for a type that exists.
        refuse_if(self.0.contains_key(&id), || invalid(format!("The action type {id} already exists")))?;
        refuse_if(self.0.len() == MOST_TYPES, || {
            let message = format!("An account has at most {MOST_TYPES} custom actions in a Region");
            ApiError::new("LimitExceededException", message)
        })?;

        let answer = without_nulls(json!({
            "id": id.view(),
            "settings": request["settings"],
            "actionConfigurationProperties": request["configurationProperties"],
            "inputArtifactDetails": request["inputArtifactDetails"],
            "outputArtifactDetails": request["outputArtifactDetails"],
        }));
        self.0.insert(id, action_type);
        Ok(without_nulls(json!({ "actionType": answer, "tags": request["tags"] })))
    }

    pub(super) fn get(&self, id: &TypeId) -> Option<&ActionType> {
        self.0.get(id)
    }
}

impl TypeId {
    /// Reads the members `category`, `provider` and `version`.
    pub(super) fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    pub(super) fn view(&self) -> Value {
        let Self { category, provider, version } = self;
        json!({ "category": category, "owner": "Custom", "provider": provider, "version": version })
    }
}

/// The type as AWS writes it in messages.
impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { category, provider, version } = self;
        write!(f, "(Category: '{category}', Provider: '{provider}', Owner: 'Custom', Version: '{version}')")
    }
}

impl ActionType {
    /// The property that polls can ask for, if there is one.
    pub(super) fn queryable(&self) -> Option<&Property> {
        self.properties.iter().find(|it| it.queryable)
    }

    fn check_properties(&self) -> Result<(), ApiError> {
        let count = |name: &str| self.properties.iter().filter(|it| it.name == name).count();
        if let Some(Property { name, .. }) = self.properties.iter().find(|it| count(&it.name) > 1) {
            return Err(invalid(format!("The configuration property {name} is there twice")));
        }
        refuse_if(self.properties.iter().filter(|it| it.queryable).count() > 1, || {
            invalid("An action type can have up to one queryable property")
        })?;
        match self.queryable().filter(|it| !it.required || it.secret) {
            Some(Property { name, .. }) => {
                Err(invalid(format!("The queryable property {name} must be both required and not secret")))
            }
            None => Ok(()),
        }
    }

    /// `{Config:Name}` in a URL stands for the value of a property that is required and not secret.
    fn check_templates(&self, settings: &Value) -> Result<(), ApiError> {
        for template in ["entityUrlTemplate", "executionUrlTemplate", "revisionUrlTemplate"] {
            for part in settings[template].as_str().unwrap_or_default().split("{Config:").skip(1) {
                let name = part.split('}').next().unwrap_or_default();
                let is_told = self.properties.iter().any(|it| it.name == name && it.required && !it.secret);
                refuse_if(!is_told, || {
                    invalid(format!(
                        "{template}: {{Config:{name}}} has to name a required property that is not secret"
                    ))
                })?;
            }
        }
        Ok(())
    }
}

fn check_tags(request: &Value) -> Result<(), ApiError> {
    let tags = list(request, "tags");
    refuse_if(tags.len() > MOST_TAGS, || {
        ApiError::new("TooManyTagsException", format!("A resource has at most {MOST_TAGS} tags"))
    })?;
    match tags.iter().filter_map(|tag| tag["key"].as_str()).find(|key| key.starts_with("aws:")) {
        Some(key) => Err(ApiError::new("InvalidTagsException", format!("The tag key {key} is reserved"))),
        None => Ok(()),
    }
}
