//! Measures how late a verdict is and how many calls it takes, under the embedded AWS's clock.
//!
//! ```text
//! cargo run --locked --example pace
//! ```
//!
//! Rollouts of 20 seconds, 3 minutes and 30 minutes are played a number of times each, in no time.
//! Beside Evenkeel's figures stand those of a poller that looks every second, and of one that looks
//! every 15 seconds. A verdict is late by the time from ECS's own end of the deployment to ours; that on
//! a crash loop, which ECS never ends, from the failure that is the last one allowed.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use evenkeel::aws::{Connection, connect};
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::{Interrupt, Polling, World, deploy};
use evenkeel::record::FileStore;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::image::{ImageReference, Images};
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::{ClusterName, DeployRequest, Policy, ServiceName};
use evenkeel_sandbox::{Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

const CLUSTER: &str = "prod";
const SERVICE: &str = "web";

/// How often each rollout is played: by Evenkeel, and by each of the pollers.
const PLAYS: u64 = 51;
const POLLS: u64 = 7;

/// What is asked of a verdict: how late it may be in the median and at most, and how many calls one on
/// three minutes may take.
const MEDIAN: f64 = 2.0;
const WORST: f64 = 5.0;
const CALLS: f64 = 40.0;

/// How a rollout goes.
struct Course {
    name: &'static str,
    outcome: RolloutOutcome,
    configuration: fn() -> Value,
    ends: Outcome,
}

/// How late a verdict was, in seconds, and how many calls it took.
#[derive(Clone, Copy)]
struct Cost {
    late: f64,
    calls: f64,
}

const COURSES: [Course; 5] = [
    Course {
        name: "success",
        outcome: RolloutOutcome::Ok,
        configuration: || json!({}),
        ends: Outcome::Deployed,
    },
    Course {
        name: "circuit breaker, back",
        outcome: RolloutOutcome::Crash,
        configuration: || json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } }),
        ends: Outcome::RolledBack,
    },
    Course {
        name: "circuit breaker, stop",
        outcome: RolloutOutcome::Crash,
        configuration: || json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false } }),
        ends: Outcome::RolledBack,
    },
    Course {
        name: "alarm, back",
        outcome: RolloutOutcome::Alarm,
        configuration: || {
            let alarms = json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": true });
            json!({ "alarms": alarms, "bakeTimeInMinutes": 1 })
        },
        ends: Outcome::RolledBack,
    },
    Course {
        name: "crash loop",
        outcome: RolloutOutcome::Crash,
        configuration: || json!({}),
        ends: Outcome::RolledBack,
    },
];

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> anyhow::Result<()> {
    println!(
        "{:<8} {:<22} {:>21}   {:>21}   {:>21}",
        "", "", "Evenkeel", "a look every second", "every 15 seconds"
    );
    println!(
        "{:<8} {:<22} {:>21}   {:>21}   {:>21}",
        "rollout", "ends by", "late s (most)  calls", "late s (most)  calls", "late s (most)  calls"
    );
    for seconds in [20, 180, 1_800] {
        for course in &COURSES {
            let mut ours = Vec::new();
            for seed in 0..PLAYS {
                fastrand::seed(seed);
                ours.push(play(course, seconds, None).await?);
            }
            let mut columns = vec![figures(&ours)];
            for period in [1, 15] {
                let mut theirs = Vec::new();
                for seed in 0..POLLS {
                    fastrand::seed(seed);
                    theirs.push(play(course, seconds, Some(period)).await?);
                }
                columns.push(figures(&theirs));
            }
            let told: Vec<String> = columns
                .iter()
                .map(|(late, most, calls)| format!("{late:>6.1} ({most:>4.1})  {calls:>6.0}"))
                .collect();
            println!(
                "{seconds:>6} s {:<22} {:>21}   {:>21}   {:>21}",
                course.name, told[0], told[1], told[2]
            );
            let (late, most, calls) = columns[0];
            ensure!(late <= MEDIAN && most <= WORST, "{} is late by {late} s, {most} s at most", course.name);
            ensure!(seconds != 180 || course.ends != Outcome::Deployed || calls <= CALLS, "{calls} calls");
        }
    }
    Ok(())
}

/// The median of how late, the latest, and the most calls.
fn figures(costs: &[Cost]) -> (f64, f64, f64) {
    let sorted = |of: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let (late, calls) = (sorted(|cost| cost.late), sorted(|cost| cost.calls));
    (late[late.len() / 2], late[late.len() - 1], calls[calls.len() - 1])
}

/// Plays a rollout, watched by Evenkeel or by a poller with this period in seconds.
async fn play(course: &Course, seconds: u64, period: Option<u64>) -> anyhow::Result<Cost> {
    let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_800_000_000)));
    let sandbox = Sandbox::starting_at(clock.now());
    let call = |operation: &str, request: Value| {
        sandbox.call(operation, request).map_err(|error| anyhow!("{operation}: {error}"))
    };
    let mut definition = json!({
        "family": SERVICE,
        "containerDefinitions": [{ "name": "app", "image": "web:1", "memory": 128 }],
    });
    call("CreateCluster", json!({ "clusterName": CLUSTER }))?;
    call("RegisterTaskDefinition", definition.clone())?;
    let service = json!({
        "cluster": CLUSTER, "serviceName": SERVICE, "taskDefinition": SERVICE, "desiredCount": 2,
        "deploymentConfiguration": (course.configuration)(),
    });
    call("CreateService", service)?;
    // No rollout takes the same time as the one before, so none is in step with the looks at it.
    let spread = f64::min(15.0, seconds as f64 / 4.0);
    let duration = Duration::from_secs_f64(seconds as f64 + spread * (fastrand::f64() - 0.5));
    sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome: course.outcome, duration });
    let (ended, calls) = match period {
        None => {
            let ended = watch(&sandbox, clock, course).await?;
            (ended, sandbox.calls().iter().filter(|call| call.at <= ended).count())
        }
        Some(period) => {
            definition["containerDefinitions"][0]["image"] = json!("web:2");
            call("RegisterTaskDefinition", definition)?;
            call(
                "UpdateService",
                json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:2" }),
            )?;
            let looks = poll(&sandbox, clock, Duration::from_secs(period)).await?;
            // What comes before the first look is the same four calls.
            (clock.now(), looks + 4)
        }
    };
    let truth = end(&sandbox)?;
    Ok(Cost { late: ended.since(truth).as_secs_f64(), calls: f64::from(u32::try_from(calls)?) })
}

