//! The image changes of deployments that ours replaced without knowing of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::arn::TaskDefinitionArn;
use super::super::image::{ImageReference, Images};

/// Images that other deployments brought, and that ours has to bring as well since it replaced those deployments.
///
/// A run that replaces another one's deployment is the only one to see that: the next run sees this run's deployment.
/// So the change stays with this run until the service has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried(BTreeMap<String, CarriedImage>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct CarriedImage {
    /// The image before.
    from: String,
    image: String,
    /// The replaced revision that brought the image.
    revision: TaskDefinitionArn,
}

/// The containers whose images are carried, and the replaced revision that brought each: all that has to be kept of
/// them, since a revision never changes.
pub type CarriedFrom = BTreeMap<String, TaskDefinitionArn>;

impl Carried {
    /// What is carried, for a checkpoint.
    #[must_use]
    pub fn origins(&self) -> CarriedFrom {
        self.0.iter().map(|(container, change)| (container.clone(), change.revision.clone())).collect()
    }

    /// What a checkpoint says is carried: the images of the revision that was live when the run `began`, and those of
    /// each replaced revision in `images`.
    #[must_use]
    pub fn restored(
        began: &BTreeMap<String, String>,
        origins: &CarriedFrom,
        images: &BTreeMap<TaskDefinitionArn, BTreeMap<String, String>>,
    ) -> Self {
        let change = |(container, revision): (&String, &TaskDefinitionArn)| {
            let image = images.get(revision)?.get(container)?.clone();
            let from = began.get(container)?.clone();
            Some((container.clone(), CarriedImage { from, image, revision: revision.clone() }))
        };
        Self(origins.iter().filter_map(change).collect())
    }

    /// Takes in what the replaced `revision` with the images `theirs` brought: for the containers `changed`, or where nothing
    /// tells which, for those whose image differs from the one that was live when this run `began`. Containers that
    /// images were `asked` for are this run's own.
    ///
    /// Where it is known, `changed` decides: theirs may be a copy of an earlier revision than the one that was live.
    pub fn take_in(
        &mut self,
        began: &BTreeMap<String, String>,
        (revision, theirs): (&TaskDefinitionArn, &BTreeMap<String, String>),
        changed: Option<&BTreeSet<String>>,
        asked: &Images,
    ) {
        for (container, image) in theirs {
            let Some(from) = began.get(container).filter(|from| *from != image) else { continue };
            let is_theirs = changed.is_none_or(|changed| changed.contains(container));
            if is_theirs && asked.get(container).is_none() {
                let change =
                    CarriedImage { from: from.clone(), image: image.clone(), revision: revision.clone() };
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
        let revision = TaskDefinitionArn::parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2");
        let revision = revision.unwrap();
        let mut carried = Carried::default();
        assert_eq!(put(&carried, &[("app", "app:1")]), images(&[("app", "app:2")]));

        let theirs = images(&[("app", "app:9"), ("cache", "cache:2"), ("log", "log:0")]);
        carried.take_in(
            &base,
            (&revision, &theirs),
            Some(&BTreeSet::from(["app".to_owned(), "cache".to_owned()])),
            &asked(),
        );
        let both = images(&[("app", "app:2"), ("cache", "cache:2")]);
        assert_eq!(put(&carried, &[("app", "app:1"), ("cache", "cache:1")]), both);
        assert_eq!(put(&carried, &[("app", "app:1"), ("cache", "cache:2")]), both);
        for since in [&[("app", "app:1"), ("cache", "cache:3")][..], &[("app", "app:1")][..]] {
            assert_eq!(put(&carried, since), images(&[("app", "app:2")]), "{since:?}");
        }

        // A checkpoint keeps where the change came from, and both revisions are there for ever.
        let origins = carried.origins();
        assert_eq!(origins, CarriedFrom::from([("cache".to_owned(), revision.clone())]));
        assert_eq!(Carried::restored(&base, &origins, &BTreeMap::from([(revision, theirs)])), carried);
    }
}
