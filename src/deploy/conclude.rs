//! The record of a deployment, and the report on it.

use std::collections::BTreeMap;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::plan::Source;
use evenkeel_core::ports::{Cloud, Ecs, EcsEffects, RecordStore};
use evenkeel_core::record::{Deployed, Ownership, Record, ownership};
use evenkeel_core::service::Service;

use super::machine::{Chosen, Machine};
use super::place::gone;
use super::record_keeping::{UnderWay, Written};
use super::register::{Existing, ensure_registered};
use super::run::OnRecord;
use super::{Progress, Report};

/// How often a final record is written where other runs write at the same time.
const TRIES: u32 = 20;

impl<E: Cloud + EcsEffects, R: RecordStore> Machine<'_, '_, E, R> {
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
            tokio::join!(ensure_registered(ecs, clock, planned), self.records[at].begin(&under_way));
        opened.and(existing)
    }

    /// Records that a deployment is under way, right before its update.
    pub(super) async fn open_record(
        &mut self,
        at: usize,
        revision: &TaskDefinitionArn,
    ) -> Result<(), Failure> {
        match self.under_way(at, Some(revision)) {
            Some(under_way) => self.records[at].begin(&under_way).await,
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
        let images = run.images.iter();
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

    /// Brings the record up to date. A run that meets another one's write looks at the service again: if another
    /// deployment is live by now, that one keeps the record.
    async fn close_record(&mut self, at: usize) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let run = &self.runs[at];
            let written = match run.verdict_on_record() {
                OnRecord::Settle(live) => {
                    let now = self.world.clock.now();
                    let planned = &self.revisions[run.revision].planned;
                    let images = planned.definition.images();
                    let told = run.tell(self.request, live, planned.origin(), images, now, self.world.source);
                    self.records[at].settle(&told).await?
                }
                OnRecord::TakeBack { is_replaced } => match self.under_way(at, run.target.as_ref()) {
                    Some(it) => self.records[at].take_back(&it, run.live(), is_replaced).await?,
                    None => Written::Everywhere,
                },
                OnRecord::LeaveOpen => Written::Everywhere,
            };
            if written == Written::Everywhere {
                return Ok(());
            }
            self.look_who_is_live(at).await?;
            self.recognise(at).await?;
        }
        Err(Failure::new(
            FailureKind::Unavailable,
            format!(
                "the record of service {} is written by other deployments all the time",
                self.runs[at].named
            ),
        )
        .advice("Run `evenkeel record repair` when those have ended, before the next `terraform apply`"))
    }

    async fn look_who_is_live(&mut self, at: usize) -> Result<(), Failure> {
        let service = self.describe_again(at).await?;
        let run = &self.runs[at];
        let brought = match run.verdict_on_record() {
            OnRecord::Settle(live) => Some(live.clone()),
            OnRecord::TakeBack { .. } | OnRecord::LeaveOpen => None,
        };
        let owner = ownership(brought.as_ref(), run.replaced.as_ref(), &service);
        let run = &mut self.runs[at];
        if owner == Ownership::Superseded
            && let Some(theirs) = service.live()
        {
            let reason = run.supersede(theirs);
            let (service, outcome) = (&run.named, run.outcome());
            (self.listen)(Progress::Ended { service, outcome, reason: Some(&reason) });
        }
        if owner != Ownership::Mine {
            run.seen.service = service;
        }
        Ok(())
    }

    /// The service of this run as it is now.
    pub(super) async fn describe_again(&mut self, at: usize) -> Result<Service, Failure> {
        let run = &self.runs[at];
        let (ecs, cluster) = (self.world.ecs, &self.request.cluster);
        let found = ecs.describe_services(cluster, &[&run.seen.service.arn]).await?;
        found.into_iter().next().ok_or_else(|| gone(&run.named))
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
