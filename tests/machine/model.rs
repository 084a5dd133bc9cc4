//! Random histories of a service, and a judge who knows the truth.
//!
//! While Evenkeel deploys, others deploy, apply, roll back, scale to nothing and up again; rollouts go
//! well or not; calls are denied and answers old. The judge looks at the embedded AWS itself every
//! second, past everything that Evenkeel sees it through: a success has to be reported exactly
//! when the revision that was asked for is the PRIMARY one and its rollout is over, at that moment, or
//! within the time that answers lag behind.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::Report;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome, Sandbox};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, definition, message, request, say};

const HISTORIES: u64 = 200;

/// What the judge saw at a time: whether this image is live, and its rollout over.
type Samples = Vec<(Timestamp, BTreeMap<&'static str, String>)>;

/// How often the judge looks.
const LOOK: Duration = Duration::from_secs(1);

/// How much later than the truth a report may be: the longest wait between two looks.
const LATE: Duration = Duration::from_secs(16);

struct History {
    account: Account,
    random: Rng,
    lag: Duration,
}

impl History {
    fn new(seed: u64) -> Self {
        fastrand::seed(seed);
        let mut random = Rng::with_seed(seed);
        let account = Account::empty();
        account.call("RegisterTaskDefinition", definition());
        let mut configuration = json!({
            "deploymentCircuitBreaker": { "enable": random.bool(), "rollback": random.bool() },
            "bakeTimeInMinutes": random.u8(..3),
        });
        if random.u8(..4) == 0 {
            configuration["strategy"] = json!("BLUE_GREEN");
        }
        if random.bool() {
            configuration["alarms"] =
                json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": random.bool() });
        }
        account.create_service(SERVICE, "web", json!({ "deploymentConfiguration": configuration }));
        let lag = Duration::from_secs([0, 0, 3, 30][random.usize(..4)]);
        account.sandbox.set_read_lag(lag);
        for operation in ["DescribeServiceDeployments", "ListTasks", "StopServiceDeployment"] {
            if random.u8(..4) == 0 {
                let (operation, nth) = (operation.to_owned(), None);
                account.sandbox.inject(Fault { operation, nth, kind: FaultKind::Denied });
            }
        }
        Self { account, random, lag }
    }

    /// Our deployment of an image, with all that happens meanwhile.
    async fn deploy(&mut self, image: &str) -> (Report, Samples) {
        let outcome = self.any_outcome();
        let duration = Duration::from_secs(self.random.u64(20..240));
        self.account.sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome, duration });
        let mut request = request(&[("app", image)]);
        request.policy.timeout = Duration::from_secs(self.random.u64(120..900));
        let clock = self.account.clock;
        let samples = std::sync::Mutex::new(Vec::new());
        let judge = async {
            loop {
                samples.lock().unwrap().push((clock.now(), live_and_over(&self.account.sandbox)));
                clock.sleep(LOOK).await;
            }
        };
        let others = others(&self.account.sandbox, clock, Rng::with_seed(self.random.u64(..)));
        let report = tokio::select! {
            report = self.account.run(&request) => report,
            () = async { tokio::join!(judge, others); } => unreachable!("they go on for ever"),
        };
        // What was true when the report was made.
        samples.lock().unwrap().push((clock.now(), live_and_over(&self.account.sandbox)));
        (report, samples.into_inner().unwrap())
    }

    fn any_outcome(&mut self) -> RolloutOutcome {
        use RolloutOutcome as R;
        let all = [
            R::Ok,
            R::Ok,
            R::Ok,
            R::Flaky,
            R::PlacedLate,
            R::Crash,
            R::CrashAfterStart,
            R::CannotPull,
            R::Unhealthy,
            R::Alarm,
            R::Stuck,
            R::Superseded,
            R::ForcedAgain,
            R::Unplaceable,
        ];
        all[self.random.usize(..all.len())]
    }

    /// Whether the report is true: what is wrong with it otherwise.
    fn judge(&self, image: &str, report: &Report, samples: &Samples) -> Result<(), String> {
        // A wait that broke off is no verdict.
        let kind = report.first_failure().map(evenkeel_core::failure::Failure::kind);
        if matches!(kind, Some(FailureKind::Denied | FailureKind::Unavailable | FailureKind::InvalidInput)) {
            return Ok(());
        }
        let until = samples.last().unwrap().0;
        let since = |time: Duration| {
            samples
                .iter()
                .filter(move |(at, _)| until.since(*at) <= time)
                .map(|(_, images)| images.get("app").is_some_and(|live| live == image))
        };
        let claims = matches!(report.outcome, Outcome::Deployed | Outcome::Unchanged);
        if claims && !since(self.lag + LOOK).any(|is_true| is_true) {
            return Err("a success was reported, and there was none".to_owned());
        }
        if !claims && since(self.lag + LATE).all(|is_true| is_true) {
            return Err(format!("{} was reported, and it was a success", report.outcome));
        }
        Ok(())
    }
}

