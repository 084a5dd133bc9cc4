//! The image definitions file that a build hands to the deploy step (`imagedefinitions.json`).
//!
//! Its form is that of CodePipeline's ECS action (AWS CodePipeline user guide, "Image definitions file
//! reference"): `[{"name": "app", "imageUri": "registry/app:1"}, …]`. What the guide leaves open is
//! settled here: other members of an entry are ignored, and a container named twice is an error.

mod near_miss;

pub use near_miss::{file_name, nearly_named};

use std::fmt;
use std::str;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::failure::Failure;
use super::image::{ContainerNamedTwice, ImageReference, Images, InvalidImage};
use super::quote::quoted_to;
use super::runner::Runner;

/// The largest file that CodePipeline takes: 100 KB (AWS CodePipeline user guide, "Quotas").
pub const MAX_BYTES: usize = 100 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const ENTRY_FORM: &str = r#"Write every entry as {"name": "CONTAINER", "imageUri": "IMAGE"}"#;
const FILE_FORM: &str = r#"Write a JSON array: [{"name": "CONTAINER", "imageUri": "IMAGE"}]"#;
const JSON_FORM: &str = "Let a JSON tool such as jq write the file";

/// Reads image definitions from `bytes`. `source` names them in messages: a file name, or `standard input`;
/// `runner` has a part in what is advised.
///
/// # Errors
/// Always [`Failure::invalid_input`], for anything but a non-empty array of entries that each name
/// another container and an image that ECS takes. The message begins `source:line:column`, columns counted in
/// characters, and names the entry, counted from 1.
pub fn parse(source: &str, bytes: &[u8], runner: Runner) -> Result<Images, Failure> {
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text =
        decode(bytes.len(), body).map_err(|fault| fault.in_file(source, &String::from_utf8_lossy(body)))?;
    images(text, runner).map_err(|fault| fault.in_file(source, text))
}

/// What is wrong, and at which byte of the text.
struct Mistake {
    at: usize,
    what: String,
    advice: String,
}

impl Mistake {
    fn new(at: usize, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { at, what: what.into(), advice: advice.into() }
    }

    fn in_file(self, source: &str, text: &str) -> Failure {
        let before: String =
            text.char_indices().take_while(|&(at, _)| at < self.at).map(|(_, c)| c).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Failure::invalid_input(format!("{source}:{line}:{column}: {}", self.what)).advice(self.advice)
    }
}

fn decode(size: usize, body: &[u8]) -> Result<&str, Mistake> {
    if size > MAX_BYTES {
        let what = format!("the file has {size} bytes, more than the {MAX_BYTES} that CodePipeline allows");
        return Err(Mistake::new(0, what, "Name only the containers whose images change"));
    }
    // What `>` and `Out-File` of Windows PowerShell write.
    if body.starts_with(&[0xff, 0xfe]) || body.starts_with(&[0xfe, 0xff]) {
        let advice = "Write it as UTF-8, in PowerShell with -Encoding utf8";
        return Err(Mistake::new(0, "the file is UTF-16", advice));
    }
    str::from_utf8(body).map_err(|error| {
        Mistake::new(error.valid_up_to(), "a byte that is not UTF-8 stands here", "Write the file as UTF-8")
    })
}

fn images(text: &str, runner: Runner) -> Result<Images, Mistake> {
    if text.trim().is_empty() {
        return Err(Mistake::new(0, "there is nothing in the file", FILE_FORM));
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| syntax(text, text, &error))?;
    if whole.get().starts_with('{') {
        return Err(lone_object(text, whole));
    }
    if !whole.get().starts_with('[') {
        let (what, advice) = near_miss::of_string(whole)
            .unwrap_or_else(|| (format!("found {}, not an array", kind(whole)), FILE_FORM));
        return Err(Mistake::new(offset(text, whole.get()), what, advice));
    }
    let entries: Vec<&RawValue> =
        serde_json::from_str(whole.get()).map_err(|error| syntax(text, whole.get(), &error))?;
    if entries.is_empty() {
        return Err(Mistake::new(offset(text, whole.get()), "the array names no container", FILE_FORM));
    }
    let mut images = Images::default();
    let mut names: Vec<String> = Vec::with_capacity(entries.len());
    for (index, raw) in entries.iter().enumerate() {
        let entry = Entry { text, raw, number: index + 1, runner };
        let (name, image) = entry.read()?;
        images.insert(&name, image).map_err(|twice| {
            let place = names.iter().position(|earlier| *earlier == name).map_or(0, |index| index + 1);
            let ContainerNamedTwice { container, first, second } = twice;
            let container = shown(&container);
            let what = format!("and entry {place} both name container {container}: {first} and {second}");
            entry.fault(raw, &what, "Name every container once")
        })?;
        names.push(name);
    }
    Ok(images)
}

