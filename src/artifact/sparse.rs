//! An object of which a part is here: reading the rest tells what is missing.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes of one archive are fetched at most.
pub const MAX_FETCHED: u64 = 16 << 20;

/// What is fetched first, and what one request fetches at most. Each is twice as much as the one
/// before, so that a long directory takes few requests.
const PIECES: (u64, u64) = (128 << 10, 2 << 20);

/// The parts of an object that are here.
#[derive(Debug)]
pub(super) struct Sparse(Arc<Mutex<Fetched>>);

#[derive(Debug)]
struct Fetched {
    size: u64,
    /// The pieces by where they begin; none overlaps another.
    pieces: BTreeMap<u64, Vec<u8>>,
    fetched: u64,
    next: u64,
    /// Where a byte was wanted that is not here.
    missing: Option<u64>,
}

impl Sparse {
    /// Nothing of an object of `size` bytes.
    pub(super) fn new(size: u64) -> Self {
        let state = Fetched { size, pieces: BTreeMap::new(), fetched: 0, next: PIECES.0, missing: None };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes in a piece that was missing.
    pub(super) fn put(&self, at: u64, bytes: Vec<u8>) {
        let mut state = lock(&self.0);
        state.fetched += bytes.len() as u64;
        state.next = (state.next * 2).min(PIECES.1);
        state.pieces.insert(at, bytes);
    }

    /// A reader of the whole object.
    pub(super) fn reader(&self) -> Reader {
        lock(&self.0).missing = None;
        Reader { state: Arc::clone(&self.0), position: 0 }
    }

    /// What the reader missed, if it missed anything: the range to fetch, or why it is not.
    pub(super) fn missing(&self) -> Option<Result<Range<u64>, String>> {
        let state = lock(&self.0);
        let at = state.missing?;
        if state.fetched >= MAX_FETCHED {
            return Some(Err(format!("its directory and the file take more than {MAX_FETCHED} bytes")));
        }
        let count = state.next.min(MAX_FETCHED - state.fetched);
        // An archive is read from its end, and from there on forwards.
        let end = at.saturating_add(count).min(state.size);
        let begin = if end == state.size { state.size.saturating_sub(count).min(at) } else { at };
        let before = state.pieces.range(..=at).next_back().map_or(0, |(at, piece)| at + piece.len() as u64);
        let after = state.pieces.range(at..).next().map_or(end, |(at, _)| *at);
        Some(Ok(begin.max(before)..end.min(after)))
    }
}

/// Reads the object as far as it is here.
#[derive(Debug)]
pub(super) struct Reader {
    state: Arc<Mutex<Fetched>>,
    position: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = lock(&self.state);
        if self.position >= state.size || buffer.is_empty() {
            return Ok(0);
        }
        let piece = state.pieces.range(..=self.position).next_back();
        let here = piece.and_then(|(begin, piece)| {
            let offset = usize::try_from(self.position - begin).ok()?;
            piece.get(offset..).filter(|rest| !rest.is_empty())
        });
        let Some(here) = here else {
            state.missing = Some(self.position);
            return Err(io::Error::other("this part of the archive is not here yet"));
        };
        let count = here.len().min(buffer.len());
        buffer[..count].copy_from_slice(&here[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let size = lock(&self.state).size;
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = target
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning"))?;
        Ok(self.position)
    }
}

fn lock(state: &Mutex<Fetched>) -> MutexGuard<'_, Fetched> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
