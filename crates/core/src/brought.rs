//! What a deployment puts into its copy of the live revision.

use std::collections::BTreeSet;

use super::image::Images;
use super::variables::VariableEdits;

/// The images and variables that a deployment brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Brought {
    /// The images, by container.
    pub images: Images,
    /// The variables that are set or given back.
    pub variables: VariableEdits,
}

impl From<Images> for Brought {
    fn from(images: Images) -> Self {
        Self { images, variables: VariableEdits::default() }
    }
}

/// For which containers a run, and those whose revisions it copied, brought images, and what they did to variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BroughtParts {
    /// The containers.
    pub containers: BTreeSet<String>,
    /// The variables: each only as it was set or given back last.
    pub variables: VariableEdits,
}
