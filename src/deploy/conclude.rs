//! The record of a deployment, and the report on it.

use std::collections::BTreeMap;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::Failure;
use crate::domain::plan::Source;
use crate::domain::record::{Deployed, Record};
use crate::ports::{Cloud, Ecs, RecordStore};

use super::ledger::UnderWay;
use super::machine::{Chosen, Machine};
use super::register::{Existing, ensure_registered};
use super::run::OnRecord;
use super::{Progress, Report};

impl<E: Cloud, R: RecordStore> Machine<'_, '_, E, R> {
    /// Makes sure that the planned revision exists, and records beside it that it is under way.
    pub(super) async fn register_and_record(&mut self, at: usize) -> Result<Existing, Failure> {
        let (ecs, clock) = (self.world.ecs, self.world.clock);
        let under_way = self.under_way(at, None);
        let planned = &self.revisions[self.runs[at].revision].planned;
        // What needs no registration may need no update either.
        let Some(under_way) = under_way.filter(|_| planned.source == Source::Register) else {
            return ensure_registered(ecs, clock, planned).await;
        };
        let (existing, opened) =
            tokio::join!(ensure_registered(ecs, clock, planned), self.ledgers[at].begin(&under_way));
        opened.and(existing)
    }

    /// Records that a deployment is under way, right before its update.
    pub(super) async fn open_record(
        &mut self,
        at: usize,
        revision: &TaskDefinitionArn,
    ) -> Result<(), Failure> {
        match self.under_way(at, Some(revision)) {
            Some(under_way) => self.ledgers[at].begin(&under_way).await,
            None => Ok(()),
        }
    }

    /// What is about to be deployed, as a record tells it; nothing on a service that runs nothing.
    fn under_way(&self, at: usize, revision: Option<&TaskDefinitionArn>) -> Option<UnderWay> {
        let (run, now) = (&self.runs[at], self.world.clock.now());
        let planned = &self.revisions[run.revision].planned;
        let live = run.began_on.as_ref()?;
        let told =
            run.tell(self.request, live, &planned.base, planned.base_images.clone(), now, self.world.source);
        let images = self.request.images.iter();
        let images = images.filter(|(name, _)| planned.base_images.contains_key(*name));
        Some(UnderWay {
            unrecorded: Record::succeeded(None, Deployed { source: live, ..told }),
            source: planned.origin().clone(),
            revision: revision.cloned(),
            images: images.map(|(name, image)| (name.to_owned(), image.to_string())).collect(),
            // Twice the time-out: a rollback may take as long again.
            expires: now.plus(self.request.policy.timeout * 2),
            by: self.world.source.clone(),
        })
    }

    /// Brings the record up to date and tells what every service came to.
    pub(super) async fn report(mut self) -> Report {
        for at in 0..self.runs.len() {
            if let Err(failure) = self.close_record(at).await {
                (self.listen)(Progress::Warning(&failure.to_string()));
                self.runs[at].failure.get_or_insert(failure);
            }
        }
        let mut services = Vec::new();
        for run in self.runs {
            let images = match run.live() {
                Some(live) => images_of(self.world.ecs, &self.revisions, live).await,
                None => BTreeMap::new(),
            };
            services.push(run.report(self.request, images, self.began));
        }
        Report::of(services, self.warnings)
    }

    async fn close_record(&mut self, at: usize) -> Result<(), Failure> {
        let run = &self.runs[at];
        match run.verdict_on_record() {
            OnRecord::Settle(live) => {
                let now = self.world.clock.now();
                let planned = &self.revisions[run.revision].planned;
                let images = planned.definition.images();
                let told = run.tell(self.request, live, planned.origin(), images, now, self.world.source);
                self.ledgers[at].settle(&told).await
            }
            OnRecord::PutBack => match self.under_way(at, run.target.as_ref()) {
                Some(it) => self.ledgers[at].put_back(&it, run.live()).await,
                None => Ok(()),
            },
            OnRecord::LeaveOpen => Ok(()),
        }
    }
}

/// The images of `revision`; read only if it is neither a base nor a copy of this deployment.
async fn images_of<E: Ecs>(
    ecs: &E,
    revisions: &[Chosen],
    revision: &TaskDefinitionArn,
) -> BTreeMap<String, String> {
    for Chosen { planned, arn } in revisions {
        if arn.as_ref() == Some(revision) {
            return planned.definition.images();
        }
        if planned.base == *revision {
            return planned.base_images.clone();
        }
    }
    // The report is worth a call, but not a failure.
    let described = ecs.describe_task_definition(revision.as_str()).await;
    described.ok().flatten().map(|revision| revision.definition.images()).unwrap_or_default()
}
