//! Random histories of deployments, crashes, applies, edits and repairs: whatever happened, the record
//! says nothing that is not so.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel::aws::{S3Objects, SsmParameters};
use evenkeel::deploy::Interrupt;
use evenkeel::record::Store;
use evenkeel::record_commands::{self, Repair};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::ports::RecordStore;
use evenkeel_core::record::{DeployedBy, Record, Status};
use evenkeel_core::request::{ClusterName, DeployRequest, ServiceName};
use evenkeel_core::variables::{VariableChanges, VariableKind, VariableName};
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

use crate::records::arn;
use crate::variables::changes;
use crate::world::{Account, CLUSTER, SERVICE, definition, message, request};

const SSM: &str = "ssm:/deploy/web/record";
/// An image that does not run.
const BROKEN: &str = "registry.example.com/shop/web:broken";

/// What happens next.
#[derive(Debug, Clone)]
enum Event {
    /// Evenkeel deploys an image that runs.
    Deploy(u8, Variables),
    /// Evenkeel deploys one that does not, and puts the former revision back.
    DeployBroken,
    /// Evenkeel deploys and is killed at this call of this operation.
    Killed { image: u8, variables: Variables, broken: bool, operation: &'static str, nth: usize },
    /// Terraform registers a revision of its own, with the images that are recorded, and applies it,
    /// unless its module refuses to plan.
    Apply,
    /// Somebody edits what is live in the console.
    Edit,
    /// Somebody puts the service back on the revision that the record says was before.
    StepBack,
    /// `evenkeel record repair`.
    Repair,
    /// Nothing, for a while.
    Wait,
}

/// What a deployment does to the variable `SHA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variables {
    /// It stays.
    Kept,
    Set(u8),
    /// It is given back, if the pipeline owns it.
    GivenBack,
}

