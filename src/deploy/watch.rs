//! Looks at the rollouts that go on.

use evenkeel_core::crash_loop::{Census, Tasks, is_suspicious};
use evenkeel_core::deployment::Phase;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::outlook::{Subject, outlook, subject};
use evenkeel_core::placement::{Departures, are_departures_due};
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};
use evenkeel_core::rollout::Observation;

use crate::clock::Moment;

use super::Progress;
use super::advice::GoingOn;
use super::machine::Machine;
use super::observer::Watched;
use super::place::gone;

impl<E: Cloud + EcsEffects, R: RecordStore> Machine<'_, '_, E, R> {
    /// Waits until some rollout is to be looked at, and looks at all those that soon are.
    pub(super) async fn look_when_due(&mut self) {
        let now = Moment::now();
        let due = self.runs.iter().filter(|run| !run.is_done()).map(|run| run.pace.due()).min();
        let wait = due.map(|due| due.since(now)).unwrap_or_default();
        let left = self.slice.and_then(|slice| slice.until).map(|until| until.since(now));
        self.world.clock.sleep(left.map_or(wait, |left| wait.min(left))).await;
        // Those that are due a little later go along, because a call takes several.
        let soon = Moment::now().plus(self.world.polling.first / 2);
        let watching: Vec<usize> =
            self.undone().into_iter().filter(|at| self.runs[*at].pace.due() <= soon).collect();
        self.look_at(&watching).await;
    }

    /// The places of the services that are not done.
    pub(super) fn undone(&self) -> Vec<usize> {
        (0..self.runs.len()).filter(|at| !self.runs[*at].is_done()).collect()
    }

    /// Looks at the services in these places.
    pub(super) async fn look_at(&mut self, watching: &[usize]) {
        if watching.is_empty() {
            return;
        }
        let watched: Vec<Watched<'_>> = watching
            .iter()
            .map(|at| {
                let run = &self.runs[*at];
                let rollout = run.phase.rollout();
                let subject = rollout.map_or(Subject::Service, |rollout| subject(rollout, &run.seen));
                Watched { seen: &run.seen, rollout, subject }
            })
            .collect();
        let seen = self.observer.observe(self.world.ecs, &self.request.cluster, &watched).await;
        if let Some(closed) = self.observer.take_why_closed() {
            self.warn(format!(
                "service deployments cannot be read, so the service itself is watched: {closed}"
            ));
        }
        match seen {
            Ok(seen) => {
                for (at, seen) in watching.iter().zip(seen) {
                    self.see(*at, seen).await;
                }
            }
            // What was seen last still stands, and the rollout goes on without us.
            Err(failure) if failure.kind() == FailureKind::Unavailable => self.outlast(watching, &failure),
            Err(failure) => {
                for at in watching {
                    let failure = self.out_of_sight(*at, failure.clone());
                    self.fail(*at, failure);
                }
            }
        }
    }

    async fn see(&mut self, at: usize, seen: Option<Observation>) {
        let Some(seen) = seen else {
            let failure = gone(&self.runs[at].named);
            return self.fail(at, failure);
        };
        self.runs[at].see(seen);
        self.count_tasks(at).await;
        self.count_departures(at).await;
        let now = self.world.clock.now();
        let run = &mut self.runs[at];
        let since = run.phase.rollout().map_or(self.began, |rollout| rollout.since);
        let soon = run.phase.rollout().map(|rollout| outlook(rollout, &run.seen));
        if let Some(soon) = soon {
            run.pace.looked(&self.world.polling, soon, now.since(since), Moment::now());
        }
        (self.listen)(Progress::Seen {
            service: &run.named,
            deployment: run.phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
            seen: &run.seen,
            elapsed: now.since(since),
        });
    }

