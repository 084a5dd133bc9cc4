//! What crashed containers wrote to CloudWatch Logs.

use aws_sdk_cloudwatchlogs::operation::get_log_events::{GetLogEventsError, GetLogEventsOutput};
use aws_sdk_cloudwatchlogs::{Client, Config};
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::Task;
use serde_json::{Value, json};

use super::world::World;
use crate::{REGION, RolloutOutcome};

const GROUP: &str = "/ecs/web";

#[tokio::test(start_paused = true)]
async fn a_crashed_container_wrote_why() {
    for (outcome, lines) in [
        (
            RolloutOutcome::Crash,
            vec![
                "Starting the application",
                "Error: connect ECONNREFUSED 10.0.12.34:5432",
                "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)",
                "Cannot reach the database, giving up",
            ],
        ),
        (RolloutOutcome::OutOfMemory, vec!["Starting the application", "Loading the catalogue into memory"]),
    ] {
        let (world, task) = crashed(outcome, json!({ "awslogs-stream-prefix": "app" })).await;
        let stream = format!("app/main/{}", id_of(&task));
        let seen = read(&world, GROUP, &stream, json!({})).await.unwrap();
        assert_eq!(messages(&seen), lines);
        let last = seen.events().last().unwrap().timestamp().unwrap();
        assert_eq!(last, task.stopped_at().unwrap().to_millis().unwrap() - 1);
        let sidecar = read(&world, GROUP, &format!("side/log/{}", id_of(&task)), json!({})).await.unwrap();
        assert!(sidecar.events().is_empty(), "the container that did not crash wrote nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_prefix_the_stream_is_the_containers_own_id() {
    let (world, task) = crashed(RolloutOutcome::Crash, json!({})).await;
    let stream = task.containers()[0].runtime_id().unwrap();
    assert_eq!(read(&world, GROUP, stream, json!({})).await.unwrap().events().len(), 4);
    assert_ne!(task.containers()[1].runtime_id(), Some(stream));
}

#[tokio::test(start_paused = true)]
async fn lines_are_read_from_either_end_and_by_page() {
    let (world, task) = crashed(RolloutOutcome::Crash, json!({ "awslogs-stream-prefix": "app" })).await;
    world.sandbox.set_log_lines("prod", "web", (1..=5).map(|number| number.to_string()).collect());
    let stream = format!("app/main/{}", id_of(&task));
    let page = async |members: Value| {
        let seen = read(&world, GROUP, &stream, members).await.unwrap();
        let token = seen.next_forward_token().unwrap().to_owned();
        (messages(&seen), token, seen.next_backward_token().unwrap().to_owned())
    };
    let (newest, forward, backward) = page(json!({ "limit": 2 })).await;
    assert_eq!(newest, ["4", "5"]);
    assert_eq!(page(json!({ "limit": 2, "nextToken": backward })).await.0, ["2", "3"]);
    let (nothing, again, _) = page(json!({ "nextToken": forward })).await;
    assert!(nothing.is_empty());
    assert_eq!(again, forward, "the end gives the token that it was asked with");
    let (oldest, forward, _) = page(json!({ "limit": 3, "startFromHead": true })).await;
    assert_eq!(oldest, ["1", "2", "3"]);
    assert_eq!(page(json!({ "limit": 3, "startFromHead": true, "nextToken": forward })).await.0, ["4", "5"]);
    let group = format!("arn:aws:logs:{REGION}:123456789012:log-group:{GROUP}:*");
    assert_eq!(read(&world, &group, &stream, json!({})).await.unwrap().events().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_written_does_not_exist() {
    let prefix = json!({ "awslogs-stream-prefix": "app" });
    let (world, task) = crashed(RolloutOutcome::CannotPull, prefix).await;
    let never_started = format!("app/main/{}", id_of(&task));
    let (written, _) = crashed(RolloutOutcome::Crash, json!({ "awslogs-stream-prefix": "app" })).await;
    for (world, group, stream, message) in [
        (&written, GROUP, "app/main/nope", "The specified log stream does not exist."),
        (&written, "/ecs/nope", "app/main/nope", "The specified log group does not exist."),
        (&world, "/ecs/nope", never_started.as_str(), "The specified log group does not exist."),
        (&world, GROUP, never_started.as_str(), "The specified log stream does not exist."),
    ] {
        let error = read(world, group, stream, json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some("ResourceNotFoundException"));
        assert_eq!(error.message(), Some(message));
    }
}

/// A service whose containers log, and the newest task of it that stopped.
async fn crashed(outcome: RolloutOutcome, prefix: Value) -> (World, Task) {
    let world = World::with_service(1, json!({})).with_rollout(outcome, 60);
    let mut options = json!({ "awslogs-group": GROUP, "awslogs-region": REGION });
    options.as_object_mut().unwrap().extend(prefix.as_object().unwrap().clone());
    let mut side = options.clone();
    if side.get("awslogs-stream-prefix").is_some() {
        side["awslogs-stream-prefix"] = json!("side");
    }
    let logging = |options: Value| json!({ "logDriver": "awslogs", "options": options });
    let containers = json!([
        { "name": "main", "image": "app:bad", "logConfiguration": logging(options) },
        { "name": "log", "image": "side:1", "logConfiguration": logging(side) },
    ]);
    world.call(
        "RegisterTaskDefinition",
        json!({ "family": "web", "memory": "512", "containerDefinitions": containers }),
    );
    world.update("web").await;
    world.sleep(60).await;
    let task = world.stopped_task().await;
    (world, task)
}

fn id_of(task: &Task) -> &str {
    task.task_arn().unwrap().rsplit('/').next().unwrap()
}

pub(super) fn messages(seen: &GetLogEventsOutput) -> Vec<String> {
    seen.events().iter().map(|event| event.message().unwrap().to_owned()).collect()
}

pub(super) async fn read(
    world: &World,
    group: &str,
    stream: &str,
    members: Value,
) -> Result<GetLogEventsOutput, SdkError<GetLogEventsError>> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIASANDBOX", "secret", None, None, "test"))
        .time_source(super::world::signing_by(world.clock))
        .http_client(world.sandbox.http_client());
    let request = Client::from_conf(config.build()).get_log_events().log_stream_name(stream);
    let request = if group.starts_with("arn:") {
        request.log_group_identifier(group)
    } else {
        request.log_group_name(group)
    };
    request
        .set_limit(members["limit"].as_i64().map(|limit| limit.try_into().unwrap()))
        .set_start_from_head(members["startFromHead"].as_bool())
        .set_next_token(members["nextToken"].as_str().map(str::to_owned))
        .send()
        .await
}
