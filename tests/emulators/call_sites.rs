//! The call sites' files by others' schemas, and notifications on an emulator that nobody here wrote.

use std::path::Path;

use serde_json::{Value, json};

use crate::NEW;
use crate::emulator::Kind;
use crate::evenkeel::Evenkeel;
use crate::python::Python;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_action_and_every_workflow_are_what_github_s_schemas_say() {
    let Some(python) = super::python() else { return };
    let mut files = vec![("vendor.github-actions", Path::new(ROOT).join("action.yml"))];
    for folder in ["pipeline/github", ".github/workflows"] {
        let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).into_iter().flatten();
        let workflows = entries.map(|entry| entry.unwrap().path()).filter(|path| is_yaml(path));
        files.extend(workflows.map(|path| ("vendor.github-workflows", path)));
    }
    assert!(files.len() >= 2, "{files:?}");
    for (schema, path) in &files {
        assert_eq!(validate(&python, schema, path), Ok(()), "{path:?}");
    }

    let broken = tempfile::tempdir().unwrap();
    let path = broken.path().join("action.yml");
    let action = std::fs::read_to_string(&files[0].1).unwrap();
    std::fs::write(&path, action.replace("using: docker", "using: podman")).unwrap();
    assert!(validate(&python, "vendor.github-actions", &path).unwrap_err().contains("podman"));
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

fn validate(python: &Python, schema: &str, path: &Path) -> Result<(), String> {
    let mut command = python.command();
    command.args(["-m", "check_jsonschema", "--builtin-schema", schema]).arg(path);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.into_owned()) }
}

#[test]
fn moto_takes_the_pipeline_and_the_action_of_commands() {
    let Some(emulator) = super::start(Kind::Moto) else { return };
    let path = format!("{ROOT}/pipeline/codepipeline/pipeline.json");
    let shown: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let made = emulator.script("channels.py", "pipeline", &path);
    assert_eq!(
        made["stages"][2]["actions"][0]["actionTypeId"],
        json!({
            "category": "Deploy", "owner": "Custom", "provider": "Evenkeel", "version": "1",
        })
    );
    assert_eq!(
        made["stages"][2]["actions"][0]["configuration"],
        shown["pipeline"]["stages"][2]["actions"][0]["configuration"]
    );

    let commands = std::fs::read_to_string(format!("{ROOT}/pipeline/codepipeline/commands.json")).unwrap();
    let mut other = shown;
    other["pipeline"]["name"] = json!("shop-web-commands");
    other["pipeline"]["roleArn"] = json!("arn:aws:iam::123456789012:role/another");
    other["pipeline"]["stages"][2]["actions"] = json!([serde_json::from_str::<Value>(&commands).unwrap()]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.json");
    std::fs::write(&path, other.to_string()).unwrap();
    let made = emulator.script("channels.py", "pipeline", path.to_str().unwrap());
    assert_eq!(made["stages"][2]["actions"][0]["actionTypeId"]["provider"], "Commands");
}

#[test]
fn moto_delivers_an_event_and_a_message() {
    let Some(emulator) = super::start(Kind::Moto) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    emulator.create_world();
    let topic = emulator.script("channels.py", "create", "/dev/null");
    let channels = format!("eventbridge:deploys,sns:{},webhook:ssm:/deploy/webhook", topic.as_str().unwrap());
    // Its deployments never complete, so there is no verdict to wait for.
    let image = format!("app={NEW}");
    let started = evenkeel.run(&["deploy", "--no-wait", "--image", &image, "--notify", &channels]);
    assert_eq!((started.status, &started.document["outcome"]), (0, &json!("started")), "{started:?}");
    // The address is decrypted, and leads nowhere.
    let warnings = started.document["warnings"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let untold: Vec<_> = warnings.filter(|warning| warning.contains("was not notified")).collect();
    assert_eq!(
        untold,
        [
            "webhook:ssm:/deploy/webhook was not notified: the webhook in /deploy/webhook cannot be reached: the host \
          refused the connection"
        ]
    );

    let got = emulator.script("channels.py", "read", "/dev/null");
    let [event] = got["events"].as_array().unwrap().as_slice() else { panic!("{got:#}") };
    assert_eq!(
        (&event["source"], &event["detail-type"]),
        (&json!("evenkeel"), &json!("Evenkeel Deployment Ended"))
    );
    assert_eq!(event["detail"]["services"][0]["outcome"], "started");
    assert_eq!(event["resources"][0], started.only_service()["taskDefinitionArn"]);
    let [message] = got["messages"].as_array().unwrap().as_slice() else { panic!("{got:#}") };
    assert_eq!(message["Subject"], "web in prod: started");
    assert_eq!(message["MessageAttributes"]["outcome"]["Value"], "started");
}
