//! The command line as it is typed.

use clap::{CommandFactory, Parser, Subcommand};

use super::action_type::ActionTypeCommand;
#[cfg(feature = "sandbox")]
use super::args::SandboxArgs;
use super::args::{DeployArgs, LiveArgs, PlanArgs, RollbackArgs};
use super::drift::DriftArgs;
use super::policy::PolicyArgs;
use super::record::RecordCommand;
use super::run::RunArgs;
use super::watch::WatchArgs;
use super::worker::WorkerArgs;

/// The deploy step for Amazon ECS that keeps Terraform on an even keel.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The parser of the command line. Each option has a variable of the environment, as `--role-arn` has
/// `EVENKEEL_ROLE_ARN`, whose value is not printed.
pub(super) fn parser() -> clap::Command {
    with_variables(Cli::command())
}

fn with_variables(command: clap::Command) -> clap::Command {
    let with_variable = |option: clap::Arg| match option.get_long() {
        Some(name) if !option.is_hide_set() => {
            let variable = format!("EVENKEEL_{}", name.to_uppercase().replace('-', "_"));
            option.env(variable).hide_env_values(true)
        }
        Some(_) | None => option,
    };
    command.mut_args(with_variable).mut_subcommands(with_variables)
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Deploy new images to services and wait for the result
    Deploy(DeployArgs),
    /// Show what a deploy would change; write nothing
    Plan(PlanArgs),
    /// Roll a service back to its last successful revision and wait for the result
    Rollback(RollbackArgs),
    /// Run a one-off task of a service's revision in the service's surroundings and wait for its end
    Run(RunArgs),
    /// Follow the rollout under way on a service, anybody's, to its end; change nothing
    Watch(WatchArgs),
    /// Show what a service runs now
    Live(LiveArgs),
    /// Compare what runs with what is recorded, and with what Terraform believes
    Drift(DriftArgs),
    /// Make, show, repair or empty the record of a service's deployments
    #[command(subcommand)]
    Record(RecordCommand),
    /// Take the jobs of the CodePipeline custom action, deploy, and answer each
    Worker(WorkerArgs),
    /// The custom action type of CodePipeline that `evenkeel worker` takes the jobs of
    #[command(subcommand)]
    ActionType(ActionTypeCommand),
    /// Print the smallest IAM policy for a deployment, a worker, a watch or one-off tasks
    Policy(PolicyArgs),
    /// Play a pipeline's deploy action on an embedded AWS: no account, no network
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
}
