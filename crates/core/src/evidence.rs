//! Why a rollout failed, as far as ECS and the containers' logs tell.

use super::quote::{cut, quoted_to};
use super::rollout::Observation;
use super::service::{DeploymentId, ServiceEvent};
use super::stopped_task::{StoppedContainer, StoppedTask};

/// How many different stopped tasks are told of.
const TASKS: usize = 5;

/// The longest line that is told, in characters.
const LINE: usize = 300;

/// What speaks for the cause of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The alarms that went off.
    pub alarms: Vec<String>,
    /// Why a load balancer called tasks unhealthy, in ECS's words.
    pub unhealthy: Option<String>,
    /// Tasks that failed, each for another reason than the ones before.
    pub tasks: Vec<StoppedTask>,
}

impl Evidence {
    /// What was seen of the deployment beside its tasks.
    #[must_use]
    pub fn seen(seen: &Observation, id: &DeploymentId) -> Self {
        let record = seen.service_deployment.as_ref();
        // Without the start of the deployment, an event of an earlier one could be taken for its own.
        let unhealthy = seen.service.deployment(id).and_then(|mine| {
            let mut said = seen.service.events_since(mine.created).map(ServiceEvent::said);
            said.find(|said| said.contains("is unhealthy in"))
        });
        Self {
            alarms: record.map(|record| record.alarms.clone()).unwrap_or_default(),
            unhealthy: unhealthy.map(|said| cut(said, LINE).into_owned()),
            tasks: Vec::new(),
        }
    }

    /// Adds what was seen of the deployment since, without its tasks.
    pub fn update(&mut self, seen: &Observation, id: &DeploymentId) {
        let Self { alarms, unhealthy, tasks: _ } = Self::seen(seen, id);
        if !alarms.is_empty() {
            self.alarms = alarms;
        }
        self.unhealthy = self.unhealthy.take().or(unhealthy);
    }

    /// Adds the tasks that failed by a fault of their own, one for each reason.
    #[must_use]
    pub fn with_tasks(mut self, stopped: Vec<StoppedTask>) -> Self {
        for task in stopped.into_iter().filter(StoppedTask::failed) {
            let is_known = self.tasks.iter().any(|known| is_alike(known, &task));
            if !is_known && self.tasks.len() < TASKS {
                self.tasks.push(task);
            }
        }
        self
    }

    /// The most useful of it in one line, beside what is `told` already; nothing if there is none.
    #[must_use]
    pub fn headline(&self, told: &str) -> Option<String> {
        let is_told = |task: &&StoppedTask| {
            told.contains(&task.to_string())
                || !task.has_run()
                    && task.reason.as_ref().is_some_and(|reason| told.contains(reason.as_str()))
        };
        let task = self.tasks.first().filter(|task| !is_told(task)).map(|task| {
            let said = last_line(task).map(|line| format!(", and logged {} last", quoted_to(line, LINE)));
            format!("{}{}", cut(&task.to_string(), LINE), said.unwrap_or_default())
        });
        let alarms = (!self.alarms.is_empty()).then(|| format!("in ALARM: {}", self.alarms.join(", ")));
        let told: Vec<String> = [task, self.unhealthy.clone(), alarms].into_iter().flatten().collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// All of it but the headline, a line each: the other tasks, and what the containers logged last.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (place, task) in self.tasks.iter().enumerate() {
            if place > 0 {
                lines.push(cut(&task.to_string(), LINE).into_owned());
            }
            for container in task.containers.iter().filter(|container| !container.log_tail.is_empty()) {
                lines.push(format!("the last lines of {} in task {}:", container.name, task.id()));
                lines.extend(container.log_tail.iter().map(|line| format!("  {}", cut(line, LINE))));
            }
        }
        lines
    }
}

/// Whether two tasks tell the same: what they say is the same but for who says it.
fn is_alike(one: &StoppedTask, other: &StoppedTask) -> bool {
    let said = |task: &StoppedTask| {
        let containers: Vec<_> =
            task.containers.iter().map(|it| (it.name.clone(), it.exit_code, it.reason.clone())).collect();
        (task.stop_code.clone(), task.reason.clone(), containers)
    };
    said(one) == said(other)
}

fn last_line(task: &StoppedTask) -> Option<&str> {
    let logged = |container: &StoppedContainer| !container.log_tail.is_empty();
    let container = task.culprit().filter(|container| logged(container));
    let container = container.or_else(|| task.containers.iter().find(|container| logged(container)))?;
    container.log_tail.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests;
