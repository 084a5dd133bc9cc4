//! A job in our hands: its claim, renewed as long as we work on it.
//!
//! # Guarantees
//! * Every write depends on the claim being as we left it, so a worker that was taken for dead learns
//!   of it before its next effect.
//! * Each worker measures by its own monotonic clock how long a claim stands still. If we cannot renew for 5/6 of
//!   the lease, we stop, whether or not another worker has taken over: our calls have ended when one does.
//! * A worker without claims holds every job that it acknowledged.

use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use evenkeel_core::checkpoint::Checkpoint;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::{Answer, JobId};
use evenkeel_core::not_understood::NotUnderstood;
use evenkeel_core::ports::{Access, ClaimStore, JobQueue, Precondition, Version};
use tokio::sync::Mutex;

use crate::clock::{Clock, Moment};
use crate::deploy::{Journal, Noted};

use super::super::WorkerContext;
use super::super::claims::{Claim, JobStage};
use super::super::settings::Settings;

/// How often a note is tried, and how long after one try the next.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// A job in our hands.
pub(super) struct HeldJob<'a, C> {
    job: JobId,
    clock: Clock,
    settings: &'a Settings,
    /// When the claim was written last: beside the lock, which a write holds as long as it hangs.
    renewed: StdMutex<Moment>,
    /// None in a worker without claims.
    held: Option<(&'a C, Mutex<HeldClaim>)>,
}

/// The result of claiming a job.
pub(super) enum Taken<H> {
    /// It is ours.
    Held(H),
    /// It is another worker's.
    NotOurs,
    /// There is a claim of this version of the content, which is not understood.
    NotUnderstood(NotUnderstood, Version),
}

/// A claim as we wrote it last.
struct HeldClaim {
    claim: Claim,
    version: Version,
    lost: bool,
}

impl<'a, C: ClaimStore> HeldJob<'a, C> {
    /// Claims a job that was offered. `stalled` is the version of
    /// another's claim that may be taken over; one of our own that was left behind may always be.
    pub(super) async fn take<Q: JobQueue, A: Access>(
        shared: &'a WorkerContext<Q, C, A>,
        job: &JobId,
        stalled: Option<&Version>,
    ) -> Result<Taken<Self>, Failure> {
        let Some(store) = &shared.claims else {
            return Ok(Taken::Held(Self::new(shared, job, Moment::now(), None)));
        };
        let (claim, now) = (Claim::new(&shared.settings.owner), Moment::now());
        if let Some(held) = put(store, job, claim, &Precondition::Absent).await? {
            return Ok(Taken::Held(Self::new(shared, job, now, Some((store, held)))));
        }
        let Some((content, version)) = store.read(job).await? else { return Ok(Taken::NotOurs) };
        let mut former = match Claim::parse(&store.place(), &content) {
            Ok(former) => former,
            Err(why) => return Ok(Taken::NotUnderstood(why, version)),
        };
        if former.owner != shared.settings.owner && stalled != Some(&version) {
            return Ok(Taken::NotOurs);
        }
        // An offer is the proof that it was never acknowledged: what the former owner did and wanted to answer did
        // not count, and an heir must not go on from it.
        former.stage = JobStage::Claimed;
        (former.checkpoint, former.answer) = (None, None);
        Ok(Self::succeed(shared, job, former, &version).await?.map_or(Taken::NotOurs, Taken::Held))
    }

    /// Reads another's claim that has stood still since `stalled`, if it still does.
    pub(super) async fn stalled<Q: JobQueue, A: Access>(
        shared: &WorkerContext<Q, C, A>,
        job: &JobId,
        stalled: &Version,
    ) -> Result<Option<Result<Claim, NotUnderstood>>, Failure> {
        let Some(store) = &shared.claims else { return Ok(None) };
        let read = store.read(job).await?.filter(|(_, version)| version == stalled);
        Ok(read.map(|(content, _)| Claim::parse(&store.place(), &content)))
    }

    /// Takes another's claim over, which has still this `version`, and lets it say what `claim` says.
    pub(super) async fn succeed<Q: JobQueue, A: Access>(
        shared: &'a WorkerContext<Q, C, A>,
        job: &JobId,
        mut claim: Claim,
        version: &Version,
    ) -> Result<Option<Self>, Failure> {
        let Some(store) = &shared.claims else { return Ok(None) };
        claim.owner.clone_from(&shared.settings.owner);
        claim.renewals += 1;
        let now = Moment::now();
        let held = put(store, job, claim, &Precondition::Unchanged(version.clone())).await?;
        Ok(held.map(|held| Self::new(shared, job, now, Some((store, held)))))
    }

