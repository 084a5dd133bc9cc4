#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_core::failure::FailureKind;
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Encryption, ObjectHead};

use crate::clock::Clock;

use super::claim::MAX_CLAIM;
use super::*;

pub(super) const JOB: &str = "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d";
const OTHER: &str = "ffffffff-4e5f-4a6b-8c7d-8e9f0a1b2c3d";

/// A bucket in memory, in which all clones look.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryObjects(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    writes: u64,
    all: BTreeMap<ObjectAddress, (Vec<u8>, Version)>,
}

impl Objects for MemoryObjects {
    async fn head(&self, at: &ObjectAddress) -> Result<Option<ObjectHead>, Failure> {
        unreachable!("{at} is a claim, which is read whole")
    }

    async fn read_range(&self, at: &ObjectAddress, _: Range<u64>, _: &Version) -> Result<Vec<u8>, Failure> {
        unreachable!("{at} is a claim, which is read whole")
    }

    async fn read(&self, at: &ObjectAddress, limit: u64) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        match self.0.lock().unwrap().all.get(at) {
            Some((content, _)) if content.len() as u64 > limit => {
                Err(Failure::new(FailureKind::Unreadable, format!("{at} is too large")))
            }
            found => Ok(found.cloned()),
        }
    }

    async fn write(
        &self,
        at: &ObjectAddress,
        content: Vec<u8>,
        condition: &Precondition,
        encryption: &Encryption,
    ) -> Result<Option<Version>, Failure> {
        assert_eq!(*encryption, Encryption::Default);
        let mut objects = self.0.lock().unwrap();
        let there = objects.all.get(at).map(|(_, version)| version.clone());
        let holds = match condition {
            Precondition::Always => true,
            Precondition::Absent => there.is_none(),
            Precondition::Unchanged(version) => there.as_ref() == Some(version),
        };
        if !holds {
            return Ok(None);
        }
        objects.writes += 1;
        let version = Version(format!("\"{}\"", objects.writes));
        objects.all.insert(at.clone(), (content, version.clone()));
        Ok(Some(version))
    }

    async fn delete(&self, at: &ObjectAddress, version: &Version) -> Result<bool, Failure> {
        let mut objects = self.0.lock().unwrap();
        if objects.all.get(at).is_none_or(|(_, there)| there != version) {
            return Ok(false);
        }
        objects.all.remove(at);
        Ok(true)
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, Version)>, Failure> {
        let objects = self.0.lock().unwrap();
        let listed = objects.all.iter().filter(|(at, _)| at.bucket == bucket && at.key.starts_with(prefix));
        Ok(listed.map(|(at, (_, version))| (at.key.clone(), version.clone())).collect())
    }
}

pub(super) fn bucket() -> BucketClaims<MemoryObjects> {
    BucketClaims::new(MemoryObjects::default(), "claims", "evenkeel/")
}

fn job() -> JobId {
    JobId::new(JOB)
}

