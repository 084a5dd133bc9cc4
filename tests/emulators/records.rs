//! The record in S3 and SSM, on emulators that nobody here wrote.

use serde_json::{Value, json};

use crate::emulator::Kind;
use crate::evenkeel::{Evenkeel, Run};
use crate::{NEW, OLD};

const PLACES: &str = "ssm:/deploy/web/record,s3://records/web.json,tfstate:s3://records/web.tfstate";

#[test]
fn moto_keeps_a_record_from_its_first_to_its_last() {
    let Some(emulator) = super::start(Kind::Moto) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    let before = emulator.create_world();
    crate::objects::create_bucket(&emulator, "records");
    let record = |command: &[&str]| evenkeel.run(&[&["record"], command, &["--record", PLACES]].concat());

    assert_eq!(each(&record(&["show"]), "status"), ["missing"; 3]);
    assert_eq!(each(&record(&["init"]), "done"), ["made"; 3]);
    assert_eq!(each(&record(&["init"]), "done"), ["nothing"; 3]);

    // Its deployments never complete, so there is no verdict to wait for.
    let started =
        evenkeel.run(&["deploy", "--no-wait", "--image", &format!("app={NEW}"), "--record", PLACES]);
    assert_eq!((started.status, &started.document["outcome"]), (0, &json!("started")), "{started:?}");
    let open = record(&["show"]);
    assert_eq!(each(&open, "status"), ["in_progress"; 3]);
    let told = &each(&open, "record")[0];
    assert_eq!((&told["images"]["app"], &told["candidate"]["images"]["app"]), (&json!(OLD), &json!(NEW)));

    let repair = evenkeel.run(&["record", "repair", "--force", "--record", PLACES]);
    assert_eq!(each(&repair, "done"), ["repaired"; 3]);
    let told = each(&record(&["show"]), "record");
    assert!(told.iter().all(|record| *record == told[0]), "{told:?}");
    assert_eq!(told[0]["baseTaskDefinitionArn"], before["service"]["taskDefinition"]);
    // The PRIMARY deployment that it lists stays on the old revision, and what is PRIMARY is live.
    assert_eq!(told[0]["taskDefinitionArn"], before["service"]["taskDefinition"]);

    assert_eq!(each(&record(&["reset"]), "done"), ["reset"; 3]);
    assert_eq!(each(&record(&["show"]), "status"), ["empty"; 3]);
}

fn each(run: &Run, member: &str) -> Vec<Value> {
    assert_eq!(run.status, 0, "{run:?}");
    run.document["records"].as_array().unwrap().iter().map(|record| record[member].clone()).collect()
}
