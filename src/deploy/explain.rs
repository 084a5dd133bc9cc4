//! Why a rollout failed, and what one that succeeded really runs.

use evenkeel_core::caveat::caveat;
use evenkeel_core::deployment::{Ending, Outcome};
use evenkeel_core::evidence::Evidence;
use evenkeel_core::failure::Failure;
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};
use evenkeel_core::stopped_task::{StoppedContainer, StoppedTask};

use super::machine::Machine;

/// How many lines of a container's log are told, and of how many tasks.
const LOG_LINES: u16 = 20;
const LOGS: usize = 2;

impl<E: Cloud + EcsEffects, R: RecordStore> Machine<'_, '_, E, R> {
    /// Gathers what speaks for the cause, once: before the service is put back, since ECS forgets a
    /// stopped task after an hour.
    pub(super) async fn gather_evidence(&mut self, at: usize) {
        let run = &self.runs[at];
        let Some(deployment) = run.deployment.clone().filter(|_| run.evidence.is_none()) else { return };
        let mut evidence = Evidence::seen(&run.seen, &deployment);
        match self.world.ecs.stopped_tasks(&run.seen.service, &deployment).await {
            Ok(stopped) => {
                evidence = evidence.with_tasks(stopped);
                for place in 0..evidence.tasks.len().min(LOGS) {
                    evidence.tasks[place] = self.with_log(at, evidence.tasks[place].clone()).await;
                }
            }
            Err(failure) => self.warn(format!("why tasks stopped cannot be told: {failure}")),
        }
        self.runs[at].evidence = Some(evidence);
    }

    /// Warns of what a success leaves open, unless that was said before it began.
    pub(super) fn warn_of_a_caveat(&mut self, at: usize) {
        let run = &self.runs[at];
        let Some(caveat) = run.deployment.as_ref().and_then(|id| caveat(&run.seen, id)) else { return };
        let begins = format!("service {} has a desired count of 0", run.seen.service.name);
        if !self.warnings.iter().any(|warning| warning.starts_with(&begins)) {
            self.warn(caveat);
        }
    }

    /// The ending with the most useful of the evidence.
    pub(super) async fn explain(&mut self, at: usize, mut ending: Ending) -> Ending {
        self.gather_evidence(at).await;
        let told = ending.reason.clone();
        let headline = self.runs[at].evidence.as_ref().and_then(|evidence| evidence.headline(&told));
        if let Some(headline) = headline {
            ending.reason = format!("{}; {headline}", ending.reason);
        }
        ending
    }

    /// The task with the last lines of the container that is to blame, or else of its first one.
    async fn with_log(&mut self, at: usize, mut task: StoppedTask) -> StoppedTask {
        let name = task.culprit().or(task.containers.first()).map(|container| container.name.clone());
        let definition = &self.revisions[self.runs[at].revision].planned.definition;
        let stream = |container: &StoppedContainer| {
            LogStream::of(definition, &container.name, task.id(), container.runtime_id.as_deref())
        };
        let found = task.containers.iter().position(|container| Some(&container.name) == name.as_ref());
        let Some((found, stream)) = found.and_then(|found| Some((found, stream(&task.containers[found])?)))
        else {
            return task;
        };
        match self.world.ecs.log_tail(&stream, LOG_LINES).await {
            Ok(lines) => task.containers[found].log_tail = lines,
            Err(failure) => self.warn(format!("what {} logged cannot be told: {failure}", stream.stream)),
        }
        task
    }

    /// What ECS really runs: its revision must be ours, and it knows the digests.
    pub(super) async fn confirm(&mut self, at: usize, ending: Ending) -> Ending {
        let run = &mut self.runs[at];
        let Some(record) = &run.seen.service_deployment else { return ending };
        let Some(rollout) = run.phase.rollout() else { return ending };
        let Ok(revisions): Result<_, Failure> =
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
                let images = self.revisions[run.revision].planned.definition.images();
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
}
