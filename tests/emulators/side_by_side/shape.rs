//! Rollouts of random shape.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

/// How the deployment of one service goes.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) desired: usize,
    /// Whether the circuit breaker of a rollout that succeeds is on.
    has_breaker: bool,
    /// Whether the caller may not read service deployments, so that the list of deployments alone decides.
    pub(super) is_denied: bool,
    /// Whether tasks that drain still count as running. AWS does not document that.
    pub(super) counts_draining: bool,
    /// The pace of the deployment, and of Evenkeel's own rollback where that follows.
    pub(super) paces: Vec<Pace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A rolling update that succeeds.
    Rolling,
    /// A blue/green deployment that succeeds.
    BlueGreen,
    /// The circuit breaker trips, and ECS rolls back.
    RolledBack(Failing),
    /// The circuit breaker trips, and ECS leaves the service as it is.
    GivenUp(Failing),
}

/// How tasks fail, in ways that ECS's circuit breaker counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// A container exits before the task runs.
    Exits,
    /// The task runs, and the load balancer finds it unhealthy.
    Unhealthy,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// From the update until all new tasks run, or until the circuit breaker trips.
    pub(super) up: Duration,
    /// How long tasks drain that are not wanted any more.
    pub(super) drain: Duration,
    /// From then on until the service deployment ends.
    pub(super) settle: Duration,
    /// How much later the service's list of deployments says so: `SUCCESSFUL` was seen before `COMPLETED`.
    pub(super) lag: Duration,
    /// How long the service names the former service deployment as its current one, which ECS does for a moment.
    pub(super) outdated: Duration,
}

/// The length of the bake time of a blue/green deployment. ECS takes whole minutes.
pub(super) const BAKE: Duration = Duration::from_secs(60);

/// Draws the shapes of twelve services, in random order.
pub(super) fn draw_twelve(random: &mut Rng) -> Vec<Shape> {
    let failing = |random: &mut Rng| if random.bool() { Failing::Exits } else { Failing::Unhealthy };
    let mut kinds = vec![Kind::BlueGreen, Kind::BlueGreen];
    kinds.extend([Kind::RolledBack(failing(random)), Kind::RolledBack(failing(random))]);
    kinds.push(Kind::GivenUp(failing(random)));
    let others = kinds.len();
    kinds.resize(12, Kind::Rolling);
    // The list of deployments decides a plain success, and something that is harder to tell by it.
    let denied = [random.usize(..others), random.usize(others..kinds.len())];
    let drawn = kinds.iter().enumerate().map(|(at, kind)| draw(*kind, denied.contains(&at), random));
    let mut shapes: Vec<Shape> = drawn.collect();
    random.shuffle(&mut shapes);
    shapes
}

fn draw(kind: Kind, is_denied: bool, random: &mut Rng) -> Shape {
    let paces = match kind {
        Kind::Rolling => vec![pace(140, 120, random)],
        // The bake time comes on top.
        Kind::BlueGreen => vec![pace(80, 80, random)],
        Kind::RolledBack(_) => vec![pace(120, 120, random)],
        Kind::GivenUp(_) => vec![pace(100, 0, random), pace(70, 60, random)],
    };
    Shape {
        kind,
        // With more tasks the circuit breaker would allow for more failures than three.
        desired: random.usize(1..=6),
        has_breaker: random.bool(),
        is_denied,
        counts_draining: random.bool(),
        paces,
    }
}

/// New tasks are up after eight seconds at least; short times are drawn as often as long ones.
fn pace(up: u32, drain: u32, random: &mut Rng) -> Pace {
    let up = 8.0 * (f64::from(up) / 8.0).powf(random.f64());
    let drain = if random.u32(0..4) == 0 { 0.0 } else { f64::from(drain) * random.f64() };
    Pace {
        up: Duration::from_secs_f64(up),
        drain: Duration::from_secs_f64(drain),
        settle: Duration::from_secs_f64(10.0 * random.f64()),
        lag: Duration::from_secs_f64(2.0 * random.f64()),
        outdated: Duration::from_secs_f64(1.6 + 3.0 * random.f64()),
    }
}

impl Shape {
    /// The service's `deploymentConfiguration`.
    pub(super) fn configuration(&self) -> Value {
        let (is_on, rolls_back) = match self.kind {
            Kind::Rolling | Kind::BlueGreen => (self.has_breaker, true),
            Kind::RolledBack(_) => (true, true),
            Kind::GivenUp(_) => (true, false),
        };
        let is_staged = self.kind == Kind::BlueGreen;
        json!({
            "strategy": if is_staged { "BLUE_GREEN" } else { "ROLLING" },
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "bakeTimeInMinutes": if is_staged { BAKE.as_secs() / 60 } else { 0 },
            "deploymentCircuitBreaker": { "enable": is_on, "rollback": is_on && rolls_back },
        })
    }

    /// The exit status, the outcome and the revision that the service is to end with.
    pub(super) fn expected(&self) -> (i32, &'static str, u64) {
        match self.kind {
            Kind::Rolling | Kind::BlueGreen => (0, "deployed", 2),
            Kind::RolledBack(_) | Kind::GivenUp(_) => (1, "rolled_back", 1),
        }
    }

    /// For people: what it is.
    pub(super) fn words(&self) -> String {
        let seconds = |time: Duration| time.as_secs();
        let kind = match self.kind {
            Kind::Rolling => "rolling update",
            Kind::BlueGreen => "blue/green, 1 min bake",
            Kind::RolledBack(_) => "breaker, ECS rolls back",
            Kind::GivenUp(_) => "breaker without rollback",
        };
        let by = if self.is_denied { ", by the list alone" } else { "" };
        let Pace { up, drain, settle, .. } = self.paces[0];
        let (up, drain, settle) = (seconds(up), seconds(drain), seconds(settle));
        format!("{kind}, {} tasks, {up} + {drain} + {settle} s{by}", self.desired)
    }
}
