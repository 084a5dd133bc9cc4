//! No output depends on a secret value: two worlds that differ in nothing else are told alike.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::deploy::{
    Interrupt, Polling, Progress, Report, World, deploy, prepare, prepare_rollback, roll_back,
};
use evenkeel::drift::drift_view;
use evenkeel::live::live;
use evenkeel::output::progress::{LiveView, Palette, Size};
use evenkeel::output::{self, Narrator, Story, github};
use evenkeel::record::FileStore;
use evenkeel_core::drift::differences;
use evenkeel_core::failure::Failure;
use evenkeel_core::job::Answer;
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::plan::Plan;
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::DeployRequest;
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use fastrand::Rng;
use serde_json::json;

use crate::twins::{Twin, assert_alike, twins};
use crate::world::{Account, CLUSTER, SERVICE, definition, request, say};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

/// How many pairs of worlds are compared.
const PAIRS: u64 = 80;

/// What is done in both worlds.
#[derive(Debug, Clone)]
struct Script {
    command: Command,
    outcome: RolloutOutcome,
    breaker: Option<bool>,
    /// Somebody registered a revision with values of its own, which nothing runs.
    has_newer: bool,
    fault: Option<(&'static str, usize, FaultKind)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Command {
    Deploy,
    RollBack,
    Plan,
    Look,
}

impl Script {
    fn of(seed: u64) -> Self {
        use Command::{Deploy, Look, Plan, RollBack};
        let mut rng = Rng::with_seed(seed);
        let outcomes = [
            RolloutOutcome::Ok,
            RolloutOutcome::Crash,
            RolloutOutcome::Crash,
            RolloutOutcome::CrashAfterStart,
            RolloutOutcome::OutOfMemory,
            RolloutOutcome::CannotPull,
            RolloutOutcome::NoSecret,
            RolloutOutcome::Stuck,
            RolloutOutcome::Superseded,
            RolloutOutcome::Unplaceable,
        ];
        let faults = [
            ("RegisterTaskDefinition", 1),
            ("UpdateService", 1),
            ("GetLogEvents", 1),
            ("ListTasks", 1),
            ("DescribeTasks", 1),
            ("ListServiceDeployments", 1),
            ("DescribeServiceDeployments", 2),
            ("StopServiceDeployment", 1),
            ("DescribeServices", 3),
            ("DescribeServiceRevisions", 1),
        ];
        let kinds = [
            FaultKind::Denied,
            FaultKind::ConcurrentRevision,
            FaultKind::ErrorBefore,
            FaultKind::Unsupported,
        ];
        let (operation, nth) = faults[rng.usize(..faults.len())];
        let command = [Deploy, Deploy, Deploy, RollBack, Plan, Look][rng.usize(..6)];
        // A rollback's first calls come before it has read a definition whose values it could know.
        let nth = if command == RollBack { nth + 1 } else { nth };
        let fault = (operation, nth, kinds[rng.usize(..kinds.len())].clone());
        Self {
            command,
            outcome: outcomes[rng.usize(..outcomes.len())],
            breaker: [None, Some(true), Some(false)][rng.usize(..3)],
            has_newer: rng.bool(),
            fault: rng.bool().then_some(fault),
        }
    }

    fn has_second(&self) -> bool {
        self.has_newer || self.command == Command::RollBack
    }

    fn account(&self, twin: &Twin) -> Account {
        let account = Account::empty();
        account.call("RegisterTaskDefinition", twin.definition(definition(), 0));
        let more = self.breaker.map_or(json!({}), |rollback| {
            let breaker = json!({ "enable": true, "rollback": rollback });
            json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": breaker } })
        });
        account.create_service(SERVICE, "web", more);
        if self.has_second() {
            account.call("RegisterTaskDefinition", twin.definition(definition(), 1));
        }
        account
    }

    /// Everything that anybody is shown in this world.
    async fn play(&self, twin: &Twin) -> String {
        // Waits are spread by chance.
        fastrand::seed(7);
        let account = self.account(twin);
        if self.command == Command::RollBack {
            let update = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:2" });
            account.call("UpdateService", update);
            account.clock.sleep(Duration::from_secs(600)).await;
        }
        account.next_rollout(self.outcome);
        account.sandbox.set_quotes(twin.quotes(self.has_second()));
        if let Some((operation, nth, kind)) = self.fault.clone() {
            for nth in nth..nth + 9 {
                account.sandbox.inject(Fault {
                    operation: operation.to_owned(),
                    nth: Some(nth),
                    kind: kind.clone(),
                });
            }
        }
        match self.command {
            Command::Deploy | Command::RollBack => self.deployed(&account).await,
            Command::Plan => planned(&account).await,
            Command::Look => looked(&account).await,
        }
    }

