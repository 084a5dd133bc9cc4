use std::collections::BTreeMap;

use super::*;
use crate::record::Candidate;
use crate::record::Deployed;
use crate::samples;
use crate::variables::{VariableEdits, Variables};

fn arn(revision: u64) -> TaskDefinitionArn {
    samples::arn(&format!("web:{revision}"))
}

/// The record of `live`, a copy of `source`, which is the ancestor.
fn record(source: u64, live: u64) -> Record {
    let by = DeployedBy { kind: "codebuild".to_owned(), id: Some("web:1a2b".to_owned()), url: None };
    let done = Deployed {
        variables: Variables::default(),
        edits: VariableEdits::default(),
        cluster: "prod",
        service: "web",
        revision: &arn(live),
        source: &arn(source),
        images: BTreeMap::from([("app".to_owned(), "web:2".to_owned())]),
        asked: ["app".to_owned()].into(),
        digests: BTreeMap::new(),
        deployment_id: None,
        at: "2026-11-22T00:00:00Z".to_owned(),
        by: &by,
    };
    Record::succeeded(None, done)
}

fn open(record: Record) -> Record {
    let candidate = Candidate {
        variables: Variables::default(),
        given_back: Variables::default(),
        task_definition_arn: None,
        source_task_definition_arn: record.task_definition_arn.clone(),
        base_task_definition_arn: record.base_task_definition_arn.clone(),
        images: BTreeMap::new(),
        expires_at: Some("2026-11-22T01:00:00Z".to_owned()),
        source: Some(DeployedBy { kind: "cli".to_owned(), id: None, url: None }),
        is_over: false,
        unknown: serde_json::Map::new(),
    };
    record.knowing(&[candidate])
}

fn recorded(record: Option<Record>) -> Recorded {
    Recorded { place: "ssm:/web".to_owned(), record, is_missing: false, is_copied_by_live: false }
}

/// What is seen when `live` runs, is the newest, and this is recorded.
fn view(live: u64, record: Option<Record>) -> DriftView {
    DriftView {
        live: arn(live),
        primary: PrimaryState::Completed,
        newest: Some(arn(live)),
        records: vec![recorded(record)],
        scheduled: None,
        terraform: None,
        changes: BTreeMap::new(),
        now: "2026-11-22T00:30:00Z".to_owned(),
    }
}

fn believing(registered: u64, seen: DriftView) -> DriftView {
    DriftView { terraform: Some(Believed { service: None, registered: Some(arn(registered)) }), ..seen }
}

fn kinds(seen: &DriftView) -> Vec<&'static str> {
    differences(seen).into_iter().map(|difference| difference.kind).collect()
}

#[track_caller]
fn is(seen: &DriftView, kind: &str, words: &[&str]) {
    let found = differences(seen);
    let [only] = found.as_slice() else { panic!("{found:?}") };
    let told = format!("{} / {} / {}", only.what, only.who, only.next);
    assert_eq!(only.kind, kind, "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?}: {told}");
    }
}

#[test]
fn what_is_as_it_should_be_is_no_drift() {
    for seen in [
        view(2, Some(record(1, 2))),
        believing(1, view(2, Some(record(1, 2)))),
        // Nothing was deployed yet, and the service is on Terraform's revision.
        believing(1, view(1, None)),
        // After an apply the record tells of the deployment before.
        believing(5, view(5, Some(record(1, 2)))),
    ] {
        assert_eq!(kinds(&seen), Vec::<&str>::new(), "{seen:?}");
    }
}

#[test]
fn a_record_that_is_not_of_what_runs_is_told_with_who_made_it_so() {
    let mut copied = view(3, Some(record(1, 2)));
    copied.records[0].is_copied_by_live = true;
    is(&copied, "not_recorded", &["live is web:3", "tells of web:2", "without --record", "record repair"]);
    let newest = Some(arn(2));
    let back = DriftView { newest: newest.clone(), ..view(1, Some(record(1, 2))) };
    assert_eq!(kinds(&back), ["not_recorded", "unused_revision"]);
    assert!(differences(&back)[0].who.contains("went back to the revision before"));
    let earlier = DriftView { newest: Some(arn(1)), ..view(1, Some(record(2, 3))) };
    is(&earlier, "not_recorded", &["an earlier revision", "deploy again to go forward"]);
    is(&view(9, Some(record(1, 2))), "not_recorded", &["apply of Terraform's", "console", "--tfstate"]);
}

#[test]
fn a_record_in_progress_is_told_by_whether_its_time_is_over() {
    let seen = view(2, Some(open(record(1, 2))));
    is(
        &seen,
        "deployment_in_progress",
        &["until 2026-11-22T01:00:00Z", "codebuild web:1a2b", "record repair"],
    );
    let later = DriftView { now: "2026-11-22T02:00:00Z".to_owned(), ..seen };
    is(&later, "deployment_cut_off", &["was over at 2026-11-22T01:00:00Z", "no plan is made"]);
}

#[test]
fn a_record_that_is_not_there_is_told_and_an_empty_one_is_not() {
    let mut seen = view(1, None);
    assert_eq!(kinds(&seen), Vec::<&str>::new());
    seen.records[0].is_missing = true;
    is(&seen, "record_missing", &["nothing is in ssm:/web", "record init"]);
}

#[test]
fn records_that_do_not_tell_the_same_are_told() {
    let mut seen = view(2, Some(record(1, 2)));
    seen.records.push(Recorded { place: "file:x".to_owned(), ..recorded(None) });
    is(&seen, "records_disagree", &["ssm:/web and file:x", "with all of them"]);
}

#[test]
fn a_rollout_is_told_until_it_has_completed() {
    let seen = |primary| DriftView { primary, ..view(2, Some(record(1, 2))) };
    is(&seen(PrimaryState::GoesOn), "rollout_in_progress", &["the rollout of web:2 goes on"]);
    is(&seen(PrimaryState::Failed), "rollout_failed", &["still on it", "circuit breaker"]);
}

#[test]
fn what_terraform_registered_and_is_not_live_is_told() {
    let seen = believing(4, DriftView { newest: Some(arn(4)), ..view(2, Some(record(1, 2))) });
    is(
        &seen,
        "terraform_not_live",
        &["registered web:4", "web:2, which descends from web:1", "terraform apply"],
    );
}

#[test]
fn what_terraform_does_not_know_is_told() {
    let edited = believing(1, view(9, Some(record(7, 9))));
    is(&edited, "unknown_to_terraform", &["web:9, which descends from web:7", "knows web:1 only", "console"]);
    is(&believing(1, view(7, None)), "unknown_to_terraform", &["live is web:7, and Terraform knows web:1"]);
    // That it was moved and not recorded is told, and not that its ancestor is unknown as well.
    let mut copied = believing(1, view(3, Some(record(1, 2))));
    copied.records[0].is_copied_by_live = true;
    assert_eq!(kinds(&copied), ["not_recorded"]);
}

#[test]
fn a_newer_revision_that_nobody_runs_is_told_with_who_left_it() {
    let seen = DriftView { newest: Some(arn(4)), ..view(2, Some(record(1, 2))) };
    is(&seen, "unused_revision", &["web:4 is newer than the live web:2", "failed and was rolled back"]);
    let during = DriftView { newest: Some(arn(4)), ..view(2, Some(open(record(1, 2)))) };
    assert_eq!(kinds(&during), ["deployment_in_progress", "unused_revision"]);
    assert!(differences(&during)[1].who.contains("the deployment in progress"));
}
