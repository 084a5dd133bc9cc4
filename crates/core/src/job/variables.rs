//! The action's output variables: what the pipeline's next actions can refer to.

use std::collections::BTreeMap;

use super::super::arn::TaskDefinitionArn;

/// How many bytes the output variables of an action may have together, keys and values.
pub const MAX_VARIABLES: usize = 122_880;

/// What is told of one service's deployment.
#[derive(Debug, Clone, Copy)]
pub struct ServiceOutputs<'a> {
    /// The service's name.
    pub service: &'a str,
    /// The revision that is live at the end.
    pub task_definition: Option<&'a TaskDefinitionArn>,
    /// The revision that was live at the beginning.
    pub previous: Option<&'a TaskDefinitionArn>,
    /// Our deployment's id.
    pub deployment_id: Option<&'a str>,
    /// The outcome, in its word.
    pub outcome: &'a str,
    /// The images of the revision that is live at the end, by container.
    pub images: &'a BTreeMap<String, String>,
}

/// The output variables: `TaskDefinitionArn`, `PreviousTaskDefinitionArn`, `Revision`,
/// `DeploymentId`, `Outcome`, and `Image_<container>` for each container.
///
/// With several services each key ends in `_<service>`. What is not known is left out, since a
/// pipeline can do nothing with an empty value. Other characters than CodePipeline takes become `_`;
/// where two keys are the same after that, the first has it. If they are too much for CodePipeline,
/// images are left out first, those of the last services first; then the last services.
#[must_use]
pub fn output_variables(services: &[ServiceOutputs<'_>]) -> BTreeMap<String, String> {
    let suffix = |told: &ServiceOutputs<'_>| match services {
        [_] => String::new(),
        _ => format!("_{}", told.service),
    };
    let facts = services.iter().map(|told| (facts(told), suffix(told)));
    let images = services.iter().map(|told| (images(told), suffix(told)));
    let mut variables = BTreeMap::new();
    let mut bytes = 0;
    for (group, suffix) in facts.chain(images) {
        let size = |(key, value): &(String, String)| key.len() + suffix.len() + value.len();
        bytes += group.iter().map(size).sum::<usize>();
        if bytes > MAX_VARIABLES {
            break;
        }
        for (key, value) in group {
            variables.entry(key_of(&format!("{key}{suffix}"))).or_insert(value);
        }
    }
    variables
}

/// Those that CodePipeline takes, as many as it takes.
pub(super) fn within_limits(mut variables: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut bytes = 0;
    variables.retain(|key, value| {
        let (is_sound, size) = (!key.is_empty() && key.chars().all(is_allowed), key.len() + value.len());
        let is_kept = is_sound && bytes + size <= MAX_VARIABLES;
        bytes += if is_kept { size } else { 0 };
        is_kept
    });
    variables
}

fn facts(told: &ServiceOutputs<'_>) -> Vec<(String, String)> {
    let arn = |arn: Option<&TaskDefinitionArn>| arn.map(ToString::to_string);
    let facts = [
        ("TaskDefinitionArn", arn(told.task_definition)),
        ("PreviousTaskDefinitionArn", arn(told.previous)),
        ("Revision", told.task_definition.map(|arn| arn.revision().to_string())),
        ("DeploymentId", told.deployment_id.map(str::to_owned)),
        ("Outcome", Some(told.outcome.to_owned())),
    ];
    facts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn images(told: &ServiceOutputs<'_>) -> Vec<(String, String)> {
    told.images.iter().map(|(container, image)| (format!("Image_{container}"), image.clone())).collect()
}

/// The key, in the characters that CodePipeline takes in one (AWS CodePipeline API reference,
/// `PutJobSuccessResult`).
fn key_of(text: &str) -> String {
    text.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect()
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '@' | '-' | '_')
}

#[cfg(test)]
mod tests;
