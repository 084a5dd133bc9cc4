//! What is done to a record besides deploying: make it, look at it, repair it, empty it.
//!
//! Guarantees: a record that is not understood is only ever emptied; every write depends on what was
//! read; a record of a rollout that goes on is closed only where that is asked for.

use std::collections::BTreeSet;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::Brought;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::image::{ImageReference, Images};
use evenkeel_core::ports::{Ecs, Masked, RecordStore, Version};
use evenkeel_core::primary_state::PrimaryState;
use evenkeel_core::record::{DeployedBy, EMPTY, Record, RunningRevision};
use evenkeel_core::request::{ClusterName, ServiceName};
use evenkeel_core::service::Service;
use evenkeel_core::task_definition::Revision;
use evenkeel_core::variables::{VariableEdits, Variables};

use crate::clock::Clock;
use crate::live;

/// A record and what was done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub place: String,
    /// What was done.
    pub done: Done,
    /// What is there now.
    pub content: RecordContent,
}

/// What was done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Nothing.
    Nothing,
    /// An empty one was put where nothing was.
    Made,
    /// It was brought in step with the service.
    Repaired,
    /// It was emptied.
    Reset,
}

/// What is in the place of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordContent {
    /// Nothing.
    Missing,
    /// The empty record: nothing was deployed.
    Empty,
    /// A record.
    Record(Box<Record>),
}

/// What a repair is about.
#[derive(Debug)]
pub struct Repair<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// The service.
    pub service: &'a ServiceName,
    /// The time.
    pub clock: Clock,
    /// Who repairs.
    pub by: &'a DeployedBy,
    /// Repair also while a rollout goes on.
    pub force: bool,
}

/// Puts the empty record wherever there is nothing.
///
/// # Errors
/// Those of the store, and a record that is not understood.
pub async fn init<R: RecordStore>(stores: &[R]) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    for store in stores {
        let (found, _) = read(store).await?;
        kept.push(match found {
            RecordContent::Missing => {
                write(store, None, EMPTY).await?;
                Kept { place: store.place(), done: Done::Made, content: RecordContent::Empty }
            }
            content @ (RecordContent::Empty | RecordContent::Record(_)) => {
                Kept { place: store.place(), done: Done::Nothing, content }
            }
        });
    }
    Ok(kept)
}

/// Reads the records.
///
/// # Errors
/// Those of the store, and a record that is not understood.
pub async fn show<R: RecordStore>(stores: &[R]) -> Result<Vec<Kept>, Failure> {
    let mut kept = Vec::new();
    for store in stores {
        let (content, _) = read(store).await?;
        kept.push(Kept { place: store.place(), done: Done::Nothing, content });
    }
    Ok(kept)
}

/// Puts the empty record in the place of whatever is there.
///
/// # Errors
/// Those of the store; without `force` also a deployment that is recorded to be in progress.
pub async fn reset<R: RecordStore>(stores: &[R], clock: &Clock, force: bool) -> Result<Vec<Kept>, Failure> {
    let mut found = Vec::new();
    for store in stores {
        let stored = store.read().await?;
        let record = stored.as_ref().and_then(|(content, _)| Record::parse(&store.place(), content).ok()?);
        if let Some(record) = record.filter(|record| !force && record.is_held(&clock.now().to_string())) {
            let until = record.expires_at.unwrap_or_default();
            return Err(under_way(
                &format!("the record in {} was not emptied", store.place()),
                &format!("it tells of a deployment in progress until {until}"),
            ));
        }
        found.push((store, stored));
    }
    let mut kept = Vec::new();
    for (store, stored) in found {
        let (content, version) = stored.unzip();
        let is_empty = content.is_some_and(|content| content.trim_ascii() == EMPTY.trim_ascii());
        if !is_empty {
            write(store, version.as_ref(), EMPTY).await?;
        }
        let done = if is_empty { Done::Nothing } else { Done::Reset };
        kept.push(Kept { place: store.place(), done, content: RecordContent::Empty });
    }
    Ok(kept)
}

/// Brings the records in step with what the service runs, and with one another.
///
/// Flow: read the service and the records; of the records that which knows what runs, or else the
/// latest, tells the ancestor; write those that say something else.
///
/// # Errors
/// [`FailureKind::InvalidInput`] when none of the places holds a record: nothing tells what the
/// pipeline owns. [`FailureKind::Unavailable`] while a rollout goes on, unless `force` is given.
pub async fn repair<E: Ecs, R: RecordStore>(
    ecs: &E,
    stores: &[R],
    repair: &Repair<'_>,
) -> Result<Vec<Kept>, Failure> {
    let ecs = &Masked::new(ecs);
    let (service, found) = ask(ecs, stores, repair.cluster, repair.service).await?;
    let live = live::of(&service)?;
    let Some(former) = best(&found, live) else { return Err(nothing_to_repair(stores)) };
    let primary = PrimaryState::of(&service);
    let (revision, digests) = live::describe(ecs, &service, live).await?;
    let copied = copied_from(ecs, &former, &revision).await?;
    let repaired = former.repaired(RunningRevision {
        cluster: repair.cluster.as_str(),
        service: repair.service.as_str(),
        live,
        copied: &copied,
        images: revision.definition.images(),
        variables: revision.definition.variables(),
        digests,
        deployment_id: service.primary().map(|primary| primary.id.as_str().to_owned()),
        primary,
        at: repair.clock.now().to_string(),
        by: repair.by,
    });
    let is_told = |content: &RecordContent| matches!(content, RecordContent::Record(it) if it.tells_the_same(&repaired));
    if primary == PrimaryState::GoesOn && !repair.force && !found.iter().all(|(content, _)| is_told(content))
    {
        return Err(under_way(
            &format!("the record of service {} was not repaired", repair.service),
            &format!("the rollout of {} goes on", live.family_and_revision()),
        ));
    }
    let mut kept = Vec::new();
    for (store, (content, version)) in stores.iter().zip(found) {
        let done = if is_told(&content) {
            Done::Nothing
        } else {
            write(store, version.as_ref(), &repaired.to_json()).await?;
            Done::Repaired
        };
        let content =
            if done == Done::Nothing { content } else { RecordContent::Record(Box::new(repaired.clone())) };
        kept.push(Kept { place: store.place(), done, content });
    }
    Ok(kept)
}

