//! Every way a rollout ends: what is done about it, and what its user is told.
//!
//! A story is a service, how its rollout goes, what may not be read and who else acts; its ending is
//! the outcome, the revision that is live then, the exit status, CodePipeline's failure type and the
//! essential words of the message. Each story is played by `deploy`, and by `watch` beside somebody else's deployment.

mod table;
mod watched;

use std::time::Duration;

use evenkeel_core::deployment::Outcome;
use evenkeel_core::job::Answer;
use evenkeel_core::request::DeployRequest;
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request, say};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

/// A service's deployment, from before it begins to what is told of it.
struct Story {
    name: &'static str,
    service: Value,
    configuration: Value,
    outcome: RolloutOutcome,
    seconds: u64,
    asks: fn(&mut DeployRequest),
    faults: Vec<Fault>,
    lag: Duration,
    /// How long tasks take to leave their load balancer.
    leaving: Duration,
    rival: Option<Rival>,
    ends: (Outcome, &'static str),
    says: Vec<&'static str>,
    warns: Vec<&'static str>,
    /// What only a deployment warns of.
    deploy_warns: Vec<&'static str>,
    /// Evenkeel itself rolls the service back.
    is_rolled_back_by_evenkeel: bool,
    /// It cannot happen to a watch.
    is_deploy_only: bool,
    /// It is over before somebody else can begin to watch.
    is_over_at_once: bool,
}

/// What somebody does right after a call of an operation.
#[derive(Clone, Copy)]
struct Rival {
    operation: &'static str,
    nth: usize,
    acts: fn(&Sandbox),
}

fn story(name: &'static str, outcome: RolloutOutcome) -> Story {
    Story {
        name,
        service: json!({}),
        configuration: json!({}),
        outcome,
        seconds: 60,
        asks: |_| {},
        faults: Vec::new(),
        lag: Duration::ZERO,
        leaving: Duration::ZERO,
        rival: None,
        ends: (Outcome::Deployed, "web:2"),
        says: Vec::new(),
        warns: Vec::new(),
        deploy_warns: Vec::new(),
        is_rolled_back_by_evenkeel: false,
        is_deploy_only: false,
        is_over_at_once: false,
    }
}

impl Story {
    fn with(mut self, member: &str, value: Value) -> Self {
        self.service[member] = value;
        self
    }

    fn configured(mut self, member: &str, value: Value) -> Self {
        self.configuration[member] = value;
        self
    }

    fn breaker(self, rollback: bool) -> Self {
        self.configured("deploymentCircuitBreaker", json!({ "enable": true, "rollback": rollback }))
    }

    fn alarms(self, rollback: bool) -> Self {
        let alarms = json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": rollback });
        self.configured("alarms", alarms).configured("bakeTimeInMinutes", json!(3))
    }

    fn staged(self, strategy: &str) -> Self {
        self.configured("strategy", json!(strategy)).configured("bakeTimeInMinutes", json!(2))
    }

