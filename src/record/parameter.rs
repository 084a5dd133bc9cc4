//! A record in a parameter of AWS Systems Manager.
//!
//! `PutParameter` takes no condition but that there is nothing yet, so it overwrites a rival's write. What it gives is
//! the number of the version that it made, and earlier versions can be read.
//!
//! Guarantees: of two writes over the same version one counts, the first. Each value names the version that it
//! replaces, in the member `replacesVersion`. It counts only if no other counting value came in between. The run that
//! wrote a value that does not count writes the counting value back.
//!
//! Assumptions: a value without the member was written by hand or by Terraform. It counts, and so does the next value. A run that is
//! killed between its write and the next call can leave a value that does not count; the next run corrects that.

use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Excess, Parameters, RecordStore, Version};
use serde_json::{Map, Value};

/// How long the value of a standard parameter may be, in bytes (AWS Systems Manager user guide,
/// "Managing parameter tiers").
const LONGEST: usize = 4096;

/// A version with as many digits as one may come to have.
const LARGE_VERSION: u64 = 999_999;

/// The member of a value that names the version it replaces.
const REPLACES: &str = "replacesVersion";

/// A record in a parameter of the type String.
#[derive(Debug, Clone)]
pub struct ParameterStore<P> {
    parameters: P,
    name: String,
}

/// A version of the parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ParameterVersion {
    version: u64,
    value: String,
}

impl<P: Parameters> ParameterStore<P> {
    /// The parameter of this name; it need not exist.
    pub fn new(parameters: P, name: impl Into<String>) -> Self {
        Self { parameters, name: name.into() }
    }

    async fn newest(&self) -> Result<Option<ParameterVersion>, Failure> {
        let found = self.parameters.get(&self.name, None).await?;
        Ok(found.map(|(value, version)| ParameterVersion { version, value }))
    }

    /// The version that counts, of those up to the newest.
    async fn counting(&self, newest: ParameterVersion) -> Result<ParameterVersion, Failure> {
        let Some(replaced) = replaced(&newest.value).filter(|replaced| replaced + 1 < newest.version) else {
            return Ok(newest);
        };
        let mut counting: Option<ParameterVersion> = None;
        for version in replaced..newest.version {
            // Systems Manager keeps a hundred versions; one that is gone replaced nothing that is left.
            let found = self.parameters.get(&self.name, Some(version)).await?;
            let Some((value, version)) = found else { continue };
            if counting.as_ref().is_none_or(|counting| follows(&value, counting)) {
                counting = Some(ParameterVersion { version, value });
            }
        }
        match counting {
            Some(counting) if !follows(&newest.value, &counting) => Ok(counting),
            Some(_) | None => Ok(newest),
        }
    }

    /// Writes `value` over the version `over`; the version that this made, or none if it does not count.
    async fn overwrite(&self, over: u64, value: &str) -> Result<Option<u64>, Failure> {
        // A rollout takes minutes. This read finds most conflicts, so that a rival's value is seldom overwritten.
        let Some(newest) = self.newest().await? else { return Ok(None) };
        let counting = self.counting(newest).await?;
        if counting.version != over {
            // Unless it is our own write, whose response was lost.
            return Ok((counting.value == value).then_some(counting.version));
        }
        let made = self.parameters.overwrite(&self.name, value).await?;
        if made == over + 1 {
            return Ok(Some(made));
        }
        let Some(mut newest) = self.newest().await? else { return Ok(None) };
        loop {
            let counting = self.counting(newest.clone()).await?;
            // Of our own call whose first response was lost there are two versions, of which the first counts.
            if counting.value == value && counting.version > over {
                return Ok(Some(counting.version));
            }
            if counting.value == newest.value {
                return Ok(None);
            }
            // Word for word: what names an earlier version than the one that counts does not count again.
            self.parameters.overwrite(&self.name, &counting.value).await?;
            match self.newest().await? {
                Some(next) => newest = next,
                None => return Ok(None),
            }
        }
    }

    async fn create(&self, value: &str) -> Result<Option<u64>, Failure> {
        let created = self.parameters.create(&self.name, value).await?;
        if created.is_some() {
            return Ok(created);
        }
        // The first response to our own call may have been lost.
        let found = self.parameters.get(&self.name, None).await?;
        Ok(found.filter(|(found, _)| found == value).map(|(_, version)| version))
    }
}

impl<P: Parameters> RecordStore for ParameterStore<P> {
    fn place(&self) -> String {
        format!("ssm:{}", self.name)
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let Some(newest) = self.newest().await? else { return Ok(None) };
        let ParameterVersion { version, value } = self.counting(newest).await?;
        Ok(Some((without_version(value).into_bytes(), Version(version.to_string()))))
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        let over = match over.map(|version| version.0.parse()) {
            None => None,
            Some(Ok(version)) => Some(version),
            Some(Err(_)) => return Ok(None),
        };
        let value = value_of(content, over);
        if value.len() > LONGEST {
            return Err(Failure::invalid_input(format!("the record is too long for {}", self.place()))
                .because(format!("it has {} bytes, and a standard parameter {LONGEST} at most", value.len()))
                .advice("Keep it in an object, by --record s3://BUCKET/KEY"));
        }
        let made = match over {
            None => self.create(&value).await?,
            Some(version) => self.overwrite(version, &value).await?,
        };
        Ok(made.map(|version| Version(version.to_string())))
    }

    fn excess(&self, content: &[u8]) -> Option<Excess> {
        let bytes = value_of(content, Some(LARGE_VERSION)).len();
        (bytes > LONGEST).then_some(Excess { bytes, longest: LONGEST })
    }
}

/// The version that a value says it replaces.
fn replaced(value: &str) -> Option<u64> {
    let members: Map<String, Value> = serde_json::from_str(value).ok()?;
    members.get(REPLACES)?.as_u64()
}

/// Whether `value`, which was written after `counting`, counts. After a value by hand any does, since somebody may put an
/// earlier record back, with the version that it replaced.
fn follows(value: &str, counting: &ParameterVersion) -> bool {
    replaced(value).is_none_or(|replaced| replaced == counting.version) || replaced(&counting.value).is_none()
}

/// The document without blanks, since a parameter has little room, and with the version that it replaces.
fn value_of(content: &[u8], over: Option<u64>) -> String {
    let Ok(mut document) = serde_json::from_slice::<Value>(content) else {
        return String::from_utf8_lossy(content).into_owned();
    };
    if let (Value::Object(members), Some(over)) = (&mut document, over) {
        members.insert(REPLACES.to_owned(), over.into());
    }
    document.to_string()
}

fn without_version(value: String) -> String {
    let Ok(mut members) = serde_json::from_str::<Map<String, Value>>(&value) else { return value };
    if members.remove(REPLACES).is_some() { Value::Object(members).to_string() } else { value }
}
