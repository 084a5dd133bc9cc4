//! What ECS demands of several members together, which a generator of single members cannot know.

use serde_json::{Value, json};

/// Changes a generated definition as little as possible, so that ECS takes it.
pub(super) fn obey(definition: &mut Value) {
    let is_fargate = texts(&definition["requiresCompatibilities"]).any(|it| it == "FARGATE");
    if is_fargate {
        definition["networkMode"] = json!("awsvpc");
        definition["cpu"] = json!("0.5 vCPU");
        definition["memory"] = json!("2048");
    }
    let has_secrets =
        containers(definition).iter().any(|it| it["secrets"].as_array().is_some_and(|all| !all.is_empty()));
    if (is_fargate || has_secrets) && definition.get("executionRoleArn").is_none() {
        definition["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/execution");
    }
    if containers(definition).iter().all(|it| it["essential"] == false) {
        definition["containerDefinitions"][0]["essential"] = json!(true);
    }
    obey_sizes(definition);
    obey_ports(definition);
    obey_volumes(definition);
    obey_references(definition);
    for container in containers_mut(definition) {
        if let Some(driver) = container.pointer_mut("/logConfiguration/logDriver").filter(|_| is_fargate) {
            *driver = json!("splunk");
        }
    }
}

/// Every container has some memory, unless the task has.
fn obey_sizes(definition: &mut Value) {
    let task_has = definition.get("memory").is_some();
    for container in containers_mut(definition) {
        let has = |member: &str| container.get(member).is_some_and(|size| *size != 0);
        let has_none = !task_has && !has("memory") && !has("memoryReservation");
        if has_none || container["memory"] == 0 {
            container["memory"] = json!(64);
        }
    }
}

/// A task's network namespace has each port once.
fn obey_ports(definition: &mut Value) {
    if !matches!(definition.get("networkMode").and_then(Value::as_str), Some("awsvpc" | "host")) {
        return;
    }
    for container in containers_mut(definition) {
        for mapping in container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten() {
            if let (Some(port), true) =
                (mapping.get("containerPort").cloned(), mapping.get("hostPort").is_some())
            {
                mapping["hostPort"] = port;
            }
        }
    }
}

/// A container mounts only volumes that the task has.
fn obey_volumes(definition: &mut Value) {
    let volumes = definition.get("volumes").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = volumes.iter().find_map(|volume| volume.get("name")).cloned();
    for container in containers_mut(definition) {
        for mount in container.get_mut("mountPoints").and_then(Value::as_array_mut).into_iter().flatten() {
            mount["sourceVolume"] = name.clone().unwrap_or_else(|| json!("scratch"));
        }
    }
    if name.is_none() {
        let mut volumes = volumes;
        volumes.push(json!({ "name": "scratch" }));
        definition["volumes"] = json!(volumes);
    }
}

/// A container refers only to one that stands before it, so that there is no circle.
fn obey_references(definition: &mut Value) {
    let is_awsvpc = definition["networkMode"] == "awsvpc";
    let mut before: Option<Value> = None;
    for container in containers_mut(definition) {
        if let Some(links) = container.get_mut("links").and_then(Value::as_array_mut) {
            match before.as_ref().filter(|_| !is_awsvpc) {
                Some(target) => links.fill(target["name"].clone()),
                None => links.clear(),
            }
        }
        if let Some(sources) = container.get_mut("volumesFrom").and_then(Value::as_array_mut) {
            match &before {
                Some(target) => {
                    sources.iter_mut().for_each(|it| it["sourceContainer"] = target["name"].clone())
                }
                None => sources.clear(),
            }
        }
        if let Some(dependencies) = container.get_mut("dependsOn").and_then(Value::as_array_mut) {
            match &before {
                Some(target) => dependencies.iter_mut().for_each(|it| depend(it, target)),
                None => dependencies.clear(),
            }
        }
        before = Some(container.clone());
    }
}

fn depend(dependency: &mut Value, target: &Value) {
    dependency["containerName"] = target["name"].clone();
    let is_possible = match dependency["condition"].as_str() {
        Some("COMPLETE" | "SUCCESS") => target.get("essential") == Some(&json!(false)),
        Some("HEALTHY") => target.get("healthCheck").is_some(),
        _ => true,
    };
    if !is_possible {
        dependency["condition"] = json!("START");
    }
}

fn containers(definition: &Value) -> &[Value] {
    definition["containerDefinitions"].as_array().unwrap()
}

fn containers_mut(definition: &mut Value) -> impl Iterator<Item = &mut Value> {
    definition["containerDefinitions"].as_array_mut().unwrap().iter_mut()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
