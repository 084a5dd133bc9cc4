//! One slice of a job's work: from its configuration to an answer, or to where it is handed on.
//!
//! What happens once is boxed, so that a job that watches a rollout, as most do most of the time, is small.

use std::time::Duration;

use evenkeel_core::checkpoint::Checkpoint;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::{Answer, Execution, Job, JobConfiguration};
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::ports::{Access, ClaimStore, Encryption, Identity, JobQueue, Objects, Precondition};
use evenkeel_core::record::{DeployedBy, Sink};
use evenkeel_core::request::DeployRequest;

use crate::clock::Moment;
use crate::deploy::{Journal, NotBegun, Progress, Report, Slice, SliceEnd, World, deploy_slice};
use crate::output::{self, Narrator, Story};
use crate::record;

use super::super::WorkerContext;
use super::super::log::Lines;
use super::super::metrics::Part;
use super::ecs::JobEcs;
use super::images::images;
use super::record::JobRecord;
use super::result;

/// How often the output artifact is tried, and how long after the first try the second.
const DELIVERIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What came of it.
pub(super) enum WorkEnd {
    /// The job is to be answered so; the word is for the metrics.
    Over(Answer, &'static str),
    /// It goes on from here in another job.
    HandOn {
        /// How far it is.
        checkpoint: Checkpoint,
        /// What the console's link is made from.
        external_id: String,
        /// How far it is, for people.
        summary: String,
    },
}

/// Works on the job until it is over or to be handed on.
pub(super) async fn attempt<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    from: Checkpoint,
    journal: &dyn Journal,
) -> WorkEnd {
    let configuration = match JobConfiguration::parse(&job.configuration, shared.settings.options) {
        Ok(configuration) => configuration,
        Err(failure) => return refused(&failure, ""),
    };
    let external_id = configuration.external_id();
    match slice(shared, job, &configuration, &from, journal).await {
        Ok(Sliced::Ended(ended)) => {
            let (report, prepared) = *ended;
            over(shared, job, &report, &prepared, &external_id).await
        }
        Ok(Sliced::HandedOn(checkpoint)) => {
            let summary = format!("{} is under way", names(&configuration));
            WorkEnd::HandOn { checkpoint, external_id, summary }
        }
        // What does not answer now may do so later, as long as there is time.
        Err(failure)
            if failure.kind() == FailureKind::Unavailable
                && shared.clock.now().since(from.began) < configuration.policy().timeout =>
        {
            tracing::warn!("{failure}");
            WorkEnd::HandOn { checkpoint: from, external_id, summary: failure.to_string() }
        }
        Err(failure) => refused(&failure, &external_id),
    }
}

/// How a slice ended.
enum Sliced {
    Ended(Box<(Report, Prepared)>),
    HandedOn(Checkpoint),
}

/// What a slice works with.
struct Prepared {
    request: DeployRequest,
    source: DeployedBy,
}

async fn slice<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    configuration: &JobConfiguration,
    from: &Checkpoint,
    journal: &dyn Journal,
) -> Result<Sliced, Failure> {
    let began = Moment::now();
    let interrupt = shared.interrupt.clone();
    let kept_for = shared.settings.slice(shared.claims.is_some());
    // Counted from here, so that a job which waits for its turn is not kept longer than another.
    let until = kept_for.map(|time| began.plus(time));
    let identity = identity(job, configuration);
    let timeout = configuration.policy().timeout;
    let slice = Slice { from: from.clone(), until, after_start: kept_for.is_some(), journal };
    let has_begun = !from.services.is_empty();
    let preparing = Box::pin(async {
        let images = images(&shared.queue, &shared.access, job, configuration).await?;
        shared.metrics.took(Part::Artifact, Moment::now().since(began));
        let turn = if has_begun { None } else { shared.beginnings.acquire().await.ok() };
        let records: Vec<Vec<_>> = if configuration.records.iter().all(Vec::is_empty) {
            Vec::new()
        } else {
            let (objects, parameters) = shared.access.records(&identity).await?;
            let open = |sinks: &Vec<Sink>| {
                let stores = record::open(sinks, &objects, &parameters);
                stores.into_iter().map(JobRecord).collect()
            };
            configuration.records.iter().map(open).collect()
        };
        let ecs =
            JobEcs::open(&shared.access, &shared.sharing, identity.clone(), shared.clock, until).await?;
        Ok::<_, Failure>((configuration.request(images), turn, records, ecs))
    });
    let (request, mut turn, records, ecs) =
        match slice.begin(timeout, shared.clock, interrupt.clone(), preparing).await {
            Ok(prepared) => prepared?,
            Err(NotBegun::HandedOn) => return Ok(Sliced::HandedOn(from.clone())),
            Err(NotBegun::Failed(failure)) => return Err(failure),
        };
    let source = source(job);
    let world = World {
        ecs: &ecs,
        records: records.iter().map(Vec::as_slice).collect(),
        clock: shared.clock,
        polling: shared.settings.watching,
        interrupt,
        source: &source,
        execution: ExecutionId::new(from.execution.clone()),
    };
    let prepared = Moment::now();
    let mut story = Story::beginning(shared.clock.local());
    let mut narrator = Narrator::new(Lines::default());
    let mut listen = |progress: Progress<'_>| {
        story.hear(&progress, shared.clock.local());
        if begins(&progress) {
            turn = None;
        }
        narrator.tell(&progress);
    };
    let mut end = deploy_slice(&world, &request, &slice, &mut listen).await;
    shared.metrics.took(Part::Deploy, Moment::now().since(prepared));
    let channels = &configuration.options.channels;
    if let SliceEnd::Ended(report) = &mut end
        && !channels.is_empty()
    {
        let notification = output::notification(&request, report, &story, &source);
        let notifier = Box::pin(shared.access.notifier(&identity)).await?;
        report.warnings.extend(output::notify(&notifier, channels, &notification).await);
    }
    Ok(match end {
        SliceEnd::Ended(report) => Sliced::Ended(Box::new((report, Prepared { request, source }))),
        SliceEnd::HandedOn(checkpoint) => Sliced::HandedOn(checkpoint),
    })
}

