//! Plays a schedule on the embedded AWS.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use evenkeel::clock::Clock;
use evenkeel::deploy::Interrupter;
use evenkeel::worker::Settings;
use evenkeel_core::failure::FailureKind;
use evenkeel_sandbox::{Call, Fault, Rollout, RolloutOutcome, Sandbox, TaskEnding, TaskScript};
use futures_util::future::{FutureExt, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};

use crate::line::{Line, Reach};
use crate::other_version::{self, NEXT};
use crate::world::{
    ARTIFACTS, CLUSTER, OLD, Pipeline, ROLLOUT, artifact, definition, definitions, say, settings,
};

use super::draw::{Rival, Schedule};
use super::judge;

/// The service whose action makes a worker full.
const BUSY: &str = "busy";

/// How long a line is cut: three times the lease.
const CUT_OFF: Duration = Duration::from_secs(180);

/// What the rival changes, which no image definitions name.
pub(super) const RIVALS_MEMORY: &str = "1024";

/// A world in which a schedule is played.
pub(super) struct Stage {
    pub(super) pipeline: Pipeline,
    pub(super) execution: String,
    /// The action that makes a worker full.
    pub(super) busy: Option<String>,
    pub(super) rival_came: Arc<AtomicBool>,
}

/// Plays the schedule and judges its end; a number for its trace.
pub(super) fn play(schedule: &Schedule, is_told: bool) -> u64 {
    on_paused_time(async {
        let stage = set(schedule).await;
        work(&stage, schedule).await;
        if is_told {
            for call in stage.pipeline.sandbox.calls() {
                say(&format!("{:?} {} {:?} {}", call.at, call.operation, call.status, call.request));
            }
        }
        judge::judge(schedule, &stage);
        trace(&stage)
    })
}

/// The operations that the schedule calls.
pub(super) fn operations(schedule: &Schedule) -> Vec<String> {
    on_paused_time(async {
        let stage = set(schedule).await;
        work(&stage, schedule).await;
        judge::judge(schedule, &stage);
        stage.pipeline.sandbox.calls().into_iter().map(|call| call.operation).collect()
    })
}

fn on_paused_time<T>(play: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(play)
}

