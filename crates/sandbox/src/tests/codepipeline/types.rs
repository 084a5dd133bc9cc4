//! Custom action types, and which actions and polls fit them.

use aws_sdk_codepipeline::types::ActionOwner;
use serde_json::{Value, json};

use super::{Shop, action, action_type, code, type_id};
use crate::{Action, ActionArtifact, Sandbox};

#[tokio::test(start_paused = true)]
async fn a_type_is_answered_as_it_was_created() {
    let shop = Shop::without_action_type();
    let mut request = action_type();
    request["tags"] = json!([{ "key": "team", "value": "" }]);
    let answer = shop.world.sandbox.create_action_type(request.clone()).unwrap();
    assert_eq!(
        answer,
        json!({
            "actionType": {
                "id": { "category": "Deploy", "owner": "Custom", "provider": "Evenkeel", "version": "1" },
                "settings": request["settings"],
                "actionConfigurationProperties": request["configurationProperties"],
                "inputArtifactDetails": request["inputArtifactDetails"],
                "outputArtifactDetails": request["outputArtifactDetails"],
            },
            "tags": [{ "key": "team", "value": "" }],
        })
    );
    assert_eq!(refusal(&shop.world.sandbox, request.clone()), "ValidationException", "it exists already");
    request["version"] = json!("2");
    shop.world.sandbox.create_action_type(request).unwrap();
}

/// One member of the request set to something that is just valid, and to something just not valid.
#[tokio::test(start_paused = true)]
async fn a_type_has_limits() {
    let text = |size: usize| Value::from("x".repeat(size));
    let property = |index: usize| json!({ "name": format!("P{index}"), "required": false, "key": false, "secret": false });
    let properties = |count: usize| (0..count).map(property).collect::<Value>();
    let first = |member: &str, value: Value| {
        let mut properties = properties(1);
        properties[0][member] = value;
        properties
    };
    let queryable = |count: usize, required: bool, secret: bool| {
        (0..count)
            .map(|index| json!({ "name": format!("P{index}"), "required": required, "key": false, "secret": secret, "queryable": true }))
            .collect::<Value>()
    };
    let counts = |minimum: i64, maximum: i64| json!({ "minimumCount": minimum, "maximumCount": maximum });
    let tags = |count: usize| {
        (0..count).map(|it| json!({ "key": format!("t{it}"), "value": "" })).collect::<Value>()
    };
    let valid = "ValidationException";

    for (pointer, right, wrong, error) in [
        ("/category", json!("Invoke"), json!("Source"), valid),
        ("/category", json!("Build"), json!("deploy"), valid),
        ("/provider", text(35), text(36), valid),
        ("/provider", json!("Even_keel-1"), json!("Even keel"), valid),
        ("/provider", text(1), text(0), valid),
        ("/version", text(9), text(10), valid),
        ("/version", text(1), text(0), valid),
        ("/version", json!("1-a_B"), json!("1.0"), valid),
        ("/settings/entityUrlTemplate", text(2048), text(2049), valid),
        ("/settings/executionUrlTemplate", text(2048), text(2049), valid),
        ("/settings/revisionUrlTemplate", text(2048), text(2049), valid),
        ("/settings/thirdPartyConfigurationUrl", text(2048), text(2049), valid),
        ("/settings/thirdPartyConfigurationUrl", text(1), text(0), valid),
        ("/settings/entityUrlTemplate", json!("{Config:ClusterName}"), json!("{Config:Password}"), valid),
        ("/settings/entityUrlTemplate", json!("{Config:ClusterName}"), json!("{Config:Nothing}"), valid),
        ("/settings", json!({}), json!({ "wrong": "" }), valid),
        ("/inputArtifactDetails", counts(0, 5), counts(0, 6), valid),
        ("/inputArtifactDetails", counts(5, 5), counts(-1, 5), valid),
        ("/outputArtifactDetails", counts(0, 5), counts(0, 6), valid),
        ("/outputArtifactDetails", counts(0, 0), json!({ "minimumCount": 0 }), valid),
        ("/outputArtifactDetails", counts(0, 0), Value::Null, valid),
        ("/tags", tags(50), tags(51), "TooManyTagsException"),
        ("/tags", tags(1), json!([{ "key": "aws:x", "value": "" }]), "InvalidTagsException"),
        (
            "/tags",
            json!([{ "key": text(128), "value": text(256) }]),
            json!([{ "key": text(129), "value": "" }]),
            valid,
        ),
    ] {
        assert_eq!(created(with(pointer, right)), Ok(()), "{pointer}");
        assert_eq!(created(with(pointer, wrong)), Err(error), "{pointer}");
    }
    for (right, wrong) in [
        (properties(10), properties(11)),
        (first("name", text(50)), first("name", text(51))),
        (first("name", text(1)), first("name", text(0))),
        (first("description", text(160)), first("description", text(161))),
        (first("description", text(1)), first("description", text(0))),
        (first("required", json!(true)), first("required", Value::Null)),
        (first("key", json!(true)), first("key", Value::Null)),
        (first("secret", json!(true)), first("secret", Value::Null)),
        (first("type", json!("Number")), first("type", json!("Float"))),
        (first("queryable", json!(false)), first("queryable", json!(true))),
        (queryable(1, true, false), queryable(2, true, false)),
        (queryable(1, true, false), queryable(1, true, true)),
        (properties(1), json!([property(0), property(0)])),
    ] {
        for (value, result) in [(right, Ok(())), (wrong, Err(valid))] {
            let mut request = with("/configurationProperties", value.clone());
            request["settings"] = json!({});
            assert_eq!(created(request), result, "{value}");
        }
    }
    assert_eq!(created(with("/provider", json!(1))), Err("SerializationException"));
}

