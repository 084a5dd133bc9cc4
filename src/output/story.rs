//! What happened in a deployment and when, for those who read of it afterwards.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::console::deployments_url;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::diff::Change;
use evenkeel_core::one_off::Step as OneOffStep;
use evenkeel_core::plan::Plan;
use evenkeel_core::scheduled::MoveOutcome;

use super::format;
use crate::clock::Timestamp;
use crate::deploy::{Progress, ScheduledReport, TaskNews};

/// How many steps are remembered: a deployment that is planned again and again has no end of them.
const STEPS: usize = 200;

/// A deployment's steps with their times, what it changes, and where it can be looked at.
#[derive(Debug)]
pub struct Story {
    began: Timestamp,
    /// When the last thing happened.
    last: Timestamp,
    pub(super) changes: Vec<Change>,
    /// The services, as they were named, and their pages in AWS's console.
    consoles: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
}

/// Something that took its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The service, as it was named; none for what is done for all of them.
    pub(super) service: Option<String>,
    pub(super) kind: StepKind,
    /// What was done, in letters, digits, blanks and `-_:./`: `roll out web:2`.
    pub(super) what: String,
    pub(super) from: Timestamp,
    /// When it was over; nothing while it goes on.
    pub(super) to: Option<Timestamp>,
    pub(super) failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    /// Reading and deciding.
    Plan,
    /// A one-off task, before the update or after the rollout.
    Task,
    /// Making a revision.
    Register,
    /// Putting the service on it.
    Update,
    /// Waiting for the rollout.
    RollOut,
    /// A stage of the rollout, as ECS calls it.
    Stage,
    /// Going back, and waiting for that.
    RollBack,
    /// Moving a scheduled task.
    Schedule,
}

impl Story {
    /// The story of a deployment that begins at this time.
    #[must_use]
    pub fn beginning(at: Timestamp) -> Self {
        Self { began: at, last: at, changes: Vec::new(), consoles: Vec::new(), steps: Vec::new() }
    }

    /// Takes in what happened at this time.
    pub fn hear(&mut self, progress: &Progress<'_>, at: Timestamp) {
        match progress {
            Progress::Planned(plan) => self.planned(plan, at),
            Progress::PlannedAgain { service, .. } => {
                self.close(service, at, false);
                self.did(Some(service), StepKind::Plan, "plan again", at);
            }
            Progress::Registered(arn) => {
                self.did(None, StepKind::Register, &format!("register {}", arn.family_and_revision()), at);
            }
            Progress::Adopted(arn) => {
                self.did(None, StepKind::Register, &format!("take {}", arn.family_and_revision()), at);
            }
            Progress::Started { service, revision, console, .. } => {
                self.did(Some(service), StepKind::Update, "update the service", at);
                self.begin(
                    service,
                    StepKind::RollOut,
                    &format!("roll out {}", revision.family_and_revision()),
                    at,
                );
                self.found(service, console.clone());
            }
            Progress::Joined { service, .. } => {
                self.begin(service, StepKind::RollOut, "follow the rollout", at)
            }
            Progress::Seen { service, seen, .. } => {
                // A rollout that was joined or handed on is seen, and never started.
                self.found(service, deployments_url(&seen.service));
                let record = seen.service_deployment.as_ref();
                if let Some(stage) = record.and_then(|record| record.stage.as_deref()) {
                    self.staged(service, stage, at);
                }
            }
            Progress::RollingBack { service, to, .. } => self.roll_back(service, *to, at),
            Progress::Ended { service, outcome, .. } => self.close(service, at, is_failure(*outcome)),
            Progress::Task { step, news: TaskNews::Ended { request, end } } => {
                self.ran(*step, &request.container, end.is_success(), at);
            }
            Progress::Scheduled(report) => self.moved(report, at),
            Progress::Resumed { .. } | Progress::Task { .. } | Progress::Warning(_) => {}
        }
        self.last = at;
    }

    fn found(&mut self, service: &str, console: Option<String>) {
        if let Some(url) = console
            && self.console(service).is_none()
        {
            self.consoles.push((service.to_owned(), url));
        }
    }

