//! What was given, read by one rule: white space around a value is none of it, and an empty value is not
//! given, so that the next source is asked (the variable after the option, the profile after the variable).

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;

use clap::Command;
use evenkeel_core::failure::Failure;

use super::environment::Environment;

/// The prefixes of the variables that clap and the SDK read.
const PREFIXES: [&str; 2] = ["AWS_", "EVENKEEL_"];

/// The other variables that are read, in both cases.
const NAMES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/// The options whose values are somebody else's, and stay as they are: variables of a container.
const AS_IT_IS: [&str; 4] = ["env", "set-env", "set-secret", "set-label"];

/// The arguments with their options' values as they are meant; an option with an empty value is left out.
pub(super) fn arguments(arguments: &[OsString], cli: &Command) -> Vec<OsString> {
    let mut command = cli;
    let mut given: Vec<OsString> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        if text == "--" {
            given.push(argument.clone());
            given.extend(rest.cloned());
            break;
        }
        let Some(option) = text.strip_prefix("--") else {
            command = command.find_subcommand(text).unwrap_or(command);
            given.push(argument.clone());
            continue;
        };
        let (name, inside) = option.split_once('=').map_or((option, None), |(name, it)| (name, Some(it)));
        let known =
            command.get_arguments().find(|it| it.get_long() == Some(name) && !AS_IT_IS.contains(&name));
        let Some(known) = known.filter(|it| it.get_action().takes_values()) else {
            given.push(argument.clone());
            continue;
        };
        let separator = known.get_value_delimiter();
        if let Some(value) = inside {
            let value = meant(value, separator);
            given.extend((!value.is_empty()).then(|| format!("--{name}={value}").into()));
            continue;
        }
        // A value that looks like an option is refused by clap, with its own words.
        match rest.as_slice().first().and_then(|value| value.to_str()).filter(|it| !it.starts_with("--")) {
            Some(value) => {
                let _ = rest.next();
                let value = meant(value, separator);
                if !value.is_empty() {
                    given.extend([argument.clone(), value.into()]);
                }
            }
            None => given.push(argument.clone()),
        }
    }
    given
}

/// The variables that do not stand in the environment as they are meant, and what they mean; `None` for
/// one that is not given.
///
/// # Errors
/// [`Failure::invalid_input`] for a variable of AWS's with a control character inside, which no header
/// of a request can hold.
pub(super) fn variables(
    environment: &Environment,
    cli: &Command,
) -> Result<Vec<(String, Option<String>)>, Failure> {
    let mut changes = Vec::new();
    for (name, value) in environment.all().filter(|(name, _)| is_read(name)) {
        let meant = meant(value, separator_of(name, cli));
        if name.starts_with("AWS_") && meant.contains(char::is_control) {
            let what = format!("the variable {name} has a line break or another control character in it");
            return Err(Failure::invalid_input(what).advice("Set it to one line of text"));
        }
        if meant != value || meant.is_empty() {
            changes.push((name.to_owned(), (!meant.is_empty()).then_some(meant)));
        }
    }
    Ok(changes)
}

/// Starts the program anew in this process, with these changes in its environment: clap and the SDK read
/// the process's own, which safe code cannot change. Returns only if that fails.
pub(super) fn start_again(changes: &[(String, Option<String>)]) -> io::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = std::process::Command::new(program);
    let mut arguments = std::env::args_os();
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments);
    for (name, value) in changes {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.exec()
}

fn is_read(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NAMES.iter().any(|known| name == *known || name == known.to_uppercase())
}

/// What separates several values in this variable.
fn separator_of(name: &str, command: &Command) -> Option<char> {
    let twin = command.get_arguments().find(|it| it.get_env().is_some_and(|env| env == name));
    match twin {
        Some(twin) => twin.get_value_delimiter(),
        None => command.get_subcommands().find_map(|it| separator_of(name, it)),
    }
}

/// The value without the white space around it, and around each of several; an empty one is none.
fn meant(value: &str, separator: Option<char>) -> String {
    match separator {
        Some(separator) => {
            let values: Vec<&str> =
                value.split(separator).map(str::trim).filter(|value| !value.is_empty()).collect();
            values.join(&separator.to_string())
        }
        None => value.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::parser;
    use super::*;

    #[test]
    fn an_options_value_has_no_white_space_around_it_and_an_empty_one_is_not_given() {
        for (typed, read) in [
            (
                &["deploy", "--cluster", " prod\n", "--no-wait"][..],
                &["deploy", "--cluster", "prod", "--no-wait"][..],
            ),
            (&["deploy", "--service=web\r\n"], &["deploy", "--service=web"]),
            (&["deploy", "--service", "web, api ,\n"], &["deploy", "--service", "web,api"]),
            (&["deploy", "--role-arn", "", "--cluster=prod"], &["deploy", "--cluster=prod"]),
            (&["deploy", "--role-arn=", "--record", " , "], &["deploy"]),
            (&["deploy", "--image-definitions", "-"], &["deploy", "--image-definitions", "-"]),
            // Wrong usage stays as it is typed.
            (&["deploy", "--cluster", "--service", "x "], &["deploy", "--cluster", "--service", "x"]),
            (&["deploy", "--no-wait", "", "--nope", " "], &["deploy", "--no-wait", "", "--nope", " "]),
            (&["deploy", "--cluster"], &["deploy", "--cluster"]),
            (&["record", "show", "--record", "file:x\n"], &["record", "show", "--record", "file:x"]),
            (&["deploy", "--", "--cluster", " x"], &["deploy", "--", "--cluster", " x"]),
            (&["deploy", "--set-env", "app:A= b "], &["deploy", "--set-env", "app:A= b "]),
            (&["run", "--env", " A= b ", "--env=C= "], &["run", "--env", " A= b ", "--env=C= "]),
        ] {
            let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
            assert_eq!(arguments(&words(typed), &parser()), words(read), "{typed:?}");
        }
    }

    #[test]
    fn variables_that_are_read_are_changed_to_what_they_mean_and_no_others() {
        let environment: Environment = [
            ("AWS_REGION", ""),
            ("AWS_DEFAULT_REGION", "eu-west-1\n"),
            ("AWS_PROFILE", "web"),
            ("EVENKEEL_SERVICE", "web, api\r\n"),
            ("EVENKEEL_CLUSTER", " \t"),
            ("HTTPS_PROXY", "http://proxy:3128 "),
            ("no_proxy", "a, b"),
            ("HOME", "/home/x "),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
        let changes = variables(&environment, &parser()).unwrap();
        let changes: Vec<_> = changes.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        assert_eq!(
            changes,
            [
                ("AWS_DEFAULT_REGION", Some("eu-west-1")),
                ("AWS_REGION", None),
                ("EVENKEEL_CLUSTER", None),
                ("EVENKEEL_SERVICE", Some("web,api")),
                ("HTTPS_PROXY", Some("http://proxy:3128")),
            ]
        );
    }
}
