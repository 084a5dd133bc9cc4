//! The arguments of deployments, and those that several commands share; what they mean is worked out in
//! [`super::meaning`].

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::progress::ProgressArgs;
use super::variables::VariablesArgs;

#[derive(Debug, Args)]
#[command(next_help_heading = "What to deploy")]
pub(super) struct WhatArgs {
    /// The cluster's name or ARN
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: String,
    /// A service's name or ARN; several share one rollout watch
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
    pub(super) service: Vec<String>,
    /// The image definitions file, - for standard input [default: imagedefinitions.json, unless --image is given;
    /// it may be missing where variables are given]
    #[arg(long, value_name = "FILE")]
    pub(super) image_definitions: Option<String>,
    /// A container and its new image
    #[arg(long, value_name = "CONTAINER=URI", value_delimiter = ',')]
    pub(super) image: Vec<String>,
    /// Start a deployment although the images are live already
    #[arg(long)]
    pub(super) force_new_deployment: bool,
}

/// What runs beside a deployment.
#[derive(Debug, Args)]
#[command(next_help_heading = "One-off tasks")]
pub(super) struct StepsArgs {
    /// A command to run in a container of the new revision before any service is updated, once for each new revision; several
    /// run in their order, each within --timeout. If one fails, nothing is updated
    #[arg(long, value_name = "CONTAINER=COMMAND", value_delimiter = '\n')]
    pub(super) before: Vec<String>,
    /// A command to run in a container of the new revision when the rollouts of all services have completed. If one fails,
    /// the services are rolled back, unless --on-failure is leave
    #[arg(long, value_name = "CONTAINER=COMMAND", value_delimiter = '\n')]
    pub(super) after: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// The cluster's name or ARN
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: String,
    /// The service's name or ARN
    #[arg(long, value_name = "NAME")]
    pub(super) service: String,
}

/// Which services' records are meant, where the name of a record has placeholders.
#[derive(Debug, Args)]
pub(super) struct NamesArgs {
    /// The cluster that {cluster} in the record's name stands for
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// A service that {service} in the record's name stands for; several are separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) service: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Where it is kept: `ssm:/NAME`, `s3://BUCKET/KEY[?sse=aws:kms[&kms-key-id=KEY]]`, `tfstate:s3://BUCKET/KEY`, `tfvars:PATH`, `file:PATH`;
    /// {cluster} and {service} in it stand for their names
    #[arg(long, value_name = "SINK", value_delimiter = ',', required = true)]
    pub(super) record: Vec<String>,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputArg,
}

/// Roll a service back to its last successful revision and wait for the result
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    pub(super) service: ServiceArgs,
    /// The revision to roll back to, as 12, web:12 or an ARN [default: that of the last deployment that succeeded
    /// and brought another one than is live]
    #[arg(long, value_name = "REVISION")]
    pub(super) to: Option<String>,
    #[command(flatten)]
    pub(super) rollout: RolloutArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: ResultArg,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rollout")]
pub(super) struct RolloutArgs {
    /// How long a rollout may take; a rollback may take as long again
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    pub(super) timeout: Duration,
    /// The poll interval
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = poll_interval)]
    pub(super) poll: Duration,
    /// What to do when the rollout fails or does not end in time
    #[arg(long, value_name = "WHAT", default_value = "rollback")]
    pub(super) on_failure: OnFailureArg,
    /// Exit as soon as the rollout has started
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Do not check in Amazon ECR that the images exist and fit the tasks' platform
    #[arg(long)]
    pub(super) skip_verify: bool,
    /// How many tasks in a row may fail, 0 to leave them to ECS [default: ECS's own threshold, or its circuit breaker where that is on]
    #[arg(long, value_name = "N")]
    pub(super) max_task_failures: Option<u32>,
    /// How long ECS may be unable to place a task, not counting the time in which former tasks drain
    /// [default: 15m where capacity lacks and tasks of the service run, else 5m]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) placement_grace: Option<Duration>,
    /// Where to record the deployment: `ssm:/NAME`, `s3://BUCKET/KEY[?sse=aws:kms[&kms-key-id=KEY]]`, `tfstate:s3://BUCKET/KEY`, `tfvars:PATH`, `file:PATH`;
    /// {cluster} and {service} in it stand for their names, so that each of several services has a record of its own
    #[arg(long, value_name = "SINK", value_delimiter = ',')]
    pub(super) record: Vec<String>,
    /// A rule or schedule that starts tasks of the service's family and is to start the new revision once the rollout has
    /// completed: `rule:NAME[/TARGET][@BUS]`, `schedule:[GROUP/]NAME`, or `family` for all on the service's cluster; several
    /// are separated by commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(super) also: Vec<String>,
    /// Show what would change and write nothing: `evenkeel plan`
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Where to send a notification when the deployment ends: `eventbridge:BUS`, `sns:ARN`, `webhook:ssm:/PARAMETER`
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',')]
    pub(super) notify: Vec<String>,
    /// Write a JUnit XML report of the deployment's steps to this file
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<String>,
    #[command(flatten)]
    pub(super) progress: ProgressArgs,
}

