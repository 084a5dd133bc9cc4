//! The example workflow: its step deploys, and the next one is handed what came of it.

use std::process::Command;

use serde_json::Value;

use super::runner::{Place, Step, run_in};
use crate::world::Account;
use crate::yaml;

#[test]
fn the_example_workflow_deploys_and_hands_its_outputs_on() {
    plays(Place::Process, &Account::new());
}

/// Runs the steps that are ours.
pub(super) fn plays(place: Place<'_>, account: &Account) {
    account.sandbox.push_image("shop/web", "4f2c", &["linux/amd64"]);
    let workflow = yaml::read(include_str!("../../../pipeline/github/deploy.yml"));
    let [.., deploy, next] = workflow["jobs"]["deploy"]["steps"].as_array().unwrap().as_slice() else {
        panic!("{workflow:#}");
    };
    assert_eq!(deploy["uses"], concat!("evenkeel/evenkeel@v", env!("CARGO_PKG_VERSION")));

    let inputs = members(&deploy["with"], |name| (name == "github.sha").then(|| "4f2c".to_owned()));
    let inputs: Vec<_> = inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let step = run_in(place, account, &inputs);
    assert_eq!((step.status, step.outputs["outcome"].as_str()), (Some(0), "deployed"), "{step:#?}");
    let images: Value = serde_json::from_str(&step.outputs["images"]).unwrap();
    assert_eq!(images["app"], "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:4f2c");
    assert!(account.sandbox.parameter("/deploy/web/record").unwrap().0.contains("succeeded"));

    assert_eq!(said(next, &step), "The deployment was deployed, and web:2 is live\n");
}

/// What a step with commands prints after the one that deployed.
fn said(step: &Value, deploy: &Step) -> String {
    let output = |name: &str| deploy.outputs.get(name.strip_prefix("steps.deploy.outputs.")?).cloned();
    let environment = members(&step["env"], output);
    let mut bash = Command::new("bash");
    // As a runner on Linux has it where the workflow names no shell.
    let ended = bash.args(["-e", "-c", step["run"].as_str().unwrap()]).envs(environment).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

/// Names and values of a mapping, its expressions replaced by what they stand for.
fn members(mapping: &Value, expression: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let replaced = |value: &Value| {
        let mut text = text(value);
        while let Some((before, rest)) = text.clone().split_once("${{") {
            let (name, after) = rest.split_once("}}").unwrap();
            let stands_for = expression(name.trim()).unwrap_or_else(|| panic!("{name} is not known"));
            text = format!("{before}{stands_for}{after}");
        }
        text
    };
    let members = mapping.as_object().unwrap();
    members.iter().map(|(name, value)| (name.clone(), replaced(value))).collect()
}
