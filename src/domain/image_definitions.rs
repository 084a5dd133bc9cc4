//! The image definitions file that a build hands to the deploy step (`imagedefinitions.json`).
//!
//! Its form is that of CodePipeline's ECS action (AWS CodePipeline user guide, "Image definitions file
//! reference"): `[{"name": "app", "imageUri": "registry/app:1"}, …]`. What the guide leaves open is
//! settled here: other members of an entry are ignored, and a container named twice is an error.

use std::fmt;
use std::str;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::failure::{Failure, FailureKind};
use super::image::{ImageReference, Images};
use super::quote::quoted_to;

/// The largest file that CodePipeline takes: 100 KB (AWS CodePipeline user guide, "Quotas").
pub const MAX_BYTES: usize = 100 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const ENTRY_FORM: &str = r#"Write every entry as {"name": "CONTAINER", "imageUri": "IMAGE"}"#;
const FILE_FORM: &str = r#"Write a JSON array: [{"name": "CONTAINER", "imageUri": "IMAGE"}]"#;
const JSON_FORM: &str = "Let a JSON tool such as jq write the file";

/// Reads image definitions from `bytes`. `source` names them in messages: a file name, or `standard input`.
///
/// # Errors
/// Always [`FailureKind::InvalidInput`], for anything but a non-empty array of entries that each name
/// another container and an image that ECS takes. The message begins `source:line:column`, columns counted in
/// characters, and names the entry, counted from 1.
pub fn parse(source: &str, bytes: &[u8]) -> Result<Images, Failure> {
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text =
        decode(bytes.len(), body).map_err(|fault| fault.in_file(source, &String::from_utf8_lossy(body)))?;
    images(text).map_err(|fault| fault.in_file(source, text))
}

/// What is wrong, and at which byte of the text.
struct Fault {
    at: usize,
    what: String,
    advice: &'static str,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>, advice: &'static str) -> Self {
        Self { at, what: what.into(), advice }
    }

    fn in_file(self, source: &str, text: &str) -> Failure {
        let before: String =
            text.char_indices().take_while(|&(at, _)| at < self.at).map(|(_, c)| c).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Failure::new(FailureKind::InvalidInput, format!("{source}:{line}:{column}: {}", self.what))
            .advice(self.advice)
    }
}

fn decode(size: usize, body: &[u8]) -> Result<&str, Fault> {
    if size > MAX_BYTES {
        let what = format!("the file has {size} bytes, more than the {MAX_BYTES} that CodePipeline allows");
        return Err(Fault::new(0, what, "Name only the containers whose images change"));
    }
    // What `>` and `Out-File` of Windows PowerShell write.
    if body.starts_with(&[0xff, 0xfe]) || body.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new(
            0,
            "the file is UTF-16",
            "Write it as UTF-8, in PowerShell with -Encoding utf8",
        ));
    }
    str::from_utf8(body).map_err(|error| {
        Fault::new(error.valid_up_to(), "a byte that is not UTF-8 stands here", "Write the file as UTF-8")
    })
}

