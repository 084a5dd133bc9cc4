//! Warnings alone.

use std::io::Write;

use super::lines::Line;
use super::paint::Palette;
use crate::deploy::{Progress, TaskNews};

/// Writes a deployment's warnings, and no progress.
#[derive(Debug)]
pub struct Warner<W> {
    out: W,
    palette: Palette,
}

impl<W: Write> Warner<W> {
    /// One that writes to `out`.
    pub fn new(out: W, palette: Palette) -> Self {
        Self { out, palette }
    }

    /// Takes one piece of progress.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Planned(plan) => plan.warnings.iter().for_each(|warning| self.warn(warning)),
            Progress::Warning(warning) | Progress::Task { news: TaskNews::Warning(warning), .. } => {
                self.warn(warning);
            }
            Progress::Registered(_)
            | Progress::Adopted(_)
            | Progress::Started { .. }
            | Progress::Joined { .. }
            | Progress::Resumed { .. }
            | Progress::PlannedAgain { .. }
            | Progress::Seen { .. }
            | Progress::RollingBack { .. }
            | Progress::Task { .. }
            | Progress::Scheduled(_)
            | Progress::Ended { .. } => {}
        }
    }

    fn warn(&mut self, warning: &str) {
        // A reader that went away is no reason to stop a deployment.
        let _ = self.out.write_all(Line::warning(warning).painted(self.palette).as_bytes());
    }
}
