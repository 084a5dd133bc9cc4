//! Text that CodePipeline takes: neither empty nor too long.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::super::quote::cut;

/// Text of 1 to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text without blanks around it and without control characters, but for the ends of its
    /// lines; too long a one is cut and ends in `…`. `None` if nothing is left.
    pub(super) fn new(text: &str) -> Option<Self> {
        let shown = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        let shown: String = text.chars().map(shown).collect();
        Some(shown.trim()).filter(|text| !text.is_empty()).map(|text| Self(cut(text, MAX).into_owned()))
    }

    /// The text as [`new`](Self::new) makes it, or `instead`, a word that is not empty.
    pub(super) fn or(text: &str, instead: &'static str) -> Self {
        Self::new(text).unwrap_or_else(|| Self(instead.to_owned()))
    }

    /// The text exactly as it is.
    ///
    /// # Errors
    /// The text, if it is empty or too long.
    pub(super) fn exact(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if text.is_empty() || text.chars().nth(MAX).is_some() { Err(text) } else { Ok(Self(text)) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::exact(text).map_err(|_| "it is empty or too long")
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_neither_empty_nor_too_long() {
        let text = |text: &str| Text::<3>::new(text).map(String::from);
        assert_eq!((text(""), text(" \n\t")), (None, None));
        for (given, made) in
            [("a", "a"), ("äöü", "äöü"), ("äöüß", "äö…"), ("👍👍👍👍👍", "👍👍…"), (" ab \n", "ab")]
        {
            assert_eq!(text(given).as_deref(), Some(made));
        }
        assert_eq!(Text::<3>::or(" ", "no").as_str(), "no");
    }

    #[test]
    fn control_characters_become_blanks_and_lines_stay_lines() {
        let text = Text::<20>::new("a\u{1b}[1m\tb\r\nc\u{0}").unwrap();
        assert_eq!(text.to_string(), "a [1m b \nc");
    }

    #[test]
    fn an_exact_text_is_taken_as_it_is_or_not_at_all() {
        for text in [" ", "a\tb", "äöü"] {
            assert_eq!(Text::<3>::exact(text).unwrap().as_str(), text);
        }
        for text in ["", "abcd"] {
            assert_eq!(Text::<3>::exact(text).unwrap_err(), text);
        }
    }
}
