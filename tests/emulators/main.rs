//! What Evenkeel does to emulators of AWS that nobody here wrote: ministack and moto.
//!
//! They witness that requests are what other implementations of ECS understand, and that a copy
//! loses nothing that they keep. Neither has a rollout that takes time: `side_by_side` plays such rollouts before
//! ministack.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod call_sites;
mod emulator;
mod evenkeel;
mod objects;
mod python;
mod records;
mod scheduled;
mod side_by_side;
mod stories;

use std::io::{Write as _, stderr};

use serde_json::{Value, json};

use crate::emulator::{Emulator, Kind};
use crate::evenkeel::Evenkeel;
use crate::python::Python;

const OLD: &str = "registry.example.com:5000/shop/app:1";
const NEW: &str = "registry.example.com:5000/shop/app:2@sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

#[test]
fn ministack_sees_one_whole_deployment() {
    let Some(emulator) = start(Kind::Ministack) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    let before = emulator.create_world();
    assert_kept(
        &before,
        &["enableFaultInjection", "futureMember", "inferenceAccelerators", "trustedExecutionConfiguration"],
    );

    let unchanged = evenkeel.run(&["deploy", "--image", &format!("app={OLD}")]);
    assert_eq!((unchanged.status, &unchanged.document["outcome"]), (0, &json!("unchanged")), "{unchanged:?}");
    assert_eq!(emulator.read_world(), before);

    let planned = evenkeel.run_for_text(&["plan", "--detailed-exitcode", "--image", &format!("app={NEW}")]);
    assert_eq!(planned.status, 8, "{planned:?}");
    assert!(planned.stdout.contains(OLD) && planned.stdout.contains(NEW), "{planned:?}");
    assert_eq!(emulator.read_world(), before);

    let deployed = evenkeel.run(&["deploy", "--image-definitions", &evenkeel.image_definitions("app", NEW)]);
    let after = emulator.read_world();
    assert_eq!(deployed.status, 0, "{deployed:?}");
    assert_eq!(deployed.document["schema"], "evenkeel.deployment/v1");
    assert_eq!(deployed.document["outcome"], "deployed");
    let service = deployed.only_service();
    assert_eq!(service["outcome"], "deployed");
    assert_eq!(service["taskDefinitionArn"], after["service"]["taskDefinition"]);
    assert_eq!(service["previousTaskDefinitionArn"], before["service"]["taskDefinition"]);
    assert_eq!(service["revision"], 2);
    assert_eq!(service["images"]["app"], NEW);
    assert_eq!(service["deploymentId"], after["service"]["deployments"][0]["id"]);
    assert_copied(&after);

    let again = evenkeel.run(&["deploy", "--image-definitions", &evenkeel.image_definitions("app", NEW)]);
    assert_eq!((again.status, &again.document["outcome"]), (0, &json!("unchanged")), "{again:?}");
    assert_eq!(again.only_service()["taskDefinitionArn"], after["service"]["taskDefinition"]);
    assert_eq!(emulator.read_world(), after);

    let planned = evenkeel.run_for_text(&["plan", "--detailed-exitcode", "--image", &format!("app={NEW}")]);
    assert_eq!(planned.status, 0, "{planned:?}");

    let live = evenkeel.run(&["live"]);
    let text = live.document.to_string();
    assert_eq!(live.status, 0, "{live:?}");
    assert!(
        text.contains(after["service"]["taskDefinition"].as_str().unwrap()) && text.contains(NEW),
        "{text}"
    );

    let unknown = evenkeel.run(&["deploy", "--image", "nobody=nginx:1"]);
    assert_eq!(unknown.status, 3, "{unknown:?}");
    assert!(unknown.document.to_string().contains("nobody"), "{unknown:?}");
    assert_eq!(emulator.read_world(), after);
}

#[test]
fn moto_keeps_the_copy_that_is_deployed_without_waiting() {
    let Some(emulator) = start(Kind::Moto) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    let before = emulator.create_world();
    assert_kept(&before, &["enableFaultInjection", "futureMember", "trustedExecutionConfiguration"]);

    // Its deployments never complete and stay on the old revision, so there is no verdict to wait for.
    let started = evenkeel.run(&["deploy", "--no-wait", "--image", &format!("app={NEW}")]);
    let after = emulator.read_world();
    assert_eq!((started.status, &started.document["outcome"]), (0, &json!("started")), "{started:?}");
    assert_eq!(started.only_service()["outcome"], "started");
    assert!(
        after["service"]["taskDefinition"].as_str().unwrap().ends_with(":task-definition/web:2"),
        "{after}"
    );
    assert_copied(&after);
}

/// Starts the emulator, or says why it cannot run here.
fn start(kind: Kind) -> Option<Emulator> {
    python().map(|python| Emulator::start(kind, python))
}

/// What the emulators run on, or nothing where it cannot be had, which is told. Where tests must not
/// be skipped, it panics.
fn python() -> Option<Python> {
    match Python::with_emulators() {
        Ok(python) => Some(python),
        Err(why) => {
            assert!(!evenkeel::on_ci(), "{why}");
            // Written past the test harness, which hides what a passing test prints.
            let _ = writeln!(stderr(), "skipped: the emulators cannot run here: {why}");
            None
        }
    }
}

/// Asserts that the emulator stored all of the definition but the top-level members that it is known
/// to lose, so that the copy has something to keep.
fn assert_kept(world: &Value, lost: &[&str]) {
    let source = emulator::definition();
    let stored = only_definition(&world["revisions"][0]);
    assert_eq!(world["revisions"].as_array().unwrap().len(), 1);
    assert_eq!(world["revisions"][0]["tags"], source["tags"]);
    for (name, value) in source.as_object().unwrap() {
        let expected = if lost.contains(&name.as_str()) { &Value::Null } else { value };
        match name.as_str() {
            "tags" => {}
            "containerDefinitions" => assert_contains(&stored[name], value),
            _ => assert_eq!(&stored[name], expected, "{name}"),
        }
    }
}

/// Asserts that the containers have each member of `source`; ECS adds its defaults when they are read.
fn assert_contains(stored: &Value, source: &Value) {
    let containers = |value: &Value| value.as_array().unwrap().clone();
    assert_eq!(containers(stored).len(), containers(source).len());
    for (stored, source) in containers(stored).iter().zip(containers(source)) {
        for (name, value) in source.as_object().unwrap() {
            // Of the members that no SDK knows, only ministack keeps those of a container.
            if name != "futureMember" || stored.get(name).is_some() {
                assert_eq!(&stored[name], value, "{name} of {}", source["name"]);
            }
        }
    }
}

/// Asserts that there are two revisions, the second a copy of the first but for the image of `app`.
fn assert_copied(world: &Value) {
    let [first, second] = world["revisions"].as_array().unwrap().as_slice() else { panic!("{world}") };
    let mut expected = only_definition(first);
    assert_eq!(expected["containerDefinitions"][0]["image"], OLD);
    expected["containerDefinitions"][0]["image"] = json!(NEW);
    assert_eq!(only_definition(second), expected);
    assert_eq!(second["tags"], first["tags"]);
}

/// The definition without the members that tell one revision from another.
fn only_definition(revision: &Value) -> Value {
    let mut definition = revision["taskDefinition"].clone();
    let members = definition.as_object_mut().unwrap();
    for name in ["taskDefinitionArn", "revision", "registeredAt"] {
        members.remove(name);
    }
    definition
}
