//! A view of the rollouts that is drawn again and again below the lines that stay.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::layout::layout;
use super::lines::Reporter;
use super::paint::Palette;
use super::rollout::RolloutView;
use super::screen::{Screen, Size};
use crate::clock::Moment;
use crate::deploy::Progress;

/// How often the times are brought up to date while nothing is seen.
const TICK: Duration = Duration::from_millis(500);

/// The rollouts on a terminal. When it is dropped, the lines that stay are left.
#[derive(Debug)]
pub struct LiveView {
    screen: Screen,
    palette: Palette,
    reporter: Reporter,
    rollouts: Arc<Mutex<Vec<Seen>>>,
    /// Draws all rollouts.
    bar: ProgressBar,
}

/// How a rollout stood, and when that was seen.
#[derive(Debug)]
struct Seen {
    view: RolloutView,
    at: Moment,
}

impl LiveView {
    /// A view that is written to `out`, a terminal; `size` tells its size at any time.
    pub fn new(
        out: impl Write + Send + 'static,
        size: impl Fn() -> Size + Send + Sync + 'static,
        palette: Palette,
    ) -> Self {
        let screen = Screen::new(out, size);
        let rollouts: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let drawn = drawn(screen.clone(), rollouts.clone(), palette);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(drawn);
        Self { screen, palette, reporter: Reporter::default(), rollouts, bar }
    }

    /// The same view, which also draws by itself, so that its times go on.
    #[must_use]
    pub fn ticking(self) -> Self {
        self.bar.enable_steady_tick(TICK);
        self
    }

    /// Shows one piece of progress.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        let told = self.reporter.tell(progress);
        if let Some(view) = told.view {
            put(&self.rollouts, view);
        }
        if let Some(service) = told.over {
            locked(&self.rollouts).retain(|seen| seen.view.service != service);
        }
        let lines: String = told.lines.iter().map(|line| line.painted(self.palette)).collect();
        if lines.is_empty() {
            self.bar.force_draw();
        } else {
            self.bar.suspend(|| self.screen.write(&lines));
        }
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        // A second panic would end the process before it could say what happened.
        if !std::thread::panicking() {
            self.bar.finish_and_clear();
        }
    }
}

/// Draws the rollouts as they stand at the moment of drawing.
fn drawn(screen: Screen, rollouts: Arc<Mutex<Vec<Seen>>>, palette: Palette) -> ProgressStyle {
    let write = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        let now = Moment::now();
        let views = locked(&rollouts);
        let views: Vec<RolloutView> = views.iter().map(|seen| seen.view.after(now.since(seen.at))).collect();
        let columns = usize::from(indicatif::TermLike::width(&screen));
        // Writing into a string does not fail.
        let _ = out.write_str(&layout(&views, columns, palette).join("\n"));
    };
    // The template is one key, which is no mistake.
    let style = ProgressStyle::with_template("{rollouts}").unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rollouts", write)
}

/// Takes in how a rollout stands now.
fn put(rollouts: &Mutex<Vec<Seen>>, view: RolloutView) {
    let mut rollouts = locked(rollouts);
    let seen = Seen { at: Moment::now(), view };
    match rollouts.iter_mut().find(|known| known.view.service == seen.view.service) {
        Some(known) => *known = seen,
        None => rollouts.push(seen),
    }
}

fn locked(rollouts: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    rollouts.lock().unwrap_or_else(PoisonError::into_inner)
}
