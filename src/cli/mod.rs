//! The command line: what was typed, what it means, what comes of it.

mod action_type;
mod args;
mod deploy;
mod deployment;
mod drift;
mod environment;
mod live;
mod log;
mod meaning;
mod policy;
mod record;
mod rollback;
#[cfg(feature = "sandbox")]
mod sandbox;
mod signals;
mod worker;

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;
use clap::error::ErrorKind;
use serde_json::Value;

use crate::domain::failure::{Failure, FailureKind};
use crate::output;

use args::{Cli, Command};
use environment::Environment;

/// Runs the command in `arguments`, the program's name first, and returns its exit status.
pub async fn run(arguments: Vec<OsString>) -> u8 {
    let environment = Environment::read();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => match cli.command {
            Command::Deploy(args) => deploy::run(&args, &environment).await,
            Command::Plan(args) => deploy::plan(&args, &environment).await,
            Command::Rollback(args) => rollback::run(&args, &environment).await,
            Command::Live(args) => live::run(&args, &environment).await,
            Command::Drift(args) => drift::run(&args, &environment).await,
            Command::Record(command) => record::run(&command, &environment).await,
            Command::Worker(args) => worker::run(&args, &environment).await,
            Command::ActionType(command) => action_type::run(&command).await,
            Command::Policy(args) => policy::run(&args),
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => sandbox::run(&args).await,
        },
        Err(error) => refuse(&error, &arguments, &environment),
    }
}

/// Prints a usage error, or the help that was asked for.
fn refuse(error: &clap::Error, arguments: &[OsString], environment: &Environment) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        print(&error.to_string());
        return 0;
    }
    print_error(&error.to_string());
    if wants_json(arguments, environment) {
        let schema = match arguments.get(1).and_then(|command| command.to_str()) {
            Some("plan") => "evenkeel.plan/v1",
            Some("live") => "evenkeel.live/v1",
            Some("drift") => "evenkeel.drift/v1",
            Some("record") => "evenkeel.records/v1",
            _ => "evenkeel.deployment/v1",
        };
        let failure = Failure::new(FailureKind::Usage, error.to_string().trim_end());
        let document = match schema {
            "evenkeel.deployment/v1" => output::report_document(&crate::deploy::Report::refused(failure)),
            schema => output::failed_document(schema, &failure),
        };
        print_json(&document);
    }
    FailureKind::Usage.exit_status()
}

/// Whether JSON was asked for by a command line that does not parse.
fn wants_json(arguments: &[OsString], environment: &Environment) -> bool {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        if argument == "--output" {
            return arguments.next() == Some("json");
        }
        if let Some(format) = argument.strip_prefix("--output=") {
            return format == "json";
        }
    }
    environment.get("EVENKEEL_OUTPUT") == Some("json")
}

fn print_json(document: &Value) {
    // A document of our own making has no keys that are not strings.
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    print(&format!("{text}\n"));
}

/// Prints the result. A reader that went away is not an error of the deployment.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn print_error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
