//! Plain lines, for logs and for whoever has them read aloud: a line only where something changed.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::super::format;
use super::lines::{Line, Reporter};
use super::paint::Palette;
use super::rollout::RolloutView;
use super::task;
use crate::clock::Moment;
use crate::deploy::{Progress, TaskNews};

/// How long a rollout may go on without a line: CI systems call a job stalled after some minutes without any.
pub(super) const SILENCE: Duration = Duration::from_secs(60);

/// Tells a deployment's progress, a line at a time.
#[derive(Debug)]
pub struct Narrator<W> {
    out: W,
    palette: Palette,
    reporter: Reporter,
    /// What was told last of each service's rollout.
    told: BTreeMap<String, RolloutView>,
    /// After how long without a change it is told again.
    silence: Option<Duration>,
    /// When a line was written last.
    last: Moment,
}

impl<W: Write> Narrator<W> {
    /// A narrator that writes to `out` where something changes.
    pub fn new(out: W) -> Self {
        Self {
            out,
            palette: Palette::plain(),
            reporter: Reporter::default(),
            told: BTreeMap::new(),
            silence: None,
            last: Moment::now(),
        }
    }

    /// A narrator that also writes a line a minute for a rollout in which nothing changes.
    pub fn every_minute(out: W, palette: Palette) -> Self {
        Self { palette, silence: Some(SILENCE), ..Self::new(out) }
    }

    /// Tells one thing.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        let told = self.reporter.tell(progress);
        let stands = told.view.filter(|view| self.is_due(view));
        let mut lines = told.lines;
        lines.extend(stands.as_ref().map(|view| Line::plain(line(view))));
        if let Some(view) = stands {
            self.told.insert(view.service.clone(), view);
        }
        if lines.is_empty() {
            lines.extend(self.still_runs(progress));
        }
        if !lines.is_empty() {
            self.last = Moment::now();
        }
        let text: String = lines.iter().map(|line| line.painted(self.palette)).collect();
        // A reader that went away is no reason to stop a deployment.
        let _ = self.out.write_all(text.as_bytes());
    }

    /// The line for a one-off task of which there was nothing to say for a while.
    fn still_runs(&self, progress: &Progress<'_>) -> Option<Line> {
        let Progress::Task { step, news: TaskNews::GoesOn } = progress else { return None };
        let silent = Moment::now().since(self.last);
        self.silence.is_some_and(|silence| silent >= silence).then(|| task::nothing_new(*step, silent))
    }

    fn is_due(&mut self, view: &RolloutView) -> bool {
        let Some(told) = self.told.get_mut(&view.service) else { return true };
        // The time of a rollback begins anew.
        told.elapsed = told.elapsed.min(view.elapsed);
        let silent = view.elapsed - told.elapsed;
        view.differs_from(told) || self.silence.is_some_and(|silence| silent >= silence)
    }
}

/// `web: 1 min 5 s: 2 of 3 tasks run, 1 pending, 3 old; bake time, 4 min left; has started 3 tasks: …`
fn line(view: &RolloutView) -> String {
    let stands = [vec![view.tasks_in_words()], view.details()].concat().join("; ");
    format!("{}: {}: {stands}", view.service, format::span(view.elapsed))
}
