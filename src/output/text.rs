//! Plain lines for people and build logs: a line only where something changed.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Phase;
use evenkeel_core::diff::Change;
use evenkeel_core::failure::Failure;
use evenkeel_core::plan::{Plan, RevisionOrigin};
use evenkeel_core::request::DeployRequest;
use evenkeel_core::rollout::Observation;
use evenkeel_core::service::DeploymentId;
use evenkeel_core::service_deployment::ServiceDeployment;

use crate::deploy::{Progress, Report, ServiceReport};

/// Tells a deployment's progress, a line at a time.
#[derive(Debug)]
pub struct Narrator<W> {
    out: W,
    /// What was told last of each service's rollout.
    told: BTreeMap<String, String>,
    /// Where a terminal is watched: how each rollout stands now, a line each below all others.
    status_lines: Option<BTreeMap<String, String>>,
    /// How many of these lines are on the screen.
    drawn: usize,
}

/// How much of a line is redrawn in place: one that is broken by the terminal could not be.
const WIDTH: usize = 79;

impl<W: Write> Narrator<W> {
    /// A narrator that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, told: BTreeMap::new(), status_lines: None, drawn: 0 }
    }

    /// A narrator for a terminal, on which how each rollout stands is drawn again in its place.
    pub fn redrawing(out: W) -> Self {
        Self { status_lines: Some(BTreeMap::new()), ..Self::new(out) }
    }

    /// Tells one thing.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Planned(plan) => self.planned(plan),
            Progress::Registered(arn) => self.line(&format!("registered {}", arn.family_and_revision())),
            Progress::Adopted(arn) => {
                self.line(&format!("{} was registered earlier and is used again", arn.family_and_revision()));
            }
            Progress::Started { service, revision, deployment, console } => {
                let revision = revision.family_and_revision();
                let deployment = deployment.map(|id| format!(" as deployment {id}")).unwrap_or_default();
                self.line(&format!("{service}: rollout of {revision} started{deployment}"));
                if let Some(url) = console {
                    self.line(&format!("{service}: {url}"));
                }
            }
            Progress::Joined { service, deployment } => {
                self.line(&format!("{service}: deployment {deployment} brings it already and is followed"));
            }
            Progress::Resumed { service, phase } => {
                let what = match phase {
                    Phase::Pending | Phase::Registered(_) | Phase::Done(_) => "its deployment",
                    Phase::RollingOut { .. } => "its rollout",
                    Phase::Undoing { .. } | Phase::RollingBack { .. } => "its rollback",
                };
                self.line(&format!("{service}: going on with {what}"));
            }
            Progress::PlannedAgain { service, live } => {
                let live = live.family_and_revision();
                self.line(&format!("{service}: another deployment brought {live}; planning again from it"));
            }
            Progress::Seen { service, deployment, seen, elapsed } => {
                self.seen(service, *deployment, seen, *elapsed);
            }
            Progress::RollingBack { service, to, why } => {
                let to = to.map_or("the former revision", TaskDefinitionArn::family_and_revision);
                self.line(&format!("{service}: {why}; going back to {to}"));
            }
            Progress::Ended { service, outcome, reason } => {
                if let Some(status_lines) = &mut self.status_lines {
                    status_lines.remove(*service);
                }
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                self.line(&format!("{service}: {outcome}{reason}"));
            }
            Progress::Warning(warning) => self.line(&format!("warning: {warning}")),
        }
    }

    fn planned(&mut self, plan: &Plan) {
        for warning in &plan.warnings {
            self.line(&format!("warning: {warning}"));
        }
        for planned in &plan.services {
            let live = plan.revision_of(planned).base.family_and_revision();
            self.line(&format!("{}: live is {live}", planned.service.name));
        }
        for change in plan.revisions.iter().flat_map(|revision| &revision.changes) {
            self.line(&change_line(change));
        }
    }

    fn seen(&mut self, service: &str, id: Option<&DeploymentId>, seen: &Observation, elapsed: Duration) {
        let (stands, seconds) = (stands(id, seen), elapsed.as_secs());
        let line = format!("{service}: {:>2}:{:02}  {stands}", seconds / 60, seconds % 60);
        if let Some(status_lines) = &mut self.status_lines {
            status_lines.insert(service.to_owned(), line);
            self.draw(None);
        } else if self.told.get(service) != Some(&stands) {
            self.line(&line);
            self.told.insert(service.to_owned(), stands);
        }
    }

    fn line(&mut self, line: &str) {
        self.draw(Some(line));
    }

    /// Takes back what is redrawn, writes a line that stays, and redraws.
    fn draw(&mut self, line: Option<&str>) {
        let back = "\x1b[1A\x1b[2K".repeat(self.drawn);
        let status_lines = self.status_lines.iter().flat_map(BTreeMap::values);
        let status_lines: Vec<String> =
            status_lines.map(|line| printable(line).chars().take(WIDTH).collect()).collect();
        self.drawn = status_lines.len();
        let lines = line.map(printable).into_iter().chain(status_lines).map(|line| line + "\n");
        let text = back + &lines.collect::<String>();
        // A reader that went away is no reason to stop a deployment.
        let _ = self.out.write_all(text.as_bytes());
    }
}

/// What a deployment came to, a line for each service.
#[must_use]
pub fn report_text(report: &Report) -> String {
    report.services.iter().map(service_line).collect()
}

