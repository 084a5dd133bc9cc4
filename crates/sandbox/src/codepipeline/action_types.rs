//! The types of custom actions that the account has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::invalid;
use crate::wire::ApiError;

/// How many custom action types an account may have in a Region (quotas; adjustable).
const MOST_TYPES: usize = 50;
/// How many tags a resource may have.
const MOST_TAGS: usize = 50;
/// The categories that a custom action may have (user guide; the model's enum has more).
const CATEGORIES: [&str; 4] = ["Build", "Deploy", "Test", "Invoke"];

/// Every custom action type, with the request that created it.
#[derive(Debug, Clone, Default)]
pub(super) struct ActionTypes(BTreeMap<TypeId, Value>);

/// What tells action types apart; the owner is always `Custom`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TypeId {
    pub(super) category: String,
    pub(super) provider: String,
    pub(super) version: String,
}

/// A property of the configuration of a type's actions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    pub(super) required: bool,
    pub(super) queryable: bool,
    secret: bool,
}

impl ActionTypes {
    /// Creates a type, whose request fits the model.
    pub(super) fn create(&mut self, request: &Value) -> Result<Value, ApiError> {
        let id = TypeId::of(request);
        if !CATEGORIES.contains(&id.category.as_str()) {
            let categories = CATEGORIES.join(", ");
            return Err(invalid(format!("The category of a custom action is one of [{categories}]")));
        }
        check_properties(request)?;
        check_templates(request)?;
        check_tags(request)?;
        // The documentation names no error of its own for a type that exists.
        if self.0.contains_key(&id) {
            return Err(invalid(format!("The action type {} already exists", id.shown())));
        }
        if self.0.len() == MOST_TYPES {
            let message = format!("An account has at most {MOST_TYPES} custom actions in a Region");
            return Err(ApiError::new("LimitExceededException", message));
        }

        let mut action_type = json!({ "id": id.view() });
        for (member, of_request) in [
            ("settings", "settings"),
            ("actionConfigurationProperties", "configurationProperties"),
            ("inputArtifactDetails", "inputArtifactDetails"),
            ("outputArtifactDetails", "outputArtifactDetails"),
        ] {
            if let Some(value) = request.get(of_request) {
                action_type[member] = value.clone();
            }
        }
        let mut answer = json!({ "actionType": action_type });
        if let Some(tags) = request.get("tags") {
            answer["tags"] = tags.clone();
        }
        self.0.insert(id, request.clone());
        Ok(answer)
    }

    /// The properties of a type's configuration; `None` if there is no such type.
    pub(super) fn properties(&self, id: &TypeId) -> Option<Vec<Property<'_>>> {
        self.0.get(id).map(properties)
    }

    /// How many input (or output) artifacts a type's actions have at least and at most.
    pub(super) fn artifact_counts(&self, id: &TypeId, details: &str) -> Option<(u64, u64)> {
        let details = self.0.get(id)?.get(details)?;
        Some((details.get("minimumCount")?.as_u64()?, details.get("maximumCount")?.as_u64()?))
    }
}

impl TypeId {
    /// Reads the members `category`, `provider` and `version`.
    pub(super) fn of(value: &Value) -> Self {
        let text = |member| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { category: text("category"), provider: text("provider"), version: text("version") }
    }

    pub(super) fn view(&self) -> Value {
        let Self { category, provider, version } = self;
        json!({ "category": category, "owner": "Custom", "provider": provider, "version": version })
    }

    /// The type as AWS writes it in messages.
    pub(super) fn shown(&self) -> String {
        let Self { category, provider, version } = self;
        format!("(Category: '{category}', Provider: '{provider}', Owner: 'Custom', Version: '{version}')")
    }
}

fn properties(request: &Value) -> Vec<Property<'_>> {
    let properties = request.get("configurationProperties").and_then(Value::as_array);
    properties.into_iter().flatten().map(Property::of).collect()
}

impl<'a> Property<'a> {
    fn of(value: &'a Value) -> Self {
        let flag = |member| value.get(member).and_then(Value::as_bool).unwrap_or_default();
        Self {
            name: value["name"].as_str().unwrap_or_default(),
            required: flag("required"),
            queryable: flag("queryable"),
            secret: flag("secret"),
        }
    }
}

fn check_properties(request: &Value) -> Result<(), ApiError> {
    let properties = properties(request);
    let is_twice =
        |it: &&Property<'_>| properties.iter().filter(|other| other.name == it.name).nth(1).is_some();
    if let Some(property) = properties.iter().find(is_twice) {
        return Err(invalid(format!("The configuration property {} is there twice", property.name)));
    }
    let queryable: Vec<_> = properties.iter().filter(|it| it.queryable).collect();
    if queryable.len() > 1 {
        return Err(invalid("An action type can have up to one queryable property"));
    }
    match queryable.iter().find(|it| !it.required || it.secret) {
        Some(property) => {
            let message =
                format!("The queryable property {} must be both required and not secret", property.name);
            Err(invalid(message))
        }
        None => Ok(()),
    }
}

/// `{Config:Name}` in a URL stands for the value of a property that is required and not secret.
fn check_templates(request: &Value) -> Result<(), ApiError> {
    let properties = properties(request);
    for template in ["entityUrlTemplate", "executionUrlTemplate", "revisionUrlTemplate"] {
        let url = request.pointer(&format!("/settings/{template}")).and_then(Value::as_str);
        for part in url.unwrap_or_default().split("{Config:").skip(1) {
            let name = part.split('}').next().unwrap_or_default();
            if !properties.iter().any(|it| it.name == name && it.required && !it.secret) {
                let message = format!(
                    "{template}: {{Config:{name}}} has to name a required property that is not secret"
                );
                return Err(invalid(message));
            }
        }
    }
    Ok(())
}

fn check_tags(request: &Value) -> Result<(), ApiError> {
    let tags = request.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if tags.len() > MOST_TAGS {
        let message = format!("A resource has at most {MOST_TAGS} tags");
        return Err(ApiError::new("TooManyTagsException", message));
    }
    match tags.iter().filter_map(|tag| tag.get("key")?.as_str()).find(|key| key.starts_with("aws:")) {
        Some(key) => Err(ApiError::new("InvalidTagsException", format!("The tag key {key} is reserved"))),
        None => Ok(()),
    }
}
