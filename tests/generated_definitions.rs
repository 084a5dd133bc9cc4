//! The generator of task definitions is worth what it reaches: here it is measured.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod definitions;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use definitions::model::{Model, Shape, join};
use definitions::{Generated, definition};
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
