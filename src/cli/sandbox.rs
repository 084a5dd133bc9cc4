//! `evenkeel sandbox`: a deployment on the embedded AWS, as its user would see it.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::aws::{Connection, connect};
use crate::clock::Clock;
use crate::deploy::{Interrupt, Polling, Report, World, deploy};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::image_definitions;
use crate::domain::record::Source;
use crate::domain::request::{ClusterName, DeployRequest, Policy, ServiceName};
use crate::output::{self, Narrator};
use crate::record::FileStore;
use crate::sandbox::{REGION, Rollout, RolloutOutcome, Sandbox};

use super::args::{SandboxArgs, Scenario};
use super::{print, print_error};

const CLUSTER: &str = "demo";
const SERVICE: &str = "web";
const IMAGE_DEFINITIONS: &str = r#"[{"name": "app", "imageUri": "registry.example.com/shop/web:2.0"}]"#;

/// How long a rollout takes: long enough to watch it, short enough to wait for it.
const ROLLOUT: Duration = Duration::from_secs(6);

/// Plays, or serves until interrupted; returns the exit status.
pub(super) async fn run(args: &SandboxArgs) -> u8 {
    let done = match args.serve {
        Some(address) => serve(address, args.scenario).await,
        None => play(args.scenario).await,
    };
    done.unwrap_or_else(|failure| {
        print_error(&output::failure_text(&failure));
        failure.kind().exit_status()
    })
}

async fn serve(address: SocketAddr, scenario: Scenario) -> Result<u8, Failure> {
    let sandbox = furnish(scenario)?;
    let cannot = |error: std::io::Error| {
        Failure::new(FailureKind::Unreadable, format!("the embedded AWS cannot be served on {address}"))
            .caused_by(error)
            .advice("Give an address of this machine with a free port, or port 0 for any")
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    print(&format!(
        "export AWS_ENDPOINT_URL=http://{bound}\n\
         export AWS_REGION={REGION}\n\
         export AWS_ACCESS_KEY_ID=embedded\n\
         export AWS_SECRET_ACCESS_KEY=embedded\n"
    ));
    let _ = stdout().flush();
    print_error(&format!(
        "The embedded AWS has a cluster {CLUSTER:?} with a service {SERVICE:?}; Ctrl-C ends it.\n"
    ));
    tokio::select! {
        served = sandbox.serve(listener) => served.map_err(cannot)?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(0)
}

async fn play(scenario: Scenario) -> Result<u8, Failure> {
    let sandbox = furnish(scenario)?;
    print(&format!(
        "An embedded AWS: cluster {CLUSTER}, service {SERVICE}, containers app and proxy.\n\n\
         $ cat imagedefinitions.json\n{IMAGE_DEFINITIONS}\n\n\
         $ evenkeel deploy --cluster {CLUSTER} --service {SERVICE}\n"
    ));
    let first = deploy_once(&sandbox).await?;
    print(&output::report_text(&first));
    print(&format!("\n{}", calls(&sandbox)));
    if first.exit_status() == 0 {
        sandbox.clear_calls();
        print(&format!("\n$ evenkeel deploy --cluster {CLUSTER} --service {SERVICE}     (again)\n"));
        let second = deploy_once(&sandbox).await?;
        print(&output::report_text(&second));
        print(&format!("\n{}", calls(&sandbox)));
    }
    print(&format!("\nexit status {}\n", first.exit_status()));
    Ok(first.exit_status())
}

async fn deploy_once(sandbox: &Sandbox) -> Result<Report, Failure> {
    let request = DeployRequest {
        cluster: ClusterName::parse(CLUSTER)?,
        services: vec![ServiceName::parse(SERVICE)?],
        images: image_definitions::parse("imagedefinitions.json", IMAGE_DEFINITIONS.as_bytes())?,
        policy: Policy { timeout: ROLLOUT * 2, ..Policy::default() },
    };
    let connection = Connection { embedded: Some(sandbox.http_client()), ..Connection::default() };
    let ecs = connect(&connection).await?;
    let records: &[FileStore] = &[];
    let (_interrupter, interrupt) = Interrupt::new();
    let world = World {
        ecs: &ecs,
        records,
        clock: Clock::system(),
        polling: Polling { first: Duration::from_millis(500), longest: Duration::from_secs(1) },
        interrupt,
        source: &Source { kind: "cli".to_owned(), id: None, url: None },
    };
    let mut narrator = Narrator::new(stdout());
    Ok(deploy(&world, &request, &mut |progress| narrator.tell(&progress)).await)
}

/// A world to deploy into: a service that runs, and what becomes of its next rollout.
fn furnish(scenario: Scenario) -> Result<Sandbox, Failure> {
    let sandbox = Sandbox::new(Clock::system());
    let (outcome, breaker, desired) = match scenario {
        Scenario::Ok => (RolloutOutcome::Ok, false, 2),
        Scenario::Crash => (RolloutOutcome::Crash, false, 2),
        Scenario::Breaker => (RolloutOutcome::Crash, true, 2),
        Scenario::Stuck => (RolloutOutcome::Stuck, false, 2),
        Scenario::Superseded => (RolloutOutcome::Superseded, false, 2),
        Scenario::DesiredZero => (RolloutOutcome::Ok, false, 0),
    };
    let steps = [
        ("CreateCluster", json!({ "clusterName": CLUSTER })),
        (
            "RegisterTaskDefinition",
            json!({
                "family": SERVICE,
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "cpu": "256",
                "memory": "512",
                "containerDefinitions": [
                    {
                        "name": "app",
                        "image": "registry.example.com/shop/web:1.0",
                        "portMappings": [{ "containerPort": 8080 }],
                        "environment": [{ "name": "GREETING", "value": "hello" }],
                    },
                    { "name": "proxy", "image": "registry.example.com/proxy:7", "essential": false },
                ],
            }),
        ),
        (
            "CreateService",
            json!({
                "cluster": CLUSTER,
                "serviceName": SERVICE,
                "taskDefinition": SERVICE,
                "desiredCount": desired,
                "deploymentConfiguration": {
                    "deploymentCircuitBreaker": { "enable": breaker, "rollback": breaker },
                },
            }),
        ),
    ];
    for (operation, request) in steps {
        sandbox.call(operation, request).map_err(|refused| {
            Failure::new(FailureKind::Bug, format!("the embedded AWS refused {operation}"))
                .because(refused.to_string())
        })?;
    }
    sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome, duration: ROLLOUT });
    Ok(sandbox)
}

fn calls(sandbox: &Sandbox) -> String {
    let calls = sandbox.calls();
    let names: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    let before: Vec<&str> = names.iter().copied().take(4).collect();
    format!("{} calls to AWS, the first of them {}\n", names.len(), before.join(", "))
}
