//! A world to deploy into, and what is asked of it afterwards.

use std::io::Write;
use std::time::Duration;

use evenkeel::aws::{Aws, Connection, S3Objects, SsmParameters};
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::{
    Interrupt, Interrupter, Listener, Polling, Report, World, deploy, report_last_rollouts, roll_back,
    watch_rollouts,
};
use evenkeel::record::{self, FileStore, Store};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::image::{ImageReference, Images};
use evenkeel_core::one_off::{ExecutionId, Steps};
use evenkeel_core::ports::RecordStore;
use evenkeel_core::record::{DeployedBy, Sink};
use evenkeel_core::request::{ClusterName, DeployRequest, Policy, ServiceName};
use evenkeel_core::variables::VariableChanges;
use evenkeel_sandbox::{Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use crate::campaign::{NthCall, calls_of};

pub(crate) const CLUSTER: &str = "prod";
pub(crate) const SERVICE: &str = "web";

/// When the tests begin, by AWS's clock.
pub(crate) const START: Timestamp = Timestamp::from_unix(Duration::from_secs(1_800_000_000));

/// An account with a cluster `prod` and a service `web` that runs `web:1`.
pub(crate) struct Account {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
}

impl Account {
    pub(crate) fn new() -> Self {
        Self::running(&definition())
    }

    /// The service's task definition is `definition`, of any family.
    pub(crate) fn running(definition: &Value) -> Self {
        let account = Self::empty();
        account.call("RegisterTaskDefinition", definition.clone());
        account.create_service(SERVICE, definition["family"].as_str().unwrap(), json!({}));
        account
    }

    pub(crate) fn empty() -> Self {
        let account = Self { sandbox: Sandbox::starting_at(START), clock: Clock::starting_at(START) };
        account.call("CreateCluster", json!({ "clusterName": CLUSTER }));
        account
    }

    pub(crate) fn create_service(&self, name: &str, task_definition: &str, more: Value) {
        let mut service = json!({
            "cluster": CLUSTER, "serviceName": name, "taskDefinition": task_definition, "desiredCount": 2,
        });
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("CreateService", service);
    }

    /// The circuit breaker is on.
    pub(crate) fn with_breaker(rollback: bool) -> Self {
        let account = Self::empty();
        account.call("RegisterTaskDefinition", definition());
        let breaker = json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": rollback } });
        account.create_service(SERVICE, "web", json!({ "deploymentConfiguration": breaker }));
        account
    }

    pub(crate) fn next_rollout(&self, outcome: RolloutOutcome) {
        self.sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome, duration: Duration::from_secs(60) });
    }

    /// What somebody else does.
    pub(crate) fn call(&self, operation: &str, request: Value) -> Value {
        self.sandbox.call(operation, request).unwrap()
    }

    pub(crate) async fn deploy(&self, images: &[(&str, &str)]) -> Report {
        self.run(&request(images)).await
    }

    pub(crate) async fn run(&self, request: &DeployRequest) -> Report {
        let (interrupter, interrupt) = Interrupt::new();
        self.run_until::<FileStore>(request, interrupt, interrupter, &[]).await
    }

    pub(crate) async fn aws(&self) -> Aws {
        let connection = Connection {
            clock: self.clock,
            embedded: Some(self.sandbox.http_client()),
            ..Connection::default()
        };
        Aws::load(&connection).await.unwrap()
    }

    /// The places of a record that are typed so.
    pub(crate) async fn records(&self, sinks: &[&str]) -> Vec<Store<S3Objects, SsmParameters>> {
        let aws = self.aws().await;
        let sinks: Vec<Sink> = sinks.iter().map(|text| Sink::parse(text).unwrap()).collect();
        record::open(&sinks, &aws.objects(), &aws.parameters())
    }

    /// Goes back, to this revision or the last good one.
    pub(crate) async fn roll_back<R: RecordStore>(&self, to: Option<&str>, records: &[R]) -> Report {
        let (_interrupter, interrupt) = Interrupt::new();
        self.roll_back_until(to, records, interrupt).await
    }

    pub(crate) async fn roll_back_until<R: RecordStore>(
        &self,
        to: Option<&str>,
        records: &[R],
        interrupt: Interrupt,
    ) -> Report {
        self.roll_back_as(&request(&[]), to, records, interrupt).await
    }

    pub(crate) async fn roll_back_as<R: RecordStore>(
        &self,
        request: &DeployRequest,
        to: Option<&str>,
        records: &[R],
        interrupt: Interrupt,
    ) -> Report {
        let ecs = self.aws().await.cloud();
        let source = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
        let (clock, polling) = (self.clock, Polling::default());
        let world = World {
            ecs: &ecs,
            records: vec![records],
            clock,
            polling,
            interrupt,
            source: &source,
            execution: ExecutionId::new("test"),
        };
        roll_back(&world, request, to, &mut |_| {}).await
    }

    pub(crate) async fn run_until<R: RecordStore>(
        &self,
        request: &DeployRequest,
        interrupt: Interrupt,
        _interrupter: Interrupter,
        records: &[R],
    ) -> Report {
        self.run_each(request, interrupt, vec![records]).await
    }

    /// Deploys to several services, each with records of its own.
    pub(crate) async fn run_each<R: RecordStore>(
        &self,
        request: &DeployRequest,
        interrupt: Interrupt,
        records: Vec<&[R]>,
    ) -> Report {
        self.run_told(request, interrupt, records, &mut |_| {}).await
    }

    /// The same, told to `listen`.
    pub(crate) async fn run_told<R: RecordStore>(
        &self,
        request: &DeployRequest,
        interrupt: Interrupt,
        records: Vec<&[R]>,
        listen: &mut Listener<'_>,
    ) -> Report {
        let ecs = self.aws().await.cloud();
        let world = World {
            ecs: &ecs,
            records,
            clock: self.clock,
            polling: Polling::default(),
            interrupt,
            source: &DeployedBy { kind: "cli".to_owned(), id: None, url: None },
            execution: ExecutionId::new("test"),
        };
        deploy(&world, request, listen).await
    }

    /// Watches the rollouts that are under way on the request's services.
    pub(crate) async fn watch(&self, request: &DeployRequest) -> Report {
        let (_interrupter, interrupt) = Interrupt::new();
        self.watch_until(request, interrupt).await
    }

    pub(crate) async fn watch_until(&self, request: &DeployRequest, interrupt: Interrupt) -> Report {
        let (ecs, source) =
            (self.aws().await.cloud(), DeployedBy { kind: "cli".to_owned(), id: None, url: None });
        let world = self.watched(&ecs, &source, interrupt);
        watch_rollouts(&world, request, &mut |_| {}).await
    }

    /// Asks how the last rollouts of the request's services ended.
    pub(crate) async fn last(&self, request: &DeployRequest) -> Report {
        let (_interrupter, interrupt) = Interrupt::new();
        let (ecs, source) =
            (self.aws().await.cloud(), DeployedBy { kind: "cli".to_owned(), id: None, url: None });
        let world = self.watched(&ecs, &source, interrupt);
        report_last_rollouts(&world, request, &mut |_| {}).await
    }

    /// A world that only reads are done in.
    fn watched<'a, E>(
        &self,
        ecs: &'a E,
        source: &'a DeployedBy,
        interrupt: Interrupt,
    ) -> World<'a, E, FileStore> {
        World {
            ecs,
            records: Vec::new(),
            clock: self.clock,
            polling: Polling::default(),
            interrupt,
            source,
            execution: ExecutionId::new("test"),
        }
    }

    /// The operations that arrived, in order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.sandbox.calls().into_iter().map(|call| call.operation).collect()
    }

    /// How often an operation took effect.
    pub(crate) fn effects(&self, operation: &str) -> usize {
        let calls = self.sandbox.calls();
        calls.iter().filter(|call| call.operation == operation && call.effect).count()
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

/// A rival puts the service on a further revision with this much memory and an image of its own, as
/// `aws ecs update-service` does.
pub(crate) fn rival_deploys(sandbox: &Sandbox, memory: &str) {
    let mut definition = definition();
    definition["containerDefinitions"][0]["image"] = json!("registry.example.com:5000/shop/web:rival");
    definition["memory"] = json!(memory);
    let registered = sandbox.call("RegisterTaskDefinition", definition).unwrap();
    let arn = &registered["taskDefinition"]["taskDefinitionArn"];
    sandbox
        .call("UpdateService", json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": arn }))
        .unwrap();
}

pub(crate) fn definition() -> Value {
    json!({
        "family": "web",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": "registry.example.com:5000/shop/web:1",
                "environment": [{ "name": "EMPTY", "value": "" }],
            },
            { "name": "proxy", "image": "envoy:1", "essential": false },
        ],
        "tags": [{ "key": "team", "value": "shop" }],
    })
}

