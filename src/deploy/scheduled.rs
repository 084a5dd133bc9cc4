//! Moves the scheduled tasks to the revision that is live now, when the record says that it is.
//!
//! # Flow
//! Look what they start → look whether the revision is still live → replace each that starts another one → look again.
//!
//! # Guarantees
//! * A scheduled task is moved only to a revision whose rollout completed for every service of the command that runs its family.
//! * Each is tried, also when another one fails.
//! * Nothing is remembered: the same command moves what an earlier one has left.
//!
//! # Assumptions
//! EventBridge has no conditional write. Another deployment that completes between the look and the write is noticed
//! afterwards, and said.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::plan::{Plan, PlannedService};
use evenkeel_core::ports::{Cloud, EcsEffects, ScheduledTasks};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::has_completed;
use evenkeel_core::scheduled::{Also, MoveOutcome, PlannedMoves, ScheduledTask};

use crate::clock::Moment;
use crate::scheduled::{again, find, named_by};

use super::Progress;
use super::backoff::{Backoff, PATIENCE};
use super::context::Context;
use super::run::Run;

/// What was seen longer ago than this is looked at again before something is written.
const FRESH: Duration = Duration::from_secs(2);

/// What became of a scheduled task.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledReport {
    /// The scheduled task as it was.
    pub task: ScheduledTask,
    /// The revision that it starts now, where that is the live one.
    pub revision: Option<TaskDefinitionArn>,
    /// What became of it.
    pub outcome: MoveOutcome,
    /// What there is to say of it, for people.
    pub note: Option<String>,
}

/// Plans what follows the deployment; reads nothing where nothing was asked for.
///
/// # Errors
/// Those of [`find`].
pub(super) async fn plan<E: ScheduledTasks>(
    events: &E,
    request: &DeployRequest,
    plan: &mut Plan,
) -> Result<(), Failure> {
    if request.also.is_empty() {
        return Ok(());
    }
    let of_service = |PlannedService { service, .. }: &PlannedService| service.cluster.clone();
    let clusters: BTreeSet<String> = plan.services.iter().map(of_service).collect();
    let clusters = clusters.iter().map(String::as_str).collect();
    let found = find(events, &request.also, &clusters, &plan.families()).await?;
    plan.scheduled = found.moves;
    plan.warnings.extend(found.warnings);
    Ok(())
}

/// Moves what was asked for; nothing, where nothing was. What cannot be moved is a failure of the service whose revision it
/// was to start.
pub(super) async fn follow<E: Cloud + EcsEffects>(
    cx: &mut Context<'_, E>,
    runs: &mut [Run],
) -> Option<Vec<ScheduledReport>> {
    let also = &cx.request.also;
    if also.is_empty() {
        return None;
    }
    let mut follower = Follower::new(cx, runs);
    let mut moves = PlannedMoves::default();
    for also in also {
        if let Err(failure) = follower.look(also, &mut moves).await {
            follower.fail(None, format!("{also} did not follow"), failure);
        }
    }
    let mut reports = Vec::new();
    for planned in moves.moves {
        let report = follower.settle(planned.revision, planned.task).await;
        (follower.cx.listen)(Progress::Scheduled(&report));
        reports.push(report);
    }
    follower.warn_if_overtaken(&reports).await;
    Some(reports)
}

/// The services of one family.
struct Family {
    name: String,
    /// Their places among the runs.
    runs: Vec<usize>,
    /// The revision that all of them run now; or why there is none that a scheduled task may start.
    live: Result<TaskDefinitionArn, String>,
    /// When that was looked at last, if it was.
    looked: Option<Moment>,
}

struct Follower<'f, 'a, E> {
    cx: &'f mut Context<'a, E>,
    runs: &'f mut [Run],
    families: Vec<Family>,
    /// The time that all calls have together.
    backoff: Backoff,
    /// When the scheduled tasks were read.
    read: Moment,
}

impl<'f, 'a, E: Cloud + EcsEffects> Follower<'f, 'a, E> {
    fn new(cx: &'f mut Context<'a, E>, runs: &'f mut [Run]) -> Self {
        let now = Moment::now();
        let mut families: Vec<Family> = Vec::new();
        for (at, run) in runs.iter().enumerate() {
            let name = cx.planned(run).base.family();
            let live = live_of(run);
            match families.iter_mut().find(|family| family.name == name) {
                Some(family) => {
                    family.runs.push(at);
                    family.live = match (std::mem::replace(&mut family.live, Err(String::new())), live) {
                        (Ok(one), Ok(other)) if one != other => {
                            Err(format!("the services run different revisions of the family {name}"))
                        }
                        (Ok(_), other) => other,
                        (one, _) => one,
                    };
                }
                None => families.push(Family { name: name.to_owned(), runs: vec![at], live, looked: None }),
            }
        }
        // Where nothing is to be moved, one look is enough.
        let is_to_move = families.iter().any(|family| family.live.is_ok());
        let backoff = Backoff::new(cx.clock, if is_to_move { PATIENCE } else { Duration::ZERO });
        Self { cx, runs, families, backoff, read: now }
    }

