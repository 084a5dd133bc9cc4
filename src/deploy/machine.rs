//! The machine: ticks every service's deployment to its end.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::console::deployments_url;
use evenkeel_core::crash_loop::Tasks;
use evenkeel_core::deployment::{Decision, Ending, Event, Outcome, Phase, Target, decide};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::plan::{Plan, PlannedRevision};
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::{Observation, Rollout, came_between};
use evenkeel_core::service::{Deployment, DeploymentId, Service};
use evenkeel_core::timestamp::Timestamp;

use crate::clock::Moment;

use super::advice::{GoingOn, going_on};
use super::observer::Observer;
use super::place::{Placed, put_on};
use super::polling::Pace;
use super::prepare::settled_lineage;
use super::record_keeping::RecordKeeping;
use super::run::Run;
use super::slice::Slice;
use super::{Listener, Progress, World};

/// How often a deployment is planned again because another actor's came in between.
const PLANS_AGAIN: u32 = 3;

pub(super) struct Machine<'a, 'l, E, R> {
    pub(super) world: &'a World<'a, E, R>,
    pub(super) request: &'a DeployRequest,
    pub(super) listen: &'a mut Listener<'l>,
    pub(super) revisions: Vec<Chosen>,
    pub(super) runs: Vec<Run>,
    pub(super) observer: Observer,
    /// The record of each run, in the same order.
    pub(super) records: Vec<RecordKeeping<'a, R>>,
    pub(super) warnings: Vec<String>,
    pub(super) began: Timestamp,
    /// When to hand on; a command's deployment never does.
    pub(super) slice: Option<&'a Slice<'a>>,
    /// It was handed on to us, so that what was seen is old.
    is_resumed: bool,
    /// A rollout has begun in this slice.
    pub(super) has_started: bool,
    /// AWS does not answer: it is for the next slice to try again.
    pub(super) is_held_up: bool,
}

/// A planned revision, and what it is called once it exists.
pub(super) struct Chosen {
    pub(super) planned: PlannedRevision,
    pub(super) arn: Option<TaskDefinitionArn>,
}

impl<'a, 'l, E: Cloud + EcsEffects, R: RecordStore> Machine<'a, 'l, E, R> {
    pub(super) fn new(
        world: &'a World<'a, E, R>,
        request: &'a DeployRequest,
        listen: &'a mut Listener<'l>,
        plan: Plan,
        records: Vec<RecordKeeping<'a, R>>,
        began: Timestamp,
    ) -> Self {
        let pace = Pace::begin(&world.polling, Moment::now());
        let runs = plan.services.into_iter().zip(&request.services).map(|(planned, name)| {
            let mut run = Run::new(name.as_str(), &request.images, planned.service, planned.revision, pace);
            run.began_images.clone_from(&plan.revisions[planned.revision].base_images);
            run
        });
        Self {
            runs: runs.collect(),
            revisions: plan.revisions.into_iter().map(|planned| Chosen { planned, arn: None }).collect(),
            warnings: plan.warnings,
            is_resumed: false,
            ..Self::resumed(world, request, listen, records, began)
        }
    }

    /// A machine that goes on where another one stopped; what it is about is still to be put in.
    pub(super) fn resumed(
        world: &'a World<'a, E, R>,
        request: &'a DeployRequest,
        listen: &'a mut Listener<'l>,
        records: Vec<RecordKeeping<'a, R>>,
        began: Timestamp,
    ) -> Self {
        Self {
            world,
            request,
            listen,
            runs: Vec::new(),
            revisions: Vec::new(),
            observer: Observer::default(),
            records,
            warnings: Vec::new(),
            began,
            slice: None,
            is_resumed: true,
            has_started: false,
            is_held_up: false,
        }
    }

    /// Ticks until every service is done, or the slice is over; whether every service is done.
    pub(super) async fn drive(&mut self) -> bool {
        if self.is_resumed {
            self.look_at(&self.undone()).await;
        }
        loop {
            for at in 0..self.runs.len() {
                while self.step(at).await {}
            }
            if self.runs.iter().all(Run::is_done) {
                return true;
            }
            if self.is_to_be_handed_on() {
                return false;
            }
            let mut interrupt = self.world.interrupt.clone();
            let left = self.slice.map_or(Duration::MAX, Slice::left);
            let slice_is_over = self.world.clock.sleep(left);
            // A look can be dropped half-way: it only reads.
            tokio::select! {
                biased;
                _ = interrupt.wait() => {}
                () = slice_is_over => {}
                () = self.look_when_due() => {}
            }
        }
    }

