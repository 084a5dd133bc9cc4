//! Plays the pipeline's deploy action, from the queue to its result.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::failure::Failure;
use evenkeel_core::job::ActionType;
use evenkeel_sandbox::{ActionState, ActionStatus, Sandbox};
use zip::ZipArchive;

use crate::aws::{Aws, Connection};
use crate::deploy::{Interrupt, Polling};
use crate::worker::claims::BucketClaims;
use crate::worker::{Settings, Worker};

use super::super::args::Scenario;
use super::super::job_options::job_options;
use super::super::print;
use super::furnish::{BUCKET, CLAIMS, CLUSTER, INPUT, OUTPUT, Pipeline, SERVICE};
use super::narrate::Commentary;

/// How often to look whether the action is over.
const LOOK: Duration = Duration::from_millis(100);

/// Plays the action, and if it succeeds, once more; returns the exit status.
pub(super) async fn play(scenario: Scenario) -> Result<u8, Failure> {
    let pipeline = Pipeline::furnish(scenario)?;
    print(&format!(
        "An embedded AWS: a pipeline whose last action is Evenkeel's, cluster {CLUSTER}, service {SERVICE} with the\n\
         containers app and proxy. The build has put its artifact in s3://{BUCKET}/{INPUT}:\n\n  \
         imagedefinitions.json  {}\n\n",
        pipeline.image_definitions
    ));
    let story = Commentary::begin(pipeline.clock);
    let first = deploy_once(&pipeline, &story).await?;
    print(&told(&pipeline.sandbox, &first));
    if first.status == ActionStatus::Succeeded {
        pipeline.sandbox.clear_calls();
        print("\nThe same once more, as a retry of the stage would:\n\n");
        let second = deploy_once(&pipeline, &story).await?;
        print(&told(&pipeline.sandbox, &second));
    }
    let status = u8::from(first.status != ActionStatus::Succeeded);
    print(&format!("\nexit status {status}\n"));
    Ok(status)
}

async fn deploy_once(pipeline: &Pipeline, story: &Commentary) -> Result<ActionState, Failure> {
    let execution = pipeline.start()?;
    let configuration: Vec<String> =
        pipeline.configuration().iter().map(|(name, value)| format!("{name}={value}")).collect();
    story.tell("pipeline", &format!("queues a job: {}", configuration.join(" ")));
    let (_interrupter, interrupt) = Interrupt::new();
    let connection = Connection {
        clock: pipeline.clock,
        embedded: Some(pipeline.sandbox.http_client()),
        ..Connection::default()
    };
    let aws = Aws::load(&connection).await?;
    let claims = BucketClaims::new(aws.objects(), CLAIMS, "evenkeel");
    let queue = aws.job_queue(ActionType::default());
    let settings = Settings {
        owner: "sandbox".to_owned(),
        concurrency: 1,
        poll: Duration::from_millis(300),
        slice: Duration::from_secs(600),
        lease: Duration::from_secs(60),
        drain: false,
        watching: Polling::together(Duration::from_millis(500)),
        options: job_options,
    };
    let metrics = Arc::default();
    let worker = Worker::new(queue, Some(claims), aws, pipeline.clock, settings, metrics, interrupt);
    let over = async {
        loop {
            let state =
                pipeline.sandbox.action(&execution).filter(|it| it.status != ActionStatus::InProgress);
            if let Some(state) = state.filter(|_| pipeline.sandbox.objects(CLAIMS).is_empty()) {
                return state;
            }
            pipeline.clock.sleep(LOOK).await;
        }
    };
    tokio::select! {
        state = over => Ok(state),
        worked = worker.run() => {
            worked?;
            Ok(pipeline.sandbox.action(&execution).unwrap_or_default())
        }
    }
}

/// What the pipeline shows of the action.
fn told(sandbox: &Sandbox, state: &ActionState) -> String {
    let mut lines = vec![String::new(), format!("The action has {}.", in_words(state.status))];
    if let Some((kind, message)) = &state.failure {
        lines.push(format!("  {kind}: {message}"));
    }
    if let Some(id) = &state.external_execution_id {
        lines.push(format!("  its link in the console: …/ecs/v2/clusters/{id}"));
    }
    if !state.output_variables.is_empty() {
        lines.push("  output variables".to_owned());
        lines.extend(state.output_variables.iter().map(|(name, value)| format!("    {name} = {value}")));
        lines.push(format!("  output artifact  {}", files(sandbox).join(", ")));
    }
    let calls = sandbox.calls();
    let of = |names: &[&str]| calls.iter().filter(|call| names.contains(&call.operation.as_str())).count();
    lines.push(format!(
        "  {} calls to AWS, {} of them polls of an empty queue and looks at the claims; RegisterTaskDefinition {}, UpdateService {}",
        calls.len(),
        of(&["PollForJobs", "ListObjectsV2"]),
        of(&["RegisterTaskDefinition"]),
        of(&["UpdateService"]),
    ));
    lines.join("\n") + "\n"
}

fn in_words(status: ActionStatus) -> &'static str {
    match status {
        ActionStatus::InProgress => "not ended",
        ActionStatus::Succeeded => "succeeded",
        ActionStatus::Failed => "failed",
        ActionStatus::Abandoned => "been abandoned",
        ActionStatus::TimedOut => "timed out",
    }
}

fn files(sandbox: &Sandbox) -> Vec<String> {
    let archive = sandbox.object(BUCKET, OUTPUT).and_then(|bytes| ZipArchive::new(Cursor::new(bytes)).ok());
    let names =
        |archive: ZipArchive<_>| archive.file_names().flatten().map(|name| name.into_owned()).collect();
    archive.map(names).unwrap_or_default()
}
