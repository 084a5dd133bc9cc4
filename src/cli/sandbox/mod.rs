//! `evenkeel sandbox`: a pipeline's deploy action on the embedded AWS, as its user would see it.

mod furnish;
mod narrate;
mod play;

use std::io::{Write, stdout};
use std::net::SocketAddr;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_sandbox::REGION;
use tokio::net::TcpListener;

use crate::output;

use super::args::{SandboxArgs, Scenario};
use super::{print, print_error};
use furnish::{CLUSTER, Pipeline, SERVICE};

/// How many calls a sandbox that is served remembers: it may run for weeks.
const KEPT_CALLS: usize = 1000;

/// Plays, or serves until interrupted; returns the exit status.
pub(super) async fn run(args: &SandboxArgs) -> u8 {
    let done = match args.serve {
        Some(address) => serve(address, args.scenario).await,
        None => play::play(args.scenario).await,
    };
    done.unwrap_or_else(|failure| {
        print_error(&output::failure_text(&failure));
        failure.kind().exit_status()
    })
}

async fn serve(address: SocketAddr, scenario: Scenario) -> Result<u8, Failure> {
    let pipeline = Pipeline::furnish(scenario)?;
    pipeline.sandbox.keep_calls(KEPT_CALLS);
    pipeline.start()?;
    let cannot = |error: std::io::Error| {
        Failure::new(FailureKind::Unreadable, format!("the embedded AWS cannot be served on {address}"))
            .caused_by(error)
            .advice("Give an address of this machine with a free port, or port 0 for any")
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    print(&format!(
        "export AWS_ENDPOINT_URL=http://{bound}\n\
         export AWS_REGION={REGION}\n\
         export AWS_ACCESS_KEY_ID=embedded\n\
         export AWS_SECRET_ACCESS_KEY=embedded\n"
    ));
    let _ = stdout().flush();
    print_error(&format!(
        "The embedded AWS has a cluster {CLUSTER:?} with a service {SERVICE:?}, and a job for `evenkeel worker`; \
         Ctrl-C ends it.\n"
    ));
    tokio::select! {
        served = pipeline.sandbox.serve(listener) => served.map_err(cannot)?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(0)
}