    fn lasting(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    fn asking(self, asks: fn(&mut DeployRequest)) -> Self {
        Self { asks, ..self }
    }

    fn fault(mut self, operation: &str, kind: FaultKind) -> Self {
        self.faults.push(Fault { operation: operation.to_owned(), nth: None, kind });
        self
    }

    fn denied(self, operation: &str) -> Self {
        self.fault(operation, FaultKind::Denied)
    }

    /// Service deployments may not be read.
    fn classic(self) -> Self {
        self.denied("DescribeServiceDeployments").denied("ListServiceDeployments").warns("AccessDenied")
    }

    fn lagging(self, seconds: u64) -> Self {
        Self { lag: Duration::from_secs(seconds), ..self }
    }

    fn draining(self, seconds: u64) -> Self {
        Self { leaving: Duration::from_secs(seconds), ..self }
    }

    fn rival(self, operation: &'static str, nth: usize, acts: fn(&Sandbox)) -> Self {
        Self { rival: Some(Rival { operation, nth, acts }), ..self }
    }

    fn ends(self, outcome: Outcome, live: &'static str) -> Self {
        Self { ends: (outcome, live), ..self }
    }

    /// Nobody but Evenkeel rolls the service back.
    fn rolled_back_by_evenkeel(self) -> Self {
        Self { is_rolled_back_by_evenkeel: true, ..self.ends(Outcome::RolledBack, "web:1") }
    }

    /// It cannot happen to a watch.
    fn deploy_only(self) -> Self {
        Self { is_deploy_only: true, ..self }
    }

    /// It is over before somebody else can begin to watch.
    fn over_at_once(self) -> Self {
        Self { is_over_at_once: true, ..self }
    }

    fn deploy_warns(mut self, words: &'static str) -> Self {
        self.deploy_warns.push(words);
        self
    }

    fn says(mut self, words: &'static str) -> Self {
        self.says.push(words);
        self
    }

    fn warns(mut self, words: &'static str) -> Self {
        self.warns.push(words);
        self
    }

    /// The account in which it plays, before the rollout.
    fn account(&self) -> Account {
        let account = Account::empty();
        account.call("RegisterTaskDefinition", definition());
        let mut service = self.service.clone();
        service["deploymentConfiguration"] = self.configuration.clone();
        account.create_service(SERVICE, "web", service);
        let rollout = Rollout { outcome: self.outcome, duration: Duration::from_secs(self.seconds) };
        account.sandbox.set_rollout(CLUSTER, SERVICE, rollout);
        self.faults.iter().cloned().for_each(|fault| account.sandbox.inject(fault));
        account.sandbox.set_read_lag(self.lag);
        account.sandbox.set_deregistration_delay(CLUSTER, SERVICE, self.leaving);
        if let Some(Rival { operation, nth, acts }) = self.rival {
            account.sandbox.after_call(operation, nth, acts);
        }
        account
    }

    async fn play(mut self) -> Result<(), String> {
        let (account, name) = (self.account(), self.name);
        self.warns.append(&mut self.deploy_warns);
        let mut request = request(&[NEW]);
        (self.asks)(&mut request);
        let report = account.run(&request).await;

        let (expected, live) = self.ends;
        let (status, kind) = told(expected);
        let message = message(&report);
        let answered = report.first_failure().map(|failure| match Answer::fail(failure, "") {
            Answer::Fail { kind, .. } => kind.as_str(),
            other @ (Answer::HandOn { .. } | Answer::Succeed { .. }) => panic!("{other:?}"),
        });
        let (is, is_live) = (ending(&report), account.live(SERVICE));
        let mut wrong = Vec::new();
        if (&is, answered) != (&ended(expected, live, status), kind) {
            wrong.push(format!("it ended as {is:?}, {answered:?}"));
        }
        if is_live != live {
            wrong.push(format!("{is_live} is live"));
        }
        let missing = self.says.into_iter().filter(|words| !message.contains(words));
        wrong.extend(missing.map(|words| format!("it does not say {words:?}")));
        let warned = |words: &&str| report.warnings.iter().any(|warning| warning.contains(words));
        let missing = self.warns.into_iter().filter(|words| !warned(words));
        wrong.extend(missing.map(|words| format!("it does not warn of {words:?}: {:?}", report.warnings)));
        if account.effects("RegisterTaskDefinition") != 1 {
            wrong.push("it registered several revisions".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("{name}: {}: {message}", wrong.join("; "))) }
    }
}

/// The exit status, and CodePipeline's failure type.
fn told(outcome: Outcome) -> (u8, Option<&'static str>) {
    match outcome {
        Outcome::Unchanged | Outcome::Started | Outcome::Deployed => (0, None),
        Outcome::RolledBack | Outcome::Failed | Outcome::Stopped => (1, Some("JobFailed")),
        Outcome::Superseded => (6, Some("RevisionOutOfSync")),
        Outcome::TimedOut => (7, Some("JobFailed")),
    }
}

#[tokio::test(start_paused = true)]
async fn every_story_has_the_ending_that_it_deserves() {
    let (mut count, mut wrong) = (0, Vec::new());
    for story in table::stories() {
        fastrand::seed(count);
        wrong.extend(story.play().await.err());
        count += 1;
    }
    say(&format!("{count} stories"));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 40);
}
