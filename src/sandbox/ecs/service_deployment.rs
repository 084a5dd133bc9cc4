//! One service deployment: its course, and the status that shows it.

use std::time::Duration;

use super::ids::Ids;
use crate::clock::Timestamp;

/// How long a new service deployment is `PENDING`, a replaced one `STOP_REQUESTED`, and a rollback
/// that a caller wants `ROLLBACK_REQUESTED`.
const HANDOVER: Duration = Duration::from_secs(1);

/// The record of an update and of its rollback, if there is one.
#[derive(Debug)]
pub(super) struct ServiceDeployment {
    pub(super) id: String,
    /// The revision that it brings; its number is the one in the deployment's id `ecs-svc/<number>`.
    pub(super) target: u64,
    pub(super) sources: Vec<u64>,
    pub(super) created: Timestamp,
    /// How many tasks failed to start.
    pub(super) failures: u32,
    pub(super) rollback: Option<Rollback>,
    course: Course,
    /// When the course was taken.
    since: Timestamp,
}

/// What became of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    InProgress,
    Successful,
    /// Another deployment took its place.
    Replaced,
    /// The circuit breaker ended it, without a rollback.
    Failed,
    /// Its service was deleted.
    Deleted,
    RollingBack,
    RolledBack,
    /// There is no completed deployment to go back to.
    CannotRollBack,
}

/// Where a rollback goes, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rollback {
    pub(super) to: u64,
    pub(super) by: RolledBackBy,
    pub(super) at: Timestamp,
}

/// Who wanted a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RolledBackBy {
    CircuitBreaker,
    /// A call of `StopServiceDeployment`.
    Caller,
}

impl ServiceDeployment {
    pub(super) fn new(ids: &mut Ids, target: u64, sources: Vec<u64>, at: Timestamp) -> Self {
        let mut id = ids.hex();
        id.truncate(21);
        let course = Course::InProgress;
        Self { id, target, sources, created: at, failures: 0, rollback: None, course, since: at }
    }

    pub(super) fn set_course(&mut self, course: Course, at: Timestamp) {
        self.course = course;
        self.since = at;
    }

    pub(super) fn begin_rollback(&mut self, to: u64, by: RolledBackBy, at: Timestamp) {
        self.rollback = Some(Rollback { to, by, at });
        self.set_course(Course::RollingBack, at);
    }

    /// When it took its present course.
    pub(super) fn updated(&self) -> Timestamp {
        self.since
    }

    /// Whether it brings its target, or goes back.
    pub(super) fn is_running(&self) -> bool {
        self.is_in_progress() || self.course == Course::RollingBack
    }

    /// Whether it still brings its target.
    pub(super) fn is_in_progress(&self) -> bool {
        self.course == Course::InProgress
    }

    /// The `status` and `statusReason` at `now`.
    pub(super) fn status(&self, now: Timestamp) -> (&'static str, Option<&'static str>) {
        let handing_over = now.since(self.since) < HANDOVER;
        let rollback = self.rollback.map(|rollback| rollback.by.reason());
        match self.course {
            Course::InProgress if handing_over => ("PENDING", None),
            Course::InProgress => ("IN_PROGRESS", None),
            Course::Successful => ("SUCCESSFUL", None),
            Course::Replaced if handing_over => ("STOP_REQUESTED", Some(REPLACED)),
            Course::Replaced => ("STOPPED", Some(REPLACED)),
            Course::Failed => ("STOPPED", Some("ECS deployment circuit breaker: tasks failed to start.")),
            Course::Deleted => ("STOPPED", None),
            Course::RollingBack if handing_over && !self.is_circuit_breaker() => {
                ("ROLLBACK_REQUESTED", rollback)
            }
            Course::RollingBack => ("ROLLBACK_IN_PROGRESS", rollback),
            Course::RolledBack => ("ROLLBACK_SUCCESSFUL", rollback),
            Course::CannotRollBack => {
                ("ROLLBACK_FAILED", Some("There is no completed deployment to roll back to."))
            }
        }
    }

    /// What the circuit breaker, if there is one, has done about it.
    pub(super) fn breaker_status(&self) -> &'static str {
        match self.course {
            Course::InProgress => "MONITORING",
            Course::Failed | Course::CannotRollBack => "TRIGGERED",
            Course::RollingBack | Course::RolledBack if self.is_circuit_breaker() => "TRIGGERED",
            Course::Successful
            | Course::Replaced
            | Course::Deleted
            | Course::RollingBack
            | Course::RolledBack => "MONITORING_COMPLETE",
        }
    }

    fn is_circuit_breaker(&self) -> bool {
        self.rollback.is_some_and(|rollback| rollback.by == RolledBackBy::CircuitBreaker)
    }
}

const REPLACED: &str = "Replaced by a new service deployment.";

impl RolledBackBy {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::CircuitBreaker => {
                "Service deployment rolled back because the circuit breaker threshold was exceeded."
            }
            Self::Caller => "Service deployment rolled back because of a user request.",
        }
    }
}
