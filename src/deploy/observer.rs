//! Polls all watched rollouts at once: ten services, twenty service deployments to a call.
//!
//! # Guarantees
//! * One call a poll, for up to ten services. The other view of a rollout is read as well where one view shows that
//!   something was decided, so that no verdict rests on half of what can be seen, and for lesser reasons once a minute.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::poll_target::{PollTarget, all_run, goes_on, has_lost_tasks, has_turned, poll_target};
use evenkeel_core::ports::{Ecs, ListedServiceDeployment, Listing};
use evenkeel_core::request::ClusterName;
use evenkeel_core::rollout::{Observation, Rollout, is_decided_by_list};
use evenkeel_core::service::{DeploymentId, Service, ServiceRevision};
use evenkeel_core::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use evenkeel_core::timestamp::Timestamp;

use crate::clock::Moment;

use super::listed::with_what_they_run;

/// How often the other view is read where nothing was decided.
const BETWEEN_EXTRAS: Duration = MINUTE;

const MINUTE: Duration = Duration::from_secs(60);

/// Watches services, and finds the service deployments that belong to their deployments.
#[derive(Debug, Default)]
pub(super) struct Observer {
    found: BTreeMap<DeploymentId, KnownArn>,
    /// Service deployments are no longer asked for.
    closed: bool,
    /// Why, until that is said.
    why_closed: Option<Failure>,
    /// When the other view was last read although nothing was decided.
    extra: Option<Moment>,
    /// The service revisions that were described, or could not be.
    described: BTreeSet<String>,
    /// When the other view was read in the last minute.
    second_calls: VecDeque<Moment>,
}

/// The service deployment of a deployment, as far as it was found.
#[derive(Debug, Clone)]
enum KnownArn {
    Arn(String),
    /// So often it was searched for.
    NotYet(u32),
}

/// Why the other view of a rollout is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Something was decided.
    Decided,
    /// There may be more to see.
    Lesser,
    None,
}

/// A service to describe, and the rollout of it that is followed.
pub(super) struct Watched<'a> {
    pub(super) seen: &'a Observation,
    pub(super) rollout: Option<&'a Rollout>,
}

impl Watched<'_> {
    fn deployment(&self) -> Option<&DeploymentId> {
        self.rollout?.deployment.as_ref()
    }

    fn target(&self) -> PollTarget {
        self.rollout.map_or(PollTarget::Service, |rollout| poll_target(rollout, self.seen))
    }
}

