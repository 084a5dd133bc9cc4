//! A terminal whose last lines are drawn again and again.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::TermLike;

/// How many columns and rows a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// Puts the lines that indicatif lays out in the place of those that it laid out before.
///
/// indicatif fills each line with blanks up to the right margin and counts the rows that it has drawn. A terminal that
/// is made narrower breaks such lines in two, and the count is wrong. So the lines end where their text does, and the
/// rows are counted by the width that the terminal has when they are replaced.
#[derive(Clone)]
pub(super) struct Screen(Arc<Inner>);

struct Inner {
    out: Mutex<Paper>,
    size: Box<dyn Fn() -> Size + Send + Sync>,
}

struct Paper {
    out: Box<dyn Write + Send>,
    /// The lines to draw next, each with its width.
    next: Vec<(String, usize)>,
    /// The widths of the lines that are drawn.
    drawn: Vec<usize>,
}

impl Screen {
    /// A screen that is written to `out`; `size` tells its size at any time.
    pub(super) fn new(
        out: impl Write + Send + 'static,
        size: impl Fn() -> Size + Send + Sync + 'static,
    ) -> Self {
        let paper = Paper { out: Box::new(out), next: Vec::new(), drawn: Vec::new() };
        Self(Arc::new(Inner { out: Mutex::new(paper), size: Box::new(size) }))
    }

    /// Writes lines that stay, while no others are drawn.
    pub(super) fn write(&self, text: &str) {
        self.with_paper(|paper| paper.put(text));
    }

    fn with_paper(&self, change: impl FnOnce(&mut Paper)) {
        change(&mut self.0.out.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Paper {
    fn put(&mut self, text: &str) {
        // A reader that went away is no reason to stop a deployment.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Draws the next lines over the former ones.
    fn draw(&mut self, columns: usize) {
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        let next = std::mem::take(&mut self.next);
        if rows == 0 && next.is_empty() {
            return;
        }
        // A terminal remembers that a row goes on in the next one until it is erased: to write over it is not enough.
        let back = if rows > 0 { format!("\x1b[{rows}A\r\x1b[J") } else { String::new() };
        let lines: String = next.iter().map(|(line, _)| format!("{line}\n")).collect();
        self.put(&(back + &lines));
        self.drawn = next.into_iter().map(|(_, width)| width).collect();
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.0.size)().columns.max(1)
    }

    fn height(&self) -> u16 {
        // The cursor waits in a row of its own.
        (self.0.size)().rows.saturating_sub(1).max(1)
    }

    // The lines are replaced as a whole, so the cursor is not moved from one to another.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(line)
    }

    /// Takes a line, or the blanks by which indicatif fills it up: they tell how wide it is.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let columns = usize::from(self.width());
        self.with_paper(|paper| match paper.next.last_mut() {
            Some((_, width)) if text.bytes().all(|byte| byte == b' ') => {
                *width = columns.saturating_sub(text.len());
            }
            _ => paper.next.push((text.to_owned(), columns)),
        });
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let columns = usize::from(self.width());
        self.with_paper(|paper| paper.draw(columns));
        Ok(())
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}
