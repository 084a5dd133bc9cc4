//! `evenkeel rollback`.

use evenkeel_core::failure::Failure;
use evenkeel_core::plan::Plan;
use evenkeel_core::record::Sink;
use evenkeel_core::request::DeployRequest;

use crate::aws::Aws;
use crate::deploy::prepare_rollback;
use crate::record;

use super::args::RollbackArgs;
use super::call_site::CallSite;
use super::deployment::{DeploymentCommand, Operation};
use super::environment::Environment;
use super::meaning;

/// Puts a service back; returns the exit status.
pub(super) async fn run(args: &RollbackArgs, environment: &Environment) -> u8 {
    let site = CallSite::new(&args.rollout, environment);
    if args.rollout.dry_run {
        return site.tell_plan(planned(args, environment).await, args.output, false);
    }
    let new = |request| {
        let task = Operation::RollBack(args.to.clone());
        DeploymentCommand::new(task, request, &args.rollout, &args.connection, environment)
    };
    match meaning::rollback_request(args).and_then(new) {
        Ok(rollback) => rollback.run(args.output, &site).await,
        Err(failure) => site.refuse(failure, args.output),
    }
}

async fn planned(args: &RollbackArgs, environment: &Environment) -> Result<(Plan, DeployRequest), Failure> {
    let request = meaning::rollback_request(args)?;
    let sinks: Vec<Sink> = meaning::records(&args.rollout, &request)?.into_iter().flatten().collect();
    let connection = meaning::connection(&args.connection, Some(&request.cluster), environment);
    let aws = Aws::deployer(&connection).await?;
    let records = record::open(&sinks, &aws.objects(), &aws.parameters());
    let plan = prepare_rollback(&aws.cloud(), &records, aws.clock(), &request, args.to.as_deref()).await?;
    Ok((plan, request))
}
