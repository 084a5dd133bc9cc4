//! The summary of a step of GitHub Actions.

use std::fmt::Write;

use crate::deploy::{Report, ServiceReport};

use super::reasons::reasons_text;
use super::text::{printable, short};

/// What a deployment came to, as Markdown: a table of the services, and why those that failed did.
///
/// What AWS and the containers say stands in fences, so that nothing in it is taken for Markdown. It
/// has some kilobytes, of the 1 MiB that a step's summary may have (GitHub, "Workflow commands").
#[must_use]
pub fn summary_markdown(report: &Report) -> String {
    let mut text = format!("### Evenkeel: {}\n\n", report.outcome);
    if !report.services.is_empty() {
        text.push_str("| service | outcome | revision | seconds |\n| --- | --- | --- | --- |\n");
        report.services.iter().for_each(|service| row(&mut text, service));
        text.push('\n');
    }
    let failures = report.services.iter().filter_map(|service| service.failure.as_ref());
    for failure in failures.chain(&report.failure) {
        text.push_str(&fenced(&printable(&failure.to_string())));
    }
    let reasons = reasons_text(report);
    if !reasons.is_empty() {
        text.push_str(&fenced(reasons.trim_end()));
    }
    for warning in &report.warnings {
        text.push_str(&fenced(&format!("warning: {}", printable(warning))));
    }
    text
}

fn row(text: &mut String, service: &ServiceReport) {
    let (previous, live) = (short(service.previous.as_ref()), short(service.task_definition.as_ref()));
    // Names have letters, digits, hyphens and underscores only. Writing into a string does not fail.
    let _ = writeln!(
        text,
        "| `{}` | {} | `{previous}` → `{live}` | {:.0} |",
        service.service,
        service.outcome,
        service.duration.as_secs_f64()
    );
}

/// The text in a fence that is longer than any in it.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{text}\n{fence}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::failure::{Failure, FailureKind};

    #[test]
    fn what_aws_says_cannot_leave_its_fence() {
        let failure = Failure::new(FailureKind::RolloutFailed, "x ``` | <img src=x> ````\n# y");
        let text = summary_markdown(&Report::refused(failure));
        assert_eq!(text, "### Evenkeel: failed\n\n`````text\nx ``` | <img src=x> ```` # y\n`````\n\n");
    }
}
