use serde_json::json;

use super::*;
use crate::failure::FailureKind;
use crate::image::ImageReference;
use crate::image::Images;
use crate::one_off::Steps;
use crate::request::{ClusterName, Policy};
use crate::samples::{self, arn};
use crate::service::RolloutState;
use crate::variables::VariableChanges;

/// The revision `name`, whose container `app` has this image and this much memory.
fn revision(name: &str, image: &str, memory: &str, status: &str) -> Revision {
    let answer = json!({ "taskDefinition": {
        "taskDefinitionArn": arn(name).as_str(),
        "family": arn(name).family(),
        "revision": arn(name).revision(),
        "status": status,
        "memory": memory,
        "containerDefinitions": [{ "name": "app", "image": image }, { "name": "proxy", "image": "envoy:1" }],
    }});
    Revision::from_describe(answer.to_string().as_bytes()).unwrap()
}

fn service(name: &str, live: &str) -> Service {
    samples::service(name, vec![samples::primary(1, live, RolloutState::Completed)])
}

fn request(services: &[&str], images: &[(&str, &str)]) -> DeployRequest {
    let mut named = Images::default();
    for (container, image) in images {
        named.insert(container, ImageReference::parse(image).unwrap()).unwrap();
    }
    DeployRequest {
        cluster: ClusterName::parse("prod").unwrap(),
        services: services.iter().map(|name| ServiceName::parse(name).unwrap()).collect(),
        images: named,
        policy: Policy::default(),
        steps: Steps::default(),
        variables: VariableChanges::default(),
        also: Vec::new(),
    }
}

/// The plan for a service on `web:1` with image `web:old`, beside this newer revision.
fn plan(image: &str, newer: Option<Revision>) -> Plan {
    let lineage = Lineage { live: revision("web:1", "web:old", "512", "ACTIVE"), newer };
    let lineages = BTreeMap::from([(arn("web:1"), lineage)]);
    Plan::new(
        &request(&["web"], &[("app", image)]),
        vec![service("web", "web:1")],
        &lineages,
        &BTreeMap::new(),
    )
    .unwrap()
}

#[test]
fn the_images_that_are_live_need_nothing() {
    let plan = plan("web:old", None);
    assert_eq!((&plan.revisions[0].source, plan.revisions[0].changes.len()), (&RevisionOrigin::Live, 0));
    assert!(!plan.changes_anything(&request(&["web"], &[])));
    let mut force = request(&["web"], &[]);
    force.policy.force_new_deployment = true;
    assert!(plan.changes_anything(&force));
}

#[test]
fn a_new_image_needs_a_new_revision() {
    let plan = plan("web:new", None);
    let planned = &plan.revisions[0];
    assert_eq!(
        (&planned.source, &planned.base, &planned.newest),
        (&RevisionOrigin::Register, &arn("web:1"), &arn("web:1"))
    );
    assert_eq!(
        (&planned.base_images["app"][..], &planned.definition.unpack().images()["app"][..]),
        ("web:old", "web:new")
    );
    assert_eq!(planned.changes.len(), 1);
    assert_eq!(plan.warnings, Vec::<String>::new());
    assert!(plan.changes_anything(&request(&["web"], &[])));
}

#[test]
fn an_equal_newest_revision_is_taken_unless_it_is_inactive() {
    let equal = |status| Some(revision("web:2", "web:new", "512", status));
    let adopted = plan("web:new", equal("ACTIVE"));
    assert_eq!(
        (&adopted.revisions[0].source, adopted.warnings.len()),
        (&RevisionOrigin::Adopt(arn("web:2")), 0)
    );
    assert_eq!(plan("web:new", equal("INACTIVE")).revisions[0].source, RevisionOrigin::Register);
}

#[test]
fn another_newest_revision_is_left_out_and_told() {
    let plan = plan("web:new", Some(revision("web:2", "web:new", "1024", "ACTIVE")));
    assert_eq!(plan.revisions[0].source, RevisionOrigin::Register);
    assert!(plan.warnings[0].contains("web:2 is newer than the live web:1"), "{:?}", plan.warnings);
}

#[test]
fn a_newest_revision_that_differs_in_the_pipelines_images_alone_is_not_missed() {
    // As after a rollback, or a deployment that failed: the next one brings another image anyway.
    let ours = plan("web:newer", Some(revision("web:2", "web:new", "512", "ACTIVE")));
    assert_eq!((&ours.revisions[0].source, ours.warnings.len()), (&RevisionOrigin::Register, 0));
}

