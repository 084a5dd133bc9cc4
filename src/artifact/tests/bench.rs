//! What the tests of the artifacts work with: an object in memory that counts what is asked of it, and
//! archives whose headers can be made to lie.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{Cursor, Write};
use std::ops::Range;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use evenkeel_core::failure::Failure;
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Encryption, ObjectHead, Objects, Precondition, Version};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::artifact::{MAX_FETCHED, Wanted, read_images};

pub(super) const DEFINITIONS: &str =
    r#"[{"name": "app", "imageUri": "shop/web:1"}, {"name": "log", "imageUri": "shop/log:2"}]"#;
pub(super) const DETAIL: &str = r#"{"ImageURI": "shop/web:3"}"#;

/// What is looked for in most tests.
pub(super) fn definitions() -> Wanted {
    Wanted { file_name: "imagedefinitions.json".to_owned(), is_optional: false, container_name: None }
}

pub(super) fn at() -> ObjectAddress {
    ObjectAddress { bucket: "artifacts".to_owned(), key: "shop/build/1".to_owned() }
}

/// The one object in S3: some pieces, and zeros between them that take no memory.
pub(super) struct Stored {
    pub(super) size: u64,
    exists: bool,
    pieces: BTreeMap<u64, Vec<u8>>,
    refusal: Option<Failure>,
    length: Option<usize>,
    seen: Mutex<(usize, Vec<Range<u64>>)>,
}

impl Stored {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self::sparse(bytes.len() as u64, [(0, bytes)])
    }

    pub(super) fn nothing() -> Self {
        Self { exists: false, ..Self::new(Vec::new()) }
    }

    pub(super) fn sparse(size: u64, pieces: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Self {
        Self {
            size,
            exists: true,
            pieces: pieces.into_iter().collect(),
            refusal: None,
            length: None,
            seen: Mutex::new((0, Vec::new())),
        }
    }

    /// Every range is refused.
    pub(super) fn refusing(self, refusal: Failure) -> Self {
        Self { refusal: Some(refusal), ..self }
    }

    /// Every range is answered with so many bytes.
    pub(super) fn answering(self, length: usize) -> Self {
        Self { length: Some(length), ..self }
    }

    /// The images that are read out of it, as `container=image`.
    pub(super) fn images(&self, wanted: &Wanted) -> Result<Vec<String>, Failure> {
        let images = at_once(read_images(self, &at(), wanted))?;
        let fetched = self.fetched();
        assert!(fetched <= MAX_FETCHED, "{fetched} bytes were fetched");
        Ok(images.iter().map(|(container, image)| format!("{container}={image}")).collect())
    }

    pub(super) fn heads(&self) -> usize {
        self.seen.lock().unwrap().0
    }

    pub(super) fn requests(&self) -> Vec<Range<u64>> {
        self.seen.lock().unwrap().1.clone()
    }

    pub(super) fn fetched(&self) -> u64 {
        self.requests().iter().map(|range| range.end - range.start).sum()
    }

    pub(super) fn largest_request(&self) -> u64 {
        self.requests().iter().map(|range| range.end - range.start).max().unwrap_or(0)
    }
}

impl Objects for Stored {
    async fn head(&self, address: &ObjectAddress) -> Result<Option<ObjectHead>, Failure> {
        assert_eq!(*address, at());
        self.seen.lock().unwrap().0 += 1;
        Ok(self.exists.then(|| ObjectHead { size: self.size, version: Version("first".to_owned()) }))
    }

    async fn read_range(
        &self,
        address: &ObjectAddress,
        range: Range<u64>,
        version: &Version,
    ) -> Result<Vec<u8>, Failure> {
        assert_eq!((address, &*version.0), (&at(), "first"));
        assert!(range.start < range.end && range.end <= self.size, "{range:?} of {}", self.size);
        self.seen.lock().unwrap().1.push(range.clone());
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
        for (begin, piece) in &self.pieces {
            let here = range.start.max(*begin)..range.end.min(begin + piece.len() as u64);
            if !here.is_empty() {
                let place = |of: u64, from: u64| usize::try_from(of - from).unwrap();
                bytes[place(here.start, range.start)..place(here.end, range.start)]
                    .copy_from_slice(&piece[place(here.start, *begin)..place(here.end, *begin)]);
            }
        }
        bytes.resize(self.length.unwrap_or(bytes.len()), 0);
        Ok(bytes)
    }

    async fn read(&self, _: &ObjectAddress, _: u64) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        unreachable!("an artifact is read in ranges")
    }

    async fn write(
        &self,
        _: &ObjectAddress,
        _: Vec<u8>,
        _: &Precondition,
        _: &Encryption,
    ) -> Result<Option<Version>, Failure> {
        unreachable!("an artifact is only read")
    }

    async fn delete(&self, _: &ObjectAddress, _: &Version) -> Result<bool, Failure> {
        unreachable!("an artifact is only read")
    }

    async fn list(&self, _: &str, _: &str) -> Result<Vec<(String, Version)>, Failure> {
        unreachable!("an artifact is only read")
    }
}

/// The outcome of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

/// An archive as most programs write it; a path that ends in `/` is a folder.
pub(super) fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        match path.strip_suffix('/') {
            Some(folder) => writer.add_directory(folder, SimpleFileOptions::default()).unwrap(),
            None => write(&mut writer, path, content, CompressionMethod::Deflated),
        }
    }
    writer.finish().unwrap().into_inner()
}

