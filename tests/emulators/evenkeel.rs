//! The real binary, run as a user runs it.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::emulator::Emulator;

/// Runs the binary against one emulator's service, in an empty home.
pub(crate) struct Evenkeel {
    url: String,
    home: TempDir,
}

/// How a command with `--output json` ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) document: Value,
    #[expect(dead_code, reason = "a failing assertion prints it")]
    stderr: String,
}

/// How a command with `--output text` ended.
#[derive(Debug)]
pub(crate) struct TextRun {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    #[expect(dead_code, reason = "a failing assertion prints it")]
    stderr: String,
}

impl Evenkeel {
    pub(crate) fn against(emulator: &Emulator) -> Self {
        Self::at(emulator.url())
    }

    /// Against what answers at `url`.
    pub(crate) fn at(url: &str) -> Self {
        Self { url: url.to_owned(), home: tempfile::tempdir().unwrap() }
    }

    /// The binary without arguments, with this access key.
    pub(crate) fn command(&self, access_key: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", self.home.path())
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", access_key)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Writes image definitions with one entry and gives the file's path.
    pub(crate) fn image_definitions(&self, container: &str, image: &str) -> String {
        let path = self.home.path().join("imagedefinitions.json");
        fs::write(&path, json!([{ "name": container, "imageUri": image }]).to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command for its one JSON document.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let (status, stdout, stderr) = self.output(arguments, "json");
        let document = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}\nstdout: {stdout}\nstderr: {stderr}"));
        Run { status, document, stderr }
    }

    /// Runs a command for what a person reads.
    pub(crate) fn run_for_text(&self, arguments: &[&str]) -> TextRun {
        let (status, stdout, stderr) = self.output(arguments, "text");
        TextRun { status, stdout, stderr }
    }

    fn output(&self, arguments: &[&str], output: &str) -> (i32, String, String) {
        let waits = ["deploy", "rollback"].contains(&arguments[0]);
        let asks_a_service = arguments[0] != "record" || arguments[1] == "repair";
        let Output { status, stdout, stderr } = self
            .command("test")
            .args(arguments)
            .args(if asks_a_service { &["--cluster", "prod", "--service", "web"][..] } else { &[] })
            .args(["--endpoint-url", &self.url, "--output", output])
            .args(if waits { &["--timeout", "1m", "--poll", "1s"][..] } else { &[] })
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

impl Run {
    /// What the document says of the one service that was asked for.
    pub(crate) fn only_service(&self) -> &Value {
        let services = self.document["services"].as_array().unwrap();
        assert_eq!(services.len(), 1, "{self:?}");
        &services[0]
    }
}

/// Whether a test may not be skipped.
#[expect(clippy::disallowed_methods, reason = "continuous integration tells itself by its environment")]
pub(crate) fn on_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}
