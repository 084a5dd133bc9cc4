//! The live view's lines: two for each rollout, within the terminal's width.

use std::iter;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::super::format;
use super::paint::{Palette, Tone};
use super::rollout::{RolloutView, Tasks};

/// The widest column of names.
const NAMES: usize = 24;

/// The narrowest column of times: `45 s` becomes `1 min` without moving what stands behind.
const TIMES: usize = 5;

/// The shortest and the longest bar.
const BAR: (usize, usize) = (10, 40);

/// A terminal that is narrower than this has no room for bars.
const NARROW: usize = 50;

/// How many columns everything has.
#[derive(Clone, Copy)]
struct Widths {
    /// All of them.
    columns: usize,
    names: usize,
    bar: usize,
    times: usize,
}

/// The lines of `views` on a terminal with so many columns. The last column stays free: what is written there wraps on
/// some terminals.
pub(super) fn layout(views: &[RolloutView], columns: usize, palette: Palette) -> Vec<String> {
    let columns = columns.saturating_sub(1);
    let names = views.iter().map(|view| view.service.width()).max().unwrap_or_default();
    let names = names.min(NAMES).min(columns / 4);
    let bar = if columns < NARROW { 0 } else { (columns / 6).clamp(BAR.0, BAR.1) };
    let times = views.iter().map(|view| format::span(view.elapsed).len()).max().unwrap_or_default();
    let widths = Widths { columns, names, bar, times: times.max(TIMES) };
    views.iter().flat_map(|view| [first(view, widths, palette), second(view, widths, palette)]).collect()
}

/// `web  ████▒▒▒░░░  1 min 5 s  2 of 3 tasks run, 1 pending, 3 old`
fn first(view: &RolloutView, widths: Widths, palette: Palette) -> String {
    let mut row = Row::new(widths.columns, palette);
    row.cell(Tone::Name, &view.service, widths.names);
    if widths.bar > 0 {
        for (tone, sign, cells) in segments(view.tasks.unwrap_or_default(), widths.bar) {
            row.text(tone, &sign.repeat(cells));
        }
        row.text(Tone::Plain, "  ");
    }
    row.cell(Tone::Plain, &format::span(view.elapsed), widths.times);
    row.text(Tone::Plain, &view.tasks_in_words());
    row.text
}

/// `     rolling out web:2 · bake time, 4 min left · has reached a steady state`
fn second(view: &RolloutView, widths: Widths, palette: Palette) -> String {
    let mut row = Row::new(widths.columns, palette);
    row.cell(Tone::Plain, "", widths.names);
    let what = if view.is_rollback { "rolling back" } else { "rolling out" };
    let (to, revision) = match &view.revision {
        Some(revision) if view.is_rollback => (" to ", revision.as_str()),
        Some(revision) => (" ", revision.as_str()),
        None => ("", ""),
    };
    row.text(if view.is_rollback { Tone::Bad } else { Tone::Plain }, &format!("{what}{to}{revision}"));
    for detail in view.details() {
        row.text(Tone::Faint, &format!(" · {detail}"));
    }
    row.text
}

/// The tasks as signs, each kind with one of its own, in so many cells. Whatever there is has one cell at least.
fn segments(tasks: Tasks, cells: usize) -> Vec<(Tone, &'static str, usize)> {
    let Tasks { wanted, running, pending, failed, others } = tasks;
    let missing = wanted.saturating_sub(running).saturating_sub(pending);
    let failed = failed.min(missing);
    let kinds = [
        (Tone::Running, "█", running),
        (Tone::Pending, "▒", pending),
        (Tone::Bad, "×", failed),
        (Tone::Faint, "·", missing - failed),
        (Tone::Others, "░", others),
    ];
    let all: usize = kinds.iter().map(|(.., count)| *count as usize).sum();
    if all == 0 {
        return vec![(Tone::Faint, "·", cells)];
    }
    let mut before = 0;
    let mut shares = kinds.map(|(tone, sign, count)| {
        let from = before * cells / all;
        before += count as usize;
        (tone, sign, if count == 0 { 0 } else { (before * cells / all - from).max(1) })
    });
    let taken: usize = shares.iter().map(|(.., share)| share).sum();
    // What the few take too much is hardly missed in the longest.
    if let Some((.., longest)) = shares.iter_mut().max_by_key(|(.., share)| *share) {
        *longest = (*longest + cells).saturating_sub(taken);
    }
    shares.to_vec()
}

/// A line that is filled from the left and cut where it is full.
struct Row {
    text: String,
    left: usize,
    palette: Palette,
}

impl Row {
    fn new(columns: usize, palette: Palette) -> Self {
        Self { text: String::new(), left: columns, palette }
    }

    /// Adds text.
    fn text(&mut self, tone: Tone, text: &str) {
        let text = cut(text, self.left);
        self.left -= text.width();
        self.text.push_str(&self.palette.paint(tone, &text));
    }

    /// Adds text in a column of its own, and the gap to the next one.
    fn cell(&mut self, tone: Tone, text: &str, columns: usize) {
        let text = cut(text, columns);
        let blanks: String = iter::repeat_n(' ', columns - text.width() + 2).collect();
        self.text(tone, &text);
        self.text(Tone::Plain, &blanks);
    }
}

/// The text in at most so many columns; the last one is `…` if it was cut.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or_default();
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let short: String = text.chars().take_while(fits).collect();
    let end = if columns > 0 { "…" } else { "" };
    // A shortened id ends in one already.
    format!("{}{end}", short.trim_end_matches('…'))
}
