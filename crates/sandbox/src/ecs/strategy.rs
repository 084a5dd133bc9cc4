//! How a service wants to be deployed: its `deploymentConfiguration`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::lifecycle::{Decision, Hook, Stage};
use crate::request::{flag, list, number, text};

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
    /// The fewest and the most tasks that may run, in percent; none of a daemon.
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
    pub(super) fn of(settings: &Value) -> Self {
        let Some(given) = settings.get("deploymentConfiguration") else { return Self::default() };
        let early = &given["earlySuccessCriteria"];
        let early_success = EarlySuccess {
            percent: number(early, "healthyPercent").unwrap_or(100),
            after_cleanup: text(early, "sourceServiceRevisionCleanup") == Some("BLOCKING"),
        };
        let is_daemon = text(settings, "schedulingStrategy") == Some("DAEMON");
        let percent = |member: &str, or: usize| number(given, member).unwrap_or(or);
        let room = (percent("minimumHealthyPercent", 100), percent("maximumPercent", 200));
        Self {
            traffic: Traffic::of(given),
            bake: minutes(given, "bakeTimeInMinutes", 0),
            early_success: flag(early, "enable").then_some(early_success),
            has_alarms: flag(&given["alarms"], "enable"),
            room: (!is_daemon).then_some(room),
            hooks: list(given, "lifecycleHooks").iter().map(hook).collect(),
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
        let percent = |part: &Value, member: &str, or: f64| {
            part[member].as_f64().filter(|percent| *percent > 0.0).unwrap_or(or)
        };
        let (linear, canary) = (&configuration["linearConfiguration"], &configuration["canaryConfiguration"]);
        match text(configuration, "strategy") {
            Some("BLUE_GREEN") => Self::AtOnce,
            Some("LINEAR") => Self::Linear {
                percent: percent(linear, "stepPercent", 10.0),
                between: minutes(linear, "stepBakeTimeInMinutes", 6),
            },
            Some("CANARY") => Self::Canary {
                percent: percent(canary, "canaryPercent", 5.0),
                between: minutes(canary, "canaryBakeTimeInMinutes", 10),
            },
            Some(_) | None => Self::Rolling,
        }
    }
}

fn hook(given: &Value) -> Hook {
    let timeout = &given["timeoutConfiguration"];
    let continues = text(timeout, "action") == Some("CONTINUE");
    Hook {
        pauses: text(given, "targetType") == Some("PAUSE"),
        target: text(given, "hookTargetArn").map(str::to_owned),
        stages: list(given, "lifecycleStages").iter().filter_map(|it| Stage::deserialize(it).ok()).collect(),
        timeout: minutes(timeout, "timeoutInMinutes", HOOK_TIMEOUT_MINUTES),
        on_timeout: if continues { Decision::Continue } else { Decision::Rollback },
    }
}

fn minutes(given: &Value, member: &str, or: u64) -> Duration {
    Duration::from_secs(60 * number(given, member).unwrap_or(or))
}
