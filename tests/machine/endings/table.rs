//! The stories.

use std::time::Duration;

use evenkeel_core::deployment::Outcome;
use evenkeel_core::request::{DeployRequest, OnFailure};
use evenkeel_sandbox::{FaultKind, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use super::{Story, story};
use crate::world::{CLUSTER, SERVICE, rival_deploys};

/// Every story.
pub(super) fn stories() -> Vec<Story> {
    [rolling(), guarded(), staged(), with_rivals(), stale()].into_iter().flatten().collect()
}

fn leave(request: &mut DeployRequest) {
    request.policy.on_failure = OnFailure::Leave;
}

fn impatient(request: &mut DeployRequest) {
    request.policy.timeout = Duration::from_secs(300);
}

/// Somebody puts the service on the revision that it ran before.
fn goes_back(sandbox: &Sandbox) {
    let back = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:1" });
    sandbox.call("UpdateService", back).unwrap();
}

/// Somebody rolls the deployment back, as by the console's button.
fn rolls_back(sandbox: &Sandbox) {
    sandbox.call("StopServiceDeployment", json!({ "serviceDeploymentArn": current(sandbox) })).unwrap();
}

/// Somebody scales the service to nothing.
fn scales_to_zero(sandbox: &Sandbox) {
    let zero = json!({ "cluster": CLUSTER, "service": SERVICE, "desiredCount": 0 });
    sandbox.call("UpdateService", zero).unwrap();
}

fn current(sandbox: &Sandbox) -> Value {
    let service = json!({ "cluster": CLUSTER, "services": [SERVICE] });
    sandbox.call("DescribeServices", service).unwrap()["services"][0]["currentServiceDeployment"].clone()
}

fn pause(stage: &str) -> Value {
    let timeout = json!({ "timeoutInMinutes": 1440, "action": "ROLLBACK" });
    json!([{ "targetType": "PAUSE", "lifecycleStages": [stage], "timeoutConfiguration": timeout }])
}

/// Rolling updates, by what becomes of their tasks.
fn rolling() -> Vec<Story> {
    use Outcome::{Deployed, Failed, TimedOut};
    use RolloutOutcome as R;
    vec![
        story("all goes well", R::Ok),
        story("all goes well, slowly", R::Ok).lasting(1_500),
        story("all goes well, and nothing else may be read", R::Ok)
            .classic()
            .denied("ListTasks")
            .denied("DescribeServiceRevisions"),
        story("behind a Classic Load Balancer ECS reports no rollout state", R::Ok)
            .with(
                "loadBalancers",
                json!([{ "loadBalancerName": "elb", "containerName": "app", "containerPort": 80 }]),
            )
            .classic(),
        story("one task fails to start, and then all goes well", R::Flaky),
        story("no task can be placed for four minutes, and then all goes well", R::PlacedLate).lasting(480),
        story("old tasks still run when ECS calls it a success", R::Ok)
            .configured("earlySuccessCriteria", json!({ "enable": true, "healthyPercent": 100 }))
            .warns("2 of 2 tasks run, and 2 former ones; ECS finishes in the background"),
        story("half of the tasks run when ECS calls it a success", R::Ok)
            .configured(
                "earlySuccessCriteria",
                json!({ "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED" }),
            )
            .lasting(600)
            .warns("1 of 2 tasks run, and 2 former ones; ECS finishes in the background"),
        story("tasks crash", R::Crash)
            .rolled_back_by_evenkeel()
            .says("3 tasks failed in a row and none runs (the limit is 3); the service is back on web:1")
            .says("Essential container in task exited (app exited with 1)"),
        story("tasks crash, and the service is to be left", R::Crash)
            .asking(leave)
            .ends(Failed, "web:2")
            .says("the service was left as it is"),
        story("tasks crash, and one is enough", R::Crash)
            .asking(|request| request.policy.max_task_failures = Some(1))
            .rolled_back_by_evenkeel()
            .says("1 tasks failed in a row"),
        story("tasks crash, and ECS may not be asked to go back", R::Crash)
            .denied("StopServiceDeployment")
            .rolled_back_by_evenkeel()
            .says("the service is back on web:1")
            .deploy_warns("StopServiceDeployment"),
        story("tasks crash, and only the service may be read", R::Crash)
            .classic()
            .denied("ListTasks")
            .rolled_back_by_evenkeel()
            .says("3 tasks failed in a row"),
        story("tasks run for a moment and exit", R::CrashAfterStart)
            .rolled_back_by_evenkeel()
            .says("tasks started and stopped again, and none stayed")
            .says("app exited with 1"),
        story("tasks run for a moment and exit, which the circuit breaker does not see", R::CrashAfterStart)
            .breaker(true)
            .rolled_back_by_evenkeel()
            .says("tasks started and stopped again, and none stayed"),
        story("tasks run for a moment and exit, and may not be read", R::CrashAfterStart)
            .denied("ListTasks")
            .asking(impatient)
            .ends(TimedOut, "web:1")
            .says("did not end within 300 s")
            .warns("tasks cannot be read"),
        story("tasks want too much memory", R::OutOfMemory)
            .rolled_back_by_evenkeel()
            .says("app was killed (137): OutOfMemoryError"),
        story("a side-car exits, and ECS kills the application", R::SidecarExits)
            .rolled_back_by_evenkeel()
            .says("(proxy exited with 255; app was killed (137))"),
        story("tasks exit with 0, as they are made to", R::ShortJobs),
        story("tasks crash for ever, and that is left to ECS", R::CrashAfterStart)
            .asking(|request| {
                request.policy.max_task_failures = Some(0);
                request.policy.timeout = Duration::from_secs(300);
            })
            .ends(TimedOut, "web:1")
            .says("did not end within 300 s"),
        story("the image is not there, at the pace of Fargate", R::ImageMissing)
            .lasting(660)
            .rolled_back_by_evenkeel()
            .says("the image cannot be pulled: CannotPullContainerError")
            .says("not found"),
        story("old tasks drain for 300 s", R::Ok).draining(300),
        story("one instance with a fixed port has room after 350 s", R::HostPort)
            .with("desiredCount", json!(1))
            .configured("minimumHealthyPercent", json!(0))
            .configured("maximumPercent", json!(100))
            .lasting(300)
            .draining(300),
        story("the same, and tasks may not be read", R::HostPort)
            .with("desiredCount", json!(1))
            .configured("minimumHealthyPercent", json!(0))
            .lasting(300)
            .draining(300)
            .denied("ListTasks")
            .warns("ECS's events tell when former ones have left"),
        story("capacity comes after eight minutes, while old tasks run", R::PlacedLate).lasting(960),
        story("no task may be replaced", R::Ok)
            .configured("minimumHealthyPercent", json!(100))
            .configured("maximumPercent", json!(100))
            .asking(impatient)
            .ends(TimedOut, "web:1")
            .says("0 of 2 tasks run; with minimumHealthyPercent 100 and maximumPercent 100 of 2 tasks ECS may neither")
            .deploy_warns("the rollout of service web will not end"),
        story("the image cannot be pulled", R::CannotPull)
            .rolled_back_by_evenkeel()
            .says("CannotPullContainerError")
            .says("not found"),
        story("a secret cannot be had", R::NoSecret)
            .rolled_back_by_evenkeel()
            .says("ResourceInitializationError"),
        story("tasks fail their health checks", R::Unhealthy)
            .rolled_back_by_evenkeel()
            .says("Task failed ELB health checks")
            .says("Health checks failed with these codes: [502]"),
        story("no task can be placed", R::Unplaceable)
            .rolled_back_by_evenkeel()
            .says("no task could be placed for")
            .says("unable to place a task"),
        story("tasks never start", R::Stuck).ends(TimedOut, "web:1").says("did not end within 1800 s"),
        story("tasks never start, and the service is to be left", R::Stuck)
            .asking(leave)
            .ends(TimedOut, "web:2")
            .says("left as it is"),
        story("nothing is waited for", R::Crash)
            .asking(|request| request.policy.no_wait = true)
            .ends(Outcome::Started, "web:2")
            .deploy_only(),
        story("no task is wanted", R::Crash)
            .with("desiredCount", json!(0))
            .ends(Deployed, "web:2")
            .deploy_warns("desired count of 0")
            .over_at_once(),
        story("a daemon on every instance", R::Ok)
            .with("schedulingStrategy", json!("DAEMON"))
            .with("desiredCount", json!(null))
            .over_at_once(),
    ]
}

/// ECS itself ends it: by its circuit breaker or an alarm.
fn guarded() -> Vec<Story> {
    use Outcome::RolledBack;
    use RolloutOutcome as R;
    vec![
        story("the circuit breaker goes back", R::Crash)
            .breaker(true)
            .ends(RolledBack, "web:1")
            .says("circuit breaker")
            .says("app exited with 1"),
        story("the circuit breaker goes back, seen in the service alone", R::Crash)
            .breaker(true)
            .classic()
            .ends(RolledBack, "web:1")
            .says("deployment failed: tasks failed to start"),
        story("the circuit breaker stops, and going back is ours", R::Crash)
            .breaker(false)
            .rolled_back_by_evenkeel()
            .says("tasks failed to start")
            .says("the service is back on web:1"),
        story("the circuit breaker stops, and the service is to be left", R::CannotPull)
            .breaker(false)
            .asking(leave)
            .ends(Outcome::Failed, "web:2")
            .says("CannotPullContainerError"),
        story("the circuit breaker stops, seen in the service alone", R::Unhealthy)
            .breaker(false)
            .classic()
            .rolled_back_by_evenkeel()
            .says("ELB health checks"),
        story("an alarm goes back", R::Alarm)
            .alarms(true)
            .ends(RolledBack, "web:1")
            .says("in ALARM: web-5xx"),
        story("an alarm goes back, seen in the service alone", R::Alarm)
            .alarms(true)
            .classic()
            .ends(RolledBack, "web:1")
            .says("alarm"),
        story("an alarm stops, and going back is ours", R::Alarm)
            .alarms(false)
            .rolled_back_by_evenkeel()
            .says("in ALARM: web-5xx")
            .says("the service is back on web:1"),
        story("no alarm goes off in the bake time", R::Ok).alarms(true),
        story("the image is not there, and the circuit breaker would take eleven minutes", R::ImageMissing)
            .breaker(true)
            .lasting(660)
            .rolled_back_by_evenkeel()
            .says("the image cannot be pulled: CannotPullContainerError"),
        story("the rollback fails as well", R::CrashTwice)
            .breaker(true)
            .ends(Outcome::Failed, "web:1")
            .says("deployment failed: tasks failed to start"),
        story("the rollback fails as well, seen in the service alone", R::CrashTwice)
            .breaker(true)
            .classic()
            .ends(Outcome::Failed, "web:1")
            .says("the rollback to web:1 failed as well: ECS deployment circuit breaker"),
    ]
}

/// Traffic is shifted in stages.
fn staged() -> Vec<Story> {
    use Outcome::{RolledBack, TimedOut};
    use RolloutOutcome as R;
    vec![
        story("blue/green goes well", R::Ok).staged("BLUE_GREEN"),
        story("blue/green goes well, seen in the service alone", R::Ok).staged("BLUE_GREEN").classic(),
        story("linear goes well", R::Ok).staged("LINEAR").asking(|request| {
            request.policy.timeout = Duration::from_secs(3 * 3600);
        }),
        story("canary goes well", R::Ok).staged("CANARY"),
        story("blue/green crashes", R::Crash)
            .staged("BLUE_GREEN")
            .rolled_back_by_evenkeel()
            .says("3 tasks failed in a row"),
        story("blue/green crashes, and the circuit breaker goes back", R::Crash)
            .staged("BLUE_GREEN")
            .breaker(true)
            .ends(RolledBack, "web:1")
            .says("circuit breaker"),
        story("an alarm in the bake time of blue/green", R::Alarm)
            .staged("BLUE_GREEN")
            .alarms(true)
            .ends(RolledBack, "web:1")
            .says("in ALARM: web-5xx"),
        story("a pause hook that nobody continues", R::Ok)
            .staged("BLUE_GREEN")
            .configured("lifecycleHooks", pause("POST_TEST_TRAFFIC_SHIFT"))
            .ends(TimedOut, "web:1")
            .says("waits at a pause hook until")
            .says("aws ecs continue-service-deployment --service-deployment-arn arn:aws:ecs:"),
    ]
}

/// Somebody else acts meanwhile.
fn with_rivals() -> Vec<Story> {
    use Outcome::{RolledBack, Superseded};
    use RolloutOutcome as R;
    let rival = |sandbox: &Sandbox| rival_deploys(sandbox, "1024");
    vec![
        story("another deployment takes its place", R::Superseded)
            .ends(Superseded, "web:3")
            .says("of web:3 took its place"),
        story("somebody forces a new deployment of our revision", R::ForcedAgain)
            .ends(Outcome::Deployed, "web:2"),
        story("another deployment takes its place, seen in the service alone", R::Superseded)
            .classic()
            .ends(Superseded, "web:3")
            .says("of web:3 took its place"),
        story("another deployment takes the place of one that crashes", R::Crash)
            .rival("DescribeServices", 3, rival)
            .ends(Superseded, "web:3")
            .says("took its place"),
        story("a rival comes when going back begins", R::Crash)
            .rival("ListTasks", 1, rival)
            .ends(Superseded, "web:3")
            .says("took its place")
            .deploy_only(),
        story("somebody puts the old revision back", R::Ok)
            .rival("DescribeServices", 4, goes_back)
            .ends(Superseded, "web:1")
            .says("of web:1 took its place"),
        story("somebody presses the console's button to roll back", R::Ok)
            .rival("DescribeServices", 4, rolls_back)
            .ends(RolledBack, "web:1")
            .says("user request"),
        story("somebody scales the service to nothing", R::Ok)
            .rival("DescribeServices", 4, scales_to_zero)
            .ends(Outcome::Deployed, "web:2")
            .warns("service web was scaled to 0: no task runs, so nothing is proven"),
    ]
}

/// What is read is old, or empty.
fn stale() -> Vec<Story> {
    use Outcome::{RolledBack, Superseded};
    use RolloutOutcome as R;
    vec![
        story("reads lag by twenty seconds", R::Ok).lagging(20),
        story("reads lag by two minutes", R::Ok).lagging(120),
        story("reads lag, and tasks crash", R::Crash)
            .lagging(30)
            .rolled_back_by_evenkeel()
            .says("back on web:1"),
        story("reads lag, and the circuit breaker goes back", R::Crash)
            .breaker(true)
            .lagging(30)
            .ends(RolledBack, "web:1")
            .says("circuit breaker"),
        story("reads of the service alone lag, and the circuit breaker goes back", R::Crash)
            .breaker(true)
            .classic()
            .lagging(30)
            .ends(RolledBack, "web:1"),
        story("reads lag, and another deployment takes its place", R::Superseded)
            .lagging(30)
            .ends(Superseded, "web:3"),
        story("an emulator lists no service deployments", R::Ok)
            .fault("ListServiceDeployments", FaultKind::Empty)
            .fault("DescribeServiceDeployments", FaultKind::Empty),
        story("an emulator lists no service deployments, and tasks crash", R::Crash)
            .fault("ListServiceDeployments", FaultKind::Empty)
            .fault("DescribeServiceDeployments", FaultKind::Empty)
            .rolled_back_by_evenkeel()
            .says("tasks failed in a row"),
        story("an emulator knows nothing of service deployments", R::Ok)
            .fault("ListServiceDeployments", FaultKind::Unsupported)
            .fault("DescribeServiceDeployments", FaultKind::Unsupported)
            .warns("UnknownOperation"),
    ]
}
