//! One service's deployment, and what it came to.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::Brought;
use evenkeel_core::console::deployments_url;
use evenkeel_core::crash_loop::Suspicion;
use evenkeel_core::deployment::{Ending, Event, Outcome, Phase};
use evenkeel_core::evidence::Evidence;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::image::digest_of;
use evenkeel_core::plan::{Carried, CarriedVariables};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::Observation;
use evenkeel_core::service::{DeploymentId, Service};
use evenkeel_core::timestamp::Timestamp;
use evenkeel_core::variables::Variables;
use serde_json::{Map, Value};

use crate::clock::Moment;

use super::ServiceReport;

/// One service's deployment.
pub(super) struct Run {
    /// The service, as it was named.
    pub(super) named: String,
    /// Its revision's place among the planned ones.
    pub(super) revision: usize,
    pub(super) phase: Phase,
    /// What was seen last.
    pub(super) seen: Observation,
    /// The revision that was live when the deployment began.
    pub(super) began_on: Option<TaskDefinitionArn>,
    /// That revision's images, by container.
    pub(super) began_images: BTreeMap<String, String>,
    /// The revision that the service was put on.
    pub(super) target: Option<TaskDefinitionArn>,
    /// An update to the revision of the last plan was sent: it may have been live, and others may have copied it.
    pub(super) may_be_live: bool,
    /// The deployment that was PRIMARY before that.
    pub(super) replaced: Option<DeploymentId>,
    /// What is put into the copy: what was asked for, and what is carried.
    pub(super) brought: Brought,
    /// The images that other deployments changed that ours replaced.
    pub(super) carried: Carried,
    /// The variables that they changed.
    pub(super) carried_variables: CarriedVariables,
    /// The variables that the pipeline owns at the end, with their values.
    pub(super) owned: Variables,
    /// The deployment that put it there.
    pub(super) deployment: Option<DeploymentId>,
    /// That deployment's own record.
    pub(super) service_deployment: Option<String>,
    /// What images resolved to, by their references.
    pub(super) digests: BTreeMap<String, String>,
    /// What speaks for the cause of its failure.
    pub(super) evidence: Evidence,
    /// Its stopped tasks were read for the evidence, or could not be.
    pub(super) has_read_stopped_tasks: bool,
    /// A one-off task after its rollout failed.
    pub(super) has_failed_after: bool,
    /// What its tasks were read for last, and when.
    pub(super) suspected: Option<(Suspicion, Moment)>,
    /// How often it was planned again.
    pub(super) plans_again: u32,
    /// Whether a record tells of the deployment.
    pub(super) is_recorded: bool,
    /// The members of its checkpoint that this version does not know.
    pub(super) unknown: Map<String, Value>,
    pub(super) failure: Option<Failure>,
    pub(super) ended: Option<Timestamp>,
    /// How long its rollout took, where that is not the time since the first call.
    pub(super) took: Option<Duration>,
    /// The wait ended before the rollout did.
    unwatched: bool,
}

/// What the end of a deployment means for the record.
pub(super) enum OnRecord<'a> {
    /// It says that this revision is deployed.
    Settle(&'a TaskDefinitionArn),
    /// It says what it said before; whether another deployment replaced this one.
    TakeBack { is_replaced: bool },
    /// It keeps saying that a deployment is under way, because one is.
    LeaveOpen,
}

impl Run {
    pub(super) fn new(named: &str, brought: Brought, service: Service, revision: usize) -> Self {
        Self {
            named: named.to_owned(),
            revision,
            phase: Phase::Pending,
            began_on: service.live().cloned(),
            began_images: BTreeMap::new(),
            target: None,
            may_be_live: false,
            replaced: None,
            brought,
            carried: Carried::default(),
            carried_variables: CarriedVariables::default(),
            owned: Variables::default(),
            seen: Observation::of(service),
            deployment: None,
            service_deployment: None,
            digests: BTreeMap::new(),
            evidence: Evidence::default(),
            has_read_stopped_tasks: false,
            has_failed_after: false,
            suspected: None,
            plans_again: 0,
            is_recorded: false,
            unknown: Map::new(),
            failure: None,
            ended: None,
            took: None,
            unwatched: false,
        }
    }

    /// Goes on to the next phase.
    ///
    /// # Errors
    /// [`FailureKind::Bug`] where no such event can follow.
    pub(super) fn apply(&mut self, event: Event) -> Result<(), Failure> {
        self.phase = self.phase.clone().apply(event).map_err(|illegal| bug(&illegal.to_string()))?;
        Ok(())
    }

    /// Whether nothing was done yet, and nothing learnt that another run would have to know.
    pub(super) fn is_untouched(&self) -> bool {
        self.phase == Phase::Pending && self.plans_again == 0 && self.unknown.is_empty()
    }

