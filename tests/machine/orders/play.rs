//! Plays one order of the calls of several runs on the embedded AWS.

use std::time::Duration;

use evenkeel::clock::Clock;
use evenkeel::deploy::{Interrupt, Polling, Report, World, deploy};
use evenkeel::record;
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::record::{DeployedBy, Sink};
use evenkeel_core::request::DeployRequest;
use evenkeel_sandbox::{Rollout, RolloutOutcome, Sandbox};
use serde_json::json;
use tokio::task::JoinHandle;

use super::answers::Answers;
use super::gate::{Access, Gate, Gated, Thing, digest};
use super::images_of;
use crate::records::arn;
use crate::variables::changes;
use crate::world::{Account, CLUSTER, SERVICE, START, ending, message, request};

pub(super) const BUCKET: &str = "records";

/// The runs that deploy at once: the container and the image of each, and where they all keep the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rivals {
    pub(super) images: &'static [(&'static str, &'static str)],
    /// What each asks of variables, as `set-env app:A=1`; nothing where none does.
    pub(super) variables: &'static [&'static str],
    pub(super) sinks: &'static [&'static str],
    /// Whether each call to a store is a step, or each read and conditional write of a record, which may be several.
    pub(super) each_call: bool,
}

impl Rivals {
    /// Whether two runs differ in names only: they deploy the same, or each an image that nobody else deploys, to the same
    /// container or each to one that nobody else deploys to.
    pub(super) fn are_alike(&self, one: usize, two: usize) -> bool {
        if !self.variables.is_empty() {
            return false;
        }
        let (one, two) = (self.images[one], self.images[two]);
        let is_only = |image| self.images.iter().filter(|(_, other)| *other == image).count() == 1;
        let is_alone = |container| self.images.iter().filter(|(other, _)| *other == container).count() == 1;
        let are_containers_alike = one.0 == two.0 || is_alone(one.0) && is_alone(two.0);
        one == two || is_only(one.1) && is_only(two.1) && are_containers_alike
    }
}

/// A step: a run, and which of its calls goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Step {
    pub(super) run: usize,
    pub(super) access: Access,
}

impl Step {
    /// Whether the order of the two makes no difference. A run reads and writes the records in its sinks side by side, and
    /// goes on when all of them are done.
    pub(super) fn commutes(self, other: Self) -> bool {
        let (one, two) = (self.access.thing, other.access.thing);
        if self.run == other.run {
            return matches!(
                (one, two),
                (Thing::Parameter, Thing::Object) | (Thing::Object, Thing::Parameter)
            );
        }
        let is_service = |thing| matches!(thing, Thing::Service | Thing::Time);
        let is_same = match (one, two) {
            (Thing::Time, Thing::Time) => false,
            (one, two) => one == two || is_service(one) && is_service(two),
        };
        !(is_same && (self.access.writes || other.access.writes))
    }

    /// Whether the two are of one call of one run.
    pub(super) fn is(self, other: Self) -> bool {
        self.run == other.run && self.access.thing == other.access.thing
    }
}

/// The runs in the middle of an order.
pub(super) struct Play {
    pub(super) account: Account,
    gates: Vec<Gate>,
    runs: Vec<JoinHandle<Report>>,
}

