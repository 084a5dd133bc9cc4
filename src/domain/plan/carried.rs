//! The image changes of deployments that ours replaced without knowing of them.

use std::collections::BTreeMap;

use super::super::image::{ImageReference, Images};

/// Images that other deployments brought, and that ours has to bring as well since it replaced those deployments.
///
/// A run that replaces another one's deployment is the only one to see that: the next run sees this run's deployment.
/// So the change stays with this run until the service has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried(BTreeMap<String, Change>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    /// The image before.
    from: String,
    image: String,
}

impl Carried {
    /// Takes in what a replaced revision with the images `theirs` changed of `base`, but for the containers that
    /// images were `asked` for.
    pub fn take_in(
        &mut self,
        base: &BTreeMap<String, String>,
        theirs: &BTreeMap<String, String>,
        asked: &Images,
    ) {
        for (container, image) in theirs {
            let Some(from) = base.get(container).filter(|from| *from != image) else { continue };
            if asked.get(container).is_none() {
                let change = Change { from: from.clone(), image: image.clone() };
                self.0.insert(container.clone(), change);
            }
        }
    }

    /// The images to put into a copy of a revision that has the images `live`: those asked for, and those carried
    /// whose container still has the image from before. Where it has another one, somebody changed it since.
    #[must_use]
    pub fn onto(&self, live: &BTreeMap<String, String>, asked: &Images) -> Images {
        let mut images = asked.clone();
        for (container, change) in &self.0 {
            let is_wanted =
                live.get(container).is_some_and(|found| [&change.from, &change.image].contains(&found));
            if is_wanted {
                // What was asked for is never carried.
                drop(images.insert(container, ImageReference::as_registered(&change.image)));
            }
        }
        images
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(images: &[(&str, &str)]) -> BTreeMap<String, String> {
        images.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect()
    }

    fn asked() -> Images {
        let mut asked = Images::default();
        asked.insert("app", ImageReference::as_registered("app:2")).unwrap();
        asked
    }

    fn put(carried: &Carried, live: &[(&str, &str)]) -> BTreeMap<String, String> {
        let put = carried.onto(&images(live), &asked());
        put.iter().map(|(name, image)| (name.to_owned(), image.to_string())).collect()
    }

    #[test]
    fn a_change_of_another_container_is_carried_until_somebody_changes_it_again() {
        let base = images(&[("app", "app:1"), ("cache", "cache:1"), ("log", "log:1")]);
        let mut carried = Carried::default();
        assert_eq!(put(&carried, &[("app", "app:1")]), images(&[("app", "app:2")]));

        carried.take_in(
            &base,
            &images(&[("app", "app:9"), ("cache", "cache:2"), ("log", "log:1")]),
            &asked(),
        );
        let both = images(&[("app", "app:2"), ("cache", "cache:2")]);
        assert_eq!(put(&carried, &[("app", "app:1"), ("cache", "cache:1")]), both);
        assert_eq!(put(&carried, &[("app", "app:1"), ("cache", "cache:2")]), both);
        for since in [&[("app", "app:1"), ("cache", "cache:3")][..], &[("app", "app:1")][..]] {
            assert_eq!(put(&carried, since), images(&[("app", "app:2")]), "{since:?}");
        }
    }
}
