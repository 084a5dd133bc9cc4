//! The lines that a deployment's progress leaves behind, in a log and above the live view.

use std::collections::BTreeMap;

use evenkeel_core::deployment::{Outcome, Phase};
use evenkeel_core::plan::Plan;
use evenkeel_core::rollout::Observation;
use evenkeel_core::scheduled::MoveOutcome;
use evenkeel_core::service::DeploymentId;
use evenkeel_core::service_deployment::ServiceDeployment;

use super::super::format;
use super::super::scheduled;
use super::super::text::{change_line, printable};
use super::paint::{Palette, Tone};
use super::rollout::{Memory, RolloutView, ecs_rolls_back, former};
use super::task;
use crate::deploy::Progress;

/// A line whose beginning says of what kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    head: String,
    rest: String,
    tone: Tone,
}

/// What one piece of progress comes to.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Lines that stay.
    pub(super) lines: Vec<Line>,
    /// How a rollout stands now.
    pub(super) view: Option<RolloutView>,
    /// The service whose deployment is over.
    pub(super) over: Option<String>,
}

/// Turns progress into lines and views. Remembers what a later piece of progress does not say again.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    services: BTreeMap<String, Service>,
}

#[derive(Debug, Default)]
struct Service {
    memory: Memory,
    /// The revision that somebody asked to roll back to.
    asked_to_return_to: Option<String>,
    /// The pause hook that was named last.
    pause: Option<String>,
}

impl Reporter {
    pub(super) fn tell(&mut self, progress: &Progress<'_>) -> Told {
        let mut told = Told::default();
        match progress {
            Progress::Planned(plan) => told.lines = self.planned(plan),
            Progress::Registered(arn) => {
                told.lines.push(Line::plain(format!("registered {}", arn.family_and_revision())));
            }
            Progress::Adopted(arn) => {
                let revision = arn.family_and_revision();
                told.lines.push(Line::plain(format!("{revision} was registered earlier and is used again")));
            }
            Progress::Started { service, revision, deployment, console } => {
                let (name, revision) = (format::name(service), revision.family_and_revision());
                let deployment = deployment.map(|id| format!(" as deployment {id}")).unwrap_or_default();
                let line = format!("{name}: rollout of {revision} started{deployment}");
                told.lines.push(Line::plain(line));
                told.lines.extend(console.as_ref().map(|url| Line::plain(format!("{name}: {url}"))));
            }
            Progress::Joined { service, deployment } => {
                let name = format::name(service);
                let line = format!("{name}: deployment {deployment} brings it already and is followed");
                told.lines.push(Line::plain(line));
            }
            Progress::Resumed { service, phase } => {
                let what = match phase {
                    Phase::Pending | Phase::Registered(_) | Phase::Done(_) => "its deployment",
                    Phase::RollingOut { .. } => "its rollout",
                    Phase::Undoing { .. } | Phase::RollingBack { .. } => "its rollback",
                };
                told.lines.push(Line::plain(format!("{}: going on with {what}", format::name(service))));
            }
            Progress::PlannedAgain { service, live } => {
                let (name, live) = (format::name(service), live.family_and_revision());
                let line = format!("{name}: another deployment brought {live}; planning again from it");
                told.lines.push(Line::plain(line));
            }
            Progress::Seen { service, deployment, seen, elapsed } => {
                let known = self.service(service);
                told.lines.extend(known.rolled_back_by_ecs(service, *deployment, seen));
                told.lines.extend(known.paused(service, seen.service_deployment.as_ref()));
                let view = RolloutView::of(service, *deployment, seen, *elapsed, &mut known.memory);
                told.view = Some(view);
            }
            Progress::RollingBack { service, to, why } => {
                let memory = &mut self.service(service).memory;
                let known_to = to.map(|to| to.family_and_revision().to_owned());
                // It is said again where ECS does not roll back and Evenkeel does.
                if memory.rolls_back_to.as_ref() != Some(&known_to) {
                    let head = format!("{}: rolling back to {}", format::name(service), former(*to));
                    told.lines.push(Line { head, rest: format!(": {why}"), tone: Tone::Bad });
                    memory.rolls_back_to = Some(known_to);
                }
            }
            Progress::Ended { service, outcome, reason } => {
                let known = self.service(service);
                let how = format::outcome(*outcome, known.asked_to_return_to.as_deref());
                // Where the reason is an error, that is printed as well, with whole ids.
                let rest =
                    reason.map(|reason| format!(": {}", format::short_ids(reason))).unwrap_or_default();
                let head = format!("{}: {how}", format::name(service));
                told.lines.push(Line { head, rest, tone: tone(*outcome) });
                told.over = Some(format::name(service).to_owned());
            }
            Progress::Task { step, news } => told.lines.extend(task::line(*step, news)),
            Progress::Scheduled(report) => {
                let tone = match report.outcome {
                    MoveOutcome::Moved | MoveOutcome::Current => Tone::Running,
                    MoveOutcome::Left | MoveOutcome::Failed => Tone::Bad,
                };
                told.lines.push(Line::of_tone(scheduled::report_line(report), tone));
            }
            Progress::Warning(warning) => told.lines.push(Line::warning(warning)),
        }
        told
    }

