//! What one deployment costs: once with nothing to change, once with a new image and `--no-wait`.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use evenkeel_sandbox::{ACCOUNT, REGION, Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::cost::{Cost, cost_at};

/// The leanest of the other tools: fabfuel's ecs-deploy 1.17.0 deploying a new image to ministack,
/// where a rollout completes at once. Two cores, the median of five runs.
const OTHER: Cost =
    Cost { processor: Duration::from_millis(460), memory: 55_000_000, wall: Duration::from_millis(510) };

/// Prints the medians of `runs` runs of `binary` of each case.
pub(crate) async fn measure(binary: &Path, runs: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let sandbox = world()?;
    let server = sandbox.clone();
    tokio::spawn(async move { server.serve(listener).await });

    println!("{:<26}{:>10}{:>10}{:>10}  calls", "median of runs", "processor", "memory", "wall");
    let mut image = 1;
    let deploy = Deploy { sandbox, binary, runs, url };
    deploy.measure("nothing to change", || vec![format!("app={}", tagged(1))]).await?;
    let started = deploy
        .measure("new image, --no-wait", || {
            image += 1;
            vec![format!("app={}", tagged(image)), "--no-wait".to_owned()]
        })
        .await?;

    row("leanest other tool", OTHER, "9");
    println!(
        "{:.1} times less processor time and {:.1} times less memory than the leanest other tool",
        OTHER.processor.as_secs_f64() / started.processor.as_secs_f64(),
        OTHER.memory as f64 / started.memory as f64,
    );
    Ok(())
}

/// A deployment as a user starts it.
struct Deploy<'a> {
    sandbox: Sandbox,
    binary: &'a Path,
    runs: usize,
    url: String,
}

impl Deploy<'_> {
    /// Runs `deploy --image` with the arguments that `next` gives, as often as asked and once before
    /// that to warm up, and prints and returns the medians.
    async fn measure(&self, case: &str, mut next: impl FnMut() -> Vec<String>) -> anyhow::Result<Cost> {
        let mut costs = Vec::new();
        let mut calls = Vec::new();
        for _ in 0..=self.runs {
            self.sandbox.clear_calls();
            let (binary, url) = (self.binary.to_owned(), self.url.clone());
            let mut arguments: Vec<String> =
                ["deploy", "--cluster", "prod", "--service", "web", "--image"].map(str::to_owned).to_vec();
            arguments.extend(next());
            // The embedded AWS answers on this thread meanwhile.
            let ran = tokio::task::spawn_blocking(move || cost_at(&url, &binary, &arguments));
            costs.push(ran.await??);
            calls = self.sandbox.calls().into_iter().map(|call| call.operation).collect();
        }
        ensure!(!calls.is_empty(), "{} called nothing at {}", self.binary.display(), self.url);
        costs.remove(0);
        let median = Cost {
            processor: median(costs.iter().map(|cost| cost.processor)),
            memory: median(costs.iter().map(|cost| cost.memory)),
            wall: median(costs.iter().map(|cost| cost.wall)),
        };
        row(case, median, &format!("{}: {}", calls.len(), calls.join(", ")));
        Ok(median)
    }
}

/// An AWS with one service on a rich definition, whose deployments complete at once.
fn world() -> anyhow::Result<Sandbox> {
    let sandbox = Sandbox::new();
    for member in ["futureMember", "containerDefinitions[].futureMember"] {
        sandbox.declare_member(member);
    }
    sandbox.set_rollout("prod", "web", Rollout { outcome: RolloutOutcome::Ok, duration: Duration::ZERO });
    let mut definition: Value = serde_json::from_str(include_str!("../../tests/emulators/definition.json"))?;
    definition["containerDefinitions"][0]["image"] = json!(tagged(1));
    let service = json!({
        "cluster": "prod",
        "serviceName": "web",
        "taskDefinition": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:1"),
        "desiredCount": 1,
    });
    for (operation, request) in [
        ("CreateCluster", json!({ "clusterName": "prod" })),
        ("RegisterTaskDefinition", definition),
        ("CreateService", service),
    ] {
        sandbox.call(operation, request).map_err(|error| anyhow::anyhow!("{operation}: {error:?}"))?;
    }
    Ok(sandbox)
}

fn tagged(version: usize) -> String {
    format!("registry.example.com:5000/shop/app:{version}")
}

fn median<T: Ord + Copy>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values[values.len() / 2]
}

fn row(case: &str, cost: Cost, calls: &str) {
    println!(
        "{case:<26}{:>7.0} ms{:>7.1} MB{:>7.0} ms  {calls}",
        cost.processor.as_secs_f64() * 1e3,
        cost.memory as f64 / 1e6,
        cost.wall.as_secs_f64() * 1e3,
    );
}
