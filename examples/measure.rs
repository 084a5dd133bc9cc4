//! Measures what one deployment costs: processor time, peak memory, wall time and calls.
//!
//! ```text
//! cargo build --locked --profile dist
//! cargo run --locked --example measure -- --binary target/dist/evenkeel
//! ```
//!
//! The binary runs against the embedded AWS over loopback: once with nothing to change, once with a
//! new image and `--no-wait`. Each is run a number of times; the medians are printed.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use evenkeel::clock::Clock;
use evenkeel::sandbox::{ACCOUNT, REGION, Rollout, RolloutOutcome, Sandbox};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wait4::Wait4 as _;

#[derive(Parser)]
struct Arguments {
    /// The binary to measure
    #[arg(long, default_value = "target/dist/evenkeel")]
    binary: PathBuf,
    /// How often each case is run
    #[arg(long, default_value_t = 11)]
    runs: usize,
    /// Run this command once and print its cost as JSON
    #[arg(last = true, hide = true)]
    command: Vec<String>,
}

/// What one run of a command cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    /// User and system time together.
    processor: Duration,
    /// The largest resident set, in bytes.
    memory: u64,
    wall: Duration,
}

/// The leanest of the other tools: fabfuel's ecs-deploy 1.17.0 deploying a new image to ministack,
/// where a rollout completes at once. Two cores, the median of five runs.
const OTHER: Cost =
    Cost { processor: Duration::from_millis(460), memory: 55_000_000, wall: Duration::from_millis(510) };

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let [program, rest @ ..] = arguments.command.as_slice() {
        println!("{}", serde_json::to_string(&cost_of(program, rest)?)?);
        return Ok(());
    }

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let sandbox = world()?;
    let server = sandbox.clone();
    tokio::spawn(async move { server.serve(listener).await });

    println!("{:<26}{:>10}{:>10}{:>10}  calls", "median of runs", "processor", "memory", "wall");
    let mut image = 1;
    measure("nothing to change", &sandbox, &arguments, &url, || vec![format!("app={}", tagged(1))]).await?;
    let started = measure("new image, --no-wait", &sandbox, &arguments, &url, || {
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

/// Runs `deploy --image` with the arguments that `next` gives, as often as asked and once before
/// that to warm up, and prints and returns the medians.
async fn measure(
    case: &str,
    sandbox: &Sandbox,
    arguments: &Arguments,
    url: &str,
    mut next: impl FnMut() -> Vec<String>,
) -> anyhow::Result<Cost> {
    let mut costs = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..=arguments.runs {
        sandbox.clear_calls();
        let deploy = Deploy { binary: arguments.binary.clone(), url: url.to_owned(), arguments: next() };
        // The embedded AWS answers on this thread meanwhile.
        costs.push(tokio::task::spawn_blocking(move || deploy.run()).await??);
        calls = sandbox.calls().into_iter().map(|call| call.operation).collect();
    }
    ensure!(!calls.is_empty(), "{} called nothing at {url}", arguments.binary.display());
    costs.remove(0);
    let median = Cost {
        processor: median(costs.iter().map(|cost| cost.processor)),
        memory: median(costs.iter().map(|cost| cost.memory)),
        wall: median(costs.iter().map(|cost| cost.wall)),
    };
    row(case, median, &format!("{}: {}", calls.len(), calls.join(", ")));
    Ok(median)
}

/// One deployment as a user starts it.
struct Deploy {
    binary: PathBuf,
    url: String,
    arguments: Vec<String>,
}

impl Deploy {
    /// Runs it from a small process of its own: Linux counts the memory of the process that starts
    /// another one as the other's too, and this one holds the embedded AWS.
    fn run(&self) -> anyhow::Result<Cost> {
        let output = Command::new(std::env::current_exe()?)
            .arg("--")
            .arg(&self.binary)
            .args(["deploy", "--cluster", "prod", "--service", "web", "--endpoint-url", &self.url, "--image"])
            .args(&self.arguments)
            .env_clear()
            .env("HOME", std::env::temp_dir())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the cost of a run")
    }
}

/// Runs a command to its end and tells what it cost.
#[allow(clippy::disallowed_methods, reason = "real time is what is measured")]
fn cost_of(program: &str, arguments: &[String]) -> anyhow::Result<Cost> {
    let started = std::time::Instant::now();
    let mut process = Command::new(Path::new(program))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{program} cannot be run"))?;
    let used = process.wait4()?;
    let wall = started.elapsed();
    ensure!(used.status.success(), "{program} {}: {}", arguments.join(" "), used.status);
    Ok(Cost { processor: used.rusage.utime + used.rusage.stime, memory: used.rusage.maxrss, wall })
}

/// An AWS with one service on a rich definition, whose deployments complete at once.
fn world() -> anyhow::Result<Sandbox> {
    let sandbox = Sandbox::new(Clock::system());
    for member in ["futureMember", "containerDefinitions[].futureMember"] {
        sandbox.declare_member(member);
    }
    sandbox.set_rollout("prod", "web", Rollout { outcome: RolloutOutcome::Ok, duration: Duration::ZERO });
    let mut definition: Value = serde_json::from_str(include_str!("../tests/emulators/definition.json"))?;
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
