//! What whoever runs a worker relies on: panics, claims that fail, signals, health, roles.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use evenkeel::aws::{Aws, AwsCloud, AwsNotifier, S3Objects, SsmParameters};
use evenkeel::clock::Clock;
use evenkeel::deploy::Interrupt;
use evenkeel::worker::claims::BucketClaims;
use evenkeel::worker::{Metrics, Worker, serve_health};
use evenkeel_core::failure::Failure;
use evenkeel_core::job::{ActionType, ArtifactCredentials};
use evenkeel_core::ports::{Access, Identity};
use evenkeel_sandbox::{ActionStatus, Fault, FaultKind};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::line::{Line, Reach, WEBHOOKS};
use crate::served::Served;
use crate::world::{CLAIMS, Pipeline, settings};

const ROLE: &str = "arn:aws:iam::123456789012:role/deployer";

/// Panics when a role is to be assumed.
struct Panics(Aws);

impl Access for Panics {
    type Ecs = AwsCloud;
    type Objects = S3Objects;
    type Parameters = SsmParameters;
    type Notifier = AwsNotifier;

    async fn ecs(&self, identity: &Identity) -> Result<AwsCloud, Failure> {
        assert_eq!(identity.role_arn, None, "as this test wants it");
        self.0.ecs(identity).await
    }

    async fn records(&self, identity: &Identity) -> Result<(S3Objects, SsmParameters), Failure> {
        self.0.records(identity).await
    }

    async fn notifier(&self, identity: &Identity) -> Result<AwsNotifier, Failure> {
        Access::notifier(&self.0, identity).await
    }

    fn artifacts(&self, credentials: &ArtifactCredentials) -> S3Objects {
        self.0.artifacts(credentials)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_job_and_no_other() {
    let pipeline = Pipeline::new();
    pipeline.service("api", json!({}));
    let panics = pipeline.start("web", &[("RoleArn", ROLE)]);
    let other = pipeline.start("api", &[]);
    let (_interrupter, interrupt) = Interrupt::new();
    let aws = pipeline.aws().await;
    let claims = BucketClaims::new(aws.objects(), CLAIMS, "evenkeel");
    let queue = aws.job_queue(ActionType::default());
    let (clock, metrics) = (pipeline.clock, Arc::default());
    let worker =
        Worker::new(queue, Some(claims), Panics(aws), clock, settings("worker-1"), metrics, interrupt);
    pipeline.until_over(worker.run()).await;

    let (kind, message) = pipeline.state(&panics).failure.unwrap();
    assert_eq!((kind.as_str(), pipeline.state(&panics).terminal_results), ("JobFailed", 1));
    assert!(message.starts_with("a bug in Evenkeel: the job's work panicked"), "{message}");
    assert_eq!(pipeline.state(&other).status, ActionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_claimed_stays_in_the_queue_until_it_can() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    for nth in 1..=3 {
        let (operation, kind) = ("PutObject".to_owned(), FaultKind::Denied);
        pipeline.sandbox.inject(Fault { operation, nth: Some(nth), kind });
    }
    pipeline.work().await;

    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1));
    let calls = pipeline.sandbox.calls();
    let first = |operation: &str| calls.iter().position(|call| call.operation == operation && call.effect);
    assert!(first("PutObject") < first("AcknowledgeJob"));
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_role_of_the_action_is_assumed_by_a_session_that_tells_whose_it_is() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[("RoleArn", ROLE)]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded);

    let calls = pipeline.sandbox.calls();
    let sessions: Vec<&str> = calls
        .iter()
        .filter(|call| call.operation == "AssumeRole" && call.request["RoleArn"] == ROLE)
        .filter_map(|call| call.request["RoleSessionName"].as_str())
        .collect();
    assert!(sessions.iter().any(|session| session.starts_with("evenkeel-shop-")), "{sessions:?}");
    let own = calls.iter().find(|call| call.operation == "PollForJobs").unwrap().access_key.clone();
    for call in calls.iter().filter(|call| ["UpdateService", "DescribeServices"].contains(&&*call.operation))
    {
        assert_ne!(call.access_key, own, "{}", call.operation);
    }
}

