//! A world to start from: a cluster `prod` with a service `web` that runs revision 1 of `web`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_sdk_ecs::types::{ContainerDefinition, Service, ServiceDeployment, Task};
use aws_sdk_ecs::{Client, Config};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::{REGION, Rollout, RolloutOutcome, Sandbox};

pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) clock: Clock,
    pub(super) ecs: Client,
}

impl World {
    /// An AWS in which nothing was made yet, at midday of 2026-01-01.
    pub(super) fn empty() -> Self {
        let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_767_268_800)));
        let sandbox = Sandbox::by(clock);
        let config = config(clock).http_client(sandbox.http_client()).build();
        Self { sandbox, clock, ecs: Client::from_conf(config) }
    }

    /// A service `web` with the desired count and the further members given.
    pub(super) fn with_service(desired: u64, members: Value) -> Self {
        let world = Self::empty();
        world.call("CreateCluster", json!({ "clusterName": "prod" }));
        world.register("app:1");
        let mut request = json!({ "cluster": "prod", "serviceName": "web", "taskDefinition": "web:1", "desiredCount": desired });
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        world.call("CreateService", request);
        world
    }

    pub(super) fn with_rollout(self, outcome: RolloutOutcome, seconds: u64) -> Self {
        let duration = Duration::from_secs(seconds);
        self.sandbox.set_rollout("prod", "web", Rollout { outcome, duration });
        self
    }

    /// Does something as a console user.
    pub(super) fn call(&self, operation: &str, request: Value) -> Value {
        self.sandbox.call(operation, request).unwrap()
    }

    /// Registers a revision of `web` with one container `app` of this image.
    pub(super) fn register(&self, image: &str) -> String {
        let containers = json!([{ "name": "app", "image": image, "memory": 128 }]);
        let answer = self
            .call("RegisterTaskDefinition", json!({ "family": "web", "containerDefinitions": containers }));
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    pub(super) async fn sleep(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// Moves the service to a definition; gives the id of the PRIMARY deployment of the answer.
    pub(super) async fn update(&self, definition: &str) -> String {
        let request = self.ecs.update_service().cluster("prod").service("web").task_definition(definition);
        primary_of(&request.send().await.unwrap())
    }

    pub(super) async fn service(&self) -> Service {
        let request = self.ecs.describe_services().cluster("prod").services("web");
        request.send().await.unwrap().services.unwrap().remove(0)
    }

    /// The service's deployments as `status revision running/pending rolloutState`, the newest first.
    pub(super) async fn deployments(&self) -> Vec<String> {
        let service = self.service().await;
        let line = |it: &aws_sdk_ecs::types::Deployment| {
            let revision = it.task_definition().unwrap().rsplit('/').next().unwrap();
            let state = it.rollout_state().unwrap();
            format!(
                "{} {revision} {}/{} {state}",
                it.status().unwrap(),
                it.running_count(),
                it.pending_count()
            )
        };
        service.deployments().iter().map(line).collect()
    }

    /// The newest service deployment, which the service names as its current one.
    pub(super) async fn service_deployment(&self) -> ServiceDeployment {
        let arn = self.service().await.current_service_deployment.unwrap();
        self.service_deployment_of(&arn).await
    }

    pub(super) async fn service_deployment_of(&self, arn: &str) -> ServiceDeployment {
        let request = self.ecs.describe_service_deployments().service_deployment_arns(arn);
        request.send().await.unwrap().service_deployments.unwrap().remove(0)
    }

    /// The newest stopped task of the PRIMARY deployment.
    pub(super) async fn stopped_task(&self) -> Task {
        let primary = self.service().await.deployments()[0].id().unwrap().to_owned();
        let request = self.ecs.list_tasks().cluster("prod").service_name("web");
        let stopped = request.desired_status("STOPPED".into()).send().await.unwrap().task_arns.unwrap();
        let request = self.ecs.describe_tasks().cluster("prod").set_tasks(Some(stopped));
        let mut tasks = request.send().await.unwrap().tasks.unwrap();
        tasks.retain(|task| task.started_by() == Some(primary.as_str()));
        tasks.pop().unwrap()
    }

    /// The status of the newest service deployment, with its stage if it has one.
    pub(super) async fn status(&self) -> String {
        let current = self.service_deployment().await;
        let stage = current.lifecycle_stage().map(|stage| format!(" {stage}"));
        format!("{}{}", current.status().unwrap(), stage.unwrap_or_default())
    }

    /// The newest events, the newest first, with `task …` for the ids of tasks.
    pub(super) async fn events(&self, count: usize) -> Vec<String> {
        let service = self.service().await;
        service.events().iter().take(count).map(|event| without_task_ids(event.message().unwrap())).collect()
    }
}

/// The time by which a client signs.
pub(super) fn signing_by(clock: Clock) -> SharedTimeSource {
    SharedTimeSource::new(Signing(clock))
}

#[derive(Debug)]
struct Signing(Clock);

impl TimeSource for Signing {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.now().since_epoch()
    }
}

/// A client's configuration that lacks only the way to reach AWS.
pub(super) fn config(clock: Clock) -> aws_sdk_ecs::config::Builder {
    Config::builder()
        .time_source(signing_by(clock))
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIASANDBOX", "secret", None, None, "test"))
}

pub(super) fn primary_of(answer: &UpdateServiceOutput) -> String {
    let deployment = &answer.service().unwrap().deployments()[0];
    assert_eq!(deployment.status(), Some("PRIMARY"));
    deployment.id().unwrap().to_owned()
}

fn without_task_ids(message: &str) -> String {
    let mut parts = message.split("(task ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (id, rest) = part.split_once(')').unwrap();
        assert_eq!(id.len(), 32);
        text.push_str("(task …)");
        text.push_str(rest);
    }
    text
}

pub(super) fn container(name: &str, image: &str) -> ContainerDefinition {
    ContainerDefinition::builder().name(name).image(image).memory(128).build()
}
