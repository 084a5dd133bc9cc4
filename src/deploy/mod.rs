//! The use case: put services on new images and watch their rollouts to a true verdict.
//!
//! # Flow
//! Read the services and their live revisions; plan; then tick until every service is done. A tick
//! decides from the last snapshot and performs at most one effect.
//!
//! # Guarantees
//! * Before the first service is updated there are four calls, each needing the one before.
//! * At most one revision and one update, whatever call fails or loses its answer: an effect is
//!   looked for before it is repeated.
//! * A run that was cut off is continued by running it again.
//!
//! # Assumptions
//! ECS shows an effect within five minutes; an answer from before it is told apart by the
//! deployment ids that were seen.

mod advice;
mod backoff;
mod beginning;
mod context;
mod ending;
mod explain;
mod flow;
mod handing_on;
mod interrupt;
mod listed;
mod newest;
mod observer;
mod overtaken;
mod owed;
mod plan_again;
mod polling;
mod prepare;
mod progress;
mod recognise;
mod record_keeping;
mod recording;
mod register;
mod report;
mod resume;
mod roll_back;
mod rollback_command;
mod run;
mod scheduled;
mod service_deployment_search;
mod slice;
mod steps;
mod update;
mod variables;
mod verify;
mod watch;
mod watch_command;

use evenkeel_core::brought::Brought;
use evenkeel_core::failure::Failure;
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::plan::Plan;
use evenkeel_core::ports::{Cloud, EcsEffects, Masked, RecordStore};
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::DeployRequest;
use evenkeel_core::timestamp::Timestamp;

use crate::clock::{Clock, Moment};

pub use interrupt::{Interrupt, Interrupter};
pub use polling::Polling;
pub(crate) use polling::Throttling;
pub use prepare::prepare;
pub use progress::{Listener, Progress, TaskNews};
pub use report::{Report, ServiceReport};
pub use resume::deploy_slice;
pub use rollback_command::{prepare_rollback, roll_back};
pub use scheduled::ScheduledReport;
pub use slice::{Journal, NotBegun, Noted, Slice, SliceEnd};
pub use watch_command::{report_last_rollouts, watch_rollouts};

use context::{Chosen, Context};
use flow::Flow;
use record_keeping::RecordKeeping;
use run::Run;

/// What a deployment works with.
#[derive(Debug)]
pub struct World<'a, E, R> {
    /// Amazon ECS.
    pub ecs: &'a E,
    /// Where the record of each service is kept, in the request's order: nowhere, in one place or in
    /// several. Empty if no service has a record.
    pub records: Vec<&'a [R]>,
    /// The time.
    pub clock: Clock,
    /// When to poll.
    pub polling: Polling,
    /// What ends the wait early.
    pub interrupt: Interrupt,
    /// Who deploys.
    pub source: &'a DeployedBy,
    /// Which execution this is: one-off tasks run once in each.
    pub execution: ExecutionId,
}

impl<E, R> World<'_, E, R> {
    /// The same world as seen through `ecs`.
    fn through<'b, F>(&'b self, ecs: &'b F) -> World<'b, F, R> {
        let Self { records, clock, polling, interrupt, source, execution, .. } = self;
        World {
            ecs,
            records: records.clone(),
            clock: *clock,
            polling: *polling,
            interrupt: interrupt.clone(),
            source,
            execution: execution.clone(),
        }
    }
}

/// Deploys, and reports how it ended; never fails otherwise. Until the first tick an interrupt or the time-out ends it
/// at once.
pub async fn deploy<E: Cloud + EcsEffects, R: RecordStore>(
    world: &World<'_, E, R>,
    request: &DeployRequest,
    listen: &mut Listener<'_>,
) -> Report {
    let ecs = Masked::new(world.ecs);
    let world = world.through(&ecs);
    let timeout = request.policy.timeout;
    let begun = begin(&world, request, listen, None);
    let begun = beginning::within(timeout, world.clock, world.interrupt.clone(), begun).await;
    match begun.unwrap_or_else(|cut| Err(cut.failure(timeout))) {
        Ok(mut flow) => {
            flow.drive().await;
            flow.report().await
        }
        Err(failure) => Report::refused(ecs.hide_failure(failure)),
    }
}

async fn begin<'a, E: Cloud + EcsEffects, R: RecordStore>(
    world: &'a World<'a, Masked<'a, E>, R>,
    request: &'a DeployRequest,
    listen: &'a mut Listener<'a>,
    began: Option<Timestamp>,
) -> Result<Flow<'a, Masked<'a, E>, R>, Failure> {
    let started = Moment::now();
    let read = async {
        let records = RecordKeeping::of_each(&world.records, request.services.len(), world.clock);
        let (services, mut records) = tokio::try_join!(prepare::describe(world.ecs, request), records)?;
        let (ecs, source) = (world.ecs, Some(world.source));
        Ok::<_, Failure>((prepare::plan(ecs, request, services, &mut records, source).await?, records))
    };
    let (read, images) = tokio::join!(read, verify::look_up(world.ecs, &world.clock, request));
    let (mut plan, mut records) = read?;
    // AWS's time is known by its responses.
    let began = began.unwrap_or_else(|| world.clock.at(started));
    for record in &records {
        plan.warnings.extend(record.unfinished(world.clock.now()));
    }
    verify::check(&mut plan, request, &images)?;
    variables::learn_public(world.ecs, request, &records);
    world.ecs.hide_plan(&mut plan);
    // Where variables are asked for, that was done before it was planned.
    if request.variables.is_empty() {
        let brought = request.images.clone().into();
        for (service, record) in plan.services.iter().zip(&mut records) {
            record.recognise(world.ecs, &plan.revisions[service.revision], &brought).await?;
        }
    }
    listen(Progress::Planned(&plan));
    let mut flow = planned(Context::new(world, request, listen, began), plan, records);
    let digests = verify::digests(images);
    for (run, record) in flow.runs.iter_mut().zip(&flow.records) {
        run.digests.clone_from(&digests);
        recording::check_room(&flow.cx, run, record)?;
        overtaken::go_on_with_the_overtaken(&mut flow.cx, run, record).await?;
    }
    Ok(flow)
}

/// The flow of a plan of which nothing is done yet.
fn planned<'a, E: Cloud + EcsEffects, R: RecordStore>(
    mut cx: Context<'a, E>,
    plan: Plan,
    records: Vec<RecordKeeping<'a, R>>,
) -> Flow<'a, E, R> {
    let services = plan.services.into_iter().zip(&cx.request.services).zip(&records);
    let runs = services.map(|((planned, name), record)| {
        let variables = plan.revisions[planned.revision].variables.clone();
        let brought = Brought { images: cx.request.images.clone(), variables };
        let mut run = Run::new(name.as_str(), brought, planned.service, planned.revision);
        run.began_images.clone_from(&plan.revisions[planned.revision].base_images);
        run.is_recorded = record.is_kept();
        run
    });
    let runs = runs.collect();
    cx.revisions = plan.revisions.into_iter().map(|planned| Chosen { planned, arn: None }).collect();
    cx.warnings = plan.warnings;
    cx.scheduled = plan.scheduled;
    Flow::new(cx, runs, records)
}