/// Lets Evenkeel deploy; when its verdict was in.
async fn watch(sandbox: &Sandbox, clock: Clock, course: &Course) -> anyhow::Result<Timestamp> {
    let connection = Connection { embedded: Some(sandbox.http_client()), ..Connection::default() };
    let ecs = connect(&connection).await?;
    let (_interrupter, interrupt) = Interrupt::new();
    let records: [FileStore; 0] = [];
    let source = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
    let world = World {
        ecs: &ecs,
        records: vec![&records],
        clock,
        polling: Polling::default(),
        interrupt,
        source: &source,
    };
    let mut images = Images::default();
    images.insert("app", ImageReference::parse("web:2")?)?;
    let request = DeployRequest {
        cluster: ClusterName::parse(CLUSTER)?,
        services: vec![ServiceName::parse(SERVICE)?],
        images,
        policy: Policy { timeout: Duration::from_secs(4 * 3600), ..Policy::default() },
    };
    let report = deploy(&world, &request, &mut |_| {}).await;
    ensure!(report.outcome == course.ends, "{}: {report:?}", course.name);
    // Where going back is ours, the verdict was in when it began.
    let calls = sandbox.calls();
    let undone = calls.iter().filter(|call| call.operation == "UpdateService").nth(1);
    let undone = undone.or_else(|| calls.iter().find(|call| call.operation == "StopServiceDeployment"));
    Ok(undone.map_or_else(|| clock.now(), |call| call.at))
}

/// Looks every `period` until the service deployment has ended, or, where nobody ends it, until the
/// third task in a row has failed; how many looks that took.
async fn poll(sandbox: &Sandbox, clock: Clock, period: Duration) -> anyhow::Result<usize> {
    let is_guarded = has_breaker(sandbox)?;
    let mut looks = 0;
    loop {
        clock.sleep(period).await;
        looks += 1;
        if is_over(&current(sandbox)?) || !is_guarded && third_failure(sandbox)?.is_some() {
            return Ok(looks);
        }
    }
}

/// When the rollout ended.
fn end(sandbox: &Sandbox) -> anyhow::Result<Timestamp> {
    if !has_breaker(sandbox)?
        && let Some(failed) = third_failure(sandbox)?
    {
        return Ok(failed);
    }
    let listed = sandbox
        .call("ListServiceDeployments", json!({ "cluster": CLUSTER, "service": SERVICE }))
        .map_err(|error| anyhow!("{error}"))?;
    let mut deployments = listed["serviceDeployments"].as_array().context("no service deployments")?.clone();
    deployments.sort_by_key(|deployment| time(&deployment["createdAt"]));
    // The second is the rollout; a third is the update that went back from it.
    let of_ours = deployments.get(1).context("no service deployment of ours")?;
    time(&of_ours["finishedAt"]).context("the rollout has not ended")
}

fn current(sandbox: &Sandbox) -> anyhow::Result<Value> {
    let request = json!({ "cluster": CLUSTER, "service": SERVICE });
    let listed = sandbox.call("ListServiceDeployments", request).map_err(|error| anyhow!("{error}"))?;
    let deployments = listed["serviceDeployments"].as_array().context("no service deployments")?;
    let newest = deployments.iter().max_by_key(|deployment| time(&deployment["createdAt"]));
    newest.cloned().context("no service deployments")
}

fn is_over(deployment: &Value) -> bool {
    matches!(
        deployment["status"].as_str(),
        Some("SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED")
    )
}

fn has_breaker(sandbox: &Sandbox) -> anyhow::Result<bool> {
    let request = json!({ "cluster": CLUSTER, "services": [SERVICE] });
    let described = sandbox.call("DescribeServices", request).map_err(|error| anyhow!("{error}"))?;
    let configuration = &described["services"][0]["deploymentConfiguration"];
    Ok(configuration["deploymentCircuitBreaker"]["enable"] == true)
}

/// When the third task that crashed did.
fn third_failure(sandbox: &Sandbox) -> anyhow::Result<Option<Timestamp>> {
    let request = json!({ "cluster": CLUSTER, "serviceName": SERVICE, "desiredStatus": "STOPPED" });
    let listed = sandbox.call("ListTasks", request).map_err(|error| anyhow!("{error}"))?;
    if listed["taskArns"].as_array().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let request = json!({ "cluster": CLUSTER, "tasks": listed["taskArns"] });
    let described = sandbox.call("DescribeTasks", request).map_err(|error| anyhow!("{error}"))?;
    let tasks = described["tasks"].as_array().context("no tasks")?;
    let crashed = tasks.iter().filter(|task| task["stopCode"] == "EssentialContainerExited");
    let mut times: Vec<Timestamp> = crashed.filter_map(|task| time(&task["stoppedAt"])).collect();
    times.sort();
    Ok(times.get(2).copied())
}

fn time(value: &Value) -> Option<Timestamp> {
    Some(Timestamp::from_unix(Duration::from_secs_f64(value.as_f64()?)))
}