/// What every store of claims does.
async fn behaves<S: ClaimStore>(store: &S) {
    let (job, other) = (job(), JobId::new(OTHER));
    assert_eq!(store.list().await.unwrap(), []);
    assert_eq!(store.read(&job).await.unwrap(), None);
    let never = Precondition::Unchanged(Version("never".to_owned()));
    assert_eq!(store.write(&job, b"zero", &never).await.unwrap(), None);
    assert!(!store.remove(&job, &Version("never".to_owned())).await.unwrap());

    let one = store.write(&job, b"one", &Precondition::Absent).await.unwrap().unwrap();
    assert_eq!(store.read(&job).await.unwrap(), Some((b"one".to_vec(), one.clone())));
    assert_eq!(store.write(&job, b"two", &Precondition::Absent).await.unwrap(), None);
    assert_eq!(store.write(&job, b"two", &never).await.unwrap(), None);

    let two = store.write(&job, b"one more", &Precondition::Unchanged(one.clone())).await.unwrap().unwrap();
    assert_ne!(one, two);
    assert_eq!(store.write(&job, b"old", &Precondition::Unchanged(one.clone())).await.unwrap(), None);
    assert!(!store.remove(&job, &one).await.unwrap());

    let more = store.write(&other, b"a\nb\n", &Precondition::Always).await.unwrap().unwrap();
    let mut listed = store.list().await.unwrap();
    listed.sort();
    assert_eq!(listed, [(job.clone(), two.clone()), (other.clone(), more.clone())]);
    assert_eq!(store.read(&other).await.unwrap(), Some((b"a\nb\n".to_vec(), more)));
    let empty = store.write(&other, b"", &Precondition::Always).await.unwrap().unwrap();
    assert_eq!(store.read(&other).await.unwrap(), Some((Vec::new(), empty.clone())));

    assert!(store.remove(&job, &two).await.unwrap());
    assert!(!store.remove(&job, &two).await.unwrap());
    assert!(store.remove(&other, &empty).await.unwrap());
    assert_eq!(store.list().await.unwrap(), []);
    let again = store.write(&job, b"one", &Precondition::Absent).await.unwrap().unwrap();
    assert!(again != one && again != two);

    let outside = JobId::new("../../etc/passwd");
    for refused in [
        store.read(&outside).await.map(|_| ()),
        store.write(&outside, b"one", &Precondition::Always).await.map(|_| ()),
        store.remove(&outside, &one).await.map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().kind(), FailureKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_bucket_keeps_claims() {
    behaves(&bucket()).await;
    behaves(&BucketClaims::new(MemoryObjects::default(), "claims", "")).await;
    behaves(&Claims::Bucket(bucket())).await;
}

#[tokio::test]
async fn a_folder_keeps_claims() {
    let folder = tempfile::tempdir().unwrap();
    behaves(&FolderClaims::open(folder.path().join("made/for/it")).unwrap()).await;
    behaves(&Claims::<MemoryObjects>::Folder(FolderClaims::open(folder.path()).unwrap())).await;
}

#[tokio::test]
async fn what_else_is_in_the_place_is_no_claim() {
    let objects = MemoryObjects::default();
    let claims = BucketClaims::new(objects.clone(), "claims", "/evenkeel/");
    assert_eq!(claims.place(), "s3://claims/evenkeel");
    for key in ["evenkeel/README", "evenkeel/deep/x.json", "evenkeelish.json", "evenkeel/x.json"] {
        let at = ObjectAddress { bucket: "claims".to_owned(), key: key.to_owned() };
        objects.write(&at, Vec::new(), &Precondition::Always, &Encryption::Default).await.unwrap();
    }
    let version = claims.write(&job(), b"one", &Precondition::Absent).await.unwrap().unwrap();
    assert_eq!(claims.list().await.unwrap(), [(job(), version)]);
    assert!(objects.list("claims", &format!("evenkeel/{JOB}.json")).await.unwrap().len() == 1);

    let folder = tempfile::tempdir().unwrap();
    let claims = FolderClaims::open(folder.path()).unwrap();
    assert_eq!(claims.place(), format!("dir:{}", folder.path().display()));
    for name in ["README", "x.json", "0.json.bak"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let version = claims.write(&job(), b"one", &Precondition::Absent).await.unwrap().unwrap();
    assert_eq!(claims.list().await.unwrap(), [(job(), version)]);
}

#[tokio::test]
async fn a_worker_that_was_killed_while_it_wrote_leaves_no_half_of_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    let claims = FolderClaims::open(folder.path()).unwrap();
    let version = claims.write(&job(), b"one", &Precondition::Absent).await.unwrap().unwrap();
    let unfinished = folder.path().join(format!(".{JOB}.json.new"));
    fs::write(&unfinished, "half").unwrap();

    assert_eq!(claims.list().await.unwrap(), [(job(), version.clone())]);
    let again = FolderClaims::open(folder.path()).unwrap();
    assert!(!unfinished.exists());
    assert_eq!(again.read(&job()).await.unwrap(), Some((b"one".to_vec(), version)));
}

#[tokio::test]
async fn a_file_that_is_no_claim_is_told_with_its_path_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let claims = FolderClaims::open(folder.path()).unwrap();
    let file = folder.path().join(format!("{JOB}.json"));
    for content in [String::new(), "{\"secret\":1}".to_owned(), "0".repeat(32), "0".repeat(32) + " x"] {
        fs::write(&file, &content).unwrap();
        let refused = claims.read(&job()).await.unwrap_err();
        let told = refused.to_string();
        assert!(told.contains(JOB) && !told.contains("secret"), "{told}");
        assert!(claims.write(&job(), b"one", &Precondition::Absent).await.is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        // The others are found all the same.
        assert_eq!(claims.list().await.unwrap().len(), 1);
    }
    fs::write(&file, format!("{}\n{}", "0".repeat(32), "x".repeat(MAX_CLAIM + 1))).unwrap();
    assert!(claims.read(&job()).await.is_err());
    let refused = claims.write(&JobId::new(OTHER), &vec![b'x'; MAX_CLAIM + 1], &Precondition::Absent).await;
    assert!(refused.unwrap_err().to_string().contains("262144 bytes"));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_a_stopped_process_holds_ends_the_write_and_holds_up_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let claims = FolderClaims::open(folder.path()).unwrap();
    let lock = fs::File::options().write(true).open(folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let (clock, id) = (Clock::system(), job());
    let mut seconds = 0;
    let others = async {
        loop {
            clock.sleep(Duration::from_secs(1)).await;
            seconds += 1;
        }
    };
    let refused = tokio::select! {
        written = claims.write(&id, b"one", &Precondition::Absent) => written.unwrap_err(),
        () = others => unreachable!(),
    };
    assert_eq!((refused.kind(), seconds >= 4), (FailureKind::Unavailable, true), "{seconds}");
    assert!(
        refused.to_string().contains("are locked: another process has held the lock for 5 s"),
        "{refused}"
    );

    // A worker that starts meanwhile does not hang, and the claim is written once the lock is free.
    FolderClaims::open(folder.path()).unwrap();
    lock.unlock().unwrap();
    assert!(claims.write(&job(), b"one", &Precondition::Absent).await.unwrap().is_some());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_with_its_path() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let failure = FolderClaims::open(file.path().join("claims")).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreadable);
    assert!(failure.to_string().contains(file.path().to_str().unwrap()), "{failure}");
}

#[test]
fn of_many_processes_that_write_to_one_folder_none_undoes_anothers_write() {
    const WRITERS: usize = 4;
    const WRITES: usize = 25;
    let folder = tempfile::tempdir().unwrap();
    let one_of_many = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let claims = FolderClaims::open(folder.path()).unwrap();
            let mut done = 0;
            while done < WRITES {
                let there = claims.read(&job()).await.unwrap();
                let (count, condition) = match there {
                    Some((count, version)) => (count, Precondition::Unchanged(version)),
                    None => (Vec::new(), Precondition::Absent),
                };
                let count = [count, vec![b'x']].concat();
                if claims.write(&job(), &count, &condition).await.unwrap().is_some() {
                    done += 1;
                }
            }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(one_of_many);
        }
    });
    let content = fs::read(folder.path().join(format!("{JOB}.json"))).unwrap();
    assert_eq!(content.len(), 32 + 1 + WRITERS * WRITES);
}
