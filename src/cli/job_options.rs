//! The options of a job: those of `evenkeel deploy`, as the action's property `Options` has them in one
//! line.
//!
//! The line is split as a POSIX shell splits it: blanks separate words; `'…'` is literal; in `"…"` a
//! backslash stands before `"`, `\`, `$` and a backtick; elsewhere it makes the next character
//! literal. No variable is expanded, and `#` begins no comment. The words are parsed by the command
//! line's own parser, but without its twins in the environment: those would be the worker's own.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command, FromArgMatches};
use evenkeel_core::job::{JobOptions, Secret};
use evenkeel_core::notification::Channel;
use evenkeel_core::request::Policy;

use super::args::DeployArgs;
use super::{given, meaning};

/// Options that a property of the action stands for.
const PROPERTIES: [(&str, &str); 8] = [
    ("cluster", "ClusterName"),
    ("service", "ServiceName"),
    ("image", "Images"),
    ("image-definitions", "FileName"),
    ("timeout", "DeploymentTimeout"),
    ("on-failure", "OnFailure"),
    ("record", "Record"),
    ("role-arn", "RoleArn"),
];

/// Options that make no sense in a job, and why.
const SENSELESS: [(&str, &str); 12] = [
    ("no-wait", "a job ends with the result of the rollout"),
    ("dry-run", "a job deploys"),
    ("detailed-exitcode", "it is an option of `evenkeel plan`"),
    ("poll", "the worker watches the rollouts of all its jobs together"),
    ("progress", "a job has no terminal"),
    ("output", "a job's result is its output variables and its output artifact"),
    ("junit", "a job leaves no file behind"),
    ("region", "the Region is that of the cluster's ARN, or the worker's"),
    ("profile", "the credentials are those of the property RoleArn, or the worker's"),
    ("endpoint-url", "the endpoint is the worker's"),
    ("help", "`evenkeel deploy --help` lists the options"),
    ("version", "the worker's log tells its version"),
];

/// Options that a job can have.
const TAKEN: [&str; 16] = [
    "before",
    "after",
    "also",
    "set-env",
    "set-secret",
    "set-label",
    "unset-env",
    "unset-secret",
    "unset-label",
    "take-over",
    "max-task-failures",
    "placement-grace",
    "skip-verify",
    "force-new-deployment",
    "external-id",
    "notify",
];

/// Reads the line.
///
/// # Errors
/// Everything that is wrong, each with the option that it is about.
pub fn job_options(line: &str) -> Result<JobOptions, Vec<String>> {
    let words = words(line)?;
    let refused: Vec<String> = words.iter().filter_map(|word| refusal(word)).collect();
    if !refused.is_empty() {
        return Err(refused);
    }
    // What the parser requires is given by properties.
    let mut arguments: Vec<OsString> =
        ["--cluster=job", "--service=job", "--role-arn=job"].map(OsString::from).into();
    arguments.extend(words.into_iter().map(OsString::from));
    let parsed = command().try_get_matches_from(given::arguments(&arguments, &command()));
    let args = parsed
        .and_then(|matches| DeployArgs::from_arg_matches(&matches))
        .map_err(|error| vec![told(&error)])?;
    Ok(JobOptions {
        policy: Policy {
            force_new_deployment: args.what.force_new_deployment,
            ..meaning::policy(&args.rollout)
        },
        steps: meaning::steps(&args.steps, &args.rollout).map_err(|failure| vec![failure.to_string()])?,
        variables: args.variables.changes().map_err(|failure| vec![failure.to_string()])?,
        also: meaning::also(&args.rollout).map_err(|failure| vec![failure.to_string()])?,
        external_id: args.connection.external_id.map(Secret::new),
        channels: Channel::parse_all(&args.rollout.notify)
            .map_err(|failure| vec![format!("--notify: {failure}")])?,
    })
}

