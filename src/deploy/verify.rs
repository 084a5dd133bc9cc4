//! Looks, before anything is changed, whether the images are there.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::plan::{Plan, RevisionOrigin};
use evenkeel_core::ports::ContainerRegistry;
use evenkeel_core::registry::{EcrImage, ImageLookup, check_image};
use evenkeel_core::request::DeployRequest;
use futures_util::future::join_all;

use crate::clock::Clock;

/// The images of a request that are in Amazon ECR, or should be, by their references.
pub(super) type ImageLookups = BTreeMap<String, Result<ImageLookup, Failure>>;

/// How long to wait before each further look for an image that is missing: a replica in another Region gets
/// it some seconds after the push.
const LOOK_AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// Looks the request's images up, all at once; those in other registries are left out, and all are
/// when that is asked for.
pub(super) async fn look_up<E: ContainerRegistry>(
    registry: &E,
    clock: &Clock,
    request: &DeployRequest,
) -> ImageLookups {
    if request.policy.skip_verify {
        return ImageLookups::new();
    }
    let mut asked: BTreeMap<String, EcrImage> = BTreeMap::new();
    for (_, image) in request.images.iter() {
        if let Some(found) = EcrImage::parse(image.as_str()) {
            asked.insert(image.to_string(), found);
        }
    }
    let looks =
        asked.into_iter().map(async |(reference, image)| (reference, find(registry, clock, &image).await));
    join_all(looks).await.into_iter().collect()
}

/// Looks for an image that is missing once more, and again.
async fn find<E: ContainerRegistry>(
    registry: &E,
    clock: &Clock,
    image: &EcrImage,
) -> Result<ImageLookup, Failure> {
    for pause in LOOK_AGAIN {
        let found = registry.find_image(image).await?;
        if found != ImageLookup::Missing {
            return Ok(found);
        }
        clock.sleep(pause).await;
    }
    registry.find_image(image).await
}

/// Checks the images that `plan` is about to put in; warns of those that could not be looked up.
///
/// # Errors
/// [`FailureKind::InvalidInput`] for an image that is not there, or is for another platform.
pub(super) fn check(plan: &mut Plan, request: &DeployRequest, images: &ImageLookups) -> Result<(), Failure> {
    let changes =
        |source: &RevisionOrigin| *source != RevisionOrigin::Live || request.policy.force_new_deployment;
    let mut warnings = Vec::new();
    for planned in &plan.services {
        let revision = plan.revision_of(planned);
        if !changes(&revision.source) {
            continue;
        }
        let definition = revision.definition.unpack();
        for (container, image) in definition.images() {
            let Some(looked_up) = images.get(&image) else { continue };
            let warning = match looked_up {
                Ok(lookup) => check_image(&container, &image, lookup, &definition, planned.service.launch)?,
                Err(failure) if failure.kind() == FailureKind::Bug => return Err(failure.clone()),
                Err(failure) => Some(format!("whether {image} is there is not known: {failure}")),
            };
            // Services that share a revision share what is said of it.
            warnings.extend(warning.filter(|warning| !warnings.contains(warning)));
        }
    }
    plan.warnings.extend(warnings);
    Ok(())
}

/// The digests of the images that are there, by their references.
pub(super) fn digests(images: ImageLookups) -> BTreeMap<String, String> {
    let found = |(reference, lookup): (String, Result<ImageLookup, Failure>)| match lookup {
        Ok(ImageLookup::Found(found)) => Some((reference, found.digest)),
        Ok(ImageLookup::Missing | ImageLookup::Refused(_) | ImageLookup::Unknown(_)) | Err(_) => None,
    };
    images.into_iter().filter_map(found).collect()
}
