use std::time::Duration;

use super::*;
use crate::request::OnFailure;
use crate::samples::{self, at, id};
use crate::service::RolloutState;
use crate::service_deployment::ServiceDeploymentStatus;

const BEGIN: u64 = 1_000;

fn arn(revision: u64) -> TaskDefinitionArn {
    samples::arn(&format!("web:{revision}"))
}

/// The service is on deployment `number` of revision `revision`.
fn on(number: u64, revision: u64, rollout: RolloutState) -> Observation {
    let primary = samples::primary(number, &format!("web:{revision}"), rollout);
    Observation::of(samples::service("web", vec![primary]))
}

fn target(revision: u64, base: u64) -> Target {
    Target {
        revision: arn(revision),
        base: arn(base),
        live: arn(base),
        replaces: Some(id(1)),
        seen_until: at(BEGIN),
    }
}

fn rollout(number: Option<u64>, revision: u64) -> Rollout {
    Rollout { revision: arn(revision), deployment: number.map(id), replaced: Some(id(1)), since: at(BEGIN) }
}

fn rolling_out() -> Phase {
    Phase::RollingOut { rollout: rollout(Some(2), 2), former: Some(arn(1)), overtaken: None }
}

fn why(outcome: Outcome) -> Why {
    Why { outcome, reason: "it crashed".to_owned() }
}

fn undoing() -> Phase {
    undoing_by(Way::Update)
}

fn undoing_by(way: Way) -> Phase {
    let why = why(Outcome::RolledBack);
    Phase::Undoing { rollout: rollout(Some(2), 2), to: Some(arn(1)), why, way }
}

fn rolling_back(outcome: Outcome) -> Phase {
    let back = Rollout { replaced: Some(id(2)), ..rollout(Some(3), 1) };
    Phase::RollingBack { rollout: back, why: why(outcome), overtaken: None }
}

fn next(phase: &Phase, seen: &Observation, seconds: u64, policy: &Policy) -> Decision {
    decide(phase, seen, at(BEGIN + seconds), policy)
}

/// The outcome that the decision ends with.
fn outcome(decision: &Decision) -> Option<Outcome> {
    if let Decision::Finish(ending) = decision { Some(ending.outcome) } else { None }
}

use RolloutState::{Completed, Failed, InProgress};

#[test]
fn what_is_live_and_completed_is_unchanged() {
    let phase = Phase::Registered(target(1, 1));
    let decision = next(&phase, &on(1, 1, Completed), 0, &Policy::default());
    assert_eq!(outcome(&decision), Some(Outcome::Unchanged));
}

#[test]
fn a_revision_that_exists_is_rolled_out_joined_or_planned_again() {
    let policy = Policy::default();
    let new = Phase::Registered(target(2, 1));
    assert_eq!(next(&new, &on(1, 1, Completed), 0, &policy), Decision::Update { force: false });
    assert_eq!(next(&new, &on(1, 1, InProgress), 0, &policy), Decision::Update { force: false });
    // Our own update took effect, but its answer was lost.
    assert_eq!(next(&new, &on(2, 2, InProgress), 0, &policy), Decision::Join(id(2)));
    assert_eq!(next(&new, &on(2, 2, Completed), 0, &policy), Decision::Join(id(2)));
    assert_eq!(next(&new, &on(7, 7, InProgress), 0, &policy), Decision::PlanAgain(arn(7)));

    let live = Phase::Registered(target(1, 1));
    assert_eq!(next(&live, &on(1, 1, InProgress), 0, &policy), Decision::Join(id(1)));
    let force = Policy { force_new_deployment: true, ..policy };
    assert_eq!(next(&live, &on(1, 1, Completed), 0, &force), Decision::Update { force: true });
    assert_eq!(next(&live, &on(2, 1, InProgress), 0, &force), Decision::Join(id(2)), "forced already");
}

