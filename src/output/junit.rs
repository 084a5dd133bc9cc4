//! A deployment's steps as a test report, which CodeBuild and others show.
//!
//! The XML is written by hand: `quick-junit` would save forty lines, for an XML parser, a calendar and their
//! dependencies in the image.

use std::fmt::Write;
use std::time::Duration;

use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::{Failure, FailureKind};

use crate::deploy::{Report, ServiceReport};

use super::format;
use super::reasons::reasons_text;
use super::result::report_text;
use super::story::{Step, StepKind, Story};

/// The longest text of an element, in characters.
const LONGEST: usize = 20_000;

/// A JUnit XML report: a test case for each step of each service, of which those that failed say why.
///
/// A verdict is a `failure`; what kept Evenkeel from coming to one, as a call that AWS refused, is an
/// `error`.
#[must_use]
pub fn report_junit(report: &Report, story: &Story) -> String {
    let cases = cases(report, story);
    let count = |is: fn(&Failure) -> bool| {
        cases.iter().filter(|case| case.failure.as_ref().is_some_and(|(failure, _)| is(failure))).count()
    };
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\"",
        cases.len(),
        count(is_verdict),
        count(|failure| !is_verdict(failure)),
        seconds(story.last().since(story.began())),
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"evenkeel\" {totals}>\n  \
         <testsuite name=\"evenkeel\" {totals} skipped=\"0\" timestamp=\"{}\">\n",
        story.began().to_string().trim_end_matches('Z'),
    );
    cases.iter().for_each(|case| case.write(&mut text));
    let said: Vec<String> = report.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    let said = format!("{}{}", report_text(report), said.concat());
    if !said.is_empty() {
        // Writing into a string does not fail.
        let _ = writeln!(text, "    <system-out>{}</system-out>", escaped(&said));
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

struct Case<'a> {
    class: String,
    name: String,
    duration: Duration,
    /// Why it failed, and all that is known of it.
    failure: Option<(&'a Failure, String)>,
}

fn cases<'a>(report: &'a Report, story: &Story) -> Vec<Case<'a>> {
    let now = story.last();
    let case = |class: &str, step: &Step| Case {
        class: class.to_owned(),
        name: step.what.clone(),
        duration: step.duration(now),
        failure: None,
    };
    let of = |service: Option<&str>| {
        let is_case = |step: &&Step| step.kind != StepKind::Stage && !is_failed_move(step);
        let steps = story.steps.iter().filter(is_case);
        steps.filter(move |step| step.service.as_deref() == service).collect::<Vec<_>>()
    };
    let mut cases: Vec<Case<'_>> = of(None).into_iter().map(|step| case("evenkeel", step)).collect();
    for service in &report.services {
        let class = class(service);
        let steps = of(Some(&service.service));
        let failed = steps.iter().position(|step| step.failed);
        let mut own: Vec<Case<'_>> = steps.iter().map(|step| case(&class, step)).collect();
        let failure = service.failure.as_ref().map(|failure| (failure, reasons_text(report)));
        match (failed, failure) {
            (Some(place), Some(failure)) => own[place].failure = Some(failure),
            // A service without a rollout has a verdict, too, and another may fail beside its rollout.
            (_, failure) if failure.is_some() || own.is_empty() => {
                // Of a failed move the service has the failure, though its rollout succeeded.
                let is_of_a_move = matches!(service.outcome, Outcome::Deployed | Outcome::Unchanged)
                    && failure.is_some()
                    && story.steps.iter().any(is_failed_move);
                let name = if is_of_a_move {
                    "move its scheduled tasks".to_owned()
                } else {
                    format!("be {}", report_word(service))
                };
                own.push(Case { class, name, duration: service.duration, failure });
            }
            _ => {}
        }
        cases.extend(own);
    }
    if let Some(failure) = &report.failure {
        let name = if cases.is_empty() { "plan" } else { "deploy" };
        cases.push(Case {
            class: "evenkeel".to_owned(),
            name: name.to_owned(),
            duration: now.since(story.began()),
            failure: Some((failure, String::new())),
        });
    }
    cases
}

/// Whether a scheduled task could not be moved; a case of the service says so.
fn is_failed_move(step: &Step) -> bool {
    step.kind == StepKind::Schedule && step.failed
}

/// What the service was to be.
fn report_word(service: &ServiceReport) -> &'static str {
    if service.failure.is_some() { "deployed" } else { service.outcome.as_str() }
}

fn class(service: &ServiceReport) -> String {
    format!("{}.{}", format::name(&service.cluster), format::name(&service.service))
}

/// Whether it is what came of a rollout.
fn is_verdict(failure: &Failure) -> bool {
    matches!(failure.kind(), FailureKind::RolloutFailed | FailureKind::Superseded | FailureKind::TimedOut)
}

impl Case<'_> {
    fn write(&self, text: &mut String) {
        let (class, name) = (escaped(&self.class), escaped(&self.name));
        let head = format!(
            "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{}\"",
            seconds(self.duration)
        );
        // Writing into a string does not fail.
        let _ = match &self.failure {
            None => writeln!(text, "{head}/>"),
            Some((failure, reasons)) => {
                let element = if is_verdict(failure) { "failure" } else { "error" };
                let (kind, message) = (failure.kind().as_str(), failure.to_string());
                writeln!(
                    text,
                    "{head}>\n      <{element} type=\"{kind}\" message=\"{}\">{}</{element}>\n    </testcase>",
                    escaped(&message),
                    escaped(&format!("{message}\n{reasons}")),
                )
            }
        };
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// The text as it may stand in an element or an attribute, without the characters that XML 1.0 has no
/// way to say.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().take(LONGEST) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_its_element() {
        assert_eq!(
            escaped("<a href=\"x\">&amp;</a>\u{1b}[31m\u{0}\u{ffff}]]>\n'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt; [31m  ]]&gt;\n'"
        );
    }
}
