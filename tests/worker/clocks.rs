//! Workers whose clocks are wrong: what counts is AWS's clock, and for leases each worker's own monotonic one.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::Interrupter;
use evenkeel::worker::Settings;
use evenkeel_sandbox::{ActionStatus, Call, Fault, FaultKind, Rollout, RolloutOutcome};
use serde_json::Value;

use crate::world::{CLAIMS, CLUSTER, Hired, Pipeline, say, settings};

/// How far clocks are from AWS's, in seconds: within the five minutes that AWS allows a signature, and beyond.
const SKEWS: [i64; 5] = [-600, -240, 0, 240, 600];

/// The clocks of a worker and of its heir.
const PAIRS: [(i64, i64); 6] = [(600, -600), (-600, 600), (240, -240), (-240, 240), (0, 600), (-600, 0)];

const RECORD: &str = "/deploy/web/record";

impl Pipeline {
    /// A worker whose clock is so many seconds ahead of AWS's, or behind.
    async fn hire_skewed(&self, skew: i64, settings: Settings) -> (Hired, Interrupter) {
        let now = self.clock.now().since_epoch().as_secs();
        let shown = Timestamp::from_unix(Duration::from_secs(now.checked_add_signed(skew).unwrap()));
        self.hire_by(Clock::starting_at(shown), self.sandbox.http_client(), settings, Arc::default()).await
    }

    /// Lets a worker go on for so long, and then die.
    async fn let_live(&self, worker: Hired, time: Duration) {
        tokio::select! {
            ended = worker.run() => panic!("{ended:?}"),
            () = self.clock.sleep(time) => {}
        }
    }

    fn called(&self, operation: &str) -> Vec<Call> {
        self.sandbox.calls().into_iter().filter(|call| call.operation == operation).collect()
    }

    /// The calls that were refused, by operation: in these stories for the time of their signature alone.
    fn refused(&self) -> Vec<String> {
        let calls = self.sandbox.calls().into_iter();
        calls.filter(|call| matches!(call.status, Some(400 | 403))).map(|call| call.operation).collect()
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.sandbox.parameter(RECORD).unwrap().0).unwrap()
    }

    /// The owner of the only claim, if there is one.
    fn owner(&self) -> Option<String> {
        let content = self.sandbox.object(CLAIMS, self.sandbox.objects(CLAIMS).first()?)?;
        let claim: Value = serde_json::from_slice(&content).unwrap();
        Some(claim["owner"].as_str().unwrap().to_owned())
    }
}

fn lasting(pipeline: &Pipeline, outcome: RolloutOutcome, minutes: u64) {
    let rollout = Rollout { outcome, duration: Duration::from_secs(60 * minutes) };
    pipeline.sandbox.set_rollout(CLUSTER, "web", rollout);
}

fn time(record: &Value, member: &str) -> Timestamp {
    let at = humantime::parse_rfc3339(record[member].as_str().unwrap()).unwrap();
    Timestamp::from_unix(at.duration_since(UNIX_EPOCH).unwrap())
}

/// Within a second and a bit: the header `Date` has whole seconds, and so has a record.
fn is_about(at: Timestamp, expected: Timestamp) -> bool {
    at.since(expected).max(expected.since(at)) <= Duration::from_secs(2)
}

