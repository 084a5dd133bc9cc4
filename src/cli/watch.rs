//! `evenkeel watch`.

use std::time::Duration;

use clap::Args;
use evenkeel_core::failure::Failure;
use evenkeel_core::image::Images;
use evenkeel_core::one_off::Steps;
use evenkeel_core::request::{ClusterName, DeployRequest, Policy, ServiceName};
use evenkeel_core::variables::VariableChanges;

use super::args::{ConnectionArgs, ResultArg, poll_interval};
use super::call_site::CallSite;
use super::deployment::{DeploymentCommand, Operation};
use super::environment::Environment;
use super::progress::ProgressArgs;

/// Follow the rollout under way on a service, anybody's, to its end; change nothing
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// The cluster's name or ARN
    #[arg(long, value_name = "NAME")]
    cluster: String,
    /// A service's name or ARN; several are separated by commas
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
    service: Vec<String>,
    /// Tell how the last rollout ended, and do not wait for one that is under way
    #[arg(long)]
    last: bool,
    /// How long to watch
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// The poll interval
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = poll_interval)]
    poll: Duration,
    /// How many tasks in a row may fail, 0 to leave them to ECS [default: ECS's own threshold, or its circuit breaker where that is on]
    #[arg(long, value_name = "N")]
    max_task_failures: Option<u32>,
    /// How long ECS may be unable to place a task, not counting the time in which former tasks drain
    /// [default: 15m where capacity lacks and tasks of the service run, else 5m]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    placement_grace: Option<Duration>,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: ResultArg,
}

/// Watches; returns the exit status.
pub(super) async fn run(args: &WatchArgs, environment: &Environment) -> u8 {
    let site = CallSite::of_a_watch(environment);
    let task = if args.last { Operation::ReportLast } else { Operation::Watch };
    match request(args) {
        Ok(request) => {
            let (poll, progress) = (args.poll, args.progress.style(environment));
            let command =
                DeploymentCommand::watching(task, request, poll, progress, &args.connection, environment);
            command.run(args.output, &site).await
        }
        Err(failure) => site.refuse(failure, args.output),
    }
}

/// The request: a deployment's, without images.
fn request(args: &WatchArgs) -> Result<DeployRequest, Failure> {
    let mut services = Vec::new();
    for name in &args.service {
        ServiceName::parse_another(name, &mut services)?;
    }
    Ok(DeployRequest {
        cluster: ClusterName::parse(&args.cluster)?,
        services,
        images: Images::default(),
        variables: VariableChanges::default(),
        steps: Steps::default(),
        also: Vec::new(),
        policy: Policy {
            timeout: args.timeout,
            max_task_failures: args.max_task_failures,
            placement_grace: args.placement_grace,
            ..Policy::default()
        },
    })
}
