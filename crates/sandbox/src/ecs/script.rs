//! A rollout as a list of timed steps, made from its outcome and from the service's configuration.

use std::collections::VecDeque;
use std::time::Duration;

use super::ending::{Ending, Reach};
use super::lifecycle::{Hook, Stage};
use super::rollout::{Rollout, RolloutOutcome, Shape};
use super::strategy::{Strategy, Traffic};

/// What happens in a deployment, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    beats: VecDeque<Beat>,
    /// What follows again and again when all of that has happened.
    again: Vec<Beat>,
}

/// A step, and how long after the one before it comes.
#[derive(Debug, Clone)]
struct Beat {
    after: Duration,
    step: Step,
}

/// One thing that happens in a deployment.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// All tasks are started, pending.
    StartTasks,
    /// The pending tasks run, and are well.
    RunTasks,
    /// Of the pending tasks so many percent of all run.
    RunShare(usize),
    /// One task is started that will come to an end.
    StartOne,
    /// The task that was started runs, though not for long.
    RunOne,
    /// The task that was started ends.
    End(&'static Ending),
    /// The scheduler finds no place for a task and says so.
    CannotPlace,
    /// Nor does it where a task that leaves holds the port.
    PortTaken,
    /// That task has left.
    PortFree,
    /// The scheduler may neither stop a task nor start one, and says so.
    CannotReplace,
    /// The tasks of former deployments are stopped.
    DrainOthers,
    /// The deployment counts as successful, although it goes on.
    SucceedEarly,
    /// The deployment has completed.
    Complete,
    /// Another actor starts a deployment.
    Supersede,
    /// Another actor forces a new deployment of the same revision.
    ForceAgain,
    /// An alarm of the deployment goes off.
    RaiseAlarm,
    /// The deployment enters a stage.
    Enter(Stage),
    /// The new revision gets so many percent of the test traffic.
    ShiftTest(f64),
    /// The new revision gets so many percent of the production traffic.
    ShiftProduction(f64),
    /// A hook runs at a stage.
    Call(Hook, Stage),
    /// Nobody has answered the hook. It is in no script: it takes the place of the next step.
    TimeOut,
}

/// How soon the scheduler tries to place a task.
const FIRST_ATTEMPT: Duration = Duration::from_millis(500);
/// How often the scheduler repeats that it cannot place a task.
const PLACEMENT_RETRY: Duration = Duration::from_secs(60);
/// A crash loop goes on for ever when no circuit breaker ends it, so its steps need some width.
const SHORTEST_PACE: Duration = Duration::from_millis(100);

/// When a task of one of three attempts was started and failed, in a real rollout of eleven minutes.
const FARGATE: [(u32, u32); 3] = [(48, 154), (172, 286), (289, 660)];

impl Script {
    /// The script of a deployment of `desired` tasks; `reconciles` tells whether another deployment was in progress.
    pub(super) fn new(pace: Pace, strategy: &Strategy, desired: usize, reconciles: bool) -> Self {
        if desired == 0 {
            return Self::completion();
        }
        if strategy.traffic == Traffic::Rolling && strategy.is_stuck(desired) {
            let again = vec![Beat { after: PLACEMENT_RETRY, step: Step::CannotReplace }];
            return Self { beats: VecDeque::new(), again };
        }
        let Pace { rollout, shape, threshold } = pace;
        let writer = Writer { script: Self::default(), rollout, shape, strategy, threshold, desired };
        if strategy.traffic == Traffic::Rolling { writer.rolling() } else { writer.staged(reconciles) }
    }

    /// The script of a deployment that has nothing to do.
    pub(super) fn completion() -> Self {
        let mut script = Self::default();
        script.push(Duration::ZERO, Step::Complete);
        script
    }

    /// How long after the step before the next one comes; `None` when nothing happens any more.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.beats.front().or_else(|| self.again.first()).map(|beat| beat.after)
    }

    /// Takes the next step out.
    pub(super) fn take(&mut self) -> Option<Step> {
        if self.beats.is_empty() {
            self.beats.extend(self.again.iter().cloned());
        }
        self.beats.pop_front().map(|beat| beat.step)
    }

    fn push(&mut self, after: Duration, step: Step) {
        self.beats.push_back(Beat { after, step });
    }
}

/// How fast a deployment goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) rollout: Rollout,
    pub(super) shape: Option<Shape>,
    /// How many failed tasks fill the rollout's duration.
    pub(super) threshold: u32,
}

