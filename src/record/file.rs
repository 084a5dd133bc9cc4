//! A record in a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::domain::failure::{Failure, FailureKind};
use crate::ports::{RecordStore, Version};

use super::changed_meanwhile;

/// A record in a file. It is replaced whole, by a rename, so a reader never sees half of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStore {
    path: PathBuf,
    /// What stands before the path where it is typed.
    scheme: &'static str,
}

impl FileStore {
    /// The file at `path`; it need not exist, its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::of_scheme("file", path)
    }

    pub(super) fn of_scheme(scheme: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), scheme }
    }

    fn load(&self) -> Result<Option<Vec<u8>>, Failure> {
        match fs::read(&self.path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failure("cannot be read").caused_by(error)),
        }
    }

    fn replace(&self, content: &[u8]) -> std::io::Result<()> {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = self.path.with_file_name(name);
        fs::write(&beside, content)?;
        fs::rename(&beside, &self.path).inspect_err(|_| remove_quietly(&beside))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(FailureKind::Unreadable, format!("the record in {} {what}", self.place()))
    }
}

impl RecordStore for FileStore {
    fn place(&self) -> String {
        format!("{}:{}", self.scheme, self.path.display())
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        Ok(self.load()?.map(|content| {
            let version = version(&content);
            (content, version)
        }))
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Version, Failure> {
        if self.load()?.as_deref().map(version).as_ref() != over {
            return Err(changed_meanwhile(&self.place()));
        }
        self.replace(content).map_err(|error| {
            self.failure("cannot be written")
                .caused_by(error)
                .advice("Give a path in a folder that is writable")
        })?;
        Ok(version(content))
    }
}

/// A file's version is its content.
fn version(content: &[u8]) -> Version {
    Version(String::from_utf8_lossy(content).into_owned())
}

/// What is left over matters less than the error that is about to be told.
fn remove_quietly(path: &Path) {
    drop(fs::remove_file(path));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_is_written_only_over_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("record.json"));
        assert_eq!(store.read().await.unwrap(), None);

        let one = store.write(None, b"one").await.unwrap();
        assert_eq!(store.read().await.unwrap(), Some((b"one".to_vec(), one.clone())));

        let two = store.write(Some(&one), b"two").await.unwrap();
        for old in [None, Some(&one)] {
            let refused = store.write(old, b"three").await.unwrap_err();
            assert_eq!(refused.kind(), FailureKind::Superseded);
            assert!(refused.to_string().contains("changed by somebody else"), "{refused}");
        }
        assert_eq!(store.read().await.unwrap(), Some((b"two".to_vec(), two)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_told_with_the_path() {
        let store = FileStore::new("/no/such/folder/record.json");
        let failure = store.write(None, b"one").await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        assert!(failure.to_string().contains("/no/such/folder/record.json"), "{failure}");
    }
}
