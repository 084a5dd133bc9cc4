//! Finds the service deployments that belong to the deployments of services.

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Ecs, ListedServiceDeployment, Listing};
use evenkeel_core::rollout::Rollout;
use evenkeel_core::service::{DeploymentId, Service};
use evenkeel_core::service_deployment::ServiceDeployment;
use evenkeel_core::timestamp::Timestamp;

use super::listed::with_what_they_run;

/// The service deployments that were found.
#[derive(Debug, Default)]
pub(super) struct ServiceDeploymentSearch {
    found: BTreeMap<DeploymentId, KnownArn>,
}

/// The service deployment of a deployment, as far as it was found.
#[derive(Debug, Clone)]
enum KnownArn {
    Arn(String),
    /// So often it was searched for.
    NotYet(u32),
}

impl ServiceDeploymentSearch {
    /// The ARN of the rollout's service deployment, or of one that probably is it.
    pub(super) async fn find<E: Ecs>(
        &mut self,
        ecs: &E,
        rollout: &Rollout,
        service: &Service,
    ) -> Result<Option<String>, Failure> {
        let Some(id) = rollout.deployment.as_ref() else { return Ok(None) };
        let times = match self.found.get(id) {
            Some(KnownArn::Arn(arn)) => return Ok(Some(arn.clone())),
            Some(KnownArn::NotYet(times)) => times + 1,
            None => 0,
        };
        self.found.insert(id.clone(), KnownArn::NotYet(times));
        if times == 0 && service.current_deployment.is_some() {
            return Ok(service.current_deployment.clone());
        }
        // It may never be listed, as by an emulator: then it is searched for less and less often.
        if !is_power_of_three(times) && times > 0 {
            return Ok(None);
        }
        // Its record is made a moment after the deployment; where that is not shown, all are read.
        let since = service.deployment(id).map(|mine| mine.created).unwrap_or_default();
        let listed = ecs.list_service_deployments(service, Listing::Since(since)).await?;
        let ours = listed.iter().find(|listed| id.rolls_out(&listed.target));
        let arn = match (ours, service.deployment(id)) {
            (Some(ours), _) => Some(ours.arn.clone()),
            (None, Some(mine)) => {
                let replaced = rollout.replaced.as_ref();
                let found = that_rolls_out(ecs, listed, &rollout.revision, mine.created, replaced).await?;
                found.map(|found| found.arn)
            }
            (None, None) => None,
        };
        if let Some(arn) = &arn {
            self.found.insert(id.clone(), KnownArn::Arn(arn.clone()));
        }
        Ok(arn)
    }

    /// Whether `described` is the service deployment of the deployment `id`. What the service calls its current one was
    /// described on the chance that it is.
    pub(super) fn is_of(&mut self, id: &DeploymentId, described: &ServiceDeployment) -> bool {
        if matches!(self.found.get(id), Some(KnownArn::Arn(_))) {
            return true;
        }
        let is_ours = id.rolls_out(&described.target);
        if is_ours {
            self.found.insert(id.clone(), KnownArn::Arn(described.arn.clone()));
        }
        is_ours
    }
}

/// Of the service deployments that are no older than `since` and not of the deployment `replaced`, the
/// one that rolls out `revision`.
async fn that_rolls_out<E: Ecs>(
    ecs: &E,
    listed: Vec<ListedServiceDeployment>,
    revision: &TaskDefinitionArn,
    since: Timestamp,
    replaced: Option<&DeploymentId>,
) -> Result<Option<ListedServiceDeployment>, Failure> {
    let is_young = |listed: &ListedServiceDeployment| {
        listed.created >= since && !replaced.is_some_and(|replaced| replaced.rolls_out(&listed.target))
    };
    let young: Vec<_> = listed.into_iter().filter(is_young).collect();
    let mut young = with_what_they_run(ecs, young).await?.into_iter();
    Ok(young.find(|(_, runs)| runs.as_ref() == Some(revision)).map(|(listed, _)| listed))
}

/// Four searches in the first minute, of two calls at most.
fn is_power_of_three(times: u32) -> bool {
    (0..20).any(|exponent| 3_u32.pow(exponent) == times)
}
