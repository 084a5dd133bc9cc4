//! An embedded AWS on a loopback port, and the binary as a user's shell starts it.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use evenkeel_sandbox::{Fault, FaultKind, Rollout, RolloutOutcome, Sandbox, TaskScript};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// What `--image` is given.
pub(crate) const APP_OLD: &str = "app=registry.example.com:5000/shop/web:1";
pub(crate) const APP_NEW: &str = "app=registry.example.com:5000/shop/web:2";
pub(crate) const OLD: &str = "registry.example.com:5000/shop/web:1";
pub(crate) const NEW: &str = "registry.example.com:5000/shop/web:2";

/// Secrets that no output may show: of the task definition, of the caller, of the role.
pub(crate) const SECRETS: [&str; 3] = ["s3cret-in-environment", "s3cret-access-key", "s3cret-external-id"];

/// An account with a cluster `prod` and a service `web` that runs `web:1`, served on this machine.
pub(crate) struct Account {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
    endpoint: String,
    /// Dropped with the test, which ends the server.
    _serving: oneshot::Sender<()>,
}

/// A one-off task of a third of a second: processes wait for it by the real clock.
pub(crate) fn quick_task() -> TaskScript {
    let (starts_after, runs_for) = (Duration::from_millis(100), Duration::from_millis(200));
    TaskScript { starts_after, runs_for, ..TaskScript::default() }
}

impl Account {
    pub(crate) fn new() -> Self {
        Self::with_service(json!({}))
    }

    /// The service has these members besides.
    pub(crate) fn with_service(more: Value) -> Self {
        Self::serve(Ipv4Addr::LOCALHOST.into(), more)
    }

    /// Served on this address of the machine, on any port.
    pub(crate) fn on(address: IpAddr) -> Self {
        Self::serve(address, json!({}))
    }

    fn serve(address: IpAddr, more: Value) -> Self {
        let (serving, ended) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let sandbox = Sandbox::new();
                let listener = TcpListener::bind((address, 0)).await.unwrap();
                tell.send((sandbox.clone(), listener.local_addr().unwrap())).unwrap();
                tokio::select! {
                    served = sandbox.serve(listener) => served.unwrap(),
                    _ = ended => {}
                }
            });
        });
        let (sandbox, address) = told.recv().unwrap();
        let (endpoint, folder) = (format!("http://{address}"), tempfile::tempdir().unwrap());
        let account = Self { sandbox, folder, endpoint, _serving: serving };
        account.call("CreateCluster", json!({ "clusterName": "prod" }));
        account.call(
            "RegisterTaskDefinition",
            json!({
                "family": "web",
                "memory": "512",
                "containerDefinitions": [
                    {
                        "name": "app",
                        "image": OLD,
                        "environment": [{ "name": "PASSWORD", "value": SECRETS[0] }],
                    },
                    { "name": "proxy", "image": "envoy:1" },
                ],
            }),
        );
        let mut service =
            json!({ "cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2 });
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        account.call("CreateService", service);
        account.next_rollout(RolloutOutcome::Ok);
        account
    }

    pub(crate) fn next_rollout(&self, outcome: RolloutOutcome) {
        let rollout = Rollout { outcome, duration: Duration::from_millis(200) };
        self.sandbox.set_rollout("prod", "web", rollout);
    }

    pub(crate) fn call(&self, operation: &str, request: Value) -> Value {
        self.sandbox.call(operation, request).unwrap()
    }

    /// The operation goes wrong in this way, every time.
    pub(crate) fn always(&self, operation: &str, kind: FaultKind) {
        self.sandbox.inject(Fault { operation: operation.to_owned(), nth: None, kind });
    }

    /// How often an operation took effect.
    pub(crate) fn effects(&self, operation: &str) -> usize {
        let calls = self.sandbox.calls();
        calls.iter().filter(|call| call.operation == operation && call.effect).count()
    }

    pub(crate) fn file(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// The host and the port where it is served.
    pub(crate) fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `evenkeel deploy` of the new image, quick to look, with these arguments besides.
    pub(crate) fn deploy(&self, more: &[&str]) -> Ended {
        self.run(&[&DEPLOY[..], &["--image", APP_NEW], more].concat())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let ended = Ended::of(child.wait_with_output().unwrap());
        writer.join().unwrap().unwrap();
        ended
    }

    /// The binary in this account's world, with nothing of the test's own environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRETS[1])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("EVENKEEL_POLL", "30ms")
            .env("EVENKEEL_TIMEOUT", "20s")
            // One attempt: a test does not wait for a back-off in real time.
            .env("AWS_MAX_ATTEMPTS", "1");
        command
    }
}

/// What `deploy` is given in every test.
pub(crate) const DEPLOY: [&str; 7] = ["deploy", "--cluster", "prod", "--service", "web", "--output", "json"];

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let ended = Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for secret in SECRETS {
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{secret}: {ended:?}");
        }
        ended
    }

    /// Standard output as the one document that it is, valid by the schema that it names.
    pub(crate) fn document(&self) -> Value {
        document(&self.stdout)
    }

    /// Asserts the status, the outcome and the failure's kind, and that the message has these words.
    #[track_caller]
    pub(crate) fn is(&self, status: i32, outcome: &str, kind: Option<&str>, words: &[&str]) {
        let document = self.document();
        assert_eq!((self.status, document["outcome"].as_str()), (Some(status), Some(outcome)), "{self:?}");
        let service = &document["services"][0]["failure"];
        let failure = if document["failure"].is_null() { service } else { &document["failure"] };
        assert_eq!(failure["kind"].as_str(), kind, "{self:?}");
        for word in words {
            assert!(failure["message"].as_str().unwrap_or_default().contains(word), "{word:?}: {self:?}");
            assert!(self.stderr.contains(word), "{word:?} is not on standard error: {self:?}");
        }
    }
}

/// A document, valid by the schema that it names.
pub(crate) fn document(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let schema = match document["schema"].as_str() {
        Some("evenkeel.deployment/v1") => include_str!("schemas/deployment.v1.json"),
        Some("evenkeel.task/v1") => include_str!("schemas/task.v1.json"),
        Some("evenkeel.watch/v1") => include_str!("schemas/watch.v1.json"),
        Some("evenkeel.plan/v1") => include_str!("schemas/plan.v1.json"),
        Some("evenkeel.live/v1") => include_str!("schemas/live.v1.json"),
        Some("evenkeel.drift/v1") => include_str!("schemas/drift.v1.json"),
        Some("evenkeel.records/v1") => include_str!("schemas/records.v1.json"),
        Some("evenkeel.notification/v1") => include_str!("schemas/notification.v1.json"),
        other => panic!("no schema {other:?}: {text}"),
    };
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {document:#}");
    document
}