#[derive(Debug, Args)]
pub(super) struct ScheduledArgs {
    /// A rule or schedule to show as well, with the task definition that it starts: `rule:NAME[/TARGET][@BUS]`,
    /// `schedule:[GROUP/]NAME`, or `family` for all on the service's cluster; several are separated by commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(super) also: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "AWS")]
pub(super) struct ConnectionArgs {
    /// A role to assume
    #[arg(long, value_name = "ARN")]
    pub(super) role_arn: Option<String>,
    /// The external id that the role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "role_arn")]
    pub(super) external_id: Option<String>,
    /// The Region [default: the cluster's, if it is given as an ARN, or that of the environment or the profile]
    #[arg(long, value_name = "NAME")]
    pub(super) region: Option<String>,
    /// The profile whose credentials are used, whatever the environment has [default: `AWS_PROFILE`'s]
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Another endpoint for every AWS service, as an emulator's
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,
}

/// Deploy new images to services and wait for the result
#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    pub(super) what: WhatArgs,
    #[command(flatten)]
    pub(super) steps: StepsArgs,
    #[command(flatten)]
    pub(super) variables: VariablesArgs,
    #[command(flatten)]
    pub(super) rollout: RolloutArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: ResultArg,
}

/// Show what a deploy would change; write nothing
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) deploy: DeployArgs,
    /// Exit with status 8 when there is a change
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Show what a service runs now
#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    #[command(flatten)]
    pub(super) service: ServiceArgs,
    #[command(flatten)]
    pub(super) scheduled: ScheduledArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// How to print it; external is the protocol of Terraform's external data source
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: LiveOutputArg,
}

/// Play a pipeline's deploy action on an embedded AWS: no account, no network
#[cfg(feature = "sandbox")]
#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Serve the embedded AWS on this address until interrupted, instead of playing
    #[arg(long, value_name = "ADDRESS")]
    pub(super) serve: Option<std::net::SocketAddr>,
    /// What becomes of the rollout
    #[arg(long, value_name = "NAME", default_value = "ok")]
    pub(super) scenario: Scenario,
}

/// What becomes of a rollout on the embedded AWS.
#[cfg(feature = "sandbox")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// It completes
    Ok,
    /// Its tasks crash, and nothing but Evenkeel looks
    Crash,
    /// Its tasks crash, and ECS's circuit breaker rolls it back
    Breaker,
    /// Its image cannot be pulled
    CannotPull,
    /// Its tasks fail their load balancer's health checks
    Unhealthy,
    /// An alarm goes off while it bakes, and ECS puts it back
    Alarm,
    /// Its traffic is shifted in stages
    BlueGreen,
    /// Its tasks never start, until it times out after a minute
    TimedOut,
    /// Another deployment takes its place
    Superseded,
    /// Somebody forces a new deployment of the same revision meanwhile
    ForcedAgain,
    /// The service's desired count is 0
    DesiredZero,
    /// The service's percentages leave no room to replace a task, until it times out after a minute
    NoRoom,
    /// Its image is not in the registry, and ECS tries again and again
    ImageMissing,
    /// Its old task drains, and holds the port that the new one needs
    Draining,
    /// The artifact names a container that the service does not have
    UnknownContainer,
    /// The artifact is half of a zip
    BadZip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnFailureArg {
    /// Roll the service back to the revision that it ran before
    Rollback,
    /// Leave the service as it is
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputArg {
    Text,
    Json,
}

/// How a deployment's result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ResultArg {
    /// A line for each service
    Text,
    /// One document
    Json,
    /// Lines for `eval "$(evenkeel …)"`, which export what came of it and hand the exit status on
    Env,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LiveOutputArg {
    Text,
    Json,
    External,
    Tfvars,
}

/// A poll interval.
pub(super) fn poll_interval(text: &str) -> Result<Duration, String> {
    if let Some((first, _)) = text.split_once("..") {
        return Err(format!("it is one time and no range: give {first}"));
    }
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if interval.is_zero() {
        return Err("it must be more than zero".to_owned());
    }
    Ok(interval)
}
