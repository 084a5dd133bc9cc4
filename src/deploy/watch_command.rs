//! Follows the rollout under way on a service, anybody's, and reports how the last one ended.
//!
//! # Flow
//! Read the newest rollout of each service → poll → judge → report.
//!
//! # Guarantees
//! Nothing is changed in AWS: what is done here needs [`Cloud`] alone, which only reads.

use std::time::Duration;

use evenkeel_core::console::deployments_url;
use evenkeel_core::deployment::{self, Ending, Outcome, Phase, Watching};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::newest_rollout::is_under_way;
use evenkeel_core::plan::{PlannedRevision, RevisionOrigin};
use evenkeel_core::ports::{Cloud, Masked};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::{Rollout, Verdict, judge};
use evenkeel_core::task_definition::{PackedDefinition, Revision};
use evenkeel_core::variables::{VariableEdits, Variables};

use crate::clock::Moment;

use super::beginning::{self, Cut};
use super::context::{Chosen, Context};
use super::newest::{Newest, newest_rollouts};
use super::observer::Observer;
use super::run::Run;
use super::{Listener, Progress, Report, World, advice, ending, recording, update, watch};

/// Follows the rollout of each service to its end, and reports how it ended; a service without one is unchanged. Ignores
/// the images of `request` and the records of `world`.
pub async fn watch_rollouts<E: Cloud, R>(
    world: &World<'_, E, R>,
    request: &DeployRequest,
    listen: &mut Listener<'_>,
) -> Report {
    let ecs = Masked::new(world.ecs);
    let world = world.through(&ecs);
    match begin(&world, request, listen).await {
        Ok(mut watched) => {
            watched.begin().await;
            watched.follow().await;
            recording::report(watched.cx, watched.runs).await
        }
        Err(failure) => Report::refused(ecs.hide_failure(failure)),
    }
}

/// Reports how the last rollout of each service ended, without waiting for one that is under way: that has started.
pub async fn report_last_rollouts<E: Cloud, R>(
    world: &World<'_, E, R>,
    request: &DeployRequest,
    listen: &mut Listener<'_>,
) -> Report {
    let ecs = Masked::new(world.ecs);
    let world = world.through(&ecs);
    match begin(&world, request, listen).await {
        Ok(mut watched) => {
            watched.end_as_the_last_ended().await;
            recording::report(watched.cx, watched.runs).await
        }
        Err(failure) => Report::refused(ecs.hide_failure(failure)),
    }
}

/// The services whose rollouts are watched.
struct Watched<'a, E> {
    cx: Context<'a, E>,
    runs: Vec<Run>,
    /// Why service deployments could not be read, if so.
    unreadable: Option<Failure>,
}

async fn begin<'a, E: Cloud, R>(
    world: &World<'a, Masked<'a, E>, R>,
    request: &'a DeployRequest,
    listen: &'a mut Listener<'a>,
) -> Result<Watched<'a, Masked<'a, E>>, Failure> {
    let (started, timeout) = (Moment::now(), request.policy.timeout);
    let reading = newest_rollouts(world.ecs, request);
    let read = beginning::within(timeout, world.clock, world.interrupt.clone(), reading).await;
    let read = read.map_err(|cut| not_begun(&cut, timeout))??;
    // AWS's time is known by its responses.
    let began = world.clock.at(started);
    let mut cx = Context::new(world, request, listen, began);
    let mut runs = Vec::new();
    for (name, newest) in request.services.iter().zip(read.services) {
        let run = run(&mut cx, name.as_str(), newest);
        runs.push(run);
    }
    Ok(Watched { cx, runs, unreadable: read.unreadable })
}

/// The run that follows the newest rollout of the service that was `named`.
fn run<E>(cx: &mut Context<'_, E>, named: &str, newest: Newest) -> Run {
    let Newest { mut rollout, revision, seen } = newest;
    rollout.since = cx.since(&seen.service, rollout.deployment.as_ref());
    cx.revisions.push(Chosen { arn: Some(revision.arn.clone()), planned: as_it_is(revision) });
    let mut run =
        Run::new(named, cx.request.images.clone().into(), seen.service.clone(), cx.revisions.len() - 1);
    let others = seen.service.deployments.iter().filter(|it| Some(&it.id) != rollout.deployment.as_ref());
    let former = others.max_by_key(|other| other.created);
    run.began_on = former.map(|former| former.task_definition.clone());
    run.target = Some(rollout.revision.clone());
    run.deployment.clone_from(&rollout.deployment);
    run.phase = Phase::RollingOut { rollout, former: None, overtaken: None };
    run.see(seen);
    run
}

