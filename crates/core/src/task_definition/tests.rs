use proptest::prelude::*;
use serde_json::json;

use super::super::image::ImageReference;
use super::*;
use crate::failure::FailureKind;

/// The definition that ECS would keep of these members: the whole way through an answer, as in production.
pub(crate) fn definition(members: Value) -> TaskDefinition {
    revision(members, json!(null)).definition
}

fn revision(mut members: Value, tags: Value) -> Revision {
    members["taskDefinitionArn"] = json!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12");
    members["status"] = json!("ACTIVE");
    Revision::from_describe(json!({ "taskDefinition": members, "tags": tags }).to_string().as_bytes())
        .unwrap()
}

/// A definition of these containers and nothing else.
fn containers(containers: Value) -> TaskDefinition {
    definition(json!({ "family": "web", "containerDefinitions": containers }))
}

fn images<const N: usize>(named: [(&str, &str); N]) -> Images {
    let mut images = Images::default();
    for (container, image) in named {
        images.insert(container, ImageReference::parse(image).unwrap()).unwrap();
    }
    images
}

fn sent(definition: &TaskDefinition) -> Value {
    serde_json::from_slice(&definition.to_json()).unwrap()
}

/// Every case of a live image that another deploy tool left as it was, or mangled.
fn assert_replaced(live: &str, new: &str) {
    let before =
        json!([{ "name": "app", "image": live, "essential": true }, { "name": "sidecar", "image": live }]);
    let after = containers(before.clone()).with_images(&images([("app", new)]));
    let mut expected = before;
    expected[0]["image"] = json!(new);
    assert_eq!(sent(&after)["containerDefinitions"], expected);
}

#[test]
fn without_images_the_copy_is_the_definition() {
    let live = containers(json!([{ "name": "app", "image": "app:1" }]));
    assert_eq!(live.with_images(&Images::default()), live);
    assert_eq!(live.with_images(&images([("app", "app:1")])), live);
    assert_eq!(live.with_images(&images([("unknown", "app:2")])), live);
}

#[test]
fn a_digest_pinned_live_image_is_replaced() {
    let digest = "@sha256:94afd1f2e64d908bc90dbca0035a5b567abcdef00123456789abcdef01234567";
    assert_replaced(&format!("registry/app{digest}"), "registry/app:2");
    assert_replaced(
        &format!("registry/app:1{digest}"),
        &format!("registry/app{}", digest.replace("94", "95")),
    );
}

#[test]
fn an_image_of_a_registry_with_a_port_is_replaced_whole() {
    assert_replaced("localhost:5000/app", "localhost:5000/app:2");
    assert_replaced("localhost:5000/app:1", "localhost:5000/app:2");
    assert_replaced("localhost:5000/app:1", "localhost:5001/app");
}

#[test]
fn an_image_of_another_repository_is_replaced() {
    assert_replaced("old-registry/application:1", "new.registry/app:2");
}

#[test]
fn sidecars_are_untouched() {
    let live = json!([
        { "name": "app", "image": "app:1" },
        { "name": "datadog", "image": "datadog/agent:7", "environment": [{ "name": "TAG", "value": "app:1" }] },
    ]);
    let copy = containers(live.clone()).with_images(&images([("app", "app:2")]));
    assert_eq!(sent(&copy)["containerDefinitions"][1], live[1]);
    assert_eq!(copy.images(), BTreeMap::from([("app", "app:2"), ("datadog", "datadog/agent:7")].map(owned)));
}

fn owned((container, image): (&str, &str)) -> (String, String) {
    (container.to_owned(), image.to_owned())
}

#[test]
fn of_two_containers_with_the_same_repository_only_the_named_one_changes() {
    let live =
        containers(json!([{ "name": "web", "image": "app:1" }, { "name": "worker", "image": "app:1" }]));
    let copy = live.with_images(&images([("worker", "app:2")]));
    assert_eq!(copy.images(), BTreeMap::from([("web", "app:1"), ("worker", "app:2")].map(owned)));
}

