//! Texts in a message. Somebody else's is short there, and without anything that a terminal would obey.

use std::borrow::Cow;

/// How many characters of a value a message quotes.
const QUOTED: usize = 100;

/// The text in quotes, control characters escaped, and what is over 100 characters left out.
pub(super) fn quoted(text: &str) -> String {
    quoted_to(text, QUOTED)
}

/// The text in quotes, control characters escaped, and what is over `longest` characters left out.
pub(super) fn quoted_to(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The text in at most `longest` characters (1 or more), the last of which is `…` if it was cut.
pub(super) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    if text.chars().nth(longest).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(longest.saturating_sub(1)).map_or(0, |(end, _)| end);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The items as a text, with commas between them.
pub(super) fn listed(items: impl IntoIterator<Item: ToString>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_escaped_and_has_a_hundred_characters_at_most() {
        assert_eq!(quoted("a\u{1b}[31m\n\u{202e}"), r#""a\u{1b}[31m\n\u{202e}""#);
        assert_eq!(quoted(&"ö".repeat(100)), format!("{:?}", "ö".repeat(100)));
        assert_eq!(quoted(&"ö".repeat(101)), format!("{:?}…", "ö".repeat(100)));
    }

    #[test]
    fn a_text_is_cut_on_a_character_and_says_so() {
        for (text, cut_text) in
            [("", ""), ("öö", "öö"), ("ööö", "ööö"), ("öööö", "öö…"), ("👍👍👍👍", "👍👍…")]
        {
            assert_eq!(cut(text, 3), cut_text);
        }
        assert_eq!(cut("ab", 1), "…");
    }
}
