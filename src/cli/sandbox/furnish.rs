//! The world that is played in: a service that runs, a build's artifact, and an action to deploy it.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{ACCOUNT, Action, ActionArtifact, ApiError, REGION, Rollout, RolloutOutcome, Sandbox};
use serde_json::json;

use crate::artifact;
use crate::clock::Clock;
use crate::output;

use super::super::args::Scenario;

pub(super) const CLUSTER: &str = "demo";
pub(super) const SERVICE: &str = "web";
pub(super) const BUCKET: &str = "shop-artifacts";
pub(super) const INPUT: &str = "shop/Build/artifact.zip";
pub(super) const OUTPUT: &str = "shop/Deployed/artifact.zip";
pub(super) const CLAIMS: &str = "shop-claims";

/// How long a rollout takes: long enough to watch it, short enough to wait for it.
const ROLLOUT: Duration = Duration::from_secs(6);

/// The same for one whose tasks are started again and again: the second fails after 13 s.
const REPEATED: Duration = Duration::from_secs(30);

/// How long old tasks drain; 300 s is AWS's default.
const DRAINING: Duration = Duration::from_secs(8);

/// How long CodePipeline takes to offer the job that another one was handed on to.
const CONTINUATION: Duration = Duration::from_secs(1);

/// An embedded AWS with a pipeline whose build has run.
pub(super) struct Pipeline {
    pub(super) sandbox: Sandbox,
    pub(super) clock: Clock,
    /// What the build wrote.
    pub(super) image_definitions: String,
    timeout: Option<&'static str>,
}

impl Pipeline {
    /// A service that runs, and what becomes of its next rollout.
    pub(super) fn furnish(scenario: Scenario) -> Result<Self, Failure> {
        let clock = Clock::system();
        let sandbox = Sandbox::starting_at(clock.now());
        let outcome = match scenario {
            Scenario::Ok
            | Scenario::BlueGreen
            | Scenario::DesiredZero
            | Scenario::NoRoom
            | Scenario::UnknownContainer
            | Scenario::BadZip => RolloutOutcome::Ok,
            Scenario::ImageMissing => RolloutOutcome::ImageMissing,
            Scenario::Draining => RolloutOutcome::HostPort,
            Scenario::Crash | Scenario::Breaker => RolloutOutcome::Crash,
            Scenario::CannotPull => RolloutOutcome::CannotPull,
            Scenario::Unhealthy => RolloutOutcome::Unhealthy,
            Scenario::Alarm => RolloutOutcome::Alarm,
            Scenario::TimedOut => RolloutOutcome::Stuck,
            Scenario::Superseded => RolloutOutcome::Superseded,
            Scenario::ForcedAgain => RolloutOutcome::ForcedAgain,
        };
        let service = json!({
            "cluster": CLUSTER,
            "serviceName": SERVICE,
            "taskDefinition": SERVICE,
            "desiredCount": desired(scenario),
            "deploymentConfiguration": deployment_configuration(scenario),
        });
        for (operation, request) in [
            ("CreateCluster", json!({ "clusterName": CLUSTER })),
            ("RegisterTaskDefinition", task_definition()),
            ("CreateService", service),
        ] {
            sandbox.call(operation, request).map_err(|refused| refusal(operation, &refused))?;
        }
        let duration = if scenario == Scenario::ImageMissing { REPEATED } else { ROLLOUT };
        sandbox.set_rollout(CLUSTER, SERVICE, Rollout { outcome, duration });
        if scenario == Scenario::Draining {
            sandbox.set_deregistration_delay(CLUSTER, SERVICE, DRAINING);
        }

        let container = if scenario == Scenario::UnknownContainer { "application" } else { "app" };
        let image_definitions =
            format!(r#"[{{"name": "{container}", "imageUri": "registry.example.com/shop/web:2.0"}}]"#);
        let mut built =
            artifact::output_artifact(&[("imagedefinitions.json", image_definitions.clone().into_bytes())])?;
        if scenario == Scenario::BadZip {
            built.truncate(built.len() / 2);
        }
        sandbox.create_bucket(BUCKET, true);
        sandbox.create_bucket(CLAIMS, false);
        sandbox.put_object(BUCKET, INPUT, built);
        sandbox
            .create_action_type(output::action_type_json(&ActionType::default().definition(Some(REGION))?))
            .map_err(|refused| refusal("CreateCustomActionType", &refused))?;
        sandbox.set_continuation_delay(CONTINUATION);
        let timeout = matches!(scenario, Scenario::TimedOut | Scenario::NoRoom).then_some("1");
        Ok(Self { sandbox, clock, image_definitions, timeout })
    }

    /// Runs the pipeline's deploy action; returns its execution's id.
    pub(super) fn start(&self) -> Result<String, Failure> {
        let place = |name: &str, key: &str| Some(ActionArtifact::new(name, BUCKET, key));
        let action = Action {
            configuration: self.configuration(),
            input: place("Build", INPUT),
            output: place("Deployed", OUTPUT),
            ..Action::default()
        };
        self.sandbox.start_action(action).map_err(|refused| refusal("StartPipelineExecution", &refused))
    }

    /// The action's configuration.
    pub(super) fn configuration(&self) -> BTreeMap<String, String> {
        let named = [
            ("ClusterName", Some(CLUSTER)),
            ("ServiceName", Some(SERVICE)),
            ("DeploymentTimeout", self.timeout),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
    }
}

/// One task where it holds the only port.
fn desired(scenario: Scenario) -> u32 {
    if scenario == Scenario::DesiredZero {
        0
    } else if scenario == Scenario::Draining {
        1
    } else {
        2
    }
}

/// What watches the service's deployments, and how they go.
fn deployment_configuration(scenario: Scenario) -> serde_json::Value {
    let is = |other| scenario == other;
    let breaker = is(Scenario::Breaker);
    let mut configuration = json!({ "deploymentCircuitBreaker": { "enable": breaker, "rollback": breaker } });
    if is(Scenario::Alarm) {
        configuration["alarms"] = json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": true });
    }
    if is(Scenario::NoRoom) {
        (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) = (json!(100), json!(100));
    }
    if is(Scenario::Draining) {
        (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) = (json!(0), json!(100));
    }
    if is(Scenario::BlueGreen) {
        configuration["strategy"] = json!("BLUE_GREEN");
    }
    configuration
}

fn task_definition() -> serde_json::Value {
    json!({
        "family": SERVICE,
        "networkMode": "awsvpc",
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/web-execution"),
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": "registry.example.com/shop/web:1.0",
                "portMappings": [{ "containerPort": 8080 }],
                "environment": [{ "name": "GREETING", "value": "hello" }],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/demo/web",
                        "awslogs-region": REGION,
                        "awslogs-stream-prefix": "web",
                    },
                },
            },
            { "name": "proxy", "image": "registry.example.com/proxy:7", "essential": false },
        ],
    })
}

fn refusal(operation: &str, refused: &ApiError) -> Failure {
    Failure::new(FailureKind::Bug, format!("the embedded AWS refused {operation}"))
        .because(refused.to_string())
}
