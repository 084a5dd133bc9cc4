//! A record in a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::domain::failure::{Failure, FailureKind};
use crate::ports::RecordStore;

/// A record in a file. It is replaced whole, by a rename, so a reader never sees half of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// The file at `path`; it need not exist, its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn load(&self) -> Result<Option<Vec<u8>>, Failure> {
        match fs::read(&self.path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failure("cannot be read").caused_by(error)),
        }
    }

    fn replace(&self, content: Option<&[u8]>) -> std::io::Result<()> {
        let Some(content) = content else { return fs::remove_file(&self.path) };
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
        format!("file:{}", self.path.display())
    }

    async fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.load()
    }

    async fn write(&self, expected: Option<&[u8]>, content: Option<&[u8]>) -> Result<(), Failure> {
        if self.load()?.as_deref() != expected {
            return Err(self
                .failure("was changed by somebody else meanwhile")
                .advice("Look at it, then run the same command again"));
        }
        self.replace(content).map_err(|error| {
            self.failure("cannot be written")
                .caused_by(error)
                .advice("Give a path in a folder that is writable")
        })
    }
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

        store.write(None, Some(b"one")).await.unwrap();
        assert_eq!(store.read().await.unwrap().as_deref(), Some(&b"one"[..]));

        let refused = store.write(None, Some(b"two")).await.unwrap_err();
        assert!(refused.to_string().contains("changed by somebody else"), "{refused}");
        assert_eq!(store.read().await.unwrap().as_deref(), Some(&b"one"[..]));

        store.write(Some(b"one"), None).await.unwrap();
        assert_eq!(store.read().await.unwrap(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_told_with_the_path() {
        let store = FileStore::new("/no/such/folder/record.json");
        let failure = store.write(None, Some(b"one")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        assert!(failure.to_string().contains("/no/such/folder/record.json"), "{failure}");
    }
}
