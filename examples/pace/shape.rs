//! Rollouts of random shape.

use std::time::Duration;

use evenkeel_sandbox::{RolloutOutcome, Shape};
use fastrand::Rng;
use serde_json::{Value, json};

/// How rollouts are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Rolling,
    Several,
    Staged,
    CircuitBreaker,
    Alarm,
    CrashLoop,
    ByHand,
    Long,
}

/// The families, each with its share of a hundred shapes.
pub(crate) const FAMILIES: [(Family, usize); 8] = [
    (Family::Rolling, 20),
    (Family::Several, 18),
    (Family::Staged, 16),
    (Family::CircuitBreaker, 12),
    (Family::Alarm, 12),
    (Family::CrashLoop, 8),
    (Family::ByHand, 7),
    (Family::Long, 7),
];

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling update",
            Self::Several => "2 to 10 services",
            Self::Staged => "blue/green, canary",
            Self::CircuitBreaker => "circuit breaker",
            Self::Alarm => "alarm",
            Self::CrashLoop => "crash loop",
            Self::ByHand => "stopped, replaced",
            Self::Long => "10 min to an hour",
        }
    }
}

/// One command: the services that it deploys, and how the rollout of each goes.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) services: Vec<Course>,
}

/// How one service's rollout goes.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) shape: Shape,
    pub(crate) desired: u32,
    pub(crate) outcome: RolloutOutcome,
    /// How long the failures take that a circuit breaker or Evenkeel allows.
    pub(crate) failing: Duration,
    pub(crate) configuration: Value,
    /// What somebody does, and how long after the update.
    pub(crate) intervention: Option<(Duration, Intervention)>,
}

/// What somebody does to a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intervention {
    RaiseAlarm,
    Stop,
    Replace,
}

/// Draws a command of the family.
pub(crate) fn draw(family: Family, random: &mut Rng) -> Command {
    let services = if family == Family::Several { random.usize(2..=10) } else { 1 };
    Command { services: (0..services).map(|_| course(family, random)).collect() }
}

fn course(family: Family, random: &mut Rng) -> Course {
    let shape = shape(random);
    let plain = Course {
        shape,
        desired: *random.choice(&[1, 2, 2, 3, 4, 6, 10]).unwrap_or(&2),
        outcome: RolloutOutcome::Ok,
        failing: seconds(random, 8.0, 500.0),
        configuration: json!({}),
        intervention: None,
    };
    match family {
        Family::Rolling => plain,
        Family::Several => match random.u32(0..10) {
            0 => crashing(plain, true, random),
            1 | 2 => staged(plain, random),
            _ => plain,
        },
        Family::Staged => staged(plain, random),
        Family::CircuitBreaker => crashing(plain, true, random),
        Family::CrashLoop => crashing(plain, false, random),
        Family::Alarm => {
            let alarms = json!({ "alarmNames": ["web-5xx"], "enable": true, "rollback": random.bool() });
            let configuration = json!({ "alarms": alarms, "bakeTimeInMinutes": random.u32(0..4) });
            interrupted(Course { configuration, ..plain }, Intervention::RaiseAlarm, random)
        }
        Family::ByHand => {
            let what = if random.bool() { Intervention::Stop } else { Intervention::Replace };
            interrupted(plain, what, random)
        }
        Family::Long => {
            let start = Duration::from_secs(random.u64(600..3_600));
            Course { shape: Shape { start, ..shape }, ..plain }
        }
    }
}

/// New tasks are up after 2 to 200 s, old ones drain for up to 330 s, and ECS takes up to 15 s to call that steady.
fn shape(random: &mut Rng) -> Shape {
    let drain = if random.u32(0..10) < 4 { 0.0 } else { random.f64() * 330.0 };
    Shape {
        start: seconds(random, 2.0, 200.0),
        drain: Duration::from_secs_f64(drain),
        settle: Duration::from_secs_f64(random.f64() * 15.0),
    }
}

fn crashing(course: Course, is_guarded: bool, random: &mut Rng) -> Course {
    let breaker = json!({ "enable": is_guarded, "rollback": random.bool() });
    let outcomes = [RolloutOutcome::Crash, RolloutOutcome::Unhealthy, RolloutOutcome::OutOfMemory];
    Course {
        outcome: *random.choice(&outcomes).unwrap_or(&RolloutOutcome::Crash),
        // Half the desired count may fail, three at least: with more tasks the limit would be another one.
        desired: course.desired.min(6),
        configuration: json!({ "deploymentCircuitBreaker": breaker }),
        ..course
    }
}

fn staged(course: Course, random: &mut Rng) -> Course {
    let bake = random.u32(0..4);
    let mut configuration = match random.u32(0..3) {
        0 => json!({ "strategy": "BLUE_GREEN" }),
        1 => {
            let canary = json!({ "canaryPercent": 10.0, "canaryBakeTimeInMinutes": random.u32(0..3) });
            json!({ "strategy": "CANARY", "canaryConfiguration": canary })
        }
        _ => {
            let linear = json!({ "stepPercent": 50.0, "stepBakeTimeInMinutes": random.u32(0..3) });
            json!({ "strategy": "LINEAR", "linearConfiguration": linear })
        }
    };
    configuration["bakeTimeInMinutes"] = json!(bake);
    let is_failing = random.u32(0..4) == 0;
    if is_failing {
        configuration["deploymentCircuitBreaker"] = json!({ "enable": random.bool(), "rollback": true });
    }
    let outcome = if is_failing { RolloutOutcome::Crash } else { RolloutOutcome::Ok };
    Course { configuration, outcome, desired: course.desired.min(6), ..course }
}

/// Somebody intervenes at any moment before the end.
fn interrupted(course: Course, what: Intervention, random: &mut Rng) -> Course {
    let Shape { start, drain, settle } = course.shape;
    let all = start + drain + settle;
    let at = Duration::from_secs(1) + all.mul_f64(0.95 * random.f64());
    Course { intervention: Some((at, what)), ..course }
}

/// A time between two, short ones as often as long ones.
fn seconds(random: &mut Rng, least: f64, most: f64) -> Duration {
    Duration::from_secs_f64(least * (most / least).powf(random.f64()))
}
