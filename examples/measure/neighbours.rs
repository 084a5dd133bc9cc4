//! A hundred command lines that deploy at once in one account, whose reads are limited to 20 a second.
//!
//! They are played on the embedded AWS in no time, each with a client of its own, as a hundred processes have.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::{Progress, Report};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::request::Policy;
use evenkeel_sandbox::{RateLimit, RolloutOutcome, Sandbox};
use fastrand::Rng;
use serde_json::json;
use tokio::task::JoinSet;

use super::shape::{Course, Family, draw};
use super::world::{CLUSTER, decided, deploy_to, furnish};

const COMMANDS: usize = 100;

/// How late the verdict of any of them may be.
const LATEST: Duration = Duration::from_secs(12);

/// What ECS allows: all reads together, in this account, and the documented rates of registrations and updates.
fn limits() -> [RateLimit; 3] {
    let reads = [
        "DescribeServices",
        "DescribeServiceDeployments",
        "DescribeServiceRevisions",
        "DescribeTaskDefinition",
        "DescribeTasks",
        "ListServiceDeployments",
        "ListTasks",
    ];
    let limit = |operations: &[&str], burst, per_second| RateLimit {
        operations: operations.iter().map(|operation| (*operation).to_owned()).collect(),
        burst,
        per_second,
    };
    [
        limit(&reads, 50, 20.0),
        limit(&["RegisterTaskDefinition"], 20, 1.0),
        limit(&["UpdateService", "StopServiceDeployment"], 50, 5.0),
    ]
}

/// Plays them, and prints how late they were and what was refused.
pub(crate) async fn measure(seed: u64) -> anyhow::Result<()> {
    fastrand::seed(seed);
    let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_800_000_000)));
    let sandbox = Sandbox::starting_at(clock.now());
    let created = sandbox.call("CreateCluster", json!({ "clusterName": CLUSTER }));
    created.map_err(|error| anyhow!("CreateCluster: {error}"))?;
    let courses = courses(&mut Rng::with_seed(seed));
    for (name, course) in &courses {
        furnish(&sandbox, name, course)?;
    }
    limits().into_iter().for_each(|limit| sandbox.limit(limit));
    // The service deployments of the services' creation are older.
    clock.sleep(Duration::from_secs(1)).await;

    let mut commands = JoinSet::new();
    for name in courses.keys() {
        let (sandbox, name) = (sandbox.clone(), name.clone());
        commands.spawn(async move {
            let ended = run(&sandbox, clock, &name).await;
            (name, ended)
        });
    }
    let mut late = Vec::new();
    while let Some(ended) = commands.join_next().await {
        let (name, ended) = ended?;
        let (verdict, report) = ended?;
        let course = courses.get(&name).context("an unknown service")?;
        let is_to_succeed = course.outcome == RolloutOutcome::Ok;
        let expected = if is_to_succeed { Outcome::Deployed } else { Outcome::RolledBack };
        ensure!(report.outcome == expected, "{name} with {course:?} ended as {report:?}");
        late.push(verdict.since(decided(&sandbox, &name, course)?));
    }
    late.sort();
    let calls = sandbox.calls();
    let refused = |operation: &str| {
        let is_refused =
            |call: &&evenkeel_sandbox::Call| call.operation == operation && call.status == Some(400);
        calls.iter().filter(is_refused).count()
    };
    let is_read = |operation: &str| operation.starts_with("Describe") || operation.starts_with("List");
    let reads = calls.iter().filter(|call| is_read(&call.operation));
    let (allowed, throttled): (Vec<_>, Vec<_>) = reads.partition(|call| call.status == Some(200));
    let (median, worst) = (late[COMMANDS / 2], late[COMMANDS - 1]);
    println!(
        "{COMMANDS} command lines at once: late by {median:.1?} in the median, {worst:.1?} at most; {} reads, {} more \
         and {} registrations were refused for their rate",
        allowed.len(),
        throttled.len(),
        refused("RegisterTaskDefinition"),
    );
    ensure!(worst <= LATEST, "later than {LATEST:?}");
    Ok(())
}

/// Most of them succeed; some are ended by their circuit breakers.
fn courses(random: &mut Rng) -> BTreeMap<String, Course> {
    let course = |at: usize| {
        let family = if at.is_multiple_of(5) { Family::CircuitBreaker } else { Family::Rolling };
        (format!("service-{at}"), draw(family, random).services.swap_remove(0))
    };
    (0..COMMANDS).map(course).collect()
}

/// One command: when its verdict was in, and what it reports.
async fn run(sandbox: &Sandbox, clock: Clock, name: &str) -> anyhow::Result<(Timestamp, Report)> {
    let mut verdict = None;
    let timeout = Policy::default().timeout;
    let report = deploy_to(sandbox, clock, &[name.to_owned()], timeout, &mut |progress| {
        if let Progress::RollingBack { .. } | Progress::Ended { .. } = progress {
            verdict.get_or_insert_with(|| clock.now());
        }
    })
    .await?;
    Ok((verdict.unwrap_or_else(|| clock.now()), report))
}
