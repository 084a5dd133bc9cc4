//! Where a deployment is told besides standard output: GitHub's log, outputs and summary, and a file.

use std::fs::OpenOptions;
use std::io::{Stderr, Write, stderr};

use evenkeel_core::failure::Failure;
use evenkeel_core::plan::Plan;
use evenkeel_core::request::DeployRequest;
use serde_json::Value;

use crate::clock::Clock;
use crate::deploy::Report;
use crate::one_off::TaskReport;
use crate::output::github::{self, Fence, Level};
use crate::output::{self, Story};

use super::args::{OutputArg, ResultArg, RolloutArgs};
use super::environment::Environment;
use super::{inputs, print, print_error, print_json};

/// Exit status of `plan --detailed-exitcode` when there is a change.
const CHANGES: u8 = 8;

/// How many annotations of a level GitHub shows of a step (GitHub, "Workflow commands").
const ANNOTATIONS: usize = 10;

/// What surrounds the command, as far as it wants to be told in a form of its own.
#[derive(Debug)]
pub(super) struct CallSite {
    /// A step of GitHub Actions.
    is_github: bool,
    /// Where GitHub wants a summary of the step.
    summary: Option<String>,
    /// Where GitHub wants the step's outputs.
    outputs: Option<String>,
    /// Where a JUnit report is wanted.
    junit: Option<String>,
    /// What GitHub is to hide.
    secret: Option<String>,
    /// The result as a document.
    document: fn(&Report) -> Value,
    /// The result for people.
    text: fn(&Report) -> String,
}

impl CallSite {
    /// Around a deployment.
    pub(super) fn new(rollout: &RolloutArgs, environment: &Environment) -> Self {
        let around = Self::of_a_watch(environment);
        Self {
            junit: rollout.junit.clone(),
            document: output::report_document,
            text: output::report_text,
            ..around
        }
    }

    /// Around `evenkeel watch` and `evenkeel run`.
    pub(super) fn of_a_watch(environment: &Environment) -> Self {
        let path = |name: &str| environment.get(name).map(str::to_owned);
        Self {
            is_github: environment.is_github(),
            summary: path("GITHUB_STEP_SUMMARY"),
            outputs: path("GITHUB_OUTPUT"),
            junit: None,
            secret: inputs::secrets(environment).map(str::to_owned),
            document: output::watch_document,
            text: output::watch_text,
        }
    }

    /// Begins the lines that tell the progress, which end when what is returned is dropped.
    pub(super) fn begin(&self, title: &str) -> Option<FoldedLines> {
        self.is_github.then(|| {
            let secret = self.secret.as_deref().map(github::mask).unwrap_or_default();
            print_error(&format!("{secret}{}", github::group(title)));
            FoldedLines { fence: Some(Fence::open(stderr())) }
        })
    }

    /// Tells what a deployment came to; returns the exit status.
    pub(super) fn tell(&self, report: &Report, story: &Story, format: ResultArg) -> u8 {
        if let Some(failure) = report.first_failure() {
            self.print_errors(&format!("{}{}", output::failure_text(failure), output::reasons_text(report)));
        }
        if self.is_github {
            annotate(report);
        }
        self.append("summary", self.summary.as_ref(), || github::step_summary(report, story));
        self.append("outputs", self.outputs.as_ref(), || github::step_outputs(report));
        if let Some(path) = &self.junit
            && let Err(error) = std::fs::write(path, output::report_junit(report, story))
        {
            self.warn(&format!("the JUnit report cannot be written to {path}: {error}"));
        }
        match format {
            ResultArg::Text => print(&(self.text)(report)),
            ResultArg::Json => print_json(&(self.document)(report)),
            ResultArg::Env => print(&output::report_env(report)),
        }
        report.exit_status()
    }

    /// Tells that a deployment was not begun; returns the exit status.
    pub(super) fn refuse(&self, failure: Failure, format: ResultArg) -> u8 {
        self.tell(&Report::refused(failure), &Story::beginning(Clock::system().local()), format)
    }

