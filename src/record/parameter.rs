//! A record in a parameter of AWS Systems Manager.

use serde_json::Value;

use crate::domain::failure::{Failure, FailureKind};
use crate::ports::{Parameters, RecordStore, Version};

use super::changed_meanwhile;

/// How long the value of a standard parameter may be, in bytes (AWS Systems Manager user guide,
/// "Managing parameter tiers").
const LONGEST: usize = 4096;

/// A record in a parameter of the type String.
///
/// `PutParameter` takes no condition but that there is nothing yet. It tells the number of the version
/// that it made, and by that it is seen that somebody else wrote in between.
#[derive(Debug, Clone)]
pub struct ParameterStore<P> {
    parameters: P,
    name: String,
}

impl<P: Parameters> ParameterStore<P> {
    /// The parameter of this name; it need not exist.
    pub fn new(parameters: P, name: impl Into<String>) -> Self {
        Self { parameters, name: name.into() }
    }

    async fn create(&self, value: &str) -> Result<u64, Failure> {
        if let Some(version) = self.parameters.create(&self.name, value).await? {
            return Ok(version);
        }
        // The first answer to our own call may have been lost.
        match self.parameters.get(&self.name, None).await? {
            Some((found, version)) if found == value => Ok(version),
            Some(_) | None => Err(changed_meanwhile(&self.place())),
        }
    }

    async fn overwrite(&self, over: u64, value: &str) -> Result<u64, Failure> {
        let made = self.parameters.overwrite(&self.name, value).await?;
        if made <= over {
            return Err(
                changed_meanwhile(&self.place()).because("it was removed, and is made anew by this write")
            );
        }
        for between in over + 1..made {
            let found = self.parameters.get(&self.name, Some(between)).await?;
            // Of our own call whose first answer was lost there are two versions.
            if found.is_none_or(|(found, _)| found != value) {
                return Err(changed_meanwhile(&self.place()).because(format!(
                    "version {between} of the parameter is theirs, and version {made} overwrote it"
                )));
            }
        }
        Ok(made)
    }
}

impl<P: Parameters> RecordStore for ParameterStore<P> {
    fn place(&self) -> String {
        format!("ssm:{}", self.name)
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let found = self.parameters.get(&self.name, None).await?;
        Ok(found.map(|(value, version)| (value.into_bytes(), Version(version.to_string()))))
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Version, Failure> {
        let value = compact(content);
        if value.len() > LONGEST {
            return Err(Failure::new(
                FailureKind::InvalidInput,
                format!("the record is too long for {}", self.place()),
            )
            .because(format!("it has {} bytes, and a standard parameter {LONGEST} at most", value.len()))
            .advice("Keep it in an object, by --record s3://BUCKET/KEY"));
        }
        let made = match over.map(|version| version.0.parse()) {
            None => self.create(&value).await?,
            Some(Ok(version)) => self.overwrite(version, &value).await?,
            Some(Err(_)) => return Err(changed_meanwhile(&self.place())),
        };
        Ok(Version(made.to_string()))
    }
}

/// The document without blanks: a parameter has little room.
fn compact(content: &[u8]) -> String {
    let document: Option<Value> = serde_json::from_slice(content).ok();
    document.map_or_else(|| String::from_utf8_lossy(content).into_owned(), |document| document.to_string())
}
