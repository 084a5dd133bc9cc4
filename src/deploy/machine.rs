//! The machine: ticks every service's deployment to its end.

use std::collections::BTreeMap;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::deployment::{Decision, Ending, Event, Outcome, Phase, Target, Why, decide};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::image::Images;
use crate::domain::plan::{Plan, PlannedRevision};
use crate::domain::request::DeployRequest;
use crate::domain::rollout::{Observation, Rollout, came_between};
use crate::domain::service::{Deployment, DeploymentId, Service};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Ecs, EffectError, RecordStore};

use super::ledger::Ledger;
use super::observer::{Observer, Watched};
use super::prepare::lineage;
use super::register::{ATTEMPTS, BACK_OFF, ensure_registered};
use super::run::{OnRecord, Run};
use super::{Listener, Progress, Report, World};

/// How often a deployment is planned again because another actor's came in between.
const PLANS_AGAIN: u32 = 3;

pub(super) struct Machine<'a, 'l, E, R> {
    world: &'a World<'a, E, R>,
    request: &'a DeployRequest,
    listen: &'a mut Listener<'l>,
    revisions: Vec<Chosen>,
    runs: Vec<Run>,
    observer: Observer,
    ledger: Ledger<'a, R>,
    warnings: Vec<String>,
    began: Timestamp,
}

/// A planned revision, and what it is called once it exists.
struct Chosen {
    planned: PlannedRevision,
    arn: Option<TaskDefinitionArn>,
}

/// Where a service is after an update whose answer may have been lost.
enum Placed {
    /// On the revision that was asked for.
    There(Service),
    /// On another actor's.
    Elsewhere(Service),
}

impl<'a, 'l, E: Ecs, R: RecordStore> Machine<'a, 'l, E, R> {
    pub(super) fn new(
        world: &'a World<'a, E, R>,
        request: &'a DeployRequest,
        listen: &'a mut Listener<'l>,
        plan: Plan,
        ledger: Ledger<'a, R>,
        began: Timestamp,
    ) -> Self {
        let runs = plan
            .services
            .into_iter()
            .zip(&request.services)
            .map(|(planned, name)| Run::new(name.as_str(), planned.service, planned.revision));
        Self {
            world,
            request,
            listen,
            runs: runs.collect(),
            revisions: plan.revisions.into_iter().map(|planned| Chosen { planned, arn: None }).collect(),
            observer: Observer::default(),
            ledger,
            warnings: plan.warnings,
            began,
        }
    }

    /// Ticks until every service is done, and reports.
    pub(super) async fn run(mut self) -> Report {
        let mut looks = 0;
        loop {
            for at in 0..self.runs.len() {
                while self.step(at).await {}
            }
            if self.runs.iter().all(Run::is_done) {
                break;
            }
            let mut interrupt = self.world.interrupt.clone();
            tokio::select! {
                () = interrupt.wait() => {}
                () = self.world.clock.sleep(self.world.polling.wait(looks)) => self.look().await,
            }
            looks += 1;
        }
        self.report().await
    }

    /// Ticks once; whether the next tick can follow at once.
    async fn step(&mut self, at: usize) -> bool {
        if self.runs[at].is_done() {
            return false;
        }
        match self.tick(at).await {
            Ok(went_on) => went_on,
            Err(failure) => {
                self.fail(at, failure);
                false
            }
        }
    }