/// What a deployment would do.
#[must_use]
pub fn plan_text(plan: &Plan, request: &DeployRequest) -> String {
    let mut lines = Vec::new();
    for planned in &plan.services {
        let revision = plan.revision_of(planned);
        let action = match &revision.source {
            RevisionOrigin::Register => "a new revision would be registered".to_owned(),
            RevisionOrigin::Adopt(arn) => {
                format!("{}, registered earlier, would be used again", arn.family_and_revision())
            }
            RevisionOrigin::Return(arn) => {
                format!("the service would go back to {}", arn.family_and_revision())
            }
            RevisionOrigin::Live if request.policy.force_new_deployment => {
                "a deployment would be forced".to_owned()
            }
            RevisionOrigin::Live => "nothing to change".to_owned(),
        };
        let base = revision.base.family_and_revision();
        lines.push(format!("{}: live is {base}; {action}", planned.service.name));
        lines.extend(revision.changes.iter().map(change_line));
    }
    lines.join("\n") + "\n"
}

/// A failure, for standard error.
#[must_use]
pub fn failure_text(failure: &Failure) -> String {
    format!("error: {}\n", printable(&failure.to_string()))
}

fn service_line(service: &ServiceReport) -> String {
    let (previous, live) = (short(service.previous.as_ref()), short(service.task_definition.as_ref()));
    let way = if previous == live { live.to_owned() } else { format!("{previous} -> {live}") };
    let seconds = service.duration.as_secs_f64();
    format!("{}  {}  {way}  {seconds:.1} s\n", service.outcome, service.service)
}

/// A member that differs, and how.
pub(super) fn change_line(change: &Change) -> String {
    let path = &change.path;
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("  ~ {path}: {from} -> {to}"),
        (Some(from), None) => format!("  - {path}: {from}"),
        (None, Some(to)) => format!("  + {path}: {to}"),
        (None, None) => format!("  ~ {path}"),
    }
}

/// `web:12`, or a hyphen for none.
pub(super) fn short(revision: Option<&TaskDefinitionArn>) -> &str {
    revision.map_or("-", TaskDefinitionArn::family_and_revision)
}

/// How a rollout stands, in one line.
fn stands(id: Option<&DeploymentId>, seen: &Observation) -> String {
    let service = &seen.service;
    let mine = id.and_then(|id| service.deployment(id));
    let counts = match mine {
        Some(mine) => format!(
            "{} of {} running, {} pending, {} failed",
            mine.running,
            service.wanted(mine),
            mine.pending,
            mine.failed
        ),
        None => "the deployment is not listed".to_owned(),
    };
    let record = seen.service_deployment.as_ref();
    let stage = record.and_then(|record| record.stage.clone());
    let pause = record.and_then(ServiceDeployment::pause_hint);
    // An event from before the deployment tells nothing of it.
    let event = service.events.first().filter(|event| mine.is_some_and(|mine| event.at > mine.created));
    let event = event.map(|event| event.said().to_owned());
    [Some(counts), stage, pause, event].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The text without control characters: what ECS quotes may come from anybody's image.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use evenkeel_core::service::{Controller, Deployment, Guard, Launch, RolloutState, Service, Strategy};
    use evenkeel_core::timestamp::Timestamp;

    fn seen(running: u32) -> Observation {
        let arn = |resource: &str| format!("arn:aws:ecs:eu-west-1:123456789012:{resource}");
        let deployment = Deployment {
            id: DeploymentId::new("ecs-svc/2"),
            primary: true,
            task_definition: TaskDefinitionArn::parse(&arn("task-definition/web:2")).unwrap(),
            desired: 2,
            running,
            pending: 0,
            failed: 0,
            rollout: RolloutState::InProgress,
            reason: None,
            created: Timestamp::from_unix(Duration::from_secs(1_000)),
        };
        Observation::of(Service {
            arn: arn("service/prod/web"),
            name: "web".to_owned(),
            cluster: arn("cluster/prod"),
            active: true,
            controller: Controller::Ecs,
            is_managed: false,
            launch: Launch::default(),
            task_definition: None,
            desired: 2,
            strategy: Strategy::default(),
            guard: Guard::default(),
            current_deployment: None,
            deployments: vec![deployment],
            events: Vec::new(),
            service_revisions: Vec::new(),
        })
    }

    fn told(narrator: &mut Narrator<Vec<u8>>, steps: &[(u64, u32)]) -> String {
        let id = DeploymentId::new("ecs-svc/2");
        for (seconds, running) in steps {
            narrator.tell(&Progress::Seen {
                service: "web",
                deployment: Some(&id),
                seen: &seen(*running),
                elapsed: Duration::from_secs(*seconds),
            });
        }
        narrator.tell(&Progress::Warning("look\u{1b}[2J out"));
        String::from_utf8(std::mem::take(&mut narrator.out)).unwrap()
    }

    #[test]
    fn a_build_log_has_a_line_for_each_change() {
        let text = told(&mut Narrator::new(Vec::new()), &[(2, 0), (5, 0), (65, 2)]);
        assert_eq!(
            text,
            "web:  0:02  0 of 2 running, 0 pending, 0 failed\n\
             web:  1:05  2 of 2 running, 0 pending, 0 failed\n\
             warning: look [2J out\n"
        );
    }

    #[test]
    fn a_terminal_shows_how_a_rollout_stands_in_one_place_below_what_stays() {
        let mut narrator = Narrator::redrawing(Vec::new());
        let text = told(&mut narrator, &[(2, 0), (5, 0)]);
        let back = "\x1b[1A\x1b[2K";
        let at = |time: &str| format!("web:  {time}  0 of 2 running, 0 pending, 0 failed\n");
        assert_eq!(
            text,
            format!("{}{back}{}{back}warning: look [2J out\n{}", at("0:02"), at("0:05"), at("0:05"))
        );
        narrator.tell(&Progress::Ended {
            service: "web",
            outcome: evenkeel_core::deployment::Outcome::Deployed,
            reason: None,
        });
        assert_eq!(String::from_utf8(narrator.out).unwrap(), format!("{back}web: deployed\n"));
    }
}
