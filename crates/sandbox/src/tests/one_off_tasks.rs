//! One-off tasks: how they are started, seen, listed and stopped, and which faults hit them.

use std::time::Duration;

use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::operation::run_task::builders::RunTaskFluentBuilder;
use aws_sdk_ecs::types::{ContainerOverride, KeyValuePair, Tag, Task, TaskField, TaskOverride};
use serde_json::{Value, json};

use super::world::World;
use crate::{Fault, FaultKind, RateLimit, TaskEnding, TaskScript};

#[tokio::test(start_paused = true)]
async fn without_a_request_there_is_no_task() {
    let world = World::with_service(1, json!({}));
    world.sandbox.play_tasks("migrate", TaskScript::default());
    assert_eq!(world.sandbox.one_off_tasks(), []);
    let listed = world.ecs.list_tasks().cluster("prod").send().await.unwrap();
    assert_eq!(listed.task_arns().len(), 1, "the task of the service");
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_through_its_statuses_and_exits() {
    let world = World::with_service(1, json!({}));
    let task = start(&world, "migrate").await;
    let containers = || vec![("app".to_owned(), "PENDING".to_owned())];
    assert_eq!(shown(&task), ("PROVISIONING".to_owned(), containers()));
    assert_eq!(task.group(), Some("family:web"));
    assert_eq!(task.started_by(), Some("evenkeel/1"));
    assert_eq!(task.launch_type().unwrap().as_str(), "EC2");
    assert!(task.task_definition_arn().unwrap().ends_with(":task-definition/web:1"));
    let overridden = &task.overrides().unwrap().container_overrides()[0];
    assert_eq!((overridden.name(), overridden.command()), (Some("app"), &["migrate".to_owned()][..]));

    let arn = task.task_arn().unwrap();
    let mut statuses = Vec::new();
    for _ in 0..22 {
        world.sleep(1).await;
        let status = describe(&world, arn).await.unwrap().last_status.unwrap();
        if statuses.last() != Some(&status) {
            statuses.push(status);
        }
    }
    assert_eq!(statuses, ["PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"]);
    let stopped = describe(&world, arn).await.unwrap();
    assert_eq!(stopped.stop_code().unwrap().as_str(), "EssentialContainerExited");
    assert_eq!(stopped.stopped_reason(), Some("Essential container in task exited"));
    assert_eq!(stopped.containers()[0].exit_code(), Some(0));
    assert_eq!(stopped.containers()[0].runtime_id().unwrap().len(), 64);
    let after = |at: &Option<aws_sdk_ecs::primitives::DateTime>| {
        at.unwrap().secs() - stopped.created_at().unwrap().secs()
    };
    let times =
        [&stopped.started_at, &stopped.stopping_at, &stopped.execution_stopped_at, &stopped.stopped_at];
    assert_eq!(times.map(after), [5, 15, 15, 20]);

    let kept = world.sandbox.one_off_tasks().remove(0);
    assert_eq!((kept.arn.as_str(), kept.container.as_str(), kept.exit_code), (arn, "app", Some(0)));
    assert_eq!(kept.command, ["migrate"]);
    assert_eq!(kept.environment, [("LOCK".to_owned(), "1".to_owned())]);
    assert_eq!(kept.stopped.unwrap().since(kept.created), Duration::from_secs(20));
    assert_eq!(kept.request["startedBy"], "evenkeel/1");
}

#[tokio::test(start_paused = true)]
async fn a_new_task_is_missing_for_a_moment_and_a_stopped_one_after_an_hour() {
    let world = World::with_service(1, json!({}));
    let arn = start(&world, "migrate").await.task_arn.unwrap();
    assert_eq!(describe(&world, &arn).await.unwrap_err(), "MISSING");
    assert_eq!(list(&world, json!({ "family": "web" })).await.len(), 1);
    world.sleep(1).await;
    describe(&world, &arn).await.unwrap();
    assert_eq!(list(&world, json!({ "family": "web" })).await.len(), 2);

    world.sandbox.set_task_lag(Duration::from_secs(60));
    assert_eq!(describe(&world, &arn).await.unwrap_err(), "MISSING");
    world.sleep(59).await;
    describe(&world, &arn).await.unwrap();
    world.sleep(3600 - 60 + 19).await;
    assert_eq!(describe(&world, &arn).await.unwrap().last_status(), Some("STOPPED"));
    world.sleep(1).await;
    assert_eq!(describe(&world, &arn).await.unwrap_err(), "MISSING");
    assert!(list(&world, json!({ "desiredStatus": "STOPPED" })).await.is_empty());
    assert_eq!(world.sandbox.one_off_tasks().len(), 1, "the console remembers it");
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_show_a_task_as_it_was() {
    let world = World::with_service(1, json!({}));
    world.sandbox.set_read_lag(Duration::from_secs(8));
    let arn = start(&world, "migrate").await.task_arn.unwrap();
    world.sleep(7).await;
    assert_eq!(describe(&world, &arn).await.unwrap_err(), "MISSING");
    world.sleep(1).await;
    assert_eq!(describe(&world, &arn).await.unwrap().last_status(), Some("PROVISIONING"));
    let answer = stop(&world, &arn, None).await.unwrap();
    assert_eq!((answer.last_status(), answer.desired_status()), (Some("STOPPING"), Some("STOPPED")));
    world.sleep(7).await;
    assert_eq!(describe(&world, &arn).await.unwrap().last_status(), Some("RUNNING"), "as it was then");
    world.sleep(1).await;
    assert_eq!(describe(&world, &arn).await.unwrap().last_status(), Some("STOPPING"));
}

#[tokio::test(start_paused = true)]
async fn tasks_are_listed_by_starter_family_and_status() {
    let world = World::with_service(1, json!({}));
    start(&world, "migrate").await;
    let other = run(&world, "seed").started_by("other").send().await.unwrap();
    world.sleep(1).await;
    let one = other.tasks()[0].task_arn().unwrap();
    assert_eq!(list(&world, json!({ "startedBy": "other" })).await, [one]);
    assert_eq!(list(&world, json!({ "startedBy": "evenkeel/1", "desiredStatus": "RUNNING" })).await.len(), 1);
    assert_eq!(list(&world, json!({ "family": "web" })).await.len(), 3);
    assert!(list(&world, json!({ "family": "nope" })).await.is_empty());
    assert_eq!(list(&world, json!({ "serviceName": "web" })).await.len(), 1, "only those of the service");
    assert_eq!(list(&world, json!({ "launchType": "FARGATE" })).await.len(), 0);
    world.sleep(20).await;
    assert!(list(&world, json!({ "startedBy": "other" })).await.is_empty(), "RUNNING is the default");
    assert_eq!(list(&world, json!({ "startedBy": "other", "desiredStatus": "STOPPED" })).await, [one]);
    for filter in ["family", "serviceName", "launchType"] {
        let mut request = json!({ "cluster": "prod", "startedBy": "other" });
        request[filter] = "web".into();
        let error = world.sandbox.call("ListTasks", request).unwrap_err();
        assert_eq!(
            error.to_string(),
            "InvalidParameterException: cannot specify startedBy with other filters"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_off_tasks_are_not_the_services_tasks() {
    let world = World::with_service(1, json!({}));
    let before = world.service().await;
    run(&world, "migrate").count(3).send().await.unwrap();
    world.sleep(5).await;
    assert_eq!(world.service().await, before);
    let cluster = world.call("DescribeClusters", json!({ "clusters": ["prod"] }))["clusters"][0].clone();
    assert_eq!((&cluster["runningTasksCount"], &cluster["pendingTasksCount"]), (&json!(4), &json!(0)));
    world.sandbox.set_rollout("prod", "web", crate::Rollout::default());
    world.update(&world.register("app:2")).await;
    world.sleep(60).await;
    assert_eq!(world.deployments().await, ["PRIMARY web:2 1/0 COMPLETED"]);

    let of_service = world.call("ListTasks", json!({ "cluster": "prod", "serviceName": "web" }));
    let request = json!({ "cluster": "prod", "task": of_service["taskArns"][0] });
    assert_eq!(world.sandbox.call("StopTask", request).unwrap_err().code, "ClientException");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_gets_sigterm_and_loses_its_tags() {
    let world = World::with_service(1, json!({}));
    world.sandbox.play_tasks("", TaskScript { ending: TaskEnding::NeverEnds, ..TaskScript::default() });
    let tag = Tag::builder().key("owner").value("me").build();
    let started = run(&world, "migrate").tags(tag.clone()).send().await.unwrap();
    assert_eq!(started.tasks()[0].tags(), std::slice::from_ref(&tag));
    let arn = started.tasks()[0].task_arn().unwrap();
    world.sleep(60).await;
    assert!(describe(&world, arn).await.unwrap().tags().is_empty(), "tags have to be asked for");
    let with_tags = async || {
        let request = world.ecs.describe_tasks().cluster("prod").tasks(arn).include(TaskField::Tags);
        request.send().await.unwrap().tasks.unwrap().remove(0).tags.unwrap()
    };
    assert_eq!(with_tags().await, [tag]);

    let stopping = stop(&world, arn, Some("Evenkeel: timed out")).await.unwrap();
    assert_eq!(stopping.desired_status(), Some("STOPPED"));
    assert_eq!(stopping.stopped_reason(), Some("Evenkeel: timed out"));
    assert!(with_tags().await.is_empty());
    world.sleep(1).await;
    let seen = describe(&world, arn).await.unwrap();
    assert_eq!((seen.last_status(), seen.containers()[0].exit_code()), (Some("STOPPING"), None));
    world.sleep(1).await;
    let seen = describe(&world, arn).await.unwrap();
    assert_eq!((seen.last_status(), seen.containers()[0].exit_code()), (Some("DEPROVISIONING"), Some(143)));
    world.sleep(5).await;
    let again = stop(&world, arn, Some("again")).await.unwrap();
    assert_eq!(again.last_status(), Some("STOPPED"));
    assert_eq!(again.stop_code().unwrap().as_str(), "UserInitiated");
    assert_eq!(again.stopped_reason(), Some("Evenkeel: timed out"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_stopped_before_it_starts_never_runs() {
    let world = World::with_service(1, json!({}));
    let arn = start(&world, "migrate").await.task_arn.unwrap();
    world.sleep(3).await;
    stop(&world, &arn, None).await.unwrap();
    world.sleep(60).await;
    let seen = describe(&world, &arn).await.unwrap();
    assert_eq!((seen.last_status(), seen.started_at()), (Some("STOPPED"), None));
    assert_eq!(seen.stop_code().unwrap().as_str(), "UserInitiated");
    let container = &seen.containers()[0];
    assert_eq!((container.last_status(), container.exit_code()), (Some("STOPPED"), None));
    for (cluster, task) in [("prod", "nope"), ("other", arn.as_str())] {
        world.call("CreateCluster", json!({ "clusterName": "other" }));
        let error = world.sandbox.call("StopTask", json!({ "cluster": cluster, "task": task })).unwrap_err();
        assert_eq!(error.to_string(), "InvalidParameterException: The referenced task was not found.");
    }
}

#[tokio::test(start_paused = true)]
async fn faults_denials_and_limits_meet_the_new_operations() {
    let world = World::with_service(1, json!({}));
    let arn = start(&world, "migrate").await.task_arn.unwrap();
    world.sleep(1).await;
    let fault = |operation: &str, kind| Fault { operation: operation.to_owned(), nth: Some(1), kind };
    for operation in ["RunTask", "StopTask", "DescribeTasks"] {
        world.sandbox.inject(fault(operation, FaultKind::Denied));
    }
    let denied = |action: &str, resource: &str| {
        format!(
            "User: arn:aws:iam::123456789012:user/evenkeel is not authorized to perform: ecs:{action} on resource: \
             {resource} because no identity-based policy allows the ecs:{action} action"
        )
    };
    let error = run(&world, "migrate").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let definition = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1";
    assert_eq!(error.message(), Some(denied("RunTask", definition).as_str()));
    assert_eq!(stop(&world, &arn, None).await.unwrap_err(), denied("StopTask", &arn));
    let error = world.ecs.describe_tasks().cluster("prod").tasks(&arn).send().await.unwrap_err();
    assert_eq!(error.message(), Some(denied("DescribeTasks", &arn).as_str()));

    world.sandbox.inject(fault("RunTask", FaultKind::Empty));
    let empty = run(&world, "migrate").send().await.unwrap();
    assert!(empty.tasks().is_empty() && empty.failures().is_empty());
    world.sandbox.inject(fault("RunTask", FaultKind::CutAfter));
    run(&world, "migrate").send().await.unwrap();
    assert_eq!(world.sandbox.one_off_tasks().len(), 2, "the SDK's token makes its second attempt a replay");
    world.sandbox.limit(RateLimit { operations: vec!["RunTask".to_owned()], burst: 1, per_second: 0.001 });
    run(&world, "migrate").send().await.unwrap();
    assert_eq!(run(&world, "migrate").send().await.unwrap_err().code(), Some("ThrottlingException"));
}

/// Runs `web:1` with this command.
pub(super) async fn start(world: &World, command: &str) -> Task {
    run(world, command).send().await.unwrap().tasks.unwrap().remove(0)
}

/// A request to run `web:1` with this command.
pub(super) fn run(world: &World, command: &str) -> RunTaskFluentBuilder {
    let lock = KeyValuePair::builder().name("LOCK").value("1").build();
    let container = ContainerOverride::builder().name("app").command(command).environment(lock).build();
    let overrides = TaskOverride::builder().container_overrides(container).build();
    let request = world.ecs.run_task().cluster("prod").task_definition("web:1");
    request.started_by("evenkeel/1").overrides(overrides)
}

/// The task, or the reason why it cannot be described.
pub(super) async fn describe(world: &World, arn: &str) -> Result<Task, String> {
    let answer = world.ecs.describe_tasks().cluster("prod").tasks(arn).send().await.unwrap();
    let failure = answer.failures().first().map(|failure| failure.reason().unwrap().to_owned());
    answer.tasks().first().cloned().ok_or_else(|| failure.unwrap())
}

pub(super) async fn stop(world: &World, arn: &str, reason: Option<&str>) -> Result<Task, String> {
    let request = world.ecs.stop_task().cluster("prod").task(arn).set_reason(reason.map(str::to_owned));
    let answer = request.send().await.map_err(|error| error.message().unwrap().to_owned())?;
    Ok(answer.task.unwrap())
}

async fn list(world: &World, members: Value) -> Vec<String> {
    let text = |member: &str| members[member].as_str().map(str::to_owned);
    let request = world.ecs.list_tasks().cluster("prod").set_started_by(text("startedBy"));
    let request = request.set_family(text("family")).set_service_name(text("serviceName"));
    let request = request.set_desired_status(text("desiredStatus").map(|it| it.as_str().into()));
    let request = request.set_launch_type(text("launchType").map(|it| it.as_str().into()));
    request.send().await.unwrap().task_arns.unwrap_or_default()
}

/// The status of a task and those of its containers.
fn shown(task: &Task) -> (String, Vec<(String, String)>) {
    let owned = |text: Option<&str>| text.unwrap().to_owned();
    let of_containers = task.containers().iter().map(|it| (owned(it.name()), owned(it.last_status())));
    (owned(task.last_status()), of_containers.collect())
}
