use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn equivalent(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

fn with_container(container: Value) -> Value {
    json!({ "family": "web", "containerDefinitions": [container] })
}

fn assert_same(a: &Value, b: &Value) {
    assert_eq!(canonical(a), canonical(b));
}

fn assert_different(a: &Value, b: &Value) {
    assert_ne!(canonical(a), canonical(b));
}

#[test]
fn a_definition_without_additions_is_its_own_canonical_form() {
    let plain =
        with_container(json!({ "name": "app", "image": "app:1", "portMappings": [{ "containerPort": 80 }] }));
    assert_eq!(canonical(&plain), plain);
}

#[test]
fn what_ecs_fills_in_for_a_container_is_left_out_again() {
    let sent = json!({
        "name": "app", "image": "app:1",
        "portMappings": [{ "containerPort": 80 }],
        "healthCheck": { "command": ["CMD", "true"] },
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "g" } },
    });
    let read_back = json!({
        "name": "app", "image": "app:1", "cpu": 0, "essential": true,
        "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [], "secrets": [],
        "portMappings": [{ "containerPort": 80, "hostPort": 0, "protocol": "tcp" }],
        "healthCheck": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 },
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "g" }, "secretOptions": [] },
        "user": null,
    });
    assert_same(&with_container(sent), &with_container(read_back));
}

#[test]
fn what_ecs_fills_in_for_a_task_is_left_out_again() {
    let sent = json!({
        "family": "web", "cpu": "1 vCPU", "memory": "2 GB",
        "volumes": [
            { "name": "tmp" },
            { "name": "docker", "dockerVolumeConfiguration": {} },
            { "name": "efs", "efsVolumeConfiguration": { "fileSystemId": "fs-1" } },
        ],
    });
    let read_back = json!({
        "family": "web", "cpu": "1024", "memory": "2048", "networkMode": "bridge", "enableFaultInjection": false,
        "placementConstraints": [], "taskRoleArn": null,
        "volumes": [
            { "name": "tmp", "host": {} },
            { "name": "docker", "dockerVolumeConfiguration": { "scope": "task", "driver": "local" } },
            { "name": "efs", "efsVolumeConfiguration": { "fileSystemId": "fs-1", "rootDirectory": "/" } },
        ],
    });
    assert_same(&sent, &read_back);
    assert_same(&json!({ "family": "web" }), &json!({ "family": "web", "volumes": [] }));
}

#[test]
fn the_host_port_follows_the_network_mode() {
    let task = |mode: &str, mapping: Value| {
        let mut task = with_container(json!({ "name": "app", "portMappings": [mapping] }));
        task["networkMode"] = json!(mode);
        task
    };
    let (unset, same) = (json!({ "containerPort": 80 }), json!({ "containerPort": 80, "hostPort": 80 }));
    for mode in ["awsvpc", "host"] {
        assert_same(&task(mode, unset.clone()), &task(mode, same.clone()));
        assert_same(&task(mode, unset.clone()), &task(mode, json!({ "containerPort": 80, "hostPort": 0 })));
    }
    assert_different(&task("bridge", unset.clone()), &task("bridge", same));
    assert_same(
        &task("bridge", unset.clone()),
        &task("bridge", json!({ "containerPort": 80, "hostPort": 0 })),
    );
    assert_different(&task("awsvpc", unset.clone()), &task("host", unset));
}

#[test]
fn the_default_network_mode_is_bridge_but_not_on_windows() {
    let task = |mode: Value, family: &str| json!({ "family": "web", "networkMode": mode, "runtimePlatform": { "operatingSystemFamily": family } });
    assert_same(&task(Value::Null, "LINUX"), &task(json!("bridge"), "LINUX"));
    assert_different(
        &task(Value::Null, "WINDOWS_SERVER_2022_CORE"),
        &task(json!("bridge"), "WINDOWS_SERVER_2022_CORE"),
    );
}

#[test]
fn containers_variables_secrets_and_tags_have_no_order() {
    let task = |order: [usize; 2]| {
        let of = |key: &str, value: &str| {
            Value::from_iter(order.map(|n| json!({ key: format!("k{n}"), value: n.to_string() })))
        };
        let container = |n: usize| json!({ "name": n.to_string(), "environment": of("name", "value"), "secrets": of("name", "valueFrom") });
        json!({ "family": "web", "containerDefinitions": order.map(container), "tags": of("key", "value") })
    };
    assert_same(&task([1, 2]), &task([2, 1]));
}

