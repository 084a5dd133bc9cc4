//! `evenkeel run`: one task of a service's revision, from its start to its end.
//!
//! # Flow
//! Read the service and its revision → turns of [`OneOff`], a poll interval apart → the last lines of the log.
//!
//! # Guarantees
//! * One task for each revision and command in one execution: see [`evenkeel_core::one_off`].
//! * An interrupt and the time-out end waits, and never cut a call that changes something.

use std::pin::pin;
use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::ports::{Ecs, Logs, Masked, OneOffTasks};
use evenkeel_core::request::{ClusterName, ServiceName};

use crate::clock::{Clock, Moment};

use super::follow::Course;
use super::hearing::Hearing;
use super::prepare::prepare;
use super::{TaskListener, TaskReport};

/// A one-off task that somebody asked for.
#[derive(Clone)]
pub struct RunRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The service in whose surroundings it runs.
    pub service: ServiceName,
    /// The container; the only one of the definition, if none is named.
    pub container: Option<String>,
    /// A revision's number, `family:revision` or ARN; else the live one.
    pub revision: Option<String>,
    /// The container's command; its own, if there are no words.
    pub command: Vec<String>,
    /// Variables that are added to the container's environment.
    pub environment: Vec<(String, String)>,
    /// The task's CPU units instead of its definition's.
    pub cpu: Option<u32>,
    /// The task's memory in MiB instead of its definition's.
    pub memory: Option<u32>,
    /// How long is waited for the task's start, and for its end from its start on.
    pub timeout: Duration,
    /// How long is waited for capacity.
    pub placement_grace: Duration,
    /// The poll interval.
    pub poll: Duration,
    /// What to do about the task at an interrupt.
    pub on_interrupt: OnInterrupt,
    /// Which execution of the command it is.
    pub execution: ExecutionId,
}

/// What to do about a task at an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// Stop it.
    Stop,
    /// Let it go on.
    Leave,
}

/// Runs the task to its end, and reports that; never fails otherwise. `interrupt` is ready when the command is to end early.
pub async fn run<E: Ecs + OneOffTasks + Logs>(
    ecs: &E,
    clock: Clock,
    request: &RunRequest,
    interrupt: impl Future<Output = FailureKind> + Send,
    listen: &mut TaskListener<'_>,
) -> TaskReport {
    let ecs = &Masked::new(ecs);
    let began = Moment::now();
    let mut interrupt = pin!(interrupt);
    let prepared = tokio::select! {
        biased;
        kind = interrupt.as_mut() => Err(not_begun(kind)),
        prepared = prepare(ecs, request) => prepared,
        () = clock.sleep(request.timeout) => Err(too_late(request.timeout)),
    };
    let mut report = match prepared {
        Ok(prepared) => {
            let course = Course::new(ecs, clock, request, began, prepared, Hearing::new(listen));
            course.follow(interrupt).await
        }
        Err(failure) => TaskReport {
            duration: Moment::now().since(began),
            ..TaskReport::refused(ecs.hide_failure(failure))
        },
    };
    report.service = Some((request.cluster.to_string(), request.service.to_string()));
    report
}

fn not_begun(kind: FailureKind) -> Failure {
    Failure::new(kind, "the command was interrupted before it began")
        .because("no task was started")
        .advice("Run the same command again")
}

fn too_late(timeout: Duration) -> Failure {
    let what = format!("no task was started within {} s", timeout.as_secs());
    Failure::new(FailureKind::TimedOut, what)
        .because("the service and its revision were not read by then")
        .advice("Look into the log for calls that did not answer, then run the same command again")
}
