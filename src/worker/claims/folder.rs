//! Claims in a folder, for the workers of one machine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::job::JobId;
use crate::ports::{ClaimStore, Condition, Version};

use super::claim::MAX_CLAIM;
use super::key;

/// The file that whoever writes locks; the operating system unlocks it when a process dies.
const LOCK: &str = ".lock";

/// What the name of a file ends with that is not a claim yet.
const UNFINISHED: &str = ".new";

/// How many hexadecimal digits a version has.
const DIGITS: usize = 32;

/// Claims in a folder, one file `<job id>.json` each.
///
/// A file's first line is its version, a number drawn at random; the rest is the claim. It is
/// replaced whole, by a rename, so a process that is killed leaves no half of one. The folder must be
/// on a disk of this machine, as file locks across machines cannot be relied upon.
///
/// Its calls block for the moment that a small file takes.
#[derive(Debug)]
pub struct FolderClaims {
    folder: PathBuf,
}

impl FolderClaims {
    /// The claims in `folder`, which is made if it is missing; what a killed process left unfinished
    /// there is removed.
    ///
    /// # Errors
    /// [`FailureKind::Unreadable`] when the folder cannot be made or written.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Failure> {
        let claims = Self { folder: folder.into() };
        claims.tidy().map_err(|error| {
            claims
                .failure("cannot be kept there")
                .caused_by(error)
                .advice("Give --claims a folder that is writable, on a disk of this machine")
        })?;
        Ok(claims)
    }

    fn tidy(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // Whoever has the lock is the only one that writes, so nobody needs these files any more.
        let _locked = self.lock()?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            let unfinished = name.strip_prefix('.').and_then(|name| name.strip_suffix(UNFINISHED));
            if unfinished.and_then(key::job).is_some() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<File> {
        let file = File::options().create(true).truncate(false).write(true).open(self.folder.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    fn versions(&self) -> io::Result<Vec<(JobId, Version)>> {
        let mut versions = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(job) = entry.file_name().to_str().and_then(key::job) else { continue };
            // One that is gone by now is no claim any more.
            if let Some(start) = load(&entry.path(), DIGITS)? {
                versions.push((job, Version(String::from_utf8_lossy(&start).into_owned())));
            }
        }
        versions.sort();
        Ok(versions)
    }

    fn load(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        // One byte more tells a file that is too long.
        let limit = DIGITS + 1 + MAX_CLAIM + 1;
        let loaded = load(&self.folder.join(name), limit);
        let Some(mut file) = loaded.map_err(|error| self.of(name, "cannot be read").caused_by(error))? else {
            return Ok(None);
        };
        let version = file.get(..DIGITS).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match (version.and_then(|digits| str::from_utf8(digits).ok()), file.get(DIGITS)) {
            (Some(version), Some(b'\n')) if file.len() < limit => {
                let version = Version(version.to_owned());
                Ok(Some((file.split_off(DIGITS + 1), version)))
            }
            (Some(_) | None, Some(_) | None) => Err(self
                .of(name, "was not written by Evenkeel")
                .advice("Remove it, or give the workers a folder of their own for claims")),
        }
    }

    fn store(&self, name: &str, content: &[u8]) -> io::Result<Version> {
        let version = format!("{:0DIGITS$x}", fastrand::u128(..));
        let beside = self.folder.join(format!(".{name}{UNFINISHED}"));
        let mut file = File::create(&beside)?;
        file.write_all(format!("{version}\n").as_bytes())?;
        file.write_all(content)?;
        // The claim outlives a machine that loses its power, too.
        file.sync_all()?;
        fs::rename(&beside, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(Version(version))
    }

    fn of(&self, name: &str, what: &str) -> Failure {
        let file = self.folder.join(name);
        Failure::new(FailureKind::Unreadable, format!("the claim in {} {what}", file.display()))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::new(FailureKind::Unreadable, format!("the claims in {} {what}", self.place()))
    }
}

impl ClaimStore for FolderClaims {
    fn place(&self) -> String {
        format!("dir:{}", self.folder.display())
    }

    async fn list(&self) -> Result<Vec<(JobId, Version)>, Failure> {
        self.versions().map_err(|error| self.failure("cannot be listed").caused_by(error))
    }

    async fn read(&self, job: &JobId) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        self.load(&key::name(job)?)
    }

    async fn write(
        &self,
        job: &JobId,
        content: &[u8],
        condition: &Condition,
    ) -> Result<Option<Version>, Failure> {
        let name = key::name(job)?;
        if content.len() > MAX_CLAIM {
            return Err(self
                .of(&name, "cannot be written")
                .because(format!("it has more than {MAX_CLAIM} bytes")));
        }
        let _locked = self.lock().map_err(|error| self.failure("cannot be locked").caused_by(error))?;
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => self.load(&name)?.is_none(),
            Condition::Unchanged(version) => self.load(&name)?.is_some_and(|(_, there)| there == *version),
        };
        if !holds {
            return Ok(None);
        }
        let stored = self.store(&name, content);
        stored.map(Some).map_err(|error| self.of(&name, "cannot be written").caused_by(error))
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        let name = key::name(job)?;
        let _locked = self.lock().map_err(|error| self.failure("cannot be locked").caused_by(error))?;
        if self.load(&name)?.is_none_or(|(_, there)| there != *version) {
            return Ok(false);
        }
        let removed = fs::remove_file(self.folder.join(&name));
        removed.map(|()| true).map_err(|error| self.of(&name, "cannot be removed").caused_by(error))
    }
}

/// The first `limit` bytes of a file, if there is one.
fn load(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(limit as u64).read_to_end(&mut content)?;
    Ok(Some(content))
}
