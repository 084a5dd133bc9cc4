//! What an object holds: its bytes, or so many zeros with pieces laid over them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

#[derive(Debug, Clone)]
pub(super) struct Content {
    size: u64,
    /// Where each piece begins, and its bytes. Everything else is zero.
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Content {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, pieces: vec![(0, bytes)] }
    }

    pub(super) fn sparse(size: u64, pieces: Vec<(u64, Vec<u8>)>) -> Self {
        Self { size, pieces }
    }

    pub(super) fn len(&self) -> u64 {
        self.size
    }

    /// The bytes in `range`, which lies within the size.
    pub(super) fn read(&self, range: Range<u64>) -> Vec<u8> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let mut bytes = vec![0; place(range.end - range.start)];
        for (begin, piece) in &self.pieces {
            let end = begin + piece.len() as u64;
            let (from, to) = (range.start.max(*begin), range.end.min(end));
            if from < to {
                let target = place(from - range.start)..place(to - range.start);
                bytes[target].copy_from_slice(&piece[place(from - begin)..place(to - begin)]);
            }
        }
        bytes
    }

    /// An entity tag: the same for the same content, as S3's is for objects that it does not encrypt.
    pub(super) fn tag(&self) -> String {
        let hash = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, self.size, &self.pieces).hash(&mut hasher);
            hasher.finish()
        };
        format!("\"{:016x}{:016x}\"", hash(0), hash(1))
    }
}
