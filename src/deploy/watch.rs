//! Looks at the rollouts that go on.

use std::time::Duration;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::rollout::Observation;
use crate::ports::{Ecs, RecordStore};

use super::Progress;
use super::machine::Machine;
use super::observer::Watched;
use super::place::gone;

impl<E: Ecs, R: RecordStore> Machine<'_, '_, E, R> {
    /// Waits, and looks at every service whose rollout is watched.
    pub(super) async fn look_after(&mut self, wait: Duration) {
        self.world.clock.sleep(wait).await;
        let watching: Vec<usize> = (0..self.runs.len()).filter(|at| !self.runs[*at].is_done()).collect();
        let watched: Vec<Watched<'_>> = watching
            .iter()
            .map(|at| Watched {
                service: &self.runs[*at].seen.service,
                deployment: self.runs[*at].phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
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
                for (at, seen) in watching.into_iter().zip(seen) {
                    self.see(at, seen);
                }
            }
            // What was seen last still stands, and the rollout goes on without us.
            Err(failure) if failure.kind() == FailureKind::Unavailable => self.outlast(&watching, &failure),
            Err(failure) => {
                for at in watching {
                    self.fail(at, out_of_sight(&failure));
                }
            }
        }
    }

    fn see(&mut self, at: usize, seen: Option<Observation>) {
        let Some(seen) = seen else {
            let failure = gone(&self.runs[at].named);
            return self.fail(at, failure);
        };
        let run = &mut self.runs[at];
        run.see(seen);
        let since = run.phase.rollout().map_or(self.began, |rollout| rollout.since);
        (self.listen)(Progress::Seen {
            service: &run.named,
            deployment: run.phase.rollout().and_then(|rollout| rollout.deployment.as_ref()),
            seen: &run.seen,
            elapsed: self.world.clock.now().since(since),
        });
    }

    /// ECS does not answer: that ends the wait only when its time is up.
    fn outlast(&mut self, watching: &[usize], failure: &Failure) {
        (self.listen)(Progress::Warning(&format!("{failure}; looking again")));
        let now = self.world.clock.now();
        for at in watching {
            let since = self.runs[*at].phase.rollout().map_or(self.began, |rollout| rollout.since);
            if now.since(since) >= self.request.policy.timeout {
                self.fail(*at, out_of_sight(failure));
            }
        }
    }
}

/// The failure of one of several services whose rollouts cannot be watched any more.
fn out_of_sight(failure: &Failure) -> Failure {
    Failure::new(failure.kind(), failure.to_string())
        .advice("The rollout goes on in ECS; run the same command again to follow it")
}
