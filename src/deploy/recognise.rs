//! Tells whether a revision is what an interrupted deployment was about to make.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::Brought;
use evenkeel_core::failure::Failure;
use evenkeel_core::image::{ImageReference, Images};
use evenkeel_core::plan::{PlannedRevision, before};
use evenkeel_core::ports::Ecs;
use evenkeel_core::record::Candidate;

/// Whether the revision that `planned` is a copy of, with what is `asked` for, is the candidate: a
/// later revision of its source's family, and the source but for what the candidate brought.
///
/// A revision of somebody else's that is all this is as good: what runs is what was to be deployed.
pub(super) async fn is_candidate<E: Ecs>(
    ecs: &E,
    candidate: &Candidate,
    planned: &PlannedRevision,
    asked: &Brought,
) -> Result<bool, Failure> {
    let Ok(source) = TaskDefinitionArn::parse(&candidate.source_task_definition_arn) else {
        return Ok(false);
    };
    let live = &planned.base;
    if source.family() != live.family() || source.revision() >= live.revision() {
        return Ok(false);
    }
    // Nothing tells whether it is a copy of what is gone.
    let Some(source) = ecs.describe_task_definition(source.as_str()).await? else { return Ok(false) };
    let mut images = Images::default();
    for (container, image) in &candidate.images {
        if images.insert(container, ImageReference::as_registered(image)).is_err() {
            return Ok(false);
        }
    }
    let expected = source.definition.with(&Brought { images, variables: candidate.edits() });
    Ok(expected.images() == planned.base_images
        && before(&expected, &asked.variables) == planned.base_variables
        && expected.with(asked).is_equivalent(&planned.definition.unpack()))
}
