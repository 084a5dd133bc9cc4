//! Why a rollout failed, and what one that succeeded really runs.

use evenkeel_core::caveat::caveat;
use evenkeel_core::deployment::{Ending, Outcome};
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::ports::{Cloud, Ecs};
use evenkeel_core::service::ServiceRevision;
use evenkeel_core::stopped_task::{StoppedContainer, StoppedTask};

use super::context::Context;
use super::run::Run;

/// How many of the last lines of a container's log a failure shows, and of how many tasks.
pub(super) const LOG_LINES: u16 = 20;
const LOGS: usize = 2;

/// Adds what was last seen of the service to the evidence. A rollback soon replaces that.
pub(super) fn keep_what_was_seen(run: &mut Run) {
    if let Some(deployment) = &run.deployment {
        run.evidence.update(&run.seen, deployment);
    }
}

/// Adds what was last seen to the evidence and, once, why tasks stopped and what they logged last.
///
/// The first poll after a rollback has begun calls this: the rollback does not wait for it, and neither does the verdict later.
/// ECS forgets a stopped task after an hour.
pub(super) async fn gather_evidence<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run) {
    keep_what_was_seen(run);
    let Some(deployment) = run.deployment.clone().filter(|_| !run.has_read_stopped_tasks) else { return };
    run.has_read_stopped_tasks = true;
    match cx.ecs.stopped_tasks(&run.seen.service, &deployment).await {
        Ok(stopped) => {
            let mut evidence = std::mem::take(&mut run.evidence).with_tasks(stopped);
            for task in evidence.tasks.iter_mut().take(LOGS) {
                add_log(cx, run, task).await;
            }
            run.evidence = evidence;
        }
        Err(failure) => cx.warn(format!("why tasks stopped cannot be read: {failure}")),
    }
}

/// Adds the last lines of the container that is to blame, or else of the task's first one.
async fn add_log<E: Cloud>(cx: &mut Context<'_, E>, run: &Run, task: &mut StoppedTask) {
    let name = task.culprit().or(task.containers.first()).map(|container| container.name.clone());
    let definition = cx.planned(run).definition.unpack();
    let stream = |container: &StoppedContainer| {
        LogStream::of(&definition, &container.name, task.id(), container.runtime_id.as_deref())
    };
    let found = task.containers.iter().position(|container| Some(&container.name) == name.as_ref());
    let Some((found, stream)) = found.and_then(|found| Some((found, stream(&task.containers[found])?)))
    else {
        return;
    };
    match cx.ecs.log_tail(&stream, LOG_LINES).await {
        Ok(lines) => task.containers[found].log_tail = lines,
        Err(failure) => cx.warn(format!("what {} logged cannot be read: {failure}", stream.stream)),
    }
}

/// Warns of what a success leaves open, unless that was said before it began.
pub(super) fn warn_of_a_caveat<E>(cx: &mut Context<'_, E>, run: &Run) {
    let Some(caveat) = run.deployment.as_ref().and_then(|id| caveat(&run.seen, id)) else { return };
    let begins = format!("service {} has a desired count of 0", run.seen.service.name);
    if !cx.warnings.iter().any(|warning| warning.starts_with(&begins)) {
        cx.warn(caveat);
    }
}

/// The ending with the most useful of the evidence.
pub(super) async fn explain<E: Cloud>(cx: &mut Context<'_, E>, run: &mut Run, mut ending: Ending) -> Ending {
    gather_evidence(cx, run).await;
    let headline = run.evidence.headline(&ending.reason);
    if let Some(headline) = headline {
        ending.reason = format!("{}; {headline}", ending.reason.trim_end_matches('.'));
    }
    ending
}

/// The ending by what ECS really runs: its revision must be ours, and it knows the digests.
pub(super) async fn confirm<E: Ecs>(cx: &mut Context<'_, E>, run: &mut Run, ending: Ending) -> Ending {
    let Some(record) = &run.seen.service_deployment else { return ending };
    let Some(rollout) = run.phase.rollout() else { return ending };
    let images = cx.planned(run).definition.unpack().images();
    let has_all_digests = |runs: &&ServiceRevision| {
        runs.arn == record.target && images.keys().all(|container| runs.digests.contains_key(container))
    };
    let runs = match run.seen.revision.as_ref().filter(has_all_digests) {
        Some(runs) => Some(runs.clone()),
        None => {
            let read = cx.ecs.describe_service_revisions(std::slice::from_ref(&record.target)).await;
            read.unwrap_or_default().into_iter().find(|runs| runs.arn == record.target)
        }
    };
    match runs {
        Some(runs) if runs.task_definition != rollout.revision => Ending {
            outcome: Outcome::Failed,
            reason: format!("ECS says that {} runs {}", record.arn, runs.task_definition),
        },
        Some(runs) => {
            for (container, digest) in runs.digests {
                if let Some(image) = images.get(&container) {
                    run.digests.insert(image.clone(), digest);
                }
            }
            ending
        }
        None => ending,
    }
}