/// The words of the line; those that are no option are values.
fn words(line: &str) -> Result<Vec<String>, Vec<String>> {
    // To the splitter `#` begins a comment, which would leave options out without a word.
    const HASH: &str = "\u{e000}";
    let words = shlex::split(&line.replace('#', HASH))
        .ok_or_else(|| vec!["a quote is not closed, or a backslash is the last character".to_owned()])?;
    Ok(words.into_iter().map(|word| word.replace(HASH, "#")).collect())
}

/// Why an option is refused in a job.
fn refusal(word: &str) -> Option<String> {
    let option = word.strip_prefix("--")?;
    let option = option.split_once('=').map_or(option, |(name, _)| name);
    let find = |list: &[(&str, &'static str)]| {
        list.iter().find(|(name, _)| *name == option).map(|(_, reason)| *reason)
    };
    if let Some(property) = find(&PROPERTIES) {
        return Some(format!("--{option} is given by the property {property}"));
    }
    if let Some(why) = find(&SENSELESS) {
        return Some(format!("--{option} has no meaning in a job: {why}"));
    }
    let is_known = command().get_arguments().any(|known| known.get_long() == Some(option));
    (is_known && !TAKEN.contains(&option)).then(|| format!("--{option} has no meaning in a job"))
}

/// The parser of `evenkeel deploy`; no variable of the environment stands in for an option here.
fn command() -> Command {
    DeployArgs::augment_args(Command::new("Options"))
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
}

/// What the parser says, in one line. A word that is no option may be the rest of a secret whose quotes
/// are missing, and is not shown.
fn told(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        Some(_) | None => None,
    };
    let option = text(ContextKind::InvalidArg).unwrap_or_default();
    // `--placement-grace <TIME>`
    let name = option.split([' ', '=']).next().unwrap_or_default();
    let kind = error.kind();
    if kind == ErrorKind::UnknownArgument {
        return match text(ContextKind::SuggestedArg) {
            _ if !name.starts_with("--") => {
                "there is a word that belongs to no option; a value with blanks stands in quotes".to_owned()
            }
            Some(similar) => format!("there is no option {name}; a similar one is {similar}"),
            None => format!("there is no option {name}"),
        };
    }
    if kind == ErrorKind::ArgumentConflict {
        return format!("{name} is given twice");
    }
    if kind == ErrorKind::TooManyValues {
        return format!("{name} takes no value");
    }
    if kind == ErrorKind::InvalidValue && text(ContextKind::InvalidValue).unwrap_or_default().is_empty() {
        return format!("{name} has no value");
    }
    let why = std::error::Error::source(error).map_or_else(|| kind.to_string(), ToString::to_string);
    format!("the value of {name} cannot be used: {why}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mistakes(line: &str) -> String {
        job_options(line).unwrap_err().join("; ")
    }

    #[test]
    fn every_option_of_a_deployment_is_taken_or_refused_by_name() {
        let known: Vec<String> =
            command().get_arguments().filter_map(|option| option.get_long().map(str::to_owned)).collect();
        for option in &known {
            let places = [
                PROPERTIES.iter().any(|(name, _)| name == option),
                SENSELESS.iter().any(|(name, _)| name == option),
                TAKEN.contains(&option.as_str()),
            ];
            assert_eq!(places.iter().filter(|is_there| **is_there).count(), 1, "--{option}");
        }
        for option in TAKEN.into_iter().chain(PROPERTIES.map(|(name, _)| name)) {
            assert!(known.contains(&option.to_owned()), "--{option} is no option of `evenkeel deploy`");
        }
    }

    #[test]
    fn the_options_mean_what_they_mean_on_the_command_line() {
        let line = "--placement-grace=15m --max-task-failures 4 --skip-verify --force-new-deployment \
                    --notify eventbridge:one,eventbridge:two --external-id 'of the #1 role' \
                    --also rule:nightly@jobs/bus,family";
        let options = job_options(line).unwrap();
        assert_eq!(options.policy.placement_grace, Some(Duration::from_secs(15 * 60)));
        assert_eq!(options.policy.max_task_failures, Some(4));
        assert!(options.policy.skip_verify && options.policy.force_new_deployment);
        assert_eq!(options.channels, ["one", "two"].map(|bus| Channel::EventBus(bus.to_owned())));
        assert_eq!(
            options.also.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["rule:nightly@jobs/bus", "family"]
        );
        assert_eq!(options.external_id.unwrap().expose(), "of the #1 role");
        for line in ["", "--external-id '' --notify="] {
            assert_eq!(job_options(line).unwrap(), JobOptions::default(), "an empty value is not given");
        }
    }

    #[test]
    fn a_line_is_split_as_a_shell_splits_it() {
        for (line, expected) in [
            (r"--a  b	c", vec!["--a", "b", "c"]),
            (r"'a b' c\ d", vec!["a b", "c d"]),
            (r#""a \"b\" \\ $X `" --c='d e'"#, vec![r#"a "b" \ $X `"#, "--c=d e"]),
            (r"#a b#c", vec!["#a", "b#c"]),
            ("''", vec![""]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        for line in ["'a", "\"a", "a\\"] {
            assert_eq!(mistakes(line), "a quote is not closed, or a backslash is the last character");
        }
    }

    #[test]
    fn every_mistake_names_its_option() {
        for (line, told) in [
            ("--cluster prod", "--cluster is given by the property ClusterName"),
            ("--image-definitions=x", "--image-definitions is given by the property FileName"),
            (
                "--timeout 5m --record=file:x",
                "--timeout is given by the property DeploymentTimeout; --record is given by the property Record",
            ),
            ("--no-wait", "--no-wait has no meaning in a job: a job ends with the result of the rollout"),
            (
                "--detailed-exitcode",
                "--detailed-exitcode has no meaning in a job: it is an option of `evenkeel plan`",
            ),
            ("--profile=x", "--profile has no meaning in a job: the credentials are those of"),
            ("--help", "--help has no meaning in a job"),
            (
                "--placment-grace 15m",
                "there is no option --placment-grace; a similar one is --placement-grace",
            ),
            ("--frobnicate", "there is no option --frobnicate"),
            ("--skip", "there is no option --skip"),
            ("--placement-grace soon", "the value of --placement-grace cannot be used: expected number at 0"),
            ("--max-task-failures -1", "there is"),
            ("--max-task-failures many", "the value of --max-task-failures cannot be used: invalid digit"),
            ("--placement-grace", "--placement-grace has no value"),
            ("--skip-verify=yes", "--skip-verify takes no value"),
            ("--skip-verify --skip-verify", "--skip-verify is given twice"),
            ("--notify slack:#x", "--notify: \"slack:#x\" names nobody to notify"),
            (
                "--notify eventbridge:a --notify eventbridge:a",
                "--notify: the channel eventbridge:a is given twice",
            ),
            ("--also nightly", "--also \"nightly\" names no rule, schedule or family"),
            ("--also family --also family", "--also family is given twice"),
            ("--skip-verify -- x", "there is a word that belongs to no option"),
        ] {
            let mistakes = mistakes(line);
            assert!(mistakes.starts_with(told), "{line}: {mistakes}");
        }
    }

    #[test]
    fn no_mistake_shows_a_secret() {
        for line in [
            "--external-id s3cret s3cret",
            "--external-id -s3cret",
            "s3cret",
            "--external-id s3cret --external-id s3cret",
            "--external-id=s3cret --frobnicate=s3cret",
            "--external-id 's3cret",
            "--role-arn s3cret",
            "--skip-verify=s3cret",
            "--notify webhook:https://hooks.example.com/s3cret",
        ] {
            let mistakes = mistakes(line);
            assert!(!mistakes.contains("s3cret"), "{line}: {mistakes}");
        }
        let debug = format!("{:?}", job_options("--external-id s3cret").unwrap());
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
