//! The record in one store.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::ports::{Excess, RecordStore, Version};
use evenkeel_core::record::{Candidate, Deployed, EMPTY, Record};

use crate::clock::Clock;

use super::super::backoff::{Backoff, PATIENCE};
use super::{UnderWay, Written};

/// How often a mark is put into a record that other runs write at the same time.
const TRIES: u32 = 20;

/// The record in one store, and what this run put into it.
pub(super) struct StoredRecord<'a, R> {
    store: &'a R,
    clock: Clock,
    /// What stood in for a record when the run began, if there was none.
    empty: Option<Vec<u8>>,
    /// The marks that were there when the run began: a run that is alive has replaced them by its end.
    found: Vec<Candidate>,
    /// The marks that were read since: another run's success may have removed them, but copies of their revisions are live.
    read: Vec<Candidate>,
    /// The version that is there now, as far as we know.
    version: Option<Version>,
    record: Option<Record>,
    /// What the first mark is put into where there is no record.
    unrecorded: Option<Record>,
    /// The marks of this run, newest first. They may be gone from the store: another run's success removes them.
    mine: Vec<Candidate>,
    /// Marks of plans of this run that came to nothing before an update.
    dropped: Vec<Candidate>,
    /// Another run wrote to the store.
    is_shared: bool,
}

impl<'a, R: RecordStore> StoredRecord<'a, R> {
    pub(super) async fn read(store: &'a R, clock: Clock) -> Result<Self, Failure> {
        let (content, version) = store.read().await?.unzip();
        let record = match &content {
            Some(content) => Record::parse(&store.place(), content)?,
            None => None,
        };
        let empty = record.is_none().then(|| content.unwrap_or_else(|| EMPTY.to_vec()));
        let found: Vec<_> = record.iter().flat_map(Record::whole_marks).collect();
        let read = found.clone();
        let (unrecorded, mine, dropped) = (None, Vec::new(), Vec::new());
        Ok(Self {
            store,
            clock,
            empty,
            found,
            read,
            version,
            record,
            unrecorded,
            mine,
            dropped,
            is_shared: false,
        })
    }

    pub(super) fn place(&self) -> String {
        self.store.place()
    }

    /// The record as it is there.
    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The record with all marks that were read so far.
    pub(super) fn recalled(&self) -> Option<Record> {
        let record = self.record.as_ref().or(self.unrecorded.as_ref());
        record.map(|record| record.clone().recalling(&self.read))
    }

    /// The mark is about `revision`.
    pub(super) fn name(&mut self, mark: &Candidate, revision: &TaskDefinitionArn) {
        let arn = revision.as_str();
        self.record = self.record.take().map(|record| record.naming(mark, arn));
        for known in self.read.iter_mut().filter(|known| known.is_same(mark)) {
            known.task_definition_arn = Some(arn.to_owned());
        }
    }

    pub(super) async fn begin(&mut self, it: &UnderWay) -> Result<Written, Failure> {
        let mark = self.mark(it);
        if let Some(known) = self.mine.first_mut().filter(|known| known.is_like(&mark)) {
            if known.task_definition_arn.is_none() {
                known.task_definition_arn = mark.task_definition_arn;
            }
            return Ok(Written::Everywhere);
        }
        self.mine.insert(0, mark);
        self.unrecorded.get_or_insert_with(|| it.unrecorded.clone());
        self.write_marks().await
    }

    pub(super) fn check_room(&self, it: &UnderWay, done: &Deployed<'_>) -> Result<(), Failure> {
        let before = self.record.as_ref().unwrap_or(&it.unrecorded);
        let during = before.clone().knowing(&[self.mark(it)]).within_room();
        let after = Record::succeeded(self.recalled().as_ref(), done.clone());
        if before.variables.is_empty() && it.variables.is_empty() {
            return Ok(());
        }
        for (when, record) in
            [("while the deployment is in progress", during), ("after the deployment", after)]
        {
            if let Some(excess) = self.store.excess(&record.to_json()) {
                let what = format!("the record would be too long for {}", self.store.place());
                let Excess { bytes, longest } = excess;
                return Err(Failure::invalid_input(what)
                    .because(format!("it would have {bytes} bytes {when}, and a standard parameter {longest} at most"))
                    .advice(
                        "Set fewer or shorter variables, or keep the record in an object, by --record s3://BUCKET/KEY; \
                         nothing was changed",
                    ));
            }
        }
        Ok(())
    }

    pub(super) fn forget_newest(&mut self) {
        if self.mine.is_empty() {
            return;
        }
        let newest = self.mine.remove(0);
        self.record = self.record.take().map(|record| record.without(|mark| mark.is_same(&newest)));
        self.dropped.push(newest);
    }

    /// Puts the marks of this run into the record, whatever other runs write there at the same time.
    pub(super) async fn write_marks(&mut self) -> Result<Written, Failure> {
        let mut written = Written::Everywhere;
        for _ in 0..TRIES {
            let Some(before) = self.record.as_ref().or(self.unrecorded.as_ref()) else { return Ok(written) };
            let before = before.clone().without(|mark| has(&self.dropped, mark));
            if self.put(&before.knowing(&self.mine).within_room().to_json()).await? {
                return Ok(written);
            }
            written = Written::MetARival;
            self.read_again().await?;
        }
        Err(Failure::new(
            FailureKind::Unavailable,
            format!("the record in {} is written by other deployments all the time", self.store.place()),
        )
        .advice("Run the same command again when those have ended; the service was not changed"))
    }