#[test]
fn percentages_that_leave_no_room_to_replace_a_task_are_told_before_the_update() {
    use crate::service::{Room, Scheduler};
    let warnings = |scheduler, desired, minimum, maximum| {
        let mut full = service("web", "web:1");
        full.desired = desired;
        full.strategy.room = Room { minimum, maximum, scheduler };
        let lineage = Lineage { live: revision("web:1", "web:old", "512", "ACTIVE"), newer: None };
        let lineages = BTreeMap::from([(arn("web:1"), lineage)]);
        Plan::new(&request(&["web"], &[("app", "web:new")]), vec![full], &lineages, &BTreeMap::new())
            .unwrap()
            .warnings
    };
    for (scheduler, desired, minimum, maximum, stuck) in [
        (Scheduler::Replica, 2, 100, 100, true),
        (Scheduler::Replica, 1, 100, 150, true),
        (Scheduler::Replica, 2, 100, 150, false),
        (Scheduler::Replica, 2, 50, 100, false),
        (Scheduler::Replica, 1, 50, 100, true),
        (Scheduler::Replica, 1, 0, 100, false),
        (Scheduler::Daemon, 3, 100, 100, true),
        (Scheduler::Daemon, 3, 50, 100, false),
    ] {
        let told = warnings(scheduler, desired, minimum, maximum);
        assert_eq!(told.len(), usize::from(stuck), "{scheduler:?} {desired} {minimum} {maximum}: {told:?}");
        assert!(
            told.iter().all(|it| it.starts_with("the rollout of service web will not end: with minimum"))
        );
    }
}

#[test]
fn services_share_a_planned_revision_as_they_share_a_live_one() {
    let lineages = ["web:1", "api:4"]
        .map(|name| (arn(name), Lineage { live: revision(name, "web:old", "512", "ACTIVE"), newer: None }));
    let services = vec![service("a", "web:1"), service("b", "api:4"), service("c", "web:1")];
    let plan = Plan::new(
        &request(&["a", "b", "c"], &[("app", "web:new")]),
        services,
        &lineages.into(),
        &BTreeMap::new(),
    )
    .unwrap();
    assert_eq!(
        plan.revisions.iter().map(|planned| &planned.base).collect::<Vec<_>>(),
        [&arn("web:1"), &arn("api:4")]
    );
    assert_eq!(plan.services.iter().map(|planned| planned.revision).collect::<Vec<_>>(), [0, 1, 0]);
}

#[test]
fn what_the_user_should_know_is_told_before() {
    let lineages = BTreeMap::from([(
        arn("web:1"),
        Lineage { live: revision("web:1", "web:old", "512", "ACTIVE"), newer: None },
    )]);
    let mut quiet = service("web", "web:1");
    quiet.desired = 0;
    quiet.deployments[0].rollout = RolloutState::InProgress;
    let plan = Plan::new(&request(&["web"], &[("app", "web:new")]), vec![quiet], &lineages, &BTreeMap::new())
        .unwrap();
    assert!(plan.warnings[0].contains("desired count of 0"), "{:?}", plan.warnings);
    assert!(plan.warnings[1].contains("ecs-svc/1 of web:1"), "{:?}", plan.warnings);
}

#[test]
fn an_image_needs_a_container_and_a_service_an_image() {
    let lineages = BTreeMap::from([(
        arn("web:1"),
        Lineage { live: revision("web:1", "web:old", "512", "ACTIVE"), newer: None },
    )]);
    let refused = |images: &[(&str, &str)]| {
        let failure =
            Plan::new(&request(&["web"], images), vec![service("web", "web:1")], &lineages, &BTreeMap::new())
                .unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        failure.to_string()
    };
    let unknown = refused(&[("app", "a:1"), ("sidecar", "b:1")]);
    assert!(unknown.contains("\"sidecar\"") && unknown.contains("app, proxy"), "{unknown}");
    assert!(refused(&[]).contains("no image is given for service web"));
}

#[test]
fn only_services_that_ecs_deploys_are_taken_in_the_order_asked_for() {
    let asked = request(&["b", "a"], &[]);
    let found = |change: fn(&mut Service)| {
        let mut services = vec![service("a", "web:1"), service("b", "web:1")];
        change(&mut services[0]);
        select(&asked, services)
            .map(|services| services.into_iter().map(|service| service.name).collect::<Vec<_>>())
    };
    assert_eq!(found(|_| {}).unwrap(), ["b", "a"]);
    for (change, word) in [
        ((|service| service.name = "other".to_owned()) as fn(&mut Service), "MISSING"),
        (|service| service.active = false, "INACTIVE"),
        (|service| service.controller = Controller::CodeDeploy, "CODE_DEPLOY"),
        (|service| service.controller = Controller::External, "EXTERNAL"),
        (|service| service.controller = Controller::Unknown("NEW".to_owned()), "NEW"),
    ] {
        let failure = found(change).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        assert!(failure.to_string().contains(word), "{failure}");
    }
}
