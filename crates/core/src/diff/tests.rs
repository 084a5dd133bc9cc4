use proptest::prelude::*;
use serde_json::json;

use super::super::canonical::tests::any_definition;
use super::super::task_definition::tests::definition;
use super::*;

/// The changes from one container's members to another's, as lines `path: from -> to` without the container's path.
fn in_container(from: Value, to: Value) -> Vec<String> {
    let task = |mut container: Value| {
        container["name"] = json!("app");
        json!({ "family": "web", "containerDefinitions": [container] })
    };
    let strip =
        |line: String| line.strip_prefix("containerDefinitions[app].").map(str::to_owned).unwrap_or(line);
    lines(task(from), task(to)).into_iter().map(strip).collect()
}

fn lines(from: Value, to: Value) -> Vec<String> {
    let side = |side: Option<String>| side.unwrap_or_else(|| "none".to_owned());
    let line = |change: Change| format!("{}: {} -> {}", change.path, side(change.from), side(change.to));
    diff(&definition(from), &definition(to)).into_iter().map(line).collect()
}

fn with_member(name: &str, value: Value) -> Value {
    let mut task = json!({ "family": "web", "containerDefinitions": [] });
    task[name] = value;
    task
}

#[test]
fn equivalent_definitions_have_no_differences() {
    let sent = json!({ "image": "app:1", "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] });
    let read_back = json!({ "image": "app:1", "essential": true, "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }] });
    assert_eq!(in_container(sent.clone(), sent.clone()), [""; 0]);
    assert_eq!(in_container(sent, read_back), [""; 0]);
}

#[test]
fn a_new_image_is_one_change() {
    let change = diff(
        &definition(
            json!({ "family": "web", "containerDefinitions": [{ "name": "app", "image": "app:1" }] }),
        ),
        &definition(
            json!({ "family": "web", "containerDefinitions": [{ "name": "app", "image": "app:2" }] }),
        ),
    );
    let path = "containerDefinitions[app].image".to_owned();
    assert_eq!(change, [Change { path, from: Some("app:1".to_owned()), to: Some("app:2".to_owned()) }]);
}

#[test]
fn environment_values_are_hidden_on_both_sides_and_still_show_as_changes() {
    let environment = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        json!({ "environment": variables.collect::<Value>() })
    };
    assert_eq!(
        in_container(
            environment(&[("DB_URL", "hunter1"), ("GONE", "hunter1"), ("SAME", "hunter1")]),
            environment(&[("SAME", "hunter1"), ("DB_URL", "hunter2"), ("NEW", "")]),
        ),
        [
            "environment[DB_URL]: (hidden) -> (hidden)",
            "environment[GONE]: (hidden) -> none",
            "environment[NEW]: none -> (hidden)",
        ]
    );
}

#[test]
fn environment_values_are_hidden_whatever_shape_they_have() {
    let twice =
        json!({ "environment": [{ "name": "A", "value": "hunter1" }, { "name": "A", "value": "hunter2" }] });
    let odd = json!({ "environment": { "A": ["hunter3"], "B": "hunter4" } });
    let nameless = json!({ "environment": [{ "value": "hunter5" }, "hunter6"] });
    let wide = json!({ "environment": [{ "name": "A", "value": "hunter7", "more": { "x": "hunter8" } }] });
    let cases = [json!({}), twice, odd, nameless, wide];
    for from in &cases {
        for to in &cases {
            let lines = in_container(from.clone(), to.clone());
            assert_eq!(lines.is_empty(), from == to);
            assert!(!lines.concat().contains("hunter"), "{lines:#?}");
        }
    }
}

#[test]
fn a_container_that_comes_or_goes_shows_value_by_value_without_its_secrets() {
    let alone = json!({ "family": "web", "containerDefinitions": [{ "name": "app", "image": "app:1" }] });
    let mut with_sidecar = alone.clone();
    with_sidecar["containerDefinitions"].as_array_mut().unwrap().push(json!({
        "name": "side", "image": "side:1", "environment": [{ "name": "TOKEN", "value": "hunter2" }], "user": "", "links": ["app"],
    }));
    assert_eq!(
        lines(alone.clone(), with_sidecar.clone()),
        [
            "containerDefinitions[side].environment[TOKEN]: none -> (hidden)",
            "containerDefinitions[side].image: none -> side:1",
            "containerDefinitions[side].links[0]: none -> app",
            "containerDefinitions[side].user: none -> ",
        ]
    );
    assert_eq!(lines(with_sidecar, alone).len(), 4);
}

#[test]
fn other_places_where_people_put_secrets_are_hidden_too() {
    for (from, to, expected) in [
        (json!({}), json!({ "command": ["--password=hunter2"] }), "command[0]: none -> (hidden)"),
        (
            json!({ "entryPoint": ["a"] }),
            json!({ "entryPoint": ["b"] }),
            "entryPoint[0]: (hidden) -> (hidden)",
        ),
        (
            json!({}),
            json!({ "healthCheck": { "command": ["x"] } }),
            "healthCheck.command[0]: none -> (hidden)",
        ),
        (json!({}), json!({ "dockerLabels": { "a.b": "x" } }), "dockerLabels.a.b: none -> (hidden)"),
        (
            json!({}),
            json!({ "logConfiguration": { "options": { "splunk-token": "x" } } }),
            "logConfiguration.options.splunk-token: none -> (hidden)",
        ),
        (
            json!({}),
            json!({ "logConfiguration": { "options": "x" } }),
            "logConfiguration.options: none -> (hidden)",
        ),
    ] {
        assert_eq!(in_container(from, to), [expected]);
    }
    let volume = |option: &str| {
        with_member(
            "volumes",
            json!([{ "name": "v", "dockerVolumeConfiguration": { "driverOpts": { "o": option } } }]),
        )
    };
    assert_eq!(
        lines(volume("password=a"), volume("password=b")),
        ["volumes[v].dockerVolumeConfiguration.driverOpts.o: (hidden) -> (hidden)"]
    );
}

#[test]
fn references_to_secrets_and_the_names_of_log_groups_are_shown() {
    let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/s";
    for (member, expected) in [
        (json!({ "secrets": [{ "name": "S", "valueFrom": arn }] }), format!("secrets[S]: none -> {arn}")),
        (
            json!({ "repositoryCredentials": { "credentialsParameter": arn } }),
            format!("repositoryCredentials.credentialsParameter: none -> {arn}"),
        ),
        (
            json!({ "logConfiguration": { "secretOptions": [{ "name": "t", "valueFrom": arn }] } }),
            format!("logConfiguration.secretOptions[t]: none -> {arn}"),
        ),
        (
            json!({ "logConfiguration": { "options": { "awslogs-group": "g" } } }),
            "logConfiguration.options.awslogs-group: none -> g".to_owned(),
        ),
    ] {
        assert_eq!(in_container(json!({}), member), [expected]);
    }
}

#[test]
fn a_long_value_is_cut_at_two_hundred_characters() {
    let exactly = "ä".repeat(200);
    assert_eq!(in_container(json!({}), json!({ "user": exactly })), [format!("user: none -> {exactly}")]);
    let longer = format!("{exactly}ö");
    assert_eq!(in_container(json!({}), json!({ "user": longer })), [format!("user: none -> {exactly}…")]);
}

#[test]
fn named_items_are_told_apart_by_name_and_others_by_position() {
    let ports = |named: bool, ports: [u16; 2]| {
        let mapping = |port: u16| match named {
            true => json!({ "name": format!("p{}", port % 10), "containerPort": port }),
            false => json!({ "containerPort": port }),
        };
        json!({ "portMappings": ports.map(mapping) })
    };
    assert_eq!(
        in_container(ports(true, [81, 82]), ports(true, [81, 92])),
        ["portMappings[p2].containerPort: 82 -> 92"]
    );
    assert_eq!(
        in_container(ports(false, [81, 82]), ports(false, [81, 92])),
        ["portMappings[1].containerPort: 82 -> 92"]
    );
    let tags = |value: &str| with_member("tags", json!([{ "key": "team", "value": value }]));
    assert_eq!(lines(tags("a"), tags("b")), ["tags[team]: a -> b"]);
}

#[test]
fn items_that_share_a_name_are_told_apart_by_position() {
    let secrets = |last: &str| {
        let items = ["1", last].map(|from| json!({ "name": "S", "valueFrom": from }));
        json!({ "secrets": items })
    };
    assert_eq!(in_container(secrets("2"), secrets("3")), ["secrets[1].valueFrom: 2 -> 3"]);
    assert_eq!(in_container(secrets("2"), json!({})).len(), 4);
}

#[test]
fn another_order_of_named_items_is_a_change_where_order_counts() {
    let volumes = |names: [&str; 2]| with_member("volumes", names.map(|name| json!({ "name": name })).into());
    assert_eq!(
        lines(volumes(["a", "b"]), volumes(["b", "a"])),
        ["volumes: in the order a, b -> in the order b, a"]
    );
}

#[test]
fn empty_parts_and_parts_of_another_type_show_as_changes() {
    let empty =
        [json!({}), json!({ "dockerLabels": {} }), json!({ "linuxParameters": [] }), json!({ "user": "" })];
    let shown: Vec<_> = empty.iter().map(|to| in_container(json!({}), to.clone())).collect();
    assert_eq!(
        shown,
        [
            vec![],
            vec!["dockerLabels: none -> (hidden)"],
            vec!["linuxParameters: none -> []"],
            vec!["user: none -> "]
        ]
    );
    assert_eq!(
        in_container(json!({ "tomorrow": { "a": 1, "b": 2 } }), json!({ "tomorrow": "x" })),
        ["tomorrow.a: 1 -> none", "tomorrow.b: 2 -> none", "tomorrow: none -> x"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn there_are_differences_exactly_when_two_definitions_are_not_equivalent(a in any_definition(), b in any_definition()) {
        let (a, b) = (definition(a), definition(b));
        prop_assert_eq!(diff(&a, &a), []);
        prop_assert_eq!(diff(&a, &b).is_empty(), a.is_equivalent(&b));
    }

    #[test]
    fn the_way_back_is_the_way_there_with_the_sides_changed(a in any_definition(), b in any_definition()) {
        let (a, b) = (definition(a), definition(b));
        let mut there = diff(&a, &b);
        let mut back: Vec<_> =
            diff(&b, &a).into_iter().map(|change| Change { from: change.to, to: change.from, ..change }).collect();
        there.sort_by(|a, b| (&a.path, &a.from).cmp(&(&b.path, &b.from)));
        back.sort_by(|a, b| (&a.path, &a.from).cmp(&(&b.path, &b.from)));
        prop_assert_eq!(there, back);
    }
}