    /// Ticks once; whether the next tick can follow at once.
    async fn step(&mut self, at: usize) -> bool {
        if self.runs[at].is_done() {
            return false;
        }
        match self.tick(at).await {
            Ok(went_on) => went_on,
            Err(failure) if self.outlasts(&failure) => {
                (self.listen)(Progress::Warning(&failure.to_string()));
                self.is_held_up = true;
                false
            }
            // ECS goes on with a rollout, also when the caller may not read its state any more.
            Err(failure)
                if matches!(failure.kind(), FailureKind::Denied | FailureKind::Unavailable)
                    && self.runs[at].phase.rollout().is_some()
                    || self.runs[at].lacks_a_change() =>
            {
                let failure = self.out_of_sight(at, failure);
                self.fail(at, failure);
                false
            }
            Err(failure) => {
                self.fail(at, failure);
                false
            }
        }
    }

    /// Whether what failed is for the next slice to try again.
    fn outlasts(&self, failure: &Failure) -> bool {
        self.slice.is_some_and(|slice| slice.outlasts(failure, self.request, self.world.clock.now()))
    }

    /// Decides, and performs at most one effect.
    async fn tick(&mut self, at: usize) -> Result<bool, Failure> {
        let run = &self.runs[at];
        if let Some(kind) = self.world.interrupt.raised() {
            return if self.slice.is_some() { Ok(false) } else { Err(self.interrupted(kind, at)) };
        }
        if self.is_held_up {
            return Ok(false);
        }
        // A service whose turn has not come is left alone when another one has failed.
        if run.phase.rollout().is_none()
            && let Some(failed) = self.runs.iter().find(|run| run.failure.is_some())
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
            Decision::Undo { to, why } => {
                self.gather_evidence(at).await;
                self.apply(at, Event::Undone { to, why })?;
            }
            Decision::Stop(service_deployment) => {
                return self.ask_to_roll_back(at, &service_deployment).await;
            }
            Decision::StopRelying => self.apply(at, Event::StopRefused)?,
            Decision::RollBack { to, why } => self.roll_back(at, &to, why).await?,
            Decision::Restore { to, why } => self.give_way(at, &to, &why.reason).await?,
            Decision::Finish(ending) => self.finish(at, ending).await?,
            Decision::Wait => return Ok(false),
        }
        Ok(true)
    }

    async fn register(&mut self, at: usize) -> Result<(), Failure> {
        let place = self.runs[at].revision;
        let revision = match &self.revisions[place].arn {
            Some(arn) => arn.clone(),
            None => {
                let existing = self.register_and_record(at).await?;
                let chosen = &mut self.revisions[place];
                if existing.registered {
                    (self.listen)(Progress::Registered(&existing.arn));
                } else if existing.arn != chosen.planned.base {
                    (self.listen)(Progress::Adopted(&existing.arn));
                }
                chosen.arn.insert(existing.arn).clone()
            }
        };
        let base = self.revisions[place].planned.base.clone();
        let service = &self.runs[at].seen.service;
        let live = service.live().unwrap_or(&base).clone();
        let replaces = service.primary().map(|primary| primary.id.clone());
        let seen_until = service.seen_until();
        self.apply(at, Event::Registered(Target { revision, base, live, replaces, seen_until }))
    }

    async fn update(&mut self, at: usize, force: bool) -> Result<(), Failure> {
        let Phase::Registered(target) = self.runs[at].phase.clone() else {
            return Err(bug("an update without a registered revision"));
        };
        self.open_record(at, &target.revision).await?;
        while self.records[at].take_met() {
            if self.has_moved_on(at, &target).await? {
                return Ok(());
            }
            if self.recognise(at).await? {
                self.records[at].mark_again().await?;
            }
        }
        self.note().await?;
        self.runs[at].may_be_live = true;
        let before = self.runs[at].seen.service.clone();
        let after = match self.put_on(at, &target.revision, force).await? {
            Placed::There(after) => after,
            Placed::Elsewhere(after) => {
                self.runs[at].seen = Observation::of(after);
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
            console: deployments_url(&after),
        });
        let since = self.since(&after, deployment.as_ref());
        self.start(at, &target, deployment, since, stranger)?;
        self.runs[at].seen = Observation::of(after);
        Ok(())
    }

    /// Looks at the service once more, because another run has marked the record since it was planned on; whether
    /// another deployment is PRIMARY by now.
    async fn has_moved_on(&mut self, at: usize, target: &Target) -> Result<bool, Failure> {
        let service = self.describe_again(at).await?;
        let has_moved = service.primary().map(|primary| &primary.id) != target.replaces.as_ref();
        if has_moved {
            self.runs[at].seen = Observation::of(service);
        }
        Ok(has_moved)
    }

    /// Finds the mark of the run that made the revision which ours is a copy of; whether there is a new one.
    pub(super) async fn recognise(&mut self, at: usize) -> Result<bool, Failure> {
        let run = &self.runs[at];
        let planned = &self.revisions[run.revision].planned;
        self.records[at].recognise(self.world.ecs, planned, &run.images).await
    }

    fn join(&mut self, at: usize, deployment: DeploymentId) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        match run.phase.clone() {
            Phase::Registered(target) => {
                (self.listen)(Progress::Joined { service: &run.named, deployment: &deployment });
                let since = self.since(&self.runs[at].seen.service, Some(&deployment));
                self.start(at, &target, Some(deployment), since, None)
            }
            Phase::Undoing { rollout, to: Some(to), why, .. } => {
                let rollout = self.rollback(at, to, Some(deployment), rollout.deployment);
                self.apply(at, Event::RollbackStarted { rollout, why, overtaken: None })
            }
            Phase::Undoing { to: None, .. } => Err(bug("a rollback to an unknown revision was joined")),
            Phase::RollingOut { rollout, .. } | Phase::RollingBack { rollout, .. } => {
                if rollout.deployment.is_some() {
                    // A newer deployment of the same revision: what is known of ours does not hold for it.
                    (self.listen)(Progress::Joined { service: &run.named, deployment: &deployment });
                    (run.seen.service_deployment, run.seen.tasks) = (None, Tasks::Unread);
                    run.pace = Pace::begin(&self.world.polling, Moment::now());
                }
                if matches!(run.phase, Phase::RollingOut { .. }) {
                    run.deployment = Some(deployment.clone());
                }
                self.apply(at, Event::DeploymentSeen(deployment))
            }
            Phase::Pending | Phase::Done(_) => self.apply(at, Event::DeploymentSeen(deployment)),
        }
    }

    /// When the time-out of a rollout begins: when ECS made the deployment, as far as `service` shows that. One that is
    /// older than our own deployment is somebody else's, or of a former run, whose time-out was another.
    pub(super) fn since(&self, service: &Service, deployment: Option<&DeploymentId>) -> Timestamp {
        let shown = deployment.and_then(|id| service.deployment(id));
        shown.map_or_else(|| self.world.clock.now(), |shown| shown.created.max(self.began))
    }

    fn start(
        &mut self,
        at: usize,
        target: &Target,
        deployment: Option<DeploymentId>,
        since: Timestamp,
        overtaken: Option<TaskDefinitionArn>,
    ) -> Result<(), Failure> {
        self.has_started = true;
        let run = &mut self.runs[at];
        run.pace = Pace::begin(&self.world.polling, Moment::now());
        run.deployment.clone_from(&deployment);
        run.target = Some(target.revision.clone());
        run.replaced.clone_from(&target.replaces);
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
            since,
        };
        self.apply(at, Event::RolloutStarted { rollout, former, overtaken })
    }

    /// Another actor's revision is live, or was until our update replaced it: ours has to be copied from it.
    async fn plan_again(&mut self, at: usize, live: &TaskDefinitionArn) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        let is_replaced = run.phase.rollout().is_some();
        if self.revisions[run.revision].planned.is_a_return() {
            let reason = "the service is put back over nobody's deployment";
            return self.give_way(at, live, reason).await;
        }
        if run.plans_again == PLANS_AGAIN {
            let reason = format!("other deployments came in between {PLANS_AGAIN} times already");
            return self.give_way(at, live, &reason).await;
        }
        if !std::mem::take(&mut run.may_be_live) {
            self.records[at].forget_newest();
        }
        (self.listen)(Progress::PlannedAgain { service: &run.named, live });
        let lineage = settled_lineage(self.world.ecs, self.world.clock, live).await?;
        let asked = &self.request.images;
        self.records[at].read_again().await?;
        let copy = PlannedRevision::new(&lineage, asked);
        self.records[at].recognise(self.world.ecs, &copy, asked).await?;
        let run = &mut self.runs[at];
        // Counted once all is read: a slice that ECS holds up here is no plan that came to nothing.
        run.plans_again += 1;
        if is_replaced {
            let changed = self.records[at].changed_by(live);
            run.carried.take_in(&run.began_images, (live, &copy.base_images), changed.as_ref(), asked);
        }
        run.images = run.carried.onto(&copy.base_images, asked);
        let planned = PlannedRevision::new(&lineage, &run.images);
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
        let run = &self.runs[at];
        let is_rolled_out = matches!(run.phase, Phase::RollingOut { .. })
            && planned.definition.is_equivalent(&self.revisions[run.revision].planned.definition);
        if is_rolled_out {
            // The success of the replaced run may have removed the mark.
            self.records[at].mark_again().await?;
            return self.apply(at, Event::Reconciled);
        }
        self.runs[at].revision = self.revisions.len();
        self.revisions.push(Chosen { planned, arn: None });
        self.apply(at, Event::PlannedAgain)
    }

    pub(super) async fn put_on(
        &mut self,
        at: usize,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> Result<Placed, Failure> {
        let (ecs, clock) = (self.world.ecs, self.world.clock);
        put_on(ecs, clock, &self.request.cluster, &self.runs[at].seen.service, revision, force).await
    }

    pub(super) async fn finish(&mut self, at: usize, mut ending: Ending) -> Result<(), Failure> {
        if ending.outcome == Outcome::Deployed {
            ending = self.confirm(at, ending).await;
            self.warn_of_a_caveat(at);
        }
        if matches!(ending.outcome, Outcome::RolledBack | Outcome::Failed | Outcome::TimedOut) {
            ending = self.explain(at, ending).await;
        }
        let run = &mut self.runs[at];
        run.ended = Some(self.world.clock.now());
        run.failure = ending.failure(&run.named);
        (self.listen)(Progress::Ended {
            service: &run.named,
            outcome: ending.outcome,
            reason: (!ending.reason.is_empty()).then_some(&ending.reason),
        });
        self.apply(at, Event::Ended(ending))
    }

    fn interrupted(&self, kind: FailureKind, at: usize) -> Failure {
        let named = &self.runs[at].named;
        let failure = Failure::new(kind, format!("the deployment of service {named} was interrupted"));
        match self.going_on(at) {
            Some(going_on) => failure.because(going_on.what).advice(going_on.advice),
            None => {
                failure.because("the service was not changed").advice("Run the same command again to deploy")
            }
        }
    }

    /// What goes on in ECS with a service that is left now.
    pub(super) fn going_on(&self, at: usize) -> Option<GoingOn> {
        let run = &self.runs[at];
        let planned = &self.revisions[run.revision].planned;
        going_on(run, planned, &self.request.cluster, self.is_recorded(at))
    }

    pub(super) fn fail(&mut self, at: usize, failure: Failure) {
        let run = &mut self.runs[at];
        let reason = failure.to_string();
        let outcome = run.fail(failure, self.world.clock.now());
        (self.listen)(Progress::Ended { service: &run.named, outcome, reason: Some(&reason) });
    }

    /// Whether a record tells of the service's deployment.
    pub(super) fn is_recorded(&self, at: usize) -> bool {
        self.world.records.get(at).is_some_and(|records| !records.is_empty())
    }

    pub(super) fn warn(&mut self, warning: String) {
        (self.listen)(Progress::Warning(&warning));
        self.warnings.push(warning);
    }

    pub(super) fn apply(&mut self, at: usize, event: Event) -> Result<(), Failure> {
        let run = &mut self.runs[at];
        run.phase = run.phase.clone().apply(event).map_err(|illegal| bug(&illegal.to_string()))?;
        Ok(())
    }
}

pub(super) fn bug(what: &str) -> Failure {
    Failure::new(FailureKind::Bug, format!("a bug in Evenkeel: {what}"))
        .advice("Please report it; run the same command again to go on")
}