#[test]
fn of_two_variables_of_one_name_the_later_one_counts() {
    let task = |values: [&str; 2]| {
        with_container(
            json!({ "name": "app", "environment": values.map(|value| json!({ "name": "A", "value": value })) }),
        )
    };
    assert_different(&task(["1", "2"]), &task(["2", "1"]));
}

#[test]
fn the_order_of_a_command_counts() {
    let task = |command: [&str; 2]| with_container(json!({ "name": "app", "command": command }));
    assert_different(&task(["a", "b"]), &task(["b", "a"]));
}

/// What ECS or other tools are known to equate and what would hide a real difference.
#[test]
fn in_doubt_two_definitions_differ() {
    let bare = with_container(json!({ "name": "app" }));
    for member in [
        json!({ "user": "0" }),
        json!({ "user": "" }),
        json!({ "entryPoint": [] }),
        json!({ "command": [] }),
        json!({ "dockerLabels": {} }),
        json!({ "linuxParameters": {} }),
        json!({ "essential": false }),
        json!({ "cpu": 1 }),
        json!({ "environment": [{ "name": "A", "value": "" }] }),
        json!({ "someNewMember": [] }),
        json!({ "someNewMember": false }),
    ] {
        let mut task = bare.clone();
        for (name, value) in member.as_object().unwrap() {
            task["containerDefinitions"][0][name] = value.clone();
        }
        assert_different(&bare, &task);
    }
    let variable = |variable: Value| with_container(json!({ "name": "app", "environment": [variable] }));
    assert_different(&variable(json!({ "name": "A" })), &variable(json!({ "name": "A", "value": "" })));
}

#[test]
fn numbers_are_compared_by_value_and_keep_every_digit() {
    let number = |text: &str| serde_json::from_str::<Value>(&format!(r#"{{"x":{text}}}"#)).unwrap();
    for (text, shortest) in [
        ("2.50", "2.5"),
        ("1e3", "1000"),
        ("1.5E+2", "150"),
        ("1000", "1000"),
        ("0.0250e1", "0.25"),
        ("25e-4", "0.0025"),
        ("-0.0", "0"),
        ("0e99999999999999999999", "0"),
        ("-12.30", "-12.3"),
        ("100e-2", "1"),
        ("18446744073709551617", "18446744073709551617"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
    ] {
        assert_eq!(canonical(&number(text)).to_string(), format!(r#"{{"x":{shortest}}}"#), "{text}");
    }
    for (a, b) in [("1e400", "10e399"), ("12e-400", "1.2e-399"), ("1e40", "10e39"), ("1e41", "10e40")] {
        assert_same(&number(a), &number(b));
    }
    for (a, b) in [
        ("9007199254740993", "9007199254740992"),
        ("1e400", "1e401"),
        ("0.1", "0.10000000000000000001"),
        ("1", "-1"),
        ("1", "\"1\""),
    ] {
        assert_different(&number(a), &number(b));
    }
    let beyond = number("1e99999999999999999999");
    assert_same(&beyond, &beyond);
}

#[test]
fn task_sizes_are_compared_in_units() {
    for (text, expected) in [
        ("1 vCPU", Some(1024)),
        ("1vcpu", Some(1024)),
        (".25 vCPU", Some(256)),
        ("0.250 vCPU", Some(256)),
        ("192 VCPU", Some(196_608)),
        ("1024", None),
        ("vCPU", None),
        (". vCPU", None),
        ("-1 vCPU", None),
        ("+1 vCPU", None),
        ("1.1 vCPU", None),
        ("1 GB", None),
        ("99999999999999999999 vCPU", None),
        ("0.00000000000000000000001 vCPU", None),
        ("ö", None),
    ] {
        assert_eq!(units(text, "vCPU"), expected, "{text}");
    }
    let task = |cpu: &str, memory: &str| json!({ "family": "web", "cpu": cpu, "memory": memory });
    assert_same(&task(".5 vCPU", "0.5GB"), &task("512", "512"));
    assert_different(&task("1 vCPU", "2 GB"), &task("1024", "2000"));
}

#[test]
fn whatever_the_shape_it_is_taken() {
    for value in [
        json!(null),
        json!([{}]),
        json!({ "containerDefinitions": 1, "volumes": [1], "tags": [null, { "key": 2 }], "cpu": 1 }),
        json!({ "containerDefinitions": [[], { "portMappings": {}, "healthCheck": [], "environment": [3, "x"] }] }),
        json!({ "runtimePlatform": "WINDOWS", "networkMode": 1 }),
    ] {
        let once = canonical(&value);
        assert_eq!(canonical(&once), once);
    }
}

/// A definition in which no value is a default of ECS.
fn rich() -> Value {
    serde_json::from_str(include_str!("rich.json")).unwrap()
}

#[test]
fn changing_or_removing_any_one_value_makes_a_rich_definition_different() {
    let rich = rich();
    let pointers = leaves(&rich);
    assert!(pointers.len() > 80, "only {}", pointers.len());
    for pointer in pointers {
        let mut changed = rich.clone();
        change(changed.pointer_mut(&pointer).unwrap());
        assert!(!equivalent(&rich, &changed), "changed {pointer}");

        let mut removed = rich.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match removed.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.remove(name)),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                panic!("{leaf} holds {name}")
            }
        }
        assert!(!equivalent(&rich, &removed), "removed {pointer}");
    }
}

proptest! {
    #[test]
    fn the_canonical_form_is_canonical(definition in any_definition()) {
        let once = canonical(&definition);
        prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn a_definition_is_equivalent_to_what_ecs_answers_for_it(definition in any_definition()) {
        prop_assert_eq!(canonical(&definition), canonical(&as_read_back(&definition)));
    }

    #[test]
    fn one_changed_value_makes_a_definition_different(definition in any_definition(), which in any::<Index>()) {
        let pointers = leaves(&definition);
        let pointer = which.get(&pointers);
        let mut changed = definition.clone();
        change(changed.pointer_mut(pointer).unwrap());
        prop_assert!(!equivalent(&definition, &changed), "{}", pointer);
        prop_assert!(!equivalent(&as_read_back(&definition), &as_read_back(&changed)), "{} read back", pointer);
    }

    #[test]
    fn a_number_has_one_shortest_form(digits in "[1-9][0-9]{0,30}", point in 0_usize..40, shift in -60_i32..60) {
        let zeros = "0".repeat(point);
        let plain: Number = format!("{digits}e{shift}").parse().unwrap();
        let padded: Number = format!("{digits}{zeros}e{}", shift - point as i32).parse().unwrap();
        let fraction: Number = format!("0.{zeros}{digits}e{}", shift + (point + digits.len()) as i32).parse().unwrap();
        prop_assert_eq!(shortest(&plain), shortest(&padded));
        prop_assert_eq!(shortest(&plain), shortest(&fraction));
        prop_assert_eq!(shortest(&shortest(&plain)), shortest(&plain));
    }
}

/// JSON pointers to every value that holds no other.
fn leaves(value: &Value) -> Vec<String> {
    let inner = |name: String, value: &Value| -> Vec<String> {
        leaves(value).into_iter().map(|rest| format!("/{name}{rest}")).collect()
    };
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, v)| inner(name.replace('~', "~0").replace('/', "~1"), v))
            .collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(n, v)| inner(n.to_string(), v)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![String::new()],
    }
}

