//! A deployment or a rollback, as a command of its own: run to its end, and told.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};

use crate::aws::{Aws, Connection};
use crate::clock::Clock;
use crate::deploy::{Interrupt, Polling, Report, World, deploy, roll_back};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::plan::Plan;
use crate::domain::record::{Sink, Source};
use crate::domain::request::DeployRequest;
use crate::output::{self, Narrator};
use crate::record;

use super::args::{ConnectionArgs, OutputArg, RolloutArgs};
use super::environment::Environment;
use super::signals::Signals;
use super::{meaning, print, print_error, print_json};

/// Exit status of `plan --detailed-exitcode` when there is a change.
const CHANGES: u8 = 8;

/// What is to be done.
pub(super) enum Task {
    /// Put services on new images.
    Deploy,
    /// Put a service back, on this revision or the last good one.
    RollBack(Option<String>),
}

/// A deployment with all that it needs.
pub(super) struct Deployment {
    pub(super) task: Task,
    pub(super) request: DeployRequest,
    connection: Connection,
    records: Vec<Sink>,
    polling: Polling,
    source: Source,
    /// Where GitHub wants a summary of the step.
    summary: Option<String>,
}

impl Deployment {
    pub(super) fn new(
        task: Task,
        request: DeployRequest,
        rollout: &RolloutArgs,
        connection: &ConnectionArgs,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        Ok(Self {
            task,
            records: meaning::sinks(&rollout.record)?,
            connection: meaning::connection(connection, Some(&request.cluster), environment),
            request,
            polling: rollout.poll,
            source: meaning::source(environment),
            summary: environment.get("GITHUB_STEP_SUMMARY").map(str::to_owned),
        })
    }

    /// Runs until the end, or until a second signal; tells what it came to, and returns the exit status.
    pub(super) async fn run(&self, format: OutputArg) -> u8 {
        let (interrupter, interrupt) = Interrupt::new();
        let report = match Signals::catch() {
            Ok(signals) => tokio::select! {
                report = self.carry_out(interrupt) => report,
                second = signals.hand_on(interrupter) => return FailureKind::exit_status(second),
            },
            Err(failure) => Report::refused(failure),
        };
        if let Some(path) = &self.summary
            && let Err(error) = append(path, &output::summary_markdown(&report))
        {
            print_error(&format!("warning: the step's summary cannot be written to {path}: {error}\n"));
        }
        tell(&report, format)
    }

    async fn carry_out(&self, interrupt: Interrupt) -> Report {
        let aws = match Aws::deployer(&self.connection).await {
            Ok(aws) => aws,
            Err(failure) => return Report::refused(failure),
        };
        let records = record::open(&self.records, &aws.objects(), &aws.parameters());
        let world = World {
            ecs: &aws.cloud(),
            records: &records,
            clock: Clock::system(),
            polling: self.polling,
            interrupt,
            source: &self.source,
        };
        let error = std::io::stderr();
        let is_terminal = error.is_terminal();
        let mut narrator = if is_terminal { Narrator::redrawing(error) } else { Narrator::new(error) };
        let mut listen = |progress: crate::deploy::Progress<'_>| narrator.tell(&progress);
        match &self.task {
            Task::Deploy => deploy(&world, &self.request, &mut listen).await,
            Task::RollBack(to) => roll_back(&world, &self.request, to.as_deref(), &mut listen).await,
        }
    }
}

fn append(path: &str, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// Prints what a deployment came to; returns the exit status.
pub(super) fn tell(report: &Report, format: OutputArg) -> u8 {
    if let Some(failure) = report.first_failure() {
        print_error(&output::failure_text(failure));
        print_error(&output::reasons_text(report));
    }
    match format {
        OutputArg::Text => print(&output::report_text(report)),
        OutputArg::Json => print_json(&output::report_document(report)),
    }
    report.exit_status()
}

/// Prints what a deployment would do; returns the exit status.
pub(super) fn tell_plan(
    planned: Result<(Plan, DeployRequest), Failure>,
    format: OutputArg,
    detailed: bool,
) -> u8 {
    match planned {
        Ok((plan, request)) => {
            for warning in &plan.warnings {
                print_error(&format!("warning: {warning}\n"));
            }
            match format {
                OutputArg::Text => print(&output::plan_text(&plan, &request)),
                OutputArg::Json => print_json(&output::plan_document(&plan, &request)),
            }
            if detailed && plan.changes_anything(&request) { CHANGES } else { 0 }
        }
        Err(failure) => {
            print_error(&output::failure_text(&failure));
            if format == OutputArg::Json {
                print_json(&output::failed_document("evenkeel.plan/v1", &failure));
            }
            failure.kind().exit_status()
        }
    }
}
