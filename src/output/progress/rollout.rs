//! How one rollout stands, made from what was seen: the model that plain lines and the live view print.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::rollout::Observation;
use evenkeel_core::service::{Deployment, DeploymentId, RolloutState, Service};
use evenkeel_core::service_deployment::ServiceDeploymentStatus;

use super::super::format;
use super::super::text::printable;

/// The stage in which the tasks of both revisions run until the bake time is over.
const BAKE_TIME: &str = "BAKE_TIME";

/// How a rollout, or a rollback, stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RolloutView {
    /// The service's name.
    pub(super) service: String,
    /// `web:2`, once its deployment is listed.
    pub(super) revision: Option<String>,
    pub(super) is_rollback: bool,
    /// Nothing while ECS does not list the deployment.
    pub(super) tasks: Option<Tasks>,
    pub(super) stage: Option<Stage>,
    /// It waits at a pause hook.
    pub(super) is_paused: bool,
    /// The newest event, in words.
    pub(super) event: Option<String>,
    pub(super) elapsed: Duration,
}

/// The tasks of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tasks {
    /// How many are to run in the end.
    pub(super) wanted: u32,
    pub(super) running: u32,
    pub(super) pending: u32,
    /// How many failed in a row.
    pub(super) failed: u32,
    /// How many tasks of other revisions still run.
    pub(super) others: u32,
}

/// A stage of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    /// In words: `bake time`.
    pub(super) name: String,
    /// How long it still lasts, where that is known.
    pub(super) left: Option<Duration>,
}

/// What is remembered of a service from one look to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// The revision that it is rolled back to, if it is; none where that is not known.
    pub(super) rolls_back_to: Option<Option<String>>,
    /// Its stage, as ECS calls it, and when that began, if the beginning was seen.
    stage: Option<(String, Option<Duration>)>,
    /// It has been seen.
    is_known: bool,
}

impl RolloutView {
    /// How the rollout stands by what was `seen` when it had gone on for `elapsed`.
    pub(super) fn of(
        service: &str,
        deployment: Option<&DeploymentId>,
        seen: &Observation,
        elapsed: Duration,
        memory: &mut Memory,
    ) -> Self {
        let is_rollback = memory.rolls_back_to.is_some();
        let followed = followed(deployment, &seen.service, memory.rolls_back_to.as_ref());
        let tasks = followed.map(|followed| tasks(followed, seen, is_rollback));
        let record = seen.service_deployment.as_ref();
        let stage = stage(seen, tasks).filter(|_| !is_rollback);
        memory.enter(stage, elapsed);
        // An event from before the deployment says nothing about the deployment.
        let since = deployment.and_then(|id| seen.service.deployment(id)).or(followed);
        let event = seen.service.events.first().filter(|event| since.is_some_and(|it| event.at > it.created));
        Self {
            service: format::name(service).to_owned(),
            revision: followed.map(|followed| followed.task_definition.family_and_revision().to_owned()),
            is_rollback,
            tasks,
            stage: memory.stage(seen, elapsed),
            is_paused: record.is_some_and(|record| !record.pauses.is_empty()),
            event: event.map(|event| format::event(&printable(event.said()))),
            elapsed,
        }
    }

    /// The same rollout `later`, if nothing but the time changes.
    pub(super) fn after(&self, later: Duration) -> Self {
        let mut view = self.clone();
        view.elapsed += later;
        if let Some(left) = view.stage.as_mut().and_then(|stage| stage.left.as_mut()) {
            *left = left.saturating_sub(later);
        }
        view
    }

    /// Whether it differs from `other` in more than the time.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        let timeless = |view: &Self| {
            let mut view = Self { elapsed: Duration::ZERO, ..view.clone() };
            if let Some(stage) = &mut view.stage {
                stage.left = None;
            }
            view
        };
        timeless(self) != timeless(other)
    }

    /// The tasks in words: `2 of 3 tasks run, 1 pending, 3 old`.
    pub(super) fn tasks_in_words(&self) -> String {
        let Some(tasks) = self.tasks else {
            let missing =
                if self.is_rollback { "has not begun the rollback" } else { "does not list the deployment" };
            return format!("ECS {missing} yet");
        };
        let others = if self.is_rollback { "new" } else { "old" };
        let more = [(tasks.pending, "pending"), (tasks.failed, "failed"), (tasks.others, others)];
        let more = more.iter().filter(|(count, _)| *count > 0);
        let more = more.map(|(count, what)| format!("{count} {what}"));
        [format::tasks_run(tasks.running, tasks.wanted)]
            .into_iter()
            .chain(more)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The stage and the newest event: `bake time, 3 min 20 s left`, `has started 3 tasks: …`.
    pub(super) fn details(&self) -> Vec<String> {
        let stage = self.stage.as_ref().map(|stage| match stage.left {
            Some(left) => format!("{}, {} left", stage.name, format::span(left)),
            None => stage.name.clone(),
        });
        let pause = self.is_paused.then(|| "waits at a pause hook".to_owned());
        [stage, pause, self.event.clone()].into_iter().flatten().collect()
    }
}

