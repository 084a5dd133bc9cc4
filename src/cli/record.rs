//! `evenkeel record`.

use clap::{Args, Subcommand};
use evenkeel_core::failure::Failure;
use evenkeel_core::record::{Sink, SinkPattern, sinks_of_each};
use evenkeel_core::request::{ClusterName, ServiceName};

use crate::aws::{Aws, S3Objects, SsmParameters};
use crate::output;
use crate::record::{self, Store};
use crate::record_commands::{self, Kept, Repair};

use super::args::{NamesArgs, OutputArg, RecordArgs, ServiceArgs};
use super::environment::Environment;
use super::{meaning, print, print_error, print_json};

/// What to do with the record of a service's deployments
#[derive(Debug, Subcommand)]
pub(super) enum RecordCommand {
    /// Put the empty record where there is nothing, for Terraform to read
    Init(PlaceArgs),
    /// Print what is recorded
    Show(PlaceArgs),
    /// Bring the record in step with what the service runs
    Repair(RepairArgs),
    /// Empty the record: nothing was deployed
    Reset(ResetArgs),
}

/// Which records
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    names: NamesArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Bring the record in step with what the service runs
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    place: RecordArgs,
    /// Record what the service is on although its rollout goes on; if that fails, repair again
    #[arg(long)]
    force: bool,
}

/// Empty the record: nothing was deployed
#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Empty it although it tells of a deployment in progress
    #[arg(long)]
    force: bool,
}

/// Does it; returns the exit status.
pub(super) async fn run(command: &RecordCommand, environment: &Environment) -> u8 {
    let (done, output) = match command {
        RecordCommand::Init(args) => (init(args, environment).await, args.record.output),
        RecordCommand::Show(args) => (show(args, environment).await, args.record.output),
        RecordCommand::Repair(args) => (repair(args, environment).await, args.place.output),
        RecordCommand::Reset(args) => (reset(args, environment).await, args.place.record.output),
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

async fn init(args: &PlaceArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    record_commands::init(&open_named(args, environment).await?.1).await
}

async fn show(args: &PlaceArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    record_commands::show(&open_named(args, environment).await?.1).await
}

async fn reset(args: &ResetArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    let (aws, stores) = open_named(&args.place, environment).await?;
    record_commands::reset(&stores, &aws.clock(), args.force).await
}

async fn repair(args: &RepairArgs, environment: &Environment) -> Result<Vec<Kept>, Failure> {
    let (cluster, service) = meaning::service(&args.service)?;
    let patterns = meaning::sinks(&args.place.record)?;
    let sinks = sinks_of_each(&patterns, &cluster, std::slice::from_ref(&service))?.concat();
    let (aws, stores) = open(&sinks, &args.place, Some(&cluster), environment).await?;
    let repair = Repair {
        cluster: &cluster,
        service: &service,
        clock: aws.clock(),
        by: &meaning::source(environment),
        force: args.force,
    };
    record_commands::repair(&aws.cloud(), &stores, &repair).await
}

type Stores = Vec<Store<S3Objects, SsmParameters>>;

/// Opens the records of the services that are named, or the record that needs no name.
async fn open_named(args: &PlaceArgs, environment: &Environment) -> Result<(Aws, Stores), Failure> {
    let patterns = meaning::sinks(&args.record.record)?;
    let cluster = args.names.cluster.as_deref().map(ClusterName::parse).transpose()?;
    let mut services = Vec::new();
    for name in &args.names.service {
        ServiceName::parse_another(name, &mut services)?;
    }
    let sinks = named(&patterns, cluster.as_ref(), &services)?;
    open(&sinks, &args.record, cluster.as_ref(), environment).await
}

/// The sinks of these services; a record without {service} in its name is opened once.
fn named(
    patterns: &[SinkPattern],
    cluster: Option<&ClusterName>,
    services: &[ServiceName],
) -> Result<Vec<Sink>, Failure> {
    let mut sinks: Vec<Sink> = Vec::new();
    for pattern in patterns {
        for (is_missing, placeholder, option) in [
            (pattern.has_cluster() && cluster.is_none(), "{cluster}", "--cluster"),
            (pattern.has_service() && services.is_empty(), "{service}", "--service"),
        ] {
            if is_missing {
                return Err(Failure::usage(format!(
                    "the name of the record {pattern} has {placeholder} in it"
                ))
                .because(format!("{option} was not given"))
                .advice(format!("Give {option} NAME")));
            }
        }
        let cluster = cluster.map(ClusterName::short).unwrap_or_default();
        let named: Vec<&str> =
            if pattern.has_service() { services.iter().map(ServiceName::short).collect() } else { vec![""] };
        for service in named {
            let sink = pattern.sink_of(cluster, service)?;
            if !sinks.contains(&sink) {
                sinks.push(sink);
            }
        }
    }
    Ok(sinks)
}

async fn open(
    sinks: &[Sink],
    args: &RecordArgs,
    cluster: Option<&ClusterName>,
    environment: &Environment,
) -> Result<(Aws, Stores), Failure> {
    let mut connection = meaning::connection(&args.connection, cluster, environment);
    if cluster.is_none() && !sinks.iter().any(Sink::is_remote) {
        // A file needs no Region; this one is never used.
        connection.region = connection.region.or_else(|| Some("us-east-1".to_owned()));
    }
    let aws = Aws::deployer(&connection).await?;
    let stores = record::open(sinks, &aws.objects(), &aws.parameters());
    Ok((aws, stores))
}
