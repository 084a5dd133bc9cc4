//! EventBridge Scheduler, through its SDK and as raw requests.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::primitives::DateTime;
use aws_sdk_scheduler::types::{
    EcsParameters, FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target,
};
use serde_json::{Value, json};

use super::world::{World, signing_by};
use crate::wire::{Request, Response};
use crate::{Fault, FaultKind, REGION};

const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
const ROLE: &str = "arn:aws:iam::123456789012:role/scheduler";
/// Midday of 2026-01-01, when the world begins.
const NOW: i64 = 1_767_268_800;

fn client(world: &World) -> Client {
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::for_tests())
        .time_source(signing_by(world.clock))
        .http_client(world.sandbox.http_client());
    Client::from_conf(config.build())
}

fn target() -> Target {
    let parameters = EcsParameters::builder().task_definition_arn("web:1").build().unwrap();
    Target::builder().arn(CLUSTER).role_arn(ROLE).ecs_parameters(parameters).build().unwrap()
}

fn off() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap()
}

/// All members that a schedule can have.
fn full(name: &str) -> Value {
    json!({
        "Name": name, "GroupName": "night", "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Vienna", "State": "DISABLED", "Description": "The report.",
        "StartDate": NOW + 60, "EndDate": NOW + 86_400, "ActionAfterCompletion": "DELETE",
        "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234",
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 },
        "Target": {
            "Arn": CLUSTER, "RoleArn": ROLE, "Input": "{}",
            "EcsParameters": { "TaskDefinitionArn": "web:1", "LaunchType": "FARGATE" },
            "RetryPolicy": { "MaximumRetryAttempts": 3 },
        },
    })
}

/// A group `night` with a schedule `report` that has all members.
fn with_schedule() -> World {
    let world = World::with_service(1, json!({}));
    world.sandbox.call_scheduler("CreateScheduleGroup", json!({ "Name": "night" })).unwrap();
    world.sandbox.call_scheduler("CreateSchedule", full("report")).unwrap();
    world
}

