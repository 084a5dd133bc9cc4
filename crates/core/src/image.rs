//! Container images, and which container is to run which.

mod assignment;
mod diagnosis;
mod invalid;
mod reference;

pub use assignment::InvalidAssignment;
pub use invalid::InvalidImage;
pub use reference::{ImageReference, digest_of};

use std::collections::BTreeMap;
use std::fmt;

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
        if let Some(first) = self.0.get(container) {
            let (container, first) = (container.to_owned(), first.clone());
            return Err(ContainerNamedTwice { container, first, second: image });
        }
        self.0.insert(container.to_owned(), image);
        Ok(())
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

    fn image(text: &str) -> ImageReference {
        ImageReference::parse(text).unwrap()
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
