//! What can be wrong with an archive.

use std::io;

/// Why the file is not had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The archive is broken, or not one that is read.
    Unsound(String),
    /// It does not have the file.
    Missing {
        /// The file.
        wanted: String,
        /// The path of a file that could be meant.
        instead: Option<String>,
        /// What it has.
        names: String,
    },
    /// It has several files of the name.
    Several {
        /// The name.
        wanted: String,
        /// Their paths.
        paths: String,
    },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unsound(error.to_string())
    }
}
