//! What `RegisterTaskDefinition` refuses, and beside each the nearest definition that it takes.

use serde_json::{Value, json};

use super::world::World;

const ROLE: &str = "arn:aws:iam::123456789012:role/web";

/// Each line: ECS's words, the members of a definition that is refused, and those of one that is accepted.
fn table() -> Vec<(&'static str, Value, Value)> {
    [names(), roles(), containers(), sizes(), fargate(), references(), circles(), values()].concat()
}

fn names() -> Vec<(&'static str, Value, Value)> {
    let name = |family: String| json!({ "family": family });
    let app = |name: String| json!({ "app": { "name": name } });
    let image = |image: String| json!({ "app": { "image": image } });
    let digest = format!("@sha256:{}", "0".repeat(64));
    vec![
        ("Family contains invalid characters.", name("web.api".into()), name("Web-api_2".into())),
        ("Family has more than 255 characters.", name("w".repeat(256)), name("w".repeat(255))),
        ("Container.name contains invalid characters.", app("my app".into()), app("My-app_2".into())),
        ("Container.name has more than 255 characters.", app("a".repeat(256)), app("a".repeat(255))),
        (
            "Container.image contains invalid characters.",
            image("$REGISTRY/web:1".into()),
            image("r.io:5000/web:1".into()),
        ),
        (
            "Container.image contains invalid characters.",
            image("web:1 ".into()),
            image(format!("r.io/We_b#1{digest}")),
        ),
        (
            "Container.image has more than 255 characters.",
            image("i".repeat(256)),
            image("i".repeat(255) + &digest),
        ),
    ]
}

fn roles() -> Vec<(&'static str, Value, Value)> {
    let task = |role: &str| json!({ "taskRoleArn": role });
    let execution = |role: &str| json!({ "executionRoleArn": role });
    let refused = "Role is not valid";
    vec![
        (refused, task(""), task("web")),
        (refused, task("arn:aws:ecs:eu-west-1:123456789012:cluster/web"), task(ROLE)),
        (
            refused,
            task("arn:aws:iam::123456789012:user/web"),
            task("arn:aws-cn:iam::123456789012:role/a/b/we+b"),
        ),
        (refused, execution("arn:aws:iam::12345678901:role/web"), execution(ROLE)),
        (refused, execution("arn:aws:iam::123456789012:role/"), execution("ecsTaskExecutionRole")),
        (refused, execution("${role}"), execution("a=b,c.d@e-f_g")),
        (
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
            json!({ "app": { "secrets": [{ "name": "A", "valueFrom": "a" }] } }),
            json!({ "app": { "secrets": [{ "name": "A", "valueFrom": "a" }] }, "executionRoleArn": ROLE }),
        ),
    ]
}

fn containers() -> Vec<(&'static str, Value, Value)> {
    let many = |count: usize| -> Value {
        let more = (1..count).map(|at| json!({ "name": format!("c{at}"), "image": "x", "memory": 8 }));
        json!({ "more": more.collect::<Vec<_>>() })
    };
    let second = |name: &str| json!({ "more": [{ "name": name, "image": "x", "memory": 8 }] });
    vec![
        ("Too many containers.", many(11), many(10)),
        ("Container names must be unique within a Task Definition.", second("app"), second("App")),
        (
            "Task definition doesn't have any essential container.",
            json!({ "app": { "essential": false } }),
            json!({ "app": { "essential": false }, "more": [{ "name": "b", "image": "x", "memory": 8 }] }),
        ),
    ]
}

fn sizes() -> Vec<(&'static str, Value, Value)> {
    let none = "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.";
    let app = |members: Value| json!({ "app": members });
    let wrong_cpu = "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    let ports = |mode: &str, host: u16| json!({ "networkMode": mode, "app": { "portMappings": [{ "containerPort": 80, "hostPort": host }] } });
    vec![
        (none, app(json!({ "memory": null })), json!({ "app": { "memory": null }, "memory": "512" })),
        (
            none,
            app(json!({ "memory": null, "memoryReservation": 0 })),
            app(json!({ "memory": null, "memoryReservation": 64 })),
        ),
        (
            "Invalid 'memory' setting for container 'app'.",
            app(json!({ "memory": 0 })),
            app(json!({ "memory": 4 })),
        ),
        (wrong_cpu, json!({ "cpu": "one" }), json!({ "cpu": "10" })),
        (
            "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ports("awsvpc", 8080),
            ports("awsvpc", 80),
        ),
        (
            "When networkMode=host, the host ports and container ports in port mappings must match.",
            ports("host", 8080),
            ports("bridge", 8080),
        ),
    ]
}

/// The definition is one of Fargate, with these members besides.
fn on_fargate(mut members: Value) -> Value {
    let mut whole = json!({
        "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
    });
    whole.as_object_mut().unwrap().append(members.as_object_mut().unwrap());
    whole
}

