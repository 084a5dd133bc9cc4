//! Looks at all watched services at once: ten services, twenty service deployments to a call.

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::eta::{Subject, goes_on};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Ecs, ListedServiceDeployment, Listing};
use evenkeel_core::request::ClusterName;
use evenkeel_core::rollout::{Observation, Rollout};
use evenkeel_core::service::{DeploymentId, Service};
use evenkeel_core::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use evenkeel_core::timestamp::Timestamp;

use super::listed::with_what_they_run;

/// Watches services, and finds the service deployments that belong to their deployments.
#[derive(Debug, Default)]
pub(super) struct Observer {
    found: BTreeMap<DeploymentId, KnownArn>,
    /// Service deployments are no longer asked for.
    closed: bool,
    /// Why, until that is told.
    why_closed: Option<Failure>,
}

/// The service deployment of a deployment, as far as it was found.
#[derive(Debug, Clone)]
enum KnownArn {
    Arn(String),
    /// So often it was looked for.
    NotYet(u32),
}

/// A service to look at, and the rollout of it that is followed.
pub(super) struct Watched<'a> {
    pub(super) seen: &'a Observation,
    pub(super) rollout: Option<&'a Rollout>,
    pub(super) subject: Subject,
}

impl Watched<'_> {
    fn deployment(&self) -> Option<&DeploymentId> {
        self.rollout?.deployment.as_ref()
    }
}

impl Observer {
    /// Looks at `watched`; `None` for a service that no longer exists.
    ///
    /// Service deployments are the better source, but may be denied, empty (an emulator) or late:
    /// then the services alone tell. Where one of the two shows more than a rollout that goes on, the
    /// other is looked at as well, so that a verdict never rests on half of what can be seen.
    ///
    /// # Errors
    /// Those of `DescribeServices`.
    pub(super) async fn observe<E: Ecs>(
        &mut self,
        ecs: &E,
        cluster: &ClusterName,
        watched: &[Watched<'_>],
    ) -> Result<Vec<Option<Observation>>, Failure> {
        let mut seen: Vec<Option<Observation>> =
            watched.iter().map(|watched| Some(watched.seen.clone())).collect();
        let all = 0..watched.len();
        let first: Vec<usize> =
            all.clone().filter(|at| self.closed || watched[*at].subject != Subject::Record).collect();
        look_at_services(ecs, cluster, &first, &mut seen).await?;

        let wanted = all.clone().filter(|at| {
            let (Some(id), Some(seen)) = (watched[*at].deployment(), &seen[*at]) else { return false };
            let is_known = seen.service_deployment.is_some();
            watched[*at].subject != Subject::Service || !is_known || !goes_on(id, &seen.service)
        });
        let wanted: Vec<usize> = wanted.collect();
        let records = match self.records(ecs, watched, &wanted, &seen).await {
            Ok(records) => records,
            Err(failure) => {
                if failure.kind() != FailureKind::Unavailable {
                    self.closed = true;
                    self.why_closed = Some(failure);
                }
                BTreeMap::new()
            }
        };
        // Services that were not looked at, although there is no record to tell in their place, or
        // one that tells of an end.
        let is_over = |at: &usize| {
            records.get(at).is_none_or(|record| record.status != ServiceDeploymentStatus::InProgress)
        };
        // A record that tells of a stop: the deployment that replaced ours may be newer than the look at the service.
        let was_stopped = |at: &usize| {
            records.get(at).is_some_and(|record| record.status == ServiceDeploymentStatus::Stopped)
        };
        let again = all.filter(|at| if first.contains(at) { was_stopped(at) } else { is_over(at) });
        let again: Vec<usize> = again.collect();
        look_at_services(ecs, cluster, &again, &mut seen).await?;
        for (at, record) in records {
            if let (Some(seen), Some(id)) = (&mut seen[at], watched[at].deployment()) {
                seen.take_record(id, record);
            }
        }
        Ok(seen)
    }

    /// Why service deployments are no longer asked for, once.
    pub(super) fn take_why_closed(&mut self) -> Option<Failure> {
        self.why_closed.take()
    }

    /// The service deployments of those that are wanted, by their places.
    async fn records<E: Ecs>(
        &mut self,
        ecs: &E,
        watched: &[Watched<'_>],
        wanted: &[usize],
        seen: &[Option<Observation>],
    ) -> Result<BTreeMap<usize, ServiceDeployment>, Failure> {
        let mut asked = BTreeMap::new();
        for at in wanted {
            let (Some(rollout), Some(seen)) = (watched[*at].rollout, &seen[*at]) else { continue };
            if let Some(arn) = self.find(ecs, rollout, &seen.service).await? {
                asked.insert(*at, arn);
            }
        }
        if asked.is_empty() || self.closed {
            return Ok(BTreeMap::new());
        }
        let arns: Vec<String> = asked.values().cloned().collect();
        let described = ecs.describe_service_deployments(&arns).await?;
        let mut records = BTreeMap::new();
        for (at, arn) in asked {
            let record = described.iter().find(|record| record.arn == arn);
            let Some((record, id)) = record.zip(watched[at].deployment()) else { continue };
            match self.found.get(id) {
                Some(KnownArn::Arn(_)) => {}
                // What the service calls its current one was described on the chance that it is ours.
                _ if id.rolls_out(&record.target) => {
                    self.found.insert(id.clone(), KnownArn::Arn(arn));
                }
                _ => continue,
            }
            records.insert(at, record.clone());
        }
        Ok(records)
    }

    /// The ARN of the rollout's service deployment, or of one that probably is it.
    async fn find<E: Ecs>(
        &mut self,
        ecs: &E,
        rollout: &Rollout,
        service: &Service,
    ) -> Result<Option<String>, Failure> {
        let Some(id) = rollout.deployment.as_ref().filter(|_| !self.closed) else { return Ok(None) };
        let times = match self.found.get(id) {
            Some(KnownArn::Arn(arn)) => return Ok(Some(arn.clone())),
            Some(KnownArn::NotYet(times)) => times + 1,
            None => 0,
        };
        self.found.insert(id.clone(), KnownArn::NotYet(times));
        if times == 0 && service.current_deployment.is_some() {
            return Ok(service.current_deployment.clone());
        }
        // It may never be listed, as by an emulator: then it is asked for less and less often.
        if !times.is_power_of_two() && times > 0 {
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
}

/// Of the service deployments that are no older than `since` and not of the deployment `replaced`, the
/// one that rolls out `revision`.
pub(super) async fn that_rolls_out<E: Ecs>(
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

/// Looks at the services in these places; one that no longer exists is seen no more.
async fn look_at_services<E: Ecs>(
    ecs: &E,
    cluster: &ClusterName,
    places: &[usize],
    seen: &mut [Option<Observation>],
) -> Result<(), Failure> {
    let arns: Vec<&str> =
        places.iter().filter_map(|at| seen[*at].as_ref()).map(|seen| seen.service.arn.as_str()).collect();
    if arns.is_empty() {
        return Ok(());
    }
    let services = ecs.describe_services(cluster, &arns).await?;
    for at in places {
        seen[*at] = seen[*at].take().and_then(|seen| {
            let service = services.iter().find(|service| service.arn == seen.service.arn)?;
            service.active.then(|| Observation { service: service.clone(), ..seen })
        });
    }
    Ok(())
}
