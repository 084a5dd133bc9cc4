//! What a deployment's progress looks like, on standard error: a live view, plain lines, or warnings alone.
//!
//! `lines` turns progress into lines that stay and `rollout` into a model of how each rollout stands. Plain lines and
//! the live view print both; the terminal's library only draws. A one-off task has no rollout to draw.

mod layout;
mod lines;
mod live;
mod paint;
mod plain;
mod quiet;
mod rollout;
mod screen;
mod task;
mod task_narrator;
#[cfg(test)]
mod tests;

use std::io::Stderr;

use crate::deploy::Progress;

pub use live::LiveView;
pub use paint::Palette;
pub use plain::Narrator;
pub use quiet::Warner;
pub use screen::Size;
pub use task_narrator::TaskNarrator;

/// How progress is shown on standard error.
#[derive(Debug)]
pub enum ProgressView {
    /// A view that is drawn again in its place.
    Live(LiveView),
    /// A line for each change.
    Plain(Narrator<Stderr>),
    /// Warnings alone.
    Quiet(Warner<Stderr>),
}

impl ProgressView {
    /// Shows one piece of progress.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        match self {
            Self::Live(view) => view.tell(progress),
            Self::Plain(view) => view.tell(progress),
            Self::Quiet(view) => view.tell(progress),
        }
    }
}
