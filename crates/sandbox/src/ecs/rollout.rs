//! How a deployment is to go, as a test or a console asks for it.

use std::time::Duration;

/// How the deployments of a service go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// What happens.
    pub outcome: RolloutOutcome,
    /// How long it takes: until the deployment has completed, or until so many tasks have failed
    /// that a circuit breaker steps in. Halfway through it another actor's deployment supersedes.
    /// What the service's configuration asks to wait for comes on top: the bake time, that of each
    /// step of a linear or canary deployment (6 and 10 minutes unless it says otherwise), and pauses.
    pub duration: Duration,
}

/// How long the parts of a deployment take that goes as it should, in the place of shares of [`Rollout::duration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Until all new tasks run: one by one, at equal intervals.
    pub start: Duration,
    /// Until the old tasks have left.
    pub drain: Duration,
    /// From then on until the deployment has completed.
    pub settle: Duration,
}

/// What becomes of a deployment. With a desired count of 0, every deployment completes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutOutcome {
    /// The new tasks run, the old ones are drained.
    Ok,
    /// Every new task exits with status 1. What follows is up to the service's circuit breaker.
    Crash,
    /// Every new task runs first and exits with status 1 then, which no circuit breaker counts.
    CrashAfterStart,
    /// As [`Self::Crash`], but for want of memory, with status 137.
    OutOfMemory,
    /// No new task starts, because its image is not found.
    CannotPull,
    /// As [`Self::CannotPull`], at the pace at which Fargate repeats it: of eleven minutes the failures
    /// come at 2:34, 4:46 and 11:00.
    ImageMissing,
    /// Every new task crashes, and those of a rollback do as well.
    CrashTwice,
    /// The last container of every new task runs and exits with status 255; ECS kills the others.
    SidecarExits,
    /// Some tasks run and exit with status 0, as they are made to; then all goes well.
    ShortJobs,
    /// The only instance has a fixed port that the old task holds until it has left.
    HostPort,
    /// The function of a lifecycle hook returns FAILED. Without such a hook all goes well.
    HookFails,
    /// No new task starts, because a secret of its definition is not found.
    NoSecret,
    /// Every new task runs, fails its load balancer's health checks and is stopped, which a circuit
    /// breaker counts.
    Unhealthy,
    /// One task fails to start as in [`Self::CannotPull`]; then all goes well.
    Flaky,
    /// The new tasks stay pending for ever.
    Stuck,
    /// Another actor's deployment takes over, of a revision that it registers.
    Superseded,
    /// Another actor forces a new deployment of the same revision half-way, which goes well.
    ForcedAgain,
    /// No new task can be placed, for ever.
    Unplaceable,
    /// No new task can be placed for half the duration; then all goes well.
    PlacedLate,
    /// All new tasks run, and in the bake time an alarm of the deployment goes off. What follows is
    /// up to the deployment's alarms; where none is enabled, all goes well.
    Alarm,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(60) }
    }
}