/// Whether the deployment has begun, so that the next job may.
fn begins(progress: &Progress<'_>) -> bool {
    matches!(
        progress,
        Progress::Started { .. } | Progress::Joined { .. } | Progress::Task { .. } | Progress::Ended { .. }
    )
}

fn identity(job: &Job, configuration: &JobConfiguration) -> Identity {
    Identity {
        region: configuration.region.clone(),
        role_arn: configuration.role_arn.clone(),
        external_id: configuration.options.external_id.clone(),
        session: session(&job.execution),
    }
}

async fn over<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    report: &Report,
    prepared: &Prepared,
    external_id: &str,
) -> WorkEnd {
    for warning in &report.warnings {
        tracing::warn!("{warning}");
    }
    if report.first_failure().is_none()
        && let Err(failure) = Box::pin(delivered(shared, job, report, prepared)).await
    {
        let failure = Failure::new(
            failure.kind(),
            format!("{}, but its output artifact could not be written", report.outcome),
        )
        .caused_by(failure)
        .advice("Retry the stage: nothing will be deployed again");
        return refused(&failure, external_id);
    }
    WorkEnd::Over(result::answer(report, external_id), report.outcome.as_str())
}

/// Writes the output artifact. What was deployed is deployed, so it is worth a few tries.
async fn delivered<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    report: &Report,
    prepared: &Prepared,
) -> Result<(), Failure> {
    let mut wait = FIRST_WAIT;
    for _ in 1..DELIVERIES {
        match deliver(shared, job, report, prepared).await {
            Ok(()) => return Ok(()),
            Err(failure) => tracing::warn!("the output artifact is written again: {failure}"),
        }
        shared.clock.sleep(wait).await;
        wait *= 2;
    }
    deliver(shared, job, report, prepared).await
}

/// Writes the output artifact, if the action has one.
async fn deliver<Q: JobQueue, C: ClaimStore, A: Access>(
    shared: &WorkerContext<Q, C, A>,
    job: &Job,
    report: &Report,
    prepared: &Prepared,
) -> Result<(), Failure> {
    if job.outputs.is_empty() {
        return Ok(());
    }
    let now = shared.clock.now();
    let content = result::output_artifact(report, &prepared.request, &prepared.source, now)?;
    // How long credentials last is not documented, and a rollout may have taken hours.
    let fresh = shared.queue.details(&job.id).await?;
    let job = fresh.as_ref().unwrap_or(job);
    let Some(credentials) = &job.credentials else {
        return Err(Failure::new(
            FailureKind::Denied,
            "CodePipeline gave no credentials for the output artifact",
        ));
    };
    let objects = shared.access.artifacts(credentials);
    let encryption = match &job.encryption_key {
        Some(key) => Encryption::Kms(key.clone()),
        None => Encryption::AwsKms,
    };
    for output in &job.outputs {
        objects.write(&output.location, content.clone(), &Precondition::Always, &encryption).await?;
    }
    Ok(())
}

/// Who deploys, for the record.
fn source(job: &Job) -> DeployedBy {
    let id = Some(job.execution.pipeline_execution.clone());
    DeployedBy { kind: "codepipeline".to_owned(), id, url: None }
}

fn refused(failure: &Failure, external_id: &str) -> WorkEnd {
    WorkEnd::Over(Answer::fail(failure, external_id), failure.kind().as_str())
}

fn names(configuration: &JobConfiguration) -> String {
    let names: Vec<&str> = configuration.services.iter().map(|service| service.short()).collect();
    names.join(", ")
}

/// Tells in the role's account whose session it was.
fn session(execution: &Execution) -> String {
    let id: String = execution.pipeline_execution.chars().take(8).collect();
    format!("evenkeel-{}-{id}", execution.pipeline)
}
