//! Puts a service on a revision at most once, although `UpdateService` has no idempotency token.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Ecs, EcsEffects, EffectError};
use evenkeel_core::request::ClusterName;
use evenkeel_core::service::Service;

use crate::clock::Clock;

use super::register::{ATTEMPTS, BACK_OFF};

/// Where a service is after an update whose answer may have been lost.
pub(super) enum Placed {
    /// On the revision that was asked for.
    There(Service),
    /// On another actor's.
    Elsewhere(Service),
}

/// Puts the service, as `before` saw it, on `revision`.
///
/// Flow: update; if the answer is lost, look: a deployment that `before` does not know is either
/// ours or another actor's, and while there is none the update is sent again.
///
/// # Errors
/// What ECS refused, or the last lost answer when [`ATTEMPTS`] of them are.
pub(super) async fn put_on<E: Ecs + EcsEffects>(
    ecs: &E,
    clock: Clock,
    cluster: &ClusterName,
    before: &Service,
    revision: &TaskDefinitionArn,
    force: bool,
) -> Result<Placed, Failure> {
    let mut attempt = 1;
    loop {
        match ecs.update_service(before, revision, force).await {
            Ok(service) => return Ok(Placed::There(service)),
            Err(EffectError::Refused(failure)) => return Err(failure),
            Err(EffectError::Unknown(failure)) if attempt == ATTEMPTS => return Err(failure),
            Err(EffectError::Unknown(_)) => {
                clock.sleep(BACK_OFF * 2_u32.pow(attempt - 1)).await;
                attempt += 1;
            }
        }
        let found = ecs.describe_services(cluster, &[&before.arn]).await?;
        let Some(service) = found.into_iter().next() else { return Err(gone(&before.name)) };
        match service.primary() {
            Some(primary) if before.deployment(&primary.id).is_some() => {}
            Some(primary) if primary.task_definition == *revision => return Ok(Placed::There(service)),
            _ => return Ok(Placed::Elsewhere(service)),
        }
    }
}

/// A service that was there a moment ago.
pub(super) fn gone(service: &str) -> Failure {
    Failure::new(FailureKind::InvalidInput, format!("service {service} is gone"))
        .because("it was deleted during its deployment")
}