#[test]
fn several_containers_get_their_own_images_in_one_go() {
    let live =
        containers(json!([{ "name": "web", "image": "web:1" }, { "name": "worker", "image": "worker:1" }]));
    let copy = live.with_images(&images([("worker", "worker:2"), ("web", "web:3")]));
    assert_eq!(copy.images(), BTreeMap::from([("web", "web:3"), ("worker", "worker:2")].map(owned)));
    assert_eq!(copy.containers(), ["web", "worker"]);
}

#[test]
fn an_empty_log_option_is_kept() {
    let log = json!({ "logDriver": "splunk", "options": { "tag": "", "splunk-url": "https://s" } });
    let live = containers(json!([{ "name": "app", "image": "app:1", "logConfiguration": log }]));
    assert_eq!(sent(&live)["containerDefinitions"][0]["logConfiguration"], log);
}

#[test]
fn an_empty_environment_value_is_kept() {
    let environment =
        json!([{ "name": "EMPTY", "value": "" }, { "name": "NULL", "value": null }, { "name": "NONE" }]);
    let live =
        containers(json!([{ "name": "app", "environment": environment, "dockerLabels": {}, "secrets": [] }]));
    let expected = json!([{ "name": "app", "environment": environment, "dockerLabels": {}, "secrets": [] }]);
    assert_eq!(sent(&live)["containerDefinitions"], expected);
}

#[test]
fn absent_roles_stay_absent() {
    let live = sent(&containers(json!([])));
    assert_eq!(live, json!({ "family": "web", "containerDefinitions": [] }));
}

#[test]
fn the_nine_read_only_members_are_dropped_delete_requested_at_too() {
    let answer = json!({ "taskDefinition": {
        "family": "web", "containerDefinitions": [],
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7", "revision": 7,
        "status": "DELETE_IN_PROGRESS", "requiresAttributes": [{ "name": "a" }], "compatibilities": ["EC2"],
        "registeredAt": 1.7e9, "deregisteredAt": 1.7e9, "deleteRequestedAt": 1.7e9, "registeredBy": "arn:aws:iam::1:root",
    }});
    let revision = Revision::from_describe(answer.to_string().as_bytes()).unwrap();
    assert_eq!(sent(&revision.definition), json!({ "family": "web", "containerDefinitions": [] }));
    assert_eq!(revision.arn.family_and_revision(), "web:7");
    assert!(!revision.active);
}

#[test]
fn tags_are_kept_in_order_and_those_of_aws_are_dropped() {
    let tags = json!([
        { "key": "team", "value": "a" },
        { "key": "aws:cloudformation:stack-name", "value": "s" },
        { "key": "AWS:x", "value": "s" },
        { "key": "awsome", "value": "aws:kept" },
        { "key": "empty" },
    ]);
    let members = json!({ "family": "web", "containerDefinitions": [] });
    let kept = json!([{ "key": "team", "value": "a" }, { "key": "awsome", "value": "aws:kept" }, { "key": "empty" }]);
    assert_eq!(sent(&revision(members.clone(), tags).definition)["tags"], kept);

    for none in [json!(null), json!([]), json!([{ "key": "aws:x", "value": "1" }])] {
        assert_eq!(sent(&revision(members.clone(), none).definition), members);
    }
}