/// Another value of the same type, none that ECS would fill in.
fn change(leaf: &mut Value) {
    *leaf = match &*leaf {
        Value::String(text) => json!(format!("{text}-x")),
        Value::Number(number) => {
            format!("-7{}", number.as_str().trim_start_matches('-')).parse().map(Value::Number).unwrap()
        }
        Value::Bool(is) => json!(!is),
        Value::Null => json!("x"),
        Value::Array(_) | Value::Object(_) => unreachable!("a leaf holds nothing"),
    };
}

/// What ECS answers when this definition was registered: its additions, and some lists in another order.
fn as_read_back(definition: &Value) -> Value {
    let mut task = definition.clone();
    fill(
        &mut task,
        json!({ "networkMode": "bridge", "placementConstraints": [], "volumes": [], "enableFaultInjection": false }),
    );
    for (member, sizes) in
        [("cpu", [("1 vCPU", "1024"), (".5 vcpu", "512")]), ("memory", [("2 GB", "2048"), ("0.5GB", "512")])]
    {
        for (written, units) in sizes {
            if task[member] == written {
                task[member] = json!(units);
            }
        }
    }
    let one_network = task["networkMode"] == "awsvpc" || task["networkMode"] == "host";
    for container in task["containerDefinitions"].as_array_mut().unwrap() {
        fill(container, json!({ "cpu": 0, "essential": true, "secrets": [] }));
        fill(
            container,
            json!({ "environment": [], "mountPoints": [], "volumesFrom": [], "portMappings": [], "systemControls": [] }),
        );
        for mapping in container["portMappings"].as_array_mut().unwrap() {
            let host_port = if one_network { mapping["containerPort"].clone() } else { json!(0) };
            fill(mapping, json!({ "protocol": "tcp", "hostPort": host_port }));
        }
        if let Some(check) = container.get_mut("healthCheck") {
            fill(check, json!({ "interval": 30, "timeout": 5, "retries": 3 }));
        }
        if let Some(log) = container.get_mut("logConfiguration") {
            fill(log, json!({ "secretOptions": [] }));
        }
        container["environment"].as_array_mut().unwrap().reverse();
        container["secrets"].as_array_mut().unwrap().reverse();
    }
    task["containerDefinitions"].as_array_mut().unwrap().reverse();
    for volume in task["volumes"].as_array_mut().unwrap() {
        match volume.get_mut("efsVolumeConfiguration") {
            Some(efs) => fill(efs, json!({ "rootDirectory": "/" })),
            None => fill(volume, json!({ "host": {} })),
        }
    }
    task
}