    pub(super) async fn settle(
        &mut self,
        done: &Deployed<'_>,
        replaced: &TaskDefinitionArn,
    ) -> Result<Written, Failure> {
        let former = self.recalled().map(|former| former.knowing(&self.mine));
        let record = Record::succeeded(former.as_ref(), done.clone());
        let record = match &self.record {
            Some(found) => {
                let newest = self.mine.first();
                let is_this = |mark: &Candidate| newest.is_some_and(|newest| newest.is_same(mark));
                let others = self.marks_at_end(found).into_iter().filter(|mark| !is_this(mark)).collect();
                let expires = newest.and_then(|newest| newest.expires_at.clone());
                record.beside(others, found, replaced, expires)
            }
            None => record,
        };
        let is_told = self.record.as_ref().is_some_and(|former| former.tells_the_same(&record));
        if is_told && !self.has_mine() {
            return Ok(Written::Everywhere);
        }
        self.finally(&record.within_room().to_json()).await
    }

    pub(super) async fn take_back(
        &mut self,
        it: &UnderWay,
        live: Option<&TaskDefinitionArn>,
        is_replaced: bool,
    ) -> Result<Written, Failure> {
        let failed = it.revision.as_ref();
        let mark = self.mark(it);
        let is_mine = |known: &Candidate| {
            known.is_like(&mark)
                || self.is_own(known)
                || failed.is_some_and(|failed| known.is(failed.as_str()))
        };
        let Some(record) = self.record.clone() else { return Ok(Written::Everywhere) };
        let corrected = if is_replaced {
            record.clone().knowing(&self.mine).ended(is_mine)
        } else if record.whole_marks().iter().any(is_mine) {
            let others: Vec<_> =
                self.marks_at_end(&record).into_iter().filter(|mark| !is_mine(mark)).collect();
            // What is live is good, unless it is what failed.
            let live = live.filter(|live| Some(*live) != failed);
            let is_last = others.iter().all(|mark| mark.is_over);
            if is_last { record.clone().closed(live) } else { record.clone() }.with_marks(others)
        } else {
            // A run that copied a revision of ours may have taken that for somebody else's.
            record.clone().knowing(&self.mine).without(is_mine)
        };
        if corrected == record {
            return Ok(Written::Everywhere);
        }
        let content = match &self.empty {
            Some(empty) if !self.is_shared => empty.clone(),
            Some(_) | None => corrected.within_room().to_json(),
        };
        self.finally(&content).await
    }

    /// The marks of `record` once this run has ended. Its own are over, and those that were there when it began. They stay
    /// until they expire: until then a run may be alive that copies one of their revisions.
    fn marks_at_end(&self, record: &Record) -> Vec<Candidate> {
        let now = self.clock.now().to_string();
        let ended = record.clone().ended(|mark| has(&self.mine, mark) || has(&self.found, mark));
        let marks = ended.whole_marks().into_iter();
        marks.filter(|mark| !has(&self.dropped, mark) && !mark.is_expired(&now)).collect()
    }

    /// Writes the final record.
    async fn finally(&mut self, content: &[u8]) -> Result<Written, Failure> {
        if self.put(content).await? {
            self.mine.clear();
            return Ok(Written::Everywhere);
        }
        self.read_again().await?;
        Ok(Written::MetARival)
    }

    fn has_mine(&self) -> bool {
        self.record.iter().flat_map(Record::whole_marks).any(|known| self.is_own(&known))
    }

    /// Whether this run made the mark.
    fn is_own(&self, mark: &Candidate) -> bool {
        has(&self.mine, mark) || has(&self.dropped, mark)
    }

    fn mark(&self, it: &UnderWay) -> Candidate {
        Candidate {
            task_definition_arn: it.revision.as_ref().map(|arn| arn.as_str().to_owned()),
            source_task_definition_arn: it.source.as_str().to_owned(),
            base_task_definition_arn: Record::base(self.recalled().as_ref(), &it.source),
            images: it.images.clone(),
            variables: it.variables.set.clone(),
            given_back: it.variables.given_back.clone(),
            expires_at: Some(it.expires.to_string()),
            source: Some(it.by.clone()),
            is_over: false,
            unknown: serde_json::Map::new(),
        }
    }

    /// Reads the record once more.
    pub(super) async fn read_again(&mut self) -> Result<(), Failure> {
        let (content, version) = self.store.read().await?.unzip();
        if version != self.version {
            self.is_shared = true;
            self.record = match &content {
                Some(content) => Record::parse(&self.store.place(), content)?,
                None => None,
            };
            for mark in self.record.iter().flat_map(Record::whole_marks) {
                match self.read.iter_mut().find(|known| known.is_same(&mark)) {
                    Some(known) if mark.task_definition_arn.is_some() => *known = mark,
                    Some(_) => {}
                    None => self.read.push(mark),
                }
            }
            self.version = version;
        }
        Ok(())
    }

    /// Writes the record; whether what was read was still there. A store that is busy is asked again for
    /// [`PATIENCE`], since many deployments may end at one moment and Systems Manager takes a few writes a second.
    async fn put(&mut self, content: &[u8]) -> Result<bool, Failure> {
        let mut backoff = Backoff::new(self.clock, PATIENCE);
        loop {
            match self.store.write(self.version.as_ref(), content).await {
                Ok(Some(version)) => {
                    self.version = Some(version);
                    self.record = Record::parse(&self.store.place(), content)?;
                    return Ok(true);
                }
                Ok(None) => return Ok(false),
                Err(failure) if backoff.outlasts(&failure).await => {}
                Err(failure) => return Err(failure),
            }
        }
    }
}

/// Whether the mark is one of `marks`.
fn has(marks: &[Candidate], mark: &Candidate) -> bool {
    marks.iter().any(|known| known.is_same(mark))
}
