//! `evenkeel run`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use evenkeel_core::failure::Failure;
use evenkeel_core::one_off::parse_variable;
use evenkeel_core::timestamp::Timestamp;

use crate::aws::{Aws, Connection};
use crate::deploy::Interrupt;
use crate::one_off::{self, OnInterrupt, RunRequest, TaskNews, TaskReport};

use super::args::{ConnectionArgs, OutputArg, ServiceArgs, poll_interval};
use super::call_site::CallSite;
use super::credentials_end::{credentials_end, outlived};
use super::deployment::cut_short;
use super::environment::Environment;
use super::meaning;
use super::progress::{ProgressArgs, ProgressStyle};
use super::signals::Signals;

/// What the short descriptions of the options do not say.
const AFTER_HELP: &str = "\
The task gets the network, the launch type or capacity providers, and the platform version of the service. Load balancers, \
Service Connect and service discovery have no part in it.

In one build of CodeBuild, or one attempt of a run of GitHub Actions, a command is run once on a revision: the same command \
again follows its task to the end, and has the same result for an hour after that. Another command, environment or size is \
another task. Outside of a build each call of `evenkeel run` is a task of its own. A one-off task that still runs for the \
same service is waited for first.

The exit status is 0 if the container ended with 0, and 1 if it ended otherwise or never ran.";

/// Run a one-off task of a service's revision in the service's surroundings and wait for its end
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RunArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The container to run the command in [default: the only one of the task definition]
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// The revision: live, or one as 12, web:12 or an ARN
    #[arg(long, value_name = "REVISION", default_value = "live")]
    task_definition: String,
    /// A variable of the container's environment besides; its value is not shown
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// The task's CPU units [default: those of the task definition]
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    cpu: Option<u32>,
    /// The task's memory in MiB [default: that of the task definition]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: Option<u32>,
    /// How long to wait for the task's start, and from its start on for its end; then the task is stopped
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// How long ECS may have no capacity for the task
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    placement_grace: Duration,
    /// The poll interval
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = poll_interval)]
    poll: Duration,
    /// What to do with the task when a signal ends the command
    #[arg(long, value_name = "WHAT", default_value = "leave")]
    on_interrupt: OnInterruptArg,
    /// Exit with the status of the container if that is 1 to 125, which can then be mistaken for one of Evenkeel's own
    #[arg(long)]
    container_exit_status: bool,
    #[command(flatten)]
    progress: ProgressArgs,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: OutputArg,
    /// The command and its arguments, after `--` [default: the container's own]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnInterruptArg {
    /// Stop it
    Stop,
    /// Let it go on
    Leave,
}

/// Runs a task; returns the exit status.
pub(super) async fn run(args: &RunArgs, environment: &Environment) -> u8 {
    let (site, progress) = (CallSite::of_a_watch(environment), args.progress.style(environment));
    let report = match request(args, environment) {
        Ok(request) => {
            let connection = meaning::connection(&args.connection, Some(&request.cluster), environment);
            let (cluster, service) = (request.cluster.short(), request.service.short());
            let lines = site.begin(&format!("One-off task of {service} in {cluster}"));
            let expiry = credentials_end(environment);
            let report = run_to_its_end(&request, &connection, progress, expiry).await;
            drop(lines);
            report
        }
        Err(failure) => TaskReport {
            service: Some((args.service.cluster.clone(), args.service.service.clone())),
            ..TaskReport::refused(failure)
        },
    };
    site.tell_task(&report, progress.shows_log(), args.output);
    let of_container = report.container_status().filter(|_| args.container_exit_status);
    of_container.unwrap_or_else(|| report.exit_status())
}

fn request(args: &RunArgs, environment: &Environment) -> Result<RunRequest, Failure> {
    let (cluster, service) = meaning::service(&args.service)?;
    let mut variables: Vec<(String, String)> = Vec::new();
    for text in &args.env {
        let (name, value) = parse_variable(text)?;
        if variables.iter().any(|(known, _)| *known == name) {
            return Err(Failure::usage(format!("--env gives {name} twice")));
        }
        variables.push((name, value));
    }
    Ok(RunRequest {
        cluster,
        service,
        container: args.container.clone(),
        revision: Some(args.task_definition.clone()).filter(|revision| revision != "live"),
        command: args.command.clone(),
        environment: variables,
        cpu: args.cpu,
        memory: args.memory,
        timeout: args.timeout,
        placement_grace: args.placement_grace,
        poll: args.poll,
        on_interrupt: match args.on_interrupt {
            OnInterruptArg::Stop => OnInterrupt::Stop,
            OnInterruptArg::Leave => OnInterrupt::Leave,
        },
        execution: meaning::execution(environment),
    })
}

/// Runs the task until its end, or until a second signal.
async fn run_to_its_end(
    request: &RunRequest,
    connection: &Connection,
    progress: ProgressStyle,
    expiry: Option<Timestamp>,
) -> TaskReport {
    let refused = |failure: Failure| TaskReport {
        service: Some((request.cluster.to_string(), request.service.to_string())),
        ..TaskReport::refused(failure)
    };
    let (interrupter, mut interrupt) = Interrupt::new();
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(failure) => return refused(failure),
    };
    let run = async {
        let aws = match Aws::deployer(connection).await {
            Ok(aws) => aws,
            Err(failure) => return refused(failure),
        };
        let (clock, mut view, mut warning) = (aws.clock(), progress.begin_task(), None);
        let mut listen = |news: TaskNews<'_>| {
            view.tell(&news);
            // The end of the credentials is by AWS's clock, which the reads before this have told.
            if matches!(news, TaskNews::Started { .. }) {
                warning = outlived(expiry, clock.now(), request.timeout);
                warning.iter().for_each(|warning| view.tell(&TaskNews::Warning(warning)));
            }
        };
        let mut report = one_off::run(&aws.cloud(), clock, request, interrupt.wait(), &mut listen).await;
        report.warnings.extend(warning);
        report
    };
    tokio::select! {
        report = run => report,
        second = signals.hand_on(interrupter) => refused(cut_short(second)),
    }
}
