//! Container images, and which container is to run which.

mod assignment;

pub use assignment::InvalidAssignment;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

/// The longest image reference that ECS takes; of a reference with a digest, what stands before the `@`.
const MAX_CHARACTERS: usize = 255;

/// A container image as ECS takes it: `registry/repository:tag` or `registry/repository@sha256:…`.
///
/// The rules are those of `ContainerDefinition.image` in the ECS API reference: at most 255 letters,
/// digits and `-_:./#`; a digest is `sha256:` and 64 hexadecimal digits, and is not counted.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference(String);

impl ImageReference {
    /// Takes `text` as it stands; nothing is trimmed, completed or looked up.
    ///
    /// # Errors
    /// When ECS, or the container runtime after it, would refuse the reference.
    pub fn parse(text: &str) -> Result<Self, InvalidImage> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:./#".contains(c);
        if name.is_empty() {
            return Err(InvalidImage::NoName);
        }
        if let Some((index, character)) = name.chars().enumerate().find(|&(_, c)| !allowed(c)) {
            return Err(InvalidImage::Character { character, position: index + 1 });
        }
        if name.len() > MAX_CHARACTERS {
            return Err(InvalidImage::TooLong { characters: name.len() });
        }
        // ECS would register it, and no runtime could pull it: the mark of a build variable that was not set.
        if name.ends_with(':') {
            return Err(InvalidImage::EmptyTag);
        }
        if let Some(digest) = digest {
            let hash = digest.strip_prefix("sha256:").ok_or(InvalidImage::Digest)?;
            if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(InvalidImage::Digest);
            }
        }
        Ok(Self(text.to_owned()))
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

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no image reference, as the end of a sentence that begins with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidImage {
    /// There is nothing, or nothing before the `@`.
    NoName,
    /// A character that ECS does not allow; `position` counts from 1.
    Character {
        /// The character.
        character: char,
        /// Which character of the text it is, counted from 1.
        position: usize,
    },
    /// More than 255 characters before the digest.
    TooLong {
        /// How many there are.
        characters: usize,
    },
    /// A colon with nothing after it.
    EmptyTag,
    /// What follows the `@` is not `sha256:` and 64 hexadecimal digits.
    Digest,
}

impl fmt::Display for InvalidImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("names no image"),
            Self::Character { character, position } => write!(
                f,
                "has {character:?} as its character {position}; ECS allows letters, digits and -_:./# only"
            ),
            Self::TooLong { characters } => {
                write!(f, "has {characters} characters; ECS allows {MAX_CHARACTERS}, a digest not counted")
            }
            Self::EmptyTag => f.write_str("ends in a colon without a tag; was the variable for the tag set?"),
            Self::Digest => {
                f.write_str("has no valid digest after the @: expected sha256: and 64 hexadecimal digits")
            }
        }
    }
}

impl std::error::Error for InvalidImage {}

/// The image that each of some containers is to run; no container has two.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Images(BTreeMap<String, ImageReference>);

impl Images {
    /// Adds the image of one more container.
    ///
    /// # Errors
    /// When the container has an image already, also when it is the same one: whoever names a container
    /// twice has made a mistake that only they can mend.
    pub fn insert(&mut self, container: &str, image: ImageReference) -> Result<(), ContainerNamedTwice> {
        match self.0.entry(container.to_owned()) {
            Entry::Vacant(place) => {
                place.insert(image);
                Ok(())
            }
            Entry::Occupied(first) => Err(ContainerNamedTwice {
                container: container.to_owned(),
                first: first.get().clone(),
                second: image,
            }),
        }
    }

    /// The image for this container.
    #[must_use]
    pub fn get(&self, container: &str) -> Option<&ImageReference> {
        self.0.get(container)
    }

    /// Containers and their images, by container name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ImageReference)> {
        self.0.iter().map(|(container, image)| (container.as_str(), image))
    }

    /// The names of the containers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether no container has an image here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many containers have an image here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// One container was given two images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerNamedTwice {
    /// The container.
    pub container: String,
    /// The image that it was given first, and keeps.
    pub first: ImageReference,
    /// The image that was refused.
    pub second: ImageReference,
}

impl fmt::Display for ContainerNamedTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { container, first, second } = self;
        write!(f, "container {container:?} is given two images: {first} and {second}")
    }
}

impl std::error::Error for ContainerNamedTwice {}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "94afd1f2e64d908bc90dbca0035a5b567ABCDEF00123456789abcdef01234567";

    fn image(text: &str) -> ImageReference {
        ImageReference::parse(text).unwrap()
    }

    #[test]
    fn every_form_of_a_reference_is_taken_as_it_stands() {
        for text in [
            "nginx",
            "nginx:1.27",
            "amazon/amazon-ecs-agent",
            "localhost:5000/app",
            "localhost:5000/app:v1",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:2026-11-22_a.b#1",
        ] {
            assert_eq!(image(text).as_str(), text);
            assert_eq!(image(text).to_string(), text);
            assert_eq!(image(text).digest(), None);
        }
    }

    #[test]
    fn a_pinned_reference_tells_its_digest_also_beside_a_tag() {
        for name in ["nginx", "localhost:5000/app:v1"] {
            assert_eq!(image(&format!("{name}@sha256:{HASH}")).digest(), Some(&*format!("sha256:{HASH}")));
        }
    }

    #[test]
    fn the_limit_of_255_characters_does_not_count_the_digest() {
        let longest = "a".repeat(255);
        assert_eq!(image(&longest).as_str(), longest);
        assert_eq!(image(&format!("{longest}@sha256:{HASH}")).as_str().len(), 255 + 72);
        assert_eq!(ImageReference::parse(&"a".repeat(256)), Err(InvalidImage::TooLong { characters: 256 }));
    }

    #[test]
    fn what_breaks_the_rules_is_refused_with_the_reason() {
        let cases = [
            ("".to_owned(), InvalidImage::NoName),
            (format!("@sha256:{HASH}"), InvalidImage::NoName),
            ("app:1\n".to_owned(), InvalidImage::Character { character: '\n', position: 6 }),
            ("größe".to_owned(), InvalidImage::Character { character: 'ö', position: 3 }),
            ("app:$TAG".to_owned(), InvalidImage::Character { character: '$', position: 5 }),
            ("repo:".to_owned(), InvalidImage::EmptyTag),
            ("app@".to_owned(), InvalidImage::Digest),
            (format!("app@sha512:{HASH}"), InvalidImage::Digest),
            (format!("app@sha256:{}", &HASH[1..]), InvalidImage::Digest),
            (format!("app@sha256:{HASH}0"), InvalidImage::Digest),
            (format!("app@sha256:g{}", &HASH[1..]), InvalidImage::Digest),
            (format!("app@sha256:{HASH}@sha256:{HASH}"), InvalidImage::Digest),
        ];
        for (text, reason) in cases {
            assert_eq!(ImageReference::parse(&text), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn a_container_has_one_image_and_keeps_the_first() {
        let mut images = Images::default();
        assert!(images.is_empty());
        images.insert("web", image("web:1")).unwrap();
        images.insert("app", image("app:1")).unwrap();
        let refused = images.insert("app", image("app:2")).unwrap_err();
        assert_eq!(refused.to_string(), r#"container "app" is given two images: app:1 and app:2"#);
        assert_eq!(images.len(), 2);
        assert_eq!(images.get("app"), Some(&image("app:1")));
        assert_eq!(images.names().collect::<Vec<_>>(), ["app", "web"]);
        assert_eq!(images.iter().collect::<Vec<_>>(), [("app", &image("app:1")), ("web", &image("web:1"))]);
    }
}