fn variables() -> impl Strategy<Value = Variables> {
    prop_oneof![
        2 => Just(Variables::Kept),
        2 => (1..4_u8).prop_map(Variables::Set),
        1 => Just(Variables::GivenBack),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    const OPERATIONS: [&str; 7] = [
        "DescribeTaskDefinition",
        "RegisterTaskDefinition",
        "PutParameter",
        "UpdateService",
        "DescribeServices",
        "ListServiceDeployments",
        "GetParameter",
    ];
    prop_oneof![
        3 => (2..6_u8, variables()).prop_map(|(image, variables)| Event::Deploy(image, variables)),
        1 => Just(Event::DeployBroken),
        4 => (2..6_u8, variables(), any::<bool>(), proptest::sample::select(&OPERATIONS[..]), 1..4_usize).prop_map(
            |(image, variables, broken, operation, nth)| Event::Killed { image, variables, broken, operation, nth }
        ),
        2 => Just(Event::Apply),
        1 => Just(Event::Edit),
        1 => Just(Event::StepBack),
        2 => Just(Event::Repair),
        1 => Just(Event::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_record_says_nothing_that_is_not_so(events in proptest::collection::vec(event(), 1..9)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for event in events {
                world.play(&event).await?;
                world.check(&event).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

struct World {
    account: Account,
    places: Vec<Store<S3Objects, SsmParameters>>,
    /// How many revisions others have made; each has an amount of memory of its own, which copies keep.
    others: u64,
    /// The revisions that the service has been on, `web:1`.
    was_live: BTreeSet<String>,
    /// Whether the pipeline owns `SHA`, as far as a deployment that ended well decided it last.
    owns: Option<bool>,
}

impl World {
    async fn new() -> Self {
        let account = Account::new();
        account.sandbox.put_parameter("/deploy/web/record", "{}").unwrap();
        let places = account.records(&[SSM]).await;
        Self { account, places, others: 0, was_live: BTreeSet::from(["web:1".to_owned()]), owns: Some(false) }
    }

    async fn play(&mut self, event: &Event) -> TestCaseResult {
        self.account.next_rollout(RolloutOutcome::Ok);
        match event {
            Event::Deploy(image, variables) => {
                let changes = self.changes(*variables).await;
                self.deploys(&image_of(*image), changes.clone()).await?;
                self.owns = if changes.is_empty() { self.owns } else { Some(!changes.set.is_empty()) };
            }
            Event::DeployBroken => {
                self.settle().await;
                self.account.next_rollout(RolloutOutcome::Crash);
                let report = self.deploy(BROKEN, VariableChanges::default()).await;
                prop_assert_ne!(report.outcome, Outcome::Deployed, "{}", message(&report));
            }
            Event::Killed { image, variables, broken, operation, nth } => {
                if *broken {
                    self.settle().await;
                }
                let outcome = if *broken { RolloutOutcome::Crash } else { RolloutOutcome::Ok };
                self.account.next_rollout(outcome);
                let image = if *broken { BROKEN.to_owned() } else { image_of(*image) };
                let kind = FaultKind::HangAfter;
                let fault = Fault { operation: (*operation).to_owned(), nth: Some(*nth), kind };
                self.account.sandbox.inject(fault);
                let changes = self.changes(*variables).await;
                self.owns = if changes.is_empty() { self.owns } else { None };
                tokio::select! {
                    biased;
                    () = self.account.sandbox.hung() => {}
                    _ = self.deploy(&image, changes) => {}
                }
                self.look();
                self.account.next_rollout(RolloutOutcome::Ok);
                // A broken rollout that nobody watches crashes for ever; somebody puts it back.
                if *broken && self.live_image() == BROKEN {
                    let before =
                        self.record().await.map_or("web:1".to_owned(), |it| short(&it.task_definition_arn));
                    self.put_on(&before);
                }
            }
            Event::Apply => self.apply().await,
            Event::Edit => {
                let image = self.live_image();
                let edited = self.register(&image);
                self.put_on(&edited);
            }
            Event::StepBack => {
                let record = self.record().await.filter(|record| record.status == Status::Succeeded);
                if let Some(record) = record
                    && short(&record.task_definition_arn) == self.account.live(SERVICE)
                {
                    self.put_on(&short(&record.previous_task_definition_arn));
                    // A mark may tell that the pipeline owned it there.
                    self.owns = self.owns.filter(|owns| *owns);
                }
            }
            Event::Repair => {
                self.account.clock.sleep(Duration::from_secs(120)).await;
                let (cluster, service) =
                    (ClusterName::parse(CLUSTER).unwrap(), ServiceName::parse(SERVICE).unwrap());
                let by = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
                let clock = self.account.clock;
                let repair = Repair { cluster: &cluster, service: &service, clock, by: &by, force: false };
                let ecs = self.account.aws().await.cloud();
                match record_commands::repair(&ecs, &self.places, &repair).await {
                    Ok(_) => self.is_in_step().await?,
                    // The rollout goes on: of what was never good, and is put back, too.
                    Err(failure) if failure.kind() == FailureKind::Unavailable => {}
                    Err(failure) => prop_assert_eq!(self.record().await, None, "{}", failure),
                }
            }
            Event::Wait => self.settle().await,
        }
        self.look();
        Ok(())
    }

    /// The invariants.
    async fn check(&self, event: &Event) -> TestCaseResult {
        let Some(record) = self.record().await else { return Ok(()) };
        let (told, base) = (short(&record.task_definition_arn), short(&record.base_task_definition_arn));
        let what = format!("after {event:?}: {record:?}");
        prop_assert!(self.was_live.contains(&told), "it is ahead of the service {}", what);
        let images: Vec<&str> = record.images.values().map(String::as_str).collect();
        prop_assert!(!images.contains(&BROKEN), "it names what failed {}", what);
        for image in &images {
            let stored = self.stored(&told);
            prop_assert_eq!(*image, stored["containerDefinitions"][0]["image"].as_str().unwrap());
        }
        let first = self.stored(&told)["containerDefinitions"][0].clone();
        let environment = first["environment"].as_array().cloned().unwrap_or_default();
        for (name, value) in record.variables.iter() {
            let there = environment.iter().find(|item| item["name"] == name.name.as_str());
            prop_assert_eq!(value, there.and_then(|item| item["value"].as_str()), "{} {}", name, what);
        }
        if let Some(owns) = self.owns.filter(|_| record.status == Status::Succeeded) {
            prop_assert_eq!(record.variables.has(&sha()), owns, "{}", what);
        }
        prop_assert!(!self.made_by_evenkeel().contains(&base), "its base is a copy of ours {}", what);
        prop_assert_eq!(&self.stored(&told)["memory"], &self.stored(&base)["memory"], "no ancestor {}", what);
        Ok(())
    }

    async fn deploys(&mut self, image: &str, variables: VariableChanges) -> TestCaseResult {
        let report = self.deploy(image, variables).await;
        prop_assert_eq!(report.exit_status(), 0, "{}", message(&report));
        self.is_in_step().await
    }

    async fn is_in_step(&self) -> TestCaseResult {
        let record = self.record().await.unwrap();
        let live = self.account.live(SERVICE);
        prop_assert_eq!((record.status, short(&record.task_definition_arn)), (Status::Succeeded, live));
        Ok(())
    }

    async fn deploy(&self, image: &str, variables: VariableChanges) -> evenkeel::deploy::Report {
        let (interrupter, interrupt) = Interrupt::new();
        let request = DeployRequest { variables, ..request(&[("app", image)]) };
        self.account.run_until(&request, interrupt, interrupter, &self.places).await
    }

    /// What is asked of variables. Only what the record says is owned can be given back.
    async fn changes(&self, variables: Variables) -> VariableChanges {
        match variables {
            Variables::Kept => VariableChanges::default(),
            Variables::Set(value) => changes(&[&format!("set-env app:SHA={value}"), "take-over"]),
            Variables::GivenBack => {
                let live = self.account.live(SERVICE);
                let live = arn(&live);
                let owned = self.record().await.map(|it| it.variables_through(&live, &live));
                let is_owned = owned.is_some_and(|owned| owned.has(&sha()));
                if is_owned { changes(&["unset-env app:SHA"]) } else { VariableChanges::default() }
            }
        }
    }

    /// What is live runs by now: what goes back to it is no new rollout that could break.
    async fn settle(&self) {
        self.account.clock.sleep(Duration::from_secs(90)).await;
    }

    async fn apply(&mut self) {
        let record = self.record().await;
        if record.as_ref().is_some_and(|record| record.status == Status::InProgress) {
            return;
        }
        let image = record.and_then(|record| record.images.get("app").cloned());
        let registered =
            self.register(&image.unwrap_or_else(|| "registry.example.com/shop/web:boot".to_owned()));
        self.put_on(&registered);
    }

    /// Registers a revision as somebody else does.
    fn register(&mut self, image: &str) -> String {
        self.others += 1;
        let mut definition = definition();
        definition["memory"] = json!((512 + self.others).to_string());
        definition["containerDefinitions"][0]["image"] = json!(image);
        let registered = self.account.call("RegisterTaskDefinition", definition);
        short(registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap())
    }

    fn put_on(&mut self, revision: &str) {
        let update = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": revision });
        self.account.call("UpdateService", update);
        self.look();
    }

    /// Notes what the service is on; also what it was on in between.
    fn look(&mut self) {
        self.was_live.insert(self.account.live(SERVICE));
        for call in self.account.sandbox.calls() {
            if call.operation == "UpdateService" && call.effect {
                self.was_live.insert(short(call.request["taskDefinition"].as_str().unwrap()));
            }
        }
    }

    fn made_by_evenkeel(&self) -> BTreeSet<String> {
        // Others do not call over the wire, and have not made what has more than their number.
        let listed = self.account.call("ListTaskDefinitions", json!({ "familyPrefix": "web" }));
        let all = listed["taskDefinitionArns"].as_array().unwrap().iter();
        let mut seen = BTreeSet::new();
        let copies = all
            .map(|arn| short(arn.as_str().unwrap()))
            .filter(|revision| !seen.insert(self.stored(revision)["memory"].to_string()));
        copies.collect()
    }

    fn live_image(&self) -> String {
        let stored = self.stored(&self.account.live(SERVICE));
        stored["containerDefinitions"][0]["image"].as_str().unwrap().to_owned()
    }

    fn stored(&self, revision: &str) -> Value {
        self.account.sandbox.stored(revision).unwrap()
    }

    async fn record(&self) -> Option<Record> {
        let (content, _) = self.places[0].read().await.unwrap()?;
        Record::parse(SSM, &content).unwrap()
    }
}

fn sha() -> VariableName {
    let container = "app".to_owned();
    VariableName { container, kind: VariableKind::Environment, name: "SHA".to_owned() }
}

fn image_of(number: u8) -> String {
    format!("registry.example.com/shop/web:{number}")
}

fn short(arn: &str) -> String {
    arn.rsplit('/').next().unwrap().to_owned()
}
