//! From what was typed to what it means.

use std::fs::File;
use std::io::{ErrorKind, Read};

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::image::Images;
use evenkeel_core::image_definitions;
use evenkeel_core::one_off::{ExecutionId, Steps, TaskCommand};
use evenkeel_core::record::{DeployedBy, Sink, SinkPattern, sinks_of_each};
use evenkeel_core::request::{ClusterName, DeployRequest, OnFailure, Policy, ServiceName};
use evenkeel_core::runner::Runner;
use evenkeel_core::scheduled::Also;
use evenkeel_core::variables::VariableChanges;

use crate::aws::{Connection, Network};
use crate::clock::Clock;

use super::args::{
    ConnectionArgs, DeployArgs, OnFailureArg, RollbackArgs, RolloutArgs, ServiceArgs, StepsArgs, WhatArgs,
};
use super::environment::Environment;

/// The image definitions file that AWS's own ECS action looks for, too.
const IMAGE_DEFINITIONS: &str = "imagedefinitions.json";

/// One byte more than an image definitions file may have: enough to see that one is too long.
const READ_AT_MOST: u64 = 100 * 1024 + 1;

/// The deployment that was asked for.
///
/// # Errors
/// [`FailureKind::InvalidInput`], or [`FailureKind::Unreadable`] for a file that cannot be read.
pub(super) fn request(args: &DeployArgs, runner: Runner) -> Result<DeployRequest, Failure> {
    let DeployArgs { what, rollout, .. } = args;
    let mut services = Vec::new();
    for name in &what.service {
        ServiceName::parse_another(name, &mut services)?;
    }
    let variables = args.variables.changes()?;
    Ok(DeployRequest {
        cluster: ClusterName::parse(&what.cluster)?,
        services,
        images: images(what, !variables.is_empty(), runner)?,
        policy: Policy { force_new_deployment: what.force_new_deployment, ..policy(rollout) },
        steps: steps(&args.steps, rollout)?,
        variables,
        also: also(rollout)?,
    })
}

/// The one-off tasks that were asked for.
///
/// # Errors
/// [`FailureKind::Usage`].
pub(super) fn steps(args: &StepsArgs, rollout: &RolloutArgs) -> Result<Steps, Failure> {
    let commands = |texts: &[String], option: &str| {
        texts.iter().map(|text| TaskCommand::parse(text, option)).collect::<Result<Vec<_>, _>>()
    };
    if rollout.no_wait && !args.after.is_empty() {
        return Err(Failure::usage("--no-wait and --after exclude each other")
            .because("a task after the rollout waits for its end")
            .advice("Leave one of them out"));
    }
    Ok(Steps { before: commands(&args.before, "--before")?, after: commands(&args.after, "--after")? })
}

/// The rules and schedules that are to follow.
///
/// # Errors
/// [`FailureKind::Usage`].
pub(super) fn also(rollout: &RolloutArgs) -> Result<Vec<Also>, Failure> {
    if rollout.no_wait && !rollout.also.is_empty() {
        return Err(Failure::usage("--no-wait and --also exclude each other")
            .because("rules and schedules follow when the rollout has completed")
            .advice("Leave one of them out"));
    }
    named_by_also(&rollout.also)
}

/// The rules and schedules that are meant.
///
/// # Errors
/// [`FailureKind::Usage`].
pub(super) fn named_by_also(texts: &[String]) -> Result<Vec<Also>, Failure> {
    let mut all = Vec::new();
    for text in texts {
        Also::parse_another(text, &mut all)?;
    }
    Ok(all)
}

/// The rollback that was asked for: a deployment without images.
///
/// # Errors
/// [`FailureKind::InvalidInput`].
pub(super) fn rollback_request(args: &RollbackArgs) -> Result<DeployRequest, Failure> {
    let (cluster, service) = service(&args.service)?;
    Ok(DeployRequest {
        cluster,
        services: vec![service],
        images: Images::default(),
        policy: policy(&args.rollout),
        steps: Steps::default(),
        variables: VariableChanges::default(),
        also: also(&args.rollout)?,
    })
}

/// The one service that is meant, and its cluster.
///
/// # Errors
/// [`FailureKind::InvalidInput`] for a name that cannot be one.
pub(super) fn service(args: &ServiceArgs) -> Result<(ClusterName, ServiceName), Failure> {
    Ok((ClusterName::parse(&args.cluster)?, ServiceName::parse(&args.service)?))
}

/// How to go about it.
pub(super) fn policy(rollout: &RolloutArgs) -> Policy {
    Policy {
        timeout: rollout.timeout,
        on_failure: match rollout.on_failure {
            OnFailureArg::Rollback => OnFailure::RollBack,
            OnFailureArg::Leave => OnFailure::Leave,
        },
        no_wait: rollout.no_wait,
        force_new_deployment: false,
        max_task_failures: rollout.max_task_failures,
        placement_grace: rollout.placement_grace,
        skip_verify: rollout.skip_verify,
    }
}

/// Where the records are to be kept.
///
/// # Errors
/// [`FailureKind::Usage`], with what is wrong.
pub(super) fn sinks(texts: &[String]) -> Result<Vec<SinkPattern>, Failure> {
    let mut sinks = Vec::new();
    for text in texts {
        SinkPattern::parse_another(text, &mut sinks)?;
    }
    Ok(sinks)
}

