//! Keeps the record in step with the service: never ahead of it, never behind a success.
//!
//! # Flow
//! Read → (beside the registration) mark it as in progress → record the success, or take the mark back.
//!
//! # Guarantees
//! * Every write depends on what was read. Where something else is there, the record is read again and the
//!   change is made to that: marks of other runs stay.
//! * A run whose final write meets another run's looks at the service again: ECS decides who is live.
//!
//! # Errors
//! Those of the store. After the rollout they say that the record is behind the service and how to correct that.

mod entry;

use std::collections::BTreeMap;
use std::future::Future;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::brought::{Brought, BroughtParts};
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::PlannedRevision;
use evenkeel_core::ports::{Ecs, RecordStore};
use evenkeel_core::record::{Candidate, Deployed, DeployedBy, Record, Status};
use evenkeel_core::timestamp::Timestamp;
use evenkeel_core::variables::{VariableEdits, Variables};
use futures_util::future::join_all;

use crate::clock::Clock;

use super::recognise::is_candidate;
use entry::StoredRecord;

/// The record of one service's deployment, in each of its stores.
pub(super) struct RecordKeeping<'a, R> {
    entries: Vec<StoredRecord<'a, R>>,
    /// Another run wrote since the last look at the service.
    met: bool,
}

/// What is about to be deployed.
pub(super) struct UnderWay {
    /// The record of what is live, for a service that has none yet.
    pub(super) unrecorded: Record,
    /// The live revision, which is copied from.
    pub(super) source: TaskDefinitionArn,
    /// The revision, if it exists already.
    pub(super) revision: Option<TaskDefinitionArn>,
    /// The images that are put into the copy.
    pub(super) images: BTreeMap<String, String>,
    /// The variables that are set in the copy or given back.
    pub(super) variables: VariableEdits,
    /// When another Evenkeel may think that we are gone.
    pub(super) expires: Timestamp,
    /// Who deploys.
    pub(super) by: DeployedBy,
}

/// What became of a final write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Every store says what it should.
    Everywhere,
    /// Another run wrote to a store since it was read.
    MetARival,
}

impl<'a, R: RecordStore> RecordKeeping<'a, R> {
    /// Reads the records.
    ///
    /// # Errors
    /// A store that cannot be read, or a record that is not understood.
    async fn read(stores: &'a [R], clock: Clock) -> Result<Self, Failure> {
        let entries = together(stores.iter().map(|store| StoredRecord::read(store, clock))).await?;
        Ok(Self { entries, met: false })
    }

