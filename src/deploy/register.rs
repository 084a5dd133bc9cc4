//! Registers a revision at most once, although `RegisterTaskDefinition` has no idempotency token.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::{PlannedRevision, Source};
use evenkeel_core::ports::{Ecs, EcsEffects, EffectError};

use crate::clock::Clock;

/// How often an effect whose answer gets lost is tried in all.
pub(super) const ATTEMPTS: u32 = 4;

/// How long to wait after the first lost answer; each further wait is twice as long.
pub(super) const BACK_OFF: Duration = Duration::from_secs(1);

/// A revision that exists.
pub(super) struct Existing {
    pub(super) arn: TaskDefinitionArn,
    /// Whether this call registered it.
    pub(super) registered: bool,
}

/// Makes sure that the planned revision exists.
///
/// Flow: register; if the answer is lost, look for the copy among the revisions that came after
/// the newest one seen before, and register again only if it is not there.
///
/// # Errors
/// What ECS refused, or the last lost answer when [`ATTEMPTS`] of them are.
pub(super) async fn ensure_registered<E: Ecs + EcsEffects>(
    ecs: &E,
    clock: Clock,
    planned: &PlannedRevision,
) -> Result<Existing, Failure> {
    match &planned.source {
        Source::Live => return Ok(Existing { arn: planned.base.clone(), registered: false }),
        Source::Adopt(arn) | Source::Return(arn) => {
            return Ok(Existing { arn: arn.clone(), registered: false });
        }
        Source::Register => {}
    }
    let mut attempt = 1;
    loop {
        match ecs.register_task_definition(&planned.definition).await {
            Ok(arn) => return Ok(Existing { arn, registered: true }),
            Err(EffectError::Refused(failure)) => return Err(failure),
            Err(EffectError::Unknown(failure)) if attempt == ATTEMPTS => return Err(failure),
            Err(EffectError::Unknown(_)) => {
                clock.sleep(BACK_OFF * 2_u32.pow(attempt - 1)).await;
                if let Some(arn) = find_copy(ecs, planned).await? {
                    return Ok(Existing { arn, registered: true });
                }
                attempt += 1;
            }
        }
    }
}

/// The planned copy among the revisions registered since the plan was made, newest first.
async fn find_copy<E: Ecs>(ecs: &E, planned: &PlannedRevision) -> Result<Option<TaskDefinitionArn>, Failure> {
    let family = planned.base.family();
    let mut candidate = ecs.describe_task_definition(family).await?;
    while let Some(revision) = candidate {
        let number = revision.arn.revision();
        if number <= planned.newest.revision() {
            return Ok(None);
        }
        if revision.active && planned.definition.is_equivalent(&revision.definition) {
            return Ok(Some(revision.arn));
        }
        candidate = ecs.describe_task_definition(&format!("{family}:{}", number - 1)).await?;
    }
    Ok(None)
}