#[tokio::test(start_paused = true)]
async fn a_worker_on_any_clock_deploys_and_records_by_the_clock_of_aws() {
    for skew in SKEWS {
        let pipeline = Pipeline::new();
        lasting(&pipeline, RolloutOutcome::Ok, 8);
        let more = [("DeploymentTimeout", "10"), ("Record", "ssm:/deploy/web/record")];
        pipeline.sandbox.put_parameter(RECORD, "{}").unwrap();
        let execution = pipeline.start("web", &more);
        let (worker, _interrupter) = pipeline.hire_skewed(skew, settings("worker-1")).await;
        let marked = async {
            while pipeline.called("UpdateService").is_empty() {
                pipeline.clock.sleep(Duration::from_secs(1)).await;
            }
            let record = pipeline.record();
            assert_eq!(record["status"], "in_progress", "{skew}");
            // Twice the time-out.
            let expected = pipeline.called("UpdateService")[0].at.plus(Duration::from_secs(1200));
            assert!(is_about(time(&record, "expiresAt"), expected), "{skew}: {record} {expected}");
            pipeline.over().await;
        };
        tokio::select! {
            _ = worker.run() => {}
            () = marked => {}
        }
        let state = pipeline.state(&execution);
        assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1), "{skew}");
        assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1), "{skew}");
        let at = time(&pipeline.record(), "deployedAt");
        let ended = state.ended.unwrap();
        let is_then = ended.since(at) <= Duration::from_secs(5) && at.since(ended) <= Duration::from_secs(2);
        assert!(is_then, "{skew}: {at} {ended}");

        let refused = pipeline.refused();
        say(&format!(
            "a clock {skew:+} s from AWS's: {} of {} calls refused: {refused:?}",
            refused.len(),
            pipeline.sandbox.calls().len()
        ));
        // One for each client of the SDK that began before the first response: of the claims, or of the queue.
        assert_eq!(refused.len(), usize::from(skew.abs() > 300), "{skew}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_rollout_outlives_hand_overs_between_any_two_clocks() {
    for (first, second) in PAIRS {
        let pipeline = Pipeline::new();
        lasting(&pipeline, RolloutOutcome::Ok, 8);
        let execution = pipeline.start("web", &[("DeploymentTimeout", "10")]);
        let (dies, _interrupter) = pipeline.hire_skewed(first, settings("worker-1")).await;
        pipeline.let_live(dies, Duration::from_secs(120)).await;
        // Where nobody dies, it is handed on by a token, as often as a slice is over.
        let short = |owner| Settings { slice: Duration::from_secs(40), ..settings(owner) };
        let (one, _one) = pipeline.hire_skewed(first, short("worker-2")).await;
        let (two, _two) = pipeline.hire_skewed(second, short("worker-3")).await;
        pipeline.until_over(async { tokio::join!(one.run(), two.run()) }).await;

        let state = pipeline.state(&execution);
        assert_eq!(state.status, ActionStatus::Succeeded, "{first} {second}: {:?}", state.failure);
        assert!(state.jobs.len() > 3, "{first} {second}: {:?}", state.jobs);
        assert_eq!((pipeline.live("web"), pipeline.effects("UpdateService", "web")), ("web:2".to_owned(), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_rollout_times_out_by_the_clock_of_ecs_although_nobody_held_it_for_a_while() {
    for (first, second) in PAIRS {
        let pipeline = Pipeline::new();
        lasting(&pipeline, RolloutOutcome::Stuck, 8);
        let execution = pipeline.start("web", &[("DeploymentTimeout", "10")]);
        let (dies, _interrupter) = pipeline.hire_skewed(first, settings("worker-1")).await;
        pipeline.let_live(dies, Duration::from_secs(120)).await;
        pipeline.clock.sleep(Duration::from_secs(300)).await;
        let (heir, _heir) = pipeline.hire_skewed(second, settings("worker-2")).await;
        pipeline.until_over(heir.run()).await;

        let state = pipeline.state(&execution);
        assert_eq!(state.status, ActionStatus::Failed, "{first} {second}");
        assert!(state.failure.unwrap().1.contains("did not end within 600 s"), "{first} {second}");
        assert_eq!(pipeline.live("web"), "web:1", "{first} {second}");
        let began = pipeline.called("UpdateService")[0].at;
        let gave_up = pipeline.called("StopServiceDeployment")[0].at;
        let took = gave_up.since(began).as_secs_f64();
        // The rollout is looked at every ten seconds at most.
        assert!((599.0..=612.0).contains(&took), "{first} {second}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_heir_on_another_clock_finds_the_update_whose_response_was_lost() {
    for (first, second) in PAIRS {
        let pipeline = Pipeline::new();
        let hang = Fault { operation: "UpdateService".to_owned(), nth: Some(1), kind: FaultKind::HangAfter };
        pipeline.sandbox.inject(hang);
        let execution = pipeline.start("web", &[]);
        let (dies, _interrupter) = pipeline.hire_skewed(first, settings("worker-1")).await;
        tokio::select! {
            ended = dies.run() => panic!("{ended:?}"),
            () = pipeline.sandbox.hung() => {}
        }
        let (heir, _heir) = pipeline.hire_skewed(second, settings("worker-2")).await;
        pipeline.until_over(heir.run()).await;
        assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded, "{first} {second}");
        assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_held_and_is_over_by_the_monotonic_clocks_of_those_who_hold_and_watch_it() {
    for (first, second) in PAIRS {
        let pipeline = Pipeline::new();
        lasting(&pipeline, RolloutOutcome::Ok, 8);
        let execution = pipeline.start("web", &[]);
        let (holder, _holder) = pipeline.hire_skewed(first, settings("holder")).await;
        let holding = tokio::spawn(holder.run());
        // The rollout is handed on once, when it has begun; only then may another worker poll.
        while pipeline.state(&execution).jobs.len() < 2 || pipeline.owner().is_none() {
            pipeline.clock.sleep(Duration::from_secs(1)).await;
        }
        let (watcher, _watcher) = pipeline.hire_skewed(second, settings("watcher")).await;
        let watching = tokio::spawn(watcher.run());
        for _ in 0..40 {
            pipeline.clock.sleep(Duration::from_secs(5)).await;
            assert_eq!(pipeline.owner().as_deref(), Some("holder"), "{first} {second}");
        }

        holding.abort();
        let died = pipeline.clock.now();
        while pipeline.owner().as_deref() == Some("holder") {
            pipeline.clock.sleep(Duration::from_secs(1)).await;
        }
        // It was renewed 20 s ago at most, and is looked at every 20 s.
        let took = pipeline.clock.now().since(died).as_secs();
        assert!((39..=82).contains(&took), "{first} {second}: {took} s");
        pipeline.over().await;
        assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded, "{first} {second}");
        assert_eq!(pipeline.effects("UpdateService", "web"), 1, "{first} {second}");
        watching.abort();
    }
}
