//! Looks, before anything is changed, whether the images are there.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::plan::{Plan, Source};
use crate::domain::registry::{EcrImage, FoundImage, check_image};
use crate::domain::request::DeployRequest;
use crate::ports::Registry;

/// The images of a request that are in Amazon ECR, or should be, by their references.
pub(super) type Images = BTreeMap<String, Result<Option<FoundImage>, Failure>>;

/// Looks the request's images up, all at once; those in other registries are left out, and all are
/// when that is asked for.
pub(super) async fn look_up<E: Registry>(registry: &E, request: &DeployRequest) -> Images {
    if request.policy.skip_verify {
        return Images::new();
    }
    let mut asked: BTreeMap<String, EcrImage> = BTreeMap::new();
    for (_, image) in request.images.iter() {
        if let Some(found) = EcrImage::parse(image.as_str()) {
            asked.insert(image.to_string(), found);
        }
    }
    let looks =
        asked.into_iter().map(async |(reference, image)| (reference, registry.find_image(&image).await));
    join_all(looks).await.into_iter().collect()
}

/// Checks the images that `plan` is about to put in; warns of those that could not be looked up.
///
/// # Errors
/// [`FailureKind::InvalidInput`] for an image that is not there, or is for another platform.
pub(super) fn check(plan: &mut Plan, request: &DeployRequest, images: &Images) -> Result<(), Failure> {
    let changes = |source: &Source| *source != Source::Live || request.policy.force_new_deployment;
    for revision in plan.revisions.iter().filter(|revision| changes(&revision.source)) {
        for (container, image) in revision.definition.images() {
            let Some(looked_up) = images.get(&image) else { continue };
            match looked_up {
                Ok(found) => check_image(&container, &image, found.as_ref(), &revision.definition)?,
                Err(failure) if failure.kind() == FailureKind::Bug => return Err(failure.clone()),
                Err(failure) => {
                    plan.warnings.push(format!("whether {image} is there is not known: {failure}"))
                }
            }
        }
    }
    Ok(())
}

/// The digests of the images that are there, by their references.
pub(super) fn digests(images: Images) -> BTreeMap<String, String> {
    let found = |(reference, found): (String, Result<Option<FoundImage>, Failure>)| {
        Some((reference, found.ok()??.digest))
    };
    images.into_iter().filter_map(found).collect()
}
