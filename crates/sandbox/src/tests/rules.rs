//! EventBridge's rules and targets, through its SDK and as raw requests.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::types::{EcsParameters, RuleState, Target};
use serde_json::{Value, json};

use super::world::{World, signing_by};
use crate::wire::Request;
use crate::{Fault, FaultKind, REGION};

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";

fn client(world: &World) -> Client {
    let config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::for_tests())
        .time_source(signing_by(world.clock))
        .http_client(world.sandbox.http_client());
    Client::from_conf(config.build())
}

fn put(world: &World, operation: &str, request: Value) {
    world.sandbox.call_events(operation, request).unwrap();
}

/// A rule `nightly` on the default bus with these targets.
fn with_rule(targets: &Value) -> World {
    let world = World::with_service(1, json!({}));
    put(&world, "PutRule", json!({ "Name": "nightly", "ScheduleExpression": "cron(0 3 * * ? *)" }));
    put(&world, "PutTargets", json!({ "Rule": "nightly", "Targets": targets }));
    world
}

fn target(id: &str, definition: &str) -> Value {
    json!({
        "Id": id, "Arn": CLUSTER, "RoleArn": "arn:aws:iam::123456789012:role/events",
        "EcsParameters": { "TaskDefinitionArn": definition, "TaskCount": 2 },
        "Input": "{\"containerOverrides\":[]}",
    })
}

