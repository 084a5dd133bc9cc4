//! A thousand jobs in flight in one worker.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::worker::Settings;
use evenkeel_sandbox::{ActionStatus, Call, Rollout, RolloutOutcome};
use serde_json::json;

use crate::world::{CLUSTER, NEW, Pipeline, definition, say, settings};

const JOBS: usize = 1000;

/// Longer than it takes to start them all, so that once all are in flight.
const ROLLOUT: Duration = Duration::from_secs(480);

/// How many calls a second may watch. ECS refills 20 of each kind (Amazon ECS, API request throttling).
const WATCHING: f64 = 15.0;

#[tokio::test(start_paused = true)]
async fn a_thousand_jobs_stay_below_what_ecs_allows_and_hear_of_their_ends_in_time() {
    fastrand::seed(1);
    let pipeline = Pipeline::empty();
    let executions: Vec<String> = (0..JOBS)
        .map(|at| {
            let service = format!("s{at}");
            pipeline.service(&service, json!({}));
            // The revision is there already, so that not its registration sets the pace.
            pipeline.call("RegisterTaskDefinition", definition(&service, NEW));
            let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: ROLLOUT };
            pipeline.sandbox.set_rollout(CLUSTER, &service, rollout);
            pipeline.start(&service, &[("DeploymentTimeout", "120")])
        })
        .collect();
    let (worker, _interrupter) =
        pipeline.hire_as(Settings { concurrency: JOBS, ..settings("worker-1") }).await;
    pipeline.until_over(worker.run()).await;

    let calls = pipeline.sandbox.calls();
    let updated: BTreeMap<String, _> = calls
        .iter()
        .filter(|call| call.operation == "UpdateService")
        .map(|call| {
            (call.request["service"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), call.at)
        })
        .collect();
    let mut lags: Vec<Duration> = Vec::new();
    for (at, execution) in executions.iter().enumerate() {
        let state = pipeline.state(execution);
        assert_eq!(state.status, ActionStatus::Succeeded, "{at}: {:?}", state.failure);
        let ended = updated[&format!("s{at}")].plus(ROLLOUT);
        lags.push(state.ended.unwrap().since(ended));
    }
    lags.sort();
    let (median, worst) = (lags[JOBS / 2], lags[JOBS - 1]);
    let watching =
        busiest(&calls, &["DescribeServices", "DescribeServiceDeployments", "ListServiceDeployments"]);
    let throttled = calls.iter().filter(|call| call.status == Some(400)).count();
    say(&format!(
        "{JOBS} jobs: in the busiest minute {watching:.1} calls a second that watch; verdicts late by {median:.1?} in the median, {worst:.1?} at most; {} calls, {throttled} refused",
        calls.len()
    ));
    assert!(watching <= WATCHING, "{watching}");
    assert!(worst <= Duration::from_secs(8), "{worst:?}");
}

/// The most calls a second, over a minute.
fn busiest(calls: &[Call], operations: &[&str]) -> f64 {
    let minute = Duration::from_secs(60);
    let times: Vec<_> = calls
        .iter()
        .filter(|call| operations.contains(&call.operation.as_str()))
        .map(|call| call.at)
        .collect();
    let mut most = 0;
    let mut first = 0;
    for (last, at) in times.iter().enumerate() {
        while at.since(times[first]) > minute {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    f64::from(u32::try_from(most).unwrap()) / minute.as_secs_f64()
}
