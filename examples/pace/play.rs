//! Plays a command on the embedded AWS and tells how late its verdicts were.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::Progress;
use evenkeel_sandbox::{Call, Fault, FaultKind, Sandbox};
use serde_json::json;

use super::shape::{Command, Course};
use super::world::{CLUSTER, decided, deploy_to, furnish, intervene};

/// How long every call takes.
const LATENCY: Duration = Duration::from_millis(80);

/// Longer than any rollout that is drawn.
const TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// What was measured of a command.
pub(crate) struct Measured {
    pub(crate) verdicts: Vec<Verdict>,
    /// The most calls that watch, in any minute.
    pub(crate) watching: usize,
    /// The most other calls for each service, in any minute.
    pub(crate) others: usize,
}

/// One service's verdict.
pub(crate) struct Verdict {
    pub(crate) late: Duration,
    /// From the update to what it is about.
    pub(crate) elapsed: Duration,
}

/// Lets Evenkeel carry the command out.
pub(crate) async fn play(command: &Command) -> anyhow::Result<Measured> {
    let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_800_000_000)));
    let sandbox = Sandbox::starting_at(clock.now());
    furnished(&sandbox, command)?;
    let told = watch(&sandbox, clock, command).await?;
    // ECS may take a moment more to call a deployment stopped that is replaced.
    clock.sleep(Duration::from_secs(2)).await;

    let calls = sandbox.calls();
    let mut verdicts = Vec::new();
    for (name, course) in named(command) {
        let began = update(&calls, &name).context("the service was not updated")?;
        let truth = decided(&sandbox, &name, course).with_context(|| format!("{course:?}"))?;
        let verdict = told.get(&name).context("there was no verdict")?;
        verdicts.push(Verdict { late: verdict.since(truth), elapsed: truth.since(began) });
    }
    let began = calls.iter().position(|call| call.operation == "UpdateService").unwrap_or_default();
    let watching = ["DescribeServices", "DescribeServiceDeployments"];
    let others =
        ["ListServiceDeployments", "DescribeServiceRevisions", "ListTasks", "DescribeTasks", "GetLogEvents"];
    Ok(Measured {
        verdicts,
        watching: densest_minute(&calls[began..], &watching),
        others: densest_minute(&calls[began..], &others).div_ceil(command.services.len()),
    })
}

/// The services of a command, by name.
fn named(command: &Command) -> impl Iterator<Item = (String, &Course)> {
    command.services.iter().enumerate().map(|(at, course)| (format!("service-{at}"), course))
}

fn furnished(sandbox: &Sandbox, command: &Command) -> anyhow::Result<()> {
    let cluster = sandbox.call("CreateCluster", json!({ "clusterName": CLUSTER }));
    cluster.map_err(|error| anyhow!("CreateCluster: {error}"))?;
    for (name, course) in named(command) {
        furnish(sandbox, &name, course)?;
    }
    for operation in [
        "DescribeServices",
        "DescribeServiceDeployments",
        "DescribeServiceRevisions",
        "DescribeTaskDefinition",
        "DescribeTasks",
        "GetLogEvents",
        "ListServiceDeployments",
        "ListTasks",
        "RegisterTaskDefinition",
        "UpdateService",
    ] {
        let kind = FaultKind::Delay(LATENCY);
        sandbox.inject(Fault { operation: operation.to_owned(), nth: None, kind });
    }
    Ok(())
}

/// Lets Evenkeel deploy, and somebody intervene. When each service's verdict was in: where the rollback is Evenkeel's,
/// that is when the rollback began.
async fn watch(
    sandbox: &Sandbox,
    clock: Clock,
    command: &Command,
) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let mut told = BTreeMap::new();
    let mut listen = |progress: Progress<'_>| {
        if let Progress::RollingBack { service, .. } | Progress::Ended { service, .. } = progress {
            told.entry(service.to_owned()).or_insert_with(|| clock.now());
        }
        if let Progress::Started { service, .. } = progress
            && let Some((name, course)) = named(command).find(|(name, _)| name == service)
        {
            intervene(sandbox, clock, name, course);
        }
    };
    let services: Vec<String> = named(command).map(|(name, _)| name).collect();
    deploy_to(sandbox, clock, &services, TIMEOUT, &mut listen).await?;
    Ok(told)
}

/// When the service was updated first.
fn update(calls: &[Call], service: &str) -> Option<Timestamp> {
    let is_update = |call: &&Call| {
        call.operation == "UpdateService"
            && call.request["service"].as_str().is_some_and(|it| it.ends_with(service))
    };
    calls.iter().find(is_update).map(|call| call.at)
}

/// The most of these calls in any minute.
fn densest_minute(calls: &[Call], operations: &[&str]) -> usize {
    let mut minute = VecDeque::new();
    let mut most = 0;
    for call in calls.iter().filter(|call| operations.contains(&call.operation.as_str())) {
        minute.push_back(call.at);
        while minute.front().is_some_and(|first| call.at.since(*first) >= Duration::from_secs(60)) {
            minute.pop_front();
        }
        most = most.max(minute.len());
    }
    most
}
