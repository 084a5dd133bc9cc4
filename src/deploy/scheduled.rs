//! Moves the scheduled tasks to the revision that is live now, when the record says that it is.
//!
//! # Flow
//! Look what they start → look whether the revision is still live → replace each that starts another one → look again.
//!
//! # Guarantees
//! * A scheduled task is moved only to a revision whose rollout completed for every service of the command that was to run it.
//! * Nothing is remembered: the same command moves what an earlier one has left.
//!
//! # Assumptions
//! EventBridge has no conditional write. Another deployment that completes between the look and the write is noticed
//! afterwards, and said.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::plan::{Plan, PlannedService};
use evenkeel_core::ports::{Cloud, EcsEffects, ScheduledTaskEffects, ScheduledTasks};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::has_completed;
use evenkeel_core::scheduled::{Also, MoveOutcome, PlannedMove, ScheduledTask};
use futures_util::future::join_all;

use crate::clock::{Clock, Moment};
use crate::scheduled::find;

use super::Progress;
use super::context::Context;
use super::run::Run;

/// How long a move is tried again where EventBridge takes none for the moment. The SDK has tried for half a minute each
/// time.
const PATIENCE: Duration = Duration::from_secs(3 * 60);

/// The longest wait between two of these tries.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// How many of the values of `--also` are looked for at once.
const AT_ONCE: usize = 8;

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
    let clusters: BTreeSet<&str> =
        plan.services.iter().map(|PlannedService { service, .. }| &*service.cluster).collect();
    let found = find(events, &request.also, &clusters, &plan.families()).await?;
    plan.scheduled = found.moves;
    plan.warnings.extend(found.warnings);
    Ok(())
}

/// Moves what was asked for. What cannot be moved is a failure of the service whose revision it was to start.
pub(super) async fn follow<E: Cloud + EcsEffects>(
    cx: &mut Context<'_, E>,
    runs: &mut [Run],
) -> Vec<ScheduledReport> {
    if cx.request.also.is_empty() {
        return Vec::new();
    }
    let (found, missed) = look(cx, runs).await;
    for failure in missed {
        let what = "what --also names could not be read, and stays as it was";
        let failure = behind(Failure::new(failure.kind(), what).caused_by(failure));
        match runs.iter_mut().find(|run| has_ended_well(run)) {
            Some(run) => {
                (cx.listen)(Progress::Warning(&failure.to_string()));
                run.failure = Some(failure);
            }
            None => cx.warn(failure.without_advice()),
        }
    }
    let live = live_revisions(cx, runs, &found).await;
    let mut reports = Vec::new();
    for planned in found {
        let report = match live.get(&planned.revision) {
            Some(Ok(live)) => move_to(cx, runs, &planned, live).await,
            Some(Err(why)) => left(planned.task, Some(why.clone())),
            None => {
                let newest = newest_that_failed(runs, &planned);
                if let Some(failed) = newest {
                    let (place, failed) = (planned.task.place(), failed.family_and_revision());
                    cx.warn(format!(
                        "{place} names no revision, so it starts the newest one: that is {failed}, whose rollout did not \
                         succeed. Deregister {failed}, or deploy once more"
                    ));
                }
                left(planned.task, None)
            }
        };
        (cx.listen)(Progress::Scheduled(&report));
        reports.push(report);
    }
    warn_if_overtaken(cx, runs, &reports).await;
    reports
}

/// What was asked for, as it is now, and why some of it cannot be moved: that holds up no other.
async fn look<E: Cloud>(cx: &Context<'_, E>, runs: &[Run]) -> (Vec<PlannedMove>, Vec<Failure>) {
    let clusters: BTreeSet<&str> = runs.iter().map(|run| &*run.seen.service.cluster).collect();
    let families: Vec<String> =
        cx.revisions.iter().map(|chosen| chosen.planned.base.family().to_owned()).collect();
    let families: Vec<&str> = families.iter().map(String::as_str).collect();
    let (mut found, mut missed) = (BTreeMap::new(), Vec::new());
    for some in cx.request.also.chunks(AT_ONCE) {
        let looks = some.iter().map(|also| look_for(cx, also, &clusters, &families));
        for looked in join_all(looks).await {
            match looked {
                Ok(moves) => found.extend(moves.into_iter().map(|it| (it.task.place().clone(), it))),
                // Its advice was for the plan, and the service has been updated since.
                Err(failure) => {
                    missed.push(failure.reworded(&|text| text.replace("; nothing was changed", "")))
                }
            }
        }
    }
    (found.into_values().collect(), missed)
}

