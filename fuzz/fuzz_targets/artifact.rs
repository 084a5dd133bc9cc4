//! Any bytes as an artifact in S3.
//!
//! The first byte says which file is looked for, and with its highest bit that the next four say where
//! zeros are put into the rest, and how many: so a small input stands for an archive of gigabytes too,
//! which is read in parts.

#![no_main]

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use evenkeel::artifact::{MAX_FETCHED, Wanted, read_images};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Precondition, Encryption, ObjectHead, Objects, Version};
use libfuzzer_sys::fuzz_target;

/// A gap is a multiple of this.
const PAGE: u64 = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let Some((&[what, where_low, where_high, pages_low, pages_high], bytes)) = input.split_first_chunk()
    else {
        return;
    };
    let gap_at = usize::from(u16::from_le_bytes([where_low, where_high])).min(bytes.len());
    let pages = if what < 128 { 0 } else { u16::from_le_bytes([pages_low, pages_high]) };
    let object = Object { bytes, gap_at, gap: u64::from(pages) * PAGE, fetched: AtomicU64::new(0) };
    let (file_name, container_name) = match what % 4 {
        0 | 1 => ("imagedefinitions.json", None),
        2 => ("imageDetail.json", Some("app".to_owned())),
        _ => ("deploy/images.json", None),
    };
    let wanted = Wanted { file_name: file_name.to_owned(), container_name };
    let at = ObjectAddress { bucket: "artifacts".to_owned(), key: "shop/build/1".to_owned() };
    match at_once(read_images(&object, &at, &wanted)) {
        Ok(images) => assert!(!images.is_empty(), "no image"),
        Err(failure) => {
            let kinds = [FailureKind::Unreadable, FailureKind::InvalidInput];
            assert!(kinds.contains(&failure.kind()), "{failure}");
            assert!(failure.to_string().len() < 10_000, "{failure}");
        }
    }
    let fetched = object.fetched.into_inner();
    assert!(fetched <= MAX_FETCHED, "{fetched} bytes were fetched");
});

/// The outcome of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

/// Bytes with zeros among them.
struct Object<'a> {
    bytes: &'a [u8],
    gap_at: usize,
    gap: u64,
    fetched: AtomicU64,
}

impl Object<'_> {
    fn size(&self) -> u64 {
        self.bytes.len() as u64 + self.gap
    }

    /// Copies the bytes that are `at` a place into those of `range`.
    fn copy(part: &[u8], at: u64, range: &Range<u64>, into: &mut [u8]) {
        let begin = range.start.max(at);
        let end = range.end.min(at + part.len() as u64);
        if begin < end {
            into[(begin - range.start) as usize..(end - range.start) as usize]
                .copy_from_slice(&part[(begin - at) as usize..(end - at) as usize]);
        }
    }
}

impl Objects for Object<'_> {
    async fn head(&self, _: &ObjectAddress) -> Result<Option<ObjectHead>, Failure> {
        Ok(Some(ObjectHead { size: self.size(), version: Version("1".to_owned()) }))
    }

    async fn read_range(
        &self,
        _: &ObjectAddress,
        range: Range<u64>,
        _: &Version,
    ) -> Result<Vec<u8>, Failure> {
        assert!(range.start < range.end && range.end <= self.size(), "{range:?} of {}", self.size());
        self.fetched.fetch_add(range.end - range.start, Ordering::Relaxed);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let (before, behind) = self.bytes.split_at(self.gap_at);
        Self::copy(before, 0, &range, &mut bytes);
        Self::copy(behind, self.gap_at as u64 + self.gap, &range, &mut bytes);
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
