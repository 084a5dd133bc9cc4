//! What follows the image besides the service, as a user writes it.

use std::fmt;

use super::DEFAULT;
use crate::failure::Failure;
use crate::quote::quoted;
use crate::request::has_only;

/// One value of `--also`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Also {
    /// A rule of Amazon EventBridge.
    Rule {
        /// Its event bus: `default`, or another one.
        bus: String,
        /// Its name.
        rule: String,
        /// The id of its target; `None` is every target that starts the family.
        target: Option<String>,
    },
    /// A schedule of Amazon EventBridge Scheduler.
    Schedule {
        /// Its group: `default`, or another one.
        group: String,
        /// Its name.
        name: String,
    },
    /// Every rule and schedule that starts the family in the cluster of the services.
    Family,
}

impl Also {
    /// Takes `rule:NAME[/TARGET][@BUS]`, `schedule:[GROUP/]NAME` or `family`.
    ///
    /// Names are as the API references of EventBridge and EventBridge Scheduler have them: of rules and targets 1 to 64
    /// letters, digits, dots, hyphens and underscores; of buses 1 to 256, slashes too; of schedules and their groups 1 to 64.
    ///
    /// # Errors
    /// [`Failure::usage`].
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let named = |name: &str| has_only(name, 64, ".-_");
        let parsed = match text.split_once(':') {
            None if text == "family" => Some(Self::Family),
            Some(("rule", rest)) => {
                let (path, bus) = rest.split_once('@').unwrap_or((rest, DEFAULT));
                let (rule, target) =
                    path.split_once('/').map_or((path, None), |(rule, target)| (rule, Some(target)));
                let is_sound = named(rule) && target.is_none_or(named) && has_only(bus, 256, "/.-_");
                is_sound.then(|| Self::Rule {
                    bus: bus.to_owned(),
                    rule: rule.to_owned(),
                    target: target.map(str::to_owned),
                })
            }
            Some(("schedule", rest)) => {
                let (group, name) = rest.split_once('/').unwrap_or((DEFAULT, rest));
                (named(name) && named(group))
                    .then(|| Self::Schedule { group: group.to_owned(), name: name.to_owned() })
            }
            Some(_) | None => None,
        };
        parsed.ok_or_else(|| {
            Failure::usage(format!("--also {} names no rule, schedule or family", quoted(text)))
                .because("names have 1 to 64 letters, digits, dots, hyphens and underscores")
                .advice("Write it as rule:NAME[/TARGET][@BUS], schedule:[GROUP/]NAME or family")
        })
    }

    /// Takes one more value, and adds it to `all`.
    ///
    /// # Errors
    /// [`Failure::usage`], also when `all` has it already; then nothing is added.
    pub fn parse_another(text: &str, all: &mut Vec<Self>) -> Result<(), Failure> {
        let also = Self::parse(text)?;
        if all.contains(&also) {
            return Err(Failure::usage(format!("--also {also} is given twice")).advice("Give each once"));
        }
        all.push(also);
        Ok(())
    }
}

impl fmt::Display for Also {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { bus, rule, target } => {
                write!(f, "rule:{rule}")?;
                target.iter().try_for_each(|target| write!(f, "/{target}"))?;
                if bus == DEFAULT { Ok(()) } else { write!(f, "@{bus}") }
            }
            Self::Schedule { group, name } if group == DEFAULT => write!(f, "schedule:{name}"),
            Self::Schedule { group, name } => write!(f, "schedule:{group}/{name}"),
            Self::Family => f.write_str("family"),
        }
    }
}
