#![doc = include_str!("../README.md")]

mod calls;
mod client;
mod clock;
mod codepipeline;
mod ecr;
mod ecs;
mod events;
mod faults;
mod grants;
mod handler;
mod hooks;
mod logs;
mod model;
mod protocol;
mod quotes;
mod rate_limits;
mod request;
mod s3;
mod scheduler;
mod server;
mod sns;
mod ssm;
mod sts;
mod time;
mod validation;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub use evenkeel_core::timestamp::Timestamp;

pub use self::calls::Call;
pub use self::codepipeline::{Action, ActionArtifact, ActionState, ActionStatus};
pub use self::ecs::{OneOffTask, Rollout, RolloutOutcome, Shape, TaskEnding, TaskScript};
pub use self::faults::{Fault, FaultKind, GarbledBody, GarbledResponse};
pub use self::rate_limits::RateLimit;
pub use self::wire::ApiError;

use self::clock::Clock;
use self::faults::Faults;
use self::hooks::{HookMoment, Hooks};
use self::quotes::Quotes;
use self::rate_limits::RateLimits;

/// The only Region that the embedded AWS has.
pub const REGION: &str = "eu-west-1";
/// The only account that the embedded AWS has.
pub const ACCOUNT: &str = "123456789012";

/// One embedded AWS. Cloning it is cheap and gives another handle to the same world.
#[derive(Clone)]
pub struct Sandbox {
    clock: Clock,
    state: Arc<Mutex<State>>,
    plans: Arc<Mutex<Plans>>,
    hanging: Arc<Notify>,
    called: Arc<Notify>,
}

#[derive(Default, Clone)]
struct State {
    ecs: ecs::Ecs,
    ecr: ecr::Ecr,
    codepipeline: codepipeline::CodePipeline,
    events: events::Events,
    grants: grants::Grants,
    logs: logs::Logs,
    quotes: Quotes,
    s3: s3::S3,
    scheduler: scheduler::Scheduler,
    sns: sns::Sns,
    ssm: ssm::Ssm,
    sts: sts::Sts,
    calls: calls::CallLog,
}

/// What is to happen around calls that are still to come.
#[derive(Default)]
struct Plans {
    faults: Faults,
    hooks: Hooks,
    limits: RateLimits,
}

impl Sandbox {
    /// An empty AWS, in Region [`REGION`] and account [`ACCOUNT`]. Its clock begins with the machine's time and moves with
    /// tokio's timer.
    #[must_use]
    pub fn new() -> Self {
        Self::by(Clock::system())
    }

    /// An empty AWS whose clock shows `time` now.
    #[must_use]
    pub fn starting_at(time: Timestamp) -> Self {
        Self::by(Clock::starting_at(time))
    }

    fn by(clock: Clock) -> Self {
        Self {
            clock,
            state: Arc::default(),
            plans: Arc::default(),
            hanging: Arc::default(),
            called: Arc::default(),
        }
    }

    /// Another AWS, which is as this one is now, without its faults and hooks, and goes its own way from then on. Its clock
    /// shows `time` now, which may be an earlier time if the other AWS is left alone until it is as late as here.
    #[must_use]
    pub fn fork(&self, time: Timestamp) -> Self {
        let state = Arc::new(Mutex::new(self.state().clone()));
        Self { state, ..Self::starting_at(time) }
    }

    /// An HTTP client for the SDK that answers in process, whatever endpoint the SDK chose.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        client::in_process(self.clone())
    }

    /// Answers over HTTP until it is dropped, which also closes every connection.
    ///
    /// # Errors
    /// None: where a connection cannot be accepted, the next one is.
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        server::serve(self, listener).await;
        Ok(())
    }

    /// Sets what the containers of a service write that log by `awslogs` and come to an end before
    /// their time. Without it, that looks like an application that cannot reach its database.
    pub fn set_log_lines(&self, cluster: &str, service: &str, lines: Vec<String>) {
        self.state().logs.lines.insert((cluster.to_owned(), service.to_owned()), lines);
    }

    /// Lets ECS, CloudWatch Logs and every error quote these texts in what they say from now on over the
    /// wire: reasons, events, messages and log lines. Real ones quote parts of the task definition.
    pub fn set_quotes(&self, quotes: Vec<String>) {
        self.state().quotes = Quotes(quotes);
    }

    /// Puts a fault at calls that are still to come. Of several that fit a call, the oldest wins.
    pub fn inject(&self, fault: Fault) {
        self.plans().faults.inject(fault);
    }

    /// Limits how often operations may be called, from now on. Of several limits on an operation, the oldest counts.
    pub fn limit(&self, limit: RateLimit) {
        let now = self.clock.now();
        self.plans().limits.add(limit, now);
    }

    /// Takes all faults back. A call that hangs already is not answered.
    pub fn clear_faults(&self) {
        self.plans().faults = Faults::default();
    }

    /// Waits until a call hangs that is never answered.
    pub async fn hung(&self) {
        self.hanging.notified().await;
    }

    /// Waits for the next call, counted from now and not from when the wait begins, to be answered.
    pub fn called(&self) -> impl Future<Output = ()> {
        self.called.notified()
    }

    /// Every call that arrived over the wire, the SDK's further attempts too, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.all()
    }

    /// Keeps the latest `most` calls in the log, from now on: without it all, for ever.
    pub fn keep_calls(&self, most: usize) {
        self.state().calls.keep(most);
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.state().calls.clear();
    }

    /// Runs `then` right after the `nth` call (counted from 1 and from now on) of `operation` over
    /// the wire took effect, before it is answered.
    pub fn after_call(&self, operation: &str, nth: usize, then: impl FnOnce(&Self) + Send + 'static) {
        self.plans().hooks.add(HookMoment::After, operation, nth, Box::new(then));
    }

    /// Runs `then` right before the `nth` call (counted from 1 and from now on) of `operation` over
    /// the wire takes effect.
    pub fn before_call(&self, operation: &str, nth: usize, then: impl FnOnce(&Self) + Send + 'static) {
        self.plans().hooks.add(HookMoment::Before, operation, nth, Box::new(then));
    }

    /// The state behind its lock, which is never held across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panics while it holds the lock has failed already; the others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As [`Sandbox::new`].
impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sandbox")
    }
}
