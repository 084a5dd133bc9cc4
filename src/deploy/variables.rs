//! Which variables a copy of the live revision gets: those asked for, and for those given back what the ancestor has that
//! Evenkeel did not make.
//!
//! # Guarantees
//! * A deployment that names no variable makes no further call.
//! * A variable that the live revision has already is set only if the record says that the pipeline owns it, or that was
//!   asked for.

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::Brought;
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::{Lineage, PlannedRevision};
use evenkeel_core::ports::{Ecs, Masked, RecordStore};
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::DeployRequest;
use evenkeel_core::service::Service;
use evenkeel_core::task_definition::Revision;
use evenkeel_core::variables::{Ownership, VariableChanges, VariableEdits, Variables};

use super::record_keeping::RecordKeeping;

/// The edits of each live revision's copy, and what the user should know of them.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) of: BTreeMap<TaskDefinitionArn, VariableEdits>,
    pub(super) warnings: Vec<String>,
}

/// Finds out what the services' copies get, before anything is changed. An earlier run of this very execution (`source`)
/// may have given back what is asked for.
///
/// # Errors
/// [`Failure::invalid_input`] for a variable that the pipeline does not own; else those of [`Ecs`].
pub(super) async fn find<E: Ecs, R: RecordStore>(
    ecs: &E,
    request: &DeployRequest,
    services: &[Service],
    lineages: &BTreeMap<TaskDefinitionArn, Lineage>,
    records: &mut [RecordKeeping<'_, R>],
    source: Option<&DeployedBy>,
) -> Result<Edits, Failure> {
    let mut edits = Edits::default();
    let changes = &request.variables;
    if changes.is_empty() {
        return Ok(edits);
    }
    let mut not_owned: Vec<_> = changes.unset.iter().collect();
    let mut is_recorded = false;
    for (service, record) in services.iter().zip(records) {
        let Some(lineage) = service.live().and_then(|live| lineages.get(live)) else { continue };
        // The record was read beside the service. A run marks its revision before the service is on it, so a record that is
        // read now tells of the revision that was seen.
        if !record.knows(&lineage.live.arn) {
            record.read_again().await?;
        }
        recognise(ecs, request, lineage, record).await?;
        let owned = record.owned_variables(&lineage.live.arn);
        changes.refuse_unowned(&service.name, &lineage.live, ownership(owned.as_ref()))?;
        is_recorded |= owned.is_some();
        if source.is_some_and(|source| record.was_written_by(source)) {
            not_owned.clear();
        }
        let owned_here: Vec<_> = changes.owned_unset(ownership(owned.as_ref())).collect();
        not_owned.retain(|name| !owned_here.contains(name));
        let (found, warning) = edits_of(ecs, changes, &lineage.live, record).await?;
        edits.of.entry(lineage.live.arn.clone()).or_insert(found);
        edits.warnings.extend(warning.filter(|warning| !edits.warnings.contains(warning)));
    }
    match not_owned.first() {
        Some(name) => Err(VariableChanges::not_owned(name, is_recorded)),
        None => Ok(edits),
    }
}

/// What the copy of another revision gets, which another actor made live meanwhile; `is_replaced` if our update has
/// replaced it already, so that it is too late to refuse.
///
/// # Errors
/// Those of [`find`].
pub(super) async fn find_again<E: Ecs, R: RecordStore>(
    ecs: &E,
    request: &DeployRequest,
    service: &str,
    lineage: &Lineage,
    record: &mut RecordKeeping<'_, R>,
    is_replaced: bool,
) -> Result<Brought, Failure> {
    recognise(ecs, request, lineage, record).await?;
    if !is_replaced {
        let owned = record.owned_variables(&lineage.live.arn);
        request.variables.refuse_unowned(service, &lineage.live, ownership(owned.as_ref()))?;
    }
    let (variables, _) = edits_of(ecs, &request.variables, &lineage.live, record).await?;
    Ok(Brought { images: request.images.clone(), variables })
}

/// The edits of a copy of `live`, and a warning where it is not known what a variable was before.
///
/// # Errors
/// Those of [`Ecs`].
pub(super) async fn edits_of<E: Ecs, R: RecordStore>(
    ecs: &E,
    changes: &VariableChanges,
    live: &Revision,
    record: &RecordKeeping<'_, R>,
) -> Result<(VariableEdits, Option<String>), Failure> {
    if changes.is_empty() {
        return Ok((VariableEdits::default(), None));
    }
    let owned = record.owned_variables(&live.arn);
    let owned = ownership(owned.as_ref());
    if changes.owned_unset(owned).next().is_none() {
        return Ok((changes.edits(&live.definition, owned, None), None));
    }
    let base = record.base_of(&live.arn);
    let described;
    let ancestor = if base == live.arn.as_str() {
        Some(&live.definition)
    } else {
        described = ecs.describe_task_definition(&base).await?;
        described.as_ref().map(|ancestor| &ancestor.definition)
    };
    let warning = ancestor.is_none().then(|| {
        let names: Vec<String> = changes.owned_unset(owned).map(ToString::to_string).collect();
        let base = base.rsplit('/').next().unwrap_or(&base);
        format!(
            "the {} is removed: what it was before the pipeline owned it is not known, since {base} cannot be \
             described any more",
            names.join(" and the ")
        )
    });
    Ok((changes.edits(&live.definition, owned, ancestor), warning))
}

/// The edits of a rollback to `to`: every variable that the pipeline owns has the value from there.
pub(super) fn of_rollback<R: RecordStore>(
    record: Option<&RecordKeeping<'_, R>>,
    live: &TaskDefinitionArn,
    to: &Revision,
) -> VariableEdits {
    let owned = record.and_then(|record| record.owned_variables(live)).unwrap_or_default();
    let set = if owned.is_empty() { owned } else { owned.as_in(&to.definition.variables()) };
    VariableEdits { set, given_back: Variables::default() }
}

/// Values that the pipeline sets are public: a text that quotes one is shown.
pub(super) fn learn_public<E, R: RecordStore>(
    ecs: &Masked<'_, E>,
    request: &DeployRequest,
    records: &[RecordKeeping<'_, R>],
) {
    for value in request.variables.set.iter().filter_map(|(_, value)| value) {
        ecs.learn_public(value);
    }
    for value in records.iter().flat_map(RecordKeeping::public_values) {
        ecs.learn_public(&value);
    }
}

/// Finds out whether Evenkeel made the live revision, before it is known what a copy of it gets.
async fn recognise<E: Ecs, R: RecordStore>(
    ecs: &E,
    request: &DeployRequest,
    lineage: &Lineage,
    record: &mut RecordKeeping<'_, R>,
) -> Result<(), Failure> {
    // Whatever the value of what is given back: it does not count for the comparison.
    let all = request.variables.unset.iter().map(|name| (name.clone(), None)).collect();
    let variables = request.variables.edits(&lineage.live.definition, Ownership::Known(&all), None);
    let brought = Brought { images: request.images.clone(), variables };
    record.recognise(ecs, &PlannedRevision::new(lineage, &brought), &brought).await?;
    Ok(())
}

fn ownership(owned: Option<&Variables>) -> Ownership<'_> {
    owned.map_or(Ownership::Unknown, Ownership::Known)
}