/// Where the record of each of the request's services is to be kept.
///
/// # Errors
/// [`FailureKind::Usage`], with what is wrong.
pub(super) fn records(rollout: &RolloutArgs, request: &DeployRequest) -> Result<Vec<Vec<Sink>>, Failure> {
    sinks_of_each(&sinks(&rollout.record)?, &request.cluster, &request.services)
}

/// How to reach AWS, for a `cluster` whose ARN names a Region if it is given as one.
pub(super) fn connection(
    args: &ConnectionArgs,
    cluster: Option<&ClusterName>,
    environment: &Environment,
) -> Connection {
    Connection {
        region: args.region.clone().or_else(|| cluster?.region().map(str::to_owned)),
        endpoint_url: args.endpoint_url.clone(),
        profile: args.profile.clone(),
        role_arn: args.role_arn.clone(),
        external_id: args.external_id.clone(),
        max_attempts: environment.get("AWS_MAX_ATTEMPTS").map(str::to_owned),
        has_s3_endpoint: environment.get("AWS_ENDPOINT_URL_S3").is_some(),
        network: Network::of(|name| environment.get(name)),
        clock: Clock::system(),
        calls: None,
        embedded: None,
    }
}

/// Who deploys, as far as the environment tells.
pub(super) fn source(environment: &Environment) -> DeployedBy {
    if let Some(id) = environment.get("GITHUB_RUN_ID") {
        let url = match (environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")) {
            (Some(server), Some(repository)) => Some(format!("{server}/{repository}/actions/runs/{id}")),
            _ => None,
        };
        return DeployedBy { kind: "github".to_owned(), id: Some(id.to_owned()), url };
    }
    if let Some(id) = environment.get("CODEBUILD_BUILD_ID") {
        let url = environment.get("CODEBUILD_BUILD_URL").map(str::to_owned);
        return DeployedBy { kind: "codebuild".to_owned(), id: Some(id.to_owned()), url };
    }
    DeployedBy { kind: "cli".to_owned(), id: None, url: None }
}

/// The execution that the command belongs to: a build, one attempt of a workflow's run, or the process itself.
pub(super) fn execution(environment: &Environment) -> ExecutionId {
    if let Some(run) = environment.get("GITHUB_RUN_ID") {
        let attempt = environment.get("GITHUB_RUN_ATTEMPT").unwrap_or("1");
        return ExecutionId::new(format!("github/{run}/{attempt}"));
    }
    match environment.get("CODEBUILD_BUILD_ID") {
        Some(build) => ExecutionId::new(format!("codebuild/{build}")),
        None => ExecutionId::new(format!("process/{:032x}", fastrand::u128(..))),
    }
}

/// The images that were given. With variables to deploy, the file that is looked for by default may be missing.
fn images(what: &WhatArgs, has_variables: bool, runner: Runner) -> Result<Images, Failure> {
    let is_default = what.image_definitions.is_none();
    let file = match &what.image_definitions {
        Some(file) => Some(file.as_str()),
        None if what.image.is_empty() => Some(IMAGE_DEFINITIONS),
        None => None,
    };
    let mut images = match file {
        Some("-") => {
            let content = read("standard input", std::io::stdin(), runner)?;
            image_definitions::parse("standard input", &content, runner)?
        }
        Some(path) => match File::open(path) {
            // A file of a similar name is probably meant.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && is_default
                    && has_variables
                    && nearby(path).is_none() =>
            {
                Images::default()
            }
            opened => {
                let opened = opened.map_err(|error| unreadable(path, error, runner))?;
                image_definitions::parse(path, &read(path, opened, runner)?, runner)?
            }
        },
        None => Images::default(),
    };
    for assignment in &what.image {
        images.assign(assignment).map_err(|invalid| invalid.failure(runner))?;
    }
    Ok(images)
}

fn read(name: &str, from: impl Read, runner: Runner) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(READ_AT_MOST).read_to_end(&mut bytes).map_err(|error| unreadable(name, error, runner))?;
    Ok(bytes)
}

fn unreadable(path: &str, error: std::io::Error, runner: Runner) -> Failure {
    let near = nearby(path);
    let advice = match (error.kind(), runner) {
        (ErrorKind::NotFound, _) if near.is_some() => {
            let (there, how) = near.unwrap_or_default();
            format!(
                "There is {there}, whose name differs in {how} only: let the build write {path}, or give it by \
                 --image-definitions"
            )
        }
        // An input that was emptied looks as if it had not been given.
        (ErrorKind::NotFound, Runner::GitHub) => {
            "Give the file that the build wrote by `image-definitions`, or `images`. If `images` was given: GitHub empties \
             a job's output that holds a secret, as the number of the account often is one"
                .to_owned()
        }
        (ErrorKind::NotFound, Runner::Other) => {
            "Give the file that the build wrote by --image-definitions, or images by --image CONTAINER=URI".to_owned()
        }
        _ => "Give a file that can be read by --image-definitions".to_owned(),
    };
    Failure::new(FailureKind::Unreadable, format!("the image definitions in {path} cannot be read"))
        .caused_by(error)
        .advice(advice)
}

/// The file in the same folder that is probably meant by `path`, and in what its name differs.
fn nearby(path: &str) -> Option<(String, &'static str)> {
    let folder = path.strip_suffix(image_definitions::file_name(path))?;
    let names = std::fs::read_dir(if folder.is_empty() { "." } else { folder }).ok()?;
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.into_iter().map(|name| format!("{folder}{name}")).find_map(|there| {
        let how = image_definitions::nearly_named(path, &there)?;
        Some((there, how))
    })
}