/// The revision as something that is not to be changed.
fn as_it_is(revision: Revision) -> PlannedRevision {
    PlannedRevision {
        base: revision.arn.clone(),
        base_images: revision.definition.images(),
        newest: revision.arn,
        definition: PackedDefinition::from(&revision.definition),
        source: RevisionOrigin::Live,
        variables: VariableEdits::default(),
        base_variables: Variables::default(),
        changes: Vec::new(),
        lacks_of_newest: false,
    }
}

impl<E: Cloud> Watched<'_, E> {
    /// Tells which rollouts are followed, and ends the runs of the services that have none under way.
    async fn begin(&mut self) {
        let Self { cx, runs, unreadable } = self;
        let mut is_any_followed = false;
        for run in runs {
            let Some(rollout) = run.phase.rollout().cloned() else { continue };
            if is_under_way(&rollout, &run.seen, cx.clock.now(), &cx.request.policy) {
                is_any_followed = true;
                (cx.listen)(Progress::Started {
                    service: &run.named,
                    revision: &rollout.revision,
                    deployment: rollout.deployment.as_ref(),
                    console: deployments_url(&run.seen.service),
                });
                cx.watch_from_now();
            } else {
                let ending = nothing_under_way(cx, run, &rollout);
                end(cx, run, ending).await;
            }
        }
        // The first look at a rollout finds the same and warns of it.
        if let Some(failure) = unreadable.take().filter(|_| !is_any_followed) {
            warn_of_unreadable(cx, &failure);
        }
    }

    /// Polls the rollouts until each has ended, or until an interrupt.
    async fn follow(&mut self) {
        let Self { cx, runs, .. } = self;
        let mut observer = Observer::default();
        loop {
            for run in &mut *runs {
                while step(cx, run).await {}
            }
            if runs.iter().all(Run::is_done) {
                return;
            }
            let mut interrupt = cx.interrupt.clone();
            // A poll can be dropped half-way: it only reads.
            tokio::select! {
                biased;
                _ = interrupt.wait() => {}
                () = watch::poll_when_due(cx, &mut observer, runs) => {}
            }
        }
    }

    async fn end_as_the_last_ended(&mut self) {
        let Self { cx, runs, unreadable } = self;
        if let Some(failure) = unreadable.take() {
            warn_of_unreadable(cx, &failure);
        }
        for run in runs {
            let Some(rollout) = run.phase.rollout().cloned() else { continue };
            let ending = last_ending(cx, run, &rollout);
            end(cx, run, ending).await;
            let record = run.seen.service_deployment.as_ref();
            run.ended = record.and_then(|record| record.finished);
        }
    }
}

/// Decides once; whether to decide again at once.
async fn step<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run) -> bool {
    let Some(rollout) = run.phase.rollout().cloned() else { return false };
    if let Some(kind) = cx.interrupt.raised() {
        let failure = interrupted(cx, run, &rollout, kind);
        run.target = run.seen.service.live().cloned();
        ending::fail(cx, run, failure);
        return false;
    }
    match deployment::watch(&rollout, &run.seen, cx.clock.now(), &cx.request.policy) {
        Watching::Wait => false,
        Watching::Join(id) => {
            if let Err(failure) = update::join(cx, run, id) {
                ending::give_up(cx, run, failure);
            }
            true
        }
        Watching::Finish(ending) => {
            end(cx, run, ending).await;
            false
        }
    }
}

async fn end<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run, ending: Ending) {
    if let Err(failure) = ending::finish(cx, run, ending).await {
        ending::give_up(cx, run, failure);
    }
}

