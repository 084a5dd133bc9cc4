//! A pipeline with its account, the workers that serve it, and what is asked of it afterwards.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use evenkeel::artifact::output_artifact;
use evenkeel::aws::{Aws, CodePipelineQueue, Connection, S3Objects};
use evenkeel::cli::job_options;
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::{Interrupt, Interrupter, Polling};
use evenkeel::output::action_type_json;
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Settings, Worker};
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{Action, ActionArtifact, ActionState, ActionStatus, Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

pub(crate) const CLUSTER: &str = "prod";
pub(crate) const ARTIFACTS: &str = "artifacts";
pub(crate) const CLAIMS: &str = "claims";
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";

/// The image that every service runs at first, and the one that every artifact asks for.
pub(crate) const OLD: &str = "registry.example.com/shop/web:1";
pub(crate) const NEW: &str = "registry.example.com/shop/web:2";

/// When the tests begin, by AWS's clock.
pub(crate) const START: Timestamp = Timestamp::from_unix(Duration::from_secs(1_800_000_000));

/// How long a rollout takes that nothing is said about.
pub(crate) const ROLLOUT: Duration = Duration::from_secs(40);

pub(crate) type Hired = Worker<CodePipelineQueue, BucketClaims<S3Objects>, Aws>;

/// An account with a cluster, buckets and the custom action type.
pub(crate) struct Pipeline {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
}

impl Pipeline {
    /// With one service, `web`, that runs `web:1`.
    pub(crate) fn new() -> Self {
        let pipeline = Self::empty();
        pipeline.service("web", json!({}));
        pipeline
    }

    pub(crate) fn empty() -> Self {
        Self::on(Sandbox::starting_at(START), Clock::starting_at(START))
    }

    /// On this embedded AWS.
    pub(crate) fn on(sandbox: Sandbox, clock: Clock) -> Self {
        let pipeline = Self { sandbox, clock };
        pipeline.call("CreateCluster", json!({ "clusterName": CLUSTER }));
        pipeline.sandbox.create_bucket(ARTIFACTS, true);
        pipeline.sandbox.create_bucket(CLAIMS, false);
        pipeline.sandbox.put_object(ARTIFACTS, "build", artifact("imagedefinitions.json", &definitions(NEW)));
        let definition = ActionType::default().definition(None).unwrap();
        pipeline.sandbox.create_action_type(action_type_json(&definition)).unwrap();
        pipeline
    }

    /// A service that runs revision 1 of the family of its name.
    pub(crate) fn service(&self, name: &str, more: Value) {
        self.service_of(name, definition(name, OLD), more);
    }

    /// A service that runs this task definition, of its own name.
    pub(crate) fn service_of(&self, name: &str, definition: Value, more: Value) {
        self.call("RegisterTaskDefinition", definition);
        let mut service = json!({
            "cluster": CLUSTER, "serviceName": name, "taskDefinition": name, "desiredCount": 2,
        });
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("CreateService", service);
        self.next_rollout(name, RolloutOutcome::Ok);
    }

    /// A service whose rollouts take three seconds: processes wait for them by the real clock.
    pub(crate) fn quick_service(&self, name: &str) {
        self.service(name, json!({}));
        let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(3) };
        self.sandbox.set_rollout(CLUSTER, name, rollout);
    }

    pub(crate) fn next_rollout(&self, service: &str, outcome: RolloutOutcome) {
        self.sandbox.set_rollout(CLUSTER, service, Rollout { outcome, duration: ROLLOUT });
    }

    /// What somebody else does.
    pub(crate) fn call(&self, operation: &str, request: Value) -> Value {
        self.sandbox.call(operation, request).unwrap()
    }

    /// Starts the action for these services, comma-separated, with more of its configuration.
    pub(crate) fn start(&self, services: &str, more: &[(&str, &str)]) -> String {
        self.sandbox.start_action(action(services, more)).unwrap()
    }

    pub(crate) fn state(&self, execution: &str) -> ActionState {
        self.sandbox.action(execution).unwrap()
    }

    /// A worker with claims, and what interrupts it.
    pub(crate) async fn hire(&self, owner: &str) -> (Hired, Interrupter) {
        self.hire_as(settings(owner)).await
    }

    pub(crate) async fn hire_as(&self, settings: Settings) -> (Hired, Interrupter) {
        self.hire_with(settings, Arc::default()).await
    }

    pub(crate) async fn hire_with(&self, settings: Settings, metrics: Arc<Metrics>) -> (Hired, Interrupter) {
        self.hire_by(self.clock, self.sandbox.http_client(), settings, metrics).await
    }

    /// A worker by a clock of its own, whose calls go through this client.
    pub(crate) async fn hire_by(
        &self,
        clock: Clock,
        client: SharedHttpClient,
        settings: Settings,
        metrics: Arc<Metrics>,
    ) -> (Hired, Interrupter) {
        let (interrupter, interrupt) = Interrupt::new();
        let aws = aws_by(clock, client).await;
        let claims = BucketClaims::new(aws.apart().objects(), CLAIMS, "evenkeel");
        let queue = aws.apart().job_queue(ActionType::default());
        (Worker::new(queue, Some(claims), aws, clock, settings, metrics, interrupt), interrupter)
    }

    pub(crate) async fn aws(&self) -> Aws {
        aws_by(self.clock, self.sandbox.http_client()).await
    }

    /// Lets one worker work until every action is over and no claim is left.
    pub(crate) async fn work(&self) {
        let (worker, _interrupter) = self.hire("worker-1").await;
        self.until_over(worker.run()).await;
    }

    /// Lets `workers` go on until every action is over and no claim is left.
    pub(crate) async fn until_over(&self, workers: impl Future) {
        tokio::select! {
            biased;
            _ = workers => {}
            () = self.over() => {}
        }
    }

    /// Every action is over and no claim is left.
    pub(crate) async fn over(&self) {
        let began = self.clock.now();
        while !self.is_over() {
            self.clock.sleep(Duration::from_secs(1)).await;
            assert!(
                self.clock.now().since(began) < Duration::from_secs(4 * 60 * 60),
                "not over: {:?}, claims {:?}",
                self.sandbox.actions().iter().map(|it| self.state(it)).collect::<Vec<_>>(),
                self.sandbox.objects(CLAIMS),
            );
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        let mut actions = self.sandbox.actions().into_iter();
        actions.all(|execution| self.state(&execution).status != ActionStatus::InProgress)
            && self.sandbox.objects(CLAIMS).is_empty()
    }

    /// How often an operation took effect for this service or family.
    pub(crate) fn effects(&self, operation: &str, of: &str) -> usize {
        let is_of = |request: &Value| {
            let service = request["service"].as_str().and_then(|service| service.rsplit('/').next());
            service == Some(of) || request["family"] == of
        };
        let calls = self.sandbox.calls();
        let is_update = |request: &Value| {
            // A rollback is an update too, but one that the deployment of a revision is followed by.
            operation != "UpdateService" || !request["taskDefinition"].as_str().unwrap_or("").ends_with(":1")
        };
        calls
            .iter()
            .filter(|call| call.operation == operation && call.effect)
            .filter(|call| is_of(&call.request) && is_update(&call.request))
            .count()
    }

    /// How many revisions a family has.
    pub(crate) fn revisions(&self, family: &str) -> usize {
        let listed = self.call("ListTaskDefinitions", json!({ "familyPrefix": family }));
        listed["taskDefinitionArns"].as_array().unwrap().len()
    }

    /// The revision of the service's PRIMARY deployment, `web:1`.
    pub(crate) fn live(&self, service: &str) -> String {
        let described = self.call("DescribeServices", json!({ "cluster": CLUSTER, "services": [service] }));
        let deployments = described["services"][0]["deployments"].as_array().unwrap();
        let primary = deployments.iter().find(|deployment| deployment["status"] == "PRIMARY").unwrap();
        primary["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }
}

pub(crate) async fn aws_by(clock: Clock, client: SharedHttpClient) -> Aws {
    let connection = Connection { clock, embedded: Some(client), ..Connection::default() };
    Aws::load(&connection).await.unwrap()
}

/// A task definition whose container `app` runs `image`.
pub(crate) fn definition(family: &str, image: &str) -> Value {
    json!({
        "family": family, "cpu": "256", "memory": "512",
        "containerDefinitions": [
            { "name": "app", "image": image },
            { "name": "proxy", "image": "envoy:1", "essential": false },
        ],
    })
}

/// The action as a pipeline has it.
pub(crate) fn action(services: &str, more: &[(&str, &str)]) -> Action {
    let mut configuration = BTreeMap::from([
        ("ClusterName".to_owned(), CLUSTER.to_owned()),
        ("ServiceName".to_owned(), services.to_owned()),
    ]);
    for (name, value) in more {
        configuration.insert((*name).to_owned(), (*value).to_owned());
    }
    let place = |name: &str, key: &str| Some(ActionArtifact::new(name, ARTIFACTS, key));
    Action {
        configuration,
        input: place("Build", "build"),
        output: place("Deployed", "deployed"),
        encryption_key: Some(KEY.to_owned()),
        ..Action::default()
    }
}

pub(crate) fn settings(owner: &str) -> Settings {
    Settings {
        owner: owner.to_owned(),
        concurrency: 50,
        poll: Duration::from_secs(2),
        slice: Duration::from_secs(600),
        lease: Duration::from_secs(60),
        drain: false,
        watching: Polling::together(Duration::from_secs(2)),
        options: job_options,
    }
}

pub(crate) fn artifact(name: &str, content: &str) -> Vec<u8> {
    output_artifact(&[(name, content.as_bytes().to_vec())]).unwrap()
}

pub(crate) fn definitions(image: &str) -> String {
    json!([{ "name": "app", "imageUri": image }]).to_string()
}

/// Says it past the test harness, which keeps what a test that passes prints.
pub(crate) fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}
