//! The stages that a blue/green, linear or canary deployment goes through, and the hooks at them.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::request::seconds;

/// A stage of a deployment, or a moment between two at which hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Continue,
    RollBack,
}

/// A hook that runs, or ran.
#[derive(Debug, Clone)]
pub(super) struct HookRun {
    pub(super) id: String,
    pub(super) stage: Stage,
    pub(super) status: HookStatus,
    pub(super) on_timeout: Decision,
    pub(super) expires: Timestamp,
    pub(super) pauses: bool,
    pub(super) target: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HookStatus {
    AwaitingAction,
    Succeeded,
    Failed,
    TimedOut,
}

impl Stage {
    const ALL: [(Self, &'static str); 11] = [
        (Self::ReconcileService, "RECONCILE_SERVICE"),
        (Self::PreScaleUp, "PRE_SCALE_UP"),
        (Self::ScaleUp, "SCALE_UP"),
        (Self::PostScaleUp, "POST_SCALE_UP"),
        (Self::TestTrafficShift, "TEST_TRAFFIC_SHIFT"),
        (Self::PostTestTrafficShift, "POST_TEST_TRAFFIC_SHIFT"),
        (Self::PreProductionTrafficShift, "PRE_PRODUCTION_TRAFFIC_SHIFT"),
        (Self::ProductionTrafficShift, "PRODUCTION_TRAFFIC_SHIFT"),
        (Self::PostProductionTrafficShift, "POST_PRODUCTION_TRAFFIC_SHIFT"),
        (Self::BakeTime, "BAKE_TIME"),
        (Self::CleanUp, "CLEAN_UP"),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, its)| *its == name).map(|(stage, _)| *stage)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(stage, _)| *stage == self).map_or("", |(_, name)| name)
    }
}

impl HookRun {
    pub(super) fn view(&self) -> Value {
        let mut view = json!({
            "hookId": self.id,
            "targetType": if self.pauses { "PAUSE" } else { "AWS_LAMBDA" },
            "status": match self.status {
                HookStatus::AwaitingAction => "AWAITING_ACTION",
                HookStatus::Succeeded => "SUCCEEDED",
                HookStatus::Failed => "FAILED",
                HookStatus::TimedOut => "TIMED_OUT",
            },
            "expiresAt": seconds(self.expires),
            "timeoutAction": match self.on_timeout {
                Decision::Continue => "CONTINUE",
                Decision::RollBack => "ROLLBACK",
            },
        });
        if let Some(target) = &self.target {
            view["targetArn"] = target.as_str().into();
        }
        view
    }
}
