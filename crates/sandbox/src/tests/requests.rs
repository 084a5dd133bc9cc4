//! Requests that AWS refuses, and with which words.

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::world::World;
use crate::{ApiError, Sandbox};

#[tokio::test(start_paused = true)]
async fn a_plain_definition_is_accepted() {
    refused_as(|_| {}, None);
}

#[tokio::test(start_paused = true)]
async fn unknown_and_read_only_members_are_refused_by_name() {
    let unknown = |path: &str| Some(("ClientException", format!("Unknown parameter in input: '{path}'")));
    refused_as(|request| request["revision"] = json!(3), unknown("revision"));
    refused_as(|request| request["registeredAt"] = json!(1.5), unknown("registeredAt"));
    refused_as(|request| request["futureMember"] = json!(1), unknown("futureMember"));
    refused_as(|request| app(request)["Image"] = json!("x"), unknown("containerDefinitions[].Image"));
    refused_as(
        |request| app(request)["healthCheck"] = json!({ "command": [], "x": 1 }),
        unknown("containerDefinitions[].healthCheck.x"),
    );
}

#[tokio::test(start_paused = true)]
async fn missing_members_are_refused() {
    let missing =
        |text: &str| Some(("InvalidParameterException", format!("Missing required parameter in {text}")));
    refused_as(|request| request["family"] = json!(null), missing("input: 'family'"));
    refused_as(
        |request| app(request)["firelensConfiguration"] = json!({}),
        missing("'containerDefinitions[].firelensConfiguration': 'type'"),
    );
    let client = |text: &str| Some(("ClientException", text.to_owned()));
    refused_as(|request| request["family"] = json!(""), client("Family should not be null or empty."));
    refused_as(
        |request| app(request)["image"] = json!(""),
        client("Container.image should not be null or empty."),
    );
    refused_as(
        |request| app(request)["name"] = json!(null),
        client("Container.name should not be null or empty."),
    );
    refused_as(
        |request| request["containerDefinitions"] = json!([]),
        client("Container list cannot be empty."),
    );
    refused_as(|request| request["taskRoleArn"] = json!(""), client("Role is not valid"));
}

#[tokio::test(start_paused = true)]
async fn wrong_types_are_refused() {
    let wrong = |text: &str| Some(("SerializationException", text.to_owned()));
    refused_as(
        |request| request["cpu"] = json!(256),
        wrong("cpu: NUMBER_VALUE can not be converted to a String"),
    );
    refused_as(
        |request| app(request)["cpu"] = json!("256"),
        wrong("containerDefinitions[].cpu: STRING_VALUE can not be converted to an Integer"),
    );
    refused_as(
        |request| app(request)["dockerLabels"] = json!({ "a": true }),
        wrong("containerDefinitions[].dockerLabels{}: TRUE_VALUE can not be converted to a String"),
    );
    refused_as(
        |request| app(request)["command"] = json!({}),
        wrong("containerDefinitions[].command: START_OBJECT can not be converted to a list"),
    );
}

#[tokio::test(start_paused = true)]
async fn sizes_and_tags_are_checked() {
    let client = |text: &str| Some(("ClientException", text.to_owned()));
    refused_as(|request| app(request)["command"] = json!(["x".repeat((64 << 10) - 100)]), None);
    refused_as(
        |request| app(request)["command"] = json!(["x".repeat(64 << 10)]),
        client("Actual length: '65636'. Max allowed length is '65536' bytes."),
    );
    let reserved =
        Some(("InvalidParameterException", "Tag keys and values cannot start with 'aws:'.".to_owned()));
    refused_as(|request| request["tags"] = json!([{ "key": "AWS:x", "value": "" }]), reserved.clone());
    refused_as(|request| request["tags"] = json!([{ "key": "x", "value": "aws:" }]), reserved);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_not_embedded_is_unknown() {
    let error = World::empty().sandbox.call("StartTask", json!({})).unwrap_err();
    assert_eq!(error.code, "UnknownOperationException");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_the_header_cuts_short_is_refused() {
    let world = World::empty();
    let body = r#"{"family":"web","containerDefinitions":[{"name":"app","image":"app:1","memory":128}]}"#;
    let send = |length: Option<usize>| {
        world.ecs.register_task_definition().customize().mutate_request(move |request| {
            *request.body_mut() = SdkBody::from(body);
            if let Some(length) = length {
                request.headers_mut().insert("content-length", length.to_string());
            }
        })
    };
    let error = send(None).send().await.unwrap_err();
    assert_eq!(error.code(), Some("SerializationException"));
    let answer = send(Some(body.len())).send().await.unwrap();
    assert_eq!(answer.task_definition().unwrap().revision(), 1);
    let seen: Vec<_> = world.sandbox.calls().iter().map(|call| (call.effect, call.status)).collect();
    assert_eq!(seen, [(false, Some(400)), (true, Some(200))]);
}

/// Registers a definition that `change` was applied to, in a sandbox of its own.
fn refused_as(change: impl FnOnce(&mut Value), expected: Option<(&'static str, String)>) {
    let sandbox: Sandbox = World::empty().sandbox;
    let container = json!({ "name": "app", "image": "app:1", "memory": 128 });
    let mut request = json!({ "family": "web", "containerDefinitions": [container] });
    change(&mut request);
    let result = sandbox.call("RegisterTaskDefinition", request.clone());
    let expected = expected.map(|(code, message)| ApiError::new(code, message));
    assert_eq!(result.err(), expected, "{}", &request.to_string()[..request.to_string().len().min(200)]);
    assert_eq!(sandbox.stored("web").is_ok(), expected.is_none());
}

fn app(request: &mut Value) -> &mut Value {
    &mut request["containerDefinitions"][0]
}
