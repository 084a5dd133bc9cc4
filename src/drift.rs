//! Compares what runs with what is recorded, with its family, and with what Terraform believes.

mod state;

use std::collections::BTreeMap;

use evenkeel_core::diff::diff;
use evenkeel_core::drift::{DriftView, Recorded};
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Ecs, Masked, RecordStore, ScheduledTasks};
use evenkeel_core::primary_state::PrimaryState;
use evenkeel_core::request::{ClusterName, ServiceName};
use evenkeel_core::scheduled::Also;

use crate::clock::Clock;
use crate::live;
use crate::record_commands::{RecordContent, ask, copied_from};

/// A Terraform state that was read.
#[derive(Debug)]
pub struct TerraformState {
    /// Where it is, for people.
    pub place: String,
    /// What is there.
    pub content: Vec<u8>,
}

/// Reads the service, its record and the newest revision of its family.
///
/// # Errors
/// Those of the reads, and a record or a state that is not understood.
pub async fn drift_view<E: Ecs + ScheduledTasks, R: RecordStore>(
    ecs: &E,
    stores: &[R],
    cluster: &ClusterName,
    service: &ServiceName,
    state: Option<&TerraformState>,
    also: &[Also],
    clock: &Clock,
) -> Result<DriftView, Failure> {
    let ecs = &Masked::new(ecs);
    let (found, kept) = ask(ecs, stores, cluster, service).await?;
    let live = live::of(&found)?.clone();
    let (newest, described) =
        tokio::try_join!(ecs.describe_task_definition(live.family()), live::describe(ecs, &found, &live))?;
    let (revision, _) = described;
    let believed = |state: &TerraformState| {
        state::believed(&state.place, &state.content, cluster, service, live.family())
    };
    let terraform = state.map(believed).transpose()?;
    let scheduled = live::scheduled(ecs, &found, &live, also).await?;
    let scheduled = (!also.is_empty()).then_some(scheduled);
    let mut records = Vec::new();
    for (store, (content, _)) in stores.iter().zip(kept) {
        let is_missing = content == RecordContent::Missing;
        let record = match content {
            RecordContent::Record(record) => Some(*record),
            RecordContent::Missing | RecordContent::Empty => None,
        };
        let is_copied_by_live = match &record {
            Some(record) => copied_from(ecs, record, &revision).await? != live,
            None => false,
        };
        records.push(Recorded { place: store.place(), record, is_missing, is_copied_by_live });
    }
    let mut seen = DriftView {
        primary: PrimaryState::of(&found),
        newest: newest.map(|newest| newest.arn),
        live,
        records,
        terraform,
        scheduled,
        changes: BTreeMap::new(),
        now: clock.now().to_string(),
    };
    let expected: Vec<String> = seen.expected().into_iter().map(str::to_owned).collect();
    for arn in expected {
        // What was deleted cannot be compared.
        if let Some(expected) = ecs.describe_task_definition(&arn).await? {
            let changes = diff(&expected.definition, &revision.definition);
            seen.changes.insert(arn, changes);
        }
    }
    Ok(seen)
}
