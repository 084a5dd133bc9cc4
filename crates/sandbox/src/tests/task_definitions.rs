//! Task definitions are kept as they were given and completed only when they are read.

use serde_json::{Value, json};

use super::world::World;
use crate::Sandbox;

/// Members of every kind, with the values that a careless copy loses.
const RICH: &str = r#"{
    "family": "rich", "networkMode": "awsvpc", "cpu": "1024", "memory": "2048", "volumes": [{"name": "v", "host": {}}],
    "futureMember": {"deep": [1, null, {}, ""]}, "pidMode": null, "requiresCompatibilities": [],
    "runtimePlatform": {}, "tags": [{"key": "team", "value": ""}],
    "containerDefinitions": [
        {"name": "app", "image": "app:1", "cpu": 10, "environment": [{"name": "EMPTY", "value": ""}],
         "command": [], "dockerLabels": {"": "", "ü": "☃"}, "futureMember": 12345678901234567890.12345678901234567890,
         "stopTimeout": 30.0, "portMappings": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81}],
         "logConfiguration": {"logDriver": "splunk", "options": {"tag": ""}}, "healthCheck": {"command": ["x"]},
         "essential": false},
        {"name": "sidecar", "image": "app:1", "mountPoints": null}]}"#;

#[tokio::test(start_paused = true)]
async fn a_definition_is_stored_as_it_was_given() {
    let sandbox = accepting_future_members();
    let rich: Value = serde_json::from_str(RICH).unwrap();
    sandbox.call("RegisterTaskDefinition", rich.clone()).unwrap();
    let stored = sandbox.stored("rich:1").unwrap();
    assert_eq!(stored, rich);
    assert!(stored.to_string().contains("12345678901234567890.12345678901234567890"), "{stored}");
    assert!(stored.to_string().contains("30.0"), "{stored}");
}

#[tokio::test(start_paused = true)]
async fn reading_adds_only_what_is_absent() {
    let sandbox = accepting_future_members();
    let rich: Value = serde_json::from_str(RICH).unwrap();
    sandbox.call("RegisterTaskDefinition", rich.clone()).unwrap();
    let request = json!({ "taskDefinition": "rich", "include": ["TAGS"] });
    let answer = sandbox.call("DescribeTaskDefinition", request).unwrap();
    assert_eq!(answer["tags"], rich["tags"]);

    let mut expected = rich;
    let members = expected.as_object_mut().unwrap();
    members.remove("tags");
    members.insert("placementConstraints".to_owned(), json!([]));
    let app = &mut expected["containerDefinitions"][0];
    app["mountPoints"] = json!([]);
    app["volumesFrom"] = json!([]);
    app["systemControls"] = json!([]);
    app["portMappings"] = json!([
        { "containerPort": 80, "hostPort": 80, "protocol": "tcp" },
        { "containerPort": 81, "hostPort": 81, "protocol": "tcp" },
    ]);
    app["healthCheck"] = json!({ "command": ["x"], "interval": 30, "timeout": 5, "retries": 3 });
    let sidecar = &mut expected["containerDefinitions"][1];
    for list in ["environment", "volumesFrom", "portMappings", "systemControls"] {
        sidecar[list] = json!([]);
    }
    sidecar["cpu"] = json!(0);
    sidecar["essential"] = json!(true);
    for (member, value) in [
        ("taskDefinitionArn", json!("arn:aws:ecs:eu-west-1:123456789012:task-definition/rich:1")),
        ("revision", json!(1)),
        ("status", json!("ACTIVE")),
        ("compatibilities", json!(["EC2", "FARGATE"])),
        ("registeredAt", json!(1_767_268_800.0)),
        ("registeredBy", json!("arn:aws:iam::123456789012:user/evenkeel")),
    ] {
        expected[member] = value;
    }
    let mut definition = answer["taskDefinition"].clone();
    let attributes = definition.as_object_mut().unwrap().remove("requiresAttributes").unwrap();
    assert_eq!(attributes[1], json!({ "name": "ecs.capability.task-eni" }));
    assert_eq!(definition, expected);
}

#[tokio::test(start_paused = true)]
async fn a_port_without_a_host_port_gets_one_by_network_mode() {
    let world = World::empty();
    for (mode, host_port) in [("bridge", 0), ("host", 80), ("awsvpc", 80)] {
        let containers =
            json!([{ "name": "app", "image": "app:1", "portMappings": [{ "containerPort": 80 }] }]);
        let request = json!({ "family": mode, "networkMode": mode, "memory": "512", "containerDefinitions": containers });
        world.call("RegisterTaskDefinition", request);
        let request = world.ecs.describe_task_definition().task_definition(mode);
        let definition = request.send().await.unwrap().task_definition.unwrap();
        let port = &definition.container_definitions()[0].port_mappings()[0];
        assert_eq!(port.host_port(), Some(host_port), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn revisions_only_increase_and_a_family_means_its_latest_active_one() {
    let world = World::empty();
    for image in ["app:1", "app:2", "app:3"] {
        world.register(image);
    }
    assert_eq!(arn_of(&world, "web").await, "web:3");
    let request = world.ecs.deregister_task_definition().task_definition("web:3");
    let definition = request.send().await.unwrap().task_definition.unwrap();
    assert_eq!(definition.status().unwrap().as_str(), "INACTIVE");
    assert!(definition.deregistered_at().is_some());
    assert_eq!(arn_of(&world, "web").await, "web:2");
    assert_eq!(arn_of(&world, "web:3").await, "web:3");
    assert!(world.register("app:4").ends_with("web:4"));

    let listed = |request: Value| {
        let answer = world.call("ListTaskDefinitions", request);
        let arns = answer["taskDefinitionArns"].as_array().unwrap().clone();
        arns.iter()
            .map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(json!({ "familyPrefix": "web" })), ["web:1", "web:2", "web:4"]);
    assert_eq!(listed(json!({ "sort": "DESC", "maxResults": 2 })), ["web:4", "web:2"]);
    assert_eq!(listed(json!({ "sort": "DESC", "maxResults": 2, "nextToken": "2" })), ["web:1"]);
    assert_eq!(listed(json!({ "status": "INACTIVE" })), ["web:3"]);
    assert_eq!(listed(json!({ "familyPrefix": "we" })), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn tags_are_shown_only_when_asked_for() {
    let world = World::empty();
    let containers = json!([{ "name": "app", "image": "app:1", "memory": 128 }]);
    let tags = json!([{ "key": "team", "value": "shop" }]);
    world.call(
        "RegisterTaskDefinition",
        json!({ "family": "web", "containerDefinitions": containers, "tags": tags }),
    );
    let answer = world.call("DescribeTaskDefinition", json!({ "taskDefinition": "web" }));
    assert_eq!(answer.get("tags"), None);
    assert_eq!(answer["taskDefinition"].get("tags"), None);
    let answer =
        world.call("DescribeTaskDefinition", json!({ "taskDefinition": "web", "include": ["TAGS"] }));
    assert_eq!(answer["tags"], tags);
}

fn accepting_future_members() -> Sandbox {
    let sandbox = World::empty().sandbox;
    sandbox.declare_member("futureMember");
    sandbox.declare_member("containerDefinitions[].futureMember");
    sandbox
}

async fn arn_of(world: &World, reference: &str) -> String {
    let request = world.ecs.describe_task_definition().task_definition(reference);
    let arn = request.send().await.unwrap().task_definition.unwrap().task_definition_arn.unwrap();
    arn.rsplit('/').next().unwrap().to_owned()
}
