//! What a request to run a task may say, what ECS makes of it, and what it refuses.

use serde_json::{Value, json};

use super::world::World;

#[tokio::test(start_paused = true)]
async fn a_task_runs_on_what_the_request_or_its_cluster_says() {
    let world = world();
    let strategy = |provider: &str| json!([{ "capacityProvider": "INSTANCES" }, { "capacityProvider": provider, "weight": 1 }]);
    world.call(
        "CreateCluster",
        json!({ "clusterName": "spot", "defaultCapacityProviderStrategy": strategy("FARGATE_SPOT") }),
    );
    for (members, launch_type, provider) in [
        (json!({}), "EC2", Value::Null),
        (json!({ "launchType": "FARGATE" }), "FARGATE", Value::Null),
        (json!({ "capacityProviderStrategy": strategy("FARGATE") }), "FARGATE", json!("FARGATE")),
        (json!({ "capacityProviderStrategy": strategy("GROUP") }), "EC2", json!("GROUP")),
        (json!({ "cluster": "spot" }), "FARGATE", json!("FARGATE_SPOT")),
        (json!({ "cluster": "spot", "launchType": "EC2" }), "EC2", Value::Null),
    ] {
        let task = run(&world, "vpc", &members);
        assert_eq!((&task["launchType"], &task["capacityProviderName"]), (&json!(launch_type), &provider));
        assert_eq!(task["platformVersion"].as_str(), (launch_type == "FARGATE").then_some("1.4.0"));
        assert_eq!(task["attachments"][0]["status"], "PRECREATED");
        assert_eq!((&task["cpu"], &task["memory"]), (&json!("256"), &json!("512")));
    }
}