    /// Where a service can be looked at in AWS's console.
    pub(super) fn console(&self, service: &str) -> Option<&str> {
        self.consoles.iter().find(|(name, _)| name == service).map(|(_, url)| url.as_str())
    }

    /// When it began.
    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    /// When the last thing happened.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    fn planned(&mut self, plan: &Plan, at: Timestamp) {
        let changes = plan.revisions.iter().flat_map(|revision| &revision.changes);
        self.changes = changes.cloned().collect();
        self.did(None, StepKind::Plan, "plan", at);
    }

    fn ran(&mut self, when: Option<OneOffStep>, container: &str, went_well: bool, at: Timestamp) {
        let when = when.map_or_else(String::new, |when| format!("task {} ", when.as_str()));
        if let Some(step) = self.did(None, StepKind::Task, &format!("{when}in {container}"), at) {
            step.failed = !went_well;
        }
    }

    fn moved(&mut self, report: &ScheduledReport, at: Timestamp) {
        if matches!(report.outcome, MoveOutcome::Moved | MoveOutcome::Failed) {
            let what = format!("move {}", report.task.place());
            if let Some(step) = self.did(None, StepKind::Schedule, &what, at) {
                step.failed = report.outcome == MoveOutcome::Failed;
            }
        }
    }

    fn staged(&mut self, service: &str, stage: &str, at: Timestamp) {
        let what = format::stage(stage);
        let open = self.steps.iter_mut().rev().find(|step| {
            step.kind == StepKind::Stage && step.to.is_none() && step.service.as_deref() == Some(service)
        });
        match open {
            Some(open) if open.what == what => {}
            Some(open) => {
                open.to = Some(at);
                self.begin(service, StepKind::Stage, &what, at);
            }
            None => self.begin(service, StepKind::Stage, &what, at),
        }
    }

    fn roll_back(&mut self, service: &str, to: Option<&TaskDefinitionArn>, at: Timestamp) {
        let is_open = |step: &Step| {
            step.kind == StepKind::RollBack && step.to.is_none() && step.service.as_deref() == Some(service)
        };
        // It is told again where ECS does not go back and Evenkeel does.
        if self.steps.iter().any(is_open) {
            return;
        }
        self.close(service, at, true);
        let to = to.map_or("the former revision", TaskDefinitionArn::family_and_revision);
        self.begin(service, StepKind::RollBack, &format!("go back to {to}"), at);
    }

    /// Notes what has been done since the last thing happened; gives the step, unless there are too many.
    fn did(&mut self, service: Option<&str>, kind: StepKind, what: &str, at: Timestamp) -> Option<&mut Step> {
        self.push(service, kind, what, self.last, Some(at))
    }

    /// Notes what begins now.
    fn begin(&mut self, service: &str, kind: StepKind, what: &str, at: Timestamp) {
        self.push(Some(service), kind, what, at, None);
    }

    fn push(
        &mut self,
        service: Option<&str>,
        kind: StepKind,
        what: &str,
        from: Timestamp,
        to: Option<Timestamp>,
    ) -> Option<&mut Step> {
        if self.steps.len() >= STEPS {
            return None;
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || " -_:./".contains(*c);
        let (service, what) = (service.map(str::to_owned), what.chars().filter(allowed).take(300).collect());
        self.steps.push(Step { service, kind, what, from, to, failed: false });
        self.steps.last_mut()
    }

    /// Ends what goes on with a service; a rollback that ends is what was wanted of it.
    fn close(&mut self, service: &str, at: Timestamp, failed: bool) {
        for step in self.steps.iter_mut().filter(|step| step.service.as_deref() == Some(service)) {
            if step.to.is_none() {
                step.to = Some(at);
                step.failed = failed && step.kind == StepKind::RollOut;
            }
        }
    }
}

impl Step {
    /// How long it took, until `now` if it goes on.
    pub(super) fn duration(&self, now: Timestamp) -> Duration {
        self.to.unwrap_or(now).since(self.from)
    }
}

fn is_failure(outcome: Outcome) -> bool {
    outcome.failure_kind().is_some()
}