pub(crate) fn request(images: &[(&str, &str)]) -> DeployRequest {
    DeployRequest {
        cluster: ClusterName::parse(CLUSTER).unwrap(),
        services: vec![ServiceName::parse(SERVICE).unwrap()],
        images: named(images),
        policy: Policy::default(),
        steps: Steps::default(),
        variables: VariableChanges::default(),
        also: Vec::new(),
    }
}

pub(crate) fn named(images: &[(&str, &str)]) -> Images {
    let mut named = Images::default();
    for (container, image) in images {
        named.insert(container, ImageReference::parse(image).unwrap()).unwrap();
    }
    named
}

/// The outcome, the revision that is live at the end, and the exit status.
pub(crate) fn ending(report: &Report) -> (Outcome, Option<String>, u8) {
    let live = report.services.first().and_then(|service| service.task_definition.as_ref());
    (report.outcome, live.map(|arn| arn.family_and_revision().to_owned()), report.exit_status())
}

pub(crate) fn ended(outcome: Outcome, live: &str, status: u8) -> (Outcome, Option<String>, u8) {
    (outcome, Some(live.to_owned()), status)
}

/// What went wrong, for people.
pub(crate) fn message(report: &Report) -> String {
    report.first_failure().map(ToString::to_string).unwrap_or_default()
}

/// Each call of a deployment.
pub(crate) async fn calls_of_a_deployment() -> Vec<NthCall> {
    let account = Account::new();
    account.deploy(&[("app", "registry.example.com:5000/shop/web:2")]).await;
    calls_of(&account.sandbox)
}

/// Says it past the test harness, which keeps what a test that passes prints.
pub(crate) fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}