#[tokio::test(start_paused = true)]
async fn tags_come_from_the_request_the_definition_and_ecs() {
    let world = world();
    let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
    let own = json!([tag("owner", "me")]);
    for (members, tags) in [
        (json!({}), json!([])),
        (json!({ "propagateTags": "NONE", "tags": own }), own.clone()),
        (json!({ "propagateTags": "TASK_DEFINITION" }), json!([tag("owner", "team"), tag("app", "vpc")])),
        (
            json!({ "propagateTags": "TASK_DEFINITION", "tags": own, "enableECSManagedTags": true }),
            json!([tag("owner", "me"), tag("app", "vpc"), tag("aws:ecs:clusterName", "prod")]),
        ),
    ] {
        assert_eq!(run(&world, "vpc", &members)["tags"], tags, "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_overrides_name_every_container_and_change_sizes() {
    let world = world();
    let given = json!({ "name": "side", "command": ["true"], "environment": [] });
    let overrides = json!({ "memory": "1024", "containerOverrides": [given] });
    let task = run(&world, "vpc", &json!({ "overrides": overrides, "group": "jobs" }));
    assert_eq!(task["overrides"]["containerOverrides"], json!([{ "name": "app" }, given]));
    assert_eq!(
        (&task["cpu"], &task["memory"], &task["group"]),
        (&json!("256"), &json!("1024"), &json!("jobs"))
    );
    assert_eq!(world.sandbox.one_off_tasks()[0].container, "side");
    run(&world, "vpc", &json!({}));
    assert_eq!(world.sandbox.one_off_tasks()[1].container, "app");
}

#[tokio::test(start_paused = true)]
async fn what_ecs_refuses() {
    let (world, vpc) = (world(), network());
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT" }]);
    let network = "Network Configuration is not valid for the given networkMode of this task definition.";
    let fargate = json!({ "taskDefinition": "vpc", "networkConfiguration": vpc, "launchType": "FARGATE" });
    let spot =
        json!({ "taskDefinition": "vpc", "networkConfiguration": vpc, "capacityProviderStrategy": strategy });
    let overrides = |it: Value| json!({ "overrides": { "containerOverrides": [it] } });
    let long = overrides(json!({ "name": "app", "command": ["x".repeat(8192)] }));
    for (members, error) in [
        (json!({}), None),
        (fargate, None),
        (spot, None),
        (json!({ "cluster": "nope" }), Some("ClusterNotFoundException: Cluster not found.")),
        (json!({ "taskDefinition": "web:9" }), Some("ClientException: TaskDefinition not found.")),
        (json!({ "taskDefinition": "gone:1" }), Some("ClientException: TaskDefinition is inactive")),
        (json!({ "count": 11 }), Some("count should be between 1 and 10.")),
        (json!({ "count": 0 }), Some("count should be between 1 and 10.")),
        (json!({ "startedBy": "x".repeat(129) }), Some("startedBy longer than 128.")),
        (json!({ "startedBy": "a:b" }), Some("startedBy contains invalid characters.")),
        (json!({ "clientToken": "x".repeat(65) }), Some("clientToken longer than 64.")),
        (json!({ "clientToken": "a b" }), Some("clientToken contains invalid characters.")),
        (long, Some("Container Overrides length must be at most 8192")),
        (
            overrides(json!({ "name": "nope" })),
            Some("Override for container named nope is not a container in the TaskDefinition."),
        ),
        (overrides(json!({ "cpu": 1 })), Some("Container override name cannot be blank.")),
        (json!({ "overrides": { "taskRoleArn": "arn:x" } }), Some("ClientException: Role is not valid")),
        (
            json!({ "launchType": "EC2", "capacityProviderStrategy": strategy }),
            Some(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            ),
        ),
        (json!({ "launchType": "FARGATE" }), Some("Task definition does not support launch_type FARGATE.")),
        (
            json!({ "launchType": "CLOUD" }),
            Some("launchType should be one of [EC2,FARGATE,EXTERNAL,MANAGED_INSTANCES]"),
        ),
        (
            json!({ "platformVersion": "LATEST" }),
            Some("The platform version must be null when specifying an EC2 launch type."),
        ),
        (json!({ "networkConfiguration": vpc }), Some(network)),
        (
            json!({ "taskDefinition": "vpc" }),
            Some("Network Configuration must be provided when networkMode 'awsvpc' is specified."),
        ),
        (
            json!({ "propagateTags": "SERVICE" }),
            Some("Propagate tags should be one of [TASK_DEFINITION,NONE]"),
        ),
        (
            json!({ "enableExecuteCommand": true }),
            Some(
                "The execute command failed because a valid task role is not being used. Specify a valid task role in \
                 your task definition or as a task override and try again.",
            ),
        ),
        (
            json!({ "tags": [{ "key": "aws:x", "value": "" }] }),
            Some("Tag keys and values cannot start with 'aws:'."),
        ),
        (json!({ "image": "app:2" }), Some("ClientException: Unknown parameter in input: 'image'")),
    ] {
        let mut request = json!({ "cluster": "prod", "taskDefinition": "web:1" });
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let seen = world.sandbox.call("RunTask", request).err().map(|error| error.to_string());
        let seen = seen.as_deref().map(|it| it.strip_prefix("InvalidParameterException: ").unwrap_or(it));
        assert_eq!(seen, error, "{members}");
    }
    assert_eq!(world.sandbox.one_off_tasks().len(), 3, "a request that is refused starts nothing");
}

/// A world with definitions: `vpc`, which Fargate can run, and `gone`, which is inactive.
fn world() -> World {
    let world = World::with_service(1, json!({}));
    let tags = json!([{ "key": "owner", "value": "team" }, { "key": "app", "value": "vpc" }]);
    let container = |name: &str| json!({ "name": name, "image": "app:1" });
    let request = json!({
        "family": "vpc", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "tags": tags,
        "containerDefinitions": [container("app"), container("side")],
    });
    world.call("RegisterTaskDefinition", request);
    let request = json!({ "family": "gone", "memory": "512", "containerDefinitions": [container("app")] });
    world.call("RegisterTaskDefinition", request);
    world.call("DeregisterTaskDefinition", json!({ "taskDefinition": "gone:1" }));
    world
}

/// Runs a task of a definition in subnets of its own, with further members.
fn run(world: &World, definition: &str, members: &Value) -> Value {
    let mut request =
        json!({ "cluster": "prod", "taskDefinition": definition, "networkConfiguration": network() });
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    world.call("RunTask", request)["tasks"][0].clone()
}

fn network() -> Value {
    json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } })
}
