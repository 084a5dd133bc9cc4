//! No secret that a worker gets to know is ever shown.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::output::action_type_json;
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{Action, ActionArtifact, Fault, FaultKind, Rollout, RolloutOutcome};
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::served::{Served, WORKERS_SECRET};
use crate::world::{ARTIFACTS, CLAIMS, CLUSTER, OLD, Pipeline, action, definition};

const IN_ENVIRONMENT: &str = "s3cret-of-the-environment";
const IN_PROPERTY: &str = "s3cret-of-the-property";

/// What a job's own secret access key and session token begin with on the embedded AWS.
const IN_CREDENTIALS: [&str; 2] = ["sandbox-secret-of-", "sandbox-token-of-"];

#[test]
fn no_secret_is_shown_whether_jobs_succeed_or_fail() {
    let served = Served::new();
    let pipeline = &served.pipeline;
    // The worker is a process: what CodePipeline makes it wait for passes by the real clock.
    pipeline.sandbox.set_continuation_delay(Duration::from_millis(500));
    pipeline.sandbox.set_offer_interval(Duration::from_secs(1));
    create_extended_action_type(pipeline);
    pipeline.sandbox.put_object(ARTIFACTS, "broken", b"PK".to_vec());
    for (service, outcome) in [("web", RolloutOutcome::Ok), ("shop", RolloutOutcome::Crash)] {
        create_service(pipeline, service, outcome);
    }
    let claims = claims_from_now_on(pipeline);
    // Each way that a call can go wrong is told in words of its own.
    for operation in ["DescribeServices", "GetObject", "PutObject", "GetJobDetails", "PutJobSuccessResult"] {
        for (nth, kind) in [(2, FaultKind::Denied), (4, FaultKind::ErrorAfter), (6, FaultKind::ExpiredToken)]
        {
            // Whose job fails by the second one of these depends on who is quicker.
            if kind != FaultKind::Denied || !["GetObject", "GetJobDetails"].contains(&operation) {
                pipeline.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
            }
        }
    }

    let deployed = start(pipeline, extended("web", "ContainerName"));
    let crashed = start(pipeline, extended("shop", "ContainerName"));
    let misconfigured = start(pipeline, extended("web", "Password"));
    let mut unreadable = extended("web", "ContainerName");
    unreadable.input = Some(ActionArtifact::new("Build", ARTIFACTS, "broken"));
    let unreadable = start(pipeline, unreadable);

    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let arguments = [
        "--claims=s3://claims/evenkeel",
        "--log=trace",
        "--health=127.0.0.1:0",
        "--action-version=2",
        "--lease=5s",
    ];
    let mut worker = served.worker(&arguments, &log);
    served.until("all are over", || pipeline.is_over());
    let unchanged = start(pipeline, extended("web", "ContainerName"));
    served.until("nothing was left to do", || pipeline.is_over());
    let operation = "GetObject".to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::Denied });
    let denied = start(pipeline, extended("web", "ContainerName"));
    served.until("no artifact can be read", || pipeline.is_over());
    let metrics = metrics(&log);
    assert_eq!(worker.terminate(), Some(0));

    let executions = [&deployed, &unchanged, &crashed, &misconfigured, &unreadable, &denied];
    let failures: Vec<_> =
        executions.iter().map(|it| pipeline.state(it).failure.map(|(kind, _)| kind)).collect();
    let kind = |kind: &str| Some(kind.to_owned());
    let kinds = ["JobFailed", "ConfigurationError", "RevisionUnavailable", "PermissionError"].map(kind);
    let expected: Vec<_> = [None, None].into_iter().chain(kinds).collect();
    assert_eq!(failures, expected, "{:?}", executions.map(|it| pipeline.state(it).failure));
    assert_eq!(
        pipeline.sandbox.stored("web:2").unwrap()["containerDefinitions"][0]["environment"],
        environment()
    );

    // Where to look, and a word that has to stand there, or it would not be the right place.
    let log = fs::read_to_string(&log).unwrap();
    let answers = answers(pipeline);
    let claims = String::from_utf8(claims.lock().unwrap().concat()).unwrap();
    let states = format!("{:?}", executions.map(|it| pipeline.state(it)));
    let shown = [
        ("log", &log, "answered the job"),
        ("metrics", &metrics, "evenkeel_jobs_total"),
        ("answers", &answers, "continuationToken"),
        ("claims", &claims, "evenkeel.claim/v1"),
        ("what CodePipeline shows", &states, "RevisionUnavailable"),
        ("output artifact", &output_artifact(pipeline), "evenkeel.record/v1"),
    ];
    let nonces = nonces(pipeline);
    assert!(nonces.len() >= executions.len());
    let secrets = [IN_ENVIRONMENT, IN_PROPERTY, WORKERS_SECRET].into_iter().chain(IN_CREDENTIALS);
    let secrets: Vec<&str> = secrets.chain(nonces.iter().map(String::as_str)).collect();
    for (place, text, word) in shown {
        assert!(text.contains(word), "{place} has no {word}: {text}");
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} is in the {place}: {text}");
        }
    }
}