/// The revision of which `live` is a copy with other images and variables that the pipeline owns, as
/// far as the record knows it; else `live` itself.
///
/// Such a copy is told by what it is: Evenkeel was cut off before it could record it, or was not told
/// to.
///
/// # Errors
/// Those of [`Ecs`].
pub(crate) async fn copied_from<E: Ecs>(
    ecs: &E,
    record: &Record,
    live: &Revision,
) -> Result<TaskDefinitionArn, Failure> {
    let known = [&record.task_definition_arn, &record.previous_task_definition_arn];
    let is_known = known.into_iter().any(|arn| arn == live.arn.as_str())
        || record
            .marks()
            .any(|mark| mark.is(live.arn.as_str()) || mark.source_task_definition_arn == live.arn.as_str());
    if is_known {
        return Ok(live.arn.clone());
    }
    let owned = (record.owned(), record.owned_variables());
    let sources = record.marks().map(|mark| &mark.source_task_definition_arn);
    let sources: BTreeSet<&String> = sources.chain([&record.task_definition_arn]).collect();
    for source in sources {
        let Ok(source) = TaskDefinitionArn::parse(source) else { continue };
        let is_older = source.family() == live.arn.family() && source.revision() < live.arn.revision();
        if is_older
            && let Some(described) = ecs.describe_task_definition(source.as_str()).await?
            && is_copy(&described, live, &owned)
        {
            return Ok(source);
        }
    }
    Ok(live.arn.clone())
}

fn is_copy(source: &Revision, live: &Revision, (owned, variables): &(BTreeSet<String>, Variables)) -> bool {
    let mut images = Images::default();
    for (container, image) in live.definition.images() {
        if owned.contains(&container) {
            // No definition names a container twice.
            drop(images.insert(&container, ImageReference::as_registered(&image)));
        }
    }
    let set = variables.as_in(&live.definition.variables());
    let variables = VariableEdits { set, given_back: Variables::default() };
    source.definition.with(&Brought { images, variables }).is_equivalent(&live.definition)
}

/// Reads the service and its records at once.
///
/// # Errors
/// Those of both.
pub(crate) async fn ask<E: Ecs, R: RecordStore>(
    ecs: &E,
    stores: &[R],
    cluster: &ClusterName,
    service: &ServiceName,
) -> Result<(Service, Vec<(RecordContent, Option<Version>)>), Failure> {
    tokio::try_join!(live::find(ecs, cluster, service), read_all(stores))
}

async fn read<R: RecordStore>(store: &R) -> Result<(RecordContent, Option<Version>), Failure> {
    let Some((content, version)) = store.read().await? else { return Ok((RecordContent::Missing, None)) };
    let record = Record::parse(&store.place(), &content)?;
    let content = record.map_or(RecordContent::Empty, |record| RecordContent::Record(Box::new(record)));
    Ok((content, Some(version)))
}

async fn read_all<R: RecordStore>(stores: &[R]) -> Result<Vec<(RecordContent, Option<Version>)>, Failure> {
    let mut found = Vec::new();
    for store in stores {
        found.push(read(store).await?);
    }
    Ok(found)
}

/// Writes a record over what was read.
async fn write<R: RecordStore>(store: &R, over: Option<&Version>, content: &[u8]) -> Result<(), Failure> {
    let written = store.write(over, content).await?;
    written.map(drop).ok_or_else(|| {
        Failure::new(
            FailureKind::Superseded,
            format!("the record in {} was changed by another run meanwhile", store.place()),
        )
        .advice("Look at it by `evenkeel record show`, then run the same command again")
    })
}

/// The record that knows most: that of what runs, else the latest.
fn best(found: &[(RecordContent, Option<Version>)], live: &TaskDefinitionArn) -> Option<Record> {
    let records = found.iter().filter_map(|(content, _)| match content {
        RecordContent::Record(record) => Some(record.as_ref()),
        RecordContent::Missing | RecordContent::Empty => None,
    });
    let knows = |record: &&Record| {
        (record.task_definition_arn == live.as_str(), record.candidate.is_some(), record.deployed_at.clone())
    };
    records.max_by_key(knows).cloned()
}

fn nothing_to_repair<R: RecordStore>(stores: &[R]) -> Failure {
    let places: Vec<String> = stores.iter().map(RecordStore::place).collect();
    Failure::invalid_input(format!("there is no record in {}", places.join(", ")))
        .because("nothing tells which containers the pipeline owns")
        .advice("Run `evenkeel deploy` with the images that run: it rolls nothing out and writes the record")
}

fn under_way(what: &str, why: &str) -> Failure {
    Failure::new(FailureKind::Unavailable, what)
        .because(why)
        .advice("Wait for its end and run the same command again, or give --force")
}