struct Writer<'a> {
    script: Script,
    rollout: Rollout,
    shape: Option<Shape>,
    strategy: &'a Strategy,
    threshold: u32,
    desired: usize,
}

impl Writer<'_> {
    /// Half the time brings the tasks up, half of it drains the old ones.
    fn rolling(mut self) -> Script {
        if self.rollout.outcome == RolloutOutcome::HostPort {
            return self.one_port();
        }
        let quarter = self.without_placement() / 4;
        if !self.bring_up(2 * quarter) {
            return self.script;
        }
        let (drains, settles) = self.leaving(quarter, quarter);
        let Some(early) = self.strategy.early_success else {
            self.push(drains, Step::DrainOthers);
            self.bake(settles, Step::Complete);
            return self.script;
        };
        if early.after_cleanup {
            self.push(Duration::ZERO, Step::DrainOthers);
        }
        if self.bake(Duration::ZERO, Step::SucceedEarly) {
            self.push(quarter / 2, Step::RunTasks);
            self.push(quarter / 2, Step::DrainOthers);
            self.push(quarter, Step::Complete);
        }
        self.script
    }

    /// The new task is placed a sixth of the time after the old one has left.
    fn one_port(mut self) -> Script {
        let sixth = self.rollout.duration / 6;
        self.push(FIRST_ATTEMPT, Step::PortTaken);
        self.push(Duration::ZERO, Step::DrainOthers);
        self.push(Duration::ZERO, Step::PortFree);
        self.push(sixth, Step::StartTasks);
        self.push(2 * sixth, Step::RunTasks);
        self.push(3 * sixth, Step::Complete);
        self.script
    }

    /// Each stage takes an eighth of the time; the second one brings the tasks up.
    fn staged(mut self, reconciles: bool) -> Script {
        let part = self.without_placement() / 8;
        let mut first = part;
        if reconciles {
            first /= 2;
            self.enter(Duration::ZERO, Stage::ReconcileService);
        }
        self.enter(if reconciles { first } else { Duration::ZERO }, Stage::PreScaleUp);
        self.enter(first, Stage::ScaleUp);
        if !self.bring_up(part) {
            return self.script;
        }
        self.enter(Duration::ZERO, Stage::PostScaleUp);
        self.enter(part, Stage::TestTrafficShift);
        self.push(Duration::ZERO, Step::ShiftTest(100.0));
        self.enter(part, Stage::PostTestTrafficShift);
        let mut before = part;
        for (between, percent) in self.strategy.shifts() {
            before += between;
            self.push_hooks(before, Stage::PreProductionTrafficShift);
            // The wait is over with the first hook, or else with the stage.
            let left = if self.has_hook(Stage::PreProductionTrafficShift) { Duration::ZERO } else { before };
            self.enter(left, Stage::ProductionTrafficShift);
            self.push(Duration::ZERO, Step::ShiftProduction(percent));
            before = Duration::ZERO;
        }
        self.enter(part, Stage::PostProductionTrafficShift);
        self.enter(part, Stage::BakeTime);
        if self.bake(Duration::ZERO, Step::Enter(Stage::CleanUp)) {
            let (drains, settles) = self.leaving(part / 2, part / 2);
            self.push(drains, Step::DrainOthers);
            self.push(settles, Step::Complete);
        }
        self.script
    }

    /// Starts the tasks and lets them run, in so much time after they could be placed, as far as the
    /// outcome allows. Tells whether all of them run and the script goes on.
    fn bring_up(&mut self, time: Duration) -> bool {
        let Rollout { outcome, duration } = self.rollout;
        let mut half = time / 2;
        match (outcome, outcome.ending()) {
            (RolloutOutcome::ImageMissing, Some(ending)) => {
                self.fail_at_fargates_pace(ending);
                self.script.again = failing_task(ending, duration / 4);
                return false;
            }
            (_, Some(ending)) => {
                let cycle = duration / self.threshold.max(1);
                self.script.again = failing_task(ending, (cycle / 2).max(SHORTEST_PACE));
                return false;
            }
            (RolloutOutcome::Unplaceable, None) => {
                self.push(half, Step::CannotPlace);
                self.script.again = vec![Beat { after: PLACEMENT_RETRY, step: Step::CannotPlace }];
                return false;
            }
            (RolloutOutcome::PlacedLate, None) => {
                let late = duration - self.without_placement();
                let times =
                    u32::try_from(late.as_secs().div_ceil(PLACEMENT_RETRY.as_secs())).unwrap_or(1).max(1);
                (0..times).for_each(|_| self.push(late / times, Step::CannotPlace));
            }
            (RolloutOutcome::Stuck, None) => {
                self.push(half, Step::StartTasks);
                return false;
            }
            (RolloutOutcome::Superseded | RolloutOutcome::ForcedAgain, None) => {
                let is_theirs = outcome == RolloutOutcome::Superseded;
                self.push(half, Step::StartTasks);
                self.push(half, if is_theirs { Step::Supersede } else { Step::ForceAgain });
                return false;
            }
            (_, None) => {}
        }
        if let Some((count, ending)) = outcome.first_endings() {
            half /= 2;
            self.script.beats.extend((0..count).flat_map(|_| failing_task(ending, half)));
        }
        if let Some(shape) = self.shape {
            self.start_one_by_one(shape.start);
            return true;
        }
        self.push(half, Step::StartTasks);
        let percent = self.strategy.early_success.map(|early| early.percent);
        let run = percent.filter(|_| self.strategy.traffic == Traffic::Rolling);
        self.push(half, run.map_or(Step::RunTasks, Step::RunShare));
        true
    }

    /// How long until the old tasks are stopped, and how long from then on until the deployment has completed.
    fn leaving(&self, drains: Duration, settles: Duration) -> (Duration, Duration) {
        self.shape.map_or((drains, settles), |shape| (Duration::ZERO, shape.drain + shape.settle))
    }

    /// All tasks are started at once, and run one after the other.
    fn start_one_by_one(&mut self, time: Duration) {
        self.push(Duration::ZERO, Step::StartTasks);
        let last = u32::try_from(self.desired).unwrap_or(u32::MAX).max(1);
        (1..last).for_each(|nth| self.push(time / last, Step::RunShare((100 * nth / last) as usize)));
        self.push(time / last, Step::RunTasks);
    }

    /// The bake time, and then a step; or the alarm that goes off in it. Tells whether none does.
    fn bake(&mut self, before: Duration, then: Step) -> bool {
        let bake = self.strategy.bake;
        let has_alarm = self.rollout.outcome == RolloutOutcome::Alarm && self.strategy.has_alarms;
        if has_alarm {
            // Without a bake time there is only the moment before the deployment would have completed.
            let until = if bake.is_zero() { before / 2 } else { before + bake / 2 };
            self.push(until, Step::RaiseAlarm);
        } else {
            self.push(before + bake, then);
        }
        !has_alarm
    }

    /// How long the rollout takes from the moment at which its tasks can be placed.
    fn without_placement(&self) -> Duration {
        let Rollout { outcome, duration } = self.rollout;
        if outcome == RolloutOutcome::PlacedLate { duration / 2 } else { duration }
    }

    /// Tasks that fail as they did in a real rollout of eleven minutes.
    fn fail_at_fargates_pace(&mut self, ending: &'static Ending) {
        let mut before = 0;
        for (started, failed) in FARGATE {
            let part = |seconds: u32| self.rollout.duration * seconds / 660;
            let (start, end) = (part(started - before), part(failed - started));
            self.push(start, Step::StartOne);
            self.push(end, Step::End(ending));
            before = failed;
        }
    }

    fn push(&mut self, after: Duration, step: Step) {
        self.script.push(after, step);
    }

    fn enter(&mut self, after: Duration, stage: Stage) {
        self.push(after, Step::Enter(stage));
        self.push_hooks(Duration::ZERO, stage);
    }

    fn has_hook(&self, stage: Stage) -> bool {
        self.strategy.hooks.iter().any(|hook| hook.stages.contains(&stage))
    }

    /// The stage's hooks, the first of them after some time.
    fn push_hooks(&mut self, mut after: Duration, stage: Stage) {
        let strategy = self.strategy;
        for hook in strategy.hooks.iter().filter(|hook| hook.stages.contains(&stage)) {
            self.push(after, Step::Call(hook.clone(), stage));
            after = Duration::ZERO;
        }
    }
}

/// A task that is started at this pace and ends as long after it.
fn failing_task(ending: &'static Ending, pace: Duration) -> Vec<Beat> {
    let mut beats = vec![Beat { after: pace, step: Step::StartOne }];
    let mut left = pace;
    if ending.reach == Reach::Run {
        left /= 2;
        beats.push(Beat { after: pace - left, step: Step::RunOne });
    }
    beats.push(Beat { after: left, step: Step::End(ending) });
    beats
}
