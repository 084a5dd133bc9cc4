//! What must hold at the end of every schedule.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use evenkeel_core::record::{Record, Status};
use evenkeel_sandbox::ActionStatus;
use serde_json::{Value, json};

use crate::world::{CLUSTER, NEW, OLD};

use super::draw::{Rival, Schedule};
use super::play::{RIVALS_MEMORY, Stage};
use super::story::{RECORD, Story};

pub(super) fn judge(schedule: &Schedule, stage: &Stage) {
    let (pipeline, story) = (&stage.pipeline, schedule.scene.story());
    let state = pipeline.state(&stage.execution);
    let what = format!("{schedule:?}: {:?}", state.failure);
    assert!(pipeline.is_over() && state.terminal_results == 1, "{what}");
    if let Some(busy) = &stage.busy {
        let busy = pipeline.state(busy);
        assert_eq!((busy.status, busy.terminal_results), (ActionStatus::Succeeded, 1), "{what}");
    }

    let rival_came = stage.rival_came.load(Ordering::Relaxed);
    let succeeded = state.status == ActionStatus::Succeeded;
    let told = state.failure.as_ref().map(|(kind, _)| kind.as_str());
    // Another actor's deployment that came after ours ends it, unless our update was lost and made again over it.
    let may_be_superseded = schedule.scene.rival == Rival::After && rival_came;
    assert!(told == story.failure || may_be_superseded && told == Some("RevisionOutOfSync"), "{what}");

    each_task_ran_once(stage, &what);

    // A full worker and calls that hang may take as long as the time-out of the story.
    let is_short = story.configuration.contains(&("DeploymentTimeout", "1"));
    if is_short && pipeline.effects("UpdateService", "web") == 0 {
        return assert_eq!(Live::of(stage, "web").image, OLD, "{what}");
    }
    for service in story.services {
        let live = Live::of(stage, service);
        let has_rivals_change = !rival_came || *service != "web" || live.memory == RIVALS_MEMORY;
        let what = format!("{what} {service}: {live:?}");
        if succeeded {
            let image = if story.changes_the_image() { NEW } else { OLD };
            assert_eq!(live.image, image, "{what}");
            assert!(has_rivals_change, "the rival's change is lost: {what}");
            assert!(live.is_completed, "{what}");
        } else if story.failure.is_some() || *service == "web" {
            // What runs is the rival's revision, or what ECS rolled the service back to.
            assert_eq!(live.image, OLD, "{what}");
        }
        if schedule.scene.rival == Rival::None {
            is_as_told(story, stage, service, &live, &what);
        }
    }
    if story.has_record() {
        record_is_true(story, stage, &Live::of(stage, "web"), rival_came, &what);
    }
}

/// A one-off task runs once for each revision.
fn each_task_ran_once(stage: &Stage, what: &str) {
    let mut ran = BTreeMap::new();
    for task in stage.pipeline.sandbox.one_off_tasks() {
        *ran.entry((task.task_definition, task.command)).or_insert(0) += 1;
    }
    assert!(ran.values().all(|times| *times == 1), "{ran:?}: {what}");
}

/// What a service runs.
#[derive(Debug)]
struct Live {
    revision: String,
    image: String,
    memory: String,
    is_completed: bool,
}

impl Live {
    fn of(stage: &Stage, service: &str) -> Self {
        let revision = stage.pipeline.live(service);
        let definition = stage.pipeline.sandbox.stored(&revision).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let described = json!({ "cluster": CLUSTER, "services": [service] });
        let described = stage.pipeline.call("DescribeServices", described);
        Self {
            revision,
            image: text(&definition["containerDefinitions"][0]["image"]),
            memory: text(&definition["memory"]),
            is_completed: described["services"][0]["deployments"][0]["rolloutState"] == "COMPLETED",
        }
    }
}

/// Nobody else deploys: exactly the story's revisions and updates.
fn is_as_told(story: &Story, stage: &Stage, service: &str, live: &Live, what: &str) {
    assert_eq!(live.revision, format!("{service}:{}", story.lives), "{what}");
    let changes = usize::from(story.changes_the_image());
    assert_eq!(stage.pipeline.revisions(service), 1 + changes, "{what}");
    assert_eq!(stage.pipeline.effects("UpdateService", service), changes, "{what}");
}

/// The record is closed, and tells what runs and its ancestor.
fn record_is_true(story: &Story, stage: &Stage, live: &Live, rival_came: bool, what: &str) {
    let (value, _) = stage.pipeline.sandbox.parameter(RECORD.strip_prefix("ssm:").unwrap()).unwrap();
    let record = Record::parse(RECORD, value.as_bytes()).unwrap();
    // A first deployment that failed leaves no record.
    let Some(record) = record else { return assert_ne!(live.image, NEW, "{what}") };
    let what = format!("{what}: {record:?}");
    assert_eq!(record.status, Status::Succeeded, "{what}");
    if live.image == NEW {
        assert!(record.task_definition_arn.ends_with(&format!("/{}", live.revision)), "{what}");
    }
    // What is deployed and what is recorded have the variables in common.
    let environment = stage.pipeline.sandbox.stored(&live.revision).unwrap();
    let environment = environment["containerDefinitions"][0]["environment"].as_array().cloned();
    let is_there = |name: &str, value: Option<&str>| {
        let mut items = environment.iter().flatten();
        items.any(|item| item["name"] == name && item["value"].as_str() == value)
    };
    if live.image == NEW {
        assert!(record.variables.iter().all(|(name, value)| is_there(&name.name, value)), "{what}");
        let sets = story.configuration.iter().any(|(_, value)| value.contains("--set-env"));
        assert_eq!(record.variables.is_empty(), !sets, "{what}");
    }
    let base = record.base_task_definition_arn.rsplit('/').next().unwrap();
    let definition = stage.pipeline.sandbox.stored(base).unwrap();
    assert_eq!(
        definition["containerDefinitions"][0]["image"], OLD,
        "the base is a revision of Evenkeel's: {what}"
    );
    let is_rivals = definition["memory"] == RIVALS_MEMORY;
    assert!(live.image != NEW || is_rivals == rival_came, "{what}");
}