#[test]
fn numbers_of_any_size_are_kept_digit_by_digit() {
    let members = r#"{"containerDefinitions":[{"cpu":2.50,"name":"app"}],"family":"web","x":[0.1000000000000000055511151231257827,123456789012345678901234567890,-0.0,5e-324]}"#;
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12";
    let answer =
        format!(r#"{{"taskDefinition":{{"taskDefinitionArn":"{arn}","status":"ACTIVE",{}}}"#, &members[1..]);
    let live = Revision::from_describe(answer.as_bytes()).unwrap().definition;
    assert_eq!(String::from_utf8(live.to_json()).unwrap(), members);
}

#[test]
fn unknown_members_are_kept_at_top_level_and_inside_containers() {
    let members = json!({
        "family": "web",
        "trustedExecutionConfiguration": { "isolationMode": "SHARED", "none": null, "empty": [] },
        "containerDefinitions": [{ "name": "app", "image": "app:1", "tomorrow": { "a": [1, "", {}] } }],
    });
    let copy = definition(members.clone()).with_images(&images([("app", "app:2")]));
    let mut expected = members;
    expected["containerDefinitions"][0]["image"] = json!("app:2");
    assert_eq!(sent(&copy), expected);
}

#[test]
fn equivalence_is_wider_than_equality() {
    let sent = containers(json!([{ "name": "app", "image": "app:1" }]));
    let read_back = containers(json!([{ "name": "app", "image": "app:1", "cpu": 0, "essential": true }]));
    assert!(sent.is_equivalent(&sent) && sent.is_equivalent(&read_back));
    assert_ne!(sent, read_back);
    assert!(!sent.is_equivalent(&sent.with_images(&images([("app", "app:2")]))));
}

#[test]
fn debug_shows_no_environment_values() {
    let live = containers(json!([
        { "name": "app", "image": "app:1", "environment": [{ "name": "PASSWORD", "value": "hunter2" }], "command": ["hunter2"] },
    ]));
    assert_eq!(format!("{live:?}"), r#"TaskDefinition { family: "web", images: {"app": "app:1"}, .. }"#);
}

#[test]
fn an_answer_of_an_unknown_shape_is_a_bug_that_names_the_member_and_quotes_nothing() {
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12";
    let good =
        json!({ "family": "web", "status": "ACTIVE", "taskDefinitionArn": arn, "containerDefinitions": [] });
    let with = |name: &str, value: Value| {
        let mut task = good.clone();
        task[name] = value;
        json!({ "taskDefinition": task }).to_string()
    };
    for (answer, member) in [
        ("<html>hunter2".to_owned(), "as the ECS API reference says"),
        ("[]".to_owned(), "as the ECS API reference says"),
        ("{}".to_owned(), "taskDefinition is missing"),
        (with("taskDefinitionArn", json!(null)), "taskDefinitionArn is missing"),
        (with("taskDefinitionArn", json!("web:12")), r#""web:12" is not the ARN"#),
        (with("status", json!(1)), "status is missing or of another type"),
        (with("family", json!(null)), "family is missing"),
        (with("containerDefinitions", json!({ "hunter2": 1 })), "containerDefinitions is missing"),
        (with("containerDefinitions", json!(["hunter2"])), "containerDefinitions[].name is missing"),
        (
            json!({ "taskDefinition": good, "tags": "hunter2" }).to_string(),
            "tags is missing or of another type",
        ),
    ] {
        let failure = Revision::from_describe(answer.as_bytes()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        let message = failure.to_string();
        assert!(message.contains(member) && !message.contains("hunter2"), "{message}");
    }
}

proptest! {
    #[test]
    fn only_the_named_images_change(members in super::super::canonical::tests::any_definition()) {
        let live = definition(members.clone());
        let name = members["containerDefinitions"][0]["name"].as_str().unwrap();
        let mut expected = members.clone();
        expected["containerDefinitions"][0]["image"] = json!("new:1");
        prop_assert_eq!(sent(&live), members.clone());
        prop_assert_eq!(sent(&live.with_images(&images([(name, "new:1")]))), expected);
    }
}

#[test]
fn a_name_that_the_json_library_keeps_for_itself_is_refused() {
    let answer = r#"{"taskDefinition": {"futureMember": {"$serde_json::private::Number": "1"}}}"#;
    let failure = Revision::from_describe(answer.as_bytes()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("$serde_json::private"), "{failure}");
}

#[test]
fn a_definition_that_is_packed_comes_out_as_it_went_in() {
    let text = r#"{ "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1", "status": "ACTIVE",
        "family": "web", "future": [1.10, 12345678901234567890123, {}, "", null, "\u00e9\n"],
        "containerDefinitions": [{ "name": "app", "environment": [{ "name": "A", "value": "s3cret-value" }] }]
    } }"#;
    let definition = Revision::from_describe(text.as_bytes()).unwrap().definition;
    let packed = PackedDefinition::from(&definition);
    assert_eq!(packed.unpack(), definition);
    assert_eq!(packed.unpack().to_json(), definition.to_json());
    assert!(!format!("{packed:?}").contains("s3cret"), "{packed:?}");
}
