//! A service under test as `DescribeServices` shows it.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::shape::{Kind, Shape};
use super::timeline::{COUNTED, RECORDED, Rollout};

/// A service, what it ran at first, and what was rolled out on it since.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) shape: Shape,
    pub(super) former: Former,
    pub(super) rollouts: Vec<Rollout>,
}

/// The deployment that the service's creation made.
#[derive(Debug)]
pub(super) struct Former {
    pub(super) number: u64,
    pub(super) definition: String,
    pub(super) created: Timestamp,
}

/// An entry of `deployments`.
struct Listed<'a> {
    number: u64,
    status: &'static str,
    definition: &'a str,
    created: Timestamp,
    desired: usize,
    /// How many tasks run and are pending.
    counts: (usize, usize),
    failed: usize,
    state: State,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InProgress,
    Completed,
    Failed,
}

impl Service {
    /// An update has begun to roll out this definition.
    pub(super) fn begin(&mut self, definition: &str, began: Timestamp) {
        let nth = self.rollouts.len();
        // What follows a deployment that ECS gave up is Evenkeel's rollback, which succeeds.
        let kind = if nth == 0 { self.shape.kind } else { Kind::Rolling };
        self.rollouts.push(Rollout {
            kind,
            // More than are expected are counted when all is over.
            pace: self.shape.paces[nth.min(self.shape.paces.len() - 1)],
            desired: self.shape.desired,
            number: draw_number(),
            definition: definition.to_owned(),
            began,
        });
    }

    /// The newest rollout, and how long ago it began.
    pub(super) fn newest(&self, now: Timestamp) -> Option<(&Rollout, Duration)> {
        self.rollouts.last().map(|rollout| (rollout, now.since(rollout.began)))
    }

    /// Shows in `service`, as the emulator describes it, what the timeline says.
    pub(super) fn show(&self, service: &mut Value, now: Timestamp) {
        let listed = self.listed(now);
        let sum = |count: fn(&Listed<'_>) -> usize| listed.iter().map(count).sum::<usize>();
        service["taskDefinition"] = json!(listed[0].definition);
        service["runningCount"] = json!(sum(|listed| listed.counts.0));
        service["pendingCount"] = json!(sum(|listed| listed.counts.1));
        service["deployments"] = listed.iter().map(|listed| self.deployment(listed)).collect();
        service["events"] = self.events(now);
        service["currentServiceDeployment"] = json!(self.current_record(now));
        service["currentServiceRevisions"] = listed.iter().map(|listed| self.revision(listed)).collect();
    }

    /// As `show`, in the response to an update: that names no service deployment.
    pub(super) fn show_updated(&self, service: &mut Value, now: Timestamp) {
        self.show(service, now);
        if let Some(members) = service.as_object_mut() {
            members.remove("currentServiceDeployment");
        }
    }

    /// Of the former service deployment for a moment after the newest one was made.
    fn current_record(&self, now: Timestamp) -> String {
        let shown = |rollout: &&Rollout| now.since(rollout.began) >= rollout.pace.outdated.max(RECORDED);
        let current = self.rollouts.iter().rev().find(shown);
        self.record_arn(current.map_or(self.former.number, |rollout| rollout.number))
    }

    /// How many tasks of the former deployment run, and whether that is listed.
    pub(super) fn former_tasks(&self, now: Timestamp) -> Option<usize> {
        let all = Some(self.shape.desired);
        let Some((newest, at)) = self.newest(now) else { return all };
        match newest.kind {
            Kind::RolledBack(_) | Kind::GivenUp(_) => all,
            Kind::Rolling | Kind::BlueGreen if at < newest.drains() => all,
            Kind::Rolling | Kind::BlueGreen if at < newest.drained() => {
                if self.shape.counts_draining {
                    all
                } else {
                    Some(0)
                }
            }
            Kind::Rolling | Kind::BlueGreen => None,
        }
    }

    /// The entries of `deployments`, the PRIMARY one first.
    fn listed(&self, now: Timestamp) -> Vec<Listed<'_>> {
        let Some((newest, at)) = self.newest(now) else {
            return vec![self.former("PRIMARY", State::Completed, self.shape.desired)];
        };
        let mut listed = Vec::new();
        let has_ended = at >= newest.ends_in_list();
        if newest.rolls_back().is_some_and(|back| at >= back) {
            let mut former = self.former("PRIMARY", ended(has_ended, State::Completed), self.shape.desired);
            let back = format!("rolling back to deploymentId ecs-svc/{}.", self.former.number);
            former.reason = Some(format!("ECS deployment circuit breaker: {back}"));
            listed.push(former);
            if at < newest.drained() {
                // The model does not name this status, but ECS shows it.
                listed.push(Listed { status: "DRAINING", desired: 0, ..given_up(newest, at) });
            }
            return listed;
        }
        let state = if matches!(newest.kind, Kind::GivenUp(_)) { State::Failed } else { State::Completed };
        let state = ended(has_ended, state);
        listed.push(if state == State::Failed { given_up(newest, at) } else { of(newest, at, state) });
        if let Some(running) = self.former_tasks(now) {
            let earlier = self.rollouts.iter().rev().skip(1);
            listed.extend(earlier.map(|rollout| Listed {
                status: "ACTIVE",
                desired: 0,
                ..given_up(rollout, now.since(rollout.began))
            }));
            listed.push(self.former("ACTIVE", State::Completed, running));
        }
        listed
    }

