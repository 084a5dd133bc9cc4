//! Responses that AWS never sent: nothing of them is in a worker's log, its answers, its claims or its metrics.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use evenkeel_sandbox::{Fault, FaultKind, GarbledBody, GarbledResponse};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;

use crate::world::{CLAIMS, Pipeline, say};

/// What the responses hold; a job's own credentials begin with the last two.
const PLANTED: [&str; 3] = ["s3cret-", "sandbox-secret", "sandbox-token"];

const OPERATIONS: [&str; 14] = [
    "PollForJobs",
    "AcknowledgeJob",
    "GetJobDetails",
    "PutJobSuccessResult",
    "PutJobFailureResult",
    "GetObject",
    "HeadObject",
    "PutObject",
    "DeleteObject",
    "ListObjectsV2",
    "DescribeServices",
    "DescribeTaskDefinition",
    "RegisterTaskDefinition",
    "UpdateService",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets a worker work while an operation's responses are garbled, and gives all that it showed.
async fn shown(operation: &str, garbled: GarbledResponse, count: usize) -> String {
    let pipeline = Pipeline::new();
    pipeline.start("web", &[]);
    for nth in 1..=count {
        let kind = FaultKind::Garbled(garbled.clone());
        pipeline.sandbox.inject(Fault { operation: operation.to_owned(), nth: Some(nth), kind });
    }
    let log = Log::default();
    let writer = log.clone();
    // As the command line sets it up: every level, and only what Evenkeel says itself.
    let of_ours = filter_fn(|metadata| metadata.target().starts_with("evenkeel"));
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_filter(of_ours);
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let (worker, _interrupter) = pipeline.hire("worker-1").await;
    let worked = tokio::select! {
        worked = worker.run() => format!("{worked:?}"),
        () = pipeline.over() => String::new(),
    };
    drop(guard);
    let calls: Vec<_> = pipeline.sandbox.calls().into_iter().map(|call| call.request.to_string()).collect();
    let states: Vec<_> = pipeline.sandbox.actions().iter().map(|it| pipeline.state(it)).collect();
    let claims: Vec<_> = pipeline
        .sandbox
        .objects(CLAIMS)
        .iter()
        .filter_map(|key| pipeline.sandbox.object(CLAIMS, key))
        .collect();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("panicked"), "{operation} with {garbled:?}: {log}");
    let claims = String::from_utf8_lossy(&claims.concat()).into_owned();
    let answers = calls.join("\n");
    format!("{log}\n{worked}\n{answers}\n{states:?}\n{claims}")
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_response_that_is_not_of_aws_is_shown_by_a_worker() {
    let mut seed = fastrand::Rng::with_seed(16);
    let mut cases = 0;
    for operation in OPERATIONS {
        for status in [None, Some(403), Some(500)] {
            for body in [
                GarbledBody::CutAt(seed.usize(..)),
                GarbledBody::CutAt(seed.usize(..)),
                GarbledBody::Page("s3cret-words of a page".to_owned()),
                GarbledBody::Nothing,
            ] {
                let garbled = GarbledResponse { status, body };
                let shown = shown(operation, garbled.clone(), 1 + seed.usize(..3)).await;
                let what = format!("{operation} with {garbled:?}");
                for secret in PLANTED {
                    assert!(!shown.contains(secret), "{secret} is shown, {what}: {shown}");
                }
                assert!(!shown.contains("a bug in Evenkeel"), "{what}: {shown}");
                cases += 1;
            }
        }
    }
    say(&format!("{cases} jobs with responses that are not of AWS"));
}
