//! `evenkeel action-type`.

use clap::{Args, Subcommand, ValueEnum};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ActionType, ActionVersion, Category, Definition, Provider};

use crate::aws::{Aws, Connection, Network};
use crate::output;

use super::environment::Environment;
use super::{print, print_error, print_json};

/// What to do about the custom action type
#[derive(Debug, Subcommand)]
pub(super) enum ActionTypeCommand {
    /// Print its definition: for the AWS CLI, Terraform or CloudFormation
    Print(PrintArgs),
    /// Make it in the account
    Create(CreateArgs),
}

/// What the versions of a custom action have in common
#[derive(Debug, Args)]
struct ActionArgs {
    /// The provider of the custom action, as pipelines name it
    #[arg(long, value_name = "NAME", default_value = "Evenkeel")]
    provider: String,
    /// The category of the custom action
    #[arg(long, value_name = "NAME", default_value = "Deploy", ignore_case = true)]
    category: CategoryArg,
}

/// Which custom action type
#[derive(Debug, Args)]
pub(super) struct ActionTypeArgs {
    #[command(flatten)]
    action: ActionArgs,
    /// The version of the custom action, as pipelines name it
    #[arg(long, value_name = "VERSION", default_value = "1")]
    action_version: String,
}

/// Which versions of a custom action type
#[derive(Debug, Args)]
pub(super) struct ActionTypesArgs {
    #[command(flatten)]
    action: ActionArgs,
    /// The versions of the custom action, as pipelines name them: several while pipelines move to another one
    #[arg(long, value_name = "VERSION", default_value = "1", value_delimiter = ',')]
    action_version: Vec<String>,
}

impl ActionArgs {
    /// One version of the action.
    ///
    /// # Errors
    /// [`FailureKind::Usage`](evenkeel_core::failure::FailureKind::Usage) for a provider or a version
    /// that CodePipeline would refuse.
    fn version(&self, version: &str) -> Result<ActionType, Failure> {
        Ok(ActionType {
            category: match self.category {
                CategoryArg::Build => Category::Build,
                CategoryArg::Deploy => Category::Deploy,
                CategoryArg::Test => Category::Test,
                CategoryArg::Invoke => Category::Invoke,
            },
            provider: Provider::parse(&self.provider)?,
            version: ActionVersion::parse(version)?,
        })
    }
}

impl ActionTypeArgs {
    /// The action type that is meant.
    ///
    /// # Errors
    /// [`FailureKind::Usage`](evenkeel_core::failure::FailureKind::Usage) for a provider or a version
    /// that CodePipeline would refuse.
    pub(super) fn parse(&self) -> Result<ActionType, Failure> {
        self.action.version(&self.action_version)
    }
}

impl ActionTypesArgs {
    /// The action types that are meant, each once: one or more.
    ///
    /// # Errors
    /// [`FailureKind::Usage`](evenkeel_core::failure::FailureKind::Usage) for a provider or a version
    /// that CodePipeline would refuse.
    pub(super) fn parse(&self) -> Result<Vec<ActionType>, Failure> {
        let mut types = Vec::new();
        for version in &self.action_version {
            let one = self.action.version(version)?;
            if !types.contains(&one) {
                types.push(one);
            }
        }
        Ok(types)
    }
}

/// Print the definition of the custom action type
#[derive(Debug, Args)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    action_type: ActionTypeArgs,
    /// The Region of the clusters, for the console's links [default: the one that the console was in last]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// How to print it: json is for `aws codepipeline create-custom-action-type --cli-input-json`
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: FormatArg,
}

/// Make the custom action type in the account
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    action_type: ActionTypeArgs,
    /// The Region of the pipelines, and of the clusters for the console's links [default: that of the environment or the profile]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Another endpoint for every AWS service, as an emulator's
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum CategoryArg {
    Build,
    Deploy,
    Test,
    Invoke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    Json,
    Terraform,
    #[value(name = "cloudformation")]
    CloudFormation,
}

/// Does what the command says; returns the exit status.
pub(super) async fn run(command: &ActionTypeCommand, environment: &Environment) -> u8 {
    let done = match command {
        ActionTypeCommand::Print(args) => print_definition(args),
        ActionTypeCommand::Create(args) => create(args, environment).await,
    };
    match done {
        Ok(()) => 0,
        Err(failure) => {
            print_error(&output::failure_text(&failure));
            failure.kind().exit_status()
        }
    }
}

fn print_definition(args: &PrintArgs) -> Result<(), Failure> {
    let definition: Definition = args.action_type.parse()?.definition(args.region.as_deref())?;
    match args.format {
        FormatArg::Json => print_json(&output::action_type_json(&definition)),
        FormatArg::Terraform => print(&output::action_type_terraform(&definition)),
        FormatArg::CloudFormation => print(&output::action_type_cloudformation(&definition)),
    }
    Ok(())
}

async fn create(args: &CreateArgs, environment: &Environment) -> Result<(), Failure> {
    let definition = args.action_type.parse()?.definition(args.region.as_deref())?;
    let connection = Connection {
        region: args.region.clone(),
        endpoint_url: args.endpoint_url.clone(),
        network: Network::of(|name| environment.get(name)),
        ..Connection::default()
    };
    Aws::load(&connection).await?.create_action_type(&definition).await?;
    print(&format!("made action type {}\n", definition.action_type));
    Ok(())
}