impl Memory {
    fn enter(&mut self, stage: Option<String>, elapsed: Duration) {
        let is_same = self.stage.as_ref().map(|(name, _)| name) == stage.as_ref();
        if !is_same {
            // What was under way at the first look began at an unknown time.
            let began = self.is_known.then_some(elapsed);
            self.stage = stage.map(|name| (name, began));
        }
        self.is_known = true;
    }

    fn stage(&self, seen: &Observation, elapsed: Duration) -> Option<Stage> {
        let (name, began) = self.stage.as_ref()?;
        let whole = Some(seen.service.strategy.bake_time).filter(|_| name == BAKE_TIME);
        let whole = whole.filter(|whole| !whole.is_zero());
        let left = whole.zip(*began).map(|(whole, began)| (began + whole).saturating_sub(elapsed));
        Some(Stage { name: format::stage(name), left })
    }
}

/// The deployment whose tasks are to run in the end: that of the rollout, or the one that ECS rolls back with.
fn followed<'a>(
    id: Option<&DeploymentId>,
    service: &'a Service,
    rolls_back_to: Option<&Option<String>>,
) -> Option<&'a Deployment> {
    let ours = id.and_then(|id| service.deployment(id));
    let Some(to) = rolls_back_to else { return ours };
    let brings_it = |primary: &&Deployment| match to {
        Some(to) => primary.task_definition.family_and_revision() == to,
        None => Some(&primary.id) != id,
    };
    service.primary().filter(brings_it)
}

fn tasks(followed: &Deployment, seen: &Observation, is_rollback: bool) -> Tasks {
    let service = &seen.service;
    let (wanted, running, pending) = (service.wanted(followed), followed.running, followed.pending);
    let listed = service.deployments.iter().filter(|other| other.id != followed.id);
    let listed: u32 = listed.map(|other| other.running).sum();
    // Once all tasks run, the service deployment alone is looked at, and the list is out of date.
    let by_record = seen.service_deployment.as_ref().map(|record| record.replaced_running);
    let by_record = by_record.filter(|_| !is_rollback && running >= wanted && pending == 0);
    let others = by_record.map_or(listed, |by_record| by_record.min(listed));
    Tasks { wanted, running, pending, failed: followed.failed, others }
}

/// The stage as ECS calls it. A rolling update has none, but bakes if it is told to, once all tasks are replaced.
fn stage(seen: &Observation, tasks: Option<Tasks>) -> Option<String> {
    let recorded = seen.service_deployment.as_ref().and_then(|record| record.stage.clone());
    let strategy = seen.service.strategy;
    let is_replaced = tasks.is_some_and(|tasks| {
        tasks.running >= tasks.wanted && tasks.wanted > 0 && tasks.pending == 0 && tasks.others == 0
    });
    let bakes = !strategy.is_staged && !strategy.bake_time.is_zero() && is_replaced;
    recorded.or_else(|| bakes.then(|| BAKE_TIME.to_owned()))
}

/// The revision that ECS rolls the service back to, if it does; none where ECS does not show it yet.
pub(super) fn ecs_rolls_back<'a>(
    id: Option<&DeploymentId>,
    seen: &'a Observation,
) -> Option<Option<&'a TaskDefinitionArn>> {
    let ours = seen.service.deployment(id?);
    let other = seen.service.primary().filter(|primary| Some(&primary.id) != id);
    let record = seen.service_deployment.as_ref();
    let by_record = record.is_some_and(|record| record.status == ServiceDeploymentStatus::RollingBack);
    let by_list = other.is_some() && ours.is_some_and(|ours| ours.rollout == RolloutState::Failed);
    (by_record || by_list).then(|| other.map(|other| &other.task_definition))
}

/// `web:1`, or `the former revision` where it is not known.
pub(super) fn former(revision: Option<&TaskDefinitionArn>) -> &str {
    revision.map_or("the former revision", TaskDefinitionArn::family_and_revision)
}