    /// Looks at the rollout's tasks where the service makes one suspect a crash loop.
    async fn count_tasks(&mut self, at: usize) {
        let run = &self.runs[at];
        let Phase::RollingOut { rollout, .. } = &run.phase else { return };
        let Some(id) = &rollout.deployment else { return };
        let mine = run.seen.service.deployment(id);
        let suspicion = mine.and_then(|mine| is_suspicious(mine, &run.seen.service, &self.request.policy));
        if suspicion.is_none() || suspicion == run.suspicion {
            return;
        }
        let (ecs, service) = (self.world.ecs, &run.seen.service);
        let read = tokio::try_join!(ecs.stopped_tasks(service, id), ecs.running_tasks(service, id));
        match read {
            Ok((stopped, running)) => {
                self.runs[at].seen.tasks = Tasks::Read(Census { stopped, running });
                self.runs[at].suspicion = suspicion;
            }
            Err(failure) if failure.kind() == FailureKind::Unavailable => {}
            Err(failure) => {
                if run.seen.tasks != Tasks::Unreadable {
                    self.warn(format!(
                        "tasks cannot be read, so ECS's own count of failures decides: {failure}"
                    ));
                }
                self.runs[at].seen.tasks = Tasks::Unreadable;
                self.runs[at].suspicion = suspicion;
            }
        }
    }

    /// Reads the tasks of former deployments before a rollout fails because none of ours can be placed:
    /// they may have been in the way until now.
    async fn count_departures(&mut self, at: usize) {
        let (run, now, policy) = (&self.runs[at], self.world.clock.now(), &self.request.policy);
        let Phase::RollingOut { rollout, .. } = &run.phase else { return };
        let Some(id) = &rollout.deployment else { return };
        let (service, known) = (&run.seen.service, run.seen.departures);
        let Some(mine) = service.deployment(id) else { return };
        if !are_departures_due(mine, service, known, now, policy) {
            return;
        }
        match self.world.ecs.departures(service, id).await {
            Ok(tasks) => self.runs[at].seen.departures = Departures::read(&tasks, self.world.clock.now()),
            Err(failure) if failure.kind() == FailureKind::Unavailable => {}
            Err(failure) => {
                self.runs[at].seen.departures = Departures::Unreadable;
                self.warn(format!(
                    "tasks cannot be read, so ECS's events tell when former ones have left: {failure}"
                ));
            }
        }
    }

    /// The failure of a deployment whose rollout or rollback goes on in ECS, but cannot be followed any more.
    pub(super) fn out_of_sight(&self, at: usize, failure: Failure) -> Failure {
        let Some(GoingOn { what, advice }) = self.going_on(at) else { return failure };
        let record = if self.is_recorded(at) { ", and its record stays in progress" } else { "" };
        let then = if self.runs[at].lacks_a_change() {
            "and a revision with the changes of both could not be deployed"
        } else {
            "but it cannot be followed any more"
        };
        let what = format!("{what}{record}, {then}");
        let left = Failure::new(failure.kind(), what);
        // To run the same command again, as the call advises, is wrong while the service is rolled back.
        let is_wrong = failure.kind() == FailureKind::Unavailable
            && !matches!(self.runs[at].phase, Phase::RollingOut { .. });
        let left = if is_wrong { left.because(failure.without_advice()) } else { left.caused_by(failure) };
        left.advice(advice)
    }

    /// ECS does not answer: that ends the wait only when its time is up.
    fn outlast(&mut self, watching: &[usize], failure: &Failure) {
        (self.listen)(Progress::Warning(&format!("{}; looking again", failure.without_advice())));
        let now = self.world.clock.now();
        for at in watching {
            let run = &mut self.runs[*at];
            let since = run.phase.rollout().map_or(self.began, |rollout| rollout.since);
            let soon = run.phase.rollout().map(|rollout| outlook(rollout, &run.seen));
            if now.since(since) >= self.request.policy.timeout {
                let failure = self.out_of_sight(*at, failure.clone());
                self.fail(*at, failure);
            } else if let Some(soon) = soon {
                run.pace.looked(&self.world.polling, soon, now.since(since), Moment::now());
            }
        }
    }
}
