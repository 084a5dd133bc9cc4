//! ECS's own model of a request, as `crates/sandbox/src/ecs/model.json` keeps it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What `RegisterTaskDefinition` takes.
pub(crate) struct Model {
    root: String,
    shapes: BTreeMap<String, Shape>,
}

/// What a value of the model looks like.
pub(crate) enum Shape {
    Structure {
        /// The shape's name of each member.
        members: BTreeMap<String, String>,
        required: Vec<String>,
    },
    List {
        member: String,
    },
    /// Strings by strings: the model has no other maps here.
    Map,
    Boolean,
    Integer {
        min: Option<i32>,
        max: Option<i32>,
    },
    Text,
    Enumeration(Vec<String>),
}

impl Model {
    /// Reads the committed model.
    pub(crate) fn load() -> Self {
        let file: File =
            serde_json::from_str(include_str!("../../crates/sandbox/src/ecs/model.json")).unwrap();
        let root = file.operations["RegisterTaskDefinition"].clone();
        let mut shapes = BTreeMap::new();
        let mut waiting = vec![root.clone()];
        while let Some(name) = waiting.pop() {
            let shape = file.shapes[&name].read(&name);
            match &shape {
                Shape::Structure { members, .. } => waiting.extend(members.values().cloned()),
                Shape::List { member } => waiting.push(member.clone()),
                Shape::Map | Shape::Boolean | Shape::Integer { .. } | Shape::Text | Shape::Enumeration(_) => {
                }
            }
            shapes.insert(name, shape);
        }
        Self { root, shapes }
    }

    /// The whole request.
    pub(crate) fn root(&self) -> &Shape {
        self.shape(&self.root)
    }

    /// The shape of this name.
    pub(crate) fn shape(&self, name: &str) -> &Shape {
        &self.shapes[name]
    }

    /// Calls `visit` with the path of each member in `request`, `containerDefinitions[].cpu` for
    /// example, and whether the model knows it; and once more for a value that its enum does not list.
    /// What stands below an unknown member, or in a map, has no path.
    pub(crate) fn walk(&self, request: &Value, visit: &mut dyn FnMut(&str, bool)) {
        self.walk_shape(self.root(), request, "", visit);
    }

    fn walk_shape(&self, shape: &Shape, value: &Value, path: &str, visit: &mut dyn FnMut(&str, bool)) {
        match shape {
            Shape::Structure { members, .. } => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let path = join(path, name);
                    let shape = members.get(name);
                    visit(&path, shape.is_some());
                    if let Some(shape) = shape {
                        self.walk_shape(self.shape(shape), value, &path, visit);
                    }
                }
            }
            Shape::List { member } => {
                for value in value.as_array().into_iter().flatten() {
                    self.walk_shape(self.shape(member), value, &format!("{path}[]"), visit);
                }
            }
            Shape::Enumeration(listed) => {
                if value.as_str().is_some_and(|text| listed.iter().all(|word| word != text)) {
                    visit(path, false);
                }
            }
            Shape::Map | Shape::Boolean | Shape::Integer { .. } | Shape::Text => {}
        }
    }
}

/// The path of the member `name` of the structure at `path`.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[derive(Deserialize)]
struct File {
    operations: BTreeMap<String, String>,
    shapes: BTreeMap<String, RawShape>,
}

/// A shape as botocore writes it.
#[derive(Deserialize)]
struct RawShape {
    r#type: String,
    #[serde(default)]
    members: BTreeMap<String, String>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    member: String,
    #[serde(default)]
    r#enum: Vec<String>,
    min: Option<i32>,
    max: Option<i32>,
}

impl RawShape {
    fn read(&self, name: &str) -> Shape {
        match self.r#type.as_str() {
            "structure" => {
                Shape::Structure { members: self.members.clone(), required: self.required.clone() }
            }
            "list" => Shape::List { member: self.member.clone() },
            "map" => Shape::Map,
            "boolean" => Shape::Boolean,
            "integer" => Shape::Integer { min: self.min, max: self.max },
            "string" if self.r#enum.is_empty() => Shape::Text,
            "string" => Shape::Enumeration(self.r#enum.clone()),
            other => panic!("{name} has the type {other}, for which there is no generator yet"),
        }
    }
}