#[test]
fn a_rollout_is_waited_for_until_it_is_over() {
    let policy = Policy::default();
    assert_eq!(next(&rolling_out(), &on(2, 2, InProgress), 1, &policy), Decision::Wait);
    let done = next(&rolling_out(), &on(2, 2, Completed), 1, &policy);
    assert_eq!(outcome(&done), Some(Outcome::Deployed));
    let lost = next(&rolling_out(), &on(9, 9, InProgress), 1, &policy);
    assert_eq!(outcome(&lost), Some(Outcome::Superseded));
    let no_wait = Policy { no_wait: true, ..policy };
    let started = next(&rolling_out(), &on(2, 2, InProgress), 1, &no_wait);
    assert_eq!(outcome(&started), Some(Outcome::Started));
}

#[test]
fn a_failure_goes_back_when_it_is_wanted_and_possible() {
    let policy = Policy::default();
    let leave = Policy { on_failure: OnFailure::Leave, ..policy.clone() };
    let failed = on(2, 2, Failed);
    let Decision::Undo { to, why } = next(&rolling_out(), &failed, 1, &policy) else {
        panic!("it does not go back");
    };
    assert_eq!((to, why.outcome), (Some(arn(1)), Outcome::RolledBack));
    assert_eq!(outcome(&next(&rolling_out(), &failed, 1, &leave)), Some(Outcome::Failed));
    let joined = Phase::RollingOut { rollout: rollout(Some(2), 2), former: None, overtaken: None };
    assert_eq!(outcome(&next(&joined, &failed, 1, &policy)), Some(Outcome::Failed));
}

#[test]
fn the_time_out_counts_from_the_rollouts_beginning() {
    let policy = Policy { timeout: Duration::from_secs(60), ..Policy::default() };
    let leave = Policy { on_failure: OnFailure::Leave, ..policy.clone() };
    let slow = on(2, 2, InProgress);
    assert_eq!(next(&rolling_out(), &slow, 59, &policy), Decision::Wait);
    assert!(matches!(
        next(&rolling_out(), &slow, 60, &policy),
        Decision::Undo { why: Why { outcome: Outcome::TimedOut, .. }, .. }
    ));
    assert_eq!(outcome(&next(&rolling_out(), &slow, 60, &leave)), Some(Outcome::TimedOut));
    // A deployment that ECS never showed is nobody's to undo.
    let unseen = Phase::RollingOut { rollout: rollout(None, 2), former: Some(arn(1)), overtaken: None };
    assert_eq!(next(&unseen, &on(1, 1, Completed), 59, &policy), Decision::Wait);
    assert_eq!(outcome(&next(&unseen, &on(1, 1, Completed), 60, &policy)), Some(Outcome::TimedOut));
    assert_eq!(next(&unseen, &on(2, 2, InProgress), 5, &policy), Decision::Join(id(2)));
}

#[test]
fn what_is_to_be_put_back_is_put_back_once() {
    let policy = Policy::default();
    let back = Decision::RollBack { to: arn(1), why: why(Outcome::RolledBack) };
    assert_eq!(next(&undoing(), &on(2, 2, Failed), 1, &policy), back);
    // It was done before: by us, whose answer was lost, or by ECS.
    assert_eq!(next(&undoing(), &on(3, 1, InProgress), 1, &policy), Decision::Join(id(3)));
    assert_eq!(outcome(&next(&undoing(), &on(9, 9, InProgress), 1, &policy)), Some(Outcome::Superseded));
}

/// As `on`, with what ECS's own record of deployment 2 says.
fn recorded(seen: Observation, status: ServiceDeploymentStatus) -> Observation {
    Observation { service_deployment: Some(samples::record(2, status)), ..seen }
}

#[test]
fn ecs_is_asked_to_go_back_where_it_can_be_and_an_update_does_it_otherwise() {
    use ServiceDeploymentStatus as Status;
    let policy = Policy::default();
    let open = undoing_by(Way::Open);
    let ongoing = recorded(on(2, 2, InProgress), Status::InProgress);
    let arn = samples::record(2, Status::InProgress).arn;
    assert_eq!(next(&open, &ongoing, 1, &policy), Decision::Stop(arn));
    assert_eq!(next(&open, &on(2, 2, InProgress), 1, &policy), Decision::StopRelying, "no record");
    let ended = recorded(on(2, 2, Failed), Status::Stopped);
    assert_eq!(next(&open, &ended, 1, &policy), Decision::StopRelying, "it has ended");
    let refused = open.apply(Event::StopRefused).unwrap();
    let update = Decision::RollBack { to: self::arn(1), why: why(Outcome::RolledBack) };
    assert_eq!(next(&refused, &ongoing, 1, &policy), update);
}