    /// Whether our revision runs without what a deployment changed that our update replaced.
    pub(super) fn lacks_a_change(&self) -> bool {
        match &self.phase {
            Phase::Pending | Phase::Registered(_) => self.target.is_some(),
            Phase::RollingOut { overtaken, .. } => overtaken.is_some(),
            Phase::Undoing { .. } | Phase::RollingBack { .. } | Phase::Done(_) => false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    /// Takes in what was seen.
    pub(super) fn see(&mut self, seen: Observation) {
        if let (Phase::RollingOut { .. } | Phase::Undoing { .. }, Some(record)) =
            (&self.phase, &seen.service_deployment)
        {
            self.service_deployment = Some(record.arn.clone());
        }
        self.seen = seen;
    }

    /// The revision that is live now.
    pub(super) fn live(&self) -> Option<&TaskDefinitionArn> {
        match self.outcome() {
            // ECS may not show the deployment yet, but it took the update.
            Outcome::Started | Outcome::Deployed => self.target.as_ref(),
            Outcome::Unchanged
            | Outcome::RolledBack
            | Outcome::Failed
            | Outcome::Superseded
            | Outcome::Stopped
            | Outcome::TimedOut => self.seen.service.live(),
        }
    }

    /// Ends it by a failure that is not the rollout's own; returns the outcome.
    pub(super) fn fail(&mut self, failure: Failure, now: Timestamp) -> Outcome {
        // An update that is not known to have been refused may have been made.
        let may_be_updated =
            matches!(self.phase, Phase::Registered(_)) && failure.kind() == FailureKind::Unavailable;
        let is_rolling_out = self.phase.rollout().is_some() || self.lacks_a_change();
        self.unwatched = may_be_updated || is_rolling_out;
        let is_signal = matches!(failure.kind(), FailureKind::Interrupted | FailureKind::Terminated);
        let is_started = matches!(self.phase, Phase::RollingOut { .. }) || self.lacks_a_change();
        let outcome = if is_started && is_signal { Outcome::Started } else { Outcome::Failed };
        self.phase = Phase::Done(Ending { outcome, reason: failure.to_string() });
        self.failure = Some(failure);
        self.ended = Some(now);
        outcome
    }

    /// What the record is to say now.
    pub(super) fn verdict_on_record(&self) -> OnRecord<'_> {
        match (self.outcome(), self.live()) {
            (Outcome::Deployed | Outcome::Unchanged, Some(live)) => OnRecord::Settle(live),
            // Its rollout completed, and it was left so.
            (Outcome::Failed, Some(live)) if self.has_failed_after && Some(live) == self.target.as_ref() => {
                OnRecord::Settle(live)
            }
            (Outcome::Started, _) => OnRecord::LeaveOpen,
            _ if self.unwatched => OnRecord::LeaveOpen,
            // It may complete yet.
            (Outcome::TimedOut, live) if live == self.target.as_ref() => OnRecord::LeaveOpen,
            (outcome, _) => OnRecord::TakeBack { is_replaced: outcome == Outcome::Superseded },
        }
    }

    /// Ends it as replaced by another deployment, which was seen after its own end.
    pub(super) fn supersede(&mut self, by: &TaskDefinitionArn) -> String {
        let reason = format!("a deployment of {} took its place", by.family_and_revision());
        let ending = Ending { outcome: Outcome::Superseded, reason: reason.clone() };
        self.failure = ending.failure(&self.named);
        self.phase = Phase::Done(ending);
        reason
    }

    /// What it came to; `images` are the live revision's.
    pub(super) fn report(
        mut self,
        request: &DeployRequest,
        images: BTreeMap<String, String>,
        began: Timestamp,
        is_return: bool,
    ) -> ServiceReport {
        ServiceReport {
            cluster: request.cluster.as_str().to_owned(),
            service: self.named.clone(),
            outcome: self.outcome(),
            task_definition: self.live().cloned(),
            previous: self.began_on.clone(),
            target: self.target.clone(),
            is_return,
            since: self.live_since(),
            digests: self.digests_of(&images),
            images,
            variables: std::mem::take(&mut self.owned),
            deployment: self.deployment.as_ref().map(|id| id.as_str().to_owned()),
            service_deployment: self.service_deployment.clone(),
            console: deployments_url(&self.seen.service),
            duration: self.took.unwrap_or_else(|| self.ended.unwrap_or(began).since(began)),
            note: self.note(),
            failure: self.failure.take(),
            evidence: self.evidence,
        }
    }

    /// Since when what is live has been live: what was waited for, since it was there; else since ECS was asked for it.
    fn live_since(&self) -> Option<Timestamp> {
        match self.outcome() {
            Outcome::Deployed | Outcome::RolledBack => self.ended,
            Outcome::Unchanged
            | Outcome::Started
            | Outcome::Failed
            | Outcome::Superseded
            | Outcome::Stopped
            | Outcome::TimedOut => self.seen.service.primary().map(|primary| primary.created),
        }
    }

    /// What there is to say of an end that is no failure.
    fn note(&self) -> Option<String> {
        match &self.phase {
            Phase::Done(ending) if self.failure.is_none() && !ending.reason.is_empty() => {
                Some(ending.reason.clone())
            }
            Phase::Done(_)
            | Phase::Pending
            | Phase::Registered(_)
            | Phase::RollingOut { .. }
            | Phase::Undoing { .. }
            | Phase::RollingBack { .. } => None,
        }
    }

    /// What `images` resolved to: as they are pinned, or as ECS or the registry says.
    pub(super) fn digests_of(&self, images: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let digest = |image: &String| {
            let pinned = digest_of(image).map(str::to_owned);
            pinned.or_else(|| self.digests.get(image).cloned())
        };
        images.iter().filter_map(|(name, image)| Some((name.clone(), digest(image)?))).collect()
    }

    pub(super) fn outcome(&self) -> Outcome {
        match &self.phase {
            Phase::Done(ending) => ending.outcome,
            Phase::Pending
            | Phase::Registered(_)
            | Phase::RollingOut { .. }
            | Phase::Undoing { .. }
            | Phase::RollingBack { .. } => Outcome::Failed,
        }
    }
}

/// The failure of what cannot happen.
pub(super) fn bug(what: &str) -> Failure {
    Failure::new(FailureKind::Bug, format!("a bug in Evenkeel: {what}"))
        .advice("Please report it; run the same command again to go on")
}
