//! Files that nearly hold image definitions: what went wrong in the build, and what to write instead.

use serde_json::value::RawValue;

use super::super::arn::last_part;

/// What is wrong, and what to do.
pub(super) type NearMiss = (String, &'static str);

const APPENDED: &str = "Write the file once, with all entries in one array; a build that appends with >> keeps what was \
                        there, so remove the file first";
const UNQUOTED: &str = "The shell took the quotation marks: put the text in single quotes, for example printf \
                        '[{\"name\":\"%s\",\"imageUri\":\"%s\"}]' app \"$IMAGE\" > imagedefinitions.json";
const IN_QUOTES: &str = "cmd keeps single quotes as a part of the text: leave them out";
const TRAILING: &str = "Remove what stands behind the array";

/// Names that people give to what is called `name` and `imageUri`.
const ALIASES: [(&str, &[&str]); 2] = [
    ("name", &["container", "containername", "containerdefinition"]),
    ("imageUri", &["image", "imageurl", "imagename", "uri", "url", "imageref"]),
];

/// Whether `key` is meant to be the member `name`.
pub(super) fn is_meant(name: &str, key: &str) -> bool {
    let plain = letters_of(key);
    plain == name.to_lowercase() || ALIASES.iter().any(|(of, all)| *of == name && all.contains(&&*plain))
}

/// The letters and digits, in lower case.
fn letters_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// In what alone the file `path` differs from the `wanted` one, if it is so near that it is probably meant.
#[must_use]
pub fn nearly_named(wanted: &str, path: &str) -> Option<&'static str> {
    let (name, there) = (file_name(wanted), file_name(path));
    if path == wanted || there.is_empty() {
        return None;
    }
    let plain = |name: &str| {
        let word = letters_of(name);
        let word = word.strip_suffix("json").unwrap_or(&word).to_owned();
        word.strip_suffix('s').unwrap_or(&word).to_owned()
    };
    if name == there {
        Some("the folder")
    } else if name.eq_ignore_ascii_case(there) {
        Some("upper and lower case")
    } else if plain(name) == plain(there) && there.to_lowercase().ends_with(".json") {
        Some("the spelling")
    } else {
        None
    }
}

/// The last part of a path.
#[must_use]
pub fn file_name(path: &str) -> &str {
    last_part(path)
}

/// What a text is that is no JSON, where the parser stopped at byte `at` with these words.
pub(super) fn of_syntax(text: &str, at: usize, words: &str) -> Option<NearMiss> {
    let (before, rest) = text.split_at_checked(at)?;
    let here = rest.chars().next();
    let begin = text.trim_start();
    if begin.starts_with('\'') {
        return told("the file begins with a single quotation mark", IN_QUOTES);
    }
    if begin.starts_with("- ") {
        return told("the file is YAML, not JSON", super::FILE_FORM);
    }
    if words.contains("control character") {
        let (name, next) = match here {
            Some('\r') => (
                "a carriage return",
                "A file or a tool of Windows made a value: remove the carriage return, in a shell by `tr -d '\\r'`",
            ),
            Some('\n') => ("a line break", "Remove the line break from the value; $(…) in a shell does"),
            _ => ("a control character", "Remove it from the value"),
        };
        return told(&format!("{name} stands inside a text"), next);
    }
    if let Some(first) = first_value(text) {
        return after(first, text);
    }
    let last = before.trim_end().chars().next_back();
    match here {
        Some(']') if words.contains("`}`") => {
            told("an object is closed by ]", "Close every entry by } and the array by ]")
        }
        Some('}') if words.contains("`]`") => {
            told("the array is closed by }", "Close every entry by } and the array by ]")
        }
        Some(']' | '}') if last == Some(',') => {
            told("a comma stands before the end", "Put commas between entries only, none after the last")
        }
        Some('\'') => told(
            "a single quotation mark stands where JSON has a double one",
            "Put every name and every value in double quotation marks",
        ),
        _ if is_unquoted(begin) => told("names and values have no quotation marks", UNQUOTED),
        _ => None,
    }
}

/// What an object at the top is, by the members that it has.
pub(super) fn of_object(members: &[&str]) -> Option<NearMiss> {
    let has = |name: &str| members.iter().any(|key| is_meant(name, key));
    if members.contains(&"ImageURI") {
        return told(
            "found an object like CodePipeline's imageDetail.json, not an array; imageDetail.json names no container",
            "Say which container gets the image with --image CONTAINER=URI, or write an imagedefinitions.json in the build",
        );
    }
    if has("name") && has("imageUri") {
        return told(
            "found one entry without the brackets of an array",
            r#"Put the entry in brackets: [{"name": "CONTAINER", "imageUri": "IMAGE"}]"#,
        );
    }
    None
}

/// What a string at the top is: the array itself, written as JSON twice.
pub(super) fn of_string(whole: &RawValue) -> Option<NearMiss> {
    let content: String = serde_json::from_str(whole.get()).ok()?;
    if !content.trim_start().starts_with('[') {
        return None;
    }
    told(
        "found the array as a string, in quotation marks of its own",
        "Write the array itself; the build turned it into JSON twice",
    )
}

/// What stands behind the first value.
fn after(first: &str, text: &str) -> Option<NearMiss> {
    let rest = text[first.len()..].trim_start();
    let next = rest.trim_start_matches(',').trim_start();
    match (first.trim_start().chars().next(), next.chars().next()) {
        (Some('['), Some('[')) => told("two arrays stand one after the other", APPENDED),
        (Some('{'), Some('{')) => {
            told("objects stand one after the other without an array", super::FILE_FORM)
        }
        (Some('['), _) => told("something stands behind the array", TRAILING),
        _ => None,
    }
}

/// The first value and what stands before it, if it is whole.
fn first_value(text: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let first = values.next()?.ok()?;
    let is_open = first.get().starts_with(['[', '{']);
    is_open.then(|| &text[..values.byte_offset()])
}

/// Whether names stand there bare: `[{name:app,…}]`, or `[name:app] […]`, which bash makes of it.
fn is_unquoted(text: &str) -> bool {
    let inner = text.trim_start_matches(['[', '{', ' ', '\t', '\r', '\n']);
    inner.len() < text.len()
        && inner.split_once(':').is_some_and(|(name, _)| {
            !name.is_empty() && name.trim_end().bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[expect(clippy::unnecessary_wraps, reason = "it is the end of functions that may find nothing")]
fn told(what: &str, next: &'static str) -> Option<NearMiss> {
    Some((what.to_owned(), next))
}
