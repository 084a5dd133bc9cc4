//! Task definitions of every kind, for property tests: any member of ECS's own model can occur,
//! and beside them members that no SDK knows yet.
//!
//! A request that is generated here keeps to the rules that the embedded ECS enforces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

pub(crate) mod model;
mod rules;

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Number, Value, json};

use model::{Model, Shape, join};

/// A request to register a task definition.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    /// The body of `RegisterTaskDefinition`, tags included.
    pub(crate) definition: Value,
    /// The members in it that the model does not know, or whose value its enum does not list, for
    /// example `containerDefinitions[].futureMember2`, each once.
    pub(crate) undeclared: Vec<String>,
}

/// Any task definition that ECS could hold, small enough for hundreds of cases in seconds.
pub(crate) fn definition() -> impl Strategy<Value = Generated> {
    let model = Model::load();
    Generator { model: &model }.shape(model.root(), "").prop_map(move |mut definition| {
        rules::obey(&mut definition);
        let mut undeclared = Vec::new();
        model.walk(&definition, &mut |path, known| {
            if !known && !undeclared.iter().any(|seen| seen == path) {
                undeclared.push(path.to_owned());
            }
        });
        Generated { definition, undeclared }
    })
}

/// The chance that an optional member is there: high enough that the deepest member of the model
/// occurs within a few hundred cases, low enough that a document stays small.
const PRESENT: f64 = 0.4;
/// The chance that a structure has members that the model does not know.
const FORWARD: f64 = 0.15;
const MOST_CONTAINERS: usize = 3;
const CONTAINER_NAMES: [&str; 6] = ["app", "sidecar", "log_router", "a", "Web-1", "appapp"];

struct Generator<'m> {
    model: &'m Model,
}

impl Generator<'_> {
    /// Values for the member that stands at `path` and has the shape `name`.
    fn member(&self, name: &str, path: &str) -> BoxedStrategy<Value> {
        match path {
            "family" => "[A-Za-z][A-Za-z0-9_-]{0,20}".prop_map(Value::from).boxed(),
            "containerDefinitions" => self.containers(path),
            "containerDefinitions[].image" => image(),
            // ECS refuses an empty role.
            "taskRoleArn" | "executionRoleArn" => {
                "arn:aws:iam::[0-9]{12}:role(/[a-z]{1,6})?/[A-Za-z0-9+=,.@_-]{1,12}"
                    .prop_map(Value::from)
                    .boxed()
            }
            // In CPU units or vCPUs, and in MiB or GB.
            "cpu" => "[1-9][0-9]{2,4}|[1-9]\\.[0-9] ?v(cpu|CPU)".prop_map(Value::from).boxed(),
            "memory" => "[1-9][0-9]{2,4}|[1-9] ?GB".prop_map(Value::from).boxed(),
            "tags" => tags(),
            _ => self.shape(self.model.shape(name), path),
        }
    }

    fn shape(&self, shape: &Shape, path: &str) -> BoxedStrategy<Value> {
        match shape {
            Shape::Structure { members, required } => self.structure(members, required, path),
            Shape::List { member } => {
                vec(self.member(member, &format!("{path}[]")), 0..=2).prop_map(Value::from).boxed()
            }
            Shape::Map => btree_map(text(), text(), 0..=2).prop_map(object).boxed(),
            Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
            Shape::Integer { min, max } => integer(*min, *max),
            Shape::Text => text().prop_map(Value::from).boxed(),
            Shape::Enumeration(words) => prop_oneof![
                9 => select(words.clone()).prop_map(Value::from),
                // A word that was added after the model was taken.
                1 => "[A-Z]{3}_FUTURE".prop_map(Value::from),
            ]
            .boxed(),
        }
    }

    fn structure(
        &self,
        members: &BTreeMap<String, String>,
        required: &[String],
        path: &str,
    ) -> BoxedStrategy<Value> {
        let known: Vec<_> = members
            .iter()
            .map(|(name, shape)| {
                let path = join(path, name);
                let value = self.member(shape, &path);
                let value = if required.contains(name) || ALWAYS.contains(&&*path) {
                    value.prop_map(Some).boxed()
                } else {
                    option::weighted(PRESENT, value).boxed()
                };
                (Just(name.clone()), value)
            })
            .collect();
        let future = option::weighted(FORWARD, btree_map("futureMember[0-9]", any_json(), 1..=2));
        (known, future)
            .prop_map(|(known, future)| {
                let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
                object(known.chain(future.into_iter().flatten()))
            })
            .boxed()
    }

    /// One container or more, no two of one name.
    fn containers(&self, path: &str) -> BoxedStrategy<Value> {
        let container = self.member("ContainerDefinition", &format!("{path}[]"));
        let names = Just(CONTAINER_NAMES.to_vec()).prop_shuffle();
        (names, vec(container, 1..=MOST_CONTAINERS))
            .prop_map(|(names, mut containers)| {
                for (name, container) in names.into_iter().zip(&mut containers) {
                    container["name"] = Value::from(name);
                }
                Value::from(containers)
            })
            .boxed()
    }
}

