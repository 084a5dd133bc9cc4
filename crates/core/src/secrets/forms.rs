//! How a value looks where it is quoted: its lines, and each of them escaped.

use std::collections::BTreeSet;

/// The value and, if it has several, its lines, without white space around them: a log shows a private key
/// line by line. Keys are often kept in one line with `\n` typed out, which applications unfold.
pub(super) fn lines(value: &str) -> BTreeSet<String> {
    let unfolded = value.replace("\\r", "\r").replace("\\n", "\n");
    let whole = [value, unfolded.as_str()];
    let lines = whole.into_iter().chain(unfolded.split(['\n', '\r']));
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The value as it is, and as JSON documents, quoted texts and URLs write it.
pub(super) fn forms(value: &str) -> BTreeSet<String> {
    let json = escaped(value, json_escape);
    BTreeSet::from([
        escaped(value, |c| go_escape(c).or_else(|| json_escape(c))),
        escaped(value, |c| ascii_escape(c).or_else(|| json_escape(c))),
        escaped(value, |c| slash_escape(c).or_else(|| ascii_escape(c)).or_else(|| json_escape(c))),
        // A JSON document inside of another one.
        escaped(&json, json_escape),
        escaped(value, quote_escape),
        percent(value, "-_.~", "%20", true),
        percent(value, "-_.~", "%20", false),
        percent(value, "-_.!~*'()", "%20", true),
        percent(value, "-_.*", "+", true),
        json,
        value.to_owned(),
    ])
}

fn escaped(value: &str, escape: impl Fn(char) -> Option<String>) -> String {
    value.chars().map(|c| escape(c).unwrap_or_else(|| c.to_string())).collect()
}

/// What RFC 8259 demands, as every encoder writes it.
fn json_escape(c: char) -> Option<String> {
    Some(match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        c if u32::from(c) < 0x20 => format!("\\u{:04x}", u32::from(c)),
        _ => return None,
    })
}

/// What Go's encoder, and with it the container agent, escapes beside: it thinks of HTML.
fn go_escape(c: char) -> Option<String> {
    matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}').then(|| format!("\\u{:04x}", u32::from(c)))
}

/// What Python's encoder escapes beside: all that is not ASCII, in UTF-16.
fn ascii_escape(c: char) -> Option<String> {
    let units = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    (!c.is_ascii()).then(|| units(c))
}

/// What PHP's encoder escapes beside.
fn slash_escape(c: char) -> Option<String> {
    (c == '/').then(|| "\\/".to_owned())
}

/// As Go's `%q` and a shell's `$'…'` write it.
fn quote_escape(c: char) -> Option<String> {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => json_escape(c),
        c if c.is_ascii_control() => Some(format!("\\x{:02x}", u32::from(c))),
        _ => None,
    }
}

/// As a URL writes it: every byte but those of letters, digits and `kept`.
fn percent(value: &str, kept: &str, space: &str, is_upper: bool) -> String {
    let byte = |byte: u8| match char::from(byte) {
        c if c.is_ascii_alphanumeric() || kept.contains(c) => c.to_string(),
        ' ' => space.to_owned(),
        _ if is_upper => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    value.bytes().map(byte).collect()
}
