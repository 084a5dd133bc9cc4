//! What is shown of rollouts that were filmed beforehand, look by look.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::diff::Change;
use evenkeel_core::one_off::Step;
use evenkeel_core::plan::{Plan, PlannedRevision, PlannedService, RevisionOrigin};
use evenkeel_core::rollout::Observation;
use evenkeel_core::service::{
    Controller, Deployment, DeploymentId, Guard, Launch, RolloutState, Service, ServiceEvent, Strategy,
};
use evenkeel_core::service_deployment::{Pause, ServiceDeployment, ServiceDeploymentStatus, TaskCounts};
use evenkeel_core::task_definition::{PackedDefinition, Revision};
use evenkeel_core::timestamp::Timestamp;
use evenkeel_core::variables::{VariableEdits, Variables};

use super::{LiveView, Narrator, Palette, Size, Warner};
use crate::deploy::{Progress, TaskNews};

fn arn(revision: &str) -> TaskDefinitionArn {
    TaskDefinitionArn::parse(&format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{revision}"))
        .unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(Duration::from_secs(1_000 + seconds))
}

/// The service's id of its deployment of this revision.
fn id(revision: &str) -> DeploymentId {
    let number = revision.rsplit(':').next().unwrap();
    DeploymentId::new(format!("ecs-svc/823456789012345678{number}"))
}

/// A deployment of `revision`, with the tasks that run, are pending and failed.
fn tasks(revision: &str, [running, pending, failed]: [u32; 3]) -> Deployment {
    Deployment {
        id: id(revision),
        primary: false,
        task_definition: arn(revision),
        desired: 3,
        running,
        pending,
        failed,
        rollout: RolloutState::InProgress,
        reason: None,
        created: at(0),
    }
}

/// A service that wants three tasks; the first of its deployments is PRIMARY.
fn service(name: &str, mut deployments: Vec<Deployment>, event: Option<&str>) -> Service {
    deployments[0].primary = true;
    let message = event.map(|event| format!("(service {name}) {event}"));
    Service {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}"),
        name: name.to_owned(),
        cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod".to_owned(),
        active: true,
        controller: Controller::Ecs,
        is_managed: false,
        launch: Launch::default(),
        task_definition: None,
        desired: 3,
        strategy: Strategy::default(),
        guard: Guard::default(),
        current_deployment: None,
        deployments,
        events: message.map(|message| ServiceEvent { at: at(1), message }).into_iter().collect(),
        service_revisions: Vec::new(),
    }
}

/// The plan to replace `web:1` and its like by a copy, or by a revision that ran before.
fn plan(names: &[&str], to: Option<&str>) -> Plan {
    let planned = |name: &&str| {
        let base = format!("{name}:1");
        let answer = format!(
            r#"{{"taskDefinition":{{"taskDefinitionArn":"{}","family":"{name}","status":"ACTIVE","containerDefinitions":[{{"name":"app"}}]}}}}"#,
            arn(&base)
        );
        let change = |from: &str, to: &str| Change {
            path: "app.image".to_owned(),
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
        };
        PlannedRevision {
            base: arn(&base),
            base_images: BTreeMap::new(),
            variables: VariableEdits::default(),
            base_variables: Variables::default(),
            definition: PackedDefinition::from(
                &Revision::from_describe(answer.as_bytes()).unwrap().definition,
            ),
            source: to.map_or(RevisionOrigin::Register, |to| RevisionOrigin::Return(arn(to))),
            newest: arn(&base),
            changes: vec![change("shop:1", "shop:2")],
            lacks_of_newest: false,
        }
    };
    let services = names.iter().enumerate().map(|(revision, name)| PlannedService {
        service: service(name, vec![tasks(&format!("{name}:1"), [3, 0, 0])], None),
        revision,
    });
    Plan {
        revisions: names.iter().map(planned).collect(),
        services: services.collect(),
        scheduled: Vec::new(),
        warnings: vec!["the build is old".to_owned()],
    }
}