    fn former(&self, status: &'static str, state: State, running: usize) -> Listed<'_> {
        let Former { number, definition, created } = &self.former;
        Listed {
            number: *number,
            status,
            definition,
            created: *created,
            desired: running,
            counts: (running, 0),
            failed: 0,
            state,
            reason: None,
        }
    }

    fn deployment(&self, listed: &Listed<'_>) -> Value {
        let number = listed.number;
        let (state, what) = match listed.state {
            State::InProgress => ("IN_PROGRESS", "in progress"),
            State::Completed => ("COMPLETED", "completed"),
            State::Failed => ("FAILED", "failed"),
        };
        let mut deployment = json!({
            "id": format!("ecs-svc/{number}"),
            "status": listed.status,
            "taskDefinition": listed.definition,
            "desiredCount": listed.desired,
            "runningCount": listed.counts.0,
            "pendingCount": listed.counts.1,
            "failedTasks": listed.failed,
            "createdAt": seconds(listed.created),
            "updatedAt": seconds(listed.created),
            "launchType": "FARGATE",
        });
        // "The rolloutState of a service is only returned for services that use the rolling update deployment type."
        if self.shape.kind != Kind::BlueGreen {
            let usual = || format!("ECS deployment ecs-svc/{number} {what}.");
            deployment["rolloutState"] = json!(state);
            deployment["rolloutStateReason"] = json!(listed.reason.clone().unwrap_or_else(usual));
        }
        deployment
    }

    fn revision(&self, listed: &Listed<'_>) -> Value {
        summary(&self.revision_arn(listed.number), listed.desired, listed.counts)
    }

    /// The ARN of something of this service: `…:kind/cluster/service/id`.
    pub(super) fn arn_of(&self, kind: &str, id: &str) -> String {
        format!("{}/{id}", self.arn.replacen(":service/", &format!(":{kind}/"), 1))
    }

    pub(super) fn revision_arn(&self, number: u64) -> String {
        self.arn_of("service-revision", &number.to_string())
    }

    /// Its id is no number, and says nothing of the revision.
    pub(super) fn record_arn(&self, number: u64) -> String {
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.arn_of("service-deployment", &format!("rec_{id:017x}"))
    }
}

/// The number of a new deployment: nineteen digits, in no order.
pub(super) fn draw_number() -> u64 {
    fastrand::u64(1_000_000_000_000_000_000..10_000_000_000_000_000_000)
}

/// `PRIMARY`, and desired by nobody in its first seconds.
fn of(rollout: &Rollout, at: Duration, state: State) -> Listed<'_> {
    Listed {
        number: rollout.number,
        status: "PRIMARY",
        definition: &rollout.definition,
        created: rollout.began,
        desired: if at < COUNTED.min(rollout.starts()) { 0 } else { rollout.desired },
        counts: rollout.counts(at),
        failed: rollout.failures(at),
        state,
        reason: None,
    }
}

fn given_up(rollout: &Rollout, at: Duration) -> Listed<'_> {
    let reason = Some("ECS deployment circuit breaker: tasks failed to start.".to_owned());
    Listed { reason, ..of(rollout, at, State::Failed) }
}

fn ended(has_ended: bool, state: State) -> State {
    if has_ended { state } else { State::InProgress }
}

/// A service revision with the number of its tasks.
pub(super) fn summary(arn: &str, requested: usize, (running, pending): (usize, usize)) -> Value {
    json!({
        "arn": arn,
        "requestedTaskCount": requested,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    })
}

/// As AWS's JSON has times.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.since_epoch().as_secs_f64()
}
