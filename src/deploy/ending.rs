//! How the deployment of one service ends.

use evenkeel_core::deployment::{Ending, Event, Outcome, Phase};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::Cloud;

use super::advice::{GoingOn, going_on};
use super::context::Context;
use super::run::Run;
use super::{Progress, explain};

/// Ends the run as was decided, once what ECS really runs, or why the rollout failed, is known.
///
/// # Errors
/// None of ECS's.
pub(super) async fn finish<E: Cloud>(
    cx: &mut Context<'_, E>,
    run: &mut Run,
    mut ending: Ending,
) -> Result<(), Failure> {
    if ending.outcome == Outcome::Deployed {
        ending = explain::confirm(cx, run, ending).await;
        explain::warn_of_a_caveat(cx, run);
    }
    if matches!(ending.outcome, Outcome::RolledBack | Outcome::Failed | Outcome::TimedOut) {
        ending = explain::explain(cx, run, ending).await;
    }
    run.ended = Some(cx.clock.now());
    run.failure = ending.failure(&run.named);
    (cx.listen)(Progress::Ended {
        service: &run.named,
        outcome: ending.outcome,
        reason: (!ending.reason.is_empty()).then_some(&ending.reason),
    });
    run.apply(Event::Ended(ending))
}

/// Ends the run by a failure that is not the rollout's own.
pub(super) fn fail<E>(cx: &mut Context<'_, E>, run: &mut Run, failure: Failure) {
    let reason = failure.to_string();
    let outcome = run.fail(failure, cx.clock.now());
    (cx.listen)(Progress::Ended { service: &run.named, outcome, reason: Some(&reason) });
}

/// Ends the run because a step of it failed.
pub(super) fn give_up<E>(cx: &mut Context<'_, E>, run: &mut Run, failure: Failure) {
    // ECS goes on with a rollout, also when the caller may not read its state any more.
    let is_blind = matches!(failure.kind(), FailureKind::Denied | FailureKind::Unavailable);
    if is_blind && run.phase.rollout().is_some() || run.lacks_a_change() {
        lose_sight(cx, run, failure);
    } else {
        fail(cx, run, failure);
    }
}

/// Ends the run while its rollout or rollback goes on in ECS, because it cannot be followed any more.
pub(super) fn lose_sight<E>(cx: &mut Context<'_, E>, run: &mut Run, failure: Failure) {
    let Some(GoingOn { what, advice }) = going_on(cx, run) else { return fail(cx, run, failure) };
    let record = if run.is_recorded { ", and its record stays in progress" } else { "" };
    let then = if run.lacks_a_change() {
        "and a revision with the changes of both could not be deployed"
    } else {
        "but it cannot be followed any more"
    };
    let what = format!("{what}{record}, {then}");
    let left = Failure::new(failure.kind(), what);
    // To run the same command again, as the call advises, is wrong while the service is rolled back.
    let is_wrong =
        failure.kind() == FailureKind::Unavailable && !matches!(run.phase, Phase::RollingOut { .. });
    let left = if is_wrong { left.because(failure.without_advice()) } else { left.caused_by(failure) };
    fail(cx, run, left.advice(advice));
}

/// The failure of a run that a signal ends.
pub(super) fn interrupted<E>(cx: &Context<'_, E>, run: &Run, kind: FailureKind) -> Failure {
    let failure = Failure::new(kind, format!("the deployment of service {} was interrupted", run.named));
    let (mut what, mut advice) = match going_on(cx, run) {
        Some(going_on) => (going_on.what, going_on.advice),
        None => ("the service was not changed".to_owned(), "Run the same command again to deploy".to_owned()),
    };
    if let Some(task) = cx.running_task() {
        let cluster = cx.request.cluster.short();
        what = format!("{what}; task {task} goes on");
        advice = format!("{advice}. `aws ecs stop-task --cluster {cluster} --task {task}` stops the task");
    }
    failure.because(what).advice(advice)
}

/// A service whose turn has not come is left as it is when another one has failed.
///
/// # Errors
/// The failure of the service in the place `at`, if that is so.
pub(super) fn check_that_no_other_failed(runs: &[Run], at: usize) -> Result<(), Failure> {
    let run = &runs[at];
    match runs.iter().find(|other| other.failure.is_some()) {
        Some(failed) if run.phase.rollout().is_none() => {
            let kind = failed.failure.as_ref().map_or(FailureKind::Bug, Failure::kind);
            Err(Failure::new(kind, format!("service {} was left as it is", run.named))
                .because(format!("the deployment of service {} failed", failed.named)))
        }
        Some(_) | None => Ok(()),
    }
}