/// Tells `tell` that the rollout of `revision` was seen like this.
fn look(
    tell: &mut impl FnMut(&Progress<'_>),
    seconds: u64,
    revision: &str,
    service: &Service,
    record: Option<ServiceDeployment>,
) {
    let seen = Observation { service_deployment: record, ..Observation::of(service.clone()) };
    tell(&Progress::Seen {
        service: &service.name,
        deployment: Some(&id(revision)),
        seen: &seen,
        elapsed: Duration::from_secs(seconds),
    });
}

fn started(tell: &mut impl FnMut(&Progress<'_>), service: &str, revision: &str) {
    tell(&Progress::Started {
        service,
        revision: &arn(revision),
        deployment: Some(&id(revision)),
        console: Some(format!("https://console/{service}")),
    });
}

fn ended(tell: &mut impl FnMut(&Progress<'_>), service: &str, outcome: Outcome, reason: Option<&str>) {
    tell(&Progress::Ended { service, outcome, reason });
}

const STARTED: &str = "has started 3 tasks: (task 0f9de17a5b6c4d3e2f1a0b9c8d7e6f50) (task 1f9de17a5b6c4d3e2f1a0b9c8d7e6f50) (task 2f9de17a5b6c4d3e2f1a0b9c8d7e6f50).";

/// Three tasks come up, and then the three old ones stop.
fn success(tell: &mut impl FnMut(&Progress<'_>)) {
    tell(&Progress::Planned(&plan(&["web"], None)));
    tell(&Progress::Registered(&arn("web:2")));
    started(tell, "web", "web:2");
    let seen = |new, old, event| service("web", vec![tasks("web:2", new), tasks("web:1", old)], event);
    look(tell, 2, "web:2", &seen([0, 0, 0], [3, 0, 0], None), None);
    look(tell, 14, "web:2", &seen([0, 3, 0], [3, 0, 0], Some(STARTED)), None);
    for seconds in [30, 60, 73, 74, 76, 90] {
        look(tell, seconds, "web:2", &seen([0, 3, 0], [3, 0, 0], Some(STARTED)), None);
    }
    look(tell, 95, "web:2", &seen([2, 1, 0], [3, 0, 0], Some(STARTED)), None);
    look(
        tell,
        125,
        "web:2",
        &service("web", vec![tasks("web:2", [3, 0, 0])], Some("has reached a steady state.")),
        None,
    );
    ended(tell, "web", Outcome::Deployed, None);
}

/// Its tasks fail, and ECS puts the former revision back.
fn failure(tell: &mut impl FnMut(&Progress<'_>)) {
    started(tell, "web", "web:2");
    let seen = |new, old| service("web", vec![tasks("web:2", new), tasks("web:1", old)], None);
    look(tell, 2, "web:2", &seen([0, 1, 0], [3, 0, 0]), None);
    look(tell, 20, "web:2", &seen([0, 1, 2], [3, 0, 0]), None);
    let to = arn("web:1");
    for _ in 0..2 {
        tell(&Progress::RollingBack { service: "web", to: Some(&to), why: "3 tasks failed in a row" });
    }
    look(tell, 30, "web:2", &seen([0, 0, 3], [3, 0, 0]), None);
    let back = service("web", vec![tasks("web:1", [3, 0, 0]), tasks("web:2", [1, 0, 3])], None);
    look(tell, 1, "web:2", &back, None);
    ended(tell, "web", Outcome::RolledBack, Some("3 tasks failed in a row; the service is back on web:1"));
}

/// A blue/green deployment with a bake time of five minutes and a pause before it.
fn blue_green(tell: &mut impl FnMut(&Progress<'_>)) {
    started(tell, "web", "web:2");
    let mut seen = service("web", vec![tasks("web:2", [3, 0, 0]), tasks("web:1", [3, 0, 0])], None);
    seen.strategy = Strategy { is_staged: true, bake_time: Duration::from_secs(300), ..Strategy::default() };
    let record = |stage: &str| ServiceDeployment {
        arn: "arn:aws:ecs:eu-west-1:123456789012:service-deployment/prod/web/1".to_owned(),
        created: Timestamp::from_unix(Duration::from_secs(1_000)),
        finished: None,
        target: String::new(),
        tasks: TaskCounts { requested: 3, running: 3, pending: 0 },
        replaced_running: 3,
        status: ServiceDeploymentStatus::InProgress,
        reason: None,
        breaker: None,
        guard_fired: false,
        alarms: Vec::new(),
        stage: Some(stage.to_owned()),
        pauses: Vec::new(),
    };
    let pause = Pause { hook: "hook-1".to_owned(), expires: None };
    let paused = ServiceDeployment { pauses: vec![pause], ..record("POST_TEST_TRAFFIC_SHIFT") };
    look(tell, 20, "web:2", &seen, Some(record("TEST_TRAFFIC_SHIFT")));
    look(tell, 40, "web:2", &seen, Some(paused));
    look(tell, 60, "web:2", &seen, Some(record("PRODUCTION_TRAFFIC_SHIFT")));
    look(tell, 80, "web:2", &seen, Some(record("BAKE_TIME")));
    look(tell, 100, "web:2", &seen, Some(record("BAKE_TIME")));
    look(tell, 140, "web:2", &seen, Some(record("BAKE_TIME")));
    look(tell, 380, "web:2", &seen, Some(record("CLEAN_UP")));
    ended(tell, "web", Outcome::Deployed, None);
}

/// Two services at once, one of which was named by its ARN; the second is forgotten by nobody while the first changes.
fn several(tell: &mut impl FnMut(&Progress<'_>)) {
    started(tell, "web", "web:2");
    started(tell, "arn:aws:ecs:eu-west-1:123456789012:service/prod/api", "api:2");
    let web = |new| service("web", vec![tasks("web:2", new)], None);
    let api = service("api", vec![tasks("api:2", [0, 3, 0]), tasks("api:1", [3, 0, 0])], None);
    look(tell, 10, "web:2", &web([1, 2, 0]), None);
    look(tell, 10, "api:2", &api, None);
    look(tell, 40, "web:2", &web([2, 1, 0]), None);
    look(tell, 40, "api:2", &api, None);
    look(tell, 70, "web:2", &web([3, 0, 0]), None);
    look(tell, 70, "api:2", &api, None);
    ended(tell, "web", Outcome::Deployed, None);
    ended(tell, "api", Outcome::TimedOut, Some("it took longer than 70 s"));
}

fn plain(film: impl Fn(&mut dyn FnMut(&Progress<'_>))) -> String {
    let mut lines = Vec::new();
    let mut narrator = Narrator::every_minute(&mut lines, Palette::plain());
    film(&mut |progress| narrator.tell(progress));
    String::from_utf8(lines).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_one_off_task_that_logs_nothing_has_a_line_a_minute() {
    let mut lines = Vec::new();
    let mut narrator = Narrator::every_minute(&mut lines, Palette::plain());
    let mut tell = |news| narrator.tell(&Progress::Task { step: Some(Step::Before), news });
    tell(TaskNews::Runs);
    for seconds in [59, 1, 1, 59] {
        crate::clock::sleep(Duration::from_secs(seconds)).await;
        tell(TaskNews::GoesOn);
    }
    assert_eq!(
        String::from_utf8(lines).unwrap(),
        "task before: running\ntask before: nothing new for 1 min\ntask before: nothing new for 1 min\n"
    );
}

#[test]
fn a_success_has_a_line_for_each_change_and_one_for_each_minute_without_any() {
    assert_eq!(
        plain(|mut tell| success(&mut tell)),
        "warning: the build is old\n\
         web: live is web:1\n\
         \x20 ~ app.image: shop:1 -> shop:2\n\
         registered web:2\n\
         web: rollout of web:2 started as deployment ecs-svc/8234567890123456782\n\
         web: https://console/web\n\
         web: 2 s: 0 of 3 tasks run, 3 old\n\
         web: 14 s: 0 of 3 tasks run, 3 pending, 3 old; has started 3 tasks: (task 0f9de17a…) and 2 more\n\
         web: 1 min 14 s: 0 of 3 tasks run, 3 pending, 3 old; has started 3 tasks: (task 0f9de17a…) and 2 more\n\
         web: 1 min 35 s: 2 of 3 tasks run, 1 pending, 3 old; has started 3 tasks: (task 0f9de17a…) and 2 more\n\
         web: 2 min 5 s: 3 of 3 tasks run; has reached a steady state\n\
         web: deployed\n"
    );
}

#[test]
fn a_failure_says_what_it_rolls_back_to_once_and_how_far_that_is() {
    assert_eq!(
        plain(|mut tell| failure(&mut tell)),
        "web: rollout of web:2 started as deployment ecs-svc/8234567890123456782\n\
         web: https://console/web\n\
         web: 2 s: 0 of 3 tasks run, 1 pending, 3 old\n\
         web: 20 s: 0 of 3 tasks run, 1 pending, 2 failed, 3 old\n\
         web: rolling back to web:1: 3 tasks failed in a row\n\
         web: 30 s: ECS has not begun the rollback yet\n\
         web: 1 s: 3 of 3 tasks run, 1 new\n\
         web: rolled back: 3 tasks failed in a row; the service is back on web:1\n"
    );
}

#[test]
fn a_rollback_that_ecs_begins_by_itself_is_seen() {
    let breaker = |tell: &mut dyn FnMut(&Progress<'_>)| {
        let mut tell = |progress: &Progress<'_>| tell(progress);
        let failed = Deployment {
            rollout: RolloutState::Failed,
            reason: Some("ECS deployment circuit breaker: tasks failed to start".to_owned()),
            ..tasks("web:2", [0, 0, 3])
        };
        look(
            &mut tell,
            40,
            "web:2",
            &service("web", vec![tasks("web:2", [0, 1, 2]), tasks("web:1", [3, 0, 0])], None),
            None,
        );
        let back = service("web", vec![tasks("web:1", [3, 0, 0]), failed], None);
        look(&mut tell, 50, "web:2", &back, None);
        look(&mut tell, 52, "web:2", &back, None);
    };
    assert_eq!(
        plain(breaker),
        "web: 40 s: 0 of 3 tasks run, 1 pending, 2 failed, 3 old\n\
         web: ECS rolls back to web:1: ECS deployment circuit breaker: tasks failed to start\n\
         web: 50 s: 3 of 3 tasks run\n"
    );
}

#[test]
fn a_blue_green_deployment_says_its_stage_and_what_is_left_of_the_bake_time() {
    assert_eq!(
        plain(|mut tell| blue_green(&mut tell)),
        "web: rollout of web:2 started as deployment ecs-svc/8234567890123456782\n\
         web: https://console/web\n\
         web: 20 s: 3 of 3 tasks run, 3 old; test traffic shift\n\
         web: it waits at a pause hook; `aws ecs continue-service-deployment --service-deployment-arn \
         arn:aws:ecs:eu-west-1:123456789012:service-deployment/prod/web/1 --hook-id hook-1 --action CONTINUE` continues it\n\
         web: 40 s: 3 of 3 tasks run, 3 old; post test traffic shift; waits at a pause hook\n\
         web: 1 min: 3 of 3 tasks run, 3 old; production traffic shift\n\
         web: 1 min 20 s: 3 of 3 tasks run, 3 old; bake time, 5 min left\n\
         web: 2 min 20 s: 3 of 3 tasks run, 3 old; bake time, 4 min left\n\
         web: 6 min 20 s: 3 of 3 tasks run, 3 old; clean up\n\
         web: deployed\n"
    );
}

#[test]
fn of_several_services_each_has_its_own_lines_and_its_own_minute() {
    assert_eq!(
        plain(|mut tell| several(&mut tell)),
        "web: rollout of web:2 started as deployment ecs-svc/8234567890123456782\n\
         web: https://console/web\n\
         api: rollout of api:2 started as deployment ecs-svc/8234567890123456782\n\
         api: https://console/arn:aws:ecs:eu-west-1:123456789012:service/prod/api\n\
         web: 10 s: 1 of 3 tasks run, 2 pending\n\
         api: 10 s: 0 of 3 tasks run, 3 pending, 3 old\n\
         web: 40 s: 2 of 3 tasks run, 1 pending\n\
         web: 1 min 10 s: 3 of 3 tasks run\n\
         api: 1 min 10 s: 0 of 3 tasks run, 3 pending, 3 old\n\
         web: deployed\n\
         api: timed out: it took longer than 70 s\n"
    );
}

#[test]
fn a_rollback_that_somebody_asked_for_is_told_as_one() {
    let rollback = |tell: &mut dyn FnMut(&Progress<'_>)| {
        tell(&Progress::Planned(&plan(&["web"], Some("web:7"))));
        ended(&mut |progress| tell(progress), "web", Outcome::Deployed, None);
    };
    assert!(plain(rollback).ends_with("web: rolled back to web:7\n"));
}

#[test]
fn a_worker_s_log_has_no_line_where_nothing_changes() {
    let mut lines = Vec::new();
    let mut narrator = Narrator::new(&mut lines);
    success(&mut |progress| narrator.tell(progress));
    assert!(!String::from_utf8(lines).unwrap().contains("1 min 14 s"));
}

#[test]
fn without_progress_there_are_warnings_only() {
    let mut lines = Vec::new();
    let mut warner = Warner::new(&mut lines, Palette::plain());
    success(&mut |progress| warner.tell(progress));
    warner.tell(&Progress::Warning("ECS\u{1b}[2J is slow"));
    assert_eq!(String::from_utf8(lines).unwrap(), "warning: the build is old\nwarning: ECS [2J is slow\n");
}

/// A terminal of a test: what was written to it, as it shows that.
#[derive(Clone)]
struct Terminal {
    written: Arc<Mutex<Vec<u8>>>,
    size: Arc<Mutex<Size>>,
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Terminal {
    fn new(columns: u16) -> Self {
        let size = Size { columns, rows: 24 };
        Self { written: Arc::default(), size: Arc::new(Mutex::new(size)) }
    }

    fn view(&self, palette: Palette) -> LiveView {
        let size = self.size.clone();
        LiveView::new(self.clone(), move || *size.lock().unwrap(), palette)
    }

    fn resize(&self, columns: u16) {
        self.size.lock().unwrap().columns = columns;
    }

    fn written(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }

    /// The rows that a terminal shows which was as wide all the time, and obeys only what the view says.
    fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = vec![String::new()];
        let written = self.written();
        let mut rest = written.as_str();
        let mut row = 0;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\n' => {
                    row += 1;
                    rows.resize(rows.len().max(row + 1), String::new());
                    rows[row].clear();
                }
                '\r' => rows[row].clear(),
                '\x1b' => {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    match &rest[end..=end] {
                        "A" => row -= rest[1..end].parse::<usize>().unwrap(),
                        "J" => rows.truncate(row + 1),
                        _ => {}
                    }
                    rest = &rest[end + 1..];
                }
                c => rows[row].push(c),
            }
        }
        rows
    }
}

#[test]
fn a_terminal_shows_each_rollout_in_two_lines_below_what_stays() {
    let terminal = Terminal::new(100);
    let mut view = terminal.view(Palette::plain());
    let mut tell = |progress: &Progress<'_>| view.tell(progress);
    started(&mut tell, "web", "web:2");
    let seen = service("web", vec![tasks("web:2", [1, 1, 1]), tasks("web:1", [3, 0, 0])], Some(STARTED));
    look(&mut tell, 65, "web:2", &seen, None);
    tell(&Progress::Warning("look out"));
    assert_eq!(
        terminal.rows(),
        [
            "web: rollout of web:2 started as deployment ecs-svc/8234567890123456782",
            "web: https://console/web",
            "warning: look out",
            "web  ██▒▒▒×××░░░░░░░░  1 min 5 s  1 of 3 tasks run, 1 pending, 1 failed, 3 old",
            "     rolling out web:2 · has started 3 tasks: (task 0f9de17a…) and 2 more",
            "",
        ]
    );
    ended(&mut tell, "web", Outcome::Deployed, None);
    assert_eq!(terminal.rows()[3..], ["web: deployed".to_owned(), String::new()]);
}

#[test]
fn no_line_of_the_view_is_wider_than_the_terminal() {
    for columns in [1, 2, 10, 20, 40, 49, 60, 80, 100, 160, 300] {
        let terminal = Terminal::new(columns);
        let mut view = terminal.view(Palette::plain());
        let mut tell = |progress: &Progress<'_>| view.tell(progress);
        let seen = service(
            "web-für-日本",
            vec![tasks("web:2", [1, 1, 1]), tasks("web:1", [3, 0, 0])],
            Some(STARTED),
        );
        look(&mut tell, 65, "web:2", &seen, None);
        let widest =
            terminal.rows().iter().map(|row| unicode_width::UnicodeWidthStr::width(row.as_str())).max();
        assert!(widest.unwrap() < usize::from(columns.max(2)), "{columns}: {:#?}", terminal.rows());
    }
}

#[test]
fn a_terminal_that_was_made_narrower_has_broken_lines_and_all_their_rows_are_replaced() {
    let terminal = Terminal::new(100);
    let mut view = terminal.view(Palette::plain());
    let mut tell = |progress: &Progress<'_>| view.tell(progress);
    let seen = service("web", vec![tasks("web:2", [1, 1, 1]), tasks("web:1", [3, 0, 0])], Some(STARTED));
    look(&mut tell, 65, "web:2", &seen, None);
    terminal.resize(50);
    look(&mut tell, 66, "web:2", &seen, None);
    assert!(
        terminal.written().contains("\x1b[4A\r\x1b[J"),
        "two lines of more than 50 columns are four rows: {}",
        terminal.written()
    );
}

#[test]
fn a_colour_says_nothing_that_is_not_said_without_it() {
    let shown = |palette| {
        let terminal = Terminal::new(120);
        let mut view = terminal.view(palette);
        failure(&mut |progress| view.tell(progress));
        drop(view);
        terminal
    };
    let (coloured, plain) = (shown(Palette::coloured()), shown(Palette::plain()));
    assert!(coloured.written().contains("\x1b[31mweb: rolled back\x1b[0m"), "{}", coloured.written());
    assert!(!plain.written().contains('m') || !plain.written().contains("\x1b[31m"));
    assert_eq!(coloured.rows(), plain.rows());
}