    /// Decides, and performs at most one effect.
    async fn tick(&mut self, at: usize) -> Result<bool, Failure> {
        let run = &self.runs[at];
        if let Some(kind) = self.world.interrupt.raised() {
            return Err(interrupted(kind, run));
        }
        let has_begun = matches!(run.phase, Phase::RollingOut { .. } | Phase::RollingBack { .. });
        if let Some(failed) = self.runs.iter().find(|run| run.failure.is_some())
            && !has_begun
        {
            let kind = failed.failure.as_ref().map_or(FailureKind::Bug, Failure::kind);
            return Err(Failure::new(kind, format!("service {} was left as it is", run.named))
                .because(format!("the deployment of service {} failed", failed.named)));
        }
        match decide(&run.phase, &run.seen, self.world.clock.now(), &self.request.policy) {
            Decision::Register => self.register(at).await?,
            Decision::Update { force } => self.update(at, force).await?,
            Decision::Join(deployment) => self.join(at, deployment)?,
            Decision::PlanAgain(live) => self.plan_again(at, &live).await?,
            Decision::RollBack { to, why } => self.roll_back(at, &to, why).await?,
            Decision::Finish(ending) => self.finish(at, ending).await?,
            Decision::Wait => return Ok(false),
        }
        Ok(true)
    }

    async fn register(&mut self, at: usize) -> Result<(), Failure> {
        let chosen = &mut self.revisions[self.runs[at].revision];
        let revision = match &chosen.arn {
            Some(arn) => arn.clone(),
            None => {
                let existing = ensure_registered(self.world.ecs, self.world.clock, &chosen.planned).await?;
                if existing.registered {
                    (self.listen)(Progress::Registered(&existing.arn));
                } else if existing.arn != chosen.planned.base {
                    (self.listen)(Progress::Adopted(&existing.arn));
                }
                chosen.arn.insert(existing.arn).clone()
            }
        };
        let base = chosen.planned.base.clone();
        let service = &self.runs[at].seen.service;
        let live = service.live().unwrap_or(&base).clone();
        let replaces = service.primary().map(|primary| primary.id.clone());
        self.apply(at, Event::Registered(Target { revision, base, live, replaces }))
    }

    async fn update(&mut self, at: usize, force: bool) -> Result<(), Failure> {
        let Phase::Registered(target) = self.runs[at].phase.clone() else {
            return Err(bug("an update without a registered revision"));
        };
        self.open_record(at, &target.revision).await?;
        let before = self.runs[at].seen.service.clone();
        let after = match self.put_on(at, &target.revision, force).await? {
            Placed::There(after) => after,
            Placed::Elsewhere(after) => {
                self.runs[at].seen = Observation { service: after, service_deployment: None };
                return Ok(());
            }
        };
        let primary = after.primary().filter(|primary| {
            primary.task_definition == target.revision && Some(&primary.id) != target.replaces.as_ref()
        });
        let deployment = primary.map(|primary| primary.id.clone());
        let stranger = deployment.as_ref().and_then(|mine| came_between(&before, &after, mine)).cloned();
        (self.listen)(Progress::Started {
            service: &self.runs[at].named,
            revision: &target.revision,
            deployment: deployment.as_ref(),
        });
        self.start(at, &target, deployment)?;
        self.runs[at].seen = Observation { service: after, service_deployment: None };
        match stranger {
            Some(live) => self.plan_again(at, &live).await,
            None => Ok(()),
        }
    }

