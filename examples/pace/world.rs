//! Services on the embedded AWS whose rollouts have a drawn shape, and when ECS decided each.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use evenkeel::aws::{Connection, connect};
use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::{Interrupt, Listener, Polling, Report, World, deploy};
use evenkeel::record::FileStore;
use evenkeel_core::image::{ImageReference, Images};
use evenkeel_core::one_off::{ExecutionId, Steps};
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::{ClusterName, DeployRequest, Policy, ServiceName};
use evenkeel_core::variables::VariableChanges;
use evenkeel_sandbox::{Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use super::shape::{Course, Intervention};

pub(crate) const CLUSTER: &str = "prod";

/// Creates a service whose rollouts go as `course` says.
pub(crate) fn furnish(sandbox: &Sandbox, name: &str, course: &Course) -> anyhow::Result<()> {
    let call = |operation: &str, request: Value| {
        sandbox.call(operation, request).map_err(|error| anyhow!("{operation}: {error}"))
    };
    let container = json!({ "name": "app", "image": "web:1", "memory": 128 });
    call("RegisterTaskDefinition", json!({ "family": name, "containerDefinitions": [container] }))?;
    let mut service = json!({
        "cluster": CLUSTER, "serviceName": name, "taskDefinition": name, "desiredCount": course.desired,
        "deploymentConfiguration": course.configuration,
    });
    if course.configuration["strategy"].is_string() {
        service["loadBalancers"] = json!([balancer(name)]);
    }
    call("CreateService", service)?;
    sandbox.set_rollout(CLUSTER, name, Rollout { outcome: course.outcome, duration: course.failing });
    sandbox.set_shape(CLUSTER, name, course.shape);
    Ok(())
}

/// Deploys a new image to these services, with a client of its own, as a process has.
pub(crate) async fn deploy_to(
    sandbox: &Sandbox,
    clock: Clock,
    services: &[String],
    timeout: Duration,
    listen: &mut Listener<'_>,
) -> anyhow::Result<Report> {
    let connection = Connection { clock, embedded: Some(sandbox.http_client()), ..Connection::default() };
    let ecs = connect(&connection).await?;
    let (_interrupter, interrupt) = Interrupt::new();
    let records: Vec<&[FileStore]> = Vec::new();
    let source = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
    let world = World {
        ecs: &ecs,
        records,
        clock,
        polling: Polling::default(),
        interrupt,
        source: &source,
        execution: ExecutionId::new("test"),
    };
    let mut images = Images::default();
    images.insert("app", ImageReference::parse("web:2")?)?;
    let services = services.iter().map(|name| ServiceName::parse(name));
    let request = DeployRequest {
        cluster: ClusterName::parse(CLUSTER)?,
        services: services.collect::<Result<_, _>>()?,
        images,
        policy: Policy { timeout, ..Policy::default() },
        steps: Steps::default(),
        variables: VariableChanges::default(),
        also: Vec::new(),
    };
    Ok(deploy(&world, &request, listen).await)
}

fn balancer(name: &str) -> Value {
    let arn = |resource: &str| format!("arn:aws:elasticloadbalancing:eu-west-1:123456789012:{resource}");
    json!({
        "targetGroupArn": arn(&format!("targetgroup/{name}-blue/6d0ecf831eec9f09")),
        "containerName": "app",
        "containerPort": 8080,
        "advancedConfiguration": {
            "alternateTargetGroupArn": arn(&format!("targetgroup/{name}-green/7e1fd0942ffd0a10")),
            "productionListenerRule": arn("listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"),
            "roleArn": "arn:aws:iam::123456789012:role/ecsInfrastructureRole",
        },
    })
}

/// Lets somebody do what is to be done to the service, when it is time.
pub(crate) fn intervene(sandbox: &Sandbox, clock: Clock, name: String, course: &Course) {
    let Some((after, what)) = course.intervention else { return };
    let sandbox = sandbox.clone();
    tokio::spawn(async move {
        clock.sleep(after).await;
        let target = json!({ "cluster": CLUSTER, "service": name });
        match what {
            Intervention::RaiseAlarm => sandbox.raise_alarm(CLUSTER, &name),
            Intervention::Stop => {
                if let Some(arn) = ours(&sandbox, &name)
                    .and_then(|ours| Some(ours["serviceDeploymentArn"].as_str()?.to_owned()))
                {
                    let stop = json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" });
                    drop(sandbox.call("StopServiceDeployment", stop));
                }
            }
            Intervention::Replace => {
                let container = json!({ "name": "app", "image": "web:3", "memory": 128 });
                let definition = json!({ "family": name, "containerDefinitions": [container] });
                drop(sandbox.call("RegisterTaskDefinition", definition));
                let mut update = target;
                update["taskDefinition"] = json!(name);
                drop(sandbox.call("UpdateService", update));
            }
        }
    });
}

/// When ECS decided the rollout: when our service deployment ended, or where nothing ends it, when the last task failed
/// that is allowed to.
pub(crate) fn decided(sandbox: &Sandbox, service: &str, course: &Course) -> anyhow::Result<Timestamp> {
    let has_breaker = course.configuration["deploymentCircuitBreaker"]["enable"] == true;
    if course.outcome != RolloutOutcome::Ok && !has_breaker {
        return third_failure(sandbox, service)?.context("fewer than three tasks have failed");
    }
    let ours = ours(sandbox, service).context("there is no service deployment")?;
    time(&ours["finishedAt"]).context("the rollout has not ended")
}

/// The service deployment of the command: the second one, after that of the service's creation.
fn ours(sandbox: &Sandbox, service: &str) -> Option<Value> {
    let request = json!({ "cluster": CLUSTER, "service": service });
    let listed = sandbox.call("ListServiceDeployments", request).ok()?;
    let mut deployments = listed["serviceDeployments"].as_array()?.clone();
    deployments.sort_by_key(|deployment| time(&deployment["createdAt"]));
    deployments.into_iter().nth(1)
}

/// When the third task stopped by a fault of its own.
fn third_failure(sandbox: &Sandbox, service: &str) -> anyhow::Result<Option<Timestamp>> {
    let call = |operation: &str, request: Value| {
        sandbox.call(operation, request).map_err(|error| anyhow!("{operation}: {error}"))
    };
    let stopped = json!({ "cluster": CLUSTER, "serviceName": service, "desiredStatus": "STOPPED" });
    let listed = call("ListTasks", stopped)?;
    let described = call("DescribeTasks", json!({ "cluster": CLUSTER, "tasks": listed["taskArns"] }))?;
    let tasks = described["tasks"].as_array().context("no tasks")?;
    let failed = tasks.iter().filter(|task| {
        let is_scaling =
            task["stoppedReason"].as_str().is_some_and(|reason| reason.starts_with("Scaling activity"));
        !is_scaling
    });
    let mut times: Vec<Timestamp> = failed.filter_map(|task| time(&task["stoppedAt"])).collect();
    times.sort();
    Ok(times.get(2).copied())
}

fn time(value: &Value) -> Option<Timestamp> {
    Some(Timestamp::from_unix(Duration::from_secs_f64(value.as_f64()?)))
}