    async fn deployed(&self, account: &Account) -> String {
        let cloud = account.aws().await.cloud();
        let records = account.records(&["ssm:/deploy/web"]).await;
        let source = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
        let (_interrupter, interrupt) = Interrupt::new();
        let (clock, polling) = (account.clock, Polling::default());
        let world = World {
            ecs: &cloud,
            records: vec![records.as_slice()],
            clock,
            polling,
            interrupt,
            source: &source,
            execution: ExecutionId::new("test"),
        };
        let request = if self.command == Command::Deploy { request(&[NEW]) } else { request(&[]) };
        let mut story = Story::beginning(clock.now());
        let (mut plain, drawn, mut heard) = (Vec::new(), Drawn::default(), String::new());
        let report = {
            let size = || Size { columns: 200, rows: 50 };
            let mut narrator = Narrator::every_minute(&mut plain, Palette::coloured());
            let mut live = LiveView::new(drawn.clone(), size, Palette::coloured());
            let mut listen = |progress: Progress<'_>| {
                story.hear(&progress, clock.now());
                narrator.tell(&progress);
                live.tell(&progress);
                writeln!(heard, "{progress:?}").unwrap();
            };
            match self.command {
                Command::Deploy => deploy(&world, &request, &mut listen).await,
                Command::RollBack | Command::Plan | Command::Look => {
                    roll_back(&world, &request, None, &mut listen).await
                }
            }
        };
        let drawn = drawn.0.lock().unwrap().clone();
        let [plain, drawn] = [plain, drawn].map(|lines| String::from_utf8(lines).unwrap());
        format!("{heard}\n{plain}\n{drawn}\n{}", told(&request, &report, &story, &source))
    }
}

/// What a live view writes.
#[derive(Clone, Default)]
struct Drawn(Arc<Mutex<Vec<u8>>>);

impl io::Write for Drawn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A deployment's end in every form.
fn told(request: &DeployRequest, report: &Report, story: &Story, source: &DeployedBy) -> String {
    let mut text = format!(
        "{report:?}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{:?}\n",
        output::report_text(report),
        output::report_document(report),
        output::report_env(report),
        output::reasons_text(report),
        output::report_junit(report, story),
        github::step_summary(report, story),
        without_tokens(&github::step_outputs(report)),
        output::notification(request, report, story, source),
    );
    for failure in report.failure.iter().chain(report.services.iter().filter_map(|it| it.failure.as_ref())) {
        text.push_str(&failed(failure));
        writeln!(text, "{:?}", Answer::fail_for(failure, &output::reasons_text(report), "id")).unwrap();
    }
    for warning in &report.warnings {
        text.push_str(&github::annotation(github::Level::Warning, "Evenkeel", warning));
    }
    text
}

fn failed(failure: &Failure) -> String {
    format!(
        "{}{}{}{failure:?}\n",
        output::failure_text(failure),
        output::failed_document("x", failure),
        github::annotation(github::Level::Error, "Evenkeel", &failure.to_string()),
    )
}

/// Without the words that nobody can know beforehand.
fn without_tokens(outputs: &str) -> String {
    outputs.lines().map(|line| line.split("ghadelimiter_").next().unwrap().to_owned() + "\n").collect()
}

async fn planned(account: &Account) -> String {
    let cloud = account.aws().await.cloud();
    let request = request(&[NEW]);
    let told = |plan: Result<Plan, Failure>| match plan {
        Ok(plan) => format!(
            "{plan:?}\n{}\n{}\n{}",
            output::plan_text(&plan, &request),
            output::plan_document(&plan, &request),
            github::plan_summary(&plan, &request),
        ),
        Err(failure) => failed(&failure),
    };
    let deployment = told(prepare::<_, FileStore>(&cloud, &[], &account.clock, &request).await);
    deployment
        + &told(prepare_rollback::<_, FileStore>(&cloud, &[], account.clock, &request, Some("2")).await)
}

async fn looked(account: &Account) -> String {
    let cloud = account.aws().await.cloud();
    let records = account.records(&["ssm:/deploy/web"]).await;
    let request = request(&[]);
    let (cluster, service) = (&request.cluster, &request.services[0]);
    let mut text = match drift_view(&cloud, &records, cluster, service, None, &[], &account.clock).await {
        Ok(seen) => {
            let found = differences(&seen);
            let document = output::drift_document(CLUSTER, SERVICE, &seen, &found);
            format!("{}\n{document}\n", output::drift_text(SERVICE, &seen, &found))
        }
        Err(failure) => failed(&failure),
    };
    match live(&cloud, cluster, service, &[]).await {
        Ok(live) => write!(text, "{}{}", output::live_text(&live), output::live_document(&live)).unwrap(),
        Err(failure) => text.push_str(&failed(&failure)),
    }
    text
}

#[tokio::test(start_paused = true)]
async fn worlds_that_differ_in_secret_values_alone_are_told_alike() {
    let (mut told, mut hidden) = (0, 0);
    for seed in 0..PAIRS {
        let (script, twins) = (Script::of(seed), twins(seed));
        let [one, other] = [script.play(&twins[0]).await, script.play(&twins[1]).await];
        assert_alike(&one, &other, &format!("seed {seed}: {script:?}"));
        assert!(
            !twins[0].is_shown_in(&one) && !twins[1].is_shown_in(&other),
            "seed {seed}: {script:?}: {one}"
        );
        told += one.len();
        hidden += one.matches("(hidden)").count();
    }
    say(&format!("{PAIRS} pairs of worlds, {told} bytes of output each, {hidden} times (hidden)"));
    assert!(hidden > 4_000, "nothing was quoted");
}
