//! One service deployment: its course, and the status that shows it; and the service revision that it brings.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::ids::Ids;
use super::lifecycle::{HookRun, HookStatus, Stage};

/// How long a new service deployment is `PENDING`, a replaced one `STOP_REQUESTED`, and a rollback
/// that a caller wants `ROLLBACK_REQUESTED`.
const HANDOVER: Duration = Duration::from_secs(1);

/// The record of an update and of its rollback, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceDeployment {
    pub(super) id: String,
    /// The revision that it brings; its number is the one in the deployment's id `ecs-svc/<number>`.
    pub(super) target: u64,
    pub(super) sources: Vec<u64>,
    pub(super) created: Timestamp,
    /// How many tasks failed to start.
    pub(super) failures: u32,
    /// Why it failed, or goes back, if it does.
    pub(super) cause: Option<Cause>,
    pub(super) rollback: Option<Rollback>,
    /// Only a deployment that shifts traffic has stages.
    pub(super) stage: Option<Stage>,
    pub(super) hooks: Vec<HookRun>,
    /// How many percent of the test traffic and of the production traffic the target has.
    pub(super) traffic: (f64, f64),
    course: Course,
    /// When the course was taken.
    pub(super) since: Timestamp,
}

/// A service revision: a definition as a service runs it, which a service deployment rolls out.
#[derive(Debug, Clone)]
pub(super) struct ServiceRevision {
    pub(super) number: u64,
    pub(super) task_definition: String,
    pub(super) created: Timestamp,
    /// When ECS asked the registry for the images' digests, if it has.
    pub(super) resolved: Option<Timestamp>,
}

/// What became of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Course {
    #[default]
    InProgress,
    Successful,
    /// Another deployment took its place.
    Replaced,
    /// It failed, and no rollback was configured.
    Failed,
    /// Its service was deleted.
    Deleted,
    RollingBack,
    RolledBack,
    /// There is no completed deployment to go back to.
    CannotRollBack,
    /// The tasks of the rollback failed as well.
    RollbackFailed,
}

/// Where a rollback goes, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rollback {
    pub(super) to: u64,
    pub(super) at: Timestamp,
}

/// Why a deployment failed, or was rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    CircuitBreaker,
    Alarm,
    /// A call of `StopServiceDeployment`.
    Caller,
    /// Nobody let it go on at a hook of this stage.
    Hook(Stage),
}

impl ServiceDeployment {
    pub(super) fn new(ids: &mut Ids, target: u64, sources: Vec<u64>, at: Timestamp) -> Self {
        Self { id: ids.hex()[..21].to_owned(), target, sources, created: at, since: at, ..Self::default() }
    }

    pub(super) fn set_course(&mut self, course: Course, at: Timestamp) {
        self.course = course;
        self.since = at;
    }

    pub(super) fn begin_rollback(&mut self, to: u64, at: Timestamp) {
        self.rollback = Some(Rollback { to, at });
        self.traffic = (0.0, 0.0);
        self.set_course(Course::RollingBack, at);
    }

    /// Whether it brings its target, or goes back.
    pub(super) fn is_running(&self) -> bool {
        self.is_in_progress() || self.course == Course::RollingBack
    }

    /// Whether it still brings its target.
    pub(super) fn is_in_progress(&self) -> bool {
        self.course == Course::InProgress
    }

    /// When it was over, if it is: one that is replaced is asked to stop first.
    pub(super) fn finished(&self) -> Timestamp {
        if self.course == Course::Replaced { self.since.plus(HANDOVER) } else { self.since }
    }

    /// The `status` and `statusReason` at `now`.
    pub(super) fn status(&self, now: Timestamp) -> (&'static str, Option<String>) {
        let handing_over = now.since(self.since) < HANDOVER;
        let replaced = || Some("Replaced by a new service deployment.".to_owned());
        let rollback = || Some(self.cause?.rollback_reason() + &self.failed_hook());
        // ECS itself goes back at once; what somebody asks for is requested first.
        let asked = matches!(self.cause, Some(Cause::Caller | Cause::Hook(_)));
        match self.course {
            Course::InProgress if handing_over => ("PENDING", None),
            Course::InProgress => ("IN_PROGRESS", None),
            Course::Successful => ("SUCCESSFUL", None),
            Course::Replaced if handing_over => ("STOP_REQUESTED", replaced()),
            Course::Replaced => ("STOPPED", replaced()),
            Course::Failed => ("STOPPED", self.cause.map(Cause::failure_reason)),
            Course::Deleted => ("STOPPED", None),
            Course::RollingBack if handing_over && asked => ("ROLLBACK_REQUESTED", rollback()),
            Course::RollingBack => ("ROLLBACK_IN_PROGRESS", rollback()),
            Course::RolledBack => ("ROLLBACK_SUCCESSFUL", rollback()),
            Course::CannotRollBack => {
                ("ROLLBACK_FAILED", Some("No rollback candidate was found to run the rollback.".to_owned()))
            }
            // AWS's words for this one were not found.
            Course::RollbackFailed => ("ROLLBACK_FAILED", None),
        }
    }

    /// The second sentence on a hook whose function failed; a pause has no target.
    pub(super) fn failed_hook(&self) -> String {
        let failed = self.hooks.iter().filter(|run| run.status == HookStatus::Failed);
        let target = failed.filter_map(|run| run.hook.target.as_deref()).next_back();
        target
            .map(|target| format!(" Lifecycle hook target {target} returned FAILED status."))
            .unwrap_or_default()
    }

    /// What the circuit breaker, or the alarms, if there are any, have done about it.
    pub(super) fn monitor_status(&self, monitor: Cause) -> &'static str {
        match self.cause {
            Some(cause) if cause == monitor => "TRIGGERED",
            _ if self.is_in_progress() => "MONITORING",
            _ => "MONITORING_COMPLETE",
        }
    }
}

impl Cause {
    /// Why a service deployment goes back, or went.
    pub(super) fn rollback_reason(self) -> String {
        let why = match self {
            Self::CircuitBreaker => "the circuit breaker threshold was exceeded",
            // AWS documents no text for this one.
            Self::Alarm => "an alarm was triggered",
            Self::Caller => "of a user request",
            Self::Hook(stage) => &format!("{stage} lifecycle hook(s) failed"),
        };
        format!("Service deployment rolled back because {why}.")
    }

    /// Why a deployment failed: the `rolloutStateReason`.
    pub(super) fn failure_reason(self) -> String {
        match self {
            Self::CircuitBreaker => "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
            Self::Alarm => "ECS deployment failed: alarm detected.".to_owned(),
            Self::Caller => "ECS deployment failed: stopped by a user request.".to_owned(),
            Self::Hook(stage) => format!("ECS deployment failed: {stage} lifecycle hook(s) failed."),
        }
    }

    /// What the service's events tell of a deployment that failed.
    pub(super) fn event(self) -> String {
        match self {
            Self::CircuitBreaker => "tasks failed to start.".to_owned(),
            Self::Alarm => "alarm detected.".to_owned(),
            Self::Caller | Self::Hook(_) => self.rollback_reason(),
        }
    }
}