async fn look_for<E: Cloud>(
    cx: &Context<'_, E>,
    also: &Also,
    clusters: &BTreeSet<&str>,
    families: &[&str],
) -> Result<Vec<PlannedMove>, Failure> {
    let mut patience = Patience::begin(cx.clock);
    loop {
        match find(cx.ecs, slice::from_ref(also), clusters, families).await {
            Err(failure) if patience.outlasts(&failure).await => {}
            found => return Ok(found?.moves),
        }
    }
}

/// The live revision, or why there is nothing to move to, by the place of each planned revision that ended well for all its
/// services. It is looked at once more only where something has to move.
async fn live_revisions<E: Cloud>(
    cx: &mut Context<'_, E>,
    runs: &[Run],
    found: &[PlannedMove],
) -> BTreeMap<usize, Result<TaskDefinitionArn, String>> {
    let mut live = BTreeMap::new();
    for at in 0..cx.revisions.len() {
        let mut its = runs.iter().filter(|run| run.revision == at);
        if !its.clone().all(has_ended_well) {
            continue;
        }
        let Some((run, revision)) = its.next().and_then(|run| Some((run, run.live()?.clone()))) else {
            continue;
        };
        let moves = found.iter().any(|planned| planned.revision == at && !is_there(&planned.task, &revision));
        let other = if moves { other_that_is_live(cx, run, &revision).await } else { None };
        live.insert(
            at,
            match other {
                Some(other) => Err(format!("{other} is live by now, and follows from its own deployment")),
                None => Ok(revision),
            },
        );
    }
    live
}

/// Another revision, if one has been deployed since.
async fn other_that_is_live<E: Cloud>(
    cx: &mut Context<'_, E>,
    run: &Run,
    revision: &TaskDefinitionArn,
) -> Option<String> {
    // What cannot be seen is as it was a moment ago.
    let service = cx.describe_again(run).await.ok()?;
    let primary = service.primary()?;
    let is_other = primary.task_definition != *revision && has_completed(primary, &service);
    is_other.then(|| primary.task_definition.family_and_revision().to_owned())
}

async fn move_to<E: Cloud + EcsEffects>(
    cx: &mut Context<'_, E>,
    runs: &mut [Run],
    planned: &PlannedMove,
    live: &TaskDefinitionArn,
) -> ScheduledReport {
    let task = &planned.task;
    let report = |outcome, revision: Option<&TaskDefinitionArn>, note| ScheduledReport {
        task: task.clone(),
        revision: revision.cloned(),
        outcome,
        note,
    };
    if is_there(task, live) {
        return report(MoveOutcome::Current, Some(live), None);
    }
    let changed = cx.scheduled.iter().any(|seen| {
        seen.task.place() == task.place() && !seen.task.is_same_but_for_its_definition(task, live)
    });
    let mut note =
        changed.then(|| "somebody changed it during the deployment; the change is kept".to_owned());
    let moved = task.with_revision(live);
    let (ecs, clock) = (cx.ecs, cx.clock);
    let mut replaced = replace(ecs, clock, &moved).await;
    // Whether Scheduler takes a beginning that is past is not known: it refuses to create a schedule with one.
    let now = clock.now().since_epoch().as_secs_f64();
    if let (Err(failure), Some(begun)) = (&replaced, moved.without_past_start(now))
        && failure.kind() == FailureKind::InvalidInput
        && failure.to_string().contains("StartDate")
    {
        replaced = replace(ecs, clock, &begun).await;
        note = Some(
            "Scheduler refused its beginning, which is past and without effect: it is left out".to_owned(),
        );
    }
    match replaced {
        Ok(()) => report(MoveOutcome::Moved, Some(live), note),
        Err(failure) => {
            let what = format!("{} could not be moved to {}", task.place(), live.family_and_revision());
            let failure = behind(Failure::new(failure.kind(), what).caused_by(failure));
            (cx.listen)(Progress::Warning(&failure.to_string()));
            let note = failure.without_advice();
            if let Some(run) = runs.iter_mut().find(|run| run.revision == planned.revision) {
                run.failure.get_or_insert(failure);
            }
            report(MoveOutcome::Failed, None, Some(note))
        }
    }
}

