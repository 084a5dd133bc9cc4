//! A record in a file.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{RecordStore, Version};

/// A record in a file. It is replaced whole, by a rename, so a reader never sees half of it. A link stays a link, and
/// the file keeps its mode.
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
        let path = target(&self.path)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = path.with_file_name(name);
        let write = || {
            let mut file = File::create(&beside)?;
            if let Ok(former) = fs::metadata(&path) {
                file.set_permissions(former.permissions())?;
            }
            file.write_all(content)?;
            // Without this a crash of the machine could leave the name with nothing behind it.
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            sync_folder(&path)
        };
        write().inspect_err(|_| remove_quietly(&beside))
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

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        if self.load()?.as_deref().map(version).as_ref() != over {
            return Ok(None);
        }
        self.replace(content).map_err(|error| {
            self.failure("cannot be written")
                .caused_by(error)
                .advice("Give a path in a folder that is writable")
        })?;
        Ok(Some(version(content)))
    }
}

/// The file that `path` names, through links; it need not exist, also at the end of a link.
fn target(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(next) => path = path.with_file_name("").join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(std::io::Error::other("too many levels of symbolic links"))
}

/// The name of the file is in its folder, which is written by itself. Not every file system takes that.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder)?.sync_all();
    synced.or_else(|error| if error.kind() == ErrorKind::InvalidInput { Ok(()) } else { Err(error) })
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

        let one = store.write(None, b"one").await.unwrap().unwrap();
        assert_eq!(store.read().await.unwrap(), Some((b"one".to_vec(), one.clone())));

        let two = store.write(Some(&one), b"two").await.unwrap().unwrap();
        for old in [None, Some(&one)] {
            assert_eq!(store.write(old, b"three").await.unwrap(), None);
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

    #[tokio::test]
    async fn a_file_keeps_its_mode_and_a_link_stays_one() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("record.json"));
        fs::create_dir(folder.path().join("links")).unwrap();
        symlink("../real.json", folder.path().join("links/next.json")).unwrap();
        symlink("links/next.json", &link).unwrap();

        // Nothing is there yet, at the end of the links.
        let store = FileStore::new(&link);
        let one = store.write(None, b"one").await.unwrap().unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"one");

        for mode in [0o600, 0o640, 0o444] {
            fs::set_permissions(&real, fs::Permissions::from_mode(mode)).unwrap();
            let before = fs::read(&real).unwrap();
            let content = format!("{mode:o}");
            store.write(Some(&version(&before)), content.as_bytes()).await.unwrap().unwrap();
            let found = fs::symlink_metadata(&real).unwrap();
            assert_eq!((found.mode() & 0o7777, found.is_file()), (mode, true), "{mode:o}");
            assert_eq!(fs::read(&real).unwrap(), content.as_bytes());
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        drop(one);
    }

    #[tokio::test]
    async fn links_that_go_round_are_told_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.json"), folder.path().join("two.json"));
        std::os::unix::fs::symlink(&two, &one).unwrap();
        std::os::unix::fs::symlink(&one, &two).unwrap();
        let failure = FileStore::new(&one).read().await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        assert!(failure.to_string().contains("one.json"), "{failure}");
    }
}