fn fill(object: &mut Value, defaults: Value) {
    for (name, value) in defaults.as_object().unwrap() {
        object.as_object_mut().unwrap().entry(name.clone()).or_insert_with(|| value.clone());
    }
}

/// Definitions of one to three containers, each member there or not.
pub(crate) fn any_definition() -> impl Strategy<Value = Value> {
    let volume = prop_oneof![
        Just(json!({})),
        Just(json!({ "host": { "sourcePath": "/data" } })),
        Just(json!({ "efsVolumeConfiguration": { "fileSystemId": "fs-1" } })),
        Just(json!({ "efsVolumeConfiguration": { "fileSystemId": "fs-1", "rootDirectory": "/app" } })),
    ];
    let containers = named("name", any_container().boxed(), 1..4);
    let members = members(vec![
        maybe("networkMode", one_of(&["awsvpc", "host", "bridge", "none"])),
        maybe("cpu", one_of(&["256", "1 vCPU", ".5 vcpu"])),
        maybe("memory", one_of(&["512", "2 GB", "0.5GB"])),
        maybe("taskRoleArn", text()),
        maybe("enableFaultInjection", Just(json!(true))),
        maybe("volumes", named("name", volume, 0..3)),
        maybe("tags", named("key", text().prop_map(|value| json!({ "value": value })), 1..3)),
        maybe("aMemberOfTomorrow", anything()),
    ]);
    (containers, members).prop_map(|(containers, mut task)| {
        task["family"] = json!("web");
        task["containerDefinitions"] = containers;
        task
    })
}

fn any_container() -> impl Strategy<Value = Value> {
    let mapping = members(vec![
        maybe("containerPort", (1_u16..7000).prop_map(Value::from)),
        maybe("hostPort", (1_u16..7000).prop_map(Value::from)),
        maybe("protocol", Just(json!("udp"))),
    ]);
    members(vec![
        maybe("image", text()),
        maybe("cpu", (1_u32..9999).prop_map(Value::from)),
        maybe("essential", Just(json!(false))),
        maybe("user", one_of(&["0", "app", ""])),
        maybe("command", prop::collection::vec(text(), 0..3).prop_map(Value::from)),
        maybe("environment", named("name", text().prop_map(|value| json!({ "value": value })), 0..4)),
        maybe("secrets", named("name", text().prop_map(|value| json!({ "valueFrom": value })), 0..4)),
        maybe("portMappings", prop::collection::vec(mapping, 0..3).prop_map(Value::from)),
        maybe(
            "healthCheck",
            members(vec![maybe("interval", (5_u32..29).prop_map(Value::from)), maybe("command", text())]),
        ),
        maybe(
            "logConfiguration",
            members(vec![maybe("logDriver", text()), maybe("options", Just(json!({ "tag": "" })))]),
        ),
        maybe("aMemberOfTomorrow", anything()),
    ])
}

fn anything() -> impl Strategy<Value = Value> {
    let number = "(-?(0|[1-9][0-9]{0,25}))(\\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        text(),
        any::<bool>().prop_map(Value::from),
        number.prop_map(|text| Value::Number(text.parse().unwrap())),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof!["[a-z:/]{0,8}", "\\PC{0,4}"].prop_map(Value::from)
}

fn one_of(texts: &[&'static str]) -> impl Strategy<Value = Value> + use<> {
    prop::sample::select(texts.to_vec()).prop_map(Value::from)
}

/// A list of objects of different names.
fn named(
    key: &'static str,
    item: impl Strategy<Value = Value>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-zA-Z_]{1,5}", item, count)
        .prop_map(|items| items.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(move |items| {
            let named = items.into_iter().map(|(name, mut item)| {
                item[key] = json!(name);
                item
            });
            named.collect()
        })
}

fn maybe(
    name: &'static str,
    value: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Option<(String, Value)>> {
    prop::option::of(value.prop_map(move |value| (name.to_owned(), value))).boxed()
}

fn members(members: Vec<BoxedStrategy<Option<(String, Value)>>>) -> impl Strategy<Value = Value> {
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
}
