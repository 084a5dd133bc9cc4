//! What EventBridge keeps of a scheduled task, as JSON, changed in one string.

use std::fmt;

use serde_json::{Map, Value};

use super::{DEFAULT, NamedDefinition};
use crate::arn::TaskDefinitionArn;

/// The members of `GetSchedule`'s response that `UpdateSchedule` does not take (EventBridge Scheduler API reference).
const READ_ONLY: [&str; 3] = ["Arn", "CreationDate", "LastModificationDate"];

/// Where a scheduled task is defined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskPlace {
    /// A target of a rule.
    Rule {
        /// The name of its event bus: `default`, or another one.
        bus: String,
        /// The rule's name.
        rule: String,
        /// The target's id.
        target: String,
    },
    /// A schedule.
    Schedule {
        /// Its group: `default`, or another one.
        group: String,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for TaskPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { bus, rule, target } => write!(f, "target {target} of {}", rule_name(bus, rule)),
            Self::Schedule { group, name } if group == DEFAULT => write!(f, "schedule {name}"),
            Self::Schedule { group, name } => write!(f, "schedule {group}/{name}"),
        }
    }
}

/// A rule as messages name it.
#[must_use]
pub fn rule_name(bus: &str, rule: &str) -> String {
    if bus == DEFAULT { format!("rule {rule}") } else { format!("rule {rule} of the event bus {bus}") }
}

/// A rule with its targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Whether its targets are started.
    pub is_enabled: bool,
    /// The AWS service that made it; then nobody else may change its targets.
    pub managed_by: Option<String>,
    /// Its targets, each an object as `ListTargetsByRule` gives it.
    pub targets: Vec<Value>,
}

/// A target that starts a task, or a schedule whose target does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledTask {
    place: TaskPlace,
    is_enabled: bool,
    managed_by: Option<String>,
    /// The target as `ListTargetsByRule` gives it, or the schedule as `GetSchedule` does.
    raw: Map<String, Value>,
}

impl ScheduledTask {
    /// The targets of a rule.
    #[must_use]
    pub fn of_rule(bus: &str, name: &str, rule: Rule) -> Vec<Self> {
        let Rule { is_enabled, managed_by, targets } = rule;
        let of_target = |target| {
            let Value::Object(raw) = target else { return None };
            let id = raw.get("Id")?.as_str()?.to_owned();
            let place = TaskPlace::Rule { bus: bus.to_owned(), rule: name.to_owned(), target: id };
            Some(Self { place, is_enabled, managed_by: managed_by.clone(), raw })
        };
        targets.into_iter().filter_map(of_target).collect()
    }

    /// A schedule, as `GetSchedule` gives it.
    #[must_use]
    pub fn of_schedule(group: &str, name: &str, raw: Map<String, Value>) -> Self {
        let is_enabled = raw.get("State").is_none_or(|state| state == "ENABLED");
        let place = TaskPlace::Schedule { group: group.to_owned(), name: name.to_owned() };
        Self { place, is_enabled, managed_by: None, raw }
    }

    /// Where it is defined.
    #[must_use]
    pub fn place(&self) -> &TaskPlace {
        &self.place
    }

    /// Whether it is started.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// The AWS service that made its rule.
    #[must_use]
    pub fn managed_by(&self) -> Option<&str> {
        self.managed_by.as_deref()
    }

    /// The ARN of what it starts something on: of a cluster, where it starts a task by ECS's own target.
    #[must_use]
    pub fn target_arn(&self) -> &str {
        self.target().and_then(|target| target.get("Arn")).and_then(Value::as_str).unwrap_or_default()
    }

    /// The task definition that it names, as the text stands there; `None` for one that starts no task on ECS.
    #[must_use]
    pub fn definition(&self) -> Option<&str> {
        self.target()?.get("EcsParameters")?.get("TaskDefinitionArn")?.as_str()
    }

    /// The task definition that it names.
    #[must_use]
    pub fn named(&self) -> Option<NamedDefinition<'_>> {
        NamedDefinition::parse(self.definition()?)
    }

    /// The same with `revision`; nothing else of it changes.
    #[must_use]
    pub fn with_revision(&self, revision: &TaskDefinitionArn) -> Self {
        let mut moved = self.clone();
        let target = match moved.place {
            TaskPlace::Rule { .. } => Some(&mut moved.raw),
            TaskPlace::Schedule { .. } => moved.raw.get_mut("Target").and_then(Value::as_object_mut),
        };
        let parameters = target.and_then(|target| target.get_mut("EcsParameters"));
        if let Some(named) = parameters.and_then(|parameters| parameters.get_mut("TaskDefinitionArn")) {
            *named = Value::from(revision.as_str());
        }
        moved
    }

    /// Whether nothing of it differs from `other` but the task definition that it names.
    #[must_use]
    pub fn is_same_but_for_its_definition(&self, other: &Self, revision: &TaskDefinitionArn) -> bool {
        let (mut this, mut other) = (self.with_revision(revision), other.with_revision(revision));
        for read_only in READ_ONLY {
            this.raw.remove(read_only);
            other.raw.remove(read_only);
        }
        this == other
    }

    /// What `PutTargets` takes of a target, and `UpdateSchedule` of a schedule: all members but those that only AWS
    /// writes.
    #[must_use]
    pub fn request(&self) -> Map<String, Value> {
        let mut request = self.raw.clone();
        if let TaskPlace::Schedule { .. } = self.place {
            request.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        }
        request
    }

    /// A schedule without its beginning, which has no effect any more once it is past; `None` where it has none before
    /// `now`, seconds since 1970.
    #[must_use]
    pub fn without_past_start(&self, now: f64) -> Option<Self> {
        let start = self.raw.get("StartDate")?.as_f64()?;
        let mut begun = self.clone();
        begun.raw.remove("StartDate");
        (start < now).then_some(begun)
    }

    fn target(&self) -> Option<&Map<String, Value>> {
        match self.place {
            TaskPlace::Rule { .. } => Some(&self.raw),
            TaskPlace::Schedule { .. } => self.raw.get("Target")?.as_object(),
        }
    }
}
