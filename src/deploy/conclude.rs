//! The record of a deployment, and the report on it.

use std::collections::BTreeMap;

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::Failure;
use crate::domain::image::Images;
use crate::ports::{Cloud, Ecs, RecordStore};

use super::machine::{Chosen, Machine};
use super::run::OnRecord;
use super::{Progress, Report};

impl<E: Cloud, R: RecordStore> Machine<'_, '_, E, R> {
    /// Records that a deployment is under way, right before its update.
    pub(super) async fn open_record(
        &mut self,
        at: usize,
        candidate: &TaskDefinitionArn,
    ) -> Result<(), Failure> {
        let now = self.world.clock.now();
        let run = &self.runs[at];
        let Some(live) = &run.began_on else { return Ok(()) };
        let owned = owned(&self.request.images, &self.revisions[run.revision].planned.base_images);
        let told = run.tell(self.request, live, owned, now, self.world.source);
        // Twice the time-out: a rollback may take as long again.
        let expires = now.plus(self.request.policy.timeout * 2).to_string();
        self.ledger.begin(&told, candidate, &expires).await
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
                let owned =
                    self.request.images.iter().map(|(name, image)| (name.to_owned(), image.to_string()));
                let now = self.world.clock.now();
                let told = run.tell(self.request, live, owned.collect(), now, self.world.source);
                self.ledger.settle(&told).await
            }
            OnRecord::PutBack => self.ledger.put_back(run.target.as_ref()).await,
            OnRecord::LeaveOpen => Ok(()),
        }
    }
}

/// The images that the containers of `asked` have in `definition`.
fn owned(asked: &Images, definition: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_asked = |(name, _): &(&String, &String)| asked.get(name).is_some();
    definition.iter().filter(is_asked).map(|(name, image)| (name.clone(), image.clone())).collect()
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
