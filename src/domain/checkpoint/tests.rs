use std::time::Duration;

use super::*;
use crate::domain::deployment::{Ending, Outcome, Target, Way, Why};
use crate::domain::plan::CarriedFrom;
use crate::domain::rollout::Rollout;

const EXECUTION: &str = "0b1e7c4a-5a39-4d1c-8a61-2f7a1c9a3b10";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix(Duration::from_millis(1_800_000_000_000 + millis))
}

fn arn(family: &str, revision: u64) -> TaskDefinitionArn {
    let text = format!("arn:aws-us-gov:ecs:us-gov-west-1:123456789012:task-definition/{family}:{revision}");
    TaskDefinitionArn::parse(&text).unwrap()
}

fn id(number: u64) -> DeploymentId {
    DeploymentId::new(format!("ecs-svc/{number:020}"))
}

/// Every phase that there is, with the longest members that it can have.
fn phases(family: &str, reason: &str) -> Vec<Phase> {
    let revision = arn(family, u64::from(u32::MAX));
    let base = arn(family, u64::from(u32::MAX) - 1);
    let rollout = Rollout {
        revision: revision.clone(),
        deployment: Some(id(2)),
        replaced: Some(id(1)),
        since: at(1_234),
    };
    let why = Why { outcome: Outcome::RolledBack, reason: reason.to_owned() };
    let undoing = |to, way| Phase::Undoing { rollout: rollout.clone(), to, why: why.clone(), way };
    vec![
        Phase::Pending,
        Phase::Registered(Target {
            revision,
            base: base.clone(),
            live: base.clone(),
            replaces: Some(id(1)),
            seen_until: at(99),
        }),
        Phase::RollingOut {
            rollout: rollout.clone(),
            former: Some(base.clone()),
            overtaken: Some(base.clone()),
        },
        Phase::RollingOut {
            rollout: Rollout { deployment: None, ..rollout.clone() },
            former: None,
            overtaken: None,
        },
        undoing(Some(base.clone()), Way::Open),
        undoing(Some(base.clone()), Way::Asked(at(5_678))),
        undoing(None, Way::Update),
        Phase::RollingBack { rollout: rollout.clone(), why: why.clone(), overtaken: None },
        Phase::RollingBack { rollout: rollout.clone(), why: why.clone(), overtaken: Some(base) },
        Phase::Done(Ending { outcome: Outcome::TimedOut, reason: reason.to_owned() }),
    ]
}

fn standing(family: &str, phase: Phase) -> Standing {
    Standing {
        phase,
        began_on: Some(arn(family, 7)),
        base: arn(family, u64::from(u32::MAX) - 1),
        target: Some(arn(family, u64::from(u32::MAX))),
        deployment: Some(id(2)),
        service_deployment: Some("x".repeat(21)),
        plans_again: 3,
        carried: CarriedFrom::from([("cache".to_owned(), arn(family, 8))]),
        failed: Some(FailureKind::RolloutFailed),
    }
}

fn checkpoint(services: Vec<Standing>) -> Checkpoint {
    Checkpoint { execution: EXECUTION.to_owned(), began: at(0), services }
}

#[test]
fn every_phase_comes_back_as_it_was() {
    for phase in phases("web", "tasks failed to start: \"exit 1\"") {
        let whole = checkpoint(vec![standing("web", phase)]);
        assert_eq!(Checkpoint::parse(&whole.token().unwrap()).unwrap(), whole);
    }
    let none = checkpoint(Vec::new());
    assert_eq!(Checkpoint::parse(&none.token().unwrap()).unwrap(), none);
}

#[test]
fn the_longest_legal_names_and_reasons_fit() {
    let family = "f".repeat(255);
    for reason in ["r".repeat(5_000), "ü\"\\\u{1}".repeat(2_000)] {
        for phase in phases(&family, &reason) {
            let mut longest = standing(&family, phase);
            // Another actor's family was live at first.
            longest.began_on = Some(arn(&"g".repeat(255), 1));
            let token = checkpoint(vec![longest]).token().unwrap();
            assert!(token.len() <= MAX_TOKEN, "{}", token.len());
            assert!(Checkpoint::parse(&token).is_ok(), "{token}");
        }
    }
}

#[test]
fn several_services_with_the_longest_legal_names_fit() {
    // A family has at most 255 characters; what failed is past undoing.
    let services = |count: u8| {
        (0..count)
            .map(|number| {
                let family = char::from(b'a' + number).to_string().repeat(255);
                let undoing = standing(&family, phases(&family, "why ")[4].clone());
                Standing { failed: None, plans_again: 1, ..undoing }
            })
            .collect()
    };
    let fitting = (1..20).take_while(|count| checkpoint(services(*count)).token().is_ok()).count();
    assert_eq!(fitting, 3);
}

#[test]
fn a_reason_is_cut_before_services_are_refused() {
    let services = |count: usize| {
        (0..count)
            .map(|number| standing(&format!("shop-{number}"), phases("shop", "why ")[4].clone()))
            .collect()
    };
    let fitting = (1..100).take_while(|count| checkpoint(services(*count)).token().is_ok()).count();
    println!("{fitting} services with short names fit");
    assert!(fitting >= 5, "{fitting}");
    let refused = checkpoint(services(fitting + 1)).token().unwrap_err();
    assert!(refused.to_string().contains("are too many for one action"), "{refused}");
}

#[test]
fn anything_else_is_refused_without_being_quoted() {
    let whole = checkpoint(vec![standing("web", phases("web", "why")[2].clone())]).token().unwrap();
    for (from, to) in [
        ("{\"v\":2", "{\"v\":1"),
        ("{\"v\":2", "{\"w\":1,\"v\":2"),
        ("task-definition/", "service/"),
        ("[0,", "[1,"),
        ("\"rollout_failed\"", "\"s3cret\""),
        ("}", ""),
    ] {
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole, "{from}");
        let refused = Checkpoint::parse(&broken).unwrap_err().to_string();
        assert!(refused.starts_with("the continuation token is not understood"), "{refused}");
        assert!(!refused.contains("s3cret") && !refused.contains(EXECUTION), "{refused}");
    }
    for nonsense in ["", "{}", "null", "[]", &"x".repeat(3_000)] {
        assert!(Checkpoint::parse(nonsense).is_err(), "{nonsense}");
    }
}

#[test]
fn what_is_read_is_written_the_same_again() {
    let whole = checkpoint(vec![standing("web", phases("web", "why")[2].clone())]).token().unwrap();
    let number = "00000000000000000002";
    for (from, to) in [
        ("[0,7]", "[0,07]"),
        ("[0,7]", r#""arn:aws-us-gov:ecs:us-gov-west-1:123456789012:task-definition/web:07""#),
        (number, ""),
        (number, "other/2"),
        (number, "ecs-svc/other/2"),
        (number, "ecs-svc/ecs-svc/2"),
    ] {
        let foreign = whole.replacen(from, to, 1);
        assert_ne!(foreign, whole, "{from}");
        let Ok(read) = Checkpoint::parse(&foreign) else { continue };
        assert_eq!(Checkpoint::parse(&read.token().unwrap()).unwrap(), read, "{to}");
    }
}
