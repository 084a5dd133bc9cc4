//! What ECS adds to a task definition when it is read.
//!
//! Only members that are absent are added: what was registered stays as it was given.

use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// Adds the members that were not given, as `DescribeTaskDefinition` shows them.
pub(super) fn complete(definition: &mut Object) {
    let network_mode = definition.get("networkMode").and_then(Value::as_str).unwrap_or("bridge").to_owned();
    add(definition, "placementConstraints", json!([]));
    add(definition, "volumes", json!([]));
    for container in objects(definition, "containerDefinitions") {
        add(container, "cpu", json!(0));
        add(container, "essential", json!(true));
        for list in ["environment", "mountPoints", "volumesFrom", "portMappings", "systemControls"] {
            add(container, list, json!([]));
        }
        for mapping in objects(container, "portMappings") {
            complete_port(mapping, &network_mode);
        }
        if let Some(Value::Object(check)) = container.get_mut("healthCheck") {
            add(check, "interval", json!(30));
            add(check, "timeout", json!(5));
            add(check, "retries", json!(3));
        }
    }
}

/// Where the definition could run, from its network mode and sizes.
pub(super) fn compatibilities(definition: &Object) -> Value {
    match definition.get("networkMode").and_then(Value::as_str) {
        Some("awsvpc") if definition.contains_key("cpu") && definition.contains_key("memory") => {
            json!(["EC2", "FARGATE"])
        }
        Some("awsvpc") => json!(["EC2"]),
        _ => json!(["EXTERNAL", "EC2"]),
    }
}

/// The attributes that a container instance needs: the two that most definitions have.
pub(super) fn requires_attributes(definition: &Object) -> Value {
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18"];
    if definition.contains_key("taskRoleArn") {
        names.push("com.amazonaws.ecs.capability.task-iam-role");
    }
    if definition.get("networkMode").and_then(Value::as_str) == Some("awsvpc") {
        names.push("ecs.capability.task-eni");
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn complete_port(mapping: &mut Object, network_mode: &str) {
    add(mapping, "protocol", json!("tcp"));
    // A range of ports has no single host port.
    if let Some(port) = mapping.get("containerPort").cloned() {
        let host_port = if matches!(network_mode, "awsvpc" | "host") { port } else { json!(0) };
        add(mapping, "hostPort", host_port);
    }
}

fn add(object: &mut Object, member: &str, value: Value) {
    if !object.contains_key(member) {
        object.insert(member.to_owned(), value);
    }
}

fn objects<'a>(object: &'a mut Object, member: &str) -> impl Iterator<Item = &'a mut Object> {
    let items = object.get_mut(member).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}
