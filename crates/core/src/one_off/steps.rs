//! The one-off tasks of a deployment: which there are, and how far those of a revision are.

use super::{Step, TaskCommand, TaskPhase};

/// The one-off tasks that a deployment is asked for, each kind in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    /// Before a service is updated.
    pub before: Vec<TaskCommand>,
    /// When the rollouts of all services have completed.
    pub after: Vec<TaskCommand>,
}

impl Steps {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.before.len() + self.after.len()).unwrap_or(u32::MAX)
    }

    /// The steps of a kind.
    #[must_use]
    pub fn of(&self, step: Step) -> &[TaskCommand] {
        match step {
            Step::Before => &self.before,
            Step::After => &self.after,
        }
    }

    /// All of them, in the order in which they run.
    pub fn all(&self) -> impl Iterator<Item = (Step, &TaskCommand)> {
        let of = |step: Step| self.of(step).iter().map(move |command| (step, command));
        of(Step::Before).chain(of(Step::After))
    }

    /// The next of this kind after so many of all, and its place among all of them. A revision has only those steps whose
    /// container it has.
    #[must_use]
    pub fn next(&self, step: Step, done: usize, containers: &[&str]) -> Option<(usize, &TaskCommand)> {
        let mut rest = self.all().enumerate().skip(done);
        let found = rest.find(|(_, (of, it))| *of == step && containers.contains(&it.container.as_str()));
        found.map(|(at, (_, command))| (at, command))
    }
}

/// How far the steps of one revision are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepsProgress {
    /// The place, among those of the deployment, of the service in whose surroundings they run.
    pub service: usize,
    /// How many of all steps are over, or not this revision's.
    pub done: usize,
    /// The task of the next one, once there is one.
    pub task: Option<TaskPhase>,
    /// The next one failed: which kind it is of.
    pub failed: Option<Step>,
}

impl StepsProgress {
    /// Nothing was run yet; a service's place.
    #[must_use]
    pub fn new(service: usize) -> Self {
        Self { service, done: 0, task: None, failed: None }
    }
}