fn report(world: &World) -> Value {
    world.sandbox.schedule("night", "report").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_made_and_read_with_its_defaults() {
    let world = World::with_service(1, json!({}));
    let scheduler = client(&world);
    let create = || {
        let call = scheduler.create_schedule().name("report").schedule_expression("rate(1 day)");
        call.target(target()).flexible_time_window(off()).send()
    };
    let arn = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/report";
    assert_eq!(create().await.unwrap().schedule_arn(), arn);
    let read = scheduler.get_schedule().name("report").send().await.unwrap();
    assert_eq!((read.arn(), read.group_name(), read.name()), (Some(arn), Some("default"), Some("report")));
    assert_eq!(read.state(), Some(&ScheduleState::Enabled));
    assert_eq!(read.schedule_expression_timezone(), Some("UTC"));
    assert_eq!(read.action_after_completion().unwrap().as_str(), "NONE");
    assert_eq!(read.creation_date(), Some(&DateTime::from_secs(NOW)));
    assert_eq!(read.target(), Some(&target()));
    let again = create().await.unwrap_err();
    assert!(again.as_service_error().unwrap().is_conflict_exception());
    assert_eq!(again.raw_response().unwrap().status().as_u16(), 409);
    let missing = scheduler.get_schedule().name("report").group_name("night").send().await.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception());
    assert_eq!(missing.message(), Some("Schedule report does not exist."));
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_everything_and_what_it_leaves_out_gets_its_default() {
    let world = with_schedule();
    world.sleep(30).await;
    let call = client(&world).update_schedule().name("report").group_name("night");
    let call = call.schedule_expression("rate(1 day)").target(target()).flexible_time_window(off());
    call.send().await.unwrap();
    let now = report(&world);
    assert_eq!(
        now,
        json!({
            "Arn": "arn:aws:scheduler:eu-west-1:123456789012:schedule/night/report",
            "Name": "report", "GroupName": "night", "ScheduleExpression": "rate(1 day)",
            "CreationDate": 1_767_268_800.0, "LastModificationDate": 1_767_268_830.0,
            "State": "ENABLED", "ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE",
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": { "Arn": CLUSTER, "RoleArn": ROLE, "EcsParameters": { "TaskDefinitionArn": "web:1" } },
        }),
        "the disabled schedule runs now; its description, dates and key are gone"
    );
    let nowhere = client(&world).update_schedule().name("report").schedule_expression("rate(1 day)");
    let nowhere = nowhere.target(target()).flexible_time_window(off()).send().await.unwrap_err();
    assert!(
        nowhere.as_service_error().unwrap().is_resource_not_found_exception(),
        "the default group has none"
    );
}

#[tokio::test(start_paused = true)]
async fn a_raw_schedule_is_kept_with_members_that_nobody_knows() {
    let world = with_schedule();
    let mut raw = report(&world);
    for member in ["Arn", "CreationDate", "LastModificationDate", "Name"] {
        raw.as_object_mut().unwrap().remove(member);
    }
    raw["FutureMember"] = json!([{ "Deep": null, "Number": 12_345_678_901_234_567_890_u64 }]);
    raw["Target"]["EcsParameters"]["FutureFlag"] = json!(false);
    assert_eq!(request(&world, "PUT", "/schedules/report", &raw.to_string()).await.status, 200);
    let read = request(&world, "GET", "/schedules/report?groupName=night", "").await;
    let mut read: Value = serde_json::from_slice(&read.body).unwrap();
    for member in ["Arn", "CreationDate", "LastModificationDate", "Name"] {
        assert!(read.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    assert_eq!(read, raw);

    let put_back = request(&world, "PUT", "/schedules/report", &report(&world).to_string()).await;
    assert_eq!(put_back.status, 400, "members that only AWS writes");
    let nothing = request(&world, "PATCH", "/schedules/report", "{}").await;
    assert_eq!(nothing.status, 400);
}

#[tokio::test(start_paused = true)]
async fn an_error_has_its_code_in_a_header() {
    let world = with_schedule();
    let answer = request(&world, "GET", "/schedules/report", "").await;
    assert_eq!((answer.status, answer.content_type), (404, "application/json"));
    assert_eq!(answer.body, br#"{"Message":"Schedule report does not exist."}"#);
    let code = answer.headers.iter().find(|(name, _)| *name == "x-amzn-errortype");
    assert_eq!(code.unwrap().1, "ResourceNotFoundException");
    for (kind, status, code) in [
        (FaultKind::Throttled, 429, "ThrottlingException"),
        (FaultKind::ErrorBefore, 500, "InternalServerException"),
        (FaultKind::Denied, 403, "AccessDeniedException"),
    ] {
        world.sandbox.clear_faults();
        world.sandbox.inject(Fault { operation: "GetSchedule".to_owned(), nth: None, kind });
        let refused = request(&world, "GET", "/schedules/report?groupName=night", "").await;
        let told = refused.headers.iter().find(|(name, _)| *name == "x-amzn-errortype");
        assert_eq!((refused.status, told.unwrap().1.as_str()), (status, code));
    }
    let denied = client(&world).get_schedule().name("report").group_name("night").send().await.unwrap_err();
    let message = denied.message().unwrap();
    assert!(
        message.contains("scheduler:GetSchedule on") && message.contains("schedule/night/report "),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn schedules_are_listed_of_all_groups_with_nothing_of_a_target_but_its_arn() {
    let world = with_schedule();
    let mut other = full("archive");
    other["GroupName"] = "default".into();
    other["State"] = "ENABLED".into();
    world.sandbox.call_scheduler("CreateSchedule", other).unwrap();
    world.sandbox.set_page_size(1);
    let scheduler = client(&world);
    let first = scheduler.list_schedules().send().await.unwrap();
    let second = scheduler.list_schedules().next_token(first.next_token().unwrap()).send().await.unwrap();
    let seen = [&first, &second].map(|page| {
        let schedule = &page.schedules()[0];
        (schedule.group_name().unwrap(), schedule.name().unwrap(), schedule.target().unwrap().arn())
    });
    assert_eq!(seen, [("default", "archive", CLUSTER), ("night", "report", CLUSTER)]);
    assert_eq!((first.schedules().len(), second.next_token()), (1, None));
    let raw = request(&world, "GET", "/schedules?ScheduleGroup=night&MaxResults=10", "").await;
    let raw: Value = serde_json::from_slice(&raw.body).unwrap();
    assert_eq!(raw["Schedules"][0]["Target"], json!({ "Arn": CLUSTER }));
    assert_eq!(raw["Schedules"].as_array().unwrap().len(), 1);
    let more = scheduler.list_schedules().max_results(10).send().await.unwrap();
    assert_eq!((more.schedules().len(), more.next_token().is_some()), (1, true), "no more than AWS likes");
    world.sandbox.set_page_size(10);
    let fewer = scheduler.list_schedules().max_results(1).send().await.unwrap();
    assert_eq!((fewer.schedules().len(), fewer.next_token().is_some()), (1, true));
    let disabled = scheduler.list_schedules().state(ScheduleState::Disabled).name_prefix("rep");
    assert_eq!(disabled.send().await.unwrap().schedules()[0].name(), Some("report"));
    let nowhere = scheduler.list_schedules().group_name("day").send().await.unwrap_err();
    assert_eq!(nowhere.code(), Some("ResourceNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn a_client_token_that_comes_again_does_nothing_or_conflicts() {
    let world = with_schedule();
    let scheduler = client(&world);
    let update = |expression: &str| {
        let call = scheduler.update_schedule().name("report").group_name("night").client_token("once");
        call.schedule_expression(expression).target(target()).flexible_time_window(off()).send()
    };
    update("rate(1 day)").await.unwrap();
    world.sandbox.call_scheduler("UpdateSchedule", full("report")).unwrap();
    let before = report(&world);
    update("rate(1 day)").await.unwrap();
    assert_eq!(report(&world), before, "the former request is not carried out again");
    let other = update("rate(2 days)").await.unwrap_err();
    assert!(other.as_service_error().unwrap().is_conflict_exception());
    assert_eq!(report(&world), before);
}

#[tokio::test(start_paused = true)]
async fn a_beginning_in_the_past_is_refused_where_it_is_new_and_where_a_test_says_so() {
    let world = with_schedule();
    world.sleep(3600).await;
    let late = world.sandbox.call_scheduler("CreateSchedule", full("late")).unwrap_err();
    assert_eq!(late.message, "The StartDate you specify cannot be earlier than 5 minutes ago.");
    world.sandbox.add_schedule(&full("late")).unwrap();
    let update = || world.sandbox.call_scheduler("UpdateSchedule", full("late")).map_err(|error| error.code);
    update().unwrap();
    world.sandbox.refuse_past_starts();
    assert_eq!(update(), Err("ValidationException"));
    let mut without = full("late");
    without.as_object_mut().unwrap().remove("StartDate");
    world.sandbox.call_scheduler("UpdateSchedule", without).unwrap();
    assert_eq!(world.sandbox.schedule("night", "late").unwrap().get("StartDate"), None);
}

#[tokio::test(start_paused = true)]
async fn what_scheduler_does_not_take_is_refused() {
    let world = with_schedule();
    for (member, value) in [
        ("Name", json!("no spaces")),
        ("GroupName", json!("day/night")),
        ("ScheduleExpression", json!("daily")),
        ("State", json!("PAUSED")),
        ("ClientToken", json!("x".repeat(65))),
        ("FlexibleTimeWindow", json!({ "Mode": "FLEXIBLE" })),
        ("Target", json!({ "Arn": CLUSTER, "RoleArn": ROLE })),
        ("Target", json!({ "Arn": "prod", "RoleArn": ROLE })),
        ("Target", json!({ "Arn": CLUSTER })),
        ("Target", json!(null)),
    ] {
        let mut request = full("other");
        request[member] = value;
        let refused = world.sandbox.call_scheduler("CreateSchedule", request).unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{member}: {refused}");
    }
    let mut elsewhere = full("other");
    elsewhere["GroupName"] = "day".into();
    let refused = world.sandbox.call_scheduler("CreateSchedule", elsewhere).unwrap_err();
    assert_eq!((refused.code, refused.status), ("ResourceNotFoundException", 404));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_starts_the_revision_that_it_names_or_the_newest_active_one() {
    let world = with_schedule();
    let fired = || world.sandbox.fire_schedule("night", "report");
    assert_eq!(fired(), None, "it is disabled");
    let set = |definition: &str| {
        let mut request = full("report");
        request["State"] = "ENABLED".into();
        request["Target"]["EcsParameters"]["TaskDefinitionArn"] = definition.into();
        world.sandbox.call_scheduler("UpdateSchedule", request).unwrap();
    };
    set("web:1");
    let newest = world.register("app:2");
    assert!(fired().unwrap().ends_with("task-definition/web:1"));
    set("arn:aws:ecs:eu-west-1:123456789012:task-definition/web");
    assert_eq!(fired(), Some(newest));
    client(&world).delete_schedule().name("report").group_name("night").send().await.unwrap();
    assert_eq!(fired(), None);
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_its_own_way() {
    let world = with_schedule();
    let fork = world.sandbox.fork(world.clock.now());
    fork.call_scheduler("DeleteSchedule", json!({ "Name": "report", "GroupName": "night" })).unwrap();
    assert_eq!((fork.schedule("night", "report"), report(&world)["Name"].as_str()), (None, Some("report")));
}

/// A request signed for Scheduler, as far as the embedded AWS looks at signatures.
async fn request(world: &World, method: &str, path: &str, body: &str) -> Response {
    let credential =
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/scheduler/aws4_request, Signature=0";
    let request = Request {
        method: method.to_owned(),
        target: path.to_owned(),
        headers: [("authorization".to_owned(), credential.to_owned())].into(),
        body: body.as_bytes().to_vec(),
    };
    world.sandbox.handle(request).await.unwrap()
}
