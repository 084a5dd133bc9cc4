//! Keeps the record in step with the service: never ahead of it, never behind a success.
//!
//! Flow: read → (beside the registration) in progress → succeeded, or the former one back.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::Clock;
use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::image::Images;
use crate::domain::plan::PlannedRevision;
use crate::domain::record::{Candidate, Deployed, EMPTY, Record, Source, Status};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Ecs, RecordStore, Version};

use super::recognise::is_candidate;

/// How long a record is written anew to a store that takes none for the moment. The SDK has tried for half a minute
/// each time.
const PATIENCE: Duration = Duration::from_secs(3 * 60);

/// The longest wait between two of these writes.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// The record of one service's deployment, in each of its stores.
pub(super) struct Ledger<'a, R> {
    entries: Vec<Entry<'a, R>>,
}

struct Entry<'a, R> {
    store: &'a R,
    clock: Clock,
    /// What the store held when the deployment began.
    former: Option<Vec<u8>>,
    /// The version that is there now, as far as we know.
    version: Option<Version>,
    record: Option<Record>,
    /// What we wrote that is under way.
    opened: Option<Candidate>,
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
    /// When another Evenkeel may think that we are gone.
    pub(super) expires: Timestamp,
    /// Who deploys.
    pub(super) by: Source,
}

impl<'a, R: RecordStore> Ledger<'a, R> {
    /// Reads the records.
    ///
    /// # Errors
    /// A store that cannot be read, or a record that is not understood.
    pub(super) async fn read(stores: &'a [R], clock: Clock) -> Result<Self, Failure> {
        let read = async |store: &'a R| {
            let (former, version) = store.read().await?.unzip();
            let record = match &former {
                Some(content) => Record::parse(&store.place(), content)?,
                None => None,
            };
            Ok(Entry { store, clock, former, version, record, opened: None })
        };
        Ok(Self { entries: together(stores.iter().map(read)).await? })
    }

    /// Reads the records of each of `services` services, all at once; `stores` has those of each, in
    /// the same order, or nothing at all.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub(super) async fn of_each(
        stores: &[&'a [R]],
        services: usize,
        clock: Clock,
    ) -> Result<Vec<Self>, Failure> {
        let of = |at: usize| Self::read(stores.get(at).copied().unwrap_or_default(), clock);
        together((0..services).map(of)).await
    }

    /// Deployments that began earlier and of which no end is recorded, for a warning each.
    pub(super) fn unfinished(&self, now: Timestamp) -> impl Iterator<Item = String> {
        self.entries.iter().filter_map(move |entry| {
            let record = entry.record.as_ref().filter(|record| record.status == Status::InProgress)?;
            let until = record.expires_at.as_deref().unwrap_or("an unknown time");
            let place = entry.store.place();
            Some(if record.is_held(&now.to_string()) {
                format!(
                    "the record in {place} tells of a deployment in progress (until {until}); it is taken over, \
                     and if it still goes on its record will fail"
                )
            } else {
                format!("the record in {place} tells of a deployment whose time was over at {until}; it is taken over")
            })
        })
    }

    /// Finds out whether the live revision, which `planned` is a copy of, is what a record tells to be
    /// under way: then Evenkeel made it, and was cut off before it could say so.
    pub(super) async fn recognise<E: Ecs>(
        &mut self,
        ecs: &E,
        planned: &PlannedRevision,
        asked: &Images,
    ) -> Result<(), Failure> {
        for candidate in self.entries.iter_mut().filter_map(|entry| entry.record.as_mut()?.candidate.as_mut())
        {
            if candidate.task_definition_arn.is_none() && is_candidate(ecs, candidate, planned, asked).await?
            {
                candidate.task_definition_arn = Some(planned.base.as_str().to_owned());
            }
        }
        Ok(())
    }

    /// Records that a deployment is under way, unless it says so already.
    pub(super) async fn begin(&mut self, it: &UnderWay) -> Result<(), Failure> {
        together(self.entries.iter_mut().map(|entry| entry.begin(it))).await?;
        Ok(())
    }

    /// Records that the deployment is through; a record that says so already is left alone.
    ///
    /// # Errors
    /// A store that cannot be written: then the record is behind the service, which a rerun mends.
    pub(super) async fn settle(&mut self, done: &Deployed<'_>) -> Result<(), Failure> {
        together(self.entries.iter_mut().map(|entry| entry.settle(done))).await.map_err(behind)?;
        Ok(())
    }

    /// Puts the former record back, because the deployment came to nothing and the service runs `live`.
    pub(super) async fn put_back(
        &mut self,
        it: &UnderWay,
        live: Option<&TaskDefinitionArn>,
    ) -> Result<(), Failure> {
        let put_back = |entry| Entry::put_back(entry, it, live);
        together(self.entries.iter_mut().map(put_back)).await.map_err(behind)?;
        Ok(())
    }
}

