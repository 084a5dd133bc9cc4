use super::*;
use crate::samples;
use crate::variables::{VariableEdits, VariableKind, VariableName, Variables};

fn arn(revision: u64) -> TaskDefinitionArn {
    samples::arn(&format!("web:{revision}"))
}

fn named(images: &[(&str, &str)]) -> BTreeMap<String, String> {
    images.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect()
}

/// What is recorded when `live`, a copy of `source`, is through, whose containers are all asked for.
fn deploy(former: Option<&Record>, source: u64, live: u64, images: &[(&str, &str)]) -> Record {
    let asked: Vec<&str> = images.iter().map(|(name, _)| *name).collect();
    deploy_of(former, source, live, images, &asked)
}

/// The same, where only these containers are asked for.
fn deploy_of(
    former: Option<&Record>,
    source: u64,
    live: u64,
    images: &[(&str, &str)],
    asked: &[&str],
) -> Record {
    let (live, source) = (arn(live), arn(source));
    let by = DeployedBy { kind: "cli".to_owned(), id: None, url: None };
    Record::succeeded(
        former,
        Deployed {
            variables: Variables::default(),
            edits: VariableEdits::default(),
            cluster: "prod",
            service: "web",
            revision: &live,
            source: &source,
            images: named(images),
            asked: asked.iter().map(|name| (*name).to_owned()).collect(),
            digests: named(&[("app", "sha256:1"), ("proxy", "sha256:2")]),
            deployment_id: Some("ecs-svc/1".to_owned()),
            at: "2026-11-22T00:00:00Z".to_owned(),
            by: &by,
        },
    )
}

/// What is under way: a copy of `source` with the base `base` and this image.
fn candidate(revision: Option<u64>, source: u64, base: u64, image: &str) -> Candidate {
    Candidate {
        variables: Variables::default(),
        given_back: Variables::default(),
        task_definition_arn: revision.map(|revision| arn(revision).as_str().to_owned()),
        source_task_definition_arn: arn(source).as_str().to_owned(),
        base_task_definition_arn: arn(base).as_str().to_owned(),
        images: named(&[("app", image)]),
        expires_at: Some("2026-11-22T01:00:00Z".to_owned()),
        source: Some(by("github")),
        is_over: false,
        unknown: Map::new(),
    }
}

fn by(kind: &str) -> DeployedBy {
    DeployedBy { kind: kind.to_owned(), id: None, url: None }
}

fn open(record: &Record, candidate: Candidate) -> Record {
    record.clone().knowing(&[candidate])
}

#[test]
fn a_record_comes_back_as_it_was_written() {
    let record = deploy(None, 1, 2, &[("app", "web:2")]);
    assert_eq!(Record::parse("file:r", &record.to_json()).unwrap(), Some(record.clone()));
    for revision in [None, Some(3)] {
        let open = open(&record, candidate(revision, 2, 1, "web:3"));
        assert_eq!(Record::parse("file:r", &open.to_json()).unwrap(), Some(open));
    }
}

#[test]
fn the_document_is_the_contracts() {
    let written = deploy(None, 1, 2, &[("app", "web:2")]);
    let json: serde_json::Value = serde_json::from_slice(&written.to_json()).unwrap();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "baseTaskDefinitionArn",
            "cluster",
            "deployedAt",
            "deploymentId",
            "digests",
            "family",
            "images",
            "previousTaskDefinitionArn",
            "revision",
            "schema",
            "service",
            "source",
            "status",
            "taskDefinitionArn",
        ]
    );
    assert_eq!((&json["schema"], &json["status"]), (&SCHEMA.into(), &"succeeded".into()));
    let open = open(&written, candidate(None, 2, 1, "web:3"));
    let json: serde_json::Value = serde_json::from_slice(&open.to_json()).unwrap();
    assert_eq!(
        (&json["status"], &json["expiresAt"]),
        (&"in_progress".into(), &"2026-11-22T01:00:00Z".into())
    );
    assert_eq!(
        json["candidate"],
        serde_json::json!({
            "sourceTaskDefinitionArn": arn(2).as_str(),
            "baseTaskDefinitionArn": arn(1).as_str(),
            "images": { "app": "web:3" },
        })
    );
}