    /// Reads what `also` names, as it is now.
    async fn look(&mut self, also: &Also, moves: &mut PlannedMoves) -> Result<(), Failure> {
        let clusters: BTreeSet<&str> = self.runs.iter().map(|run| &*run.seen.service.cluster).collect();
        let families = self.families.iter().enumerate();
        let families: Vec<(&str, usize)> = families.map(|(at, family)| (&*family.name, at)).collect();
        let interrupt = self.cx.interrupt.clone();
        let is_interrupted = || interrupt.raised().is_some();
        let found = loop {
            match named_by(self.cx.ecs, also, &clusters).await {
                Err(failure) if !is_interrupted() && self.backoff.outlasts(&failure).await => {}
                found => break found?,
            }
        };
        moves.take_in(also, found, &families)
    }

    /// Whether what failed is tried again; a signal ends that.
    async fn outlasts(&mut self, failure: &Failure) -> bool {
        self.cx.interrupt.raised().is_none() && self.backoff.outlasts(failure).await
    }

    /// Lets a scheduled task start the revision that is live, where there is one.
    async fn settle(&mut self, family: usize, task: ScheduledTask) -> ScheduledReport {
        let report = |task, revision, outcome, note| ScheduledReport { task, revision, outcome, note };
        loop {
            let live = match &self.families[family].live {
                Ok(live) if is_there(&task, live) => {
                    return report(task, Some(live.clone()), MoveOutcome::Current, None);
                }
                Ok(_) => self.still_live(family).await,
                Err(why) => Err(why.clone()),
            };
            let live = match live {
                Ok(live) => live,
                Err(why) => {
                    self.warn_of_newest(family, &task);
                    return report(task, None, MoveOutcome::Left, Some(why));
                }
            };
            match self.move_to(&task, &live).await {
                Ok(notes) => {
                    let note = (!notes.is_empty()).then(|| notes.join("; "));
                    return report(task, Some(live), MoveOutcome::Moved, note);
                }
                // By the next try somebody may have changed it, and another revision may be live: both are looked at anew.
                Err(failure) if self.outlasts(&failure).await => {}
                Err(failure) => {
                    let what = format!("{} was not moved to {}", task.place(), live.family_and_revision());
                    let note = failure.without_advice();
                    self.fail(Some(family), what, failure);
                    return report(task, None, MoveOutcome::Failed, Some(note));
                }
            }
        }
    }

    /// The live revision of a family, looked at again where that was long ago.
    async fn still_live(&mut self, family: usize) -> Result<TaskDefinitionArn, String> {
        let it = &self.families[family];
        let live = it.live.clone()?;
        if it.looked.is_some_and(|looked| Moment::now().since(looked) < FRESH) {
            return Ok(live);
        }
        let other = self.other_that_is_live(family, &live).await;
        let it = &mut self.families[family];
        it.looked = Some(Moment::now());
        if let Some(other) = other {
            it.live = Err(format!("{other} is live by now, and its own deployment moves what follows it"));
        }
        it.live.clone()
    }

    /// Another revision, if a service of the family has been put on it since and its rollout has completed.
    async fn other_that_is_live(&mut self, family: usize, live: &TaskDefinitionArn) -> Option<String> {
        for at in self.families[family].runs.clone() {
            // What cannot be seen is as it was a moment ago.
            let Ok(service) = self.cx.describe_again(&self.runs[at]).await else { continue };
            let other = service.primary().filter(|primary| primary.task_definition != *live);
            if let Some(other) = other.filter(|other| has_completed(other, &service)) {
                return Some(other.task_definition.family_and_revision().to_owned());
            }
        }
        None
    }

