//! `evenkeel deploy` and `evenkeel plan`.

use crate::aws::{Aws, Connection, connect};
use crate::clock::Clock;
use crate::deploy::{Interrupt, Report, World, deploy, prepare};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::plan::Plan;
use crate::domain::record::{Sink, Source};
use crate::domain::request::DeployRequest;
use crate::output::{self, Narrator};
use crate::record;

use super::args::{DeployArgs, OutputArg, PlanArgs};
use super::environment::Environment;
use super::signals::Signals;
use super::{meaning, print, print_error, print_json};

/// Exit status of `plan --detailed-exitcode` when there is a change.
const CHANGES: u8 = 8;

/// Deploys; returns the exit status.
pub(super) async fn run(args: &DeployArgs, environment: &Environment) -> u8 {
    if args.rollout.dry_run {
        return tell_plan(planned(args, environment).await, args.output, false);
    }
    let report = match Job::new(args, environment) {
        Ok(job) => match job.run().await {
            Ok(report) => report,
            Err(second_signal) => return second_signal.exit_status(),
        },
        Err(failure) => Report::refused(failure),
    };
    tell(&report, args.output);
    report.exit_status()
}

/// Plans; returns the exit status.
pub(super) async fn plan(args: &PlanArgs, environment: &Environment) -> u8 {
    tell_plan(planned(&args.deploy, environment).await, args.deploy.output, args.detailed_exitcode)
}

/// A deployment with all that it needs.
struct Job {
    request: DeployRequest,
    connection: Connection,
    records: Vec<Sink>,
    polling: crate::deploy::Polling,
    source: Source,
}

impl Job {
    fn new(args: &DeployArgs, environment: &Environment) -> Result<Self, Failure> {
        let request = meaning::request(&args.what, &args.rollout)?;
        Ok(Self {
            records: meaning::sinks(&args.rollout.record)?,
            connection: meaning::connection(&args.connection, Some(&request.cluster), environment),
            request,
            polling: args.rollout.poll,
            source: meaning::source(environment),
        })
    }

    /// Deploys until the end, or until a second signal.
    async fn run(&self) -> Result<Report, FailureKind> {
        let (interrupter, interrupt) = Interrupt::new();
        let signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(failure) => return Ok(Report::refused(failure)),
        };
        tokio::select! {
            report = self.deploy(interrupt) => Ok(report),
            second = signals.hand_on(interrupter) => Err(second),
        }
    }

    async fn deploy(&self, interrupt: Interrupt) -> Report {
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
        let mut narrator = Narrator::new(std::io::stderr());
        deploy(&world, &self.request, &mut |progress| narrator.tell(&progress)).await
    }
}

/// Prints what a deployment came to.
fn tell(report: &Report, format: OutputArg) {
    if let Some(failure) = report.first_failure() {
        print_error(&output::failure_text(failure));
    }
    match format {
        OutputArg::Text => print(&output::report_text(report)),
        OutputArg::Json => print_json(&output::report_document(report)),
    }
}

async fn planned(args: &DeployArgs, environment: &Environment) -> Result<(Plan, DeployRequest), Failure> {
    let request = meaning::request(&args.what, &args.rollout)?;
    let ecs = connect(&meaning::connection(&args.connection, Some(&request.cluster), environment)).await?;
    Ok((prepare(&ecs, &request).await?, request))
}

fn tell_plan(planned: Result<(Plan, DeployRequest), Failure>, format: OutputArg, detailed: bool) -> u8 {
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
