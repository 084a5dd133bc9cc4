//! Keeps the record in step with the service: never ahead of it, never behind a success.
//!
//! Flow: read → (the update is about to happen) in progress → succeeded, or the former one back.

use crate::domain::arn::TaskDefinitionArn;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::record::{Deployed, Record, Status};
use crate::ports::RecordStore;

/// The records of one deployment, one to a store.
pub(super) struct Ledger<'a, R> {
    entries: Vec<Entry<'a, R>>,
}

struct Entry<'a, R> {
    store: &'a R,
    /// What the store holds, as far as we know.
    content: Option<Vec<u8>>,
    /// What it held when the deployment began.
    former: Option<Vec<u8>>,
    record: Option<Record>,
}

impl<'a, R: RecordStore> Ledger<'a, R> {
    /// Reads the records.
    ///
    /// # Errors
    /// A store that cannot be read, or a record that is not understood.
    pub(super) async fn read(stores: &'a [R]) -> Result<Self, Failure> {
        let mut entries = Vec::new();
        for store in stores {
            let content = store.read().await?;
            let record = match &content {
                Some(content) => Record::parse(&store.place(), content)?,
                None => None,
            };
            entries.push(Entry { store, former: content.clone(), content, record });
        }
        Ok(Self { entries })
    }

    /// Deployments that began earlier and of which no end is recorded, for a warning each.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = String> {
        self.entries.iter().filter_map(|entry| {
            let record = entry.record.as_ref().filter(|record| record.status == Status::InProgress)?;
            Some(format!(
                "the record in {} tells of a deployment in progress (until {}); it is taken over",
                entry.store.place(),
                record.expires_at.as_deref().unwrap_or("an unknown time"),
            ))
        })
    }

    /// Records that a deployment of `candidate` is under way; `live` is what ran before.
    pub(super) async fn begin(
        &mut self,
        live: &Deployed<'_>,
        candidate: &TaskDefinitionArn,
        expires_at: &str,
    ) -> Result<(), Failure> {
        for entry in &mut self.entries {
            let former = entry.record.clone().map(Record::put_back);
            let former = former.unwrap_or_else(|| Record::succeeded(None, live.clone()));
            let open = former.in_progress(candidate, expires_at.to_owned());
            entry.put(Some(open.to_json())).await?;
        }
        Ok(())
    }

    /// Records that the deployment is through; a record that says so already is left alone.
    ///
    /// # Errors
    /// A store that cannot be written: then the record is behind the service, which a rerun mends.
    pub(super) async fn settle(&mut self, done: &Deployed<'_>) -> Result<(), Failure> {
        for entry in &mut self.entries {
            let record = Record::succeeded(entry.record.as_ref(), done.clone());
            let is_told = entry.record.as_ref().is_some_and(|former| former.tells_the_same(&record))
                && entry.content == entry.former;
            if !is_told {
                entry.put(Some(record.to_json())).await.map_err(behind)?;
            }
        }
        Ok(())
    }

    /// Puts the former record back where the deployment of `candidate` came to nothing; also one
    /// that an earlier slice of it began.
    pub(super) async fn put_back(&mut self, candidate: Option<&TaskDefinitionArn>) -> Result<(), Failure> {
        let candidate = candidate.map(TaskDefinitionArn::as_str);
        for entry in &mut self.entries {
            let found = entry.record.as_ref().and_then(|it| it.candidate_task_definition_arn.as_deref());
            if entry.content != entry.former || found.is_some() && found == candidate {
                let former = entry.record.clone().map(|record| record.put_back().to_json());
                entry.put(former).await.map_err(behind)?;
            }
        }
        Ok(())
    }
}

impl<R: RecordStore> Entry<'_, R> {
    async fn put(&mut self, content: Option<Vec<u8>>) -> Result<(), Failure> {
        self.store.write(self.content.as_deref(), content.as_deref()).await?;
        self.content = content;
        Ok(())
    }
}

fn behind(failure: Failure) -> Failure {
    Failure::new(failure.kind(), "the deployment has ended, but its record could not be written")
        .caused_by(failure)
        .advice("Run the same command again, which mends the record, before the next `terraform apply`")
}

/// One service to a record: several services would overwrite one another's.
pub(super) fn refuse_shared_record(services: usize, records: usize) -> Result<(), Failure> {
    if services > 1 && records > 0 {
        return Err(Failure::new(FailureKind::Usage, "--record was given for several services")
            .because("a record tells of one service")
            .advice("Deploy each service by a command of its own; nothing was changed"));
    }
    Ok(())
}
