//! The generator of task definitions is worth what it reaches: here it is measured.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod definitions;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use definitions::model::{Model, Shape, join};
use definitions::{Generated, definition};
use evenkeel_core::task_definition::Revision;
use evenkeel_core::variables::{VariableEdits, VariableKind, VariableName};
use proptest::prelude::*;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

#[test]
fn every_member_of_the_model_occurs() {
    let model = Model::load();
    let mut known = BTreeSet::new();
    members(&model, model.root(), "", &mut known);

    let mut met = BTreeSet::new();
    for sample in &*SAMPLES {
        model.walk(&sample.definition, &mut |path, is_known| {
            if is_known {
                met.insert(path.to_owned());
            }
        });
    }

    println!("{} of the model's {} members occur in {} definitions", met.len(), known.len(), SAMPLES.len());
    assert!(known.len() > 150, "the model has only {} members: is it read whole?", known.len());
    assert_eq!(met, known);
}

#[test]
fn members_that_no_sdk_knows_occur_and_are_named() {
    let named: BTreeSet<_> = SAMPLES.iter().flat_map(|sample| &sample.undeclared).collect();

    println!("{} paths of unknown members occur in {} definitions", named.len(), SAMPLES.len());
    for expected in ["futureMember0", "containerDefinitions[].futureMember0"] {
        assert!(named.contains(&expected.to_owned()), "{expected} never occurs");
    }
    assert!(named.contains(&"networkMode".to_owned()), "a value of an enum that no SDK knows never occurs");
    for sample in &*SAMPLES {
        let text = sample.definition.to_string();
        let has = |part: &str| text.contains(part);
        assert_eq!(has("futureMember") || has("_FUTURE\""), !sample.undeclared.is_empty(), "{text}");
    }
}

#[test]
fn the_values_that_copying_tools_lose_occur() {
    let everything: String = SAMPLES.iter().map(|sample| sample.definition.to_string()).collect();
    for expected in [
        "1e+400",
        "0.1000000000000000055",
        "123456789012345678901234567890",
        ":null",
        ":\"\"",
        ":[]",
        ":{}",
        "日本",
        "@sha256:",
        ".example.com:5000/",
    ] {
        assert!(everything.contains(expected), "{expected} never occurs");
    }
}

#[test]
fn each_definition_is_one_that_ecs_takes() {
    for Generated { definition, .. } in &*SAMPLES {
        let text = definition.to_string();
        assert!(text.len() <= 64 * 1024, "{} bytes: {text}", text.len());
        assert_ne!(definition["family"], "");
        let containers = definition["containerDefinitions"].as_array().unwrap();
        let names: BTreeSet<_> =
            containers.iter().map(|container| container["name"].as_str().unwrap()).collect();
        assert!(!names.contains("") && !names.is_empty() && names.len() == containers.len(), "{text}");
        assert!(containers.iter().all(|container| container["image"].as_str() != Some("")), "{text}");
        let tags = definition.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        let keys: BTreeSet<_> = tags.iter().map(|tag| tag["key"].as_str().unwrap()).collect();
        assert_eq!(keys.len(), tags.len(), "{text}");
        assert!(keys.iter().all(|key| !key.to_lowercase().starts_with("aws:")), "{text}");
    }
}

/// The path of every member that the model has below `path`.
fn members(model: &Model, shape: &Shape, path: &str, found: &mut BTreeSet<String>) {
    match shape {
        Shape::Structure { members: inner, .. } => {
            for (name, shape) in inner {
                let path = join(path, name);
                members(model, model.shape(shape), &path, found);
                found.insert(path);
            }
        }
        Shape::List { member } => members(model, model.shape(member), &format!("{path}[]"), found),
        Shape::Map | Shape::Boolean | Shape::Integer { .. } | Shape::Text | Shape::Enumeration(_) => {}
    }
}

/// The same definitions on every run, so that what they reach is a fact and not luck.
static SAMPLES: LazyLock<Vec<Generated>> = LazyLock::new(|| {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = definition();
    (0..400).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
});

/// Which container and entry an edit is of, and the value that it gets: none takes the entry out.
type Pick = (usize, usize, usize, Option<String>);

proptest! {
    #[test]
    fn an_edit_of_variables_changes_nothing_else(
        sample in definition(),
        picks in proptest::collection::vec((0..4_usize, 0..3_usize, 0..6_usize, any::<Option<String>>()), 1..6),
    ) {
        let mut members = sample.definition;
        members.as_object_mut().unwrap().remove("tags");
        let revision = revision(&members);
        let edits = edits(&members, picks);
        let copy = revision.definition.with_variables(&edits);
        let copy: Value = serde_json::from_slice(&copy.to_json()).unwrap();
        prop_assert_eq!(without(&copy, &edits), without(&members, &edits));
        let there = revision.definition.with_variables(&edits).variables();
        for (name, value) in edits.values() {
            prop_assert_eq!(there.value(name), value, "{}", name);
        }
        let again = revision.definition.with_variables(&edits).with_variables(&edits);
        prop_assert_eq!(serde_json::from_slice::<Value>(&again.to_json()).unwrap(), copy);
    }
}

fn revision(members: &Value) -> Revision {
    let mut described = members.clone();
    described["taskDefinitionArn"] = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1".into();
    described["status"] = "ACTIVE".into();
    let answer = serde_json::json!({ "taskDefinition": described });
    Revision::from_describe(answer.to_string().as_bytes()).unwrap()
}

/// Edits of names that are there and of new ones; no name is edited twice, nor as a variable and as a secret.
fn edits(members: &Value, picks: Vec<Pick>) -> VariableEdits {
    let mut edits = VariableEdits::default();
    let containers = members["containerDefinitions"].as_array().unwrap();
    for (container, kind, name, value) in picks {
        let container = &containers[container % containers.len()];
        let kind = VariableKind::ALL[kind];
        let names: Vec<String> = match &container[kind.member()] {
            Value::Array(items) => {
                items.iter().filter_map(|item| Some(item["name"].as_str()?.to_owned())).collect()
            }
            Value::Object(labels) => labels.keys().cloned().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        let name = names.get(name).cloned().unwrap_or_else(|| format!("NEW{name}"));
        let name = VariableName { container: container["name"].as_str().unwrap().to_owned(), kind, name };
        if edits.has(&name) {
            continue;
        }
        let list = if value.is_some() { &mut edits.set } else { &mut edits.given_back };
        list.put(name, value);
    }
    edits
}

/// The definition without the entries that are edited, and without lists and objects of them that are empty.
fn without(members: &Value, edits: &VariableEdits) -> Value {
    let mut rest = members.clone();
    for container in rest["containerDefinitions"].as_array_mut().unwrap() {
        let named = container["name"].as_str().unwrap().to_owned();
        for kind in VariableKind::ALL {
            let is_edited = |name: &str| {
                let (container, name) = (named.clone(), name.to_owned());
                // What is taken out of one list stays in the other.
                let one = VariableName { container, kind, name };
                let other = one.rival().filter(|other| edits.set.has(other));
                edits.set.has(&one) || edits.given_back.has(&one) || other.is_some()
            };
            let is_empty = match container.get_mut(kind.member()) {
                Some(Value::Array(items)) => {
                    items.retain(|item| !item["name"].as_str().is_some_and(is_edited));
                    items.is_empty()
                }
                Some(Value::Object(labels)) => {
                    labels.retain(|name, _| !is_edited(name));
                    labels.is_empty()
                }
                Some(Value::Null) => true,
                Some(_) | None => false,
            };
            if is_empty {
                container.as_object_mut().unwrap().remove(kind.member());
            }
        }
    }
    rest
}
