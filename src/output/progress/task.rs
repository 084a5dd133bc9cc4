//! The lines that a one-off task's progress leaves behind: what becomes of the task, and what its container logs.

use std::io::Write;
use std::time::Duration;

use evenkeel_core::one_off::{TaskEnd, TaskRequest};

use super::super::format;
use super::lines::Line;
use super::paint::{Palette, Tone};
use crate::clock::Moment;
use crate::one_off::TaskNews;

/// How long a task may go on without a line: CI systems call a job stalled after some minutes without any.
const SILENCE: Duration = Duration::from_secs(60);

/// Tells a one-off task's progress, a line at a time.
#[derive(Debug)]
pub struct TaskNarrator<W> {
    out: W,
    palette: Palette,
    /// Only warnings are told.
    is_quiet: bool,
    began: Moment,
    /// When a line was written last.
    last: Moment,
    /// The container that the log is of.
    container: String,
    /// What was told of the task last.
    told: String,
}

impl<W: Write> TaskNarrator<W> {
    /// A narrator that writes to `out` where something changes, and once a minute where nothing does.
    pub fn new(out: W, palette: Palette) -> Self {
        let now = Moment::now();
        let (container, told) = (String::new(), "not started yet".to_owned());
        Self { out, palette, is_quiet: false, began: now, last: now, container, told }
    }

    /// A narrator that writes warnings alone.
    pub fn quiet(out: W, palette: Palette) -> Self {
        Self { is_quiet: true, ..Self::new(out, palette) }
    }

    /// Tells one thing.
    pub fn tell(&mut self, news: &TaskNews<'_>) {
        match news {
            TaskNews::WaitsFor { task } => {
                self.state(format!(
                    "waiting for task {}, which runs for this service",
                    format::short_ids(task)
                ));
            }
            TaskNews::NotLaunched(why) => {
                self.state(format!("waiting, since ECS started no task: {why}"));
            }
            TaskNews::Started { request, task } => {
                self.container.clone_from(&request.container);
                self.state(format!("task {} of {} was started", format::short_ids(task), of(request)));
            }
            TaskNews::Runs => self.state(format!("{} runs", self.container)),
            TaskNews::Logged(line) => self.write(&Line {
                head: format!("{} |", self.container),
                rest: format!(" {line}"),
                tone: Tone::Faint,
            }),
            TaskNews::GoesOn => self.goes_on(),
            TaskNews::Ended { request, end } => self.ended(request, end),
            TaskNews::Warning(warning) => self.put(&Line::warning(warning)),
        }
    }

    /// Tells how the task stands, unless that was told last.
    fn state(&mut self, told: String) {
        if self.told != told {
            self.write(&Line::plain(told.clone()));
            self.told = told;
        }
    }

    fn goes_on(&mut self) {
        let now = Moment::now();
        if now.since(self.last) >= SILENCE {
            let elapsed = format::span(now.since(self.began));
            self.write(&Line::plain(format!("{elapsed}: {}", self.told)));
        }
    }

    fn ended(&mut self, request: &TaskRequest, end: &TaskEnd) {
        let (head, of) = (format!("{}:", request.container), request.revision.family_and_revision());
        let rest = match end {
            TaskEnd::Exited(code) => format!(" ended with {code}"),
            TaskEnd::NeverRan => " never ran".to_owned(),
            TaskEnd::Stopped => " was stopped".to_owned(),
            TaskEnd::TimedOut => " timed out".to_owned(),
            TaskEnd::Forgotten => " ended unseen".to_owned(),
            TaskEnd::NotLaunched(why) => format!(" no task of {of} was started: {why}"),
        };
        let tone = if end.is_success() { Tone::Running } else { Tone::Bad };
        self.write(&Line { head: format!("{head}{rest}"), rest: String::new(), tone });
    }

    /// Writes a line of the progress.
    fn write(&mut self, line: &Line) {
        if !self.is_quiet {
            self.put(line);
        }
    }

    fn put(&mut self, line: &Line) {
        self.last = Moment::now();
        // A reader that went away is no reason to stop a task.
        let _ = self.out.write_all(line.painted(self.palette).as_bytes());
    }
}

/// `app of web:42`.
fn of(request: &TaskRequest) -> String {
    format!("{} of {}", request.container, request.revision.family_and_revision())
}