/// The world right before a worker begins, with all that is going to happen.
async fn set(schedule: &Schedule) -> Stage {
    fastrand::seed(schedule.seed);
    let (scene, story) = (schedule.scene, schedule.scene.story());
    let pipeline = Pipeline::empty();
    let build = artifact("imagedefinitions.json", &definitions(story.image));
    pipeline.sandbox.put_object(ARTIFACTS, "build", build);
    for service in story.services {
        let breaker = json!({ "enable": story.breaker, "rollback": story.breaker });
        pipeline
            .service(service, json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": breaker } }));
    }
    if story.failed_before {
        pipeline.next_rollout("web", RolloutOutcome::Crash);
        pipeline.start("web", &[]);
        pipeline.work().await;
    }
    let rival_came = Arc::new(AtomicBool::new(false));
    if scene.rival == Rival::Before {
        pipeline.next_rollout("web", RolloutOutcome::Ok);
        rival_deploys(&pipeline.sandbox, &rival_came);
        pipeline.clock.sleep(Duration::from_secs(120)).await;
    }
    for service in story.services {
        pipeline.next_rollout(service, story.rollout);
    }
    let fails = TaskScript { ending: TaskEnding::Exits(3), ..TaskScript::default() };
    pipeline.sandbox.play_tasks("fail", fails);
    let busy = scene.is_full.then(|| {
        pipeline.service(BUSY, json!({}));
        pipeline.start(BUSY, &[])
    });
    let execution = pipeline.start(&story.services.join(","), story.configuration);
    pipeline.sandbox.clear_calls();

    if schedule.refuses_long_answers {
        pipeline.sandbox.set_answer_limits(10, 200);
    }
    if schedule.offered_at_once {
        pipeline.sandbox.set_offer_interval(Duration::ZERO);
    }
    // The first update may be that of another service.
    for nth in 1..=3 {
        let (came, rollout) = (Arc::clone(&rival_came), story.rollout);
        let deploys = move |sandbox: &Sandbox| {
            let is_ours = |call: &Call| call.operation == "UpdateService" && is_of_web(&call.request);
            if sandbox.calls().last().is_some_and(is_ours) && !came.load(Ordering::Relaxed) {
                let rollout_of = |outcome| Rollout { outcome, duration: ROLLOUT };
                sandbox.set_rollout(CLUSTER, "web", rollout_of(RolloutOutcome::Ok));
                rival_deploys(sandbox, &came);
                sandbox.set_rollout(CLUSTER, "web", rollout_of(rollout));
            }
        };
        match scene.rival {
            Rival::None | Rival::Before => {}
            Rival::Between => pipeline.sandbox.before_call("UpdateService", nth, deploys),
            Rival::After => pipeline.sandbox.after_call("UpdateService", nth, deploys),
        }
    }
    for ((operation, nth), kind) in &schedule.faults {
        let fault = Fault { operation: operation.clone(), nth: Some(*nth), kind: kind.clone() };
        pipeline.sandbox.inject(fault);
    }
    Stage { pipeline, execution, busy, rival_came }
}

fn is_of_web(request: &Value) -> bool {
    request["service"].as_str().is_some_and(|service| service.ends_with("/web"))
}

/// Somebody deploys more memory and another side-car, as `aws ecs update-service` does.
fn rival_deploys(sandbox: &Sandbox, came: &AtomicBool) {
    let mut definition = definition("web", OLD);
    definition["memory"] = json!(RIVALS_MEMORY);
    definition["containerDefinitions"][1]["image"] = json!("envoy:2");
    let registered = sandbox.call("RegisterTaskDefinition", definition).unwrap();
    let revision = &registered["taskDefinition"]["taskDefinitionArn"];
    let update = json!({ "cluster": CLUSTER, "service": "web", "taskDefinition": revision });
    sandbox.call("UpdateService", update).unwrap();
    came.store(true, Ordering::Relaxed);
}

/// Workers come and go until every action is over and no claim is left.
async fn work(stage: &Stage, schedule: &Schedule) {
    let pipeline = &stage.pipeline;
    let concurrency = if schedule.scene.is_full { 1 } else { 50 };
    let wanted = if schedule.has_two_workers { 2 } else { 1 };
    let last_caller = Arc::new(AtomicUsize::new(0));
    let (mut running, mut ends) = (FuturesUnordered::new(), BTreeMap::new());
    for number in 1..=40 {
        // Workers that poll at any interval meet each other's jobs in more ways.
        let poll = Duration::from_millis(fastrand::u64(1_000..12_000));
        let settings = Settings { concurrency, poll, ..settings(&format!("worker-{number}")) };
        let line = Line::new(pipeline.sandbox.http_client(), number, &last_caller);
        let cutter = line.cutter();
        let skew = if number % 2 == 1 { schedule.skew } else { schedule.skew.opposite() };
        let clock = Clock::starting_at(skew.of(pipeline.clock.now()));
        let client = SharedHttpClient::new(line);
        let (run, interrupter) = if schedule.is_rolling && number > 1 {
            let (worker, interrupter, _) = other_version::hire(NEXT, clock, client, settings).await;
            (async move { drop(worker.run().await) }.boxed_local(), interrupter)
        } else {
            let (worker, interrupter) = pipeline.hire_by(clock, client, settings, Arc::default()).await;
            (async move { drop(worker.run().await) }.boxed_local(), interrupter)
        };
        if number == 1 {
            disturb(pipeline, schedule, interrupter, cutter);
        }
        let (run, end) = abortable(run);
        running.push(run.map(move |_| number));
        ends.insert(number, end);
        if ends.len() < wanted {
            continue;
        }
        let one_dies = async {
            loop {
                pipeline.sandbox.hung().await;
                if schedule.dies {
                    return last_caller.load(Ordering::Relaxed);
                }
            }
        };
        let gone = tokio::select! {
            biased;
            number = one_dies => number,
            // A queue that refuses the very first question ends a worker, and so does a signal.
            Some(number) = running.next() => number,
            () = pipeline.over() => return,
        };
        if let Some(end) = ends.remove(&gone) {
            end.abort();
        }
    }
    panic!("forty workers did not end it");
}

/// What is going to happen to the first worker.
fn disturb(
    pipeline: &Pipeline,
    schedule: &Schedule,
    interrupter: Interrupter,
    cutter: Arc<Mutex<Option<Reach>>>,
) {
    if let Some((operation, nth)) = &schedule.stops_before {
        let stop = move |_: &Sandbox| interrupter.raise(FailureKind::Terminated);
        pipeline.sandbox.before_call(operation, *nth, stop);
    }
    if let Some(((operation, nth), reach)) = schedule.is_cut_before.clone() {
        let clock = pipeline.clock;
        pipeline.sandbox.before_call(&operation, nth, move |_| {
            *cutter.lock().unwrap() = Some(reach);
            tokio::spawn(async move {
                clock.sleep(CUT_OFF).await;
                *cutter.lock().unwrap() = None;
            });
        });
    }
}

/// A number for the calls that were made and what became of them. What only waits is left out: how often a worker
/// polls depends on chance alone.
fn trace(stage: &Stage) -> u64 {
    let mut hasher = DefaultHasher::new();
    for call in stage.pipeline.sandbox.calls() {
        let waits = matches!(call.operation.as_str(), "PollForJobs" | "ListObjectsV2");
        if !waits || call.status != Some(200) {
            (call.operation, call.effect, call.status).hash(&mut hasher);
        }
    }
    hasher.finish()
}
