//! Which scheduled tasks follow a deployment.

use super::{Also, ScheduledTask, TaskPlace, rule_name};
use crate::failure::Failure;
use crate::quote::{listed, quoted};

/// A scheduled task that is to start a revision of the plan once that is live.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedMove {
    /// The scheduled task as it was when the deployment was planned.
    pub task: ScheduledTask,
    /// The revision's place in the plan.
    pub revision: usize,
}

/// The scheduled tasks that follow, and what the user should know of them beforehand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlannedMoves {
    /// Each once, in the order of their places.
    pub moves: Vec<PlannedMove>,
    /// For people.
    pub warnings: Vec<String>,
}

impl PlannedMoves {
    /// Takes in what was `found` by `also`; `families` are those that may follow, each with the place of its revision.
    ///
    /// # Errors
    /// [`Failure::invalid_input`] for a rule or schedule that was named and cannot follow.
    pub fn take_in(
        &mut self,
        also: &Also,
        found: Vec<ScheduledTask>,
        families: &[(&str, usize)],
    ) -> Result<(), Failure> {
        let found = match also {
            Also::Family => self.of_family(found, families),
            Also::Rule { bus, rule, target } => {
                of_rule(&rule_name(bus, rule), target.as_deref(), found, families)?
            }
            Also::Schedule { .. } => found,
        };
        for task in found {
            let revision = revision_of(&task, families)?;
            if self.moves.iter().all(|planned| planned.task.place() != task.place()) {
                self.warn(&task);
                self.moves.push(PlannedMove { task, revision });
            }
        }
        self.moves.sort_by(|one, other| one.task.place().cmp(other.task.place()));
        Ok(())
    }

    /// Those that start one of the families. What AWS itself manages is left out.
    fn of_family(&mut self, found: Vec<ScheduledTask>, families: &[(&str, usize)]) -> Vec<ScheduledTask> {
        let mut of_family = found;
        of_family.retain(|task| is_of(task, families));
        of_family.retain(|task| {
            let Some(service) = task.managed_by() else { return true };
            let place = task.place();
            self.warnings.push(format!(
                "{place} is managed by {service}, which alone may change it: it is left as it is"
            ));
            false
        });
        of_family
    }

    fn warn(&mut self, task: &ScheduledTask) {
        let place = task.place();
        if !task.is_enabled() {
            self.warnings.push(format!("{place} is disabled: it gets the live revision and stays disabled"));
        }
        if let Some(named) = task.named().filter(|named| named.revision.is_none()) {
            self.warnings.push(format!(
                "{place} names {} without a revision: it starts a new revision from the moment that one is registered, also \
                 if the rollout fails, until the deployment has completed and gives it the live revision",
                named.family
            ));
        }
    }
}

/// The targets that are meant: the one that is named, or those that start one of the families.
fn of_rule(
    rule: &str,
    target: Option<&str>,
    mut found: Vec<ScheduledTask>,
    families: &[(&str, usize)],
) -> Result<Vec<ScheduledTask>, Failure> {
    let ids: Vec<String> = found.iter().filter_map(id).map(str::to_owned).collect();
    match target {
        Some(target) => found.retain(|task| id(task) == Some(target)),
        None => found.retain(|task| is_of(task, families)),
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let what = match target {
        Some(target) => format!("{rule} has no target {}", quoted(target)),
        None => format!("no target of {rule} starts a task of the family {}", names(families)),
    };
    let why = if ids.is_empty() {
        "it has no targets".to_owned()
    } else {
        format!("its targets are {}", listed(ids))
    };
    Err(Failure::invalid_input(what).because(why).advice("Correct --also; nothing was changed"))
}

fn is_of(task: &ScheduledTask, families: &[(&str, usize)]) -> bool {
    task.named().is_some_and(|named| families.iter().any(|(family, _)| *family == named.family))
}

fn names(families: &[(&str, usize)]) -> String {
    listed(families.iter().map(|(family, _)| family))
}

fn id(task: &ScheduledTask) -> Option<&str> {
    match task.place() {
        TaskPlace::Rule { target, .. } => Some(target),
        TaskPlace::Schedule { .. } => None,
    }
}

/// The place of the revision that `task` is to start.
fn revision_of(task: &ScheduledTask, families: &[(&str, usize)]) -> Result<usize, Failure> {
    let place = task.place();
    if let Some(service) = task.managed_by() {
        return Err(Failure::invalid_input(format!("{place} cannot follow the deployment"))
            .because(format!("its rule is managed by {service}, which alone may change it"))
            .advice("Leave it out of --also; nothing was changed"));
    }
    let Some(named) = task.named() else { return Err(no_task(task)) };
    let mut fitting = families.iter().filter(|(family, _)| *family == named.family);
    match (fitting.next(), fitting.next()) {
        (Some((_, revision)), None) => Ok(*revision),
        (Some(_), Some(_)) => {
            let what = format!("which revision {place} is to start is not certain");
            Err(Failure::invalid_input(what)
                .because(format!("the services run different revisions of the family {}", named.family))
                .advice("Deploy the services one by one, with --also for one of them; nothing was changed"))
        }
        (None, _) => {
            Err(Failure::invalid_input(format!("{place} starts tasks of the family {}", named.family))
                .because(format!("the services run {}", names(families)))
                .advice("Correct --also, or deploy the service of that family; nothing was changed"))
        }
    }
}

fn no_task(task: &ScheduledTask) -> Failure {
    let (place, target) = (task.place(), task.target_arn());
    let failure = Failure::invalid_input(format!("{place} starts no task by the target of Amazon ECS"));
    let failure = if target.contains(":::aws-sdk:ecs:runTask") {
        failure.because("it calls RunTask by a universal target, whose input Evenkeel does not change")
    } else {
        failure.because(format!("its target is {}", quoted(target)))
    };
    failure.advice("Leave it out of --also; nothing was changed")
}