/// One element of the array.
struct Entry<'a> {
    text: &'a str,
    raw: &'a RawValue,
    /// Counted from 1, as people count.
    number: usize,
    runner: Runner,
}

impl<'a> Entry<'a> {
    fn read(&self) -> Result<(String, ImageReference), Mistake> {
        if !self.raw.get().starts_with('{') {
            return Err(self.wrong(self.raw, format!("is {}, not an object", kind(self.raw))));
        }
        let Members(members) = serde_json::from_str(self.raw.get())
            .map_err(|error| syntax(self.text, self.raw.get(), &error))?;
        let (place, name) = self.member(&members, "name")?;
        if name.is_empty() {
            return Err(self.wrong(place, r#"has an empty string as "name""#.to_owned()));
        }
        let (place, image) = self.member(&members, "imageUri")?;
        let image = ImageReference::parse(&image).map_err(|invalid| {
            let what = if invalid == InvalidImage::NoName {
                format!(r#"has an empty string as "imageUri" of container {}"#, shown(&name))
            } else {
                format!("for container {}: image {} {invalid}", shown(&name), shown(&image))
            };
            self.fault(place, &what, invalid.remedy(self.runner))
        })?;
        Ok((name, image))
    }

    /// The one member of this name, which must be a text, and where its value stands.
    fn member(
        &self,
        members: &[(String, &'a RawValue)],
        name: &str,
    ) -> Result<(&'a RawValue, String), Mistake> {
        let mut found = members.iter().filter(|(key, _)| key == name).map(|(_, value)| *value);
        let Some(value) = found.next() else {
            let similar = members.iter().find(|(key, _)| near_miss::is_meant(name, key));
            let hint = similar.map_or_else(String::new, |(key, _)| {
                let case = "; upper and lower case count";
                let case = if key.eq_ignore_ascii_case(name) { case } else { "" };
                format!(", though one {}{case}", shown(key))
            });
            return Err(self.wrong(self.raw, format!("has no member {name:?}{hint}")));
        };
        if let Some(second) = found.next() {
            return Err(self.wrong(second, format!("has the member {name:?} twice")));
        }
        if !value.get().starts_with('"') {
            return Err(self.wrong(value, format!("has {} as {name:?}, not a string", kind(value))));
        }
        let string: String =
            serde_json::from_str(value.get()).map_err(|error| syntax(self.text, value.get(), &error))?;
        Ok((value, string))
    }

    /// A fault in the form of the entry.
    fn wrong(&self, at: &RawValue, what: String) -> Mistake {
        self.fault(at, &what, ENTRY_FORM)
    }

    fn fault(&self, at: &RawValue, what: &str, advice: impl Into<String>) -> Mistake {
        let what = format!("entry {} (counted from 1) {what}", self.number);
        Mistake::new(offset(self.text, at.get()), what, advice)
    }
}

/// The members of an object in the order of the file, repeated ones too, which a map would swallow.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}

/// An object where the array should be: CodePipeline's other file, or one entry without its brackets.
fn lone_object(text: &str, whole: &RawValue) -> Mistake {
    let members = serde_json::from_str(whole.get()).map_or_else(|_| Vec::new(), |Members(members)| members);
    let names: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
    let (what, advice) = near_miss::of_object(&names)
        .unwrap_or_else(|| ("found an object, not an array".to_owned(), FILE_FORM));
    Mistake::new(offset(text, whole.get()), what, advice)
}

/// What the JSON parser found wrong in `part` of the text.
fn syntax(text: &str, part: &str, error: &serde_json::Error) -> Mistake {
    // serde_json counts lines from 1 and columns in bytes; it names column 0 when the line is at its end.
    let line_at: usize = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = (line_at + error.column().saturating_sub(1)).min(part.len());
    let message = error.to_string();
    let reason = message.rsplit_once(" at line ").map_or(&*message, |(reason, _)| reason);
    let mut at = offset(text, part) + at;
    if reason.contains("control character") {
        // serde_json names the character before.
        at += text.get(at..).and_then(|rest| rest.find(char::is_control)).unwrap_or_default();
    }
    let near = near_miss::of_syntax(text, at, reason);
    let (what, next) = near.unwrap_or_else(|| (reason.to_owned(), JSON_FORM));
    Mistake::new(at, format!("not valid JSON: {what}"), next)
}

/// Where `part`, a slice of `text`, begins in it.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// What a value is, for people.
fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A text from the file, quoted, escaped, and short enough for a message.
fn shown(text: &str) -> String {
    quoted_to(text, 300)
}

#[cfg(test)]
mod tests;
