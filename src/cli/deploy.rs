//! `evenkeel deploy` and `evenkeel plan`.

use evenkeel_core::failure::Failure;
use evenkeel_core::plan::Plan;
use evenkeel_core::request::DeployRequest;

use crate::aws::Aws;
use crate::deploy::prepare;
use crate::record;

use super::args::{DeployArgs, PlanArgs};
use super::call_site::CallSite;
use super::deployment::{DeploymentCommand, Operation};
use super::environment::Environment;
use super::meaning;

/// Deploys; returns the exit status.
pub(super) async fn run(args: &DeployArgs, environment: &Environment) -> u8 {
    let site = CallSite::new(&args.rollout, environment);
    if args.rollout.dry_run {
        return site.tell_plan(planned(args, environment).await, args.output, false);
    }
    let request = meaning::request(args, environment.runner());
    let new = |request| {
        DeploymentCommand::new(Operation::Deploy, request, &args.rollout, &args.connection, environment)
    };
    match request.and_then(new) {
        Ok(deployment) => deployment.run(args.output, &site).await,
        Err(failure) => site.refuse(failure, args.output),
    }
}

/// Plans; returns the exit status.
pub(super) async fn plan(args: &PlanArgs, environment: &Environment) -> u8 {
    let site = CallSite::new(&args.deploy.rollout, environment);
    site.tell_plan(planned(&args.deploy, environment).await, args.deploy.output, args.detailed_exitcode)
}

async fn planned(args: &DeployArgs, environment: &Environment) -> Result<(Plan, DeployRequest), Failure> {
    let request = meaning::request(args, environment.runner())?;
    // Also what the deployment would refuse.
    let mut sinks = meaning::records(&args.rollout, &request)?;
    if request.variables.is_empty() {
        // The record tells which variables the pipeline owns, and a plan needs nothing else of it.
        sinks.clear();
    }
    let connection = meaning::connection(&args.connection, Some(&request.cluster), environment);
    let aws = Aws::deployer(&connection).await?;
    let (objects, parameters) = (aws.objects(), aws.parameters());
    let records: Vec<_> = sinks.iter().map(|sinks| record::open(sinks, &objects, &parameters)).collect();
    let records: Vec<_> = records.iter().map(Vec::as_slice).collect();
    Ok((prepare(&aws.cloud(), &records, &aws.clock(), &request).await?, request))
}
