//! Polls all watched rollouts at once: ten services, twenty service deployments to a call.
//!
//! # Guarantees
//! * One call a poll, for up to ten services. The other view of a rollout is read as well where one view shows that
//!   something was decided, so that no verdict rests on half of what can be seen, and for lesser reasons once a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::poll_target::{PollTarget, all_run, goes_on, has_lost_tasks, has_turned, poll_target};
use evenkeel_core::ports::Ecs;
use evenkeel_core::request::ClusterName;
use evenkeel_core::rollout::{Observation, Rollout, is_decided_by_list};
use evenkeel_core::service::{DeploymentId, RolloutState, ServiceRevision};
use evenkeel_core::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};

use crate::clock::Moment;

use super::service_deployment_search::ServiceDeploymentSearch;

/// How often the other view is read where nothing was decided.
const BETWEEN_EXTRAS: Duration = Duration::from_secs(60);

/// Watches services and their service deployments.
#[derive(Debug, Default)]
pub(super) struct Observer {
    search: ServiceDeploymentSearch,
    /// Service deployments are no longer asked for.
    closed: bool,
    /// Why, until that is said.
    why_closed: Option<Failure>,
    /// When the other view was last read although nothing was decided.
    extra: Option<Moment>,
    /// The service revisions that were described, or could not be.
    described: BTreeSet<String>,
    /// When the last poll made its calls.
    calls: Vec<Moment>,
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
        self.calls.clear();
        let (known, again) = if is_of_services {
            self.calls.push(Moment::now());
            poll_services(ecs, cluster, &all, &mut seen).await?;
            let wanted = self.those_that_turned(watched, &seen);
            let read = self.service_deployments(ecs, watched, &wanted, &seen).await;
            let known = self.known_at_least(read);
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
        if !again.is_empty() {
            self.calls.push(Moment::now());
        }
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

    /// When the last poll made its calls.
    pub(super) fn calls(&self) -> &[Moment] {
        &self.calls
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
            // A failure is to be explained; a success that is known enough is not.
            let has_completed =
                is_known_enough && mine.is_some_and(|mine| mine.rollout == RolloutState::Completed);
            if is_decided && !has_completed || is_unknown || is_staged {
                Reason::Lesser
            } else {
                Reason::None
            }
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
        if self.closed {
            return Ok(BTreeMap::new());
        }
        let mut asked = BTreeMap::new();
        for at in wanted {
            let (Some(rollout), Some(seen)) = (watched[*at].rollout, &seen[*at]) else { continue };
            if let Some(arn) = self.search.find(ecs, rollout, &seen.service).await? {
                asked.insert(*at, arn);
            }
        }
        if asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        let arns: Vec<String> = asked.values().cloned().collect();
        self.calls.push(Moment::now());
        let described = ecs.describe_service_deployments(&arns).await?;
        let mut known = BTreeMap::new();
        for (at, arn) in asked {
            let found = described.iter().find(|found| found.arn == arn);
            let Some((found, id)) = found.zip(watched[at].deployment()) else { continue };
            if !self.search.is_of(id, found) {
                continue;
            }
            known.insert(at, found.clone());
        }
        Ok(known)
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

/// What one poll describes of all of them. Of several, the services tell most: where nothing but its tasks decides when a
/// rollout has completed, no second call confirms it.
fn targets(watched: &[Watched<'_>]) -> PollTarget {
    let is_better_described = |watched: &Watched<'_>| watched.seen.service.completes_with_its_tasks();
    let is_of_services = watched.iter().any(|watched| watched.target() == PollTarget::Service)
        || watched.len() > 1 && watched.iter().any(is_better_described);
    if is_of_services { PollTarget::Service } else { PollTarget::ServiceDeployment }
}
