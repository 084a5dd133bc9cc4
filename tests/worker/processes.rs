//! Real processes on one queue: one is killed, one is told to end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use evenkeel_sandbox::{ActionArtifact, ActionStatus};

use crate::served::Served;
use crate::world::{ARTIFACTS, NEW, Pipeline, action, artifact, definition, definitions, say};

const SERVICES: usize = 100;

/// What the third action of each service deploys. Its revision is there, as a crash could have left it.
const NEWER: &str = "registry.example.com/shop/web:3";

#[test]
fn three_processes_end_three_hundred_jobs_although_one_is_killed_and_one_is_shut_down() {
    let served = Served::new();
    let pipeline = &served.pipeline;
    pipeline.sandbox.set_continuation_delay(Duration::from_millis(500));
    pipeline.sandbox.put_object(ARTIFACTS, "newer", artifact("imagedefinitions.json", &definitions(NEWER)));
    let folder = tempfile::tempdir().unwrap();
    let log = |name: &str| folder.path().join(name);
    for service in 0..SERVICES {
        pipeline.quick_service(&name(service));
    }
    let arguments = ["--claims", "s3://claims/evenkeel", "--lease", "10s", "--slice", "5s"];
    let mut killed = served.worker(&arguments, &log("killed"));
    let mut shut_down = served.worker(&arguments, &log("shut_down"));
    let _stays = served.worker(&arguments, &log("stays"));

    let mut executions: Vec<Vec<String>> = vec![Vec::new(); SERVICES];
    served.until("thirty jobs ended", || go_on(pipeline, &mut executions) >= 30);
    killed.kill();
    served.until("two hundred jobs ended", || go_on(pipeline, &mut executions) >= 200);
    assert_eq!(shut_down.terminate(), Some(0), "{}", read(&log("shut_down")));
    served.until("all jobs ended", || go_on(pipeline, &mut executions) == 3 * SERVICES && pipeline.is_over());

    let mut jobs = 0;
    for execution in executions.iter().flatten() {
        let state = pipeline.state(execution);
        let ended = (state.status, state.terminal_results);
        assert_eq!(ended, (ActionStatus::Succeeded, 1), "{:?}", state.failure);
        jobs += state.jobs.len();
    }
    for service in 0..SERVICES {
        let name = name(service);
        assert_eq!(pipeline.live(&name), format!("{name}:3"));
        assert_eq!((pipeline.revisions(&name), pipeline.effects("UpdateService", &name)), (3, 2), "{name}");
    }
    say(&format!("{} actions of {jobs} jobs ended by three processes", 3 * SERVICES));
}

#[test]
fn three_processes_end_all_jobs_although_one_is_full_one_stands_still_and_one_has_a_wrong_clock() {
    const SERVICES: usize = 40;
    let served = Served::new();
    let pipeline = &served.pipeline;
    pipeline.sandbox.set_continuation_delay(Duration::from_millis(500));
    let folder = tempfile::tempdir().unwrap();
    let log = |name: &str| folder.path().join(name);
    (0..SERVICES).for_each(|service| pipeline.quick_service(&name(service)));
    let work = |more: &[&str], name: &str| {
        let always = ["--claims", "s3://claims/evenkeel", "--lease", "5s", "--slice", "5s"];
        served.worker(&[&always[..], more].concat(), &log(name))
    };
    let _full = work(&["--concurrency", "1"], "full");
    let stopped = work(&["--concurrency", "8"], "stopped");
    let _ahead = work(&["--concurrency", "8", "--clock-ahead", "10m"], "ahead");

    let executions: Vec<String> = (0..SERVICES).map(|service| pipeline.start(&name(service), &[])).collect();
    let ended = || executions.iter().filter(|execution| is_over(pipeline, execution)).count();
    served.until("three jobs ended", || ended() >= 3);
    stopped.signal("STOP");
    let stands_still_until = pipeline.clock.now().plus(Duration::from_secs(15));
    served.until("fifteen seconds have passed", || pipeline.clock.now() >= stands_still_until);
    stopped.signal("CONT");
    served.until("all jobs ended", || ended() == SERVICES && pipeline.is_over());

    for (service, execution) in executions.iter().enumerate() {
        let (name, state) = (name(service), pipeline.state(execution));
        let ended = (state.status, state.terminal_results);
        assert_eq!(ended, (ActionStatus::Succeeded, 1), "{name}: {:?}", state.failure);
        assert_eq!(pipeline.live(&name), format!("{name}:2"));
        assert_eq!((pipeline.revisions(&name), pipeline.effects("UpdateService", &name)), (2, 1), "{name}");
    }
    let taken_over =
        ["full", "ahead"].map(|name| read(&log(name)).matches("taken over from a worker").count());
    assert_ne!(taken_over, [0, 0], "the one that stood still held no job");
    say(&format!(
        "{SERVICES} actions ended by three processes, {taken_over:?} jobs of the one that stood still by the others"
    ));
}

#[test]
fn claims_in_a_folder_serve_the_workers_of_one_machine() {
    let served = Served::new();
    let pipeline = &served.pipeline;
    pipeline.quick_service("web");
    let execution = pipeline.start("web", &[]);
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("claims");
    let place = format!("dir:{}", claims.display());
    // A draining worker keeps its job to the end, so it holds it when it is killed.
    let arguments = ["--claims", &place, "--lease", "2s", "--drain"];

    let mut killed = served.worker(&arguments, &folder.path().join("killed"));
    served.until("the service was updated", || pipeline.effects("UpdateService", "web") == 1);
    killed.kill();
    let mut heir = served.worker(&arguments, &folder.path().join("heir"));
    assert_eq!(heir.ended(), Some(0), "{}", read(&folder.path().join("heir")));

    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1), "{:?}", state.failure);
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    let left: Vec<_> = fs::read_dir(&claims).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".json")), "{left:?}");
}

/// Starts the next action of every service whose former one is over; returns how many are.
fn go_on(pipeline: &Pipeline, executions: &mut [Vec<String>]) -> usize {
    let mut over = 0;
    for (service, of_service) in executions.iter_mut().enumerate() {
        over += of_service.len();
        if of_service.last().is_some_and(|last| !is_over(pipeline, last)) {
            over -= 1;
        } else if of_service.len() < 3 {
            of_service.push(start(pipeline, &name(service), of_service.len()));
        }
    }
    over
}

/// Starts an action: the first deploys, the second finds nothing to do, the third deploys again.
fn start(pipeline: &Pipeline, service: &str, before: usize) -> String {
    let mut action = action(service, &[]);
    if before == 2 {
        assert_eq!(pipeline.live(service), format!("{service}:2"), "{NEW} is deployed by now");
        pipeline.call("RegisterTaskDefinition", definition(service, NEWER));
        action.input = Some(ActionArtifact::new("Build", ARTIFACTS, "newer"));
    }
    pipeline.sandbox.start_action(action).unwrap()
}

fn name(service: usize) -> String {
    format!("s{service}")
}

fn is_over(pipeline: &Pipeline, execution: &str) -> bool {
    pipeline.state(execution).status != ActionStatus::InProgress
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap()
}
