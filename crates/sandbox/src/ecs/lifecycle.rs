//! The stages that a blue/green, linear or canary deployment goes through, and the hooks at them.

use std::fmt;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::request::{seconds, without_nulls};

/// A stage of a deployment, or a moment between two at which hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Stage {
    /// Only when a deployment starts while another one goes on.
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    /// Before each step that shifts production traffic. Only hooks know it.
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

/// Something to wait for at some stages.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    /// Whether it waits for somebody, rather than for a function.
    pub(super) pauses: bool,
    /// The function's ARN.
    pub(super) target: Option<String>,
    pub(super) stages: Vec<Stage>,
    pub(super) timeout: Duration,
    pub(super) on_timeout: Decision,
}

/// How a deployment goes on from a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Decision {
    Continue,
    Rollback,
}

/// A hook that runs, or ran.
#[derive(Debug, Clone)]
pub(super) struct HookRun {
    pub(super) id: String,
    pub(super) stage: Stage,
    pub(super) status: HookStatus,
    pub(super) expires: Timestamp,
    pub(super) hook: Hook,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum HookStatus {
    AwaitingAction,
    Succeeded,
    Failed,
    TimedOut,
}

/// As AWS spells it.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl HookRun {
    pub(super) fn view(&self) -> Value {
        without_nulls(json!({
            "hookId": self.id,
            "targetType": if self.hook.pauses { "PAUSE" } else { "AWS_LAMBDA" },
            "targetArn": self.hook.target,
            "status": self.status,
            "expiresAt": seconds(self.expires),
            "timeoutAction": self.hook.on_timeout,
        }))
    }
}
