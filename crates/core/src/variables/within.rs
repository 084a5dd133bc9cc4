//! Variables within a task definition's JSON.

use serde_json::{Map, Value, json};

use super::{VariableEdits, VariableKind, VariableName, Variables};

impl VariableKind {
    /// The member of an item that holds the value.
    fn value_member(self) -> &'static str {
        match self {
            Self::Environment | Self::Label => "value",
            Self::Secret => "valueFrom",
        }
    }
}

/// All variables of a container definition.
pub(crate) fn variables_of(container: &Value) -> Variables {
    let named = container["name"].as_str().unwrap_or_default();
    let mut found = Variables::default();
    for kind in VariableKind::ALL {
        let mut put = |name: &str, value: Option<&str>| {
            let name = VariableName { container: named.to_owned(), kind, name: name.to_owned() };
            found.put(name, Some(value.unwrap_or_default().to_owned()));
        };
        match container.get(kind.member()) {
            // Of two items of one name the later one counts.
            Some(Value::Array(items)) => {
                for item in items {
                    if let Some(name) = item["name"].as_str() {
                        put(name, item[kind.value_member()].as_str());
                    }
                }
            }
            Some(Value::Object(labels)) => labels.iter().for_each(|(name, value)| put(name, value.as_str())),
            Some(_) | None => {}
        }
    }
    found
}

/// Makes the edits of this container; all else stays as it is.
pub(crate) fn edit(container: &mut Value, edits: &VariableEdits) {
    let named = container["name"].as_str().unwrap_or_default().to_owned();
    let Value::Object(members) = container else { return };
    let mine = || edits.values().filter(|(name, _)| name.container == named);
    // What goes makes room for what comes under the same name.
    for (name, _) in mine().filter(|(_, value)| value.is_none()) {
        remove(members, name);
    }
    for (name, value) in mine() {
        let Some(value) = value else { continue };
        if let Some(rival) = name.rival() {
            remove(members, &rival);
        }
        match name.kind {
            VariableKind::Environment | VariableKind::Secret => put_item(members, name, value),
            VariableKind::Label => put_label(members, name, value),
        }
    }
}

fn remove(members: &mut Map<String, Value>, VariableName { kind, name, .. }: &VariableName) {
    match members.get_mut(kind.member()) {
        Some(Value::Array(items)) => items.retain(|item| item["name"].as_str() != Some(name)),
        Some(Value::Object(labels)) => {
            // To ECS, no labels and an empty object are not known to be the same.
            if labels.remove(name).is_some() && labels.is_empty() {
                members.remove(kind.member());
            }
        }
        Some(_) | None => {}
    }
}

fn put_item(members: &mut Map<String, Value>, VariableName { kind, name, .. }: &VariableName, value: &str) {
    let list = members.entry(kind.member()).or_insert_with(|| json!([]));
    if list.is_null() {
        *list = json!([]);
    }
    let Value::Array(items) = list else { return };
    let mut is_there = false;
    for item in items.iter_mut().filter(|item| item["name"].as_str() == Some(name)) {
        item[kind.value_member()] = value.into();
        is_there = true;
    }
    if !is_there {
        items.push(json!({ "name": name, kind.value_member(): value }));
    }
}

fn put_label(members: &mut Map<String, Value>, VariableName { kind, name, .. }: &VariableName, value: &str) {
    let labels = members.entry(kind.member()).or_insert_with(|| json!({}));
    if labels.is_null() {
        *labels = json!({});
    }
    if let Value::Object(labels) = labels {
        labels.insert(name.clone(), value.into());
    }
}
