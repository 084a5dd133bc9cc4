//! What a deployment is asked to do to variables, and whether it may.

use std::collections::BTreeSet;

use super::super::failure::Failure;
use super::super::task_definition::{Revision, TaskDefinition};
use super::{VariableEdits, VariableName, Variables};

/// The variables that somebody asks to be set and to be given back, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VariableChanges {
    /// Those to set, with their values.
    pub set: Variables,
    /// Those to give back.
    pub unset: BTreeSet<VariableName>,
    /// Own also what the live revision has already and the pipeline does not own.
    pub take_over: bool,
}

/// What is known of the variables that the pipeline owns in a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership<'a> {
    /// No record is kept: nobody knows.
    Unknown,
    /// These are owned; their values do not count.
    Known(&'a Variables),
}

impl Ownership<'_> {
    /// Whether the pipeline owns the variable, or the one of the other kind with the same name.
    fn has(self, name: &VariableName) -> bool {
        match self {
            Self::Unknown => false,
            Self::Known(owned) => owned.has(name) || name.rival().is_some_and(|rival| owned.has(&rival)),
        }
    }
}

impl VariableChanges {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }

    /// Every variable that is named.
    pub fn names(&self) -> impl Iterator<Item = &VariableName> {
        self.set.names().chain(&self.unset)
    }

    /// The edits of a copy of `live`: those of its containers. What is given back gets its value from `ancestor`; without
    /// one it is removed.
    #[must_use]
    pub fn edits(
        &self,
        live: &TaskDefinition,
        owned: Ownership<'_>,
        ancestor: Option<&TaskDefinition>,
    ) -> VariableEdits {
        let containers = live.containers();
        let set = self.set.iter().filter(|(name, _)| containers.contains(&name.container.as_str()));
        let set = set.map(|(name, value)| (name.clone(), value.map(str::to_owned))).collect();
        let values = ancestor.map(TaskDefinition::variables).unwrap_or_default();
        let mut given_back = Variables::default();
        for name in self.unset.iter().filter(|name| owned.has(name)) {
            // What stood there before may have been of the other kind.
            for name in [Some(name.clone()), name.rival()].into_iter().flatten() {
                let value = values.value(&name).map(str::to_owned);
                given_back.put(name, value);
            }
        }
        VariableEdits { set, given_back }
    }

    /// The names that the pipeline owns, of those to give back.
    pub fn owned_unset<'a>(&'a self, owned: Ownership<'a>) -> impl Iterator<Item = &'a VariableName> {
        self.unset.iter().filter(move |name| owned.has(name))
    }

    /// Refuses a variable that the live revision has and the pipeline does not own.
    ///
    /// # Errors
    /// [`Failure::invalid_input`], with the variable, its container and what to do.
    pub fn refuse_unowned(
        &self,
        service: &str,
        live: &Revision,
        owned: Ownership<'_>,
    ) -> Result<(), Failure> {
        if self.take_over {
            return Ok(());
        }
        let there = live.definition.variables();
        let is_there = |name: &VariableName| there.value(name).is_some();
        let blocked = |name: &&VariableName| {
            let is_taken = is_there(name) || name.rival().is_some_and(|rival| is_there(&rival));
            is_taken && !owned.has(name)
        };
        let Some(name) = self.set.names().find(blocked) else { return Ok(()) };
        let in_what = live.arn.family_and_revision();
        let rival = name.rival().filter(|rival| !is_there(name) && is_there(rival));
        let found = rival.as_ref().unwrap_or(name);
        let what = format!("the {name} of service {service} is not set");
        let there = format!("{in_what}, which runs, has the {found} already");
        let (why, advice) = match owned {
            Ownership::Unknown => (
                format!("{there}, and without a record it is not known whether the pipeline owns it"),
                "Give the record of the service by --record, or --take-over if the pipeline is to own it from now on",
            ),
            Ownership::Known(_) => (
                format!("{there}, and by the record the pipeline does not own it"),
                "Give --take-over if the pipeline is to own it from now on, and remove it from what else sets it, as \
                 Terraform's configuration",
            ),
        };
        Err(Failure::invalid_input(what).because(why).advice(format!("{advice}; nothing was changed")))
    }

    /// The failure of giving back what the pipeline does not own.
    #[must_use]
    pub fn not_owned(name: &VariableName, is_recorded: bool) -> Failure {
        let what = format!("the {name} cannot be given back");
        let (why, advice) = if is_recorded {
            ("by the record the pipeline does not own it", "Leave it out")
        } else {
            (
                "without a record it is not known what the pipeline owns",
                "Give the record of the service by --record",
            )
        };
        Failure::invalid_input(what).because(why).advice(format!("{advice}; nothing was changed"))
    }
}