#[test]
fn what_is_not_understood_is_refused_and_an_empty_object_is_no_record() {
    assert_eq!(Record::parse("file:r", b" {}\n").unwrap(), None);
    assert_eq!(Record::parse("file:r", EMPTY).unwrap(), None);
    let other = String::from_utf8(deploy(None, 1, 2, &[]).to_json()).unwrap().replace("/v1", "/v2");
    for content in ["", "[]", "null", r#"{"schema": "evenkeel.record/v1"}"#, &other] {
        let failure = Record::parse("file:r", content.as_bytes()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{content}");
        let told = failure.to_string();
        assert!(told.contains("file:r") && told.contains("evenkeel record reset"), "{told}");
    }
}

#[test]
fn a_record_of_another_version_is_refused_by_its_version_whatever_else_is_in_it() {
    for content in [r#"{"schema":"evenkeel.record/v2"}"#, r#"{"schema":"evenkeel.record/v2","revision":"9"}"#]
    {
        let told = Record::parse("file:r", content.as_bytes()).unwrap_err().to_string();
        let why = r#"its schema is "evenkeel.record/v2", not "evenkeel.record/v1""#;
        assert!(told.contains(why) && told.contains("the version of Evenkeel that wrote it"), "{told}");
    }
}

/// Records as they were written by the first version of this format, with what they have to mean for ever.
#[test]
fn records_of_former_versions_mean_what_they_meant() {
    let record = deploy(Some(&deploy(None, 1, 2, &[("app", "web:2")])), 2, 3, &[("app", "web:3")]);
    let over = Candidate { is_over: true, ..candidate(Some(6), 3, 1, "web:6") };
    let marks = [candidate(None, 3, 1, "web:5"), candidate(Some(4), 3, 1, "web:4"), over];
    let open = record.clone().knowing(&marks);
    let succeeded = include_str!("../../../../tests/formats/record-v1/succeeded.json");
    let in_progress = include_str!("../../../../tests/formats/record-v1/in-progress.json");
    for (content, means) in [(succeeded, record), (in_progress, open)] {
        assert_eq!(Record::parse("file:r", content.as_bytes()).unwrap().as_ref(), Some(&means), "{content}");
        let read: serde_json::Value = serde_json::from_str(content).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&means.to_json()).unwrap(), read);
    }
    let empty = include_str!("../../../../tests/formats/record-v1/empty.json");
    assert_eq!(Record::parse("file:r", empty.as_bytes()).unwrap(), None);
}

#[test]
fn the_base_is_the_ancestor_that_we_did_not_make() {
    let first = deploy(None, 1, 2, &[]);
    assert_eq!(first.base_task_definition_arn, arn(1).as_str());
    let second = deploy(Some(&first), 2, 3, &[]);
    assert_eq!(second.base_task_definition_arn, arn(1).as_str(), "a chain keeps it");
    let applied = deploy(Some(&second), 7, 8, &[]);
    assert_eq!(applied.base_task_definition_arn, arn(7).as_str(), "Terraform made 7 live in between");
    let stepped_back = deploy(Some(&second), 2, 9, &[]);
    assert_eq!(stepped_back.base_task_definition_arn, arn(1).as_str(), "somebody went back to our 2");
    let same = deploy(Some(&second), 3, 3, &[]);
    assert_eq!(same.base_task_definition_arn, arn(1).as_str(), "3 was deployed once more");
    assert_eq!(same.previous_task_definition_arn, arn(2).as_str(), "it is still a copy of 2");
}

