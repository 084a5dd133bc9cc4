//! Polls the rollouts that are in progress.

use std::time::Duration;

use evenkeel_core::crash_loop::{Census, TaskCensus, suspicion};
use evenkeel_core::deployment::Phase;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::placement::{Departures, are_departures_due};
use evenkeel_core::ports::Cloud;
use evenkeel_core::rollout::{Observation, Verdict, judge};

use crate::clock::Moment;

use super::context::{Context, gone};
use super::observer::{Observer, Watched};
use super::run::Run;
use super::{Progress, ending, explain};

/// The tasks of a service are read no more often than this where ECS's count of failures decides nothing: two calls for
/// those that stopped, and two for those that run.
const BETWEEN_CENSUSES: Duration = Duration::from_secs(15);

/// Waits until the next poll is due, and polls.
pub(super) async fn poll_when_due<E: Cloud>(
    cx: &mut Context<'_, E>,
    observer: &mut Observer,
    runs: &mut [Run],
) {
    let now = Moment::now();
    let wait = cx.schedule.due().since(now);
    let left = cx.slice.and_then(|slice| slice.until).map(|until| until.since(now));
    cx.clock.sleep(left.map_or(wait, |left| wait.min(left))).await;
    poll(cx, observer, runs).await;
}

/// Polls the services of the runs that are not done.
pub(super) async fn poll<E: Cloud>(cx: &mut Context<'_, E>, observer: &mut Observer, runs: &mut [Run]) {
    let watching: Vec<&mut Run> = runs.iter_mut().filter(|run| !run.is_done()).collect();
    if watching.is_empty() {
        return;
    }
    let throttled = cx.ecs.throttled();
    let youngest = watching.iter().map(|run| cx.elapsed(run)).min().unwrap_or_default();
    let watched = watching.iter().map(|run| Watched { seen: &run.seen, rollout: run.phase.rollout() });
    let watched: Vec<Watched<'_>> = watched.collect();
    let seen = observer.observe(cx.ecs, &cx.request.cluster, &watched).await;
    if let Some(closed) = observer.take_why_closed() {
        cx.warn(format!("service deployments cannot be read, so the service itself is watched: {closed}"));
    }
    match seen {
        Ok(seen) => {
            for (run, seen) in watching.into_iter().zip(seen) {
                see(cx, run, seen).await;
            }
        }
        // What was seen last still stands, and the rollout goes on without us.
        Err(failure) if failure.kind() == FailureKind::Unavailable => outlast(cx, watching, &failure),
        Err(failure) => {
            for run in watching {
                ending::lose_sight(cx, run, failure.clone());
            }
        }
    }
    cx.schedule.polled(youngest, observer.calls(), cx.ecs.throttled() > throttled);
}

async fn see<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run, seen: Option<Observation>) {
    let Some(seen) = seen else {
        let failure = gone(&run.named);
        return ending::fail(cx, run, failure);
    };
    run.see(seen);
    if run.phase.rollout().is_none() {
        // Its tasks before the update run; there is no rollout to tell of.
        return;
    }
    if is_rolling_back(cx, run) {
        explain::gather_evidence(cx, run).await;
    } else {
        count_tasks(cx, run).await;
        count_departures(cx, run).await;
    }
    let elapsed = cx.elapsed(run);
    (cx.listen)(Progress::Seen {
        service: &run.named,
        deployment: run.phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
        seen: &run.seen,
        elapsed,
    });
}

/// Whether a rollback is in progress, by ECS or by us.
fn is_rolling_back<E>(cx: &Context<'_, E>, run: &Run) -> bool {
    match &run.phase {
        Phase::RollingOut { rollout, .. } => {
            let verdict = judge(rollout, &run.seen, cx.clock.now(), &cx.request.policy);
            matches!(verdict, Verdict::RollingBack(_))
        }
        Phase::Undoing { .. } | Phase::RollingBack { .. } => true,
        Phase::Pending | Phase::Registered(_) | Phase::Done(_) => false,
    }
}

/// Looks at the rollout's tasks where the service makes one suspect a crash loop.
async fn count_tasks<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run) {
    let Phase::RollingOut { rollout, .. } = &run.phase else { return };
    let Some(id) = &rollout.deployment else { return };
    let service = &run.seen.service;
    let Some(mine) = service.deployment(id) else { return };
    let Some(suspicion) = suspicion(mine, service, &cx.request.policy) else { return };
    let now = Moment::now();
    let some_run = mine.running > 0;
    let pause = if some_run { 2 * BETWEEN_CENSUSES } else { BETWEEN_CENSUSES };
    let is_known = run.suspected.is_some_and(|(before, read)| {
        before == suspicion || !suspicion.decides(before) && now.since(read) < pause
    });
    if is_known {
        return;
    }
    let running = async { if some_run { cx.ecs.running_tasks(service, id).await } else { Ok(Vec::new()) } };
    match tokio::try_join!(cx.ecs.stopped_tasks(service, id), running) {
        Ok((stopped, running)) => {
            run.seen.tasks = TaskCensus::Read(Census { stopped, running });
            run.suspected = Some((suspicion, now));
        }
        Err(failure) if failure.kind() == FailureKind::Unavailable => {}
        Err(failure) => {
            if run.seen.tasks != TaskCensus::Unreadable {
                cx.warn(format!("tasks cannot be read, so ECS's own count of failures decides: {failure}"));
            }
            run.seen.tasks = TaskCensus::Unreadable;
            run.suspected = Some((suspicion, now));
        }
    }
}

/// Reads the tasks of former deployments before a rollout fails because none of ours can be placed:
/// they may have been in the way until now.
async fn count_departures<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run) {
    let (now, policy) = (cx.clock.now(), &cx.request.policy);
    let Phase::RollingOut { rollout, .. } = &run.phase else { return };
    let Some(id) = &rollout.deployment else { return };
    let (service, known) = (&run.seen.service, run.seen.departures);
    let Some(mine) = service.deployment(id) else { return };
    if !are_departures_due(mine, service, known, now, policy) {
        return;
    }
    match cx.ecs.departures(service, id).await {
        Ok(tasks) => run.seen.departures = Departures::read(&tasks, cx.clock.now()),
        Err(failure) if failure.kind() == FailureKind::Unavailable => {}
        Err(failure) => {
            run.seen.departures = Departures::Unreadable;
            cx.warn(format!(
                "tasks cannot be read, so ECS's events tell when former ones have left: {failure}"
            ));
        }
    }
}

/// ECS does not respond: that ends the wait only when its time is up.
fn outlast<E>(cx: &mut Context<'_, E>, watching: Vec<&mut Run>, failure: &Failure) {
    (cx.listen)(Progress::Warning(&format!("{}; looking again", failure.without_advice())));
    for run in watching {
        let longest = match run.phase.rollout() {
            Some(_) => cx.request.policy.timeout,
            None => cx.request.longest_beginning(),
        };
        if cx.elapsed(run) >= longest {
            ending::lose_sight(cx, run, failure.clone());
        }
    }
}
