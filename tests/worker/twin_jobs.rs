//! No answer, log line or artifact of a worker depends on a secret value.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::deploy::Polling;
use evenkeel::worker::Settings;
use evenkeel_sandbox::{ActionStatus, Fault, FaultKind, RolloutOutcome};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use zip::ZipArchive;

use crate::twins::{Twin, assert_alike, twins};
use crate::world::{ARTIFACTS, CLUSTER, OLD, Pipeline, definition, say, settings};

const PAIRS: u64 = 24;

/// How the rollout goes, and a call that is refused.
const ENDINGS: [(RolloutOutcome, Option<&str>); 6] = [
    (RolloutOutcome::Crash, None),
    (RolloutOutcome::Ok, None),
    (RolloutOutcome::CannotPull, Some("GetLogEvents")),
    (RolloutOutcome::Ok, Some("RegisterTaskDefinition")),
    (RolloutOutcome::OutOfMemory, Some("DescribeServiceDeployments")),
    (RolloutOutcome::Crash, Some("ListTasks")),
];

/// What a worker logs.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Everything that anybody is shown of a job in this world, and how it ended.
async fn play(twin: &Twin, (outcome, refused): (RolloutOutcome, Option<&str>)) -> (String, ActionStatus) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .without_time()
        .with_max_level(tracing::Level::INFO)
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let pipeline = Pipeline::empty();
    pipeline.call("RegisterTaskDefinition", twin.definition(definition("web", OLD), 0));
    let service =
        json!({ "cluster": CLUSTER, "serviceName": "web", "taskDefinition": "web", "desiredCount": 2 });
    pipeline.call("CreateService", service);
    pipeline.next_rollout("web", outcome);
    pipeline.sandbox.set_quotes(twin.quotes(false));
    if let Some(operation) = refused {
        let kind = FaultKind::Denied;
        pipeline.sandbox.inject(Fault { operation: operation.to_owned(), nth: None, kind });
    }
    let execution = pipeline.start("web", &[("Record", "ssm:/deploy/web")]);
    // So often that every state of the rollout is seen, whenever the worker looks.
    let watching = Polling::together(Duration::from_secs(1));
    let (worker, _interrupter) = pipeline.hire_as(Settings { watching, ..settings("worker-1") }).await;
    pipeline.until_over(worker.run()).await;

    let state = pipeline.state(&execution);
    let mut shown = format!("{state:?}\n");
    for call in pipeline.sandbox.calls() {
        if call.operation.starts_with("PutJob") || call.operation == "PutParameter" {
            writeln!(shown, "{}", call.request).unwrap();
        }
    }
    shown.push_str(
        &pipeline.sandbox.object(ARTIFACTS, "deployed").map(|it| unpacked(&it)).unwrap_or_default(),
    );
    shown.push_str(&String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    (shown, state.status)
}

fn unpacked(artifact: &[u8]) -> String {
    let mut archive = ZipArchive::new(Cursor::new(artifact)).unwrap();
    let mut text = String::new();
    for at in 0..archive.len() {
        archive.by_index(at).unwrap().read_to_string(&mut text).unwrap();
    }
    text
}

/// The text without its numbers and the counts of tasks: when a worker looks is up to chance.
fn timeless(text: &str) -> String {
    let mut shown = String::new();
    let lines = text.lines().filter(|line| !line.contains(" tasks run"));
    for c in lines.flat_map(|line| line.chars().chain(['\n'])) {
        match c {
            '0'..='9' | '.' if shown.ends_with('0') => {}
            '0'..='9' => shown.push('0'),
            c => shown.push(c),
        }
    }
    shown
}

#[tokio::test(start_paused = true)]
async fn jobs_in_worlds_that_differ_in_secret_values_alone_are_answered_alike() {
    let (mut failed, mut hidden) = (0, 0);
    for seed in 0..PAIRS {
        let twins = twins(seed);
        let ending = ENDINGS[usize::try_from(seed).unwrap() % ENDINGS.len()];
        let [(one, status), (other, _)] = [play(&twins[0], ending).await, play(&twins[1], ending).await];
        assert!(!twins[0].is_shown_in(&one) && !twins[1].is_shown_in(&other), "seed {seed}: {one}");
        let [one, other] = [one, other].map(|text| timeless(&text));
        assert_alike(&one, &other, &format!("seed {seed}: {ending:?}"));
        assert!(one.contains("answered the job"), "nothing was logged: {one}");
        failed += u64::from(status == ActionStatus::Failed);
        hidden += one.matches("(hidden)").count();
    }
    say(&format!("{PAIRS} pairs of jobs, of which {failed} failed, {hidden} times (hidden)"));
    assert!(failed > PAIRS / 2 && hidden > 200, "{failed} {hidden}");
}
