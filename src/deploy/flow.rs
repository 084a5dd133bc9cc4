//! A deployment from above: read and plan ([`begin`](super::begin)), then for each service [`register`], [`update`],
//! [`watch`] ([steps](super::steps) run before and after) and, where the rollout fails, [`roll_back`], and at last [record](recording).
//!
//! Each tick decides from what was seen last, and has at most one effect.

use std::time::Duration;

use evenkeel_core::deployment::{Decision, Event, decide};
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};

use crate::clock::Moment;

use super::context::Context;
use super::observer::Observer;
use super::plan_again::plan_again;
use super::record_keeping::RecordKeeping;
use super::run::Run;
use super::slice::Slice;
use super::steps::{FollowedTask, Stepped};
use super::{
    Progress, Report, ending, explain, handing_on, recording, register, roll_back, scheduled, update, watch,
};

/// The deployment of every requested service.
pub(super) struct Flow<'a, E, R> {
    pub(super) cx: Context<'a, E>,
    pub(super) runs: Vec<Run>,
    /// The record of each run, in the same order.
    pub(super) records: Vec<RecordKeeping<'a, R>>,
    observer: Observer,
    /// The one-off task that is followed. Boxed, since most deployments have none.
    pub(super) task: Option<Box<FollowedTask>>,
    /// Since when AWS has let no one-off task go on.
    pub(super) without_task_since: Option<Moment>,
    /// What was seen is of an earlier slice.
    pub(super) is_resumed: bool,
    /// AWS does not respond: the next slice tries again.
    is_held_up: bool,
}

impl<'a, E: Cloud + EcsEffects, R: RecordStore> Flow<'a, E, R> {
    pub(super) fn new(cx: Context<'a, E>, runs: Vec<Run>, records: Vec<RecordKeeping<'a, R>>) -> Self {
        Self {
            cx,
            runs,
            records,
            observer: Observer::default(),
            task: None,
            without_task_since: None,
            is_resumed: false,
            is_held_up: false,
        }
    }

    /// Ticks until every service is done, or the slice is over; whether every service is done.
    pub(super) async fn drive(&mut self) -> bool {
        if self.is_resumed {
            watch::poll(&mut self.cx, &mut self.observer, &mut self.runs).await;
        }
        loop {
            for at in 0..self.runs.len() {
                // Boxed, so that a rollout that is watched, as most are most of the time, is small.
                while Box::pin(self.step(at)).await {}
            }
            if self.runs.iter().all(Run::is_done) {
                return true;
            }
            if self.is_to_be_handed_on() {
                return false;
            }
            let (clock, mut interrupt) = (self.cx.clock, self.cx.interrupt.clone());
            let slice_is_over = clock.sleep(self.cx.slice.map_or(Duration::MAX, Slice::left));
            // A poll can be dropped half-way: it only reads.
            tokio::select! {
                biased;
                _ = interrupt.wait() => {}
                () = slice_is_over => {}
                () = watch::poll_when_due(&mut self.cx, &mut self.observer, &mut self.runs) => {}
            }
        }
    }

    /// Ticks once; whether the next tick can follow at once.
    async fn step(&mut self, at: usize) -> bool {
        if self.runs[at].is_done() {
            return false;
        }
        match self.tick(at).await {
            Ok(went_on) => went_on,
            Err(failure) if self.cx.outlasts(&failure) => {
                (self.cx.listen)(Progress::Warning(&failure.to_string()));
                self.is_held_up = true;
                false
            }
            Err(failure) => {
                ending::give_up(&mut self.cx, &mut self.runs[at], failure);
                false
            }
        }
    }

    /// Decides, and performs at most one effect; whether the next tick can follow at once.
    async fn tick(&mut self, at: usize) -> Result<bool, Failure> {
        match self.cx.interrupt.raised() {
            Some(_) if self.cx.slice.is_some() => return Ok(false),
            Some(kind) => return Err(ending::interrupted(&self.cx, &self.runs[at], kind)),
            None if self.is_held_up => return Ok(false),
            None => {}
        }
        ending::check_that_no_other_failed(&self.runs, at)?;
        let decision = self.decide(at);
        let (cx, run, record) = (&mut self.cx, &mut self.runs[at], &mut self.records[at]);
        match decision {
            Decision::Register => {
                let throttled = cx.ecs.throttled();
                match register::register(cx, run, record).await {
                    Err(failure) if cx.waits_for_its_turn(&failure, throttled) => return Ok(false),
                    registered => registered?,
                }
            }
            Decision::Update { force } => {
                if recording::open(cx, run, record).await? {
                    match self.before(at).await? {
                        Stepped::Done => {
                            self.note().await?;
                            update::update(&mut self.cx, &mut self.runs[at], force).await?;
                        }
                        Stepped::AtOnce => {}
                        Stepped::Later => return Ok(false),
                    }
                }
            }
            Decision::Join(deployment) => update::join(cx, run, deployment)?,
            Decision::PlanAgain(live) => plan_again(cx, run, record, &live).await?,
            Decision::Undo { to, why } => {
                explain::keep_what_was_seen(run);
                run.apply(Event::Undone { to, why })?;
            }
            Decision::Stop(service_deployment) => {
                self.note().await?;
                roll_back::ask_ecs(&mut self.cx, &mut self.runs[at], &service_deployment).await?;
                return Ok(false);
            }
            Decision::StopRelying => run.apply(Event::StopRefused)?,
            Decision::RollBack { to, why } => {
                self.note().await?;
                roll_back::by_update(&mut self.cx, &mut self.runs[at], &to, why).await?;
            }
            Decision::Restore { to, why } => roll_back::restore(cx, run, &to, &why.reason).await?,
            Decision::Finish(ending) => return self.finish(at, ending).await,
            Decision::Wait => return Ok(false),
        }
        Ok(true)
    }

    /// What is to be done next about a service, by what was seen of it last.
    pub(super) fn decide(&self, at: usize) -> Decision {
        let run = &self.runs[at];
        decide(&run.phase, &run.seen, self.cx.clock.now(), &self.cx.request.policy)
    }

    /// Brings the records up to date, lets the scheduled tasks follow, and reports what every service came to.
    pub(super) async fn report(mut self) -> Report {
        for (run, record) in self.runs.iter_mut().zip(&mut self.records) {
            recording::close(&mut self.cx, run, record).await;
        }
        let followed = Box::pin(scheduled::follow(&mut self.cx, &mut self.runs)).await;
        Report { scheduled: followed, ..recording::report(self.cx, self.runs).await }
    }

    /// Keeps the checkpoint in the journal, right before an effect.
    pub(super) async fn note(&mut self) -> Result<(), Failure> {
        let Some(slice) = self.cx.slice else { return Ok(()) };
        let checkpoint = handing_on::checkpoint(&self.cx, &self.runs);
        slice.journal.note(&checkpoint).await
    }

    /// Whether this slice is over.
    fn is_to_be_handed_on(&self) -> bool {
        let has_to = |slice: &Slice<'_>| slice.left().is_zero() || slice.after_start && self.cx.has_started;
        self.cx
            .slice
            .is_some_and(|slice| self.is_held_up || self.cx.interrupt.raised().is_some() || has_to(slice))
    }
}
