//! The action in its own image, with the Docker engine, as GitHub's runner builds it and starts it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use super::runner::{Place, action, run_in};
use super::{steps, workflow};
use crate::docker::{Network, docker, image};
use crate::world::{APP_NEW, Account};

#[test]
fn the_action_s_container_tells_success_and_failure_by_the_runner_s_files() {
    let Some(image) = image() else { return };
    let (action, network) = (ActionImage::build(&image), Network::create("action"));
    let place = Place::Container { image: &action.tag, network: &network };
    let account = || Account::on(network.gateway());
    workflow::plays(place, &account());
    steps::deploys(place, &account());
    steps::fails(place, &account());

    // What it writes beside the runner's files can be read by the steps after it.
    let account = account();
    let files = [("record", "file:record.json"), ("junit", "junit.xml")];
    let web = [("cluster", "prod"), ("service", "web"), ("images", APP_NEW)];
    let step = run_in(place, &account, &[&web[..], &files].concat());
    assert_eq!(step.status, Some(0), "{step:#?}");
    for file in ["record.json", "junit.xml"] {
        let written = std::fs::metadata(account.path().join("github/workspace").join(file)).unwrap();
        assert!(written.mode() & 0o004 != 0 && written.len() > 0, "{file}: {:o}", written.mode());
    }
}

/// Why the action has an image of its own.
#[test]
fn a_container_that_is_not_root_warns_that_the_runner_s_files_are_not_its_own() {
    let Some(image) = image() else { return };
    let network = Network::create("image");
    let web = [("cluster", "prod"), ("service", "web"), ("images", APP_NEW)];
    let place = Place::Container { image: &image, network: &network };
    let step = run_in(place, &Account::on(network.gateway()), &web);
    assert_eq!((step.status, step.outputs.len(), step.summary.as_str()), (Some(0), 0, ""), "{step:#?}");
    let warnings = step.annotations.iter().filter(|(level, ..)| level == "warning");
    let warnings: Vec<_> = warnings.map(|(.., message)| message.as_str()).collect();
    let cannot = |what: &str, file: &str| {
        format!(
            "the step's {what} cannot be written to /github/file_commands/{file}: Permission denied (os error 13)"
        )
    };
    assert_eq!(warnings, [cannot("summary", "step_summary_1"), cannot("outputs", "set_output_1")]);
}

/// The image that the runner makes of the action, of which the release that it names is the one under test.
struct ActionImage {
    tag: String,
    release: String,
}

impl ActionImage {
    fn build(image: &str) -> Self {
        let file = action()["runs"]["image"].as_str().unwrap().to_owned();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let content = std::fs::read_to_string(&file).unwrap();
        let release = content.lines().find_map(|line| line.strip_prefix("FROM ")).unwrap().to_owned();
        assert!(release.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))), "{release}");
        docker(&["tag", image, &release]);
        let built = Self { tag: format!("evenkeel-action:{}", std::process::id()), release };
        let (path, context) = (file.to_str().unwrap(), file.parent().unwrap().to_str().unwrap());
        docker(&["build", "-t", &built.tag, "-f", path, context]);
        built
    }
}

impl Drop for ActionImage {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", &self.tag, &self.release]).output();
    }
}
