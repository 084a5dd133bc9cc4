//! Every way a rollout ends: what is done about it, and what its user is told.
//!
//! A story is a service, how its rollout goes, what may not be read and who else acts; its ending is
//! the outcome, the revision that is live then, the exit status, CodePipeline's failure type and the
//! essential words of the message.

use std::time::Duration;

use evenkeel_core::deployment::Outcome;
use evenkeel_core::job::Answer;
use evenkeel_core::request::{DeployRequest, OnFailure};
use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome, Sandbox};
use serde_json::{Value, json};

use crate::world::{
    Account, CLUSTER, SERVICE, definition, ended, ending, message, request, rival_deploys, say,
};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

/// A service's deployment, from before it begins to what is told of it.
struct Story {
    name: &'static str,
    service: Value,
    configuration: Value,
    outcome: RolloutOutcome,
    seconds: u64,
    asks: fn(&mut DeployRequest),
    faults: Vec<Fault>,
    lag: Duration,
    /// How long tasks take to leave their load balancer.
    leaving: Duration,
    rival: Option<Rival>,
    ends: (Outcome, &'static str),
    says: Vec<&'static str>,
    warns: Vec<&'static str>,
}

/// What somebody does right after a call of an operation.
struct Rival {
    operation: &'static str,
    nth: usize,
    acts: fn(&Sandbox),
}

fn story(name: &'static str, outcome: RolloutOutcome) -> Story {
    Story {
        name,
        service: json!({}),
        configuration: json!({}),
        outcome,
        seconds: 60,
        asks: |_| {},
        faults: Vec::new(),
        lag: Duration::ZERO,
        leaving: Duration::ZERO,
        rival: None,
        ends: (Outcome::Deployed, "web:2"),
        says: Vec::new(),
        warns: Vec::new(),
    }
}

impl Story {
    fn with(mut self, member: &str, value: Value) -> Self {
        self.service[member] = value;
        self
    }

    fn configured(mut self, member: &str, value: Value) -> Self {
        self.configuration[member] = value;
        self
    }

    fn breaker(self, rollback: bool) -> Self {
        self.configured("deploymentCircuitBreaker", json!({ "enable": true, "rollback": rollback }))
    }

    fn alarms(self, rollback: bool) -> Self {
        let alarms = json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": rollback });
        self.configured("alarms", alarms).configured("bakeTimeInMinutes", json!(3))
    }

    fn staged(self, strategy: &str) -> Self {
        self.configured("strategy", json!(strategy)).configured("bakeTimeInMinutes", json!(2))
    }

    fn lasting(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    fn asking(self, asks: fn(&mut DeployRequest)) -> Self {
        Self { asks, ..self }
    }

    fn fault(mut self, operation: &str, kind: FaultKind) -> Self {
        self.faults.push(Fault { operation: operation.to_owned(), nth: None, kind });
        self
    }

    fn denied(self, operation: &str) -> Self {
        self.fault(operation, FaultKind::Denied)
    }

    /// Service deployments may not be read.
    fn classic(self) -> Self {
        self.denied("DescribeServiceDeployments").denied("ListServiceDeployments").warns("AccessDenied")
    }

    fn lagging(self, seconds: u64) -> Self {
        Self { lag: Duration::from_secs(seconds), ..self }
    }

    fn draining(self, seconds: u64) -> Self {
        Self { leaving: Duration::from_secs(seconds), ..self }
    }

    fn rival(self, operation: &'static str, nth: usize, acts: fn(&Sandbox)) -> Self {
        Self { rival: Some(Rival { operation, nth, acts }), ..self }
    }

    fn ends(self, outcome: Outcome, live: &'static str) -> Self {
        Self { ends: (outcome, live), ..self }
    }

    fn says(mut self, words: &'static str) -> Self {
        self.says.push(words);
        self
    }

    fn warns(mut self, words: &'static str) -> Self {
        self.warns.push(words);
        self
    }

    async fn play(self) -> Result<(), String> {
        let Self { name, outcome, .. } = self;
        let account = Account::empty();
        account.call("RegisterTaskDefinition", definition());
        let mut service = self.service;
        service["deploymentConfiguration"] = self.configuration;
        account.create_service(SERVICE, "web", service);
        let duration = Duration::from_secs(self.seconds);
        account.sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome, duration });
        for fault in self.faults {
            account.sandbox.inject(fault);
        }
        account.sandbox.set_read_lag(self.lag);
        account.sandbox.set_deregistration_delay(CLUSTER, SERVICE, self.leaving);
        if let Some(Rival { operation, nth, acts }) = self.rival {
            account.sandbox.after_call(operation, nth, acts);
        }
        let mut request = request(&[NEW]);
        (self.asks)(&mut request);
        let report = account.run(&request).await;

        let (expected, live) = self.ends;
        let (status, kind) = told(expected);
        let message = message(&report);
        let answered = report.first_failure().map(|failure| match Answer::fail(failure, "") {
            Answer::Fail { kind, .. } => kind.as_str(),
            other @ (Answer::HandOn { .. } | Answer::Succeed { .. }) => panic!("{other:?}"),
        });
        let (is, is_live) = (ending(&report), account.live(SERVICE));
        let mut wrong = Vec::new();
        if (&is, answered) != (&ended(expected, live, status), kind) {
            wrong.push(format!("it ended as {is:?}, {answered:?}"));
        }
        if is_live != live {
            wrong.push(format!("{is_live} is live"));
        }
        let missing = self.says.into_iter().filter(|words| !message.contains(words));
        wrong.extend(missing.map(|words| format!("it does not say {words:?}")));
        let warned = |words: &&str| report.warnings.iter().any(|warning| warning.contains(words));
        let missing = self.warns.into_iter().filter(|words| !warned(words));
        wrong.extend(missing.map(|words| format!("it does not warn of {words:?}: {:?}", report.warnings)));
        if account.effects("RegisterTaskDefinition") != 1 {
            wrong.push("it registered several revisions".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("{name}: {}: {message}", wrong.join("; "))) }
    }
}

