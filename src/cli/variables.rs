//! The options that set variables of containers and give them back.

use clap::Args;
use evenkeel_core::failure::Failure;
use evenkeel_core::variables::{VariableChanges, VariableKind};

/// Each value is public: it stands in the record, in plans and in Terraform's state.
#[derive(Debug, Args)]
#[command(next_help_heading = "Variables of the pipeline")]
pub(super) struct VariablesArgs {
    /// An environment variable that the pipeline owns from now on. Its value is public: it stands in the record, in plans and
    /// in Terraform's state; a value that looks like a secret is refused
    #[arg(long, value_name = "CONTAINER:NAME=VALUE", value_delimiter = '\n')]
    set_env: Vec<String>,
    /// A secret that the pipeline owns from now on: the ARN of a secret or a parameter, or a parameter's name. ECS reads its
    /// value when a task starts
    #[arg(long, value_name = "CONTAINER:NAME=REFERENCE", value_delimiter = '\n')]
    set_secret: Vec<String>,
    /// A Docker label that the pipeline owns from now on, with a public value
    #[arg(long, value_name = "CONTAINER:NAME=VALUE", value_delimiter = '\n')]
    set_label: Vec<String>,
    /// An environment variable that the pipeline owns no longer: it gets the value from before, or is removed
    #[arg(long, value_name = "CONTAINER:NAME", value_delimiter = '\n')]
    unset_env: Vec<String>,
    /// A secret that the pipeline owns no longer
    #[arg(long, value_name = "CONTAINER:NAME", value_delimiter = '\n')]
    unset_secret: Vec<String>,
    /// A Docker label that the pipeline owns no longer
    #[arg(long, value_name = "CONTAINER:NAME", value_delimiter = '\n')]
    unset_label: Vec<String>,
    /// Own also variables that the service has already and that the pipeline does not own yet
    #[arg(long)]
    take_over: bool,
}

impl VariablesArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// Those of [`VariableChanges::assign`] and [`VariableChanges::unassign`].
    pub(super) fn changes(&self) -> Result<VariableChanges, Failure> {
        let mut changes = VariableChanges { take_over: self.take_over, ..VariableChanges::default() };
        for (kind, set, unset) in [
            (VariableKind::Environment, &self.set_env, &self.unset_env),
            (VariableKind::Secret, &self.set_secret, &self.unset_secret),
            (VariableKind::Label, &self.set_label, &self.unset_label),
        ] {
            set.iter().try_for_each(|text| changes.assign(kind, text))?;
            unset.iter().try_for_each(|text| changes.unassign(kind, text))?;
        }
        Ok(changes)
    }
}