#[tokio::test(start_paused = true)]
async fn the_record_is_kept_in_the_role_of_the_action() {
    let pipeline = Pipeline::new();
    pipeline.sandbox.create_bucket("records", false);
    let places = "ssm:/deploy/web/record, s3://records/web.json";
    let execution = pipeline.start("web", &[("RoleArn", ROLE), ("Record", places)]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);

    let record: Value =
        serde_json::from_slice(&pipeline.sandbox.object("records", "web.json").unwrap()).unwrap();
    assert_eq!((&record["status"], &record["revision"]), (&json!("succeeded"), &json!(2)));
    assert_eq!(record["source"]["kind"], "codepipeline");
    let (value, _) = pipeline.sandbox.parameter("/deploy/web/record").unwrap();
    // A parameter has no conditional write, so the record in it names the version that it replaces.
    let mut in_parameter: Value = serde_json::from_str(&value).unwrap();
    assert_eq!(in_parameter.as_object_mut().unwrap().remove("replacesVersion"), Some(json!(1)));
    assert_eq!(in_parameter, record);

    let calls = pipeline.sandbox.calls();
    let own = calls.iter().find(|call| call.operation == "PollForJobs").unwrap().access_key.clone();
    let of_the_record = calls.iter().filter(|call| {
        ["GetParameter", "PutParameter"].contains(&&*call.operation) || call.request["bucket"] == "records"
    });
    let keys: Vec<_> = of_the_record.map(|call| &call.access_key).collect();
    assert!(keys.len() >= 6 && keys.iter().all(|key| **key != own), "{keys:?}");
}

#[test]
fn the_second_signal_ends_a_worker_that_cannot_hand_its_job_back() {
    let served = Served::new();
    let pipeline = &served.pipeline;
    pipeline.service("web", json!({}));
    pipeline.start("web", &[]);
    let operation = "PutJobSuccessResult".to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: None, kind: FaultKind::HangBefore });
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut worker = served.worker(&["--claims", "s3://claims/evenkeel", "--lease", "3s"], &log);

    served.until("the job was about to be handed on", || {
        pipeline.sandbox.calls().iter().any(|call| call.operation == "PutJobSuccessResult")
    });
    worker.tell_to_end();
    // Its claim is renewed meanwhile.
    served.until("the first signal was heard", || {
        fs::read_to_string(&log).unwrap().contains("ending as soon as all jobs are handed back; there are 1")
    });
    assert_eq!(worker.terminate(), Some(143), "{}", fs::read_to_string(&log).unwrap());
    // Another worker finds it.
    assert_eq!(pipeline.sandbox.objects(CLAIMS).len(), 1);
}

#[tokio::test]
async fn the_health_port_serves_three_pages_and_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve_health(listener, Arc::new(Metrics::default()), Clock::system()));
    for (request, status) in [
        ("GET /healthz", "200 OK"),
        // The queue was not asked yet.
        ("GET /readyz", "503 Service Unavailable"),
        ("GET /metrics", "200 OK"),
        ("GET /", "404 Not Found"),
        ("POST /healthz", "405 Method Not Allowed"),
    ] {
        let first = tokio::task::spawn_blocking(move || first_line(address, request)).await.unwrap();
        assert_eq!(first, status, "{request}");
    }
    serving.abort();
}

/// The status that a request is answered with.
fn first_line(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nHost: worker\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().next().unwrap();
    line.strip_prefix("HTTP/1.1 ").unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_never_answers_holds_a_job_up_for_the_time_of_an_attempt() {
    let pipeline = Pipeline::new();
    pipeline.sandbox.put_parameter("/hook", &format!("{WEBHOOKS}/T0")).unwrap();
    let execution = pipeline.start("web", &[("Options", "--notify webhook:ssm:/hook")]);
    let line = Line::new(pipeline.sandbox.http_client(), 1, &Arc::default());
    *line.cutter().lock().unwrap() = Some(Reach::Webhooks);
    let client = SharedHttpClient::new(line);
    let hired = pipeline.hire_by(pipeline.clock, client, settings("worker-1"), Arc::default());
    let (worker, _interrupter) = hired.await;
    let began = pipeline.clock.now();
    pipeline.until_over(worker.run()).await;

    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);
    // The rollout takes 40 s, an attempt 20 s at most.
    let took = state.ended.unwrap().since(began);
    let about = Duration::from_secs(60);
    assert!(took >= about && took < about + Duration::from_secs(30), "{took:?}");
}