impl Play {
    /// All runs have begun, and none has made a step.
    pub(super) async fn begin(rivals: &Rivals) -> Self {
        let account = Account::running(&definition());
        account.sandbox.create_bucket(BUCKET, false);
        if rivals.variables.iter().any(|option| option.starts_with("unset")) {
            own_old(&account);
        }
        let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(3) };
        account.sandbox.set_rollout(CLUSTER, SERVICE, rollout);
        Self::set_up(rivals, account, rivals.images.iter().map(|_| Answers::default()).collect()).await
    }

    /// The point after these steps of an order that was played before: AWS is as it was there, and on the way to it each
    /// call gets the answer that it got.
    pub(super) async fn again(
        rivals: &Rivals,
        steps: impl ExactSizeIterator<Item = Step>,
        aws: &Sandbox,
        answers: Vec<Answers>,
    ) -> Self {
        let account = Account { sandbox: aws.fork(START), clock: Clock::starting_at(START) };
        let answers = answers.into_iter().map(|answers| answers.until(steps.len()));
        let play = Self::set_up(rivals, account, answers.collect()).await;
        for step in steps {
            play.take(step).await;
        }
        play
    }

    async fn set_up(rivals: &Rivals, account: Account, answers: Vec<Answers>) -> Self {
        // Where waits are drawn at random, each play draws the same.
        fastrand::seed(7);
        account.clock.sleep(Duration::from_secs(120)).await;
        let aws = account.aws().await;
        let (mut gates, mut runs) = (Vec::new(), Vec::new());
        for ((at, image), answers) in rivals.images.iter().enumerate().zip(answers) {
            let gate = Gate::closed(answers);
            let (of_calls, of_records) = if rivals.each_call {
                (gate.clone(), Gate::default())
            } else {
                (Gate::default(), gate.clone())
            };
            let ecs = Gated { inner: aws.cloud(), gate: gate.clone() };
            let objects = Gated { inner: aws.objects(), gate: of_calls.clone() };
            let parameters = Gated { inner: aws.parameters(), gate: of_calls };
            let sinks: Vec<Sink> = rivals.sinks.iter().map(|sink| Sink::parse(sink).unwrap()).collect();
            let stores = record::open(&sinks, &objects, &parameters).into_iter();
            let places: Vec<_> = stores.map(|inner| Gated { inner, gate: of_records.clone() }).collect();
            let variables = changes(rivals.variables.get(at..=at).unwrap_or_default());
            let request = DeployRequest { variables, ..request(&[*image]) };
            let (clock, ended) = (account.clock, gate.clone());
            runs.push(tokio::spawn(async move {
                let source = DeployedBy { kind: "cli".to_owned(), id: Some(at.to_string()), url: None };
                let (_interrupter, interrupt) = Interrupt::new();
                let polling = Polling::every(Duration::from_secs(8));
                let records = vec![places.as_slice()];
                let world = World {
                    ecs: &ecs,
                    records,
                    clock,
                    polling,
                    interrupt,
                    source: &source,
                    execution: ExecutionId::new("test"),
                };
                let report = deploy(&world, &request, &mut |_| {}).await;
                ended.end(&format!("{:?} {}", ending(&report), message(&report)));
                report
            }));
            gates.push(gate);
        }
        let play = Self { account, gates, runs };
        play.quiesce().await;
        play
    }

    /// What can go on now.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (run, (gate, task)) in self.gates.iter().zip(&self.runs).enumerate() {
            let waiting = gate.waiting();
            if waiting.is_empty() && !task.is_finished() {
                // The rollout goes on, which is a change of the service.
                steps.push(Step { run, access: Access { thing: Thing::Time, writes: true } });
            }
            steps.extend(waiting.into_iter().map(|access| Step { run, access }));
        }
        steps
    }

    pub(super) async fn take(&self, step: Step) {
        for gate in &self.gates {
            gate.next_step();
        }
        if step.access.thing == Thing::Time {
            let run = step.run;
            while self.gates[run].waiting().is_empty() && !self.runs[run].is_finished() {
                self.account.clock.sleep(Duration::from_millis(250)).await;
            }
        } else {
            self.gates[step.run].let_on(step.access.thing);
        }
        self.quiesce().await;
    }

    /// Where all of it stands: what each run has seen and waits for, and what is there. From the same state everything goes
    /// on alike.
    pub(super) fn state(&self) -> u64 {
        let sandbox = &self.account.sandbox;
        let seen: Vec<_> = self.gates.iter().map(Gate::seen).collect();
        let described =
            self.account.call("DescribeServices", json!({ "cluster": CLUSTER, "services": [SERVICE] }));
        let deployments = described["services"][0]["deployments"].as_array().unwrap().iter();
        let view = |it: &serde_json::Value| {
            let members =
                ["taskDefinition", "status", "rolloutState", "desiredCount", "runningCount", "pendingCount"];
            members.map(|member| it[member].to_string())
        };
        let service: Vec<_> = deployments.map(view).collect();
        let listed =
            self.account.call("ListServiceDeployments", json!({ "cluster": CLUSTER, "service": SERVICE }));
        let listed = listed["serviceDeployments"].as_array().unwrap().iter();
        let listed: Vec<_> =
            listed.map(|it| (it["status"].clone(), it["targetServiceRevisionArn"].clone())).collect();
        // RegisterTaskDefinition is no step of its own, so two runs may register in either order.
        let mut revisions: Vec<_> = (1..=self.account.revisions("web"))
            .map(|number| {
                let name = format!("web:{number}");
                let containers = self.account.sandbox.stored(&name).unwrap();
                (
                    images_of(&self.account, &name),
                    containers["containerDefinitions"][0]["environment"].to_string(),
                )
            })
            .collect();
        revisions.sort();
        let object = sandbox.object(BUCKET, "web.json").map(|it| String::from_utf8(it).unwrap());
        let parameter = sandbox.parameter("/deploy/web/record");
        let steps = self.steps();
        digest(&format!("{seen:?} {steps:?} {service:?} {listed:?} {revisions:?} {object:?} {parameter:?}"))
    }

    /// A copy of AWS as it is now, from which another order continues later.
    pub(super) fn aws(&self) -> Sandbox {
        self.account.sandbox.fork(self.account.clock.now())
    }

    /// What the calls of each run were answered.
    pub(super) fn take_answers(&self) -> Vec<Answers> {
        self.gates.iter().map(Gate::take_answers).collect()
    }

    /// What the runs report, all of which have ended.
    pub(super) async fn reports(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        for run in &mut self.runs {
            reports.push(run.await.unwrap());
        }
        reports
    }

    /// Tokio's paused clock moves only when every task waits.
    async fn quiesce(&self) {
        self.account.clock.sleep(Duration::from_millis(1)).await;
    }
}

/// A play that is left takes its runs along.
impl Drop for Play {
    fn drop(&mut self) {
        for run in &self.runs {
            run.abort();
        }
    }
}

/// The service is on a copy with a variable `OLD`, which the pipeline owns.
fn own_old(account: &Account) {
    let mut owned = definition();
    owned["containerDefinitions"][0]["environment"] = json!([{ "name": "OLD", "value": "1" }]);
    account.call("RegisterTaskDefinition", owned);
    account
        .call("UpdateService", json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:2" }));
    let record = json!({
        "schema": "evenkeel.record/v1",
        "status": "succeeded",
        "cluster": CLUSTER,
        "service": SERVICE,
        "family": "web",
        "revision": 2,
        "taskDefinitionArn": arn("web:2"),
        "baseTaskDefinitionArn": arn("web:1"),
        "previousTaskDefinitionArn": arn("web:1"),
        "images": {},
        "variables": { "app": { "environment": { "OLD": "1" } } },
        "deployedAt": "2027-01-15T08:00:00Z",
        "source": { "kind": "cli" },
    });
    account.sandbox.put_object(BUCKET, "web.json", record.to_string().into_bytes());
}

fn definition() -> serde_json::Value {
    let container = |name: &str| json!({ "name": name, "image": format!("shop/{name}:1") });
    json!({
        "family": "web",
        "memory": "512",
        "containerDefinitions": [container("app"), container("cache"), container("log")],
    })
}