/// The action type as somebody may have extended it: with properties whose values CodePipeline hides.
fn create_extended_action_type(pipeline: &Pipeline) {
    let mut definition = action_type_json(&ActionType::default().definition(None).unwrap());
    definition["version"] = json!("2");
    let properties = definition["configurationProperties"].as_array_mut().unwrap();
    let container = properties.iter_mut().find(|property| property["name"] == "ContainerName").unwrap();
    container["secret"] = json!(true);
    // An action type has ten properties at most: the new one takes the place of one that no action here has.
    properties.retain(|property| property["name"] != "Images");
    properties.push(json!({ "name": "Password", "required": false, "key": false, "secret": true }));
    pipeline.sandbox.create_action_type(definition).unwrap();
}

/// A service whose container is given a secret in its environment.
fn create_service(pipeline: &Pipeline, service: &str, outcome: RolloutOutcome) {
    let mut definition = definition(service, OLD);
    definition["containerDefinitions"][0]["environment"] = environment();
    pipeline.call("RegisterTaskDefinition", definition);
    let first = json!({
        "cluster": CLUSTER, "serviceName": service, "taskDefinition": service, "desiredCount": 2,
    });
    pipeline.call("CreateService", first);
    pipeline.sandbox.set_rollout(CLUSTER, service, Rollout { outcome, duration: Duration::from_secs(3) });
}

fn environment() -> Value {
    json!([{ "name": "DATABASE_PASSWORD", "value": IN_ENVIRONMENT }])
}

/// The action with a secret in a property.
fn extended(service: &str, property: &str) -> Action {
    Action { version: "2".to_owned(), ..action(service, &[(property, IN_PROPERTY)]) }
}

fn start(pipeline: &Pipeline, action: Action) -> String {
    pipeline.sandbox.start_action(action).unwrap()
}

/// Every content that a claim has from now on.
fn claims_from_now_on(pipeline: &Pipeline) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let claims = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    for nth in 1..=500 {
        let claims = Arc::clone(&claims);
        pipeline.sandbox.after_call("PutObject", nth, move |sandbox| {
            let keys = sandbox.objects(CLAIMS);
            claims.lock().unwrap().extend(keys.iter().filter_map(|key| sandbox.object(CLAIMS, key)));
        });
    }
    claims
}

/// All that CodePipeline was ever answered.
fn answers(pipeline: &Pipeline) -> String {
    let calls = pipeline.sandbox.calls();
    let answers = calls.iter().filter(|call| call.operation.starts_with("PutJob"));
    answers.map(|call| call.request.to_string()).collect()
}

fn nonces(pipeline: &Pipeline) -> Vec<String> {
    let calls = pipeline.sandbox.calls();
    let nonces = calls.iter().filter_map(|call| call.request["nonce"].as_str());
    // A short one may be part of anything.
    nonces.filter(|nonce| nonce.len() >= 8).map(str::to_owned).collect()
}

fn output_artifact(pipeline: &Pipeline) -> String {
    let packed = pipeline.sandbox.object(ARTIFACTS, "deployed").unwrap();
    let mut archive = ZipArchive::new(Cursor::new(packed)).unwrap();
    let mut text = String::new();
    for at in 0..archive.len() {
        archive.by_index(at).unwrap().read_to_string(&mut text).unwrap();
    }
    text
}

/// What the worker counts, from where its log says.
fn metrics(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap();
    let (_, address) = log.split_once("health on http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: worker\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
