//! The stories that emulators can play: their rollouts take no time, and never fail.

use serde_json::{Value, json};

use crate::emulator::Kind;
use crate::evenkeel::{Evenkeel, Run};
use crate::{NEW, OLD};

fn ended(run: &Run) -> (i32, &Value, &Value) {
    (run.status, &run.document["outcome"], &run.only_service()["revision"])
}

#[test]
fn ministack_plays_what_ends_at_once() {
    let Some(emulator) = super::start(Kind::Ministack) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    emulator.create_world();
    let new = format!("app={NEW}");
    let deployments = |world: &Value| world["service"]["deployments"][0]["id"].clone();

    // Nothing is waited for; a rerun finds it done.
    let started = evenkeel.run(&["deploy", "--no-wait", "--image", &new]);
    assert_eq!(ended(&started), (0, &json!("started"), &json!(2)), "{started:?}");
    let joined = evenkeel.run(&["deploy", "--image", &new]);
    assert_eq!(ended(&joined), (0, &json!("unchanged"), &json!(2)), "{joined:?}");

    // A deployment of the same images, because that was wanted.
    let before = deployments(&emulator.read_world());
    let forced = evenkeel.run(&["deploy", "--force-new-deployment", "--image", &new]);
    assert_eq!(ended(&forced), (0, &json!("deployed"), &json!(2)), "{forced:?}");
    assert_ne!(deployments(&emulator.read_world()), before);

    // Back, by a command and to a revision that is named.
    let back = evenkeel.run(&["rollback", "--to", "1"]);
    assert_eq!(ended(&back), (0, &json!("deployed"), &json!(1)), "{back:?}");
    assert_eq!(back.only_service()["images"]["app"], OLD);
    let missing = evenkeel.run(&["rollback", "--to", "9"]);
    assert_eq!(missing.status, 3, "{missing:?}");

    // Nothing is proven where no task is wanted, and that is said.
    emulator.act("scale", "0");
    let zero = evenkeel.run(&["deploy", "--image", &new]);
    assert_eq!(ended(&zero).0, 0, "{zero:?}");
    assert!(zero.document["warnings"].to_string().contains("desired count of 0"), "{zero:?}");
}

#[test]
fn moto_knows_whether_an_image_is_there() {
    let Some(emulator) = super::start(Kind::Moto) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    emulator.create_world();
    let listed = |architecture: &str| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{}", "ab".repeat(32)),
            "size": 500,
            "platform": { "os": "linux", "architecture": architecture },
        })
    };
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [listed("amd64"), listed("arm64")],
    });
    let pushed = emulator.act("push", &index.to_string());
    let image = |tag: &str| {
        let registry = pushed["registry"].as_str().unwrap();
        format!("app={registry}.dkr.ecr.eu-central-1.amazonaws.com/shop/web:{tag}")
    };

    let there = evenkeel.run(&["deploy", "--no-wait", "--image", &image("2")]);
    assert_eq!((there.status, &there.only_service()["digests"]["app"]), (0, &pushed["digest"]), "{there:?}");
    assert!(!there.document["warnings"].to_string().contains("is not known"), "{there:?}");
    // Moto knows no pull-through cache rules, so nothing tells that no task can pull it.
    let missing = evenkeel.run(&["deploy", "--no-wait", "--image", &image("3")]);
    assert_eq!(missing.status, 0, "{missing:?}");
    assert!(missing.document["warnings"].to_string().contains("it is not in Amazon ECR"), "{missing:?}");
}
