//! Twelve processes deploy twelve services side by side, in real time, on an emulator that nobody here wrote.
//!
//! ```text
//! cargo test --locked --test emulators side_by_side -- --ignored --nocapture
//! ```
//!
//! It takes up to five minutes, so `.ci/run` leaves it out. `SIDE_BY_SIDE_SEED` draws other shapes.
//!
//! Rollouts of ministack end at once. A proxy of these tests stands before it and plays rollouts that take time: in what
//! ECS shows of services, service deployments and tasks. All else is ministack's response. A verdict is late by the time
//! from the moment at which the proxy shows how the rollout ended to the one at which the process ends, or begins to roll
//! back.
//!
//! Twelve verdicts are few. At what moment between two polls a rollout ends is chance, so their median is off by 0.3 s
//! either way: where it alone is beyond its bound, play other seeds.

mod figures;
mod proxy;
mod records;
mod service;
mod shape;
mod tasks;
mod timeline;
mod world;

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use evenkeel::clock::Clock;
use evenkeel_core::timestamp::Timestamp;
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};

use self::figures::{Row, Verdict};
use self::proxy::Proxy;
use self::service::{Former, Service, draw_number};
use self::shape::{Kind, Shape};
use crate::emulator::Kind as Emulator;
use crate::evenkeel::Evenkeel;
use crate::{NEW, OLD};

/// How a process ended, and when.
struct Ended {
    at: Timestamp,
    output: Output,
}

#[tokio::test]
#[ignore = "it takes up to five minutes of real time"]
async fn twelve_processes_tell_in_time_how_twelve_rollouts_ended() {
    let Some(emulator) = super::start(Emulator::Ministack) else { return };
    let seed = seed();
    fastrand::seed(seed);
    let shapes = shape::draw_twelve(&mut Rng::with_seed(seed));
    let clock = Clock::system();
    let proxy = Proxy::start(emulator.url(), clock).await;
    proxy.set_up("CreateCluster", json!({ "clusterName": "prod" })).await;
    let mut names = Vec::new();
    for (nth, shape) in shapes.into_iter().enumerate() {
        let name = format!("shop-{}", nth + 1);
        create_service(&proxy, &name, shape, clock.now()).await;
        names.push(name);
    }

    let deployed = names.iter().map(|name| {
        let (url, name) = (proxy.url.clone(), name.clone());
        tokio::task::spawn_blocking(move || deploy(&url, &name, clock))
    });
    let ended: Vec<Ended> =
        join_all(deployed).await.into_iter().map(|ended| ended.unwrap().unwrap()).collect();

    let world = proxy.world.lock().unwrap();
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for (name, ended) in names.iter().zip(&ended) {
        let service = &world.services[name];
        wrong.extend(falsehood(service, &ended.output).map(|what| format!("{name}: {what}")));
        let calls: Vec<_> = world.calls.iter().filter(|call| call.process == *name).collect();
        rows.push(Row {
            service: name.clone(),
            what: service.shape.words(),
            verdicts: verdicts(service, ended.at),
            calls: figures::busiest(&calls),
        });
    }
    println!("twelve deployments by seed {seed}\n{}", figures::table(&rows));
    wrong.extend(figures::beyond(&rows));
    assert!(wrong.is_empty(), "outside the bounds, by seed {seed}:\n{}", wrong.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "the variable SIDE_BY_SIDE_SEED holds the seed")]
fn seed() -> u64 {
    std::env::var("SIDE_BY_SIDE_SEED").map_or(1, |seed| seed.parse().unwrap())
}

/// Creates a service that has run its first revision for a day.
async fn create_service(proxy: &Proxy, name: &str, shape: Shape, now: Timestamp) {
    let logs = json!({
        "logDriver": "awslogs",
        "options": { "awslogs-group": name, "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "shop" },
    });
    let container = json!({ "name": "app", "image": OLD, "memory": 128, "logConfiguration": logs });
    let definition = json!({ "family": name, "containerDefinitions": [container] });
    let definition = proxy.set_up("RegisterTaskDefinition", definition).await;
    let definition = &definition["taskDefinition"]["taskDefinitionArn"];
    let created = proxy
        .set_up(
            "CreateService",
            json!({
                "cluster": "prod",
                "serviceName": name,
                "taskDefinition": definition,
                "desiredCount": shape.desired,
                "deploymentConfiguration": shape.configuration(),
                "loadBalancers": [balancer(shape.kind)],
            }),
        )
        .await;
    let former = Former {
        number: draw_number(),
        definition: definition.as_str().unwrap().to_owned(),
        created: now.before(Duration::from_secs(24 * 3600)),
    };
    let arn = created["service"]["serviceArn"].as_str().unwrap().to_owned();
    let service = Service { name: name.to_owned(), arn, shape, former, rollouts: Vec::new() };
    proxy.world.lock().unwrap().services.insert(name.to_owned(), service);
}

fn balancer(kind: Kind) -> Value {
    let arn = |resource: &str| format!("arn:aws:elasticloadbalancing:eu-central-1:000000000000:{resource}");
    let mut balancer = json!({
        "targetGroupArn": arn("targetgroup/shop/6d0ecf831eec9f09"), "containerName": "app", "containerPort": 8080,
    });
    if kind == Kind::BlueGreen {
        balancer["advancedConfiguration"] = json!({
            "alternateTargetGroupArn": arn("targetgroup/shop-green/7e1fd0942ffd0a10"),
            "productionListenerRule": arn("listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"),
            "roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole",
        });
    }
    balancer
}

/// Deploys a new image with the real binary. Its access key is the name of the service, so that the proxy knows which process
/// makes a call.
fn deploy(url: &str, name: &str, clock: Clock) -> io::Result<Ended> {
    let evenkeel = Evenkeel::at(url);
    let image = format!("app={NEW}");
    let mut command = evenkeel.command(name);
    command.args(["deploy", "--cluster", "prod", "--service", name, "--image", &image]);
    command.args(["--endpoint-url", url, "--output", "json"]);
    let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let output = process.wait_with_output()?;
    Ok(Ended { at: clock.now(), output })
}

/// When ECS showed how each rollout of the service ended, and when the process told: by a rollback of its own, or by its
/// end.
fn verdicts(service: &Service, ended: Timestamp) -> Vec<Verdict> {
    let next = service.rollouts.iter().skip(1).map(|rollout| rollout.began);
    let told = next.chain([ended]);
    let verdict = |(rollout, told): (&timeline::Rollout, Timestamp)| {
        let by = if service.shape.is_denied { rollout.is_decided_in_list() } else { rollout.ends() };
        Verdict::new(rollout.began, rollout.began.plus(by), told)
    };
    service.rollouts.iter().zip(told).map(verdict).collect()
}

/// What the process said or did that is not so.
fn falsehood(service: &Service, output: &Output) -> Option<String> {
    let (status, outcome, revision) = service.shape.expected();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let told = &document["services"][0];
    let wanted = json!([status, outcome, revision, service.shape.paces.len()]);
    let got = json!([output.status.code(), told["outcome"], told["revision"], service.rollouts.len()]);
    let said = format!("{document:#}\n{}", String::from_utf8_lossy(&output.stderr));
    (got != wanted)
        .then(|| format!("its status, outcome, revision and updates are {got}, not {wanted}: {said}"))
}
