//! What ECS adds to a task definition when it is read.
//!
//! Only members that are absent are added: what was registered stays as it was given.

use serde_json::{Value, json};

use crate::request::{merged, text};

/// A definition with the members that were not given, as `DescribeTaskDefinition` shows them.
pub(super) fn completed(given: &Value) -> Value {
    let network_mode = text(given, "networkMode").unwrap_or("bridge");
    let mut definition = merged(json!({ "placementConstraints": [], "volumes": [] }), given);
    complete_each(&mut definition, "containerDefinitions", |container| {
        let unset = json!({
            "cpu": 0,
            "essential": true,
            "environment": [],
            "mountPoints": [],
            "volumesFrom": [],
            "portMappings": [],
            "systemControls": [],
        });
        let mut container = merged(unset, container);
        complete_each(&mut container, "portMappings", |mapping| completed_port(mapping, network_mode));
        if let Some(check) = container.get_mut("healthCheck").filter(|check| check.is_object()) {
            *check = merged(json!({ "interval": 30, "timeout": 5, "retries": 3 }), check);
        }
        container
    });
    definition
}

/// Where the definition could run, from its network mode and sizes.
pub(super) fn compatibilities(definition: &Value) -> Value {
    let has_size = definition.get("cpu").is_some() && definition.get("memory").is_some();
    match text(definition, "networkMode") {
        Some("awsvpc") if has_size => json!(["EC2", "FARGATE"]),
        Some("awsvpc") => json!(["EC2"]),
        Some(_) | None => json!(["EXTERNAL", "EC2"]),
    }
}

/// The attributes that a container instance needs: the two that most definitions have.
pub(super) fn requires_attributes(definition: &Value) -> Value {
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18"];
    if definition.get("taskRoleArn").is_some() {
        names.push("com.amazonaws.ecs.capability.task-iam-role");
    }
    if text(definition, "networkMode") == Some("awsvpc") {
        names.push("ecs.capability.task-eni");
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn completed_port(given: &Value, network_mode: &str) -> Value {
    let mut unset = json!({ "protocol": "tcp" });
    // A range of ports has no single host port.
    if let Some(port) = given.get("containerPort") {
        let is_same = matches!(network_mode, "awsvpc" | "host");
        unset["hostPort"] = if is_same { port.clone() } else { json!(0) };
    }
    merged(unset, given)
}

fn complete_each(object: &mut Value, member: &str, complete: impl Fn(&Value) -> Value) {
    for item in object.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten() {
        *item = complete(item);
    }
}
