//! What a deployment came to, for a shell: `eval "$(evenkeel deploy … --output env)"`.

use std::collections::BTreeSet;

use crate::deploy::{Report, ServiceReport};

/// Lines that export what came of each service as variables, and end with the exit status.
///
/// `eval` would lose the status of the command that it reads from; the last line hands a failure's on.
/// With several services each variable but `EVENKEEL_OUTCOME` ends in `_<SERVICE>`. What is not known
/// is left out. None has the name of an option's twin, so that a command after it means what it says.
#[must_use]
pub fn report_env(report: &Report) -> String {
    let mut text = export("EVENKEEL_OUTCOME", report.outcome.as_str());
    let mut known = BTreeSet::new();
    for service in &report.services {
        let suffix = match report.services.as_slice() {
            [_] => String::new(),
            _ => format!("_{}", service.service.rsplit('/').next().unwrap_or_default()),
        };
        for (name, value) in facts(service) {
            let name = name_of(&format!("{name}{suffix}"));
            // Where two names are the same in a shell's letters, the first has it.
            if known.insert(name.clone()) {
                text.push_str(&export(&name, &value));
            }
        }
    }
    text.push_str(&exit_env(report.exit_status()));
    text
}

/// Whether a plan changes anything, as a variable.
#[must_use]
pub fn plan_env(changes: bool) -> String {
    export("EVENKEEL_CHANGES", if changes { "true" } else { "false" })
}

/// The line by which `eval` gets this exit status; nothing for 0.
#[must_use]
pub fn exit_env(status: u8) -> String {
    if status == 0 { String::new() } else { format!("(exit {status})\n") }
}

fn facts(service: &ServiceReport) -> Vec<(String, String)> {
    let ServiceReport { task_definition, previous, .. } = service;
    let facts = [
        ("TASK_DEFINITION_ARN", task_definition.as_ref().map(ToString::to_string)),
        ("TASK_DEFINITION", task_definition.as_ref().map(|arn| arn.family_and_revision().to_owned())),
        ("PREVIOUS_TASK_DEFINITION_ARN", previous.as_ref().map(ToString::to_string)),
        ("REVISION", task_definition.as_ref().map(|arn| arn.revision().to_string())),
        ("DEPLOYMENT_ID", service.deployment.clone()),
        ("SERVICE_DEPLOYMENT_ARN", service.service_deployment.clone()),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let of = |what: &'static str| {
        move |(container, value): (&String, &String)| (format!("{what}_{container}"), value.clone())
    };
    let images = service.images.iter().map(of("LIVE_IMAGE"));
    let digests = service.digests.iter().map(of("LIVE_DIGEST"));
    facts.chain(images).chain(digests).map(|(name, value)| (format!("EVENKEEL_{name}"), value)).collect()
}

fn export(name: &str, value: &str) -> String {
    format!("export {name}={}\n", quoted(value))
}

/// The text as a shell's word in which nothing is expanded.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The name in the letters that a variable's may have.
fn name_of(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_a_shell_and_a_name_is_a_variable_s() {
        assert_eq!(export("A", "it's $(id) `id` \"\\\n;"), "export A='it'\\''s $(id) `id` \"\\\n;'\n");
        assert_eq!(name_of("EVENKEEL_LIVE_IMAGE_my-app.1"), "EVENKEEL_LIVE_IMAGE_MY_APP_1");
        assert_eq!((exit_env(0), exit_env(6)), (String::new(), "(exit 6)\n".to_owned()));
    }
}
