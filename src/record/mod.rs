//! Where records are kept.

mod file;

pub use file::FileStore;

use crate::domain::failure::{Failure, FailureKind};

/// Reads the place of a record as it stands on the command line: `file:PATH`.
///
/// # Errors
/// [`FailureKind::Usage`] for anything else.
pub fn parse(text: &str) -> Result<FileStore, Failure> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(FileStore::new(path)),
        _ => Err(Failure::new(FailureKind::Usage, format!("--record {text:?} names no place for a record"))
            .advice("This version keeps records in files: give file:PATH")),
    }
}
