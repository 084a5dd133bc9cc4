//! `evenkeel policy`.

use clap::{Args, ValueEnum};
use evenkeel_core::failure::Failure;
use evenkeel_core::notification::Channel;
use evenkeel_core::policy::{self, Deploys, Permissions, Works};
use evenkeel_core::record::{Sink, SinkPattern};
use evenkeel_core::request::{ClusterName, ServiceName};

use crate::output;

use super::action_type::ActionTypesArgs;
use super::claims_place::ClaimsPlace;
use super::{meaning, print_error, print_json};

/// Print the smallest IAM policy for a deployment, a worker, a watch or one-off tasks
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// What it is for
    #[arg(long = "for", value_name = "WHAT")]
    purpose: Purpose,
    /// The cluster's name or ARN [default: any]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// A service's name or ARN [default: any of the cluster's]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    service: Vec<String>,
    /// A family of the services' task definitions [default: any]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    family: Vec<String>,
    /// A role that the task definitions name, for their tasks or for ECS's agent; the former one too, for rollbacks [default: none]
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    role: Vec<String>,
    /// A repository of Amazon ECR that holds an image [default: any]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    repository: Vec<String>,
    /// A group that a container logs to [default: any]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    log_group: Vec<String>,
    /// Where the record is kept, as `evenkeel deploy` takes it
    #[arg(long, value_name = "SINK", value_delimiter = ',')]
    record: Vec<String>,
    /// Where notifications are sent, as `evenkeel deploy` takes it
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',')]
    notify: Vec<String>,
    /// Allow one-off tasks as well, for `--before` and `--after`
    #[arg(long)]
    one_off_tasks: bool,
    /// A rule or schedule that follows the image, as `evenkeel deploy` takes it
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    also: Vec<String>,
    /// A role by which one of those rules and schedules starts its tasks [default: none]
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    schedule_role: Vec<String>,
    /// The account [default: that of an ARN that is given, or any]
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// The Region [default: that of an ARN that is given, or any]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    #[command(flatten)]
    worker: ForWorkerArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "For a worker")]
struct ForWorkerArgs {
    #[command(flatten)]
    action_types: ActionTypesArgs,
    /// Where the workers keep their claims, as `evenkeel worker` takes it
    #[arg(long, value_name = "PLACE")]
    claims: Option<String>,
    /// A role that actions name by `RoleArn`: then the worker itself deploys nothing
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    assume_role: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// `evenkeel deploy`, also in the role that a worker assumes
    Deploy,
    /// `evenkeel worker`
    Worker,
    /// `evenkeel watch`
    Watch,
    /// `evenkeel run`
    Run,
}

/// Prints the policy; returns the exit status.
pub(super) fn run(args: &PolicyArgs) -> u8 {
    match permissions(args) {
        Ok(permissions) => {
            if let Some(deploys) = &permissions.deploys {
                tell_what_is_open(deploys, permissions.purpose);
            }
            print_json(&output::policy_document(&permissions.statements()));
            0
        }
        Err(failure) => {
            print_error(&output::failure_text(&failure));
            failure.kind().exit_status()
        }
    }
}

