//! A deployment's steps as a picture.

use std::fmt::Write;

use crate::clock::Timestamp;

use super::super::format;
use super::super::story::{Step, StepKind, Story};

/// How many steps are drawn: more are not told apart.
const STEPS: usize = 60;

/// A Gantt chart in Mermaid's words; nothing if there were no steps.
///
/// A step's text has letters, digits, blanks, hyphens, underscores, colons, dots and slashes only. A colon would end the
/// task's name: blanks stand for colons, dots and slashes.
pub(super) fn timeline(story: &Story) -> Option<String> {
    let now = story.last();
    let drawn: Vec<&Step> = story.steps.iter().take(STEPS).collect();
    if drawn.is_empty() {
        return None;
    }
    let mut text = "```mermaid\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n".to_owned();
    let mut services: Vec<Option<&str>> = Vec::new();
    for step in &drawn {
        if !services.contains(&step.service.as_deref()) {
            services.push(step.service.as_deref());
        }
    }
    for service in services {
        let name = service.map_or("evenkeel", format::name);
        // Writing into a string does not fail.
        let _ = writeln!(text, "    section {name}");
        for step in drawn.iter().filter(|step| step.service.as_deref() == service) {
            let name = step.what.replace([':', '.', '/'], " ");
            let _ = writeln!(
                text,
                "    {name} :{}{}, {}",
                tags(step),
                milliseconds(step.from),
                // A step of no length would not be seen.
                milliseconds(step.to.unwrap_or(now)).max(milliseconds(step.from) + 1)
            );
        }
    }
    text.push_str("```\n\n");
    Some(text)
}

/// How Mermaid marks a task: what failed stands out.
fn tags(step: &Step) -> &'static str {
    match (step.failed, step.to, step.kind) {
        (true, ..) => "crit, ",
        (false, None, _) => "active, ",
        (false, Some(_), StepKind::RollBack) => "active, ",
        (false, Some(_), _) => "done, ",
    }
}

fn milliseconds(at: Timestamp) -> u128 {
    at.since_epoch().as_millis()
}
