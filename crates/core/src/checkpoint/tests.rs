use std::time::Duration;

use super::*;
use crate::deployment::{Ending, Outcome, Target, Way, Why};
use crate::one_off::{Step, StepsProgress, TaskPhase};
use crate::plan::{CarriedChange, CarriedFrom, CarriedVariablesFrom};
use crate::rollout::Rollout;
use crate::variables::{VariableKind, VariableName};

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

fn service_checkpoint(family: &str, phase: Phase) -> ServiceCheckpoint {
    ServiceCheckpoint {
        phase,
        began_on: Some(arn(family, 7)),
        base: arn(family, u64::from(u32::MAX) - 1),
        target: Some(arn(family, u64::from(u32::MAX))),
        deployment: Some(id(2)),
        service_deployment: Some("x".repeat(21)),
        plans_again: 3,
        carried: CarriedFrom::from([("cache".to_owned(), arn(family, 8))]),
        carried_variables: CarriedVariablesFrom::new(),
        failed: Some(FailureKind::RolloutFailed),
        unknown: Map::new(),
    }
}

fn checkpoint(services: Vec<ServiceCheckpoint>) -> Checkpoint {
    let (steps, unknown) = (BTreeMap::new(), Map::new());
    Checkpoint { execution: EXECUTION.to_owned(), began: at(0), services, steps, unknown }
}

#[test]
fn every_phase_comes_back_as_it_was() {
    for phase in phases("web", "tasks failed to start: \"exit 1\"") {
        let service = service_checkpoint("web", phase);
        let whole =
            checkpoint(vec![ServiceCheckpoint { carried_variables: carried_variables("web"), ..service }]);
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
            let mut longest = service_checkpoint(&family, phase);
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
                let undoing = service_checkpoint(&family, phases(&family, "why ")[4].clone());
                ServiceCheckpoint { failed: None, plans_again: 1, ..undoing }
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
            .map(|number| service_checkpoint(&format!("shop-{number}"), phases("shop", "why ")[4].clone()))
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
    let whole = checkpoint(vec![service_checkpoint("web", phases("web", "why")[2].clone())]).token().unwrap();
    for (from, to) in
        [("task-definition/", "service/"), ("[0,", "[1,"), ("\"rollout_failed\"", "\"s3cret\""), ("}", "")]
    {
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole, "{from}");
        let refused = Checkpoint::parse(&broken).unwrap_err().failure().to_string();
        assert!(
            refused.starts_with("the job is not understood: its continuation token is garbled"),
            "{refused}"
        );
        assert!(!refused.contains("s3cret") && !refused.contains(EXECUTION), "{refused}");
    }
    for nonsense in ["", "{}", "null", "[]", &"x".repeat(3_000)] {
        assert!(Checkpoint::parse(nonsense).is_err(), "{nonsense}");
    }
}

