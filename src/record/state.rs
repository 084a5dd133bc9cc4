//! A record as the outputs of a Terraform state, for `terraform_remote_state`.

use evenkeel_core::failure::Failure;
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Encryption, Objects, RecordStore, Version};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ObjectStore;

/// The version of the state's form, that of Terraform 0.12 and later.
const FORM: u64 = 4;

/// The version of Terraform that the state is said to be from: any later one reads it.
const TERRAFORM: &str = "1.5.0";

/// The lineage of every state that is a record, by which it is told from the state of a configuration:
/// such a one is never overwritten.
const LINEAGE: &str = "65766e6b-6565-4c00-8000-7265636f7264";

/// A record in an object that Terraform reads as another configuration's state. Its outputs are
/// `record`, an object, and `record_json`, the same as a string.
#[derive(Debug, Clone)]
pub struct StateStore<O> {
    object: ObjectStore<O>,
}

impl<O: Objects> StateStore<O> {
    /// The object at this address; it need not exist, its bucket must.
    pub fn new(objects: O, at: ObjectAddress, encryption: Encryption) -> Self {
        Self { object: ObjectStore::of_prefix("tfstate:", objects, at, encryption) }
    }
}

impl<O: Objects> RecordStore for StateStore<O> {
    fn place(&self) -> String {
        self.object.place()
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let Some((content, tag)) = self.object.read().await? else { return Ok(None) };
        let (record, before) = open(&self.place(), &content)?;
        Ok(Some((record, before.version(&tag))))
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        let (before, tag) = over.map(Before::of).unwrap_or_default();
        let next = Before { serial: before.serial + 1, ..before };
        let tag = self.object.write(tag.as_ref(), &seal(&next, content)).await?;
        Ok(tag.map(|tag| next.version(&tag)))
    }
}

/// What of a state stays when its record is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Before {
    serial: u64,
    /// The members that this version does not know, its outputs among them.
    unknown: Map<String, Value>,
}

impl Before {
    /// It has to be known when the object is replaced, so that it is part of the version.
    fn version(&self, tag: &Version) -> Version {
        Version(format!("{} {} {}", self.serial, tag.0, Value::Object(self.unknown.clone())))
    }

    fn of(version: &Version) -> (Self, Option<Version>) {
        let mut parts = version.0.splitn(3, ' ');
        let serial = parts.next().and_then(|serial| serial.parse().ok()).unwrap_or_default();
        let tag = parts.next().map(|tag| Version(tag.to_owned()));
        let unknown = parts.next().and_then(|unknown| serde_json::from_str(unknown).ok()).unwrap_or_default();
        (Self { serial, unknown }, tag)
    }
}

#[derive(Deserialize)]
struct StateFile {
    version: u64,
    serial: u64,
    lineage: String,
    outputs: Outputs,
}

#[derive(Deserialize)]
struct Outputs {
    record: Output,
}

#[derive(Deserialize)]
struct Output {
    value: Value,
}

/// The record in a state, and what stays of it.
fn open(place: &str, content: &[u8]) -> Result<(Vec<u8>, Before), Failure> {
    let refuse = |why: String| {
        Failure::invalid_input(format!("the state in {place} holds no record of Evenkeel's"))
            .because(why)
            .advice("Give the record an object of its own; nothing was changed")
    };
    let state: StateFile = serde_json::from_slice(content).map_err(|error| refuse(error.to_string()))?;
    if state.lineage != LINEAGE {
        return Err(refuse(format!("its lineage {:?} is that of another configuration", state.lineage)));
    }
    if state.version != FORM {
        return Err(refuse(format!("its form has the version {}, not {FORM}", state.version)));
    }
    let mut unknown: Map<String, Value> =
        serde_json::from_slice(content).map_err(|error| refuse(error.to_string()))?;
    for known in ["version", "terraform_version", "serial", "lineage", "resources"] {
        unknown.remove(known);
    }
    if let Some(Value::Object(outputs)) = unknown.get_mut("outputs") {
        outputs.retain(|name, _| name != "record" && name != "record_json");
        if outputs.is_empty() {
            unknown.remove("outputs");
        }
    }
    Ok((state.outputs.record.value.to_string().into_bytes(), Before { serial: state.serial, unknown }))
}