/// How the watch of a service ends whose newest rollout, this one, was over before.
fn nothing_under_way<E>(cx: &mut Context<'_, E>, run: &mut Run, rollout: &Rollout) -> Ending {
    let service = &run.seen.service;
    let live = service.primary().map(|live| {
        let revision = live.task_definition.family_and_revision();
        format!("; {revision} has been live since {}", live.created)
    });
    let reason = format!("no rollout is under way{}", live.unwrap_or_default());
    let last = deployment::watch(rollout, &run.seen, cx.clock.now(), &cx.request.policy);
    if let Watching::Finish(Ending { outcome, reason }) = last
        && outcome.failure_kind().is_some()
    {
        let reason = reason.trim_end_matches('.');
        let what = format!("the last rollout of service {} ended as {outcome}: {reason}", service.name);
        cx.warn(format!("{what}. `evenkeel watch --last` tells more"));
    }
    // Neither deployment nor former revision: none was watched.
    (run.deployment, run.service_deployment) = (None, None);
    run.began_on = service.live().cloned();
    Ending { outcome: Outcome::Unchanged, reason }
}

/// How the last rollout of a service ended, which is this one.
fn last_ending<E>(cx: &Context<'_, E>, run: &mut Run, rollout: &Rollout) -> Ending {
    let (seen, now, policy) = (&run.seen, cx.clock.now(), &cx.request.policy);
    let record = seen.service_deployment.as_ref();
    let listed = rollout.deployment.as_ref().and_then(|id| seen.service.deployment(id));
    let began = record.map(|record| record.created).or(listed.map(|listed| listed.created));
    let revision = rollout.revision.family_and_revision();
    let since = began.map(|began| format!(" since {began}")).unwrap_or_default();
    let under_way = || Ending {
        outcome: Outcome::Started,
        reason: format!("the rollout of {revision} is under way{since}"),
    };
    if is_under_way(rollout, seen, now, policy) {
        run.took = began.map(|began| now.since(began));
        // While ECS rolls it back, another revision is live already.
        run.target = seen.service.live().cloned();
        return under_way();
    }
    let ended = record.and_then(|record| record.finished);
    let took = began.zip(ended).map(|(began, ended)| ended.since(began));
    let from = began.map(|began| format!("began at {began}"));
    let to = ended.map(|ended| format!("ended at {ended}"));
    let times: Vec<String> = [from, to].into_iter().flatten().collect();
    let times = format!("the last rollout, of {revision}, {}", times.join(" and "));
    let ending = match deployment::watch(rollout, seen, now, policy) {
        Watching::Finish(ending) if ending.reason.is_empty() => Ending { reason: times, ..ending },
        Watching::Finish(Ending { outcome, reason }) => {
            Ending { outcome, reason: format!("{}; {times}", reason.trim_end_matches('.')) }
        }
        Watching::Wait | Watching::Join(_) => under_way(),
    };
    // Where ECS does not tell how long it took, the time of this command would not be that.
    run.took = Some(took.unwrap_or(Duration::ZERO));
    ending
}

fn warn_of_unreadable<E>(cx: &mut Context<'_, E>, failure: &Failure) {
    cx.warn(format!("service deployments cannot be read, so the service itself tells: {failure}"));
}

/// The failure of a watch that a signal ends.
fn interrupted<E>(cx: &Context<'_, E>, run: &Run, rollout: &Rollout, kind: FailureKind) -> Failure {
    let failure = Failure::new(kind, format!("the watch of service {} was interrupted", run.named));
    let is_rolled_back =
        matches!(judge(rollout, &run.seen, cx.clock.now(), &cx.request.policy), Verdict::RollingBack(_));
    let Some(going_on) = advice::going_on(cx, run) else { return failure };
    let revision = rollout.revision.family_and_revision();
    let what = if is_rolled_back { format!("ECS rolls {revision} back") } else { going_on.what };
    failure.because(what).advice("Run the same command again to follow it to its end")
}

/// The failure of a watch that ended before the services were read.
fn not_begun(cut: &Cut, timeout: Duration) -> Failure {
    match cut {
        Cut::Interrupted(kind) => Failure::new(*kind, "the watch was interrupted before it began")
            .because("the services were not read yet")
            .advice("Run the same command again"),
        Cut::TooLong => {
            let what = format!("the watch did not begin within its {} s", timeout.as_secs());
            Failure::new(FailureKind::TimedOut, what)
                .because("the services were not read by then")
                .advice("Look into the log for calls that did not answer, then run the same command again")
        }
    }
}
