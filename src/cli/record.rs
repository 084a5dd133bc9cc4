//! `evenkeel record`.

use clap::{Args, Subcommand};

use crate::aws::{Aws, S3Objects, SsmParameters};
use crate::bookkeeping::{self, Kept, Repair};
use crate::clock::Clock;
use crate::domain::failure::Failure;
use crate::domain::request::ClusterName;
use crate::output;
use crate::record::{self, Store};

use super::args::{OutputArg, RecordArgs, ServiceArgs};
use super::environment::Environment;
use super::{meaning, print, print_error, print_json};

/// What to do with the record of a service's deployments
#[derive(Debug, Subcommand)]
pub(super) enum RecordCommand {
    /// Put the empty record where there is nothing, for Terraform to read
    Init(RecordArgs),
    /// Print what is recorded
    Show(RecordArgs),
    /// Bring the record in step with what the service runs
    Repair(RepairArgs),
    /// Empty the record: nothing was deployed
    Reset(ResetArgs),
}

/// Bring the record in step with what the service runs
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    place: RecordArgs,
    /// Record what the service is on although its rollout goes on; if that fails, repair again
    #[arg(long, env = "EVENKEEL_FORCE", hide_env_values = true)]
    force: bool,
}

/// Empty the record: nothing was deployed
#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    place: RecordArgs,
    /// Empty it although it tells of a deployment in progress
    #[arg(long, env = "EVENKEEL_FORCE", hide_env_values = true)]
    force: bool,
}

/// Does it; returns the exit status.
pub(super) async fn run(command: &RecordCommand, environment: &Environment) -> u8 {
    let (done, output) = match command {
        RecordCommand::Init(args) => (init(args, environment).await, args.output),
        RecordCommand::Show(args) => (show(args, environment).await, args.output),
        RecordCommand::Repair(args) => (repair(args, environment).await, args.place.output),
        RecordCommand::Reset(args) => (reset(args, environment).await, args.place.output),
    };
    match done {
        Ok(records) => {
            match output {
                OutputArg::Text => print(&output::records_text(&records)),
                OutputArg::Json => print_json(&output::records_document(&records)),
            }
            0
        }
        Err(failure) => {
            print_error(&output::failure_text(&failure));
            if output == OutputArg::Json {
                print_json(&output::failed_document("evenkeel.records/v1", &failure));
            }
            failure.kind().exit_status()
        }
    }
}

async fn init(args: &RecordArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    let (_, stores) = open(args, None, environment).await?;
    bookkeeping::init(&stores).await
}

async fn show(args: &RecordArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    let (_, stores) = open(args, None, environment).await?;
    bookkeeping::show(&stores).await
}

async fn reset(args: &ResetArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    let (_, stores) = open(&args.place, None, environment).await?;
    bookkeeping::reset(&stores, Clock::system().now(), args.force).await
}

async fn repair(args: &RepairArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    let (cluster, service) = meaning::service(&args.service)?;
    let (aws, stores) = open(&args.place, Some(&cluster), environment).await?;
    let repair = Repair {
        cluster: &cluster,
        service: &service,
        now: Clock::system().now(),
        by: &meaning::source(environment),
        force: args.force,
    };
    bookkeeping::repair(&aws.cloud(), &stores, &repair).await
}

type Stores = Vec<Store<S3Objects, SsmParameters>>;

async fn open(
    args: &RecordArgs,
    cluster: Option<&ClusterName>,
    environment: &Environment,
) -> Result<(Aws, Stores), Failure> {
    let sinks = meaning::sinks(&args.record)?;
    let mut connection = meaning::connection(&args.connection, cluster, environment);
    if cluster.is_none() && !sinks.iter().any(crate::domain::record::Sink::is_remote) {
        // A file needs no Region; this one is never used.
        connection.region = connection.region.or_else(|| Some("us-east-1".to_owned()));
    }
    let aws = Aws::deployer(&connection).await?;
    let stores = record::open(&sinks, &aws.objects(), &aws.parameters());
    Ok((aws, stores))
}