#[test]
fn a_rollback_by_ecs_is_followed_in_the_record_of_what_it_undoes() {
    use ServiceDeploymentStatus as Status;
    let policy = Policy { timeout: Duration::from_secs(600), ..Policy::default() };
    let asked = undoing_by(Way::Asked(at(BEGIN)));
    let see = |number, revision, status| recorded(on(number, revision, InProgress), status);
    let decide = |seen: &Observation, seconds| next(&asked, seen, seconds, &policy);
    assert_eq!(decide(&see(2, 2, Status::InProgress), 59), Decision::Wait, "it may not be seen yet");
    assert_eq!(decide(&see(2, 2, Status::InProgress), 60), Decision::StopRelying);
    assert_eq!(decide(&see(3, 1, Status::RollingBack), 599), Decision::Wait);
    assert_eq!(outcome(&decide(&see(3, 1, Status::RollingBack), 600)), Some(Outcome::Failed));
    assert_eq!(outcome(&decide(&see(3, 1, Status::RolledBack), 1)), Some(Outcome::RolledBack));
    assert_eq!(outcome(&decide(&see(9, 9, Status::Stopped), 1)), Some(Outcome::Superseded));
    assert_eq!(decide(&see(2, 2, Status::RollbackFailed), 1), Decision::StopRelying);
    assert_eq!(outcome(&decide(&see(2, 2, Status::Successful), 1)), Some(Outcome::Deployed), "just before");
    // Without the record its PRIMARY deployment tells.
    assert_eq!(decide(&on(2, 2, InProgress), 59), Decision::Wait);
    assert_eq!(decide(&on(3, 1, InProgress), 59), Decision::Join(id(3)));
    assert_eq!(outcome(&decide(&on(9, 9, InProgress), 59)), Some(Outcome::Superseded));
}

#[test]
fn what_nobody_knows_the_former_revision_of_is_left_to_ecs() {
    use ServiceDeploymentStatus as Status;
    let policy = Policy::default();
    let joined = Phase::RollingOut { rollout: rollout(Some(2), 2), former: None, overtaken: None };
    let failed = on(2, 2, Failed);
    assert_eq!(outcome(&next(&joined, &failed, 1, &policy)), Some(Outcome::Failed));
    let late = recorded(on(2, 2, InProgress), Status::InProgress);
    let Decision::Undo { to: None, .. } = next(&joined, &late, 99_999, &policy) else {
        panic!("ECS is not asked");
    };
    let refused = Phase::Undoing {
        rollout: rollout(Some(2), 2),
        to: None,
        why: why(Outcome::TimedOut),
        way: Way::Update,
    };
    assert_eq!(outcome(&next(&refused, &late, 1, &policy)), Some(Outcome::TimedOut));
}

#[test]
fn a_rollback_keeps_the_outcome_that_was_earned() {
    let policy = Policy { timeout: Duration::from_secs(60), ..Policy::default() };
    for earned in [Outcome::RolledBack, Outcome::TimedOut] {
        let back = next(&rolling_back(earned), &on(3, 1, Completed), 1, &policy);
        assert_eq!(outcome(&back), Some(earned));
        assert_eq!(next(&rolling_back(earned), &on(3, 1, InProgress), 59, &policy), Decision::Wait);
        let rival = next(&rolling_back(earned), &on(9, 9, InProgress), 1, &policy);
        assert_eq!(outcome(&rival), Some(Outcome::Superseded));
        let not_back = if earned == Outcome::TimedOut { earned } else { Outcome::Failed };
        for (seen, seconds) in [(on(3, 1, InProgress), 60), (on(3, 1, Failed), 1)] {
            assert_eq!(outcome(&next(&rolling_back(earned), &seen, seconds, &policy)), Some(not_back));
        }
    }
}

