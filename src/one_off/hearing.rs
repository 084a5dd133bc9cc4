//! Passes the news of a one-off task on, and keeps what the report needs.

use std::collections::VecDeque;

use super::{TaskListener, TaskNews};

/// How many of the last lines of the log a failure shows.
const LOG_LINES: usize = 20;

/// Passes the news on, and keeps what a report needs of them.
pub(super) struct Hearing<'a, 'l> {
    listen: &'a mut TaskListener<'l>,
    /// What the user should know besides, each once.
    pub(super) warnings: Vec<String>,
    /// The last lines of the log.
    pub(super) tail: VecDeque<String>,
    /// How many lines were logged.
    pub(super) lines: usize,
    /// Why the task was not started yet, if there is a reason.
    pub(super) not_started: Option<String>,
}

impl<'a, 'l> Hearing<'a, 'l> {
    pub(super) fn new(listen: &'a mut TaskListener<'l>) -> Self {
        Self { listen, warnings: Vec::new(), tail: VecDeque::new(), lines: 0, not_started: None }
    }

    pub(super) fn hear(&mut self, news: TaskNews<'_>) {
        match &news {
            TaskNews::WaitsFor { task } => {
                self.not_started = Some(format!("task {task} still runs for the same service"));
            }
            TaskNews::NotLaunched(why) => self.not_started = Some(why.to_string()),
            TaskNews::Started { .. } => self.not_started = None,
            TaskNews::Logged { line, .. } => self.logged(line),
            TaskNews::Warning(warning) => return self.warn(warning),
            // The last lines of the log are shown before the end.
            TaskNews::Ended { .. } => return,
            TaskNews::Runs | TaskNews::GoesOn => {}
        }
        (self.listen)(news);
    }

    /// Shows a warning, once.
    pub(super) fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            (self.listen)(TaskNews::Warning(warning));
            self.warnings.push(warning.to_owned());
        }
    }

    /// Passes on news that the report does not need.
    pub(super) fn tell(&mut self, news: TaskNews<'_>) {
        (self.listen)(news);
    }

    fn logged(&mut self, line: &str) {
        self.lines += 1;
        if self.tail.len() == LOG_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }
}