fn typed(id: &str) -> Target {
    let parameters = EcsParameters::builder().task_definition_arn("web").build().unwrap();
    let target = Target::builder().id(id).arn(CLUSTER).role_arn("arn:aws:iam::123456789012:role/events");
    target.ecs_parameters(parameters).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_described_with_its_targets() {
    let world = with_rule(&json!([target("job", "web:1")]));
    let events = client(&world);
    let rule = events.describe_rule().name("nightly").send().await.unwrap();
    assert_eq!(rule.arn(), Some("arn:aws:events:eu-west-1:123456789012:rule/nightly"));
    assert_eq!((rule.state(), rule.event_bus_name()), (Some(&RuleState::Enabled), Some("default")));
    assert_eq!((rule.schedule_expression(), rule.managed_by()), (Some("cron(0 3 * * ? *)"), None));
    let targets = events.list_targets_by_rule().rule("nightly").send().await.unwrap();
    let parameters = targets.targets()[0].ecs_parameters().unwrap();
    assert_eq!((parameters.task_definition_arn(), parameters.task_count()), ("web:1", Some(2)));
    let missing = events.describe_rule().name("daily").send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception());
    assert_eq!(missing.message(), Some("Rule daily does not exist on EventBus default."));
    let no_bus = events.list_targets_by_rule().rule("nightly").event_bus_name("shop").send().await;
    assert_eq!(no_bus.unwrap_err().message(), Some("Event bus shop does not exist."));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_put_replaces_all_of_the_one_of_its_id_and_leaves_the_others() {
    let world = with_rule(&json!([target("job", "web:1"), target("other", "web:1")]));
    let answer = client(&world).put_targets().rule("nightly").targets(typed("job")).send().await.unwrap();
    assert_eq!((answer.failed_entry_count(), answer.failed_entries().len()), (0, 0));
    let now = world.sandbox.target("default", "nightly", "job").unwrap();
    assert_eq!(now.get("Input"), None, "what is left out is gone");
    assert_eq!(now["EcsParameters"], json!({ "TaskDefinitionArn": "web" }));
    assert_eq!(world.sandbox.target("default", "nightly", "other"), Some(target("other", "web:1")));
}

#[tokio::test(start_paused = true)]
async fn a_raw_target_is_kept_with_members_that_nobody_knows() {
    let world = with_rule(&json!([target("job", "web:1")]));
    let mut raw = target("job", "web:1");
    raw["FutureMember"] = json!({ "Deep": [1, null, 12_345_678_901_234_567_890_u64], "Empty": {} });
    raw["EcsParameters"]["FutureFlag"] = json!(false);
    let body = json!({ "Rule": "nightly", "EventBusName": "default", "Targets": [raw] }).to_string();
    let request = |operation: &str, body: String| Request {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: [("x-amz-target".to_owned(), format!("AWSEvents.{operation}"))].into(),
        body: body.into_bytes(),
    };
    let answer = world.sandbox.handle(request("PutTargets", body)).await.unwrap();
    assert_eq!(answer.status, 200);
    let listed = request("ListTargetsByRule", json!({ "Rule": "nightly" }).to_string());
    let listed: Value = serde_json::from_slice(&world.sandbox.handle(listed).await.unwrap().body).unwrap();
    assert_eq!(listed, json!({ "Targets": [raw] }));
    let misspelt =
        request("PutTargets", json!({ "Rule": "nightly", "Targets": [raw], "Bus": "x" }).to_string());
    assert_eq!(world.sandbox.handle(misspelt).await.unwrap().status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_is_told_in_an_answer_that_is_a_success() {
    let world = with_rule(&json!([target("job", "web:1"), target("other", "web:1")]));
    world.sandbox.refuse_targets(1, "ConcurrentModificationException", "Too many requests.");
    let events = client(&world);
    let both = || events.put_targets().rule("nightly").targets(typed("job")).targets(typed("other")).send();
    let answer = both().await.unwrap();
    let failed = &answer.failed_entries()[0];
    assert_eq!((answer.failed_entry_count(), failed.target_id()), (1, Some("job")));
    assert_eq!(failed.error_code(), Some("ConcurrentModificationException"));
    assert_eq!(world.sandbox.target("default", "nightly", "job"), Some(target("job", "web:1")));
    assert_ne!(world.sandbox.target("default", "nightly", "other"), Some(target("other", "web:1")));
    assert_eq!(both().await.unwrap().failed_entry_count(), 0);
    assert_ne!(world.sandbox.target("default", "nightly", "job"), Some(target("job", "web:1")));
}

#[tokio::test(start_paused = true)]
async fn what_eventbridge_does_not_take_is_refused() {
    let world = with_rule(&json!([target("job", "web:1")]));
    let events = client(&world);
    let code = |targets: Vec<Target>| {
        let sent = events.put_targets().rule("nightly").set_targets(Some(targets)).send();
        async { sent.await.err().and_then(|error| error.code().map(str::to_owned)) }
    };
    let some = |count: usize| (0..count).map(|number| typed(&format!("t{number}"))).collect::<Vec<_>>();
    assert_eq!(code(some(11)).await.as_deref(), Some("ValidationException"));
    assert_eq!(code(some(5)).await.as_deref(), Some("LimitExceededException"), "with the one that is there");
    assert_eq!(code(some(4)).await, None);
    let misnamed = Target::builder().id("no spaces").arn(CLUSTER).build().unwrap();
    assert_eq!(code(vec![misnamed]).await.as_deref(), Some("ValidationException"));
    let without_role = Target::builder().id("job").arn(CLUSTER).build().unwrap();
    assert_eq!(code(vec![without_role]).await.as_deref(), Some("ValidationException"));
    for (member, value) in
        [("Input", json!("{")), ("InputPath", json!("$.detail")), ("EcsParameters", json!(null))]
    {
        let mut unsound = target("job", "web:1");
        unsound[member] = value;
        let request = json!({ "Rule": "nightly", "Targets": [unsound] });
        let refused = world.sandbox.call_events("PutTargets", request).unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{member}: {refused}");
    }
    let rule = world.sandbox.call_events("PutRule", json!({ "Name": "never" })).unwrap_err();
    assert_eq!(rule.code, "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn a_managed_rule_is_changed_by_its_service_alone() {
    let world = with_rule(&json!([target("job", "web:1")]));
    world.sandbox.manage_rule("default", "nightly", "autoscaling.amazonaws.com");
    let events = client(&world);
    let rule = events.describe_rule().name("nightly").send().await.unwrap();
    assert_eq!(rule.managed_by(), Some("autoscaling.amazonaws.com"));
    let refused = events.put_targets().rule("nightly").targets(typed("job")).send().await.unwrap_err();
    assert!(refused.as_service_error().unwrap().is_managed_rule_exception(), "{refused:?}");
    assert_eq!(world.sandbox.target("default", "nightly", "job"), Some(target("job", "web:1")));
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_some_of_which_are_empty() {
    let world = with_rule(&json!([target("a", "web:1"), target("b", "web:1")]));
    put(&world, "CreateEventBus", json!({ "Name": "shop/orders" }));
    let pattern = json!("{\"source\":[\"shop\"]}");
    for (bus, rule) in [("default", "aaa"), ("shop/orders", "paid")] {
        put(&world, "PutRule", json!({ "Name": rule, "EventBusName": bus, "EventPattern": pattern }));
    }
    put(
        &world,
        "PutTargets",
        json!({ "Rule": "paid", "EventBusName": "shop/orders", "Targets": [target("x", "web")] }),
    );
    world.sandbox.set_page_size(1);
    let events = client(&world);

    let first = events.list_event_buses().send().await.unwrap();
    let second = events.list_event_buses().next_token(first.next_token().unwrap()).send().await.unwrap();
    let names = [&first, &second].map(|page| page.event_buses()[0].name().unwrap().to_owned());
    assert_eq!((names, second.next_token()), (["default".to_owned(), "shop/orders".to_owned()], None));

    let empty = events.list_rule_names_by_target().target_arn(CLUSTER).send().await.unwrap();
    assert_eq!(empty.rule_names().len(), 0, "the rule `aaa` has no target");
    let token = empty.next_token().unwrap();
    let full = events.list_rule_names_by_target().target_arn(CLUSTER).next_token(token).send().await.unwrap();
    assert_eq!((full.rule_names(), full.next_token()), (&["nightly".to_owned()][..], None));
    let arn = "arn:aws:events:eu-west-1:123456789012:event-bus/shop/orders";
    let other = events.list_rule_names_by_target().target_arn(CLUSTER).event_bus_name(arn).send().await;
    assert_eq!(other.unwrap().rule_names(), ["paid"]);

    let first = events.list_targets_by_rule().rule("nightly").send().await.unwrap();
    let token = first.next_token().unwrap();
    let second = events.list_targets_by_rule().rule("nightly").next_token(token).send().await.unwrap();
    assert_eq!((first.targets()[0].id(), second.targets()[0].id()), ("a", "b"));
    assert_eq!((first.targets().len(), second.next_token()), (1, None));
    let wrong = events.list_event_buses().next_token("nobody's").send().await.unwrap_err();
    assert_eq!(wrong.code(), Some("ValidationException"));
}

#[tokio::test(start_paused = true)]
async fn a_rule_goes_when_its_targets_are_gone() {
    let world = with_rule(&json!([target("job", "web:1")]));
    let events = client(&world);
    let delete = || events.delete_rule().name("nightly").send();
    assert_eq!(delete().await.unwrap_err().code(), Some("ValidationException"));
    events.remove_targets().rule("nightly").ids("job").send().await.unwrap();
    delete().await.unwrap();
    assert_eq!(
        events.describe_rule().name("nightly").send().await.unwrap_err().code(),
        Some("ResourceNotFoundException")
    );
}

#[tokio::test(start_paused = true)]
async fn a_rule_starts_the_revision_that_it_names_or_the_newest_active_one() {
    let world =
        with_rule(&json!([target("fixed", "web:1"), target("newest", "web"), target("gone", "web:9")]));
    let newest = world.register("app:2");
    let fired = |id: &str| world.sandbox.fire_rule("default", "nightly", id);
    assert!(fired("fixed").unwrap().ends_with("task-definition/web:1"));
    assert_eq!(fired("newest"), Some(newest.clone()));
    assert_eq!(fired("gone"), None, "nobody hears of it");
    world.call("DeregisterTaskDefinition", json!({ "taskDefinition": newest }));
    assert!(fired("newest").unwrap().ends_with("web:1"));
    put(
        &world,
        "PutRule",
        json!({ "Name": "nightly", "ScheduleExpression": "rate(1 day)", "State": "DISABLED" }),
    );
    assert_eq!(fired("fixed"), None);
    assert_eq!(
        world.sandbox.target("default", "nightly", "fixed"),
        Some(target("fixed", "web:1")),
        "targets stay"
    );
}

#[tokio::test(start_paused = true)]
async fn a_denial_names_the_rule() {
    let world = with_rule(&json!([target("job", "web:1")]));
    put(&world, "CreateEventBus", json!({ "Name": "shop" }));
    let events = client(&world);
    for (bus, arn) in [("default", "rule/nightly "), ("shop", "rule/shop/nightly ")] {
        let kind = FaultKind::Denied;
        world.sandbox.inject(Fault { operation: "PutTargets".to_owned(), nth: Some(1), kind });
        let call = events.put_targets().rule("nightly").event_bus_name(bus).targets(typed("job"));
        let refused = call.send().await.unwrap_err();
        let message = refused.message().unwrap();
        assert!(message.contains("events:PutTargets on") && message.contains(arn), "{message}");
        world.sandbox.clear_faults();
    }
    let calls = world.sandbox.calls();
    assert!(
        calls.iter().all(|call| call.operation == "PutTargets" && !call.effect && call.status == Some(400))
    );
}
