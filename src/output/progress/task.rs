//! The lines that a one-off task leaves behind.

use std::time::Duration;

use evenkeel_core::one_off::Step;

use super::super::format;
use super::lines::Line;
use super::paint::Tone;
use crate::deploy::TaskNews;

/// The line for a piece of news, if there is one; `step` is when in a deployment the task runs, if it is one's.
pub(super) fn line(step: Option<Step>, news: &TaskNews<'_>) -> Option<Line> {
    let task = name(step);
    Some(match news {
        TaskNews::WaitsFor { task: other } => {
            let other = format::short_ids(other);
            Line::plain(format!(
                "{task}: waiting for the end of task {other}, which runs for the same service"
            ))
        }
        TaskNews::NotLaunched(why) => {
            Line::warning(&format!("{task}: ECS started none, and is asked again: {why}"))
        }
        TaskNews::Started { request, task: id } => {
            let (revision, container) = (request.revision.family_and_revision(), &request.container);
            let id = format::short_ids(id);
            Line::plain(format!("{task}: started for container {container} of {revision}, as {id}"))
        }
        TaskNews::Runs => Line::plain(format!("{task}: running")),
        TaskNews::Logged { container, line } => Line::plain(format!("{container} | {line}")),
        TaskNews::Ended { request, end } => {
            let tone = if end.is_success() { Tone::Running } else { Tone::Bad };
            Line::of_tone(format!("{task}: {}", format::task_end(&request.container, end)), tone)
        }
        TaskNews::Warning(warning) => Line::warning(warning),
        TaskNews::GoesOn => return None,
    })
}

/// The line for a task of which there was nothing to say for so long.
pub(super) fn nothing_new(step: Option<Step>, silent: Duration) -> Line {
    Line::plain(format!("{}: nothing new for {}", name(step), format::span(silent)))
}

fn name(step: Option<Step>) -> String {
    step.map_or_else(|| "task".to_owned(), |step| format!("task {}", step.as_str()))
}
