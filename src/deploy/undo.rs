//! Puts a service back on its former revision.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Ending, Event, Outcome, Phase, Why};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};
use evenkeel_core::rollout::{Observation, Rollout, came_between};
use evenkeel_core::service::DeploymentId;

use crate::clock::Moment;

use super::Progress;
use super::machine::Machine;
use super::place::Placed;
use super::polling::Pace;

impl<E: Cloud + EcsEffects, R: RecordStore> Machine<'_, '_, E, R> {
    /// Asks ECS to roll the deployment back; whether the next tick can follow at once.
    ///
    /// ECS is told which deployment is to end, so nobody else's can be hit; and to ask twice does
    /// nothing more than to ask once, so an answer may be lost. What it refuses has changed meanwhile,
    /// or cannot be had: then it is looked at once more, and put back by an update.
    pub(super) async fn ask_to_roll_back(
        &mut self,
        at: usize,
        service_deployment: &str,
    ) -> Result<bool, Failure> {
        self.note().await?;
        let run = &self.runs[at];
        if let Phase::Undoing { to, why, .. } = &run.phase {
            (self.listen)(Progress::RollingBack { service: &run.named, to: to.as_ref(), why: &why.reason });
        }
        let asked = self.world.ecs.roll_back_service_deployment(service_deployment).await;
        let run = &mut self.runs[at];
        run.pace.hurry();
        match asked {
            Err(failure) if failure.kind() != FailureKind::Unavailable => {
                if failure.kind() == FailureKind::Denied {
                    self.warn(format!("ECS may not be asked to go back, so an update does it: {failure}"));
                }
                self.apply(at, Event::StopRefused)?;
            }
            Ok(()) | Err(_) => {
                self.has_started = true;
                self.runs[at].pace = Pace::begin(&self.world.polling, Moment::now());
                self.apply(at, Event::StopAsked(self.world.clock.now()))?;
            }
        }
        Ok(false)
    }

    /// Puts the service back by an update.
    pub(super) async fn roll_back(
        &mut self,
        at: usize,
        to: &TaskDefinitionArn,
        why: Why,
    ) -> Result<(), Failure> {
        self.note().await?;
        let run = &self.runs[at];
        (self.listen)(Progress::RollingBack { service: &run.named, to: Some(to), why: &why.reason });
        let replaced = run.deployment.clone();
        match self.put_on(at, to, false).await? {
            Placed::Elsewhere(service) => {
                self.runs[at].seen = Observation::of(service);
                Ok(())
            }
            Placed::There(service) => {
                let primary = service.primary().filter(|primary| Some(&primary.id) != replaced.as_ref());
                let deployment = primary.map(|primary| primary.id.clone());
                let before = &self.runs[at].seen.service;
                let overtaken = deployment.as_ref().and_then(|mine| came_between(before, &service, mine));
                let overtaken = overtaken.cloned();
                self.runs[at].seen = Observation::of(service);
                let rollout = self.rollback(at, to.clone(), deployment, replaced);
                self.apply(at, Event::RollbackStarted { rollout, why, overtaken })
            }
        }
    }

    /// Ends it in favour of another actor's deployment, and puts that in its place again where ours
    /// overtook it: ECS takes no condition on an update.
    pub(super) async fn give_way(
        &mut self,
        at: usize,
        theirs: &TaskDefinitionArn,
        why: &str,
    ) -> Result<(), Failure> {
        if self.runs[at].seen.service.live() != Some(theirs) {
            let (Placed::There(service) | Placed::Elsewhere(service)) =
                self.put_on(at, theirs, false).await?;
            self.runs[at].seen = Observation::of(service);
        }
        let theirs = theirs.family_and_revision();
        let reason = format!("{why}; a deployment of {theirs} came in between, and the service is on that");
        self.finish(at, Ending { outcome: Outcome::Superseded, reason }).await
    }

    /// The rollout of the former revision `to`, which begins now.
    pub(super) fn rollback(
        &mut self,
        at: usize,
        to: TaskDefinitionArn,
        deployment: Option<DeploymentId>,
        replaced: Option<DeploymentId>,
    ) -> Rollout {
        self.has_started = true;
        self.runs[at].pace = Pace::begin(&self.world.polling, Moment::now());
        let since = self.since(&self.runs[at].seen.service, deployment.as_ref());
        Rollout { revision: to, deployment, replaced, since }
    }
}