/// An archive whose only file is not compressed.
pub(super) fn stored(path: &str, content: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    write(&mut writer, path, content, CompressionMethod::Stored);
    writer.finish().unwrap().into_inner()
}

/// An archive that was written without going back: the sizes stand behind the content.
pub(super) fn streamed(path: &str, content: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new_stream(Vec::new());
    writer.start_file(path, SimpleFileOptions::default()).unwrap();
    writer.write_all(content.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// An archive with a comment at its end.
pub(super) fn commented(path: &str, content: &str, comment: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.set_comment(comment).unwrap();
    write(&mut writer, path, content, CompressionMethod::Deflated);
    writer.finish().unwrap().into_inner()
}

fn write(writer: &mut ZipWriter<Cursor<Vec<u8>>>, path: &str, content: &str, method: CompressionMethod) {
    writer.start_file(path, SimpleFileOptions::default().compression_method(method)).unwrap();
    writer.write_all(content.as_bytes()).unwrap();
}

/// An archive of one file whose headers are about to lie.
pub(super) struct Forged(pub(super) Vec<u8>);

/// Where a member of a header stands in the header of a file and in its copy in the directory.
#[derive(Clone, Copy)]
pub(super) struct Member {
    local: usize,
    central: usize,
}

pub(super) const FLAGS: Member = Member { local: 6, central: 8 };
pub(super) const METHOD: Member = Member { local: 8, central: 10 };
pub(super) const CHECKSUM: Member = Member { local: 14, central: 16 };
pub(super) const PACKED_SIZE: Member = Member { local: 18, central: 20 };
pub(super) const SIZE: Member = Member { local: 22, central: 24 };
pub(super) const NAME: Member = Member { local: 30, central: 46 };

/// The directory alone has these.
pub(super) const ATTRIBUTES: usize = 38;
pub(super) const PLACE: usize = 42;

/// Where the members of the end record stand.
pub(super) const COUNTS: usize = 8;
pub(super) const DIRECTORY_SIZE: usize = 12;
pub(super) const DIRECTORY_PLACE: usize = 16;

impl Forged {
    pub(super) fn new() -> Self {
        Self(packed(&[("imagedefinitions.json", DEFINITIONS)]))
    }

    /// An archive of one file that is not compressed.
    pub(super) fn stored() -> Self {
        Self(stored("imagedefinitions.json", DEFINITIONS))
    }

    /// Changes a member in both headers.
    pub(super) fn both<const N: usize>(self, member: Member, value: [u8; N]) -> Vec<u8> {
        Self(self.local(member, value)).central(member.central, value)
    }

    /// Changes a member in the header of the file.
    pub(super) fn local<const N: usize>(self, member: Member, value: [u8; N]) -> Vec<u8> {
        self.overwrite(member.local, value)
    }

    /// Changes a member in the directory.
    pub(super) fn central<const N: usize>(self, member: usize, value: [u8; N]) -> Vec<u8> {
        let directory = self.0.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        self.overwrite(directory + member, value)
    }

    /// Changes a member of the end record.
    pub(super) fn end<const N: usize>(self, member: usize, value: [u8; N]) -> Vec<u8> {
        let end = self.0.len() - 22;
        self.overwrite(end + member, value)
    }

    /// The archive of a file whose name has become this one of the same length, in both headers.
    pub(super) fn renamed(name: &str) -> Vec<u8> {
        let mut forged = Self(packed(&[(&"x".repeat(name.len()), DEFINITIONS)])).0;
        while let Some(at) =
            forged.windows(name.len()).position(|bytes| bytes.iter().all(|byte| *byte == b'x'))
        {
            forged[at..at + name.len()].copy_from_slice(name.as_bytes());
        }
        forged
    }

    /// The archive of the wanted file beside another one with this name.
    pub(super) fn beside(name: &str) -> Vec<u8> {
        let other = "~".repeat(name.len());
        let mut forged = packed(&[(&other, "other"), ("imagedefinitions.json", DEFINITIONS)]);
        while let Some(at) = forged.windows(other.len()).position(|bytes| bytes == other.as_bytes()) {
            forged[at..at + name.len()].copy_from_slice(name.as_bytes());
        }
        forged
    }

    fn overwrite<const N: usize>(mut self, at: usize, value: [u8; N]) -> Vec<u8> {
        self.0[at..at + N].copy_from_slice(&value);
        self.0
    }
}

/// The large end record, its locator and the small one, for a directory of which these things are
/// claimed; it is to stand at `place`.
pub(super) fn large_end(place: u64, entries: u64, directory: Range<u64>) -> Vec<u8> {
    let mut end = b"PK\x06\x06".to_vec();
    end.extend(44_u64.to_le_bytes());
    end.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [entries, entries, directory.end.wrapping_sub(directory.start), directory.start] {
        end.extend(number.to_le_bytes());
    }
    end.extend(b"PK\x06\x07\0\0\0\0");
    end.extend(place.to_le_bytes());
    end.extend(1_u32.to_le_bytes());
    end.extend(b"PK\x05\x06\0\0\0\0");
    end.extend([0xff; 12]);
    end.extend([0, 0]);
    end
}

/// The directory's entry for a file that nobody wants, with a comment that is to follow.
pub(super) fn listed(name: &str, comment: u16) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap();
    let mut entry = b"PK\x01\x02\x14\x03\x14\0".to_vec();
    entry.resize(46, 0);
    entry[28..30].copy_from_slice(&length.to_le_bytes());
    entry[32..34].copy_from_slice(&comment.to_le_bytes());
    entry.extend(name.as_bytes());
    entry
}
