//! A reference to a container image, checked as far as a text can be.
//!
//! The grammar is that of `distribution/reference`, which Docker and containerd parse by. On top of it
//! comes what ECS allows (`ContainerDefinition.image` in its API reference), what Amazon ECR allows, and
//! two texts that follow the grammar by chance: a bare digest, and an image's id.

use container_image_dist_ref::ImgRef;

use super::super::registry::EcrImage;
use super::diagnosis::{MAX_TAG, diagnose, strange_character};
use super::invalid::{InvalidImage, MAX_CHARACTERS};
use crate::words::shows_as_str;

/// A container image as ECS and a container runtime take it: `registry/repository:tag`,
/// `registry/repository@sha256:…`, or with both.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference(String);

impl ImageReference {
    /// Takes `text` as it stands; nothing is trimmed, completed or looked up.
    ///
    /// The brackets of a registry's IPv6 address are taken, although ECS's documented characters leave them
    /// out: the runtime needs them. Digests are `sha256` only, as ECS documents them.
    ///
    /// # Errors
    /// When ECS, or the container runtime after it, would refuse the reference.
    pub fn parse(text: &str) -> Result<Self, InvalidImage> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if text.is_empty() {
            return Err(InvalidImage::NoName);
        }
        if let Some(strange) = strange_character(text) {
            return Err(strange);
        }
        if name.len() > MAX_CHARACTERS {
            return Err(InvalidImage::TooLong { characters: name.len() });
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(InvalidImage::Digest);
        }
        // Before the grammar: an empty Region breaks it too, and this knows why.
        EcrImage::check(text).map_err(InvalidImage::Ecr)?;
        let parsed = ImgRef::new(text).map_err(|_| diagnose(text))?;
        if let Some(port) = parsed.port().filter(|port| port.parse::<u16>().is_err()) {
            return Err(InvalidImage::Port(port.to_owned()));
        }
        // Behind a registry with a port, the parser takes a tag that is longer by one.
        if let Some(tag) = parsed.tag().filter(|tag| tag.len() > MAX_TAG) {
            return Err(InvalidImage::LongTag { characters: tag.len() });
        }
        if is_bare_digest(text) {
            return Err(InvalidImage::BareDigest);
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes an image out of a task definition or a record that exists, whatever it is.
    #[must_use]
    pub fn as_registered(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The reference as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest that pins the image, if one does: `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        digest_of(&self.0)
    }
}

/// The digest that pins `image` as it stands in a task definition, if one does: `sha256:…`.
#[must_use]
pub fn digest_of(image: &str) -> Option<&str> {
    image.split_once('@').map(|(_, digest)| digest)
}

/// Whether it is a digest as ECS documents it. No runtime takes one in upper case.
fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_hash)
}

/// Whether it is a digest or an image's id without a repository: `sha256:<hash>` reads as the repository
/// `sha256` with a tag, and a hash alone as a repository, which Docker refuses.
fn is_bare_digest(text: &str) -> bool {
    is_digest(text) || is_hash(text)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

shows_as_str!(ImageReference: Debug, Display);

#[cfg(test)]
mod tests;