#[test]
fn the_recorded_revision_stays_as_a_mark_if_another_one_was_live_and_replaced() {
    let second = deploy(Some(&deploy(None, 1, 2, &[])), 2, 3, &[("app", "web:3")]);
    let third = deploy(Some(&second), 3, 4, &[("app", "web:4")]).beside(vec![], &second, &arn(3), None);
    assert_eq!(third.marks().count(), 0, "what the record names was replaced");

    let back = deploy(Some(&second), 2, 2, &[]).beside(vec![], &second, &arn(3), None);
    assert_eq!(back.marks().count(), 0, "a rollback replaced it");

    let expires = "2026-11-22T01:00:00Z";
    let beside = deploy(Some(&second), 7, 8, &[("app", "web:8")]);
    let beside = beside.beside(vec![], &second, &arn(7), Some(expires.to_owned()));
    assert_eq!(beside.status, Status::Succeeded);
    let marks: Vec<_> = beside.marks().collect();
    assert_eq!(marks.len(), 1);
    assert!(marks[0].is(arn(3).as_str()) && marks[0].is_over);
    assert!(!marks[0].is_expired("2026-11-22T00:59:59Z") && marks[0].is_expired(expires));
    assert_eq!(Record::base(Some(&beside), &arn(3)), arn(1).as_str(), "a run that replaced 3 will copy it");
    assert_eq!(Record::base(Some(&beside), &arn(8)), arn(7).as_str());

    let applied = deploy(None, 1, 1, &[]);
    let first = deploy(Some(&applied), 7, 8, &[]).beside(vec![], &applied, &arn(7), None);
    assert_eq!(first.marks().count(), 0, "1 is its own ancestor");
}

#[test]
fn marks_of_ended_deployments_never_make_a_record_too_long_for_a_parameter() {
    let over = |revision| Candidate { is_over: true, ..candidate(Some(revision), 3, 1, "web:6") };
    let short = deploy(None, 1, 2, &[("app", "web:2")]).with_marks((4..20).map(over).collect()).within_room();
    assert!((5..10).contains(&short.marks().count()), "{}", short.marks().count());
    assert!(short.marks().next().is_some_and(|newest| newest.is(arn(4).as_str())), "the oldest are left out");

    let name = "x".repeat(2_500);
    let long = deploy(None, 1, 2, &[("app", &name)]);
    let beside = long.clone().with_marks((4..20).map(over).collect()).within_room();
    let length = serde_json::to_vec(&beside).unwrap().len();
    assert!(length <= 4_050 && beside.marks().count() < short.marks().count(), "{length}");

    let under_way = long.with_marks(vec![candidate(Some(3), 2, 1, "web:3"), over(4)]).within_room();
    assert_eq!(under_way.marks().next().map(|mark| mark.is_over), Some(false), "nobody else knows it");
}

#[test]
fn a_crash_forgets_no_ancestor() {
    let second = deploy(Some(&deploy(None, 1, 2, &[])), 2, 3, &[("app", "web:3")]);
    // The console made 7 live; 8 is our copy of it.
    let at_crash = open(&second, candidate(Some(8), 7, 7, "web:8"));
    for (source, live) in [(7, 9), (8, 9), (8, 8)] {
        let after = deploy(Some(&at_crash), source, live, &[("app", "web:9")]);
        assert_eq!(after.base_task_definition_arn, arn(7).as_str(), "{live}, a copy of {source}");
    }
    let joined = deploy(Some(&at_crash), 8, 8, &[("app", "web:8")]);
    assert_eq!(joined.previous_task_definition_arn, arn(7).as_str());
    let unknown = open(&second, candidate(None, 3, 1, "web:4"));
    assert_eq!(Record::base(Some(&unknown), &arn(4)), arn(4).as_str(), "nobody knows 4 by its name");
    assert_eq!(Record::base(Some(&unknown), &arn(3)), arn(1).as_str());
}

#[test]
fn images_are_those_of_all_containers_that_the_pipeline_owns() {
    let first = deploy(None, 1, 2, &[("app", "web:2"), ("proxy", "envoy:1")]);
    let all = [("app", "web:3"), ("proxy", "envoy:1"), ("agent", "dd:1")];
    let second = deploy_of(Some(&first), 2, 3, &all, &["app"]);
    assert_eq!(second.images, named(&[("app", "web:3"), ("proxy", "envoy:1")]));
    let edited = deploy_of(Some(&second), 7, 8, &[("app", "web:4"), ("proxy", "envoy:9")], &["app"]);
    assert_eq!(edited.images["proxy"], "envoy:9", "what runs, not what ran");
    let gone = deploy_of(Some(&second), 7, 8, &[("app", "web:4")], &["app"]);
    assert_eq!(gone.images, named(&[("app", "web:4")]), "a container that is gone is nobody's");
    assert_eq!(gone.digests, named(&[("app", "sha256:1")]));
    // The interrupted deployment was the first to own the proxy.
    let mut taken = candidate(Some(3), 2, 1, "web:3");
    taken.images = named(&[("proxy", "envoy:2")]);
    let before = deploy(None, 1, 2, &[("app", "web:2")]);
    let after =
        deploy_of(Some(&open(&before, taken)), 3, 4, &[("app", "web:4"), ("proxy", "envoy:2")], &["app"]);
    assert_eq!(after.images, named(&[("app", "web:4"), ("proxy", "envoy:2")]));
}

