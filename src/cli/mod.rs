//! The command line: what was typed, what it means, what comes of it.

mod action_type;
mod args;
mod call_site;
mod claims_place;
mod command;
mod credentials_end;
mod deploy;
mod deployment;
mod drift;
mod environment;
mod given;
mod inputs;
mod job_options;
mod live;
mod log;
mod meaning;
mod policy;
mod progress;
mod record;
mod rollback;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod signals;
mod stdout;
mod variables;
mod watch;
mod worker;

use std::ffi::OsString;
use std::io::Write;
use std::panic::AssertUnwindSafe;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use evenkeel_core::failure::{Failure, FailureKind};
use futures_util::FutureExt;
use serde_json::Value;

use crate::output;
use crate::output::github::{self, Level};

pub use job_options::job_options;

use command::{Cli, Command, parser};
use environment::Environment;
use stdout::{or_lost, print};

/// Runs the command in `arguments`, the program's name first, and returns its exit status.
pub async fn run(arguments: Vec<OsString>) -> u8 {
    let environment = Environment::read();
    let command = Box::pin(command(arguments.clone(), &environment));
    or_lost(guarded(command, &arguments, &environment).await)
}

/// The exit status that `command` comes to, also when it panics.
async fn guarded(command: impl Future<Output = u8>, arguments: &[OsString], environment: &Environment) -> u8 {
    // After a panic the command is dropped and nothing that it held is looked at again.
    match AssertUnwindSafe(command).catch_unwind().await {
        Ok(status) => status,
        Err(_) => {
            let bug = Failure::new(FailureKind::Bug, "a bug in Evenkeel: the command panicked").advice(
                "Please report it with what stands above; look at the service before you run it again",
            );
            refuse(&bug, &output::failure_text(&bug), arguments, environment)
        }
    }
}

async fn command(arguments: Vec<OsString>, environment: &Environment) -> u8 {
    // Built once: its several hundred options take a tenth of a start.
    let parser = parser();
    let arguments = match given(arguments.clone(), environment, &parser) {
        Ok(arguments) => arguments,
        Err(failure) => return refuse(&failure, &output::failure_text(&failure), &arguments, environment),
    };
    let parsed = parser.try_get_matches_from(&arguments);
    match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => match cli.command {
            Command::Deploy(args) => deploy::run(&args, environment).await,
            Command::Plan(args) => deploy::plan(&args, environment).await,
            Command::Rollback(args) => rollback::run(&args, environment).await,
            Command::Run(args) => run::run(&args, environment).await,
            Command::Watch(args) => watch::run(&args, environment).await,
            Command::Live(args) => live::run(&args, environment).await,
            Command::Drift(args) => drift::run(&args, environment).await,
            Command::Record(command) => record::run(&command, environment).await,
            Command::Worker(args) => worker::run(&args, environment).await,
            Command::ActionType(command) => action_type::run(&command, environment).await,
            Command::Policy(args) => policy::run(&args),
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => sandbox::run(&args).await,
        },
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print(&error.to_string());
            0
        }
        Err(error) => {
            let failure = Failure::usage(error.to_string().trim_end());
            refuse(&failure, &error.to_string(), &arguments, environment)
        }
    }
}

/// The arguments as they are meant. Where variables do not stand in the environment as they are meant, the
/// program starts anew with those that do.
fn given(
    arguments: Vec<OsString>,
    environment: &Environment,
    parser: &clap::Command,
) -> Result<Vec<OsString>, Failure> {
    let changes = given::variables(environment, parser)?;
    if !changes.is_empty() {
        let names: Vec<&str> = changes.iter().map(|(name, _)| name.as_str()).collect();
        let what = format!("white space around the value of {} cannot be taken away", names.join(", "));
        return Err(Failure::invalid_input(what)
            .caused_by(given::start_again(&changes))
            .advice("Set it without white space, or unset it where it is empty"));
    }
    let arguments = inputs::arguments(&arguments, environment)?.unwrap_or(arguments);
    Ok(given::arguments(&arguments, parser))
}

/// Prints an error of which there is no report, for people as `text`.
fn refuse(failure: &Failure, text: &str, arguments: &[OsString], environment: &Environment) -> u8 {
    if environment.is_github() {
        print_error(&github::fenced(text));
        let is_bug = failure.kind() == FailureKind::Bug;
        let title = if is_bug { "Evenkeel: failed" } else { "Evenkeel: wrong usage" };
        print_error(&github::annotation(Level::Error, title, &failure.to_string()));
    } else {
        print_error(text);
    }
    let status = failure.kind().exit_status();
    match wanted_format(arguments, environment) {
        Some("json") => print_json(&refused_document(failure.clone(), arguments)),
        Some("env") => print(&output::exit_env(status)),
        Some(_) | None => {}
    }
    status
}

fn refused_document(failure: Failure, arguments: &[OsString]) -> Value {
    let schema = match arguments.get(1).and_then(|command| command.to_str()) {
        Some("plan") => "evenkeel.plan/v1",
        Some("live") => "evenkeel.live/v1",
        Some("drift") => "evenkeel.drift/v1",
        Some("record") => "evenkeel.records/v1",
        Some("run") => return output::task_document(&crate::one_off::TaskReport::refused(failure)),
        Some("watch") => return output::watch_document(&crate::deploy::Report::refused(failure)),
        _ => return output::report_document(&crate::deploy::Report::refused(failure)),
    };
    output::failed_document(schema, &failure)
}

/// The format that was asked for by a command line that does not parse.
fn wanted_format<'a>(arguments: &'a [OsString], environment: &'a Environment) -> Option<&'a str> {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        match argument {
            "--output" => return arguments.next(),
            // What follows is the command of a one-off task.
            "--" => break,
            _ => {}
        }
        if let Some(format) = argument.strip_prefix("--output=") {
            return Some(format);
        }
    }
    environment.get("EVENKEEL_OUTPUT")
}

fn print_json(document: &Value) {
    // A document of our own making has no keys that are not strings.
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    // GitHub's runner obeys `##[…]` wherever it stands in a line; escaped, it is the same text.
    print(&format!("{}\n", text.replace("##[", r"##\u005b")));
}

fn print_error(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_panics_ends_with_70() {
        let environment = Environment::read();
        let panics = async {
            tokio::task::yield_now().await;
            panic!("as this test wants it");
        };
        assert_eq!(guarded(panics, &[], &environment).await, 70);
        assert_eq!(guarded(async { 7 }, &[], &environment).await, 7);
    }
}