    /// Reads the records of each of `services` services, all at once; `stores` has those of each, in
    /// the same order, or nothing at all.
    ///
    /// # Errors
    /// A store that cannot be read, or a record that is not understood.
    pub(super) async fn of_each(
        stores: &[&'a [R]],
        services: usize,
        clock: Clock,
    ) -> Result<Vec<Self>, Failure> {
        let of = |at: usize| Self::read(stores.get(at).copied().unwrap_or_default(), clock);
        together((0..services).map(of)).await
    }

    /// Whether there is a record.
    pub(super) fn is_kept(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Deployments that began earlier and of which no end is recorded, for a warning each.
    pub(super) fn unfinished(&self, now: Timestamp) -> impl Iterator<Item = String> {
        self.entries.iter().filter_map(move |entry| {
            let record = entry.record().filter(|record| record.status == Status::InProgress)?;
            let until = record.expires_at.as_deref().unwrap_or("an unknown time");
            let place = entry.place();
            Some(if record.is_held(&now.to_string()) {
                format!(
                    "the record in {place} says that another deployment is in progress (until {until}); if that \
                     one still runs, ECS decides which of the two is live"
                )
            } else {
                format!("the record in {place} names a deployment that should have ended by {until}; it is taken over")
            })
        })
    }

    /// Finds out whether the live revision, which `planned` is a copy of, is one that a mark is about: then
    /// Evenkeel made it, and has not said so yet. Returns whether a mark got its revision's name so.
    pub(super) async fn recognise<E: Ecs>(
        &mut self,
        ecs: &E,
        planned: &PlannedRevision,
        asked: &Brought,
    ) -> Result<bool, Failure> {
        let mut is_new = false;
        for entry in &mut self.entries {
            let Some(record) = entry.recalled() else { continue };
            if record.mark_of(planned.base.as_str()).is_some() {
                continue;
            }
            let marks = record.whole_marks().into_iter();
            for mark in marks.filter(|mark| mark.task_definition_arn.is_none()).collect::<Vec<_>>() {
                if is_candidate(ecs, &mark, planned, asked).await? {
                    entry.name(&mark, &planned.base);
                    is_new = true;
                    break;
                }
            }
        }
        Ok(is_new)
    }

    /// What the recorded revision `live` replaced, if it replaced another one.
    pub(super) fn replaced_by(&self, live: &TaskDefinitionArn) -> Option<String> {
        let mut records = self.entries.iter().filter_map(StoredRecord::record);
        let found = records.find(|record| record.task_definition_arn == live.as_str())?;
        let replaced = &found.previous_task_definition_arn;
        (replaced != live.as_str()).then(|| replaced.clone())
    }

    /// The variables that the pipeline owns where `live` runs; nothing if no record is kept. Their values do not count.
    ///
    /// One that a run which was cut off gave back counts as well: it is owned until the record says that it is not.
    pub(super) fn owned_variables(&self, live: &TaskDefinitionArn) -> Option<Variables> {
        let live = live.as_str();
        let and = |owned, more| VariableEdits { set: more, ..VariableEdits::default() }.owned_after(owned);
        let of = |entry: &StoredRecord<'_, R>| {
            let record = entry.recalled();
            record.map(|it| and(it.variables.clone(), it.variables_through(live, live))).unwrap_or_default()
        };
        self.entries.iter().map(of).reduce(and)
    }

    /// Whether each record tells what `live` descends from. One that was read before another run made that revision live does
    /// not.
    pub(super) fn knows(&self, live: &TaskDefinitionArn) -> bool {
        let knows = |record: Record| {
            record.task_definition_arn == live.as_str() || record.marks().any(|mark| mark.is(live.as_str()))
        };
        self.entries.iter().all(|entry| entry.recalled().is_some_and(knows))
    }

    /// The ancestor of `live` that Evenkeel did not make, as far as a record tells.
    pub(super) fn base_of(&self, live: &TaskDefinitionArn) -> String {
        let bases = self.entries.iter().map(|entry| Record::base(entry.recalled().as_ref(), live));
        let mut known = bases.filter(|base| base != live.as_str());
        known.next().unwrap_or_else(|| live.as_str().to_owned())
    }

    /// Whether a run of this very execution wrote what a record says is deployed.
    pub(super) fn was_written_by(&self, source: &DeployedBy) -> bool {
        let mut records = self.entries.iter().filter_map(StoredRecord::record);
        source.id.is_some() && records.any(|record| record.deployed_by() == source)
    }

    /// The values of the variables that the pipeline owns, or is about to own.
    pub(super) fn public_values(&self) -> Vec<String> {
        let records = self.entries.iter().filter_map(StoredRecord::record);
        let all = records.flat_map(|record| {
            let marks = record.marks().map(|mark| &mark.variables);
            marks.chain([&record.variables]).flat_map(Variables::iter)
        });
        all.filter_map(|(_, value)| value.map(str::to_owned)).collect()
    }

    /// The variables that the pipeline owns, with their values in `live`, if a record says that it is deployed.
    pub(super) fn recorded_variables(&self, live: &TaskDefinitionArn) -> Option<Variables> {
        let mut records = self.entries.iter().filter_map(StoredRecord::record);
        let found = records.find(|record| record.task_definition_arn == live.as_str())?;
        Some(found.variables.clone())
    }

    /// Checks that there is room for the record, with the mark of this run and once it is `done`.
    ///
    /// # Errors
    /// [`Failure::invalid_input`], with the sizes.
    pub(super) fn check_room(&self, it: &UnderWay, done: &Deployed<'_>) -> Result<(), Failure> {
        self.entries.iter().try_for_each(|entry| entry.check_room(it, done))
    }

    /// What the unfinished revision `live` was copied from, if a run that brings the same was cut off on it.
    pub(super) fn cut_off(&self, live: &TaskDefinitionArn, asked: &Brought) -> Option<TaskDefinitionArn> {
        self.entries.iter().filter_map(StoredRecord::record).find_map(|record| {
            let is_ours = |mark: &&Candidate| {
                let mut images = mark.images.iter();
                mark.is(live.as_str())
                    && !mark.is_over
                    && mark.edits().is_part_of(&asked.variables)
                    && images.all(|(name, image)| {
                        asked.images.get(name).is_some_and(|asked| asked.to_string() == *image)
                    })
            };
            TaskDefinitionArn::parse(&record.marks().find(is_ours)?.source_task_definition_arn).ok()
        })
    }

    /// What the run that made `revision`, and those whose revisions that is a copy of, brought, as far as their marks are
    /// there.
    pub(super) fn changed_by(&self, revision: &TaskDefinitionArn) -> Option<BroughtParts> {
        let mut records = self.entries.iter().filter_map(StoredRecord::recalled);
        records.find_map(|record| record.brought_by(revision))
    }

    /// Records that a deployment is under way, unless the record says so already.
    pub(super) async fn begin(&mut self, it: &UnderWay) -> Result<(), Failure> {
        let met = together(self.entries.iter_mut().map(|entry| entry.begin(it))).await?;
        self.met |= met.contains(&Written::MetARival);
        Ok(())
    }

    /// Leaves the newest mark of this run out of later writes: its revision was never live.
    pub(super) fn forget_newest(&mut self) {
        self.entries.iter_mut().for_each(StoredRecord::forget_newest);
    }

    /// Writes the marks of this run once more, by what is known of other runs' marks now.
    pub(super) async fn mark_again(&mut self) -> Result<(), Failure> {
        let met = together(self.entries.iter_mut().map(StoredRecord::write_marks)).await?;
        self.met |= met.contains(&Written::MetARival);
        Ok(())
    }

    /// Whether another run wrote since this was asked last: the service may have changed as well.
    pub(super) fn take_met(&mut self) -> bool {
        std::mem::take(&mut self.met)
    }

    /// Reads the records again, because another run's deployment was seen.
    pub(super) async fn read_again(&mut self) -> Result<(), Failure> {
        together(self.entries.iter_mut().map(StoredRecord::read_again)).await?;
        Ok(())
    }

    /// Records that the deployment, which replaced the revision `replaced`, is through; a record that says so already is
    /// left alone.
    ///
    /// # Errors
    /// A store that cannot be written: then the record is behind the service, which a rerun corrects.
    pub(super) async fn settle(
        &mut self,
        done: &Deployed<'_>,
        replaced: &TaskDefinitionArn,
    ) -> Result<Written, Failure> {
        all(together(self.entries.iter_mut().map(|entry| entry.settle(done, replaced))).await)
    }

    /// Takes the marks of this run back. The service runs `live`; `is_replaced` if another deployment replaced
    /// this one, so that others may descend from it.
    ///
    /// # Errors
    /// Those of [`settle`](Self::settle).
    pub(super) async fn take_back(
        &mut self,
        it: &UnderWay,
        live: Option<&TaskDefinitionArn>,
        is_replaced: bool,
    ) -> Result<Written, Failure> {
        let take_back = |entry| StoredRecord::take_back(entry, it, live, is_replaced);
        all(together(self.entries.iter_mut().map(take_back)).await)
    }
}

fn all(written: Result<Vec<Written>, Failure>) -> Result<Written, Failure> {
    let met = written.map_err(behind)?.contains(&Written::MetARival);
    Ok(if met { Written::MetARival } else { Written::Everywhere })
}

/// Awaits them all, each going on while the others wait, and gives what they come to or the first
/// failure.
async fn together<T, F: Future<Output = Result<T, Failure>>>(
    futures: impl Iterator<Item = F>,
) -> Result<Vec<T>, Failure> {
    join_all(futures).await.into_iter().collect()
}

fn behind(failure: Failure) -> Failure {
    Failure::new(failure.kind(), "the deployment has ended, but its record could not be written")
        .caused_by(failure)
        .advice(
            "Run the same command again or `evenkeel record repair`, either of which mends the record, before \
             the next `terraform apply`",
        )
}