/// The state that holds a record.
fn seal(before: &Before, record: &[u8]) -> Vec<u8> {
    let record: Value = serde_json::from_slice(record).unwrap_or_default();
    let mut state = before.unknown.clone();
    let outputs = state.entry("outputs").or_insert_with(|| json!({}));
    outputs["record"] = json!({ "value": record, "type": type_of(&record) });
    outputs["record_json"] = json!({ "value": record.to_string(), "type": "string" });
    for (member, value) in [
        ("version", json!(FORM)),
        ("terraform_version", json!(TERRAFORM)),
        ("serial", json!(before.serial)),
        ("lineage", json!(LINEAGE)),
        ("resources", json!([])),
    ] {
        state.insert(member.to_owned(), value);
    }
    let mut text = serde_json::to_vec_pretty(&state).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The type of a value as Terraform writes it. A value that does not match its type exactly makes the
/// whole state unreadable.
fn type_of(value: &Value) -> Value {
    match value {
        // A variable that is owned and absent has the type of those that are there, which a null fits.
        Value::String(_) | Value::Null => json!("string"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Array(items) => json!(["tuple", items.iter().map(type_of).collect::<Vec<_>>()]),
        Value::Object(members) => {
            let types: serde_json::Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), type_of(value))).collect();
            json!(["object", types])
        }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::failure::FailureKind;

    use super::*;

    #[test]
    fn a_record_comes_back_and_its_type_is_exact() {
        let record = json!({ "status": "succeeded", "revision": 7, "images": { "app": "web:2" } });
        let sealed = seal(&serial(3), record.to_string().as_bytes());
        let state: Value = serde_json::from_slice(&sealed).unwrap();
        assert_eq!((&state["version"], &state["serial"]), (&json!(4), &json!(3)));
        assert_eq!(
            state["outputs"]["record"]["type"],
            json!(["object", { "status": "string", "revision": "number", "images": ["object", { "app": "string" }] }])
        );
        assert_eq!(state["outputs"]["record_json"]["value"], json!(record.to_string()));
        let (opened, before) = open("tfstate:s3://b/k", &sealed).unwrap();
        assert_eq!((serde_json::from_slice::<Value>(&opened).unwrap(), before.serial), (record, 3));

        let empty = seal(&serial(1), b"{}");
        assert_eq!(
            serde_json::from_slice::<Value>(&empty).unwrap()["outputs"]["record"]["type"],
            json!(["object", {}])
        );
        assert_eq!(open("tfstate:s3://b/k", &empty).unwrap().0, b"{}");
    }

    fn serial(serial: u64) -> Before {
        Before { serial, ..Before::default() }
    }

    #[test]
    fn what_a_later_version_put_into_a_state_stays() {
        let mut theirs: Value = serde_json::from_slice(&seal(&serial(3), b"{}")).unwrap();
        let output = json!({ "value": 12345678901234567890_u64, "type": "number" });
        theirs["outputs"]["record_v2"] = output.clone();
        theirs["check_results"] = json!(null);
        let (_, before) = open("tfstate:s3://b/k", theirs.to_string().as_bytes()).unwrap();
        let version = before.version(&Version("\"tag\"".to_owned()));
        assert_eq!(Before::of(&version), (before.clone(), Some(Version("\"tag\"".to_owned()))));

        let written = seal(&Before { serial: 4, ..before }, br#"{"a":"1"}"#);
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written["outputs"]["record_v2"], output);
        assert_eq!(written["outputs"]["record"]["value"], json!({ "a": "1" }));
        assert_eq!((&written["serial"], written.get("check_results")), (&json!(4), Some(&json!(null))));
    }

    #[test]
    fn the_state_of_a_configuration_is_never_taken_for_a_record() {
        let sealed = String::from_utf8(seal(&serial(1), b"{}")).unwrap();
        let theirs = sealed.replace(LINEAGE, "0c9f3a5e-0000-4000-8000-000000000000");
        for (content, word) in [
            (theirs.as_str(), "another configuration"),
            (&sealed.replace("\"version\": 4", "\"version\": 3"), "version 3"),
            (&sealed.replace("\"record\"", "\"recorded\""), "record"),
            ("", "EOF"),
            ("{}", "version"),
        ] {
            let failure = open("tfstate:s3://b/k", content.as_bytes()).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            let told = failure.to_string();
            assert!(told.contains("tfstate:s3://b/k") && told.contains(word), "{told}");
        }
    }
}