#[test]
fn what_came_to_nothing_is_put_back_as_it_was() {
    let record = deploy(None, 1, 2, &[("app", "web:2")]);
    let open = open(&record, candidate(Some(3), 2, 1, "web:3"));
    assert_eq!(open.clone().closed(Some(&arn(2))), record);
    assert_eq!(open.clone().closed(Some(&arn(7))), record, "7 is somebody else's");
    assert_eq!(open.closed(None), record);
}

#[test]
fn what_was_under_way_and_runs_is_told_as_deployed() {
    let record = deploy(None, 1, 2, &[("app", "web:2"), ("proxy", "envoy:1")]);
    let closed = open(&record, candidate(Some(3), 2, 1, "web:3")).closed(Some(&arn(3)));
    assert_eq!((closed.status, closed.revision, &closed.candidate), (Status::Succeeded, 3, &None));
    assert_eq!(closed.previous_task_definition_arn, arn(2).as_str());
    assert_eq!(closed.base_task_definition_arn, arn(1).as_str());
    assert_eq!(closed.images, named(&[("app", "web:3"), ("proxy", "envoy:1")]));
    assert_eq!(closed.digests, named(&[("proxy", "sha256:2")]), "those of the image before are none of it");
}

#[test]
fn a_record_is_held_until_its_time_is_over() {
    let record = deploy(None, 1, 2, &[]);
    assert!(!record.is_held("2026-11-22T00:00:00Z"));
    let open = open(&record, candidate(None, 2, 1, "web:3"));
    assert!(open.is_held("2026-11-22T00:59:59Z"));
    assert!(!open.is_held("2026-11-22T01:00:00Z"));
    assert!(Record { expires_at: None, ..open }.is_held("2026-11-22T01:00:00Z"));
}

#[test]
fn the_same_deployment_is_told_by_what_runs_and_not_by_when() {
    let record = deploy(None, 1, 2, &[("app", "web:2")]);
    let later = Record { deployed_at: "2027-01-01T00:00:00Z".to_owned(), ..record.clone() };
    assert!(record.tells_the_same(&later));
    assert!(!record.tells_the_same(&deploy(None, 1, 3, &[("app", "web:2")])));
    assert!(!record.tells_the_same(&deploy(None, 1, 2, &[("app", "web:9")])));
    assert!(!record.tells_the_same(&open(&record, candidate(None, 2, 1, "web:3"))));
}

#[test]
fn what_was_given_back_is_not_owned_again_by_an_older_mark() {
    let a =
        VariableName { container: "app".to_owned(), kind: VariableKind::Environment, name: "A".to_owned() };
    let set: Variables = [(a.clone(), Some("1".to_owned()))].into_iter().collect();
    let older = Candidate { variables: set, is_over: true, ..candidate(Some(4), 3, 1, "app:4") };
    let mut recorded = deploy(None, 4, 5, &[("app", "app:5")]);
    recorded.base_task_definition_arn = arn(1).as_str().to_owned();
    let recorded = recorded.with_marks(vec![older]);
    assert!(recorded.variables_through(arn(5).as_str(), arn(5).as_str()).is_empty(), "the record decides");
    assert!(recorded.variables_through(arn(4).as_str(), arn(4).as_str()).has(&a));

    let next = deploy(Some(&recorded), 6, 7, &[("app", "app:7")]);
    let next = next.beside(recorded.whole_marks(), &recorded, &arn(6), None);
    assert!(next.mark_of(arn(5).as_str()).is_some());
    assert!(next.variables_through(arn(5).as_str(), arn(5).as_str()).is_empty(), "its mark says so as well");
}