impl<R: RecordStore> Entry<'_, R> {
    async fn begin(&mut self, it: &UnderWay) -> Result<(), Failure> {
        let candidate = self.candidate(it);
        if self.opened.as_ref().is_some_and(|opened| opened.is_like(&candidate)) {
            return Ok(());
        }
        let live = Some(&it.source);
        let before = self.record.clone().map_or_else(|| it.unrecorded.clone(), |former| former.closed(live));
        let open = before.in_progress(candidate.clone(), it.expires.to_string(), &it.by);
        self.put(&open.to_json()).await?;
        self.opened = Some(candidate);
        Ok(())
    }

    async fn settle(&mut self, done: &Deployed<'_>) -> Result<(), Failure> {
        let record = Record::succeeded(self.record.as_ref(), done.clone());
        let is_told = self.record.as_ref().is_some_and(|former| former.tells_the_same(&record));
        if is_told && self.opened.is_none() {
            return Ok(());
        }
        self.look().await?;
        self.put(&record.to_json()).await
    }

    async fn put_back(&mut self, it: &UnderWay, live: Option<&TaskDefinitionArn>) -> Result<(), Failure> {
        let candidate = self.candidate(it);
        let failed = it.revision.as_ref();
        let found = self.record.as_ref().and_then(|record| record.candidate.as_ref());
        // An earlier slice of this deployment opened it, or an earlier run whose rollout was joined.
        let was_opened = found.is_some_and(|found| {
            found.is_like(&candidate) || failed.is_some_and(|failed| found.is(failed.as_str()))
        });
        if self.opened.is_none() && !was_opened {
            return Ok(());
        }
        // Whoever took the deployment's place keeps the record now.
        let seen = self.version.clone();
        if self.look().await.is_err() && self.version != seen {
            return Ok(());
        }
        let former = match &self.record {
            // What is live is good, unless it is what failed.
            Some(record) if was_opened || record.status == Status::InProgress && failed.is_some() => {
                record.clone().closed(live.filter(|live| Some(*live) != failed)).to_json()
            }
            Some(_) | None => self.former.clone().unwrap_or_else(|| EMPTY.to_vec()),
        };
        self.put(&former).await
    }

    fn candidate(&self, it: &UnderWay) -> Candidate {
        Candidate {
            task_definition_arn: it.revision.as_ref().map(|arn| arn.as_str().to_owned()),
            source_task_definition_arn: it.source.as_str().to_owned(),
            base_task_definition_arn: Record::base(self.record.as_ref(), &it.source).to_owned(),
            images: it.images.clone(),
            unknown: serde_json::Map::new(),
        }
    }

    /// Looks whether what we know to be there still is: a rollout takes minutes, and not every store
    /// refuses to overwrite what it holds by now.
    async fn look(&mut self) -> Result<(), Failure> {
        let found = self.store.read().await?.map(|(_, version)| version);
        if found != self.version {
            self.version = found;
            return Err(Failure::new(
                FailureKind::Superseded,
                format!("the record in {} was changed by somebody else meanwhile", self.store.place()),
            ));
        }
        Ok(())
    }

    /// Writes the record; a store that is busy is asked again for [`PATIENCE`], since many deployments may end at
    /// one moment and Systems Manager takes a few writes a second.
    async fn put(&mut self, content: &[u8]) -> Result<(), Failure> {
        let begun = self.clock.now();
        let mut wait = Duration::from_secs(1);
        loop {
            match self.store.write(self.version.as_ref(), content).await {
                Ok(version) => {
                    self.version = Some(version);
                    return Ok(());
                }
                Err(failure)
                    if failure.kind() == FailureKind::Unavailable
                        && self.clock.now().since(begun) < PATIENCE =>
                {
                    // Those that were refused at one moment are not to come again at one moment.
                    self.clock.sleep(wait.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(failure) => return Err(failure),
            }
        }
    }
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