#[test]
fn what_is_read_is_written_the_same_again() {
    let whole = checkpoint(vec![service_checkpoint("web", phases("web", "why")[2].clone())]).token().unwrap();
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

#[test]
fn members_that_this_version_does_not_know_are_kept() {
    let whole = checkpoint(vec![service_checkpoint("web", phases("web", "why")[2].clone())]).token().unwrap();
    let later = whole.replacen("{", r#"{"later":{"pace":1.50,"at":[18446744073709551616]},"#, 1);
    let later = later.replacen(r#"[{"#, r#"[{"zone":"a","#, 1);
    let read = Checkpoint::parse(&later).unwrap();
    assert_eq!((read.unknown.len(), read.services[0].unknown.len()), (1, 1));
    let written: Value = serde_json::from_str(&read.token().unwrap()).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(&later).unwrap());
    // What is known is read as if they were not there.
    let known = ServiceCheckpoint { unknown: Map::new(), ..read.services[0].clone() };
    assert_eq!(checkpoint(vec![known]).token().unwrap(), whole);
}

#[test]
fn the_one_off_tasks_of_each_revision_come_back_as_they_were() {
    let progress = |task, failed| StepsProgress { service: 1, done: 2, task, failed };
    let starting = |sent| TaskPhase::Starting { attempt: 3, since: at(5), sent };
    let started = TaskPhase::Started { id: "0f3c".repeat(8), since: at(6), was_shown: true };
    for steps in [
        progress(None, None),
        progress(None, Some(Step::After)),
        progress(Some(starting(None)), None),
        progress(Some(starting(Some(at(7)))), None),
        progress(Some(started.clone()), None),
    ] {
        let mut whole = checkpoint(vec![service_checkpoint("web", phases("web", "why")[1].clone())]);
        whole.steps.insert(arn("web", 9), steps.clone());
        whole.steps.insert(arn("other", 9), steps);
        assert_eq!(Checkpoint::parse(&whole.token().unwrap()).unwrap(), whole);
    }
}

#[test]
fn a_token_of_another_version_is_told_apart_from_what_is_none() {
    let whole = checkpoint(vec![service_checkpoint("web", phases("web", "why")[2].clone())]).token().unwrap();
    let needs = |token: &str| Checkpoint::parse(token).unwrap_err();
    let of = |version| NotUnderstood::new("its continuation token", version, 2);
    for version in [0, 1, 3, u64::MAX] {
        assert_eq!(needs(&whole.replacen("\"v\":2", &format!("\"v\":{version}"), 1)), of(Some(version)));
    }
    // Nothing but its version is read of it.
    assert_eq!(needs(r#"{"v":3,"everything":["is","another"],"t":"today"}"#), of(Some(3)));
    for garbled in ["", "[]", "v3", r#"{"v":"3"}"#, r#"{"v":-3}"#, r#"{"v":2}"#] {
        assert_eq!(needs(garbled), of(None), "{garbled}");
    }
}

/// Tokens as they were written by the first version of this format, with what they have to mean for ever.
#[test]
fn tokens_of_former_versions_mean_what_they_meant() {
    let service = |phase| ServiceCheckpoint {
        phase,
        began_on: Some(arn("old-web", 7)),
        base: arn("web", 4_294_967_294),
        target: Some(arn("web", 4_294_967_295)),
        deployment: Some(id(2)),
        service_deployment: Some("x".repeat(21)),
        plans_again: 3,
        carried: CarriedFrom::new(),
        carried_variables: CarriedVariablesFrom::new(),
        failed: None,
        unknown: Map::new(),
    };
    let rollout = Rollout {
        revision: arn("web", 4_294_967_295),
        deployment: Some(id(2)),
        replaced: Some(id(1)),
        since: at(1_234),
    };
    let base = || Some(arn("web", 4_294_967_294));
    let reason = || "3 tasks failed in a row: \"exit 1\"".to_owned();
    let why = || Why { outcome: Outcome::RolledBack, reason: reason() };
    let undoing = |to, way| service(Phase::Undoing { rollout: rollout.clone(), to, why: why(), way });
    let registered = Target {
        revision: arn("web", 4_294_967_295),
        base: arn("web", 4_294_967_294),
        live: arn("web", 4_294_967_294),
        replaces: Some(id(1)),
        seen_until: at(99),
    };
    let unnamed = Rollout { deployment: None, ..rollout.clone() };
    let done = Phase::Done(Ending { outcome: Outcome::TimedOut, reason: reason() });
    macro_rules! token {
        ($name:literal) => {
            include_str!(concat!("../../../../tests/formats/token-v2/", $name, ".json")).trim_end()
        };
    }
    for (token, means) in [
        (token!("not-begun"), None),
        (token!("pending"), Some(service(Phase::Pending))),
        (token!("registered"), Some(service(Phase::Registered(registered)))),
        (
            token!("rolling-out"),
            Some(service(Phase::RollingOut { rollout: rollout.clone(), former: base(), overtaken: None })),
        ),
        (
            token!("rolling-out-unnamed"),
            Some(service(Phase::RollingOut { rollout: unnamed, former: None, overtaken: None })),
        ),
        (token!("undoing-open"), Some(undoing(base(), Way::Open))),
        (token!("undoing-asked"), Some(undoing(base(), Way::Asked(at(5_678))))),
        (token!("undoing-update"), Some(undoing(None, Way::Update))),
        (
            token!("rolling-back"),
            Some(service(Phase::RollingBack { rollout: rollout.clone(), why: why(), overtaken: None })),
        ),
        (
            token!("done"),
            Some(ServiceCheckpoint { failed: Some(FailureKind::RolloutFailed), ..service(done) }),
        ),
    ] {
        let means = checkpoint(means.into_iter().collect());
        assert_eq!(Checkpoint::parse(token).as_ref(), Ok(&means), "{token}");
        let read: Value = serde_json::from_str(token).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&means.token().unwrap()).unwrap(),
            read,
            "it is written the same"
        );
    }
}

/// One that was set and one that was given back.
fn carried_variables(family: &str) -> CarriedVariablesFrom {
    let name = |kind, name: &str| VariableName { container: "app".to_owned(), kind, name: name.to_owned() };
    let change = |is_given_back| CarriedChange { revision: arn(family, 8), is_given_back };
    CarriedVariablesFrom::from([
        (name(VariableKind::Environment, "GIT_SHA"), change(false)),
        (name(VariableKind::Label, "com.example.version"), change(true)),
    ])
}
