//! Workflow commands: lines that GitHub's runner obeys wherever a step prints them.
//!
//! It takes `::name …::` at the beginning of a line, blanks before it or not, and `##[name …]`
//! anywhere in one, on both streams (GitHub, "Workflow commands"; the runner's source). What others
//! wrote therefore stands between `stop-commands` and a word that they could not know, or is made a
//! command's data.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;

/// The longest message of an annotation, in characters; GitHub shows no more of a long one.
const LONGEST: usize = 4000;

/// How an annotation is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The step failed by it.
    Error,
    /// The user should know it.
    Warning,
    /// The user may want to know it.
    Notice,
}

/// An annotation of the run.
#[must_use]
pub fn annotation(level: Level, title: &str, message: &str) -> String {
    let level = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    };
    let message: String = message.chars().take(LONGEST).collect();
    format!("::{level} title={}::{}\n", property(title), data(&message))
}

/// Begins a group of lines that are folded in the log.
#[must_use]
pub fn group(title: &str) -> String {
    format!("::group::{}\n", data(title))
}

/// Ends the group.
pub const END_OF_GROUP: &str = "::endgroup::\n";

/// Has the runner hide a secret wherever it is printed from now on; nothing for an empty one, which
/// the runner does not take.
#[must_use]
pub fn mask(secret: &str) -> String {
    let lines = secret.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("::add-mask::{}\n", data(line))).collect()
}

/// A stretch of the log in which the runner obeys nothing; it ends when this is dropped.
#[derive(Debug)]
pub struct Fence<W: Write> {
    out: W,
    token: String,
}

impl<W: Write> Fence<W> {
    /// Begins it.
    pub fn open(mut out: W) -> Self {
        let token = token();
        // A reader that went away is no reason to stop a deployment.
        let _ = out.write_all(format!("::stop-commands::{token}\n").as_bytes());
        Self { out, token }
    }
}

impl<W: Write> Drop for Fence<W> {
    fn drop(&mut self) {
        let _ = self.out.write_all(format!("::{}::\n", self.token).as_bytes());
    }
}

/// The text in a fence, as a whole.
#[must_use]
pub fn fenced(text: &str) -> String {
    let (token, end) = (token(), if text.ends_with('\n') { "" } else { "\n" });
    format!("::stop-commands::{token}\n{text}{end}::{token}::\n")
}

/// A word of 128 bits from the system's randomness, which nobody could have known.
pub(super) fn token() -> String {
    let [one, other] = [RandomState::new().hash_one(0), RandomState::new().hash_one(1)];
    format!("{one:016x}{other:016x}")
}

/// A command's data, escaped as the runner reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A command's property, escaped as the runner reads it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "50 % of it:\r\n::set-env name=X::y\n##[add-mask]z, a=b";

    #[test]
    fn what_others_wrote_stays_in_one_command() {
        assert_eq!(
            annotation(Level::Error, HOSTILE, HOSTILE),
            "::error title=50 %25 of it%3A%0D%0A%3A%3Aset-env name=X%3A%3Ay%0A##[add-mask]z%2C a=b::\
             50 %25 of it:%0D%0A::set-env name=X::y%0A##[add-mask]z, a=b\n"
        );
        assert_eq!(group("a\n::error::b"), "::group::a%0A::error::b\n");
        assert_eq!(annotation(Level::Notice, "t", &"ö".repeat(9_999)).chars().count(), 4_019);
    }

    #[test]
    fn a_secret_of_several_lines_is_hidden_line_by_line() {
        assert_eq!(mask("one%\n\n two\n"), "::add-mask::one%25\n::add-mask::two\n");
        assert_eq!(mask(" \n"), "");
    }

    #[test]
    fn a_fence_ends_by_a_word_that_is_another_one_each_time() {
        let [one, other] = [fenced(HOSTILE), fenced(HOSTILE)];
        let token = one.lines().next().unwrap().strip_prefix("::stop-commands::").unwrap();
        assert_eq!(one, format!("::stop-commands::{token}\n{HOSTILE}\n::{token}::\n"));
        assert_eq!(token.len(), 32);
        assert!(!other.contains(token), "{other}");
    }
}
