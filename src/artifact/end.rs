//! What an archive says of itself at its end.
//!
//! The zip library makes room for as many entries as an archive claims to have, and for whatever else
//! its end record claims to hold, before it reads them. So the claims are looked at first.

use std::io::{Read, Seek, SeekFrom};

use super::fault::ArtifactFault;

/// How many entries an archive may have.
pub const MAX_ENTRIES: usize = 65_535;

/// The end record and the longest comment behind it, 65,557 bytes, and what stands before them.
const TAIL: u64 = 66 << 10;

/// How long the locator is, which tells where the large end record is, and the beginning of the small
/// one right behind it.
const LOCATOR: usize = 20 + 4;

/// What a large end record says of its own length: without the extensions that nobody uses.
const PLAIN: u64 = 44;

/// Refuses an archive of which any end record claims more than is read. A small end record cannot
/// claim more than [`MAX_ENTRIES`], so only the large ones are looked at.
pub(super) fn check<R: Read + Seek>(reader: &mut R) -> Result<(), ArtifactFault> {
    let size = reader.seek(SeekFrom::End(0))?;
    let tail = read(reader, size.saturating_sub(TAIL), TAIL)?;
    let is_locator = |bytes: &&[u8]| matches!(bytes, [b'P', b'K', 6, 7, .., b'P', b'K', 5, 6]);
    for locator in tail.windows(LOCATOR).filter(is_locator) {
        let record = read(reader, number(locator, 8), 56)?;
        if !record.starts_with(b"PK\x06\x06") {
            continue;
        }
        let entries = number(&record, 32);
        if entries > MAX_ENTRIES as u64 {
            return Err(ArtifactFault::Unsound(format!("it has {entries} entries, more than {MAX_ENTRIES}")));
        }
        if number(&record, 4) != PLAIN {
            return Err(ArtifactFault::Unsound("its end record has extensions".to_owned()));
        }
    }
    Ok(())
}

fn read<R: Read + Seek>(reader: &mut R, at: u64, count: u64) -> Result<Vec<u8>, ArtifactFault> {
    reader.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    reader.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The number of eight bytes that stands there; the largest, which is refused, if it is cut off.
fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}