    /// Tells what a deployment would do; returns the exit status.
    pub(super) fn tell_plan(
        &self,
        planned: Result<(Plan, DeployRequest), Failure>,
        format: ResultArg,
        detailed: bool,
    ) -> u8 {
        match planned {
            Ok((plan, request)) => {
                for warning in &plan.warnings {
                    self.warn(warning);
                }
                self.append("summary", self.summary.as_ref(), || github::plan_summary(&plan, &request));
                let changes = plan.changes_anything(&request);
                match format {
                    ResultArg::Text => {
                        let text = output::plan_text(&plan, &request);
                        print(&if self.is_github { github::fenced(&text) } else { text });
                    }
                    ResultArg::Json => print_json(&output::plan_document(&plan, &request)),
                    ResultArg::Env => print(&output::plan_env(changes)),
                }
                if detailed && changes { CHANGES } else { 0 }
            }
            Err(failure) => {
                self.print_errors(&output::failure_text(&failure));
                if self.is_github {
                    print_error(&github::annotation(Level::Error, "Evenkeel: plan", &failure.to_string()));
                }
                let status = failure.kind().exit_status();
                match format {
                    ResultArg::Text => {}
                    ResultArg::Json => print_json(&output::failed_document("evenkeel.plan/v1", &failure)),
                    ResultArg::Env => print(&output::exit_env(status)),
                }
                status
            }
        }
    }

    /// Tells what a one-off task came to. A log that was shown as it came is not told again, but on GitHub, which folds it.
    pub(super) fn tell_task(&self, report: &TaskReport, was_log_shown: bool, format: OutputArg) {
        if let Some(failure) = &report.failure {
            let is_log_seen = was_log_shown && !self.is_github;
            let log = if is_log_seen { String::new() } else { output::task_reasons_text(report) };
            self.print_errors(&format!("{}{log}", output::failure_text(failure)));
        }
        if self.is_github {
            let (level, message) = match &report.failure {
                Some(failure) => (Level::Error, failure.to_string()),
                None => (Level::Notice, output::task_text(report)),
            };
            print_error(&github::annotation(level, &output::task_title(report), message.trim_end()));
            for warning in report.warnings.iter().take(ANNOTATIONS) {
                print_error(&github::annotation(Level::Warning, "Evenkeel", warning));
            }
        }
        match format {
            OutputArg::Text => print(&output::task_text(report)),
            OutputArg::Json => print_json(&output::task_document(report)),
        }
    }

    fn append(&self, what: &str, path: Option<&String>, text: impl FnOnce() -> String) {
        if let Some(path) = path
            && let Err(error) = append(path, &text())
        {
            self.warn(&format!("the step's {what} cannot be written to {path}: {error}"));
        }
    }

    fn warn(&self, warning: &str) {
        if self.is_github {
            print_error(&github::annotation(Level::Warning, "Evenkeel", warning));
        } else {
            print_error(&format!("warning: {warning}\n"));
        }
    }

    fn print_errors(&self, text: &str) {
        print_error(&if self.is_github { github::fenced(text) } else { text.to_owned() });
    }
}

/// Lines that GitHub folds, and obeys nothing in.
#[derive(Debug)]
pub(super) struct FoldedLines {
    fence: Option<Fence<Stderr>>,
}

impl Drop for FoldedLines {
    fn drop(&mut self) {
        // The group's end is a command, and counts after the fence only.
        self.fence = None;
        print_error(github::END_OF_GROUP);
    }
}

/// Annotates the run with what came of each service.
fn annotate(report: &Report) {
    let mut errors = Vec::new();
    let mut notices = Vec::new();
    for service in &report.services {
        let name = service.service.rsplit('/').next().unwrap_or_default();
        let title = format!("{name}: {}", output::outcome_in_words(service));
        match &service.failure {
            Some(failure) => errors.push(github::annotation(Level::Error, &title, &failure.to_string())),
            None => {
                let message = output::result_sentence(service);
                notices.push(github::annotation(Level::Notice, &title, &message));
            }
        }
    }
    if let Some(failure) = &report.failure {
        errors.push(github::annotation(Level::Error, "Evenkeel: failed", &failure.to_string()));
    }
    let warning = |warning: &String| github::annotation(Level::Warning, "Evenkeel", warning);
    let warnings: Vec<String> = report.warnings.iter().map(warning).collect();
    for level in [errors, warnings, notices] {
        level.iter().take(ANNOTATIONS).for_each(|annotation| print_error(annotation));
    }
}

fn append(path: &str, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}
