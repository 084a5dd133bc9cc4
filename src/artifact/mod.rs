//! The artifacts of a pipeline: zip archives in Amazon S3.
//!
//! # Flow
//! head → the archive's end → its directory → the one entry that is wanted, each by a ranged request.
//!
//! # Guarantees
//! * Of an archive of any size no more than [`MAX_FETCHED`] bytes are fetched, and no room is made for
//!   what it only claims. A directory takes more memory than it has bytes: measured, up to twelve
//!   times as much, if it was made for that.
//! * Nothing is unpacked to a disk, and what an archive says of its sizes is not believed.
//!
//! # Assumptions
//! An archive begins where its object does: what stands behind a program that unpacks itself is none.

mod archive;
mod end;
mod fault;
mod pack;
mod sparse;

pub use archive::MAX_PACKED;
pub use end::MAX_ENTRIES;
pub use pack::output_artifact;
pub use sparse::MAX_FETCHED;

use std::ops::Range;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::image::Images;
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Objects, Version};
use evenkeel_core::runner::Runner;
use evenkeel_core::{image_definitions, image_detail};

use fault::{ArtifactFault, Instead};
use sparse::Sparse;

/// The largest artifact: 7 GB, what CodePipeline lets a source have (its user guide, "Quotas").
const MAX_SIZE: u64 = 7 << 30;

/// One that is no larger is fetched whole, by one request.
const SMALL: u64 = 1 << 20;

/// What to look for in an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The file's path in the archive, or its name if it may stand deeper.
    pub file_name: String,
    /// Whether there need not be such a file, as long as there is none of a similar name.
    pub is_optional: bool,
    /// The container that an `imageDetail.json` is for.
    pub container_name: Option<String>,
}

impl Wanted {
    /// Whether the file is of the kind that names an image, but no container.
    fn is_image_detail(&self) -> bool {
        self.file_name.rsplit('/').next() == Some(image_detail::FILE_NAME)
    }
}

/// Reads the images out of the artifact at `at`.
///
/// # Errors
/// [`FailureKind::Unreadable`] when there is no such artifact, it is no sound archive, or the file is
/// not in it and not optional; [`FailureKind::InvalidInput`] when the file is not what it should be, when several have
/// its name, and when an `imageDetail.json` has no container to be for; else those of [`Objects`].
pub async fn read_images<O: Objects>(
    objects: &O,
    at: &ObjectAddress,
    wanted: &Wanted,
) -> Result<Images, Failure> {
    let container = match (&wanted.container_name, wanted.is_image_detail()) {
        (None, true) => {
            return Err(Failure::invalid_input(format!(
                "{} names an image, but no container",
                wanted.file_name
            ))
            .advice("Give the container by the property `ContainerName`"));
        }
        (container, true) => container.as_deref(),
        (_, false) => None,
    };
    let Some((path, content)) = find(objects, at, wanted).await? else { return Ok(Images::default()) };
    let source = format!("{path} in {at}");
    match container {
        Some(container) => image_detail::parse(&source, &content, container),
        None => image_definitions::parse(&source, &content, Runner::Other),
    }
}

/// The wanted file's path in the archive, and its content.
async fn find<O: Objects>(
    objects: &O,
    at: &ObjectAddress,
    wanted: &Wanted,
) -> Result<Option<(String, Vec<u8>)>, Failure> {
    let head = objects.head(at).await?.ok_or_else(|| {
        Failure::new(FailureKind::Unreadable, format!("there is no artifact at {at}"))
            .advice("Run the pipeline again from the action that makes it")
    })?;
    if head.size > MAX_SIZE {
        let why = format!("it has {} bytes, and more than {MAX_SIZE} are not read", head.size);
        return Err(unreadable(at, &ArtifactFault::Unsound(why)));
    }
    let sparse = Sparse::new(head.size);
    if head.size > 0 && head.size <= SMALL {
        fetch(objects, at, 0..head.size, &head.version, &sparse).await?;
    }
    loop {
        let found = archive::find(sparse.reader(), &wanted.file_name);
        // An archive that was read in part tells nothing, whatever came of it.
        match sparse.missing() {
            Some(Ok(range)) => fetch(objects, at, range, &head.version, &sparse).await?,
            Some(Err(why)) => return Err(unreadable(at, &ArtifactFault::Unsound(why))),
            None => {
                return match found {
                    Err(ArtifactFault::Missing { instead: None, .. }) if wanted.is_optional => Ok(None),
                    found => found.map(Some).map_err(|fault| unreadable(at, &fault)),
                };
            }
        }
    }
}

/// Puts a piece of the object into `sparse`.
async fn fetch<O: Objects>(
    objects: &O,
    at: &ObjectAddress,
    range: Range<u64>,
    version: &Version,
    sparse: &Sparse,
) -> Result<(), Failure> {
    let bytes = objects.read_range(at, range.clone(), version).await?;
    if bytes.len() as u64 != range.end - range.start {
        let why = "S3 gave another number of bytes than it was asked for".to_owned();
        return Err(unreadable(at, &ArtifactFault::Unsound(why)));
    }
    sparse.put(range.start, bytes);
    Ok(())
}

fn unreadable(at: &ObjectAddress, fault: &ArtifactFault) -> Failure {
    match fault {
        ArtifactFault::Unsound(why) => {
            Failure::new(FailureKind::Unreadable, format!("the artifact at {at} is not a sound zip archive"))
                .because(why)
                .advice("Look at the action that makes it; nothing was changed")
        }
        ArtifactFault::Missing { wanted, instead, names } => {
            let failure = Failure::new(
                FailureKind::Unreadable,
                format!("there is no {wanted} in the artifact at {at}"),
            )
            .because(format!("it holds {names}"));
            match instead {
                Some(Instead { path, how: Some(how) }) => failure.advice(format!(
                    "There is {path}, whose name differs in {how} only: let the build write {wanted}, or set the property \
                     `FileName` to {path}"
                )),
                Some(Instead { path, how: None }) if path.ends_with(image_detail::FILE_NAME) => failure.advice(format!(
                    "There is {path}: set the property `FileName` to it, and `ContainerName` to the container \
                     that it is for"
                )),
                Some(Instead { path, how: None }) => failure.advice(format!(
                    "There is {path}: set the property `FileName` to it, or leave `FileName` out"
                )),
                None => failure.advice("Let the build put it there, or set the property `FileName`"),
            }
        }
        ArtifactFault::Several { wanted, paths } => {
            Failure::invalid_input(format!("several files in the artifact at {at} are called {wanted}"))
                .because(paths)
                .advice("Set the property `FileName` to the path of one of them")
        }
    }
}

#[cfg(test)]
mod tests;