/// The exit status, and CodePipeline's failure type.
fn told(outcome: Outcome) -> (u8, Option<&'static str>) {
    match outcome {
        Outcome::Unchanged | Outcome::Started | Outcome::Deployed => (0, None),
        Outcome::RolledBack | Outcome::Failed | Outcome::Stopped => (1, Some("JobFailed")),
        Outcome::Superseded => (6, Some("RevisionOutOfSync")),
        Outcome::TimedOut => (7, Some("JobFailed")),
    }
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
    use Outcome::{Deployed, Failed, RolledBack, TimedOut};
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
            .ends(RolledBack, "web:1")
            .says("3 tasks failed in a row and none runs (the limit is 3); the service is back on web:1")
            .says("Essential container in task exited (app exited with 1)"),
        story("tasks crash, and the service is to be left", R::Crash)
            .asking(leave)
            .ends(Failed, "web:2")
            .says("the service was left as it is"),
        story("tasks crash, and one is enough", R::Crash)
            .asking(|request| request.policy.max_task_failures = Some(1))
            .ends(RolledBack, "web:1")
            .says("1 tasks failed in a row"),
        story("tasks crash, and ECS may not be asked to go back", R::Crash)
            .denied("StopServiceDeployment")
            .ends(RolledBack, "web:1")
            .says("the service is back on web:1")
            .warns("StopServiceDeployment"),
        story("tasks crash, and only the service may be read", R::Crash)
            .classic()
            .denied("ListTasks")
            .ends(RolledBack, "web:1")
            .says("3 tasks failed in a row"),
        story("tasks run for a moment and exit", R::CrashAfterStart)
            .ends(RolledBack, "web:1")
            .says("tasks started and stopped again, and none stayed")
            .says("app exited with 1"),
        story("tasks run for a moment and exit, which the circuit breaker does not see", R::CrashAfterStart)
            .breaker(true)
            .ends(RolledBack, "web:1")
            .says("tasks started and stopped again, and none stayed"),
        story("tasks run for a moment and exit, and may not be read", R::CrashAfterStart)
            .denied("ListTasks")
            .asking(impatient)
            .ends(TimedOut, "web:1")
            .says("did not end within 300 s")
            .warns("tasks cannot be read"),
        story("tasks want too much memory", R::OutOfMemory)
            .ends(RolledBack, "web:1")
            .says("app was killed (137): OutOfMemoryError"),
        story("a side-car exits, and ECS kills the application", R::SidecarExits)
            .ends(RolledBack, "web:1")
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
            .ends(RolledBack, "web:1")
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
            .warns("the rollout of service web will not end"),
        story("the image cannot be pulled", R::CannotPull)
            .ends(RolledBack, "web:1")
            .says("CannotPullContainerError")
            .says("not found"),
        story("a secret cannot be had", R::NoSecret)
            .ends(RolledBack, "web:1")
            .says("ResourceInitializationError"),
        story("tasks fail their health checks", R::Unhealthy)
            .ends(RolledBack, "web:1")
            .says("Task failed ELB health checks")
            .says("Health checks failed with these codes: [502]"),
        story("no task can be placed", R::Unplaceable)
            .ends(RolledBack, "web:1")
            .says("no task could be placed for")
            .says("unable to place a task"),
        story("tasks never start", R::Stuck).ends(TimedOut, "web:1").says("did not end within 1800 s"),
        story("tasks never start, and the service is to be left", R::Stuck)
            .asking(leave)
            .ends(TimedOut, "web:2")
            .says("left as it is"),
        story("nothing is waited for", R::Crash)
            .asking(|request| request.policy.no_wait = true)
            .ends(Outcome::Started, "web:2"),
        story("no task is wanted", R::Crash)
            .with("desiredCount", json!(0))
            .ends(Deployed, "web:2")
            .warns("desired count of 0"),
        story("a daemon on every instance", R::Ok)
            .with("schedulingStrategy", json!("DAEMON"))
            .with("desiredCount", json!(null)),
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
            .ends(RolledBack, "web:1")
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
            .ends(RolledBack, "web:1")
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
            .ends(RolledBack, "web:1")
            .says("in ALARM: web-5xx")
            .says("the service is back on web:1"),
        story("no alarm goes off in the bake time", R::Ok).alarms(true),
        story("the image is not there, and the circuit breaker would take eleven minutes", R::ImageMissing)
            .breaker(true)
            .lasting(660)
            .ends(RolledBack, "web:1")
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
            .ends(RolledBack, "web:1")
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
            .says("took its place"),
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
            .ends(RolledBack, "web:1")
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
            .ends(RolledBack, "web:1")
            .says("tasks failed in a row"),
        story("an emulator knows nothing of service deployments", R::Ok)
            .fault("ListServiceDeployments", FaultKind::Unsupported)
            .fault("DescribeServiceDeployments", FaultKind::Unsupported)
            .warns("UnknownOperation"),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_story_has_the_ending_that_it_deserves() {
    let stories = [rolling(), guarded(), staged(), with_rivals(), stale()];
    let (mut count, mut wrong) = (0, Vec::new());
    for story in stories.into_iter().flatten() {
        fastrand::seed(count);
        wrong.extend(story.play().await.err());
        count += 1;
    }
    say(&format!("{count} stories"));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 40);
}
