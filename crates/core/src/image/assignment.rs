//! `CONTAINER=URI`: an image that is given by hand.

use std::fmt;

use super::super::failure::Failure;
use super::super::quote::quoted;
use super::super::runner::Runner;
use super::{ContainerNamedTwice, ImageReference, Images, InvalidImage};

impl Images {
    /// Adds the image that `CONTAINER=URI` gives to a container. The first `=` parts them.
    ///
    /// # Errors
    /// When it has another form, when ECS would refuse the image, and when the container has one
    /// already; then nothing is added.
    pub fn assign(&mut self, text: &str) -> Result<(), InvalidAssignment> {
        let (container, image) = text
            .split_once('=')
            .filter(|(container, _)| !container.is_empty())
            .ok_or_else(|| InvalidAssignment::Form(text.to_owned()))?;
        let image = ImageReference::parse(image).map_err(|reason| InvalidAssignment::Image {
            container: container.to_owned(),
            image: image.to_owned(),
            reason,
        })?;
        self.insert(container, image).map_err(InvalidAssignment::Twice)
    }
}

/// Why an image could not be given to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidAssignment {
    /// This is not `CONTAINER=URI`.
    Form(String),
    /// ECS would refuse the image.
    Image {
        /// The container.
        container: String,
        /// The image.
        image: String,
        /// What is wrong with it.
        reason: InvalidImage,
    },
    /// The container has an image already.
    Twice(ContainerNamedTwice),
}

impl fmt::Display for InvalidAssignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => {
                write!(f, "{} does not say which container gets which image", quoted(text))
            }
            Self::Image { container, image, reason } => {
                write!(f, "the image {} for container {} {reason}", quoted(image), quoted(container))
            }
            Self::Twice(twice) => write!(f, "{twice}"),
        }
    }
}

impl std::error::Error for InvalidAssignment {}

impl InvalidAssignment {
    /// The failure that it is on the command line.
    #[must_use]
    pub fn failure(&self, runner: Runner) -> Failure {
        let what = self.to_string();
        match self {
            Self::Form(_) => {
                Failure::usage(what).advice("Write CONTAINER=URI, for example app=registry.example/app:1.2")
            }
            Self::Image { reason, .. } => Failure::invalid_input(what).advice(reason.remedy(runner)),
            Self::Twice(_) => {
                Failure::invalid_input(what).advice("Give each container one image; nothing was changed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn an_assignment_is_parted_at_its_first_equals_sign() {
        let mut images = Images::default();
        images.assign("app=localhost:5000/app:v1").unwrap();
        images.assign("proxy=envoy").unwrap();
        let given: Vec<_> = images.iter().map(|(container, image)| (container, image.as_str())).collect();
        assert_eq!(given, [("app", "localhost:5000/app:v1"), ("proxy", "envoy")]);
    }

    #[test]
    fn what_cannot_be_assigned_says_why_and_how_to_write_it() {
        for (text, kind, message) in [
            (
                "app",
                FailureKind::Usage,
                r#""app" does not say which container gets which image. Write CONTAINER=URI, for example app=registry.example/app:1.2"#,
            ),
            (
                "=nginx",
                FailureKind::Usage,
                r#""=nginx" does not say which container gets which image. Write CONTAINER=URI, for example app=registry.example/app:1.2"#,
            ),
            (
                "app=repo:",
                FailureKind::InvalidInput,
                r#"the image "repo:" for container "app" ends in a colon without a tag. Was the variable for the tag set? Give a full reference: registry/repository:tag or registry/repository@sha256:DIGEST"#,
            ),
            (
                "web=web:2",
                FailureKind::InvalidInput,
                r#"container "web" is given two images: web:1 and web:2. Give each container one image; nothing was changed"#,
            ),
        ] {
            let mut images = Images::default();
            images.assign("web=web:1").unwrap();
            let failure = images.assign(text).unwrap_err().failure(Runner::Other);
            assert_eq!((failure.kind(), failure.to_string().as_str()), (kind, message));
            assert_eq!(images.len(), 1);
        }
    }
}
