//! A one-off task's progress as plain lines: what becomes of the task, and what its container logs.

use std::io::Write;

use super::lines::Line;
use super::paint::Palette;
use super::plain::SILENCE;
use super::task::{line, nothing_new};
use crate::clock::Moment;
use crate::one_off::TaskNews;

/// Writes the progress of a one-off task, a line at a time.
#[derive(Debug)]
pub struct TaskNarrator<W> {
    out: W,
    palette: Palette,
    /// Only warnings are written.
    is_quiet: bool,
    /// When a line was written last.
    last: Moment,
}

impl<W: Write> TaskNarrator<W> {
    /// A narrator that writes to `out` where something changes, and once a minute where nothing does.
    pub fn new(out: W, palette: Palette) -> Self {
        Self { out, palette, is_quiet: false, last: Moment::now() }
    }

    /// A narrator that writes warnings alone.
    pub fn quiet(out: W, palette: Palette) -> Self {
        Self { is_quiet: true, ..Self::new(out, palette) }
    }

    /// Writes the line for a piece of news, if there is one.
    pub fn tell(&mut self, news: &TaskNews<'_>) {
        let is_told = match news {
            TaskNews::Warning(_) => true,
            TaskNews::WaitsFor { .. }
            | TaskNews::NotLaunched(_)
            | TaskNews::Started { .. }
            | TaskNews::Runs
            | TaskNews::Logged { .. }
            | TaskNews::GoesOn
            | TaskNews::Ended { .. } => !self.is_quiet,
        };
        if is_told && let Some(line) = line(None, news).or_else(|| self.silence()) {
            self.last = Moment::now();
            // A reader that went away is no reason to stop a task.
            let _ = self.out.write_all(line.painted(self.palette).as_bytes());
        }
    }

    /// The line after a minute without any.
    fn silence(&self) -> Option<Line> {
        let silent = Moment::now().since(self.last);
        (silent >= SILENCE).then(|| nothing_new(None, silent))
    }
}
