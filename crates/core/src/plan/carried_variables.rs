//! The changes of variables by deployments that ours replaced without knowing of them.

use std::collections::BTreeMap;

use super::super::arn::TaskDefinitionArn;
use super::super::task_definition::TaskDefinition;
use super::super::variables::{VariableEdits, VariableName, Variables};

/// Variables that other deployments set or gave back, and that ours has to bring as well since it replaced those
/// deployments: as [`Carried`](super::Carried) has it for images.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CarriedVariables(BTreeMap<VariableName, CarriedVariable>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct CarriedVariable {
    /// The value before.
    from: Option<String>,
    value: Option<String>,
    change: CarriedChange,
}

/// What another deployment did to a variable, and in which revision. A revision never changes, so this is all that has to be
/// kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedChange {
    /// The replaced revision that brought it.
    pub revision: TaskDefinitionArn,
    /// It was given back; else it was set.
    pub is_given_back: bool,
}

/// The variables that are carried, for a checkpoint.
pub type CarriedVariablesFrom = BTreeMap<VariableName, CarriedChange>;

impl CarriedVariables {
    /// Whether none are carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is carried, for a checkpoint.
    #[must_use]
    pub fn origins(&self) -> CarriedVariablesFrom {
        self.0.iter().map(|(name, carried)| (name.clone(), carried.change.clone())).collect()
    }

    /// What a checkpoint says is carried: `began` are the variables of the revision that was live when the run began, and
    /// `theirs` those of each replaced revision.
    #[must_use]
    pub fn restored(
        began: &Variables,
        origins: &CarriedVariablesFrom,
        theirs: &BTreeMap<TaskDefinitionArn, Variables>,
    ) -> Self {
        let restored = |(name, change): (&VariableName, &CarriedChange)| {
            let value = theirs.get(&change.revision)?.value(name).map(str::to_owned);
            let from = began.value(name).map(str::to_owned);
            Some((name.clone(), CarriedVariable { from, value, change: change.clone() }))
        };
        Self(origins.iter().filter_map(restored).collect())
    }

    /// Takes in what the replaced `revision` with the variables `theirs` changed, by the mark of its deployment. What this
    /// run was `asked` for is its own.
    pub fn take_in(
        &mut self,
        began: &Variables,
        (revision, theirs): (&TaskDefinitionArn, &Variables),
        changed: &VariableEdits,
        asked: &VariableEdits,
    ) {
        for (names, is_given_back) in [(&changed.given_back, true), (&changed.set, false)] {
            for name in names.names().filter(|name| !asked.has(name)) {
                let change = CarriedChange { revision: revision.clone(), is_given_back };
                let (from, value) = (began.value(name), theirs.value(name));
                let carried = CarriedVariable {
                    from: from.map(str::to_owned),
                    value: value.map(str::to_owned),
                    change,
                };
                self.0.insert(name.clone(), carried);
            }
        }
    }

    /// The edits of a copy of `live`: those asked for, and those carried whose variable still has the value from before.
    /// Where it has another one, somebody changed it since.
    #[must_use]
    pub fn onto(&self, live: &TaskDefinition, asked: &VariableEdits) -> VariableEdits {
        let mut edits = asked.clone();
        if self.is_empty() {
            return edits;
        }
        let found = live.variables();
        let containers = live.containers();
        for (name, carried) in &self.0 {
            let value = found.value(name);
            let is_unchanged = [carried.from.as_deref(), carried.value.as_deref()].contains(&value);
            if !is_unchanged || asked.has(name) || !containers.contains(&name.container.as_str()) {
                continue;
            }
            let list = if carried.change.is_given_back { &mut edits.given_back } else { &mut edits.set };
            list.put(name.clone(), carried.value.clone());
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::samples::arn;
    use crate::task_definition::Revision;

    fn definition(environment: Value) -> TaskDefinition {
        let list: Vec<Value> = environment
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let described = json!({ "taskDefinition": {
            "taskDefinitionArn": arn("web:1").as_str(), "status": "ACTIVE", "family": "web",
            "containerDefinitions": [{ "name": "app", "environment": list }],
        }});
        Revision::from_describe(described.to_string().as_bytes()).unwrap().definition
    }

    fn variables(environment: Value) -> Variables {
        serde_json::from_value(json!({ "app": { "environment": environment } })).unwrap()
    }

    #[test]
    fn a_change_is_carried_until_somebody_changes_it_again_or_it_is_asked_for() {
        let began = variables(json!({ "OLD": "1", "SET": "1" }));
        let theirs = variables(json!({ "SET": "2", "NEW": "1" }));
        let changed = VariableEdits {
            set: variables(json!({ "SET": "2", "NEW": "1", "MINE": "theirs" })),
            given_back: variables(json!({ "OLD": null })),
        };
        let asked = VariableEdits { set: variables(json!({ "MINE": "mine" })), ..VariableEdits::default() };
        let mut carried = CarriedVariables::default();
        carried.take_in(&began, (&arn("web:2"), &theirs), &changed, &asked);

        let edits = carried.onto(&definition(json!({ "OLD": "1", "SET": "1" })), &asked);
        assert_eq!(json!(edits.set), json!(variables(json!({ "SET": "2", "NEW": "1", "MINE": "mine" }))));
        assert_eq!(json!(edits.given_back), json!(variables(json!({ "OLD": null }))));
        // Somebody changed two of them since.
        let edits = carried.onto(&definition(json!({ "OLD": "3", "SET": "3" })), &asked);
        assert_eq!(json!(edits.set), json!(variables(json!({ "NEW": "1", "MINE": "mine" }))));
        assert!(edits.given_back.is_empty());

        let origins = carried.origins();
        assert_eq!(origins.len(), 3);
        let restored =
            CarriedVariables::restored(&began, &origins, &BTreeMap::from([(arn("web:2"), theirs)]));
        assert_eq!(restored, carried);
        assert!(CarriedVariables::restored(&began, &origins, &BTreeMap::new()).is_empty());
    }
}