/// Members that ECS wants although the model does not say so.
const ALWAYS: [&str; 2] = ["containerDefinitions[].name", "containerDefinitions[].image"];

fn integer(min: Option<i32>, max: Option<i32>) -> BoxedStrategy<Value> {
    let (min, max) = (min.unwrap_or(i32::MIN), max.unwrap_or(i32::MAX));
    prop_oneof![Just(min), Just(max), Just(0.clamp(min, max)), min..=max].prop_map(Value::from).boxed()
}

/// Strings of every sort, empty ones too.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[a-zA-Z0-9_./:-]{1,12}",
        2 => "\\PC{0,6}",
        1 => select(vec!["", " ", "null", "0", "\"\\\n\t\u{0}\u{7f}", "{{x}}", "naïve 日本 \u{1f6a2}\u{200d}", "\u{feff}"])
            .prop_map(str::to_owned),
    ]
    .boxed()
}

/// Image references as ECS takes them: with and without a registry, port, tag and digest.
fn image() -> BoxedStrategy<Value> {
    let repository = "([a-z]{1,8}\\.example\\.com(:5000)?/)?[a-z]{1,6}(/[a-z0-9_-]{1,6})?";
    let version = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,8})?(@sha256:[0-9a-f]{64})?";
    (repository, version).prop_map(|(repository, version)| Value::from(repository + &version)).boxed()
}

/// At most three tags with distinct keys, none of which has the prefix `aws:` that AWS keeps for
/// itself.
fn tags() -> BoxedStrategy<Value> {
    let key = "[b-zé][A-Za-z0-9 _.:/=+@-]{0,8}";
    btree_map(key, option::weighted(0.8, "[A-Za-zß0-9 _.:/=+@-]{0,8}"), 0..=3)
        .prop_map(|tags| {
            let tag = |(key, value)| match value {
                Some(value) => json!({ "key": key, "value": value }),
                None => json!({ "key": key }),
            };
            tags.into_iter().map(tag).collect()
        })
        .boxed()
}

/// Any JSON value, nested three deep at most.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        text().prop_map(Value::from),
        number().prop_map(Value::Number),
        Just(json!([])),
        Just(json!({})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..=3).prop_map(Value::from),
            btree_map(text(), inner, 1..=3).prop_map(object),
        ]
    })
}

/// Numbers that a 64-bit type can hold, and numbers that none can.
fn number() -> impl Strategy<Value = Number> {
    let written = select(vec![
        "1e400",
        "-1e-400",
        "0.1000000000000000055",
        "123456789012345678901234567890",
        "-0",
        "-0.0",
        "2.50",
        "18446744073709551615",
        "9007199254740993",
    ]);
    prop_oneof![any::<i64>().prop_map(Number::from), written.prop_map(|text| text.parse().unwrap())]
}

fn object<V: Into<Value>>(members: impl IntoIterator<Item = (String, V)>) -> Value {
    let members: BTreeMap<_, _> = members.into_iter().map(|(name, value)| (name, value.into())).collect();
    Value::Object(Map::from_iter(members))
}
