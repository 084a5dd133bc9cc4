//! Looks at the rollouts that go on.

use evenkeel_core::crash_loop::{Census, TaskCensus, is_suspicious};
use evenkeel_core::deployment::Phase;
use evenkeel_core::eta::{Subject, eta, subject};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::placement::{Departures, are_departures_due};
use evenkeel_core::ports::Ecs;
use evenkeel_core::rollout::Observation;

use crate::clock::Moment;

use super::context::{Context, gone};
use super::observer::{Observer, Watched};
use super::run::Run;
use super::{Progress, ending};

/// Waits until some rollout is to be looked at, and looks at all those that soon are.
pub(super) async fn look_when_due<E: Ecs>(
    cx: &mut Context<'_, E>,
    observer: &mut Observer,
    runs: &mut [Run],
) {
    let now = Moment::now();
    let due = runs.iter().filter(|run| !run.is_done()).map(|run| run.pace.due()).min();
    let wait = due.map(|due| due.since(now)).unwrap_or_default();
    let left = cx.slice.and_then(|slice| slice.until).map(|until| until.since(now));
    cx.clock.sleep(left.map_or(wait, |left| wait.min(left))).await;
    // Those that are due a little later go along, because a call takes several.
    let soon = Moment::now().plus(cx.polling.first / 2);
    let watching = runs.iter_mut().filter(|run| !run.is_done() && run.pace.due() <= soon).collect();
    look_at(cx, observer, watching).await;
}

/// Looks at the services of these runs.
pub(super) async fn look_at<E: Ecs>(
    cx: &mut Context<'_, E>,
    observer: &mut Observer,
    watching: Vec<&mut Run>,
) {
    if watching.is_empty() {
        return;
    }
    let watched = watching.iter().map(|run| {
        let rollout = run.phase.rollout();
        let subject = rollout.map_or(Subject::Service, |rollout| subject(rollout, &run.seen));
        Watched { seen: &run.seen, rollout, subject }
    });
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
}

async fn see<E: Ecs>(cx: &mut Context<'_, E>, run: &mut Run, seen: Option<Observation>) {
    let Some(seen) = seen else {
        let failure = gone(&run.named);
        return ending::fail(cx, run, failure);
    };
    run.see(seen);
    count_tasks(cx, run).await;
    count_departures(cx, run).await;
    wait_for_the_next_look(cx, run);
    let elapsed = cx.elapsed(run);
    (cx.listen)(Progress::Seen {
        service: &run.named,
        deployment: run.phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
        seen: &run.seen,
        elapsed,
    });
}

fn wait_for_the_next_look<E>(cx: &Context<'_, E>, run: &mut Run) {
    if let Some(rollout) = run.phase.rollout() {
        run.pace.looked(&cx.polling, eta(rollout, &run.seen), cx.elapsed(run), Moment::now());
    }
}

/// Looks at the rollout's tasks where the service makes one suspect a crash loop.
async fn count_tasks<E: Ecs>(cx: &mut Context<'_, E>, run: &mut Run) {
    let Phase::RollingOut { rollout, .. } = &run.phase else { return };
    let Some(id) = &rollout.deployment else { return };
    let service = &run.seen.service;
    let mine = service.deployment(id);
    let suspicion = mine.and_then(|mine| is_suspicious(mine, service, &cx.request.policy));
    if suspicion.is_none() || suspicion == run.suspicion {
        return;
    }
    match tokio::try_join!(cx.ecs.stopped_tasks(service, id), cx.ecs.running_tasks(service, id)) {
        Ok((stopped, running)) => {
            run.seen.tasks = TaskCensus::Read(Census { stopped, running });
            run.suspicion = suspicion;
        }
        Err(failure) if failure.kind() == FailureKind::Unavailable => {}
        Err(failure) => {
            if run.seen.tasks != TaskCensus::Unreadable {
                cx.warn(format!("tasks cannot be read, so ECS's own count of failures decides: {failure}"));
            }
            run.seen.tasks = TaskCensus::Unreadable;
            run.suspicion = suspicion;
        }
    }
}

/// Reads the tasks of former deployments before a rollout fails because none of ours can be placed:
/// they may have been in the way until now.
async fn count_departures<E: Ecs>(cx: &mut Context<'_, E>, run: &mut Run) {
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
        if cx.elapsed(run) >= cx.request.policy.timeout {
            ending::lose_sight(cx, run, failure.clone());
        } else {
            wait_for_the_next_look(cx, run);
        }
    }
}