impl Observer {
    /// Polls `watched`; `None` for a service that no longer exists.
    ///
    /// Service deployments are the better view, but may be denied, empty (an emulator) or late: then the services alone
    /// decide.
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
        let all: Vec<usize> = (0..watched.len()).collect();
        let is_of_services = self.closed || targets(watched) == PollTarget::Service;
        let (known, again) = if is_of_services {
            poll_services(ecs, cluster, &all, &mut seen).await?;
            let wanted = self.those_that_turned(watched, &seen);
            let read = self.service_deployments(ecs, watched, &wanted, &seen).await;
            let known = self.known_at_least(read);
            self.count_second_call(!known.is_empty());
            // The deployment that replaced a stopped one may be newer than what was just described.
            let is_newer = |at: usize, known: &ServiceDeployment| {
                let shown = watched[at].deployment().zip(seen[at].as_ref());
                known.status == ServiceDeploymentStatus::Stopped
                    && shown.is_some_and(|(id, seen)| goes_on(id, &seen.service))
            };
            let newer = known.iter().filter(|(at, known)| is_newer(**at, known)).map(|(at, _)| *at).collect();
            (known, newer)
        } else {
            let read = self.service_deployments(ecs, watched, &all, &seen).await;
            let known = self.known_at_least(read);
            let again = self.those_with_news(watched, &known);
            (known, again)
        };
        self.count_second_call(!again.is_empty());
        let ready = self.ready_to_confirm(watched, &seen, &known);
        // Together, since a verdict may wait for both.
        let (polled, revisions) =
            tokio::join!(poll_services(ecs, cluster, &again, &mut seen), revisions(ecs, &ready));
        polled?;
        for (at, known) in known {
            if let (Some(seen), Some(id)) = (&mut seen[at], watched[at].deployment()) {
                seen.take_record(id, known);
            }
        }
        for seen in seen.iter_mut().flatten() {
            let target = seen.service_deployment.as_ref().map(|record| &record.target);
            let found = revisions.iter().find(|revision| Some(&revision.arn) == target);
            if let Some(revision) = found {
                seen.revision = Some(revision.clone());
            }
        }
        Ok(seen)
    }

    /// How often the other view was read in the last minute, besides one call a poll. Of several services the rollouts of two
    /// may end together, so one is counted in advance.
    pub(super) fn second_calls(&mut self, services: usize) -> usize {
        let now = Moment::now();
        while self.second_calls.front().is_some_and(|call| now.since(*call) >= MINUTE) {
            self.second_calls.pop_front();
        }
        self.second_calls.len() + usize::from(services > 1)
    }

    fn count_second_call(&mut self, was_made: bool) {
        if was_made {
            self.second_calls.push_back(Moment::now());
        }
    }

    /// Why service deployments are no longer asked for, once.
    pub(super) fn take_why_closed(&mut self) -> Option<Failure> {
        self.why_closed.take()
    }

    /// The service revisions to describe now, each once: of rollouts whose tasks all run, so that their digests are known. What
    /// a success is confirmed by is at hand then when it comes.
    fn ready_to_confirm(
        &mut self,
        watched: &[Watched<'_>],
        seen: &[Option<Observation>],
        known: &BTreeMap<usize, ServiceDeployment>,
    ) -> Vec<String> {
        let mut ready = Vec::new();
        for (at, seen) in seen.iter().enumerate() {
            let (Some(seen), Some(id)) = (seen, watched[at].deployment()) else { continue };
            let Some(record) = known.get(&at).or(seen.service_deployment.as_ref()) else { continue };
            let mine = seen.service.deployment(id);
            let is_ready = record.status == ServiceDeploymentStatus::Successful
                || mine.is_some_and(|mine| all_run(mine, &seen.service));
            if is_ready && self.described.insert(record.target.clone()) {
                ready.push(record.target.clone());
            }
        }
        ready
    }

    /// The services that show something which their service deployments decide or explain.
    fn those_that_turned(&mut self, watched: &[Watched<'_>], seen: &[Option<Observation>]) -> Vec<usize> {
        self.those(watched.len(), |at| {
            let (Some(id), Some(seen)) = (watched[at].deployment(), &seen[at]) else { return Reason::None };
            let service = &seen.service;
            let is_decided = !goes_on(id, service);
            let is_unknown = seen.service_deployment.is_none();
            let mine = service.deployment(id).filter(|mine| mine.primary);
            let is_known_enough = mine.is_some_and(|mine| is_decided_by_list(mine, service));
            if has_turned(id, &watched[at].seen.service, service)
                || is_decided && is_unknown && !is_known_enough
            {
                return Reason::Decided;
            }
            // Stages change without a sign in the service.
            let is_staged = service.strategy.is_staged;
            if is_decided || is_unknown || is_staged { Reason::Lesser } else { Reason::None }
        })
    }

    /// The service deployments that show something which the service decides or explains.
    fn those_with_news(
        &mut self,
        watched: &[Watched<'_>],
        known: &BTreeMap<usize, ServiceDeployment>,
    ) -> Vec<usize> {
        self.those(watched.len(), |at| {
            let Some(now) = known.get(&at) else { return Reason::Decided };
            let Some(before) = &watched[at].seen.service_deployment else { return Reason::Decided };
            match now.status {
                ServiceDeploymentStatus::InProgress | ServiceDeploymentStatus::RollingBack => {
                    if before.status != now.status {
                        Reason::Decided
                    } else if has_lost_tasks(before, now) {
                        Reason::Lesser
                    } else {
                        Reason::None
                    }
                }
                ServiceDeploymentStatus::Successful
                | ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::RolledBack
                | ServiceDeploymentStatus::RollbackFailed
                | ServiceDeploymentStatus::Unknown => Reason::Decided,
            }
        })
    }

    /// Those of the first `count` places whose other view is to be read: all that have a reason, where some decision is
    /// one, or where that was not done for a while.
    fn those(&mut self, count: usize, reason: impl Fn(usize) -> Reason) -> Vec<usize> {
        let reasons: Vec<Reason> = (0..count).map(reason).collect();
        let now = Moment::now();
        let is_time = self.extra.is_none_or(|extra| now.since(extra) >= BETWEEN_EXTRAS);
        let is_decided = reasons.contains(&Reason::Decided);
        if reasons.contains(&Reason::Lesser) && (is_decided || is_time) {
            self.extra = Some(now);
        }
        let is_wanted = |at: &usize| reasons[*at] != Reason::None && (is_decided || is_time);
        (0..count).filter(is_wanted).collect()
    }

    /// What was read of service deployments: nothing where they cannot be read. Where they never can, they are no longer
    /// asked for.
    fn known_at_least(
        &mut self,
        read: Result<BTreeMap<usize, ServiceDeployment>, Failure>,
    ) -> BTreeMap<usize, ServiceDeployment> {
        read.unwrap_or_else(|failure| {
            if failure.kind() != FailureKind::Unavailable {
                self.closed = true;
                self.why_closed = Some(failure);
            }
            BTreeMap::new()
        })
    }

    /// The service deployments of those that are wanted, by their places.
    async fn service_deployments<E: Ecs>(
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
        let mut known = BTreeMap::new();
        for (at, arn) in asked {
            let found = described.iter().find(|found| found.arn == arn);
            let Some((found, id)) = found.zip(watched[at].deployment()) else { continue };
            match self.found.get(id) {
                Some(KnownArn::Arn(_)) => {}
                // What the service calls its current one was described on the chance that it is ours.
                _ if id.rolls_out(&found.target) => {
                    self.found.insert(id.clone(), KnownArn::Arn(arn));
                }
                _ => continue,
            }
            known.insert(at, found.clone());
        }
        Ok(known)
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
}

/// Describes the services in these places; one that no longer exists is seen no more.
async fn poll_services<E: Ecs>(
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

/// These service revisions. A success is only confirmed by them, so what cannot be read is left out.
async fn revisions<E: Ecs>(ecs: &E, arns: &[String]) -> Vec<ServiceRevision> {
    if arns.is_empty() { Vec::new() } else { ecs.describe_service_revisions(arns).await.unwrap_or_default() }
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

/// What one poll describes of all of them. Of several, the services tell most: where nothing but its tasks decides when a
/// rollout has completed, no second call confirms it.
fn targets(watched: &[Watched<'_>]) -> PollTarget {
    let is_better_described = |watched: &Watched<'_>| watched.seen.service.completes_with_its_tasks();
    let is_of_services = watched.iter().any(|watched| watched.target() == PollTarget::Service)
        || watched.len() > 1 && watched.iter().any(is_better_described);
    if is_of_services { PollTarget::Service } else { PollTarget::ServiceDeployment }
}

/// Four searches in the first minute, of two calls at most.
fn is_power_of_three(times: u32) -> bool {
    (0..20).any(|exponent| 3_u32.pow(exponent) == times)
}