/// What others do, every now and then.
async fn others(sandbox: &Sandbox, clock: Clock, mut random: Rng) {
    for number in 0.. {
        clock.sleep(Duration::from_secs(random.u64(10..400))).await;
        let service = json!({ "cluster": CLUSTER, "service": SERVICE });
        let update = |member: &str, value: Value| {
            let mut request = service.clone();
            request[member] = value;
            // A refusal changes nothing: the same as if they had done nothing.
            drop(sandbox.call("UpdateService", request));
        };
        match random.u8(..8) {
            0 => {
                let mut theirs = definition();
                theirs["containerDefinitions"][0]["image"] = json!(format!("theirs:{number}"));
                sandbox.call("RegisterTaskDefinition", theirs).unwrap();
                update("taskDefinition", json!("web"));
            }
            1 => {
                let mut applied = definition();
                applied["memory"] = json!((1_024 + number).to_string());
                sandbox.call("RegisterTaskDefinition", applied).unwrap();
                update("taskDefinition", json!("web"));
            }
            2 => update("taskDefinition", json!("web:1")),
            3 => update("desiredCount", json!(0)),
            4 => update("desiredCount", json!(random.u8(1..5))),
            5 => {
                let current = described(sandbox)["currentServiceDeployment"].clone();
                let stop = json!({ "serviceDeploymentArn": current });
                drop(sandbox.call("StopServiceDeployment", stop));
            }
            _ => {}
        }
    }
}

fn described(sandbox: &Sandbox) -> Value {
    let request = json!({ "cluster": CLUSTER, "services": [SERVICE] });
    sandbox.call("DescribeServices", request).unwrap()["services"][0].clone()
}

/// The image of the PRIMARY deployment's container, if its rollout is over: by its own record, or by
/// the list, whichever says so.
fn live_and_over(sandbox: &Sandbox) -> BTreeMap<&'static str, String> {
    let service = described(sandbox);
    let primary =
        service["deployments"].as_array().unwrap().iter().find(|it| it["status"] == "PRIMARY").unwrap();
    let record = json!({ "serviceDeploymentArns": [service["currentServiceDeployment"]] });
    let record = sandbox.call("DescribeServiceDeployments", record).unwrap()["serviceDeployments"][0].clone();
    let number = |text: &Value| text.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let is_its_own = number(&record["targetServiceRevision"]["arn"]) == number(&primary["id"]);
    let is_over = is_its_own && record["status"] == "SUCCESSFUL" || primary["rolloutState"] == "COMPLETED";
    if !is_over {
        return BTreeMap::new();
    }
    let stored = sandbox.stored(primary["taskDefinition"].as_str().unwrap()).unwrap();
    let image = stored["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
    BTreeMap::from([("app", image)])
}

#[tokio::test(start_paused = true)]
async fn a_success_is_reported_exactly_when_it_is_one() {
    let (mut outcomes, mut wrong) = (BTreeMap::<Outcome, usize>::new(), Vec::new());
    for seed in 0..HISTORIES {
        let mut history = History::new(seed);
        for round in 0..history.random.u8(1..4) {
            let image = format!("registry.example.com:5000/shop/web:r{round}");
            let (report, samples) = history.deploy(&image).await;
            *outcomes.entry(report.outcome).or_default() += 1;
            if let Err(why) = history.judge(&image, &report, &samples) {
                wrong.push(format!("history {seed}, deployment {round}: {why}: {}", message(&report)));
            }
        }
    }
    let counts: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    say(&format!("{HISTORIES} histories: {}", counts.join(", ")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for outcome in [Outcome::Deployed, Outcome::RolledBack, Outcome::Superseded, Outcome::TimedOut] {
        assert!(outcomes.get(&outcome).is_some_and(|count| *count >= 10), "{outcomes:?}");
    }
}
