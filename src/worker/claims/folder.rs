//! Claims in a folder, for the workers of one machine.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::JobId;
use evenkeel_core::ports::{ClaimStore, Precondition, Version};

use crate::clock::Clock;

use super::claim::MAX_CLAIM;
use super::key;

/// The file that whoever writes locks; the operating system unlocks it when a process dies.
const LOCK: &str = ".lock";

/// How often a lock that another process holds is tried, and how long after one try the next: five seconds. A write
/// holds it for milliseconds, but a process that is stopped holds it until it is continued.
const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

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
/// Its files are read and written off the runtime's thread, which a slow disk would hold up.
#[derive(Debug, Clone)]
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
        // Only the holder of the lock writes, so these files are nobody's. Another holder is about to write one of them.
        let Some(_locked) = self.try_lock()? else { return Ok(()) };
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

    fn try_lock(&self) -> io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).write(true).open(self.folder.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Does `work` off the runtime's thread.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let claims = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&claims)).await;
        done.unwrap_or_else(|error| {
            Err(Failure::new(FailureKind::Bug, "a bug in Evenkeel: reading a claim panicked")
                .caused_by(error))
        })
    }

    /// Does `work` as the only process that writes.
    async fn locked<T: Send + 'static>(
        &self,
        work: impl Fn(&Self) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Result<T, Failure> {
        for _ in 0..TRIES {
            let work = work.clone();
            let done = self.apart(move |claims| {
                let locked = claims.try_lock();
                match locked.map_err(|error| claims.failure("cannot be locked").caused_by(error))? {
                    Some(_locked) => work(claims).map(Some),
                    None => Ok(None),
                }
            });
            if let Some(done) = done.await? {
                return Ok(done);
            }
            Clock::system().sleep(BETWEEN_TRIES).await;
        }
        let what = format!("the claims in {} are locked", self.place());
        Err(Failure::new(FailureKind::Unavailable, what)
            .because(format!("another process has held the lock for {} s", (BETWEEN_TRIES * TRIES).as_secs()))
            .advice("Look for a worker that is stopped there, and continue or end it"))
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
        let list = |claims: &Self| {
            claims.versions().map_err(|error| claims.failure("cannot be listed").caused_by(error))
        };
        self.apart(list).await
    }

    async fn read(&self, job: &JobId) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let name = key::name(job)?;
        self.apart(move |claims| claims.load(&name)).await
    }

    async fn write(
        &self,
        job: &JobId,
        content: &[u8],
        condition: &Precondition,
    ) -> Result<Option<Version>, Failure> {
        let name = key::name(job)?;
        if content.len() > MAX_CLAIM {
            return Err(self
                .of(&name, "cannot be written")
                .because(format!("it has more than {MAX_CLAIM} bytes")));
        }
        let (content, condition) = (content.to_vec(), condition.clone());
        self.locked(move |claims| {
            let holds = match &condition {
                Precondition::Always => true,
                Precondition::Absent => claims.load(&name)?.is_none(),
                Precondition::Unchanged(version) => {
                    claims.load(&name)?.is_some_and(|(_, there)| there == *version)
                }
            };
            if !holds {
                return Ok(None);
            }
            let stored = claims.store(&name, &content);
            stored.map(Some).map_err(|error| claims.of(&name, "cannot be written").caused_by(error))
        })
        .await
    }

    async fn remove(&self, job: &JobId, version: &Version) -> Result<bool, Failure> {
        let (name, version) = (key::name(job)?, version.clone());
        self.locked(move |claims| {
            if claims.load(&name)?.is_none_or(|(_, there)| there != version) {
                return Ok(false);
            }
            let removed = fs::remove_file(claims.folder.join(&name));
            removed.map(|()| true).map_err(|error| claims.of(&name, "cannot be removed").caused_by(error))
        })
        .await
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