fn images(text: &str) -> Result<Images, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new(0, "there is nothing in the file", FILE_FORM));
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| syntax(text, text, &error))?;
    if whole.get().starts_with('{') {
        return Err(lone_object(text, whole));
    }
    if !whole.get().starts_with('[') {
        return Err(Fault::new(
            offset(text, whole.get()),
            format!("found {}, not an array", kind(whole)),
            FILE_FORM,
        ));
    }
    let entries: Vec<&RawValue> =
        serde_json::from_str(whole.get()).map_err(|error| syntax(text, whole.get(), &error))?;
    if entries.is_empty() {
        return Err(Fault::new(offset(text, whole.get()), "the array names no container", FILE_FORM));
    }
    let mut images = Images::default();
    let mut names: Vec<String> = Vec::with_capacity(entries.len());
    for (index, raw) in entries.iter().enumerate() {
        let entry = Entry { text, raw, number: index + 1 };
        let (name, image) = entry.read()?;
        images.insert(&name, image).map_err(|twice| {
            let first = names.iter().position(|earlier| *earlier == name).map_or(0, |index| index + 1);
            let what = format!(
                "and entry {first} both name container {}: {} and {}",
                shown(&name),
                twice.first,
                twice.second
            );
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
}

impl<'a> Entry<'a> {
    fn read(&self) -> Result<(String, ImageReference), Fault> {
        if !self.raw.get().starts_with('{') {
            return Err(self.fault(self.raw, &format!("is {}, not an object", kind(self.raw)), ENTRY_FORM));
        }
        let Members(members) = serde_json::from_str(self.raw.get())
            .map_err(|error| syntax(self.text, self.raw.get(), &error))?;
        let (_, name) = self.member(&members, "name")?;
        let (place, image) = self.member(&members, "imageUri")?;
        let image = ImageReference::parse(&image).map_err(|invalid| {
            let advice =
                "Give a full reference: registry/repository:tag or registry/repository@sha256:DIGEST";
            self.fault(
                place,
                &format!("for container {}: image {} {invalid}", shown(&name), shown(&image)),
                advice,
            )
        })?;
        Ok((name, image))
    }

    /// The one member of this name, which must be a text that is not empty, and where its value stands.
    fn member(
        &self,
        members: &[(String, &'a RawValue)],
        name: &str,
    ) -> Result<(&'a RawValue, String), Fault> {
        let mut found = members.iter().filter(|(key, _)| key == name).map(|(_, value)| *value);
        let Some(value) = found.next() else {
            let similar = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            let hint = similar.map(|(key, _)| format!(", though one {key:?}; upper and lower case count"));
            return Err(self.fault(
                self.raw,
                &format!("has no member {name:?}{}", hint.unwrap_or_default()),
                ENTRY_FORM,
            ));
        };
        if let Some(second) = found.next() {
            return Err(self.fault(second, &format!("has the member {name:?} twice"), ENTRY_FORM));
        }
        if !value.get().starts_with('"') {
            return Err(self.fault(
                value,
                &format!("has {} as {name:?}, not a string", kind(value)),
                ENTRY_FORM,
            ));
        }
        let string: String =
            serde_json::from_str(value.get()).map_err(|error| syntax(self.text, value.get(), &error))?;
        if string.is_empty() {
            return Err(self.fault(value, &format!("has an empty string as {name:?}"), ENTRY_FORM));
        }
        Ok((value, string))
    }

    fn fault(&self, at: &RawValue, what: &str, advice: &'static str) -> Fault {
        Fault::new(
            offset(self.text, at.get()),
            format!("entry {} (counted from 1) {what}", self.number),
            advice,
        )
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
fn lone_object(text: &str, whole: &RawValue) -> Fault {
    let members = serde_json::from_str(whole.get()).map_or_else(|_| Vec::new(), |Members(members)| members);
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    let (what, advice) = if has("ImageURI") {
        (
            "found an object like CodePipeline's imageDetail.json, not an array; imageDetail.json names no container",
            "Say which container gets the image with --image CONTAINER=URI, or write an imagedefinitions.json in the build",
        )
    } else {
        ("found an object, not an array", FILE_FORM)
    };
    Fault::new(offset(text, whole.get()), what, advice)
}

/// What the JSON parser found wrong in `part` of the text.
fn syntax(text: &str, part: &str, error: &serde_json::Error) -> Fault {
    // serde_json counts lines from 1 and columns in bytes; it names column 0 when the line is at its end.
    let line_at: usize = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = (line_at + error.column().saturating_sub(1)).min(part.len());
    let message = error.to_string();
    let reason = message.rsplit_once(" at line ").map_or(&*message, |(reason, _)| reason);
    Fault::new(offset(text, part) + at, format!("not valid JSON: {reason}"), JSON_FORM)
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