fn permissions(args: &PolicyArgs) -> Result<Permissions, Failure> {
    let cluster = args.cluster.as_deref().map(ClusterName::parse).transpose()?;
    let mut services = Vec::new();
    for name in &args.service {
        ServiceName::parse_another(name, &mut services)?;
    }
    let patterns = meaning::sinks(&args.record)?;
    let place = cluster.as_ref().and_then(ClusterName::place);
    let place = place.or_else(|| services.iter().find_map(ServiceName::place));
    let region = args.region.clone().or_else(|| place.map(|place| place.region.to_owned()));
    let account = args.account.clone().or_else(|| place.map(|place| place.account.to_owned()));
    if let Some(account) = account.as_ref().filter(|account| !is_account(account)) {
        return Err(wrong("--account", account, "an account's number has twelve digits"));
    }
    for (option, roles) in [
        ("--role", &args.role),
        ("--schedule-role", &args.schedule_role),
        ("--assume-role", &args.worker.assume_role),
    ] {
        if let Some(role) = roles.iter().find(|role| !role.starts_with("arn:") || !role.contains(":role/")) {
            return Err(wrong(
                option,
                role,
                "a role is named by its ARN, as arn:aws:iam::123456789012:role/web",
            ));
        }
    }
    let partition = place.map_or_else(|| partition_of(region.as_deref()), |place| place.partition.to_owned());
    let named_in_services = services.iter().find_map(ServiceName::cluster);
    let cluster = cluster.as_ref().map(ClusterName::short).or(named_in_services);
    let records = records(&patterns, cluster, &services)?;
    let cluster = cluster.unwrap_or("*").to_owned();
    let deploys = Deploys {
        cluster,
        services: services.iter().map(|service| service.short().to_owned()).collect(),
        families: args.family.clone(),
        roles: args.role.clone(),
        repositories: args.repository.clone(),
        log_groups: args.log_group.clone(),
        records,
        channels: Channel::parse_all(&args.notify)?,
        has_one_off_tasks: args.one_off_tasks,
        also: meaning::named_by_also(&args.also)?,
        schedule_roles: args.schedule_role.clone(),
    };
    let is_worker = args.purpose == Purpose::Worker;
    let works = if is_worker {
        Some(Works {
            action_types: args.worker.action_types.parse()?,
            claims: match args.worker.claims.as_deref().map(ClaimsPlace::parse).transpose()? {
                Some(ClaimsPlace::Bucket(at, encryption)) => Some((at, encryption)),
                // A folder needs no permission.
                Some(ClaimsPlace::Folder(_)) | None => None,
            },
            roles: args.worker.assume_role.clone(),
        })
    } else {
        None
    };
    Ok(Permissions {
        purpose: match args.purpose {
            Purpose::Deploy | Purpose::Worker => policy::Purpose::Deploy,
            Purpose::Watch => policy::Purpose::Watch,
            Purpose::Run => policy::Purpose::Run,
        },
        partition,
        region: region.unwrap_or_else(|| "*".to_owned()),
        account: account.unwrap_or_else(|| "*".to_owned()),
        deploys: (!is_worker || args.worker.assume_role.is_empty()).then_some(deploys),
        works,
    })
}

/// Where the records of these services are kept, or of any where none is named.
fn records(
    patterns: &[SinkPattern],
    cluster: Option<&str>,
    services: &[ServiceName],
) -> Result<Vec<Sink>, Failure> {
    let mut sinks: Vec<Sink> = Vec::new();
    let any = [None];
    let named: Vec<Option<&str>> = services.iter().map(|service| Some(service.short())).collect();
    for pattern in patterns {
        for service in if named.is_empty() { &any[..] } else { &named } {
            let sink = pattern.sink_of_any(cluster, *service)?;
            if !sinks.contains(&sink) {
                sinks.push(sink);
            }
        }
    }
    Ok(sinks)
}

/// What the policy leaves open because it was not named, and what it leaves out.
fn tell_what_is_open(deploys: &Deploys, purpose: policy::Purpose) {
    let deploys_images = purpose == policy::Purpose::Deploy;
    let open: Vec<&str> = [
        ("--cluster", deploys.cluster == "*"),
        ("--service", deploys.services.is_empty()),
        ("--family", deploys.families.is_empty() && purpose != policy::Purpose::Watch),
        ("--repository", deploys.repositories.is_empty() && deploys_images),
        ("--log-group", deploys.log_groups.is_empty()),
    ]
    .into_iter()
    .filter_map(|(option, is_open)| is_open.then_some(option))
    .collect();
    if !open.is_empty() {
        print_error(&format!("note: it is open to any where these are not given: {}\n", open.join(", ")));
    }
    let cannot = match purpose {
        policy::Purpose::Deploy => "a task definition that names roles cannot be registered",
        policy::Purpose::Run => "no task of a task definition that names roles can be run",
        policy::Purpose::Watch => return,
    };
    if deploys.roles.is_empty() {
        print_error(&format!("note: without --role {cannot}: iam:PassRole is left out\n"));
    }
    if !deploys.also.is_empty() && deploys.schedule_roles.is_empty() {
        let cannot = "no rule or schedule whose target has a role can be moved";
        print_error(&format!("note: without --schedule-role {cannot}: iam:PassRole is left out\n"));
    }
}

/// The partition that a Region is in, by how its name begins.
fn partition_of(region: Option<&str>) -> String {
    let region = region.unwrap_or_default();
    let known = [("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")];
    let found = known.into_iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("aws", |(_, partition)| partition).to_owned()
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn wrong(option: &str, value: &str, why: &str) -> Failure {
    Failure::usage(format!("{option} {value:?} is not understood")).because(why)
}