fn fargate() -> Vec<(&'static str, Value, Value)> {
    let size = |cpu: &str, memory: &str| on_fargate(json!({ "cpu": cpu, "memory": memory }));
    let logs = |driver: &str, role: Value| {
        on_fargate(
            json!({ "app": { "logConfiguration": { "logDriver": driver } }, "executionRoleArn": role }),
        )
    };
    let ecr = |role: Value| {
        let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1";
        on_fargate(json!({ "app": { "image": image }, "executionRoleArn": role }))
    };
    vec![
        (
            "Fargate only supports network mode ‘awsvpc’.",
            on_fargate(json!({ "networkMode": "bridge" })),
            json!({ "requiresCompatibilities": ["EC2"], "networkMode": "bridge" }),
        ),
        (
            "Fargate only supports network mode ‘awsvpc’.",
            on_fargate(json!({ "networkMode": null, "requiresCompatibilities": ["EC2", "FARGATE"] })),
            on_fargate(json!({ "requiresCompatibilities": ["EC2", "FARGATE"] })),
        ),
        (
            "Fargate requires that 'cpu' be defined at the task level.",
            on_fargate(json!({ "cpu": null })),
            size(".25 vCPU", "0.5GB"),
        ),
        (
            "Fargate requires that 'memory' be defined at the task level.",
            on_fargate(json!({ "memory": null })),
            size("1 vcpu", "2 GB"),
        ),
        (
            "No Fargate configuration exists for given values: 512 CPU, 512 memory. See the Amazon ECS documentation for the valid values.",
            size("512", "512"),
            size("512", "1024"),
        ),
        (
            "No Fargate configuration exists for given values: 8192 CPU, 17408 memory. See the Amazon ECS documentation for the valid values.",
            size("8 vCPU", "17 GB"),
            size("8 vCPU", "20 GB"),
        ),
        (
            "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            logs("awslogs", json!(null)),
            logs("awslogs", json!(ROLE)),
        ),
        (
            "syslog is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]",
            logs("syslog", json!(null)),
            logs("splunk", json!(null)),
        ),
        (
            "Fargate requires task definition to have execution role ARN to support ECR images.",
            ecr(json!(null)),
            ecr(json!(ROLE)),
        ),
    ]
}

/// A second container, that nothing else needs, with these members besides.
fn with_side(app: Value, mut side: Value) -> Value {
    let mut container = json!({ "name": "side", "image": "x", "memory": 8, "essential": false });
    container.as_object_mut().unwrap().append(side.as_object_mut().unwrap());
    json!({ "app": app, "more": [container] })
}

fn references() -> Vec<(&'static str, Value, Value)> {
    let mount = |source: Value| json!({ "app": { "mountPoints": [{ "sourceVolume": source, "containerPath": "/x" }] }, "volumes": [{ "name": "data" }] });
    let from = |name: &str| with_side(json!({ "volumesFrom": [{ "sourceContainer": name }] }), json!({}));
    let links = |name: &str| with_side(json!({ "links": [name] }), json!({}));
    let after = |name: &str, condition: &str, side: Value| {
        with_side(json!({ "dependsOn": [{ "containerName": name, "condition": condition }] }), side)
    };
    let mut links_of_awsvpc = links("side");
    links_of_awsvpc["networkMode"] = json!("awsvpc");
    vec![
        ("Unknown volume 'other'.", mount(json!("other")), mount(json!("data"))),
        ("Unknown volume 'null'.", mount(json!(null)), mount(json!("data"))),
        ("Invalid 'volumesFrom' setting. Unknown container: 'other'.", from("other"), from("side")),
        (
            "The container 'app' links to 'other', which does not exist.",
            links("other:side"),
            links("side:other"),
        ),
        ("Links are not supported when networkMode=awsvpc.", links_of_awsvpc, links("side")),
        (
            "Cannot depend on container + 'other' because it does not exist",
            after("other", "START", json!({})),
            after("side", "START", json!({})),
        ),
        (
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
            after("side", "SUCCESS", json!({ "essential": true })),
            after("side", "SUCCESS", json!({})),
        ),
        (
            "A dependency container with HEALTHY condition must have health check configured",
            after("side", "HEALTHY", json!({})),
            after("side", "HEALTHY", json!({ "healthCheck": { "command": ["CMD", "true"] } })),
        ),
    ]
}

fn circles() -> Vec<(&'static str, Value, Value)> {
    let start = |name: &str| json!({ "dependsOn": [{ "containerName": name, "condition": "START" }] });
    let link = |name: &str| json!({ "links": [name] });
    let depends = "The containers depend on each other in a circle.";
    let links = "Container links should not have a cycle";
    vec![
        (depends, with_side(start("app"), json!({})), with_side(start("side"), json!({}))),
        (depends, with_side(start("side"), start("app")), with_side(start("side"), link("app"))),
        (links, with_side(link("app"), json!({})), with_side(link("side"), json!({}))),
        (links, with_side(link("side"), link("app")), with_side(link("side"), start("app"))),
    ]
}

