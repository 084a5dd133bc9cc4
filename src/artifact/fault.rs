//! What can be wrong with an archive.

use std::io;

/// Why the file is not had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ArtifactFault {
    /// The archive is broken, or not one that is read.
    Unsound(String),
    /// It does not have the file.
    Missing {
        /// The file.
        wanted: String,
        /// A file that could be meant.
        instead: Option<Instead>,
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

/// A file that could be meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Instead {
    /// Its path in the archive.
    pub(super) path: String,
    /// In what alone its name differs; none for a file of the other kind.
    pub(super) how: Option<&'static str>,
}

impl From<io::Error> for ArtifactFault {
    fn from(error: io::Error) -> Self {
        Self::Unsound(error.to_string())
    }
}
