//! Serves the embedded AWS with one of the scenes that the captures in `docs/captures` show.
//!
//! ```text
//! cargo run --package evenkeel-sandbox --example scenes -- success
//! ```
//!
//! It prints the address, and serves until it is killed.

#![allow(clippy::print_stdout, reason = "the address is its result")]

use std::time::Duration;

use evenkeel_sandbox::{ApiError, Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A service whose next rollout is watched.
struct Service {
    name: &'static str,
    tasks: u32,
    /// Members of its deployment configuration.
    configuration: Value,
    outcome: RolloutOutcome,
    seconds: u64,
}

fn main() -> std::io::Result<()> {
    let scene = std::env::args().nth(1).unwrap_or_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(&scene))
}

async fn serve(scene: &str) -> std::io::Result<()> {
    let sandbox = Sandbox::new();
    furnish(&sandbox, services(scene)).map_err(std::io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    sandbox.serve(listener).await
}

fn services(scene: &str) -> Vec<Service> {
    let rolling = |name, tasks, outcome, seconds| Service {
        name,
        tasks,
        configuration: json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": true } }),
        outcome,
        seconds,
    };
    match scene {
        "failure" => vec![rolling("web", 4, RolloutOutcome::Crash, 30)],
        "three" => vec![
            rolling("web", 4, RolloutOutcome::Ok, 18),
            rolling("api", 6, RolloutOutcome::Ok, 30),
            rolling("mailer", 2, RolloutOutcome::Flaky, 44),
        ],
        "blue-green" => vec![Service {
            name: "web",
            tasks: 4,
            configuration: json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1 }),
            outcome: RolloutOutcome::Ok,
            seconds: 24,
        }],
        _ => vec![rolling("web", 4, RolloutOutcome::Ok, 30)],
    }
}

fn furnish(sandbox: &Sandbox, services: Vec<Service>) -> Result<(), ApiError> {
    sandbox.call("CreateCluster", json!({ "clusterName": "prod" }))?;
    for Service { name, tasks, configuration, outcome, seconds } in services {
        let container = json!({ "name": "app", "image": "registry.example.com/shop:1.0", "memory": 512, "essential": true });
        sandbox
            .call("RegisterTaskDefinition", json!({ "family": name, "containerDefinitions": [container] }))?;
        let service = json!({
            "cluster": "prod",
            "serviceName": name,
            "taskDefinition": name,
            "desiredCount": tasks,
            "deploymentConfiguration": configuration,
        });
        sandbox.call("CreateService", service)?;
        sandbox.set_rollout("prod", name, Rollout { outcome, duration: Duration::from_secs(seconds) });
    }
    Ok(())
}
