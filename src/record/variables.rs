//! A record in a file that sets a variable of Terraform's.

use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{RecordStore, Version};
use serde_json::{Map, Value};

use super::FileStore;

/// The variable that holds the record.
const VARIABLE: &str = "evenkeel_record";

/// A record as the variable `evenkeel_record` in a file of variables. Others that stand beside it stay.
#[derive(Debug, Clone)]
pub struct VariablesStore {
    file: FileStore,
}

impl VariablesStore {
    /// The file at `path`; it need not exist, its folder must.
    pub fn new(path: &str) -> Self {
        Self { file: FileStore::of_scheme("tfvars", path) }
    }

    fn variables(&self, content: &[u8]) -> Result<Map<String, Value>, Failure> {
        serde_json::from_slice(content).map_err(|error| {
            Failure::invalid_input(format!("the variables in {} are not understood", self.file.place()))
                .caused_by(error)
                .advice("Mend or remove the file; nothing was changed")
        })
    }
}

impl RecordStore for VariablesStore {
    fn place(&self) -> String {
        self.file.place()
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let Some((content, version)) = self.file.read().await? else { return Ok(None) };
        let variables = self.variables(&content)?;
        let record = variables.get(VARIABLE).map_or_else(|| "{}".to_owned(), Value::to_string);
        Ok(Some((record.into_bytes(), version)))
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        // The version of a file is its content.
        let mut variables = match over {
            Some(Version(found)) => self.variables(found.as_bytes())?,
            None => Map::new(),
        };
        let record = serde_json::from_slice(content).unwrap_or_default();
        variables.insert(VARIABLE.to_owned(), record);
        let mut text = serde_json::to_vec_pretty(&variables).unwrap_or_default();
        text.push(b'\n');
        self.file.write(over, &text).await
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::failure::FailureKind;

    use super::*;

    #[tokio::test]
    async fn the_record_is_one_variable_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.auto.tfvars.json");
        let store = VariablesStore::new(path.to_str().unwrap());
        assert_eq!(store.read().await.unwrap(), None);

        std::fs::write(&path, r#"{"size": 12345678901234567890}"#).unwrap();
        let (content, version) = store.read().await.unwrap().unwrap();
        assert_eq!(content, b"{}");
        store.write(Some(&version), br#"{"a":1}"#).await.unwrap().unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let expected =
            "{\n  \"evenkeel_record\": {\n    \"a\": 1\n  },\n  \"size\": 12345678901234567890\n}\n";
        assert_eq!(written, expected);
        assert_eq!(store.read().await.unwrap().unwrap().0, br#"{"a":1}"#);
    }

    #[tokio::test]
    async fn what_are_no_variables_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tfvars.json");
        std::fs::write(&path, "size = 1").unwrap();
        let failure = VariablesStore::new(path.to_str().unwrap()).read().await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        assert!(failure.to_string().contains("x.tfvars.json are not understood"), "{failure}");
    }
}