    fn service(&mut self, name: &str) -> &mut Service {
        self.services.entry(format::name(name).to_owned()).or_default()
    }

    fn planned(&mut self, plan: &Plan) -> Vec<Line> {
        let mut lines: Vec<Line> = plan.warnings.iter().map(|warning| Line::warning(warning)).collect();
        for (at, revision) in plan.revisions.iter().enumerate() {
            for planned in plan.services.iter().filter(|planned| planned.revision == at) {
                let name = &planned.service.name;
                self.service(name).asked_to_return_to =
                    revision.is_a_return().then(|| revision.origin().family_and_revision().to_owned());
                lines.push(Line::plain(format!("{name}: live is {}", revision.base.family_and_revision())));
            }
            lines.extend(revision.changes.iter().map(|change| Line::plain(change_line(change))));
        }
        lines
    }
}

impl Service {
    /// A rollback that ECS begins by itself is seen, and nobody says it.
    fn rolled_back_by_ecs(
        &mut self,
        service: &str,
        id: Option<&DeploymentId>,
        seen: &Observation,
    ) -> Option<Line> {
        let to = ecs_rolls_back(id, seen)?;
        let is_news = self.memory.rolls_back_to.is_none();
        if is_news || self.memory.rolls_back_to == Some(None) {
            self.memory.rolls_back_to = Some(to.map(|to| to.family_and_revision().to_owned()));
        }
        let ours = id.and_then(|id| seen.service.deployment(id)).and_then(|ours| ours.reason.as_ref());
        let record = seen.service_deployment.as_ref().and_then(|record| record.reason.as_ref());
        let why = record.or(ours).map(|why| format!(": {why}")).unwrap_or_default();
        let head = format!("{}: ECS rolls back to {}", format::name(service), former(to));
        is_news.then_some(Line { head, rest: why, tone: Tone::Bad })
    }

    /// How a pause ends is said once: the live view has no room for the command.
    fn paused(&mut self, service: &str, record: Option<&ServiceDeployment>) -> Option<Line> {
        let hint = record.and_then(ServiceDeployment::pause_hint);
        if hint == self.pause {
            return None;
        }
        self.pause.clone_from(&hint);
        hint.map(|hint| Line::plain(format!("{}: {hint}", format::name(service))))
    }
}

impl Line {
    pub(super) fn plain(text: String) -> Self {
        Self { head: text, rest: String::new(), tone: Tone::Plain }
    }

    pub(super) fn of_tone(text: String, tone: Tone) -> Self {
        Self { head: text, rest: String::new(), tone }
    }

    pub(super) fn warning(warning: &str) -> Self {
        Self { head: "warning:".to_owned(), rest: format!(" {warning}"), tone: Tone::Pending }
    }

    /// The line with its end, without control characters but those of its colours: what ECS quotes may come from
    /// anybody's image.
    pub(super) fn painted(&self, palette: Palette) -> String {
        format!("{}{}\n", palette.paint(self.tone, &printable(&self.head)), printable(&self.rest))
    }
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Deployed | Outcome::Unchanged => Tone::Running,
        Outcome::Started => Tone::Plain,
        Outcome::RolledBack
        | Outcome::Failed
        | Outcome::Superseded
        | Outcome::Stopped
        | Outcome::TimedOut => Tone::Bad,
    }
}
