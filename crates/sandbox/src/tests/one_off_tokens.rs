//! The client tokens of one-off tasks: replays, conflicts, failures, and how long a token counts.

use aws_sdk_ecs::error::ProvideErrorMetadata;
use serde_json::json;

use super::one_off_tasks::{run, start};
use super::world::World;

#[tokio::test(start_paused = true)]
async fn a_replay_responds_with_the_same_tasks() {
    let world = World::with_service(1, json!({}));
    let call = async || run(&world, "migrate").count(2).client_token("t").send().await.unwrap();
    let first = call().await;
    assert_eq!(first.tasks().len(), 2);
    assert_eq!(call().await.tasks(), first.tasks());
    world.sleep(6).await;
    let running = call().await;
    assert_eq!(running.tasks()[0].task_arn(), first.tasks()[0].task_arn());
    assert_eq!(running.tasks()[0].last_status(), Some("RUNNING"));
    assert_eq!(running.tasks()[0].containers().len(), 1);
    world.sleep(60).await;
    let stopped = call().await;
    let task = &stopped.tasks()[0];
    assert_eq!((task.last_status(), task.desired_status()), (Some("STOPPED"), Some("STOPPED")));
    assert!(task.containers().is_empty() && task.stop_code().is_none(), "ARN and statuses only");
    assert_eq!(world.sandbox.one_off_tasks().len(), 2);
    start(&world, "migrate").await;
    assert_eq!(world.sandbox.one_off_tasks().len(), 3, "the SDK makes a token of its own for each call");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_differs_conflicts() {
    let world = World::with_service(1, json!({}));
    let first = run(&world, "migrate").client_token("t").send().await.unwrap();
    let arn = first.tasks()[0].task_arn().unwrap();
    for request in
        [run(&world, "seed"), run(&world, "migrate").started_by("me"), run(&world, "migrate").count(2)]
    {
        let error = request.client_token("t").send().await.unwrap_err().into_service_error();
        assert!(error.is_conflict_exception());
        let message = "The provided clientToken is already in use with a different RunTask request.";
        assert_eq!(error.message(), Some(message));
        let aws_sdk_ecs::operation::run_task::RunTaskError::ConflictException(conflict) = error else {
            panic!("{error}");
        };
        assert_eq!(conflict.resource_ids(), [arn]);
    }
    world.call("CreateCluster", json!({ "clusterName": "other" }));
    let other = run(&world, "seed").cluster("other").client_token("t").send().await.unwrap();
    assert_eq!(other.tasks().len(), 1, "the scope of a token is the cluster");
}

#[tokio::test(start_paused = true)]
async fn a_token_counts_until_an_hour_after_the_last_task_has_stopped() {
    let world = World::with_service(1, json!({}));
    let call = async |command: &str| {
        let answer = run(&world, command).client_token("t").send().await;
        answer
            .map(|it| it.tasks()[0].task_arn().unwrap().to_owned())
            .map_err(|it| it.code().unwrap().to_owned())
    };
    let first = call("migrate").await.unwrap();
    // It stops after 20 seconds.
    world.sleep(3600 + 19).await;
    assert_eq!(call("migrate").await.unwrap(), first);
    assert_eq!(call("seed").await.unwrap_err(), "ConflictException");
    world.sleep(1).await;
    assert_ne!(call("seed").await.unwrap(), first, "the token starts something else now");

    let long = crate::TaskScript { ending: crate::TaskEnding::NeverEnds, ..Default::default() };
    world.sandbox.play_tasks("serve", long);
    let request = || run(&world, "serve").client_token("u");
    let first = request().send().await.unwrap().tasks.unwrap().remove(0);
    world.sleep(24 * 3600 - 1).await;
    assert_eq!(request().send().await.unwrap().tasks()[0].task_arn(), first.task_arn());
    world.sleep(1).await;
    assert_ne!(request().send().await.unwrap().tasks()[0].task_arn(), first.task_arn(), "24 hours at most");
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_a_request_that_failed_fails_again() {
    let world = World::with_service(1, json!({}));
    world.sandbox.refuse_tasks("RESOURCE:MEMORY", 2);
    let call = async |token: &str| run(&world, "migrate").client_token(token).send().await.unwrap();
    for token in ["a", "b", "a", "b", "a"] {
        let answer = call(token).await;
        assert!(answer.tasks().is_empty());
        assert_eq!(answer.failures()[0].reason(), Some("RESOURCE:MEMORY"));
        assert!(answer.failures()[0].detail().is_some());
    }
    assert!(world.sandbox.one_off_tasks().is_empty());
    let answer = call("c").await;
    assert!(answer.failures().is_empty() && answer.tasks().len() == 1, "the third new request succeeds");
    assert_eq!(call("a").await.failures().len(), 1);
}