fn values() -> Vec<(&'static str, Value, Value)> {
    let driver = |name: &str| json!({ "app": { "logConfiguration": { "logDriver": name } } });
    let runtime = |architecture: &str| json!({ "runtimePlatform": { "cpuArchitecture": architecture } });
    let condition = |name: &str| {
        with_side(json!({ "dependsOn": [{ "containerName": "side", "condition": name }] }), json!({}))
    };
    vec![
        (
            "networkMode cannot be 'quantum'. It must be one of: bridge, host, awsvpc, none.",
            json!({ "networkMode": "quantum" }),
            json!({ "networkMode": "none" }),
        ),
        (
            "requiresCompatibilities[] cannot be 'LAMBDA'. It must be one of: EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES.",
            json!({ "requiresCompatibilities": ["EC2", "LAMBDA"] }),
            json!({ "requiresCompatibilities": ["EC2", "MANAGED_INSTANCES"] }),
        ),
        (
            "pidMode cannot be 'none'. It must be one of: host, task.",
            json!({ "pidMode": "none" }),
            json!({ "pidMode": "host" }),
        ),
        (
            "ipcMode cannot be 'TASK'. It must be one of: host, task, none.",
            json!({ "ipcMode": "TASK" }),
            json!({ "ipcMode": "task" }),
        ),
        (
            "runtimePlatform.cpuArchitecture cannot be 'arm'. It must be one of: X86_64, ARM64.",
            runtime("arm"),
            runtime("ARM64"),
        ),
        (
            "containerDefinitions[].dependsOn[].condition cannot be 'UP'. It must be one of: START, COMPLETE, SUCCESS, HEALTHY.",
            condition("UP"),
            condition("COMPLETE"),
        ),
        (
            "awsvpc is not a valid log driver. Must be one of [json-file,syslog,journald,gelf,fluentd,awslogs,splunk,awsfirelens]",
            driver("awsvpc"),
            driver("none"),
        ),
    ]
}

#[test]
fn each_is_refused_in_its_words_and_its_neighbour_is_accepted() {
    for (words, wrong, right) in table() {
        let error = register(&wrong).expect_err(words);
        assert_eq!((error.code, error.message.as_str()), ("ClientException", words), "{wrong}");
        assert_eq!(register(&right).map(|_| ()), Ok(()), "{words}: {right}");
    }
}

/// "Amazon ECS treats any other specified value as tcp."
#[test]
fn a_protocol_that_is_not_known_is_accepted() {
    register(&json!({ "app": { "portMappings": [{ "containerPort": 80, "protocol": "sctp" }] } })).unwrap();
}

#[test]
fn each_size_of_fargate_is_accepted_and_no_other_nearby() {
    let accepted = |cpu: u32, memory: u32| {
        register(&on_fargate(json!({ "cpu": cpu.to_string(), "memory": memory.to_string() }))).is_ok()
    };
    let cpus = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];
    let sizes = cpus.map(|cpu| (512..=131_072).step_by(512).filter(|memory| accepted(cpu, *memory)).count());
    // So many had each CPU when somebody asked ECS, in August 2026: 74 in all.
    assert_eq!(sizes, [0, 3, 4, 7, 13, 23, 12, 12, 0]);
}

#[test]
fn an_old_revision_stays_although_it_would_be_refused_today() {
    let world = World::empty();
    let old = json!({ "family": "web", "containerDefinitions": [{ "name": "app", "image": "not today" }] });
    assert!(world.sandbox.call("RegisterTaskDefinition", old.clone()).is_err());
    assert!(world.sandbox.add_old_revision(&old).ends_with("task-definition/web:1"));
    assert_eq!(world.sandbox.stored("web").unwrap(), old);
    world.call("CreateCluster", json!({ "clusterName": "prod" }));
    let service =
        json!({ "cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 1 });
    world.call("CreateService", service);
}

#[test]
fn a_declared_member_may_have_values_that_the_model_does_not_list() {
    let world = World::empty();
    let request = definition(&json!({ "networkMode": "quantum" }));
    assert!(world.sandbox.call("RegisterTaskDefinition", request.clone()).is_err());
    world.sandbox.declare_member("networkMode");
    world.call("RegisterTaskDefinition", request);
}

/// Registers a plain definition with these members besides, in a sandbox of its own.
fn register(members: &Value) -> Result<Value, crate::ApiError> {
    World::empty().sandbox.call("RegisterTaskDefinition", definition(members))
}

/// A plain definition with these members besides. Those in `app` are its container's; `more` are further containers.
fn definition(members: &Value) -> Value {
    let mut whole = json!({ "family": "web" });
    let mut app = json!({ "name": "app", "image": "app:1", "memory": 128 });
    let (mut members, mut containers) = (members.as_object().unwrap().clone(), Vec::new());
    for (name, value) in members.remove("app").iter().flat_map(|app| app.as_object().unwrap()) {
        app[name] = value.clone();
    }
    containers.push(app);
    containers.extend(members.remove("more").iter().flat_map(|more| more.as_array().unwrap()).cloned());
    whole.as_object_mut().unwrap().append(&mut members);
    whole["containerDefinitions"] = json!(containers);
    whole
}
