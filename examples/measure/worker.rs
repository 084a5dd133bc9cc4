//! What a worker with a thousand jobs in flight costs, while ECS does not answer for a minute.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use evenkeel::artifact::output_artifact;
use evenkeel::clock::Clock;
use evenkeel::output::action_type_json;
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{
    Action, ActionArtifact, ActionStatus, Call, Fault, FaultKind, Rollout, RolloutOutcome, Sandbox,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::cost::cost_at;

/// How long a rollout takes at least: longer than to take up all the jobs, below ECS's limits, so that once all are in
/// flight, and ECS does not respond for a while.
const ROLLOUT: Duration = Duration::from_secs(170);

/// Within this time after that all rollouts end.
const SPREAD: Duration = Duration::from_secs(60);

/// What a worker may take with this many jobs, in bytes, also while ECS does not answer and calls pile up.
const MEMORY: u64 = 100_000_000;

/// How many calls a second may watch, of services and of service deployments together.
const WATCHING: f64 = 15.0;

/// How late a verdict may be, in seconds.
const LATE: f64 = 8.0;

/// How long ECS answers nothing once the jobs are in flight.
const HANGS: Duration = Duration::from_secs(60);

/// Lets a draining worker watch `jobs` rollouts to their ends, and prints what that took.
pub(crate) async fn measure(binary: &Path, jobs: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let sandbox = world(jobs)?;
    let server = sandbox.clone();
    tokio::spawn(async move { server.serve(listener).await });
    let hanging = tokio::spawn(hang(sandbox.clone(), jobs));

    let binary = binary.to_owned();
    let arguments = [
        "worker",
        "--drain",
        "--claims=s3://claims/evenkeel",
        "--log=error",
        &format!("--concurrency={jobs}"),
    ]
    .map(str::to_owned);
    let cost = tokio::task::spawn_blocking(move || cost_at(&url, &binary, &arguments)).await??;

    let executions = sandbox.actions();
    let state = |it: &String| sandbox.action(it).unwrap_or_default();
    let succeeded = executions.iter().filter(|it| state(it).status == ActionStatus::Succeeded).count();
    ensure!(succeeded == jobs, "only {succeeded} of {jobs} actions succeeded");
    ensure!(hanging.is_finished(), "ECS did not hang, since the jobs were never in flight at once");
    let calls = sandbox.calls();
    // A lost claim would be taken over, and its job answered a second time.
    let effects =
        |operation: &str| calls.iter().filter(|call| call.operation == operation && call.effect).count();
    let answers = effects("PutJobSuccessResult") + effects("PutJobFailureResult");
    let offered: usize = executions.iter().map(|it| state(it).jobs.len()).sum();
    ensure!(
        answers == offered && executions.iter().all(|it| state(it).terminal_results == 1),
        "{answers} answers to {offered} jobs"
    );
    let unanswered = calls.iter().filter(|call| call.status.is_none()).count();
    let watching =
        busiest(&calls, &["DescribeServices", "ListServiceDeployments", "DescribeServiceDeployments"]);
    let [median, latest] = lateness(&sandbox, &executions)?;
    println!(
        "{jobs} jobs, {} of them in flight at once: {:.1} MB at its peak, {:.1} s of processor time in {:.0} s; late \
         by {median:.1} s in the median, {latest:.1} s at most; in the busiest minute {watching:.1} calls a \
         second that watch; ECS hung for {} s, {unanswered} calls were not answered, and {offered} jobs were answered once each",
        in_flight(&calls),
        cost.memory as f64 / 1e6,
        cost.processor.as_secs_f64(),
        cost.wall.as_secs_f64(),
        HANGS.as_secs(),
    );
    ensure!(cost.memory <= MEMORY, "more than {MEMORY} bytes");
    ensure!(watching <= WATCHING, "more than {WATCHING} calls a second");
    ensure!(latest <= LATE, "later than {LATE} s");
    Ok(())
}

/// Lets ECS answer nothing for a while, once nearly all jobs are in flight.
async fn hang(sandbox: Sandbox, jobs: usize) {
    let clock = Clock::system();
    while in_flight(&sandbox.calls()) < jobs * 9 / 10 {
        clock.sleep(Duration::from_secs(1)).await;
    }
    for operation in
        ["DescribeServices", "DescribeServiceDeployments", "ListServiceDeployments", "DescribeTaskDefinition"]
    {
        let operation = operation.to_owned();
        sandbox.inject(Fault { operation, nth: None, kind: FaultKind::HangBefore });
    }
    clock.sleep(HANGS).await;
    sandbox.clear_faults();
}

/// An AWS with so many services, on each of which the revision is being rolled out that a job asks for.
fn world(services: usize) -> anyhow::Result<Sandbox> {
    let sandbox = Sandbox::new();
    for member in ["futureMember", "containerDefinitions[].futureMember"] {
        sandbox.declare_member(member);
    }
    let call = |operation: &str, request: Value| {
        sandbox.call(operation, request).map_err(|error| anyhow!("{operation}: {error}"))
    };
    sandbox.create_bucket("artifacts", false);
    sandbox.create_bucket("claims", false);
    let images = json!([{ "name": "app", "imageUri": image(2) }]).to_string();
    let built = output_artifact(&[("imagedefinitions.json", images.into_bytes())])?;
    sandbox.put_object("artifacts", "build", built);
    let definition = ActionType::default().definition(None)?;
    sandbox
        .create_action_type(action_type_json(&definition))
        .map_err(|error| anyhow!("CreateCustomActionType: {error}"))?;
    call("CreateCluster", json!({ "clusterName": "prod" }))?;
    for service in (0..services).map(|at| format!("service-{at}")) {
        let target = json!({ "cluster": "prod", "service": service });
        call("RegisterTaskDefinition", task_definition(&service, 1)?)?;
        let first = json!({
            "cluster": "prod", "serviceName": service, "taskDefinition": service, "desiredCount": 2,
        });
        call("CreateService", first)?;
        call("RegisterTaskDefinition", task_definition(&service, 2)?)?;
        let duration = ROLLOUT + SPREAD.mul_f64(fastrand::f64());
        sandbox.set_rollout("prod", &service, Rollout { outcome: RolloutOutcome::Ok, duration });
        call("UpdateService", with(target, "taskDefinition", json!(service)))?;
        let configuration = [("ClusterName", "prod"), ("ServiceName", &service)];
        let action = Action {
            configuration: configuration.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            input: Some(ActionArtifact::new("Build", "artifacts", "build")),
            ..Action::default()
        };
        sandbox.start_action(action).map_err(|error| anyhow!("the action of {service}: {error}"))?;
    }
    Ok(sandbox)
}

fn task_definition(family: &str, version: usize) -> anyhow::Result<Value> {
    let mut definition: Value = serde_json::from_str(include_str!("../../tests/emulators/definition.json"))?;
    definition["containerDefinitions"][0]["image"] = json!(image(version));
    Ok(with(definition, "family", json!(family)))
}

fn with(mut document: Value, name: &str, value: Value) -> Value {
    document[name] = value;
    document
}

fn image(version: usize) -> String {
    format!("registry.example.com:5000/shop/app:{version}")
}

/// How late the results came after ECS had completed the rollouts, in seconds: in the median and at most.
fn lateness(sandbox: &Sandbox, executions: &[String]) -> anyhow::Result<[f64; 2]> {
    let mut late = Vec::new();
    for (at, execution) in executions.iter().enumerate() {
        let ended =
            sandbox.action(execution).and_then(|state| state.ended).context("an action is not over")?;
        let request = json!({ "cluster": "prod", "service": format!("service-{at}") });
        let listed = sandbox.call("ListServiceDeployments", request).map_err(|error| anyhow!("{error}"))?;
        let deployments = listed["serviceDeployments"].as_array().context("no service deployments")?;
        let finished = deployments.iter().filter_map(|deployment| deployment["finishedAt"].as_f64());
        let completed = finished.max_by(f64::total_cmp).context("a rollout has not ended")?;
        late.push(ended.since_epoch().as_secs_f64() - completed);
    }
    late.sort_by(f64::total_cmp);
    Ok([late[late.len() / 2], late[late.len() - 1]])
}

/// How many jobs at most were acknowledged and not yet answered.
fn in_flight(calls: &[Call]) -> usize {
    let mut now = 0_usize;
    let mut most = 0;
    for call in calls.iter().filter(|call| call.effect) {
        match call.operation.as_str() {
            "AcknowledgeJob" => now += 1,
            "PutJobSuccessResult" | "PutJobFailureResult" => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// The most calls of these operations in a second, on the average of a minute.
fn busiest(calls: &[Call], operations: &[&str]) -> f64 {
    let minute = Duration::from_secs(60);
    let calls = calls.iter().filter(|call| operations.contains(&call.operation.as_str()));
    let times: Vec<_> = calls.map(|call| call.at).collect();
    let within_a_minute =
        |(at, first): (usize, &_)| times[at..].iter().take_while(|time| time.since(*first) <= minute).count();
    times.iter().enumerate().map(within_a_minute).max().unwrap_or_default() as f64 / minute.as_secs_f64()
}