#[tokio::test(start_paused = true)]
async fn an_account_has_fifty_types() {
    let shop = Shop::without_action_type();
    for version in 1..=50 {
        shop.world.sandbox.create_action_type(with("/version", json!(version.to_string()))).unwrap();
    }
    assert_eq!(refusal(&shop.world.sandbox, with("/version", json!("51"))), "LimitExceededException");
}

#[tokio::test(start_paused = true)]
async fn an_action_has_to_fit_its_type() {
    let shop = Shop::new();
    let configured = |key: &str, value: &str| {
        let mut action = action();
        action.configuration.insert(key.to_owned(), value.to_owned());
        action
    };
    let of_type = |provider: &str| Action { provider: provider.to_owned(), ..action() };
    let without = Action { configuration: [].into(), ..action() };
    let many = |size: usize| "x".repeat(size);
    let input = |name: &str| Some(ActionArtifact::new(name, "artifacts", "in.zip"));
    for (action, expected) in [
        (action(), None),
        (
            of_type("Other"),
            Some(
                "InvalidActionDeclarationException: ActionType (Category: 'Deploy', Provider: 'Other', \
                 Owner: 'Custom', Version: '1') in action 'Deploy' is not available in region 'EU_WEST_1'",
            ),
        ),
        (
            configured("Cluster", "prod"),
            Some(
                "InvalidActionDeclarationException: Action configuration for action 'Deploy' contains unknown \
                 configuration 'Cluster'",
            ),
        ),
        (
            without,
            Some(
                "InvalidActionDeclarationException: Action configuration for action 'Deploy' is missing required \
                 configuration 'ClusterName'",
            ),
        ),
        (configured("ClusterName", &many(1000)), None),
        (configured("ClusterName", &many(1001)), Some("ValidationException")),
        (configured("ClusterName", ""), Some("ValidationException")),
        (Action { pipeline: many(100), ..action() }, None),
        (Action { pipeline: many(101), ..action() }, Some("ValidationException")),
        (Action { stage: "a b".to_owned(), ..action() }, Some("ValidationException")),
        (Action { encryption_key: Some(many(400)), ..action() }, None),
        (Action { encryption_key: Some(many(401)), ..action() }, Some("ValidationException")),
        (Action { input: input("Build_Image-1"), ..action() }, None),
        (Action { input: input("Build.Image"), ..action() }, Some("ValidationException")),
    ] {
        let answer = shop.world.sandbox.start_action(action);
        match (&answer, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => assert!(error.to_string().starts_with(expected), "{error}"),
            (answer, expected) => panic!("{answer:?}, expected {expected:?}"),
        }
    }
    assert_eq!(shop.world.sandbox.actions().len(), 5);

    let mut wants_input = with("/version", json!("2"));
    wants_input["inputArtifactDetails"]["minimumCount"] = json!(1);
    shop.world.sandbox.create_action_type(wants_input).unwrap();
    let action = Action { version: "2".to_owned(), input: None, ..action() };
    let error = shop.world.sandbox.start_action(action).unwrap_err();
    assert_eq!(error.message, "Action 'Deploy' has 0 input artifacts, its type wants 1 to 1");
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_for_a_custom_type_that_exists() {
    let shop = Shop::new();
    shop.start();
    let mut of_aws = type_id("Evenkeel");
    of_aws.owner = ActionOwner::Aws;
    for wrong in [type_id("Other"), of_aws] {
        let answer = shop.worker.poll_for_jobs().action_type_id(wrong).send().await;
        assert_eq!(code(&answer.unwrap_err()), "ActionTypeNotFoundException");
    }
    shop.world.sandbox.create_action_type(with("/provider", json!("Other"))).unwrap();
    let others = shop.worker.poll_for_jobs().action_type_id(type_id("Other")).send().await.unwrap();
    assert_eq!(others.jobs(), [], "each type has a queue of its own");
    assert_eq!(shop.poll(1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queryable_property_chooses_the_jobs() {
    let shop = Shop::without_action_type();
    let mut request = action_type();
    request["configurationProperties"][0]["queryable"] = json!(true);
    shop.world.sandbox.create_action_type(request).unwrap();
    let start = |cluster: &str| {
        let configuration = [("ClusterName".to_owned(), cluster.to_owned())].into();
        shop.world.sandbox.start_action(Action { configuration, ..action() }).map_err(|error| error.code)
    };
    start("prod").unwrap();
    let test = start("test").unwrap();
    assert_eq!(start(&"x".repeat(21)), Err("InvalidActionDeclarationException"));
    assert_eq!(start("a.b"), Err("InvalidActionDeclarationException"));

    let poll = || shop.worker.poll_for_jobs().action_type_id(type_id("Evenkeel")).max_batch_size(9);
    let jobs = poll().query_param("ClusterName", "test").send().await.unwrap().jobs.unwrap();
    assert_eq!(jobs.iter().map(super::execution_of).collect::<Vec<_>>(), [test]);
    for poll in [poll(), poll().query_param("Password", "x"), poll().query_param("ClusterName", "a b")] {
        assert_eq!(code(&poll.send().await.unwrap_err()), "ValidationException");
    }
    let plain = Shop::new();
    let poll = plain.worker.poll_for_jobs().action_type_id(type_id("Evenkeel"));
    let answer = poll.query_param("ClusterName", "test").send().await;
    assert_eq!(code(&answer.unwrap_err()), "ValidationException");
}

/// The request with one member replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut request = action_type();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[member] = value;
    request
}

fn created(request: Value) -> Result<(), &'static str> {
    let shop = Shop::without_action_type();
    shop.world.sandbox.create_action_type(request).map(drop).map_err(|error| error.code)
}

fn refusal(sandbox: &Sandbox, request: Value) -> &'static str {
    sandbox.create_action_type(request).unwrap_err().code
}