    /// Replaces the definition that a scheduled task names; what there is to say of that.
    async fn move_to(
        &mut self,
        task: &ScheduledTask,
        live: &TaskDefinitionArn,
    ) -> Result<Vec<&'static str>, Failure> {
        let is_fresh = Moment::now().since(self.read) < FRESH;
        let now = if is_fresh { task.clone() } else { read_again(self.cx.ecs, task).await? };
        let mut notes = Vec::new();
        let mut planned = self.cx.scheduled.iter().filter(|seen| seen.task.place() == now.place());
        if planned.any(|seen| !seen.task.is_same_but_for_its_definition(&now, live)) {
            notes.push("somebody changed it during the deployment, and that change is kept");
        }
        if now.named().map(|named| named.family) != Some(live.family()) {
            let what = format!("{} starts another family by now", now.place());
            return Err(
                Failure::invalid_input(what).because(now.definition().unwrap_or("no task").to_owned())
            );
        }
        let moved = now.with_revision(live);
        // Whether Scheduler takes a beginning that is past is not known: it refuses to make a schedule with one.
        let begun = moved.without_past_start(self.cx.clock.now().since_epoch().as_secs_f64());
        match (self.cx.ecs.replace(&moved).await, begun) {
            (Err(failure), Some(begun)) if is_about_its_start(&failure) => {
                self.cx.ecs.replace(&begun).await?;
                notes.push(
                    "Scheduler refused its beginning, which is past and without effect: it is left out",
                );
            }
            (replaced, _) => replaced?,
        }
        Ok(notes)
    }

    /// The deployment is done and recorded, but not all that was to follow it has: a failure of a service of the family, or
    /// of the first that ended well. Where none did, their own failures count.
    fn fail(&mut self, family: Option<usize>, what: String, failure: Failure) {
        let at = match family {
            Some(family) => self.families[family].runs.first().copied(),
            None => self.runs.iter().position(|run| live_of(run).is_ok()),
        };
        let Some(at) = at else { return self.cx.warn(format!("{what}: {}", failure.without_advice())) };
        // What it advises is for before a deployment.
        let failure = Failure::new(failure.kind(), format!("the deployment has completed, but {what}"))
            .because(failure.without_advice())
            .advice("Run the same command again: it moves what is left, also when the service is unchanged");
        (self.cx.listen)(Progress::Warning(&failure.to_string()));
        self.runs[at].failure.get_or_insert(failure);
    }

    /// A scheduled task that names no revision starts the newest one, whatever became of the rollout. Where another
    /// deployment replaced ours, the newest revision is that one's.
    fn warn_of_newest(&mut self, family: usize, task: &ScheduledTask) {
        let has_none = task.named().is_some_and(|named| named.revision.is_none());
        let runs = self.families[family].runs.iter().map(|at| &self.runs[*at]);
        let mut failed = runs.filter(|run| has_failed(run)).filter_map(|run| run.target.as_ref());
        if let (true, Some(failed)) = (has_none, failed.next()) {
            let (place, failed) = (task.place(), failed.family_and_revision());
            self.cx.warn(format!(
                "{place} names no revision, so it starts the newest one: that is {failed}, whose rollout did not complete. \
                 Deregister {failed}, or deploy once more"
            ));
        }
    }

    /// Warns where another revision has gone live while scheduled tasks were moved to ours.
    async fn warn_if_overtaken(&mut self, reports: &[ScheduledReport]) {
        for family in 0..self.families.len() {
            let moved = reports.iter().filter(|report| report.outcome == MoveOutcome::Moved);
            let mut moved = moved.filter_map(|report| Some((report, report.revision.clone()?)));
            let name = &self.families[family].name;
            let Some((first, live)) = moved.find(|(_, live)| live.family() == name) else { continue };
            if let Some(other) = self.other_that_is_live(family, &live).await {
                let (place, live) = (first.task.place(), live.family_and_revision());
                self.cx.warn(format!(
                    "{other} went live while {place} was moved to {live}: run the last deployment again with --also, \
                     which moves it"
                ));
            }
        }
    }
}

async fn read_again<E: ScheduledTasks>(events: &E, task: &ScheduledTask) -> Result<ScheduledTask, Failure> {
    let gone = || Failure::invalid_input(format!("{} is there no more", task.place()));
    again(events, task.place()).await?.ok_or_else(gone)
}

/// The revision that a run's service is on, if that is recorded; or why no scheduled task may start one.
fn live_of(run: &Run) -> Result<TaskDefinitionArn, String> {
    let did_well = matches!(run.outcome(), Outcome::Deployed | Outcome::Unchanged);
    match run.live() {
        Some(_) if did_well && run.failure.is_some() => {
            Err(format!("the record of service {} was not written", run.named))
        }
        Some(live) if did_well => Ok(live.clone()),
        Some(_) | None => Err(format!("the deployment of service {} did not end well", run.named)),
    }
}

fn is_there(task: &ScheduledTask, revision: &TaskDefinitionArn) -> bool {
    task.named().is_some_and(|named| named.is(revision))
}

fn has_failed(run: &Run) -> bool {
    match run.outcome() {
        Outcome::RolledBack | Outcome::Failed | Outcome::Stopped | Outcome::TimedOut => true,
        Outcome::Deployed | Outcome::Unchanged | Outcome::Started | Outcome::Superseded => false,
    }
}

fn is_about_its_start(failure: &Failure) -> bool {
    failure.kind() == FailureKind::InvalidInput && failure.to_string().contains("StartDate")
}
