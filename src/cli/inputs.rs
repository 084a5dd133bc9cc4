//! The inputs of the GitHub action, as `evenkeel deploy` would be typed for them.
//!
//! The runner hands them over as `INPUT_<NAME>`, the name in capitals and with its hyphens, and does
//! not check that those are there that `action.yml` calls required (GitHub, "Metadata syntax").

use std::ffi::OsString;

use evenkeel_core::failure::Failure;

use super::environment::Environment;

/// What a value is made of an option by.
#[derive(Clone, Copy)]
enum Form {
    /// As it is.
    Value,
    /// Several values, a line each or separated by commas.
    Values,
    /// Several values, a line each.
    Lines,
    /// A number of minutes.
    Minutes,
    /// Given if it is true.
    Switch,
    /// Given if it is false.
    SwitchOff,
}

/// The inputs as `action.yml` names them, and their options.
const INPUTS: [(&str, &str, Form); 28] = [
    ("cluster", "cluster", Form::Value),
    ("service", "service", Form::Values),
    ("image-definitions", "image-definitions", Form::Value),
    ("images", "image", Form::Values),
    ("before", "before", Form::Lines),
    ("after", "after", Form::Lines),
    ("set-env", "set-env", Form::Lines),
    ("set-secret", "set-secret", Form::Lines),
    ("set-label", "set-label", Form::Lines),
    ("unset-env", "unset-env", Form::Lines),
    ("unset-secret", "unset-secret", Form::Lines),
    ("unset-label", "unset-label", Form::Lines),
    ("take-over", "take-over", Form::Switch),
    ("also", "also", Form::Values),
    ("timeout-minutes", "timeout", Form::Minutes),
    ("on-failure", "on-failure", Form::Value),
    ("wait", "no-wait", Form::SwitchOff),
    ("force-new-deployment", "force-new-deployment", Form::Switch),
    ("skip-verify", "skip-verify", Form::Switch),
    ("max-task-failures", "max-task-failures", Form::Value),
    ("placement-grace", "placement-grace", Form::Value),
    ("record", "record", Form::Values),
    ("notify", "notify", Form::Values),
    ("junit", "junit", Form::Value),
    ("dry-run", "dry-run", Form::Switch),
    ("role-arn", "role-arn", Form::Value),
    ("external-id", "external-id", Form::Value),
    ("region", "region", Form::Value),
];

/// Those without which nothing can be deployed.
const REQUIRED: [&str; 2] = ["cluster", "service"];

/// What a step with `uses: docker://…` is given besides, which is no input of ours.
const OF_THE_RUNNER: [&str; 2] = ["ARGS", "ENTRYPOINT"];

/// The arguments that stand for the inputs; none if `arguments` are not those of the action, which
/// gives the command's name alone.
///
/// # Errors
/// [`Failure::usage`] for an input that is missing, unknown or has no meaning.
pub(super) fn arguments(
    arguments: &[OsString],
    environment: &Environment,
) -> Result<Option<Vec<OsString>>, Failure> {
    let is_ours = environment.is_github() && arguments.len() == 2 && arguments[1] == "deploy";
    let mut given = environment.beginning_with("INPUT_").filter(|(name, _)| !OF_THE_RUNNER.contains(name));
    if !is_ours || given.next().is_none() {
        return Ok(None);
    }
    let known = |name: &str| INPUTS.iter().any(|(input, ..)| variable(input) == name);
    let all = environment.beginning_with("INPUT_").map(|(name, _)| name);
    if let Some(unknown) = all.filter(|name| !OF_THE_RUNNER.contains(name)).find(|name| !known(name)) {
        let names: Vec<&str> = INPUTS.iter().map(|(input, ..)| *input).collect();
        return Err(wrong(&unknown.to_lowercase(), "there is no such input")
            .advice(format!("Give those of {}", names.join(", "))));
    }
    let mut typed = arguments.to_vec();
    for (input, option, form) in INPUTS {
        let value = environment.get(&format!("INPUT_{}", variable(input))).map(str::trim).unwrap_or_default();
        if value.is_empty() {
            if REQUIRED.contains(&input) {
                return Err(
                    wrong(input, "it is required").advice(format!("Add `{input}:` to the step's `with:`"))
                );
            }
            continue;
        }
        typed.extend(options(input, option, form, value)?.into_iter().map(OsString::from));
    }
    Ok(Some(typed))
}

/// The secrets among the inputs.
pub(super) fn secrets(environment: &Environment) -> Option<&str> {
    environment.is_github().then(|| environment.get("INPUT_EXTERNAL-ID"))?
}

