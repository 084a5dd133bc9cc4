//! The summary of a step.

use std::fmt::Write;

use evenkeel_core::diff::Change;
use evenkeel_core::plan::Plan;
use evenkeel_core::request::DeployRequest;

use crate::deploy::{Report, ServiceReport};

use super::super::format;
use super::super::reasons::reasons_text;
use super::super::result::{outcome_in_words, report_in_words};
use super::super::scheduled::report_line;
use super::super::story::Story;
use super::super::text::{plan_text, printable, short};
use super::timeline::timeline;

/// The longest fence, in bytes: a step's summary may have 1 MiB (GitHub, "Workflow commands"), and
/// there are four of them.
const LONGEST: usize = 100 * 1024;

/// How many services, warnings and failures are told of.
const MOST: usize = 200;

/// What a deployment came to, as Markdown: the services and where they run, what changed, when what
/// happened, and why what failed did.
///
/// What AWS and the containers say stands in fences, so that nothing in it is taken for Markdown.
#[must_use]
pub fn step_summary(report: &Report, story: &Story) -> String {
    let mut text = format!("### Evenkeel: {}\n\n", report_in_words(report));
    if !report.services.is_empty() {
        text.push_str("| service | outcome | revision | time |\n| --- | --- | --- | --- |\n");
        report.services.iter().take(MOST).for_each(|service| row(&mut text, service, story));
        text.push('\n');
    }
    let lines: Vec<String> = report.scheduled.iter().flatten().take(MOST).map(report_line).collect();
    if !lines.is_empty() {
        text.push_str("#### Scheduled tasks\n\n");
        text.push_str(&in_fence("text", &lines.join("\n")));
    }
    let failures = report.services.iter().filter_map(|service| service.failure.as_ref());
    let failures: Vec<String> = failures
        .chain(&report.failure)
        .take(MOST)
        .map(|failure| printable(&failure.to_string()))
        .chain(Some(reasons_text(report)).filter(|reasons| !reasons.is_empty()))
        .collect();
    if !failures.is_empty() {
        text.push_str("#### Why\n\n");
        text.push_str(&in_fence("text", failures.join("\n").trim_end()));
    }
    text.push_str(&changed(&story.changes));
    if let Some(timeline) = timeline(story) {
        text.push_str("#### When\n\n");
        text.push_str(&timeline);
    }
    text.push_str(&warned(&report.warnings));
    text
}

/// What a deployment would do, as Markdown.
#[must_use]
pub fn plan_summary(plan: &Plan, request: &DeployRequest) -> String {
    let changes: Vec<Change> =
        plan.revisions.iter().flat_map(|revision| &revision.changes).cloned().collect();
    let said: Vec<String> = plan_text(plan, request).lines().map(printable).collect();
    let said: Vec<String> = said.into_iter().filter(|line| !line.starts_with(' ')).collect();
    format!(
        "### Evenkeel: plan\n\n{}{}{}",
        in_fence("text", &said.join("\n")),
        changed(&changes),
        warned(&plan.warnings)
    )
}

fn row(text: &mut String, service: &ServiceReport, story: &Story) {
    let (previous, live) = (short(service.previous.as_ref()), short(service.task_definition.as_ref()));
    let name = format::name(&service.service);
    // Names have letters, digits, hyphens and underscores only, and so has the page's address.
    let name = match story.console(&service.service) {
        Some(url) => format!("[{name}]({url})"),
        None => name.to_owned(),
    };
    let way = if previous == live { format!("`{live}`") } else { format!("`{previous}` → `{live}`") };
    let how = outcome_in_words(service);
    let took = format::took(service.duration);
    // Writing into a string does not fail.
    let _ = writeln!(text, "| {name} | {how} | {way} | {took} |");
}

fn changed(changes: &[Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut lines = String::new();
    for change in changes {
        let mut line = |sign: &str, text: &str| lines.push_str(&[sign, " ", &printable(text), "\n"].concat());
        line(" ", &change.path);
        if let Some(from) = &change.from {
            line("-", from);
        }
        if let Some(to) = &change.to {
            line("+", to);
        }
    }
    format!("#### What changed\n\n{}", in_fence("diff", lines.trim_end()))
}

fn warned(warnings: &[String]) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let warnings: Vec<String> = warnings.iter().take(MOST).map(|warning| printable(warning)).collect();
    format!("#### Warnings\n\n{}", in_fence("text", &warnings.join("\n")))
}

/// The text in a fence that is longer than any in it, cut where it is too long.
fn in_fence(language: &str, text: &str) -> String {
    let cut = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let end = if cut < text.len() { "\n…" } else { "" };
    let text = &text[..cut];
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{text}{end}\n{fence}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use evenkeel_core::failure::{Failure, FailureKind};

    #[test]
    fn what_aws_says_cannot_leave_its_fence() {
        let failure = Failure::new(FailureKind::RolloutFailed, "x ``` | <img src=x> ````\n# y");
        let story = Story::beginning(Timestamp::default());
        let text = step_summary(&Report::refused(failure), &story);
        assert_eq!(
            text,
            "### Evenkeel: failed\n\n#### Why\n\n`````text\nx ``` | <img src=x> ```` # y\n`````\n\n"
        );
    }

    #[test]
    fn a_change_is_told_as_a_diff_and_a_long_one_is_cut() {
        let change =
            |to: &str| Change { path: "a".to_owned(), from: Some("1".to_owned()), to: Some(to.to_owned()) };
        assert_eq!(changed(&[change("2\n+ 3")]), "#### What changed\n\n```diff\n  a\n- 1\n+ 2 + 3\n```\n\n");
        let long = changed(&[change(&"ö".repeat(LONGEST))]);
        assert!(long.len() < LONGEST + 100 && long.ends_with("\n…\n```\n\n"), "{}", long.len());
    }
}
