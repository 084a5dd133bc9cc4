//! Lines for people: a plan, a failure, and what they share with other texts.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::diff::Change;
use evenkeel_core::failure::Failure;
use evenkeel_core::one_off::Step;
use evenkeel_core::plan::{Plan, PlannedTask, RevisionOrigin};
use evenkeel_core::request::DeployRequest;

use super::scheduled;

/// What a deployment would do.
#[must_use]
pub fn plan_text(plan: &Plan, request: &DeployRequest) -> String {
    let mut lines = Vec::new();
    for planned in &plan.services {
        let revision = plan.revision_of(planned);
        let action = match &revision.source {
            RevisionOrigin::Register => "a new revision would be registered".to_owned(),
            RevisionOrigin::Adopt(arn) => {
                format!("{}, registered earlier, would be used again", arn.family_and_revision())
            }
            RevisionOrigin::Return(arn) => {
                format!("the service would go back to {}", arn.family_and_revision())
            }
            RevisionOrigin::Live if request.policy.force_new_deployment => {
                "a deployment would be forced".to_owned()
            }
            RevisionOrigin::Live => "nothing to change".to_owned(),
        };
        let base = revision.base.family_and_revision();
        lines.push(format!("{}: live is {base}; {action}", planned.service.name));
        lines.extend(revision.changes.iter().map(change_line));
    }
    for PlannedTask { step, container, service } in plan.tasks(request) {
        let when = match step {
            Step::Before => "before any service is updated",
            Step::After => "after the rollouts",
        };
        lines.push(format!("a task would run in container {container} of {}, {when}", service.name));
    }
    lines.extend(plan.scheduled.iter().map(|planned| scheduled::plan_line(plan, planned)));
    lines.join("\n") + "\n"
}

/// A failure, for standard error.
#[must_use]
pub fn failure_text(failure: &Failure) -> String {
    format!("error: {}\n", printable(&failure.to_string()))
}

/// A member that differs, and how.
pub(super) fn change_line(change: &Change) -> String {
    let path = &change.path;
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("  ~ {path}: {from} -> {to}"),
        (Some(from), None) => format!("  - {path}: {from}"),
        (None, Some(to)) => format!("  + {path}: {to}"),
        (None, None) => format!("  ~ {path}"),
    }
}

/// `web:12`, or a hyphen for none.
pub(super) fn short(revision: Option<&TaskDefinitionArn>) -> &str {
    revision.map_or("-", TaskDefinitionArn::family_and_revision)
}

/// The text without control characters: what ECS quotes may come from anybody's image.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