    fn join(&mut self, at: usize, deployment: DeploymentId) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        let Phase::Registered(target) = run.phase.clone() else {
            run.deployment.get_or_insert_with(|| deployment.clone());
            return self.apply(at, Event::DeploymentSeen(deployment));
        };
        (self.listen)(Progress::Joined { service: &run.named, deployment: &deployment });
        self.start(at, &target, Some(deployment))
    }

    fn start(&mut self, at: usize, target: &Target, deployment: Option<DeploymentId>) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        run.deployment.clone_from(&deployment);
        run.target = Some(target.revision.clone());
        let former = if target.base == target.revision {
            // A rollout that was joined: what it replaces is what is still being drained.
            let drained = |listed: &&Deployment| !listed.primary && listed.task_definition != target.revision;
            let listed = run.seen.service.deployments.iter().find(drained);
            listed.map(|listed| listed.task_definition.clone())
        } else {
            Some(target.base.clone())
        };
        let rollout = Rollout {
            revision: target.revision.clone(),
            deployment,
            replaced: target.replaces.clone(),
            since: self.world.clock.now(),
        };
        self.apply(at, Event::RolloutStarted { rollout, former })
    }

    /// Another actor's revision is live, or was until our update: ours has to be copied from it.
    async fn plan_again(&mut self, at: usize, live: &TaskDefinitionArn) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        if run.plans_again == PLANS_AGAIN {
            let reason =
                format!("other deployments came in between {PLANS_AGAIN} times, last that of {live}");
            return self.finish(at, Ending { outcome: Outcome::Superseded, reason }).await;
        }
        run.plans_again += 1;
        (self.listen)(Progress::PlannedAgain { service: &run.named, live });
        let planned = PlannedRevision::new(&lineage(self.world.ecs, live).await?, &self.request.images);
        let containers = planned.definition.containers();
        if let Some(gone) = self.revisions[run.revision]
            .planned
            .definition
            .containers()
            .into_iter()
            .find(|name| self.request.images.get(name).is_some() && !containers.contains(name))
        {
            return Err(Failure::new(
                FailureKind::InvalidInput,
                format!("no container {gone:?} in {live}, which another actor made live meanwhile"),
            )
            .advice("Correct the image definitions and deploy again"));
        }
        let is_rolled_out = matches!(run.phase, Phase::RollingOut { .. })
            && planned.definition.is_equivalent(&self.revisions[run.revision].planned.definition);
        if is_rolled_out {
            return Ok(());
        }
        run.revision = self.revisions.len();
        self.revisions.push(Chosen { planned, arn: None });
        self.apply(at, Event::PlannedAgain)
    }

    async fn roll_back(&mut self, at: usize, to: &TaskDefinitionArn, why: Why) -> Result<(), Failure> {
        let run = &self.runs[at];
        (self.listen)(Progress::RollingBack { service: &run.named, to, why: &why.reason });
        let replaced = run.deployment.clone();
        match self.put_on(at, to, false).await? {
            Placed::Elsewhere(service) => {
                self.runs[at].seen = Observation { service, service_deployment: None };
                Ok(())
            }
            Placed::There(service) => {
                let primary = service.primary().filter(|primary| Some(&primary.id) != replaced.as_ref());
                let rollout = Rollout {
                    revision: to.clone(),
                    deployment: primary.map(|primary| primary.id.clone()),
                    replaced,
                    since: self.world.clock.now(),
                };
                self.runs[at].seen = Observation { service, service_deployment: None };
                self.apply(at, Event::RollbackStarted { rollout, why })
            }
        }
    }

    /// Updates the service; when the answer is lost, looks before doing it again.
    async fn put_on(
        &mut self,
        at: usize,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> Result<Placed, Failure> {
        let before = self.runs[at].seen.service.clone();
        let mut attempt = 1;
        loop {
            match self.world.ecs.update_service(&before, revision, force).await {
                Ok(service) => return Ok(Placed::There(service)),
                Err(EffectError::Refused(failure)) => return Err(failure),
                Err(EffectError::Unknown(failure)) if attempt == ATTEMPTS => return Err(failure),
                Err(EffectError::Unknown(_)) => {
                    self.world.clock.sleep(BACK_OFF * 2_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
            }
            let found = self.world.ecs.describe_services(&self.request.cluster, &[&before.arn]).await?;
            let Some(service) = found.into_iter().next() else { return Err(gone(&self.runs[at].named)) };
            match service.primary() {
                Some(primary) if before.deployment(&primary.id).is_some() => {}
                Some(primary) if primary.task_definition == *revision => return Ok(Placed::There(service)),
                _ => return Ok(Placed::Elsewhere(service)),
            }
        }
    }

    /// Looks at every service whose rollout is watched.
    async fn look(&mut self) {
        let watching: Vec<usize> = (0..self.runs.len()).filter(|at| !self.runs[*at].is_done()).collect();
        let watched: Vec<Watched<'_>> = watching
            .iter()
            .map(|at| Watched {
                service: &self.runs[*at].seen.service,
                deployment: self.runs[*at].phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
            })
            .collect();
        let seen = self.observer.observe(self.world.ecs, &self.request.cluster, &watched).await;
        if let Some(closed) = self.observer.take_closed() {
            self.warn(format!(
                "service deployments cannot be read, so the service itself is watched: {closed}"
            ));
        }
        match seen {
            Ok(seen) => {
                for (at, seen) in watching.into_iter().zip(seen) {
                    self.see(at, seen);
                }
            }
            // What was seen last still stands, and the rollout goes on without us.
            Err(failure) if failure.kind() == FailureKind::Unavailable => self.outlast(&watching, &failure),
            Err(failure) => {
                for at in watching {
                    let known = Failure::new(failure.kind(), failure.to_string());
                    self.fail(
                        at,
                        known.advice("The rollout goes on in ECS; run the same command again to follow it"),
                    );
                }
            }
        }
    }

    fn see(&mut self, at: usize, seen: Option<Observation>) {
        let Some(seen) = seen else {
            let failure = gone(&self.runs[at].named);
            return self.fail(at, failure);
        };
        let run = &mut self.runs[at];
        run.see(seen);
        let since = run.phase.rollout().map_or(self.began, |rollout| rollout.since);
        (self.listen)(Progress::Seen {
            service: &run.named,
            deployment: run.phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
            seen: &run.seen,
            elapsed: self.world.clock.now().since(since),
        });
    }

    /// ECS does not answer: that ends the wait only when its time is up.
    fn outlast(&mut self, watching: &[usize], failure: &Failure) {
        (self.listen)(Progress::Warning(&format!("{failure}; looking again")));
        let now = self.world.clock.now();
        for at in watching {
            let since = self.runs[*at].phase.rollout().map_or(self.began, |rollout| rollout.since);
            if now.since(since) >= self.request.policy.timeout {
                let known = Failure::new(failure.kind(), failure.to_string());
                self.fail(
                    *at,
                    known.advice("The rollout goes on in ECS; run the same command again to follow it"),
                );
            }
        }
    }

    async fn finish(&mut self, at: usize, mut ending: Ending) -> Result<(), Failure> {
        if ending.outcome == Outcome::Deployed || ending.outcome == Outcome::Unchanged {
            ending = self.confirm(at, ending).await;
        }
        let run = &mut self.runs[at];
        run.ended = Some(self.world.clock.now());
        if let Some(kind) = ending.outcome.failure_kind() {
            let what = format!("service {}: {}", run.named, ending.outcome.sentence());
            run.failure = Some(Failure::new(kind, what).because(ending.reason.clone()));
        }
        (self.listen)(Progress::Ended {
            service: &run.named,
            outcome: ending.outcome,
            reason: (!ending.reason.is_empty()).then_some(&ending.reason),
        });
        self.apply(at, Event::Ended(ending))
    }

    /// What ECS really runs: its revision must be ours, and it knows the digests.
    async fn confirm(&mut self, at: usize, ending: Ending) -> Ending {
        let run = &mut self.runs[at];
        let Some(record) = &run.seen.service_deployment else { return ending };
        let Some(rollout) = run.phase.rollout() else { return ending };
        let Ok(revisions) =
            self.world.ecs.describe_service_revisions(std::slice::from_ref(&record.target)).await
        else {
            return ending;
        };
        match revisions.into_iter().find(|revision| revision.arn == record.target) {
            Some(runs) if runs.task_definition != rollout.revision => Ending {
                outcome: Outcome::Failed,
                reason: format!("ECS says that {} runs {}", record.arn, runs.task_definition),
            },
            Some(runs) => {
                run.digests = runs.digests;
                ending
            }
            None => ending,
        }
    }

    fn fail(&mut self, at: usize, failure: Failure) {
        let run = &mut self.runs[at];
        let reason = failure.to_string();
        let outcome = run.fail(failure, self.world.clock.now());
        (self.listen)(Progress::Ended { service: &run.named, outcome, reason: Some(&reason) });
    }

    fn warn(&mut self, warning: String) {
        (self.listen)(Progress::Warning(&warning));
        self.warnings.push(warning);
    }

    fn apply(&mut self, at: usize, event: Event) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        run.phase = run.phase.clone().apply(event).map_err(|illegal| bug(&illegal.to_string()))?;
        Ok(())
    }

    async fn open_record(&mut self, at: usize, candidate: &TaskDefinitionArn) -> Result<(), Failure> {
        let now = self.world.clock.now();
        let run = &self.runs[at];
        let Some(live) = &run.began_on else { return Ok(()) };
        let owned = owned(&self.request.images, &self.revisions[run.revision].planned.base_images);
        let told = run.tell(self.request, live, owned, now, self.world.source);
        // Twice the time-out: a rollback may take as long again.
        let expires = now.plus(self.request.policy.timeout * 2).to_string();
        self.ledger.begin(&told, candidate, &expires).await
    }

    /// Brings the record up to date and tells what every service came to.
    async fn report(mut self) -> Report {
        for at in 0..self.runs.len() {
            if let Err(failure) = self.close_record(at).await {
                (self.listen)(Progress::Warning(&failure.to_string()));
                self.runs[at].failure.get_or_insert(failure);
            }
        }
        let mut services = Vec::new();
        for run in &mut self.runs {
            let images = match run.live() {
                Some(live) => images_of(self.world.ecs, &self.revisions, live).await,
                None => BTreeMap::new(),
            };
            services.push(run.report(self.request, images, self.began));
        }
        Report::of(services, self.warnings)
    }

    async fn close_record(&mut self, at: usize) -> Result<(), Failure> {
        let run = &self.runs[at];
        match run.verdict_on_record() {
            OnRecord::Settle(live) => {
                let owned =
                    self.request.images.iter().map(|(name, image)| (name.to_owned(), image.to_string()));
                let now = self.world.clock.now();
                let told = run.tell(self.request, live, owned.collect(), now, self.world.source);
                self.ledger.settle(&told).await
            }
            OnRecord::PutBack => self.ledger.put_back().await,
            OnRecord::LeaveOpen => Ok(()),
        }
    }
}

/// The images that the containers of `asked` have in `definition`.
fn owned(asked: &Images, definition: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_asked = |(name, _): &(&String, &String)| asked.get(name).is_some();
    definition.iter().filter(is_asked).map(|(name, image)| (name.clone(), image.clone())).collect()
}

/// The images of `revision`; read only if it is neither a base nor a copy of this deployment.
async fn images_of<E: Ecs>(
    ecs: &E,
    revisions: &[Chosen],
    revision: &TaskDefinitionArn,
) -> BTreeMap<String, String> {
    for Chosen { planned, arn } in revisions {
        if arn.as_ref() == Some(revision) {
            return planned.definition.images();
        }
        if planned.base == *revision {
            return planned.base_images.clone();
        }
    }
    // The report is worth a call, but not a failure.
    let described = ecs.describe_task_definition(revision.as_str()).await;
    described.ok().flatten().map(|revision| revision.definition.images()).unwrap_or_default()
}

fn interrupted(kind: FailureKind, run: &Run) -> Failure {
    let what = format!("the deployment of service {} was interrupted", run.named);
    match run.phase.rollout() {
        Some(rollout) => Failure::new(kind, what)
            .because(format!("the rollout of {} goes on in ECS", rollout.revision.family_and_revision()))
            .advice("Run the same command again to follow it to its end"),
        None => Failure::new(kind, what)
            .because("the service was not changed")
            .advice("Run the same command again to deploy"),
    }
}

fn gone(service: &str) -> Failure {
    Failure::new(FailureKind::InvalidInput, format!("service {service} is gone"))
        .because("it was deleted while its rollout was watched")
}

fn bug(what: &str) -> Failure {
    Failure::new(FailureKind::Bug, format!("a bug in Evenkeel: {what}"))
        .advice("Please report it; run the same command again to go on")
}
