use super::*;
use crate::domain::samples;

fn arn(revision: u64) -> TaskDefinitionArn {
    samples::arn(&format!("web:{revision}"))
}

/// What is recorded when `live` replaced `previous` with these images.
fn deploy(former: Option<&Record>, previous: u64, live: u64, images: &[(&str, &str)]) -> Record {
    let (live, previous) = (arn(live), arn(previous));
    let source = Source { kind: "cli".to_owned(), id: None, url: None };
    Record::succeeded(
        former,
        Deployed {
            cluster: "prod",
            service: "web",
            revision: &live,
            previous: &previous,
            images: images.iter().map(|(name, image)| ((*name).to_owned(), (*image).to_owned())).collect(),
            digests: BTreeMap::new(),
            deployment_id: Some("ecs-svc/1".to_owned()),
            at: "2026-11-22T00:00:00Z".to_owned(),
            source: &source,
        },
    )
}

#[test]
fn a_record_comes_back_as_it_was_written() {
    let record = deploy(None, 1, 2, &[("app", "web:2")]);
    assert_eq!(Record::parse("file:r", &record.to_json()).unwrap(), Some(record.clone()));
    let open = record.in_progress(&arn(3), "2026-11-22T01:00:00Z".to_owned());
    assert_eq!(Record::parse("file:r", &open.to_json()).unwrap(), Some(open));
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
    let open = written.in_progress(&arn(3), "2026-11-22T01:00:00Z".to_owned());
    let json: serde_json::Value = serde_json::from_slice(&open.to_json()).unwrap();
    assert_eq!(
        (&json["status"], &json["expiresAt"]),
        (&"in_progress".into(), &"2026-11-22T01:00:00Z".into())
    );
}

#[test]
fn what_is_not_understood_is_refused_and_an_empty_object_is_no_record() {
    assert_eq!(Record::parse("file:r", b" {}\n").unwrap(), None);
    let other = String::from_utf8(deploy(None, 1, 2, &[]).to_json()).unwrap().replace("/v1", "/v2");
    for content in ["", "[]", "null", r#"{"schema": "evenkeel.record/v1"}"#, &other] {
        let failure = Record::parse("file:r", content.as_bytes()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{content}");
        assert!(failure.to_string().contains("file:r"), "{failure}");
    }
}

#[test]
fn the_base_is_the_ancestor_that_we_did_not_make() {
    let first = deploy(None, 1, 2, &[]);
    assert_eq!(first.base_task_definition_arn, arn(1).as_str());
    let second = deploy(Some(&first), 2, 3, &[]);
    assert_eq!(second.base_task_definition_arn, arn(1).as_str(), "a chain keeps it");
    let applied = deploy(Some(&second), 7, 8, &[]);
    assert_eq!(applied.base_task_definition_arn, arn(7).as_str(), "Terraform made 7 live in between");
    let open = second.in_progress(&arn(4), String::new());
    let after_crash = deploy(Some(&open), 4, 4, &[]);
    assert_eq!(after_crash.base_task_definition_arn, arn(1).as_str(), "4 is ours: it was under way");
}

#[test]
fn images_of_containers_that_were_not_named_stay() {
    let first = deploy(None, 1, 2, &[("app", "web:2"), ("proxy", "envoy:1")]);
    let second = deploy(Some(&first), 2, 3, &[("app", "web:3")]);
    assert_eq!(second.images["app"], "web:3");
    assert_eq!(second.images["proxy"], "envoy:1");
}

#[test]
fn what_came_to_nothing_is_put_back_as_it_was() {
    let record = deploy(None, 1, 2, &[("app", "web:2")]);
    assert_eq!(record.clone().in_progress(&arn(3), "soon".to_owned()).put_back(), record);
}

#[test]
fn the_same_deployment_is_told_by_what_runs_and_not_by_when() {
    let record = deploy(None, 1, 2, &[("app", "web:2")]);
    let later = Record { deployed_at: "2027-01-01T00:00:00Z".to_owned(), ..record.clone() };
    assert!(record.tells_the_same(&later));
    assert!(!record.tells_the_same(&deploy(None, 1, 3, &[("app", "web:2")])));
    assert!(!record.tells_the_same(&deploy(None, 1, 2, &[("app", "web:9")])));
    assert!(!record.tells_the_same(&record.clone().in_progress(&arn(3), String::new())));
}
