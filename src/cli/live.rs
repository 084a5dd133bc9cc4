//! `evenkeel live`.

use evenkeel_core::failure::Failure;

use crate::aws::connect;
use crate::live::{Live, live};
use crate::output;

use super::args::{LiveArgs, LiveOutputArg};
use super::environment::Environment;
use super::{meaning, print, print_error, print_json};

/// Prints what a service runs; returns the exit status.
pub(super) async fn run(args: &LiveArgs, environment: &Environment) -> u8 {
    match look(args, environment).await {
        Ok(live) => {
            match args.output {
                LiveOutputArg::Text => print(&output::live_text(&live)),
                LiveOutputArg::Json => print_json(&output::live_document(&live)),
                LiveOutputArg::External => print_json(&output::external(&live)),
                LiveOutputArg::Tfvars => print_json(&output::tfvars(&live)),
            }
            0
        }
        Err(failure) => {
            // Terraform shows what an external program prints on standard error.
            print_error(&output::failure_text(&failure));
            if args.output == LiveOutputArg::Json {
                print_json(&output::failed_document("evenkeel.live/v1", &failure));
            }
            failure.kind().exit_status()
        }
    }
}

async fn look(args: &LiveArgs, environment: &Environment) -> Result<Live, Failure> {
    let (cluster, service) = meaning::service(&args.service)?;
    let ecs = connect(&meaning::connection(&args.connection, Some(&cluster), environment)).await?;
    live(&ecs, &cluster, &service, &meaning::named_by_also(&args.scheduled.also)?).await
}
