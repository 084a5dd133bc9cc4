//! How one-off tasks end, and what their containers write.

use std::time::Duration;

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{ContainerOverride, Task, TaskOverride};
use serde_json::{Value, json};

use super::logs::{messages, read};
use super::one_off_tasks::{describe, stop};
use super::world::World;
use crate::{REGION, TaskEnding, TaskScript};

/// Each ending in a definition with an essential side-car: the stop code, the reason, and of each container the exit code
/// and the reason.
#[tokio::test(start_paused = true)]
async fn each_ending_is_told_as_ecs_tells_it() {
    let exited = ("EssentialContainerExited", "Essential container in task exited");
    let cannot_pull = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
                       job:1: not found";
    let out_of_memory = "OutOfMemoryError: Container killed due to memory usage";
    for (ending, told, job, side) in [
        (TaskEnding::Exits(0), exited, (Some(0), None), Some(143)),
        (TaskEnding::Exits(3), exited, (Some(3), None), Some(143)),
        (TaskEnding::OutOfMemory, exited, (Some(137), Some(out_of_memory)), Some(143)),
        (TaskEnding::SidecarExits(1), exited, (Some(137), None), Some(1)),
        (
            TaskEnding::SpotInterruption,
            ("SpotInterruption", "Your Spot Task was interrupted."),
            (Some(143), None),
            Some(143),
        ),
        (TaskEnding::CannotPull, ("TaskFailedToStart", cannot_pull), (None, Some(cannot_pull)), None),
        (
            TaskEnding::SecretDenied,
            ("TaskFailedToStart", "ResourceInitializationError: "),
            (None, None),
            None,
        ),
    ] {
        let world = world(json!({}), json!({}));
        let task = end(&world, TaskScript { ending, ..TaskScript::default() }).await;
        assert_eq!(task.last_status(), Some("STOPPED"), "{ending:?}");
        assert_eq!(task.stop_code().unwrap().as_str(), told.0, "{ending:?}");
        assert!(
            task.stopped_reason().unwrap().starts_with(told.1),
            "{ending:?}: {:?}",
            task.stopped_reason()
        );
        let containers = task.containers();
        assert_eq!((containers[0].exit_code(), containers[0].reason()), job, "{ending:?}");
        assert_eq!((containers[1].exit_code(), containers[1].reason()), (side, None), "{ending:?}");
        assert_eq!(task.started_at().is_some(), side.is_some(), "{ending:?}");
        assert_eq!(containers[0].runtime_id().is_some(), side.is_some(), "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_outlives_its_stop_timeout_is_killed() {
    let world = world(json!({ "stopTimeout": 20 }), json!({ "stopTimeout": 1 }));
    let task = end(&world, TaskScript::default()).await;
    assert_eq!(task.containers()[1].exit_code(), Some(137));
    let task = end(&world, TaskScript { ending: TaskEnding::SidecarExits(2), ..TaskScript::default() }).await;
    let ending = task.execution_stopped_at().unwrap().secs() - task.stopping_at().unwrap().secs();
    assert_eq!((task.containers()[0].exit_code(), ending), (Some(137), 20));
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_on_when_a_container_that_is_not_essential_exits() {
    let world = world(json!({ "essential": false }), json!({}));
    let task = end(&world, TaskScript { ending: TaskEnding::Exits(4), ..TaskScript::default() }).await;
    assert_eq!((task.last_status(), task.desired_status()), (Some("RUNNING"), Some("RUNNING")));
    let statuses: Vec<_> =
        task.containers().iter().map(|it| (it.last_status().unwrap(), it.exit_code())).collect();
    assert_eq!(statuses, [("STOPPED", Some(4)), ("RUNNING", None)]);
    assert_eq!(world.sandbox.one_off_tasks()[0].exit_code, Some(4));
    stop(&world, task.task_arn().unwrap(), None).await.unwrap();
    world.sleep(10).await;
    let task = describe(&world, task.task_arn().unwrap()).await.unwrap();
    let exits: Vec<_> = task.containers().iter().map(|it| it.exit_code()).collect();
    assert_eq!((task.last_status(), exits), (Some("STOPPED"), vec![Some(4), Some(143)]));
}

#[tokio::test(start_paused = true)]
async fn the_newest_script_that_fits_the_command_counts() {
    let world = World::with_service(1, json!({}));
    let exits = |code| TaskScript { ending: TaskEnding::Exits(code), ..TaskScript::default() };
    world.sandbox.play_tasks("migrate", exits(1));
    world.sandbox.play_tasks("db:migrate --all", exits(2));
    for (command, code) in [(vec!["rake", "db:migrate", "--all"], 2), (vec!["migrate"], 1), (vec!["seed"], 0)]
    {
        let container = json!({ "name": "app", "command": command });
        let overrides = json!({ "containerOverrides": [container] });
        world
            .call("RunTask", json!({ "cluster": "prod", "taskDefinition": "web:1", "overrides": overrides }));
        world.sleep(30).await;
        assert_eq!(world.sandbox.one_off_tasks().last().unwrap().exit_code, Some(code), "{command:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_can_be_followed() {
    let world = world(json!({}), json!({}));
    let at = Duration::from_secs;
    let lines =
        [(0, "connecting"), (2, "0001_users"), (2, "0002_orders"), (9, "done"), (11, "never written")];
    let log = lines.map(|(seconds, line)| (at(seconds), line.to_owned())).to_vec();
    world.sandbox.play_tasks("migrate", TaskScript { log, ..TaskScript::default() });
    let arn = run(&world).await;
    let stream = format!("run/job/{}", arn.rsplit('/').next().unwrap());
    world.sleep(4).await;
    let error = read(&world, "/ecs/job", &stream, json!({})).await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"), "no container has started");

    world.sleep(1).await;
    let mut token = Value::Null;
    let (mut pages, mut ends) = (Vec::new(), 0);
    for _ in 0..30 {
        let members = json!({ "startFromHead": true, "nextToken": token, "limit": 2 });
        let page = read(&world, "/ecs/job", &stream, members).await.unwrap();
        let next = json!(page.next_forward_token().unwrap());
        if next == token {
            ends += 1;
            world.sleep(1).await;
        } else {
            pages.push(messages(&page));
        }
        token = next;
    }
    let expected = [vec!["connecting"], vec!["0001_users", "0002_orders"], vec!["done"]];
    assert_eq!(
        (pages, ends),
        (expected.map(|page| page.into_iter().map(str::to_owned).collect()).to_vec(), 27)
    );

    let page = read(&world, "/ecs/job", &stream, json!({})).await.unwrap();
    assert_eq!(messages(&page), ["connecting", "0001_users", "0002_orders", "done"]);
    let started = describe(&world, &arn).await.unwrap().started_at().unwrap().to_millis().unwrap();
    let times: Vec<_> = page.events().iter().map(|event| event.timestamp().unwrap() - started).collect();
    assert_eq!(times, [0, 2000, 2000, 9000]);
    let side = format!("run/side/{}", arn.rsplit('/').next().unwrap());
    assert!(read(&world, "/ecs/job", &side, json!({})).await.unwrap().events().is_empty());
    world.sleep(2 * 3600).await;
    assert_eq!(describe(&world, &arn).await.unwrap_err(), "MISSING");
    read(&world, "/ecs/job", &stream, json!({})).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_never_started_has_no_log() {
    let world = world(json!({}), json!({}));
    let script = TaskScript { ending: TaskEnding::CannotPull, ..TaskScript::default() };
    let task = end(&world, script).await;
    let stream = format!("run/job/{}", task.task_arn().unwrap().rsplit('/').next().unwrap());
    let error = read(&world, "/ecs/job", &stream, json!({})).await.unwrap_err();
    assert_eq!(error.message(), Some("The specified log stream does not exist."));
}

/// A world with a definition `job` of two containers, which log: `job` and `side`, with these further members.
fn world(job: Value, side: Value) -> World {
    let world = World::with_service(1, json!({}));
    let options =
        json!({ "awslogs-group": "/ecs/job", "awslogs-region": REGION, "awslogs-stream-prefix": "run" });
    let container = |name: &str, members: Value| {
        let mut container = json!({
            "name": name, "image": format!("{name}:1"), "memory": 128,
            "logConfiguration": { "logDriver": "awslogs", "options": options },
        });
        container.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        container
    };
    let containers = [container("job", job), container("side", side)];
    world.call("RegisterTaskDefinition", json!({ "family": "job", "containerDefinitions": containers }));
    world
}

/// Runs `job` with the command `migrate`; gives the ARN of the task.
async fn run(world: &World) -> String {
    let container = ContainerOverride::builder().name("job").command("migrate").build();
    let overrides = TaskOverride::builder().container_overrides(container).build();
    let request = world.ecs.run_task().cluster("prod").task_definition("job").overrides(overrides);
    request.send().await.unwrap().tasks.unwrap().remove(0).task_arn.unwrap()
}

/// A task of `job` a minute after it was started.
async fn end(world: &World, script: TaskScript) -> Task {
    world.sandbox.play_tasks("migrate", script);
    let arn = run(world).await;
    world.sleep(60).await;
    describe(world, &arn).await.unwrap()
}
