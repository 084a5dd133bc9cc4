//! `evenkeel drift`.

use std::fs::File;
use std::io::Read;

use clap::Args;
use evenkeel_core::drift::{DriftView, differences};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::Objects;
use evenkeel_core::record::{Sink, sinks_of_each};

use crate::aws::Aws;
use crate::drift::{TerraformState, drift_view};
use crate::output;
use crate::record;

use super::args::{OutputArg, RecordArgs, ScheduledArgs, ServiceArgs};
use super::environment::Environment;
use super::{meaning, print, print_error, print_json};

/// Exit status of `drift --detailed-exitcode` when there is a difference.
const DIFFERS: u8 = 8;

/// How many bytes of a Terraform state are read.
const LONGEST_STATE: u64 = 64 * 1024 * 1024;

/// Compare what runs with what is recorded, and with what Terraform believes
#[derive(Debug, Args)]
pub(super) struct DriftArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The Terraform state of the configuration that has the service: a file, - for standard input, or `s3://BUCKET/KEY`
    #[arg(long, value_name = "PLACE")]
    tfstate: Option<String>,
    /// Exit with status 8 when there is a difference
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    scheduled: ScheduledArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// Prints what differs; returns the exit status.
pub(super) async fn run(args: &DriftArgs, environment: &Environment) -> u8 {
    match compare(args, environment).await {
        Ok(seen) => {
            let found = differences(&seen);
            let ServiceArgs { cluster, service } = &args.service;
            match args.record.output {
                OutputArg::Text => print(&output::drift_text(service, &seen, &found)),
                OutputArg::Json => print_json(&output::drift_document(cluster, service, &seen, &found)),
            }
            if args.detailed_exitcode && !found.is_empty() { DIFFERS } else { 0 }
        }
        Err(failure) => {
            print_error(&output::failure_text(&failure));
            if args.record.output == OutputArg::Json {
                print_json(&output::failed_document("evenkeel.drift/v1", &failure));
            }
            failure.kind().exit_status()
        }
    }
}

async fn compare(args: &DriftArgs, environment: &Environment) -> Result<DriftView, Failure> {
    let (cluster, service) = meaning::service(&args.service)?;
    let sinks = meaning::sinks(&args.record.record)?;
    let also = meaning::named_by_also(&args.scheduled.also)?;
    let aws =
        Aws::deployer(&meaning::connection(&args.record.connection, Some(&cluster), environment)).await?;
    let objects = aws.objects();
    let state = match args.tfstate.as_deref() {
        Some(place) => Some(state(place, &objects).await?),
        None => None,
    };
    let sinks = sinks_of_each(&sinks, &cluster, std::slice::from_ref(&service))?.concat();
    let stores = record::open(&sinks, &objects, &aws.parameters());
    drift_view(&aws.cloud(), &stores, &cluster, &service, state.as_ref(), &also, &aws.clock()).await
}

async fn state(place: &str, objects: &impl Objects) -> Result<TerraformState, Failure> {
    let content = if place.starts_with("s3://") {
        let Sink::Object(at, _) = Sink::parse(place)? else { return Err(unreadable(place)) };
        objects
            .read(&at, LONGEST_STATE)
            .await?
            .map(|(content, _)| content)
            .ok_or_else(|| unreadable(place))?
    } else if place == "-" {
        read(place, std::io::stdin())?
    } else {
        read(place, File::open(place).map_err(|error| unreadable(place).caused_by(error))?)?
    };
    let place = if place == "-" { "standard input" } else { place };
    Ok(TerraformState { place: place.to_owned(), content })
}

fn read(place: &str, from: impl Read) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let read = from.take(LONGEST_STATE + 1).read_to_end(&mut content);
    read.map_err(|error| unreadable(place).caused_by(error))?;
    if content.len() as u64 > LONGEST_STATE {
        return Err(unreadable(place).because(format!("it has more than {LONGEST_STATE} bytes")));
    }
    Ok(content)
}

fn unreadable(place: &str) -> Failure {
    Failure::new(FailureKind::Unreadable, format!("the Terraform state in {place} cannot be read"))
        .because("there is none")
        .advice("Give a file, - for standard input, or s3://BUCKET/KEY by --tfstate")
}
