//! How a service wants to be deployed: its `deploymentConfiguration`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::lifecycle::{Decision, Hook, Stage};
use super::request::{flag, text, texts};

/// A pause that sets no time-out has this one: the model's `timeoutInMinutes`.
const HOOK_TIMEOUT_MINUTES: u64 = 1440;

/// What of a service's deployment configuration a rollout depends on.
#[derive(Debug, Default)]
pub(super) struct Strategy {
    pub(super) traffic: Traffic,
    pub(super) bake: Duration,
    pub(super) early_success: Option<EarlySuccess>,
    pub(super) has_alarms: bool,
    pub(super) hooks: Vec<Hook>,
    /// The fewest and the most tasks that may run, in percent.
    room: Option<(usize, usize)>,
}

/// How the traffic gets to the new revision.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) enum Traffic {
    /// With the tasks, one by one: `ROLLING`.
    #[default]
    Rolling,
    /// All at once, when all new tasks run: `BLUE_GREEN`.
    AtOnce,
    /// By so many percent at a time, with a time in between: `LINEAR`.
    Linear { percent: f64, between: Duration },
    /// So many percent first, the rest after a time: `CANARY`.
    Canary { percent: f64, between: Duration },
}

/// A rolling deployment counts as successful before it is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct EarlySuccess {
    /// The part of the new tasks that has to run for it.
    pub(super) percent: usize,
    /// Whether the old tasks are stopped first.
    pub(super) after_cleanup: bool,
}

impl Strategy {
    /// Reads it from a service's settings.
    pub(super) fn of(settings: &Map<String, Value>) -> Self {
        let Some(given) = settings.get("deploymentConfiguration") else { return Self::default() };
        let early_success = given.get("earlySuccessCriteria").filter(|early| flag(early, "enable"));
        Self {
            traffic: Traffic::of(given),
            bake: minutes(given.get("bakeTimeInMinutes"), 0),
            early_success: early_success.map(|early| EarlySuccess {
                percent: early
                    .get("healthyPercent")
                    .and_then(Value::as_u64)
                    .and_then(|it| usize::try_from(it).ok())
                    .unwrap_or(100),
                after_cleanup: text(early, "sourceServiceRevisionCleanup") == Some("BLOCKING"),
            }),
            has_alarms: given.get("alarms").is_some_and(|alarms| flag(alarms, "enable")),
            room: room(given, settings),
            hooks: given
                .get("lifecycleHooks")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(hook)
                .collect(),
        }
    }

    /// Whether no task can be replaced: none of `desired` may stop, and none more may start.
    pub(super) fn is_stuck(&self, desired: usize) -> bool {
        let (fewest, most) = self.room.unwrap_or((100, 200));
        desired * most / 100 <= (desired * fewest).div_ceil(100)
    }

    /// The share of production traffic after each shift, with the time that passes before it.
    pub(super) fn shifts(&self) -> Vec<(Duration, f64)> {
        match self.traffic {
            Traffic::Rolling => Vec::new(),
            Traffic::AtOnce => vec![(Duration::ZERO, 100.0)],
            Traffic::Canary { percent, between } => vec![(Duration::ZERO, percent), (between, 100.0)],
            Traffic::Linear { percent, between } => {
                let mut shifts = vec![(Duration::ZERO, percent)];
                let mut reached = percent;
                while reached < 100.0 {
                    reached = (reached + percent).min(100.0);
                    shifts.push((between, reached));
                }
                shifts
            }
        }
    }
}

impl Traffic {
    /// Reads it from a deployment configuration; what is not given has the model's defaults.
    pub(super) fn of(configuration: &Value) -> Self {
        let part = |of: &str, member: &str| configuration.get(of)?.get(member).cloned();
        let percent = |of: &str, member: &str, or: f64| {
            part(of, member)
                .and_then(|percent| percent.as_f64())
                .filter(|percent| *percent > 0.0)
                .unwrap_or(or)
        };
        match text(configuration, "strategy") {
            Some("BLUE_GREEN") => Self::AtOnce,
            Some("LINEAR") => Self::Linear {
                percent: percent("linearConfiguration", "stepPercent", 10.0),
                between: minutes(part("linearConfiguration", "stepBakeTimeInMinutes").as_ref(), 6),
            },
            Some("CANARY") => Self::Canary {
                percent: percent("canaryConfiguration", "canaryPercent", 5.0),
                between: minutes(part("canaryConfiguration", "canaryBakeTimeInMinutes").as_ref(), 10),
            },
            Some(_) | None => Self::Rolling,
        }
    }
}

/// The percentages of a service that is no daemon.
fn room(given: &Value, settings: &Map<String, Value>) -> Option<(usize, usize)> {
    let is_daemon = settings.get("schedulingStrategy") == Some(&"DAEMON".into());
    let percent = |member: &str, or: usize| {
        given.get(member).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok()).unwrap_or(or)
    };
    (!is_daemon).then(|| (percent("minimumHealthyPercent", 100), percent("maximumPercent", 200)))
}

fn hook(given: &Value) -> Hook {
    let timeout = given.get("timeoutConfiguration").unwrap_or(&Value::Null);
    Hook {
        pauses: text(given, "targetType") == Some("PAUSE"),
        target: text(given, "hookTargetArn").map(str::to_owned),
        stages: texts(given, "lifecycleStages").into_iter().filter_map(Stage::named).collect(),
        timeout: minutes(timeout.get("timeoutInMinutes"), HOOK_TIMEOUT_MINUTES),
        on_timeout: if text(timeout, "action") == Some("CONTINUE") {
            Decision::Continue
        } else {
            Decision::RollBack
        },
    }
}

fn minutes(given: Option<&Value>, or: u64) -> Duration {
    Duration::from_secs(60 * given.and_then(Value::as_u64).unwrap_or(or))
}
