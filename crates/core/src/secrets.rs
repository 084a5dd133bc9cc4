//! The values that no output may show, and one pass over a text that hides them.
//!
//! Flow: every definition that is read is learned: what a plan hides of it is secret, what a plan shows
//! is public. Each text that ECS, a log or an error brings is hidden before anything is made of it.
//!
//! Guarantees:
//! * A value is hidden wherever it begins in a text, whole or cut to its first eight characters or more,
//!   in each of its escaped forms, and line by line if it has several.
//! * All values are hidden at once. Where they overlap or touch, one `(hidden)` stands for all of them,
//!   so a text does not tell which value it quoted, nor how long that was.
//!
//! Assumptions: what is shorter than eight characters, a public text, or an ordinary word tells
//! nothing, and hiding it would blank out the sentences that explain a failure.

mod forms;
mod ordinary;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::diff::{HIDDEN, texts};
use super::failure::Failure;
use super::task_definition::TaskDefinition;
use forms::{forms, lines};
use ordinary::ORDINARY;

/// How many characters a value, or what a text shows of one, must have to count as secret.
const SHORTEST: usize = 8;

/// The secret values of all definitions that were learned.
#[derive(Default)]
pub struct Secrets {
    hidden: BTreeSet<String>,
    public: BTreeSet<String>,
    /// Built when a text is hidden for the first time after something was learned.
    matcher: OnceLock<Option<Matcher>>,
}

impl Secrets {
    /// Learns what a plan hides of a definition, and what it shows.
    pub fn learn(&mut self, definition: &TaskDefinition) {
        let texts = texts(definition);
        let mut is_new = false;
        for value in texts.hidden.iter().flat_map(|value| lines(value)) {
            is_new |= self.hidden.insert(value);
        }
        for text in texts.shown {
            is_new |= self.public.insert(text.to_ascii_lowercase());
        }
        if is_new {
            self.matcher = OnceLock::new();
        }
    }

    /// Learns a value that is secret wherever it is shown.
    pub fn learn_value(&mut self, value: &str) {
        for value in lines(value) {
            if self.hidden.insert(value) {
                self.matcher = OnceLock::new();
            }
        }
    }

    /// Learns a text that outputs show anyway, such as an ARN or the name of a service.
    pub fn learn_public(&mut self, text: &str) {
        if self.public.insert(text.to_ascii_lowercase()) {
            self.matcher = OnceLock::new();
        }
    }

    /// The text with `(hidden)` in the place of every secret value.
    #[must_use]
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.matcher.get_or_init(|| Matcher::new(&self.hidden, &self.public)) {
            Some(matcher) => matcher.hide(text),
            None => Cow::Borrowed(text),
        }
    }

    /// The failure with `(hidden)` in the place of every secret value.
    #[must_use]
    pub fn hide_failure(&self, failure: Failure) -> Failure {
        failure.reworded(&|text| self.hide(text).into_owned())
    }
}

/// Shows no value.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("values", &self.hidden.len()).finish_non_exhaustive()
    }
}

/// Finds the beginnings of all values in one pass.
struct Matcher {
    heads: AhoCorasick,
    /// For each head, the forms of values that begin with it.
    forms: Vec<Vec<String>>,
}

impl Matcher {
    fn new(hidden: &BTreeSet<String>, public: &BTreeSet<String>) -> Option<Self> {
        let mut known = ORDINARY.to_owned();
        for text in public {
            known.push('\n');
            known.push_str(text);
        }
        let mut by_head: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for value in hidden.iter().filter(|value| head(value, &known).is_some()) {
            for form in forms(value) {
                if let Some(head) = head(&form, &known) {
                    by_head.entry(head.to_owned()).or_default().push(form);
                }
            }
        }
        let (heads, forms): (Vec<String>, Vec<Vec<String>>) = by_head.into_iter().unzip();
        if heads.is_empty() {
            return None;
        }
        // A worker has one for each job: a DFA would be eight times as large. It fails for gigabytes of patterns only; a
        // definition has 64 KiB.
        let built = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&heads);
        built.ok().map(|heads| Self { heads, forms })
    }

    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let quotes = self.quotes(text);
        if quotes.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut end) = (String::with_capacity(text.len()), 0);
        for quote in quotes {
            shown.push_str(&text[end..quote.start]);
            shown.push_str(HIDDEN);
            end = quote.end;
        }
        shown.push_str(&text[end..]);
        Cow::Owned(shown)
    }

    /// The parts of the text that quote values: in order, and none touches another.
    fn quotes(&self, text: &str) -> Vec<Range<usize>> {
        let found = self.heads.find_overlapping_iter(text).map(|head| {
            let rest = &text[head.start()..];
            let forms = &self.forms[head.pattern().as_usize()];
            let length = forms.iter().map(|form| agreement(rest, form)).max().unwrap_or_default();
            head.start()..head.start() + length
        });
        let mut found: Vec<Range<usize>> = found.collect();
        found.sort_unstable_by_key(|quote| quote.start);
        let mut quotes: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for quote in found {
            match quotes.last_mut() {
                Some(last) if quote.start <= last.end => last.end = last.end.max(quote.end),
                _ => quotes.push(quote),
            }
        }
        quotes
    }
}

/// The shortest beginning of a value that is no public text: `https://` alone says nothing. None if the
/// whole value is public.
fn head<'a>(value: &'a str, known: &str) -> Option<&'a str> {
    let lower = value.to_ascii_lowercase();
    let ends: Vec<usize> =
        value.char_indices().skip(SHORTEST).map(|(end, _)| end).chain([value.len()]).collect();
    value.chars().nth(SHORTEST - 1)?;
    // A beginning of a known beginning is known as well.
    let known = ends.partition_point(|end| known.contains(&lower[..*end]));
    ends.get(known).map(|end| &value[..*end])
}

/// How many bytes of `text`, whole characters, are those of `form`.
fn agreement(text: &str, form: &str) -> usize {
    let same = text.bytes().zip(form.bytes()).take_while(|(one, other)| one == other).count();
    (0..=same).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