#[test]
fn every_event_has_its_phases_and_any_other_is_a_bug() {
    let ending = || Ending { outcome: Outcome::Deployed, reason: String::new() };
    let unseen = || Phase::RollingOut { rollout: rollout(None, 2), former: Some(arn(1)), overtaken: None };
    let phases = || {
        [
            Phase::Pending,
            Phase::Registered(target(2, 1)),
            rolling_out(),
            unseen(),
            undoing(),
            rolling_back(Outcome::RolledBack),
            Phase::Done(ending()),
        ]
    };
    let table = [
        (Event::Registered(target(2, 1)), [true, false, false, false, false, false, false]),
        (
            Event::RolloutStarted { rollout: rollout(Some(2), 2), former: Some(arn(1)), overtaken: None },
            [false, true, false, false, false, false, false],
        ),
        (Event::DeploymentSeen(id(2)), [false, false, false, true, false, true, false]),
        (
            Event::RollbackStarted {
                rollout: rollout(Some(3), 1),
                why: why(Outcome::RolledBack),
                overtaken: None,
            },
            [false, false, false, false, true, false, false],
        ),
        (
            Event::Undone { to: Some(arn(1)), why: why(Outcome::RolledBack) },
            [false, false, true, true, false, false, false],
        ),
        (Event::StopAsked(at(BEGIN)), [false, false, false, false, true, false, false]),
        (Event::StopRefused, [false, false, false, false, true, false, false]),
        (Event::Reconciled, [false; 7]),
        (Event::PlannedAgain, [false, true, true, true, false, false, false]),
        (Event::Ended(ending()), [true, true, true, true, true, true, false]),
    ];
    for (event, legal) in table {
        for (phase, is_legal) in phases().into_iter().zip(legal) {
            let applied = phase.clone().apply(event.clone());
            assert_eq!(applied.is_ok(), is_legal, "{event:?} in {phase:?}");
        }
    }
    assert_eq!(unseen().apply(Event::DeploymentSeen(id(2))).unwrap(), rolling_out());
    assert_eq!(rolling_out().apply(Event::PlannedAgain).unwrap(), Phase::Pending);
    assert_eq!(overtaking().apply(Event::Reconciled).unwrap(), rolling_out());
}

/// Our update replaced a deployment of revision 7 unseen.
fn overtaking() -> Phase {
    Phase::RollingOut { rollout: rollout(Some(2), 2), former: Some(arn(1)), overtaken: Some(arn(7)) }
}

#[test]
fn an_overtaken_deployment_is_copied_from_before_anything_else_as_long_as_ours_is_live() {
    let not_waiting = Policy { no_wait: true, ..Policy::default() };
    for seen in [on(2, 2, InProgress), on(2, 2, Completed), on(2, 2, Failed)] {
        assert_eq!(next(&overtaking(), &seen, 9_999, &not_waiting), Decision::PlanAgain(arn(7)));
    }
    // Somebody has changed the service since, or ECS shows it as it was before.
    for seen in [on(9, 9, InProgress), on(1, 1, Completed)] {
        assert!(!matches!(next(&overtaking(), &seen, 1, &Policy::default()), Decision::PlanAgain(_)));
    }

    let back = Rollout { replaced: Some(id(2)), ..rollout(Some(3), 1) };
    let back = Phase::RollingBack { rollout: back, why: why(Outcome::RolledBack), overtaken: Some(arn(7)) };
    let restore = Decision::Restore { to: arn(7), why: why(Outcome::RolledBack) };
    assert_eq!(next(&back, &on(3, 1, InProgress), 1, &Policy::default()), restore);
    assert_ne!(next(&back, &on(9, 9, InProgress), 1, &Policy::default()), restore);
}

#[test]
fn what_is_done_stays_done() {
    let ending = Ending { outcome: Outcome::Superseded, reason: "theirs".to_owned() };
    let done = Phase::Done(ending.clone());
    for seen in [on(1, 1, Completed), on(2, 2, Failed), on(9, 9, InProgress)] {
        assert_eq!(next(&done, &seen, 9_999, &Policy::default()), Decision::Finish(ending.clone()));
    }
}
