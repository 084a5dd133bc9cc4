//! The image as an orchestrator runs it, three times on one network: one container is killed, one is cut
//! off and comes back.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use evenkeel_sandbox::{ActionStatus, Call, Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::docker::{Network, docker, image};
use crate::served::Served;
use crate::world::{CLUSTER, NEW, Pipeline, say};

/// Enough that every replica holds some whenever something happens to it.
const SERVICES: usize = 45;

#[test]
fn three_replicas_end_all_jobs_although_one_is_killed_and_one_is_cut_off_and_comes_back() {
    let Some(image) = image() else { return };
    let network = Network::create("replicas");
    let served = Served::on(network.gateway());
    let pipeline = &served.pipeline;
    pipeline.sandbox.set_continuation_delay(Duration::from_millis(500));
    // In this order, because the engine gives the lowest address that is free: who comes back gets another than it had.
    let [stays, killed, cut_off] =
        ["stays", "killed", "cut-off"].map(|name| Replica::start(name, &image, &network, &served));

    // Each wave is there before something happens, and it happens when a rollout of the wave has just begun.
    let mut executions = start(pipeline, 0..15);
    served.until("the one to be killed watches a rollout", || {
        !killed.watched(pipeline, &executions).is_empty()
    });
    docker(&["kill", "--signal", "KILL", &killed.container]);
    let of_killed = killed.held(pipeline);

    executions.extend(start(pipeline, 15..30));
    let before = cut_off.watched(pipeline, &executions);
    served.until("the one to be cut off watches another rollout", || {
        !cut_off.watched(pipeline, &executions).is_subset(&before)
    });
    docker(&["network", "disconnect", &network.0, &cut_off.container]);
    let of_cut_off = cut_off.held(pipeline);
    served.until("the one that stays has ended all of it", || pipeline.is_over());

    let (taken, polled) = (cut_off.taken(pipeline).len(), cut_off.polls(pipeline));
    docker(&["network", "connect", &network.0, &cut_off.container]);
    // Its calls that are under way have to time out first; by then the one that stays would have taken the whole wave.
    served.until("the one that came back polls again", || cut_off.polls(pipeline) > polled);
    executions.extend(start(pipeline, 30..SERVICES));
    served.until("the one that came back takes jobs again", || cut_off.taken(pipeline).len() > taken);
    served.until("all jobs ended", || pipeline.is_over());

    for (service, execution) in executions.iter().enumerate() {
        let state = pipeline.state(execution);
        let ended = (state.status, state.terminal_results);
        assert_eq!(ended, (ActionStatus::Succeeded, 1), "{:?}", state.failure);
        let name = name(service);
        assert_eq!((pipeline.live(&name), image_of(pipeline, &name)), (format!("{name}:2"), NEW.to_owned()));
        let once = (pipeline.revisions(&name), pipeline.effects("UpdateService", &name));
        assert_eq!(once, (2, 1), "{name}");
    }
    let by_stays = stays.answered(pipeline);
    let by_others = &by_stays | &cut_off.answered(pipeline);
    assert!(!of_killed.is_empty() && of_killed.is_subset(&by_others), "killed: {of_killed:?}");
    assert!(!of_cut_off.is_empty() && of_cut_off.is_subset(&by_stays), "cut off: {of_cut_off:?}");
    for replica in [&stays, &cut_off] {
        assert_eq!(replica.stop(), "0", "{}", replica.log());
    }
    say(&format!(
        "{SERVICES} actions ended by three containers; taken over: {} jobs of the killed one, {} of the one cut off",
        of_killed.len(),
        of_cut_off.len()
    ));
}

/// Starts an action for each of new services whose rollouts take five seconds: longer than the engine takes to do
/// something to a container.
fn start(pipeline: &Pipeline, services: std::ops::Range<usize>) -> Vec<String> {
    services
        .map(|service| {
            let name = name(service);
            pipeline.service(&name, json!({}));
            let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(5) };
            pipeline.sandbox.set_rollout(CLUSTER, &name, rollout);
            pipeline.start(&name, &[])
        })
        .collect()
}

fn name(service: usize) -> String {
    format!("s{service}")
}

/// The image of the container that was deployed, in the revision that is live.
fn image_of(pipeline: &Pipeline, service: &str) -> String {
    let live = pipeline.live(service);
    let described = pipeline.call("DescribeTaskDefinition", json!({ "taskDefinition": live }));
    described["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().to_owned()
}

/// One container of the image. Its access key is its name, by which its calls are told from the others'.
struct Replica {
    name: &'static str,
    container: String,
}

impl Replica {
    fn start(name: &'static str, image: &str, network: &Network, served: &Served) -> Self {
        let (network, url) = (&network.0, served.url());
        let container = format!("{network}-{name}");
        let confined = "--read-only --cap-drop ALL --security-opt no-new-privileges";
        let identity = format!("--env AWS_ACCESS_KEY_ID={name} --env AWS_SECRET_ACCESS_KEY=embedded");
        let place = format!("--env AWS_ENDPOINT_URL={url} --env AWS_REGION=eu-west-1");
        // It takes a few jobs at a time, so that the others get some too.
        let work = "worker --poll 200ms --claims s3://claims/evenkeel --lease 10s --concurrency 4";
        let start = format!(
            "run --detach --name {container} --network {network} {confined} {identity} {place} {image} {work}"
        );
        docker(&start.split(' ').collect::<Vec<_>>());
        Self { name, container }
    }

    /// How often it polled the queue.
    fn polls(&self, pipeline: &Pipeline) -> usize {
        let calls = pipeline.sandbox.calls();
        calls.iter().filter(|call| call.operation == "PollForJobs" && self.made(call)).count()
    }

    /// The jobs that it acknowledged.
    fn taken(&self, pipeline: &Pipeline) -> BTreeSet<String> {
        self.jobs(pipeline, "AcknowledgeJob")
    }

    /// The jobs that it answered.
    fn answered(&self, pipeline: &Pipeline) -> BTreeSet<String> {
        self.jobs(pipeline, "PutJobSuccessResult")
    }

    /// The jobs that it has and has not answered.
    fn held(&self, pipeline: &Pipeline) -> BTreeSet<String> {
        self.taken(pipeline).difference(&self.answered(pipeline)).cloned().collect()
    }

    /// Of those the ones that continue an execution: their rollouts are under way.
    fn watched(&self, pipeline: &Pipeline, executions: &[String]) -> BTreeSet<String> {
        let continued =
            executions.iter().flat_map(|execution| pipeline.state(execution).jobs.into_iter().skip(1));
        &self.held(pipeline) & &continued.collect()
    }

    fn jobs(&self, pipeline: &Pipeline, operation: &str) -> BTreeSet<String> {
        let calls = pipeline.sandbox.calls();
        calls
            .iter()
            .filter(|call| call.operation == operation && call.effect && self.made(call))
            .filter_map(|call| call.request.get("jobId").and_then(Value::as_str).map(str::to_owned))
            .collect()
    }

    fn made(&self, call: &Call) -> bool {
        call.access_key.as_deref() == Some(self.name)
    }

    /// Stops it as an orchestrator does, by the image's own signal; returns its exit status.
    fn stop(&self) -> String {
        docker(&["stop", "--time", "30", &self.container]);
        docker(&["inspect", "--format", "{{.State.ExitCode}}", &self.container])
    }

    fn log(&self) -> String {
        let output = Command::new("docker").args(["logs", &self.container]).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", &self.container]).output();
    }
}