/// The options in a form in which no value is taken for another option.
fn options(input: &str, option: &str, form: Form, value: &str) -> Result<Vec<String>, Failure> {
    let with = |value: &str| format!("--{option}={value}");
    let switch = |wanted: bool| match value {
        "true" | "True" | "TRUE" => Ok(wanted),
        "false" | "False" | "FALSE" => Ok(!wanted),
        _ => Err(wrong(input, &format!("{value:?} is neither true nor false"))),
    };
    let given = |is_given: bool| if is_given { vec![format!("--{option}")] } else { Vec::new() };
    match form {
        Form::Value => Ok(vec![with(value)]),
        Form::Values => {
            let values = value.split(['\n', ',']).map(str::trim).filter(|value| !value.is_empty());
            Ok(values.map(with).collect())
        }
        Form::Lines => {
            let values = value.lines().map(str::trim).filter(|value| !value.is_empty());
            Ok(values.map(with).collect())
        }
        Form::Minutes => match value.parse::<u32>() {
            Ok(minutes) if minutes > 0 => Ok(vec![with(&format!("{minutes}m"))]),
            Ok(_) | Err(_) => Err(wrong(input, &format!("{value:?} is no whole number of minutes above 0"))),
        },
        Form::Switch => switch(true).map(given),
        Form::SwitchOff => switch(false).map(given),
    }
}

/// What stands behind `INPUT_` for an input.
fn variable(input: &str) -> String {
    input.to_uppercase()
}

fn wrong(input: &str, why: &str) -> Failure {
    Failure::usage(format!("the action's input {input} cannot be used")).because(why)
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::super::args::DeployArgs;
    use super::*;

    fn typed(inputs: &[(&str, &str)]) -> Result<Option<Vec<OsString>>, String> {
        let inputs = inputs.iter().map(|(name, value)| (format!("INPUT_{name}"), (*value).to_owned()));
        let github = ("GITHUB_ACTIONS".to_owned(), "true".to_owned());
        let environment: Environment = inputs.chain([github]).collect();
        arguments(&["evenkeel".into(), "deploy".into()], &environment).map_err(|failure| failure.to_string())
    }

    /// Options that are no inputs, and why.
    const NO_INPUTS: [(&str, &str); 5] = [
        ("poll", "the default polls often enough, and a step has nothing to save"),
        ("output", "a step's outputs, summary and annotations are the result"),
        ("progress", "a step's log is no terminal, and wants its lines"),
        ("profile", "a step before configures the credentials, in the environment"),
        ("endpoint-url", "`AWS_ENDPOINT_URL` in the step's `env:` does the same"),
    ];

    #[test]
    fn every_option_of_a_deployment_is_an_input_or_has_a_reason_to_be_none() {
        let deploy = DeployArgs::augment_args(clap::Command::new("deploy"));
        let options: Vec<&str> = deploy.get_arguments().filter_map(|option| option.get_long()).collect();
        for option in &options {
            let is_input = INPUTS.iter().any(|(_, known, _)| known == option);
            let is_none = NO_INPUTS.iter().any(|(known, _)| known == option);
            assert!(is_input != is_none, "--{option}");
        }
        for (known, _) in NO_INPUTS {
            assert!(options.contains(&known), "--{known} is no option of `evenkeel deploy`");
        }
        for (input, option, _) in INPUTS {
            assert!(options.contains(&option), "{input}: --{option} is no option of `evenkeel deploy`");
        }
        let action: serde_json::Value = serde_saphyr::from_str(include_str!("../../action.yml")).unwrap();
        let declared: Vec<&str> = action["inputs"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut read = INPUTS.map(|(input, ..)| input);
        read.sort_unstable();
        assert_eq!(declared, read);
    }

    #[test]
    fn inputs_are_read_as_they_are_meant() {
        let inputs = [
            ("CLUSTER", " prod\n"),
            ("SERVICE", "web, api"),
            ("IMAGES", "app=a:1\n  --x=b:2\n\n"),
            ("TIMEOUT-MINUTES", "15"),
            ("ON-FAILURE", ""),
            ("WAIT", "False"),
            ("DRY-RUN", "false"),
            ("FORCE-NEW-DEPLOYMENT", "true"),
            ("ARGS", "deploy"),
        ];
        let typed = typed(&inputs).unwrap().unwrap();
        assert_eq!(
            typed.iter().map(|text| text.to_str().unwrap()).collect::<Vec<_>>(),
            [
                "evenkeel",
                "deploy",
                "--cluster=prod",
                "--service=web",
                "--service=api",
                "--image=app=a:1",
                "--image=--x=b:2",
                "--timeout=15m",
                "--no-wait",
                "--force-new-deployment",
            ]
        );
    }

    #[test]
    fn every_mistake_names_the_input() {
        let required = [("CLUSTER", "prod"), ("SERVICE", "web")];
        for (more, words) in [
            (("TIMEOUT-MINUTES", "soon"), ["timeout-minutes", "\"soon\" is no whole number"]),
            (("TIMEOUT-MINUTES", "0"), ["timeout-minutes", "above 0"]),
            (("WAIT", "yes"), ["input wait", "neither true nor false"]),
            (("TIMEOUT_MINUTES", "5"), ["timeout_minutes", "there is no such input"]),
            (("SERVICE", " "), ["input service", "it is required"]),
        ] {
            let inputs: Vec<_> = required.into_iter().filter(|it| it.0 != more.0).chain([more]).collect();
            let told = typed(&inputs).unwrap_err();
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
        assert!(typed(&required[1..]).unwrap_err().contains("Add `cluster:`"));
        assert_eq!(typed(&[]), Ok(None));
    }
}