/// Warns where another revision has gone live while scheduled tasks were moved to ours.
async fn warn_if_overtaken<E: Cloud>(cx: &mut Context<'_, E>, runs: &[Run], reports: &[ScheduledReport]) {
    for run in runs {
        let Some(live) = run.live().cloned() else { continue };
        let moved = |report: &&ScheduledReport| {
            report.outcome == MoveOutcome::Moved && report.revision.as_ref() == Some(&live)
        };
        let Some(first) = reports.iter().find(moved) else { continue };
        if let Some(other) = other_that_is_live(cx, run, &live).await {
            let place = first.task.place();
            cx.warn(format!(
                "{other} went live while {place} was moved to {}: run the last deployment again with --also, which \
                 moves it",
                live.family_and_revision()
            ));
        }
    }
}

/// Whether a run's revision is live, and its record says so.
fn has_ended_well(run: &Run) -> bool {
    matches!(run.outcome(), Outcome::Deployed | Outcome::Unchanged) && run.failure.is_none()
}

fn is_there(task: &ScheduledTask, revision: &TaskDefinitionArn) -> bool {
    task.named().is_some_and(|named| named.is(revision))
}

/// The revision whose rollout did not succeed, if `planned` starts it nevertheless, since it names none. Where another
/// deployment replaced ours, the newest revision is that one's.
fn newest_that_failed<'a>(runs: &'a [Run], planned: &PlannedMove) -> Option<&'a TaskDefinitionArn> {
    let has_failed = |run: &&Run| match run.outcome() {
        Outcome::RolledBack | Outcome::Failed | Outcome::Stopped | Outcome::TimedOut => true,
        Outcome::Deployed | Outcome::Unchanged | Outcome::Started | Outcome::Superseded => false,
    };
    let mut its = runs.iter().filter(|run| run.revision == planned.revision);
    let target = its.find(has_failed)?.target.as_ref()?;
    planned.task.named().filter(|named| named.revision.is_none() && named.family == target.family())?;
    Some(target)
}

fn left(task: ScheduledTask, note: Option<String>) -> ScheduledReport {
    ScheduledReport { task, revision: None, outcome: MoveOutcome::Left, note }
}

fn behind(failure: Failure) -> Failure {
    failure.advice("Run the same command again: it moves what is left, also when the service is unchanged")
}

async fn replace<E: ScheduledTaskEffects>(
    events: &E,
    clock: Clock,
    task: &ScheduledTask,
) -> Result<(), Failure> {
    let mut patience = Patience::begin(clock);
    loop {
        match events.replace(task).await {
            Err(failure) if patience.outlasts(&failure).await => {}
            done => return done,
        }
    }
}

/// How long a call is tried again, and when next.
struct Patience {
    clock: Clock,
    began: Moment,
    wait: Duration,
}

impl Patience {
    fn begin(clock: Clock) -> Self {
        Self { clock, began: Moment::now(), wait: Duration::from_secs(1) }
    }

    /// Waits where the call is to be tried again: AWS does not respond, and has not for less than [`PATIENCE`].
    async fn outlasts(&mut self, failure: &Failure) -> bool {
        let waits = failure.kind() == FailureKind::Unavailable && Moment::now().since(self.began) < PATIENCE;
        if waits {
            // Those that were refused at one moment are not to come again at one moment.
            self.clock.sleep(self.wait.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
        waits
    }
}