    fn new<Q: JobQueue, A: Access>(
        shared: &'a WorkerContext<Q, C, A>,
        job: &JobId,
        renewed: Moment,
        held: Option<(&'a C, HeldClaim)>,
    ) -> Self {
        Self {
            job: job.clone(),
            clock: shared.clock,
            settings: &shared.settings,
            renewed: StdMutex::new(renewed),
            held: held.map(|(store, held)| (store, Mutex::new(held))),
        }
    }

    /// Whether nobody has written this claim before us.
    pub(super) async fn is_new(&self) -> bool {
        match &self.held {
            Some((_, held)) => held.lock().await.claim.renewals == 0,
            None => true,
        }
    }

    /// The job was acknowledged, which the next write will tell.
    pub(super) async fn acknowledged(&self) {
        if let Some((_, held)) = &self.held {
            held.lock().await.claim.stage = JobStage::Acknowledged;
        }
    }

    /// Whether the job was acknowledged for certain.
    pub(super) async fn is_acknowledged(&self) -> bool {
        match &self.held {
            Some((_, held)) => held.lock().await.claim.stage == JobStage::Acknowledged,
            None => true,
        }
    }

    /// Whether the claim is not ours any more.
    pub(super) async fn is_lost(&self) -> bool {
        match &self.held {
            Some((_, held)) => held.lock().await.lost || self.time_left().is_zero(),
            None => false,
        }
    }

    /// Renews the claim, now and then again, until it is lost: for ever, if it never is.
    pub(super) async fn renewed_until_lost(&self) {
        if self.held.is_none() {
            return std::future::pending().await;
        }
        tokio::select! {
            biased;
            () = self.renewed_until_refused() => {}
            // However long a write may hang.
            () = self.lapsed() => {}
        }
    }

    async fn renewed_until_refused(&self) {
        loop {
            if let Err(failure) = self.write(|_| {}).await {
                if self.is_lost().await {
                    return;
                }
                tracing::warn!("the claim could not be renewed: {failure}");
            }
            self.clock.sleep(self.settings.heartbeat()).await;
        }
    }

    async fn lapsed(&self) {
        loop {
            let left = self.time_left();
            if left.is_zero() {
                return;
            }
            self.clock.sleep(left).await;
        }
    }

    /// How long the claim is ours if it is not renewed.
    fn time_left(&self) -> Duration {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.settings.tenure().saturating_sub(Moment::now().since(renewed))
    }

    /// The job is about to be answered so.
    pub(super) async fn answering(&self, answer: &Answer) -> Result<(), Failure> {
        self.write(|claim| claim.answer = Some(answer.clone())).await
    }

    /// The job's answer did not count, although it may never have been acknowledged.
    pub(super) async fn refused(&self) {
        if let Err(failure) = self.write(|claim| claim.stage = JobStage::Refused).await {
            tracing::warn!("{failure}");
        }
    }

    /// Gives the claim up. One that stays is found by another worker, which learns that the job is
    /// over.
    pub(super) async fn release(&self) {
        let Some((store, held)) = &self.held else { return };
        let held = held.lock().await;
        match store.remove(&self.job, &held.version).await {
            Ok(_) => {}
            Err(failure) => tracing::warn!("the claim stays for now: {failure}"),
        }
    }

    async fn write(&self, change: impl FnOnce(&mut Claim)) -> Result<(), Failure> {
        let Some((store, held)) = &self.held else { return Ok(()) };
        let mut held = held.lock().await;
        if held.lost || self.time_left().is_zero() {
            held.lost = true;
            return Err(lost());
        }
        let now = Moment::now();
        let mut claim = held.claim.clone();
        claim.renewals += 1;
        change(&mut claim);
        let condition = Precondition::Unchanged(held.version.clone());
        let mut written = put(*store, &self.job, claim.clone(), &condition).await?;
        // A write of ours that was told as failed may have taken effect all the same.
        if written.is_none()
            && let Some(version) = self.version_of_ours(*store).await?
        {
            written = put(*store, &self.job, claim, &Precondition::Unchanged(version)).await?;
        }
        match written {
            Some(written) => {
                *held = written;
                *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = now;
                Ok(())
            }
            None => {
                held.lost = true;
                Err(lost())
            }
        }
    }

    /// The version of the claim that is there, if it is in our name.
    async fn version_of_ours(&self, store: &C) -> Result<Option<Version>, Failure> {
        let Some((content, version)) = store.read(&self.job).await? else { return Ok(None) };
        // A claim that is not understood is in the name of a worker of another version.
        let there = Claim::parse(&store.place(), &content).ok();
        Ok(there.is_some_and(|there| there.owner == self.settings.owner).then_some(version))
    }
}

impl<C: ClaimStore> Journal for HeldJob<'_, C> {
    fn note<'b>(&'b self, checkpoint: &'b Checkpoint) -> Noted<'b> {
        Box::pin(async move {
            let token = checkpoint.token()?;
            let mut noted = self.write(|claim| claim.checkpoint = Some(token.clone())).await;
            for _ in 1..TRIES {
                if noted.is_ok() || self.is_lost().await {
                    break;
                }
                self.clock.sleep(BETWEEN_TRIES).await;
                noted = self.write(|claim| claim.checkpoint = Some(token.clone())).await;
            }
            // Whatever the reason: without the note nothing is done, and it may be done later.
            noted.map_err(|failure| {
                let what = "what is about to be done could not be noted in the claim";
                Failure::new(FailureKind::Unavailable, what).caused_by(failure)
            })
        })
    }
}

/// Writes a claim if `condition` holds, and tells whether it is there now.
async fn put<C: ClaimStore>(
    store: &C,
    job: &JobId,
    claim: Claim,
    condition: &Precondition,
) -> Result<Option<HeldClaim>, Failure> {
    let content = claim.to_json();
    let version = match store.write(job, &content, condition).await? {
        Some(version) => version,
        // The answer to our own write may have been lost, and no two contents are alike.
        None => match store.read(job).await? {
            Some((there, version)) if there == content => version,
            Some(_) | None => return Ok(None),
        },
    };
    Ok(Some(HeldClaim { claim, version, lost: false }))
}

fn lost() -> Failure {
    Failure::new(FailureKind::Unavailable, "the claim on the job is another worker's by now")
}
