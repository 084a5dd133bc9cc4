use serde_json::{Value, json};

use super::*;
use crate::failure::FailureKind;
use crate::task_definition::{Revision, TaskDefinition};

fn revision(container: &Value) -> Revision {
    let mut container = container.clone();
    container["name"] = "app".into();
    let described = json!({ "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3",
        "status": "ACTIVE", "family": "web", "containerDefinitions": [container, { "name": "proxy" }],
    }});
    Revision::from_describe(described.to_string().as_bytes()).unwrap()
}

/// The `app` container of the copy.
fn edited(container: Value, edits: &VariableEdits) -> Value {
    let copy = revision(&container).definition.with_variables(edits);
    let mut copy: Value = serde_json::from_slice(&copy.to_json()).unwrap();
    let mut container = copy["containerDefinitions"][0].take();
    container.as_object_mut().unwrap().remove("name");
    container
}

fn variables(value: Value) -> Variables {
    serde_json::from_value(value).unwrap()
}

fn set(value: Value) -> VariableEdits {
    VariableEdits { set: variables(value), given_back: Variables::default() }
}

fn env(name: &str) -> VariableName {
    VariableName { container: "app".to_owned(), kind: VariableKind::Environment, name: name.to_owned() }
}

#[test]
fn variables_are_json_by_container_member_and_name_and_an_unknown_kind_is_not_read() {
    let all = json!({
        "app": { "environment": { "A": "1", "OLD": null }, "secrets": { "T": "/t" }, "dockerLabels": { "x.y": "" } },
        "proxy": { "environment": { "A": "2" } },
    });
    assert_eq!(json!(variables(all.clone())), all);
    assert_eq!(json!(Variables::default()), json!({}));
    let unknown = serde_json::from_value::<Variables>(json!({ "app": { "ulimits": { "a": "b" } } }));
    assert!(unknown.unwrap_err().to_string().contains("ulimits"));
}

#[test]
fn a_variable_is_set_in_its_place_or_at_the_end_and_all_else_stays() {
    let before = json!({
        "image": "web:1",
        "environment": [{ "name": "B", "value": "b", "later": 1.50 }, { "name": "A", "value": "a" }],
        "secrets": [{ "name": "T", "valueFrom": "/t" }],
        "dockerLabels": { "z": "1", "a": "2" },
        "memory": 12_345_678_901_234_567_890_u64,
    });
    let edits = set(json!({ "app": {
        "environment": { "B": "new", "N": "n" }, "secrets": { "S": "/s" }, "dockerLabels": { "z": "3", "n": "4" },
    }}));
    let after = json!({
        "image": "web:1",
        "environment": [
            { "name": "B", "value": "new", "later": 1.50 }, { "name": "A", "value": "a" }, { "name": "N", "value": "n" },
        ],
        "secrets": [{ "name": "T", "valueFrom": "/t" }, { "name": "S", "valueFrom": "/s" }],
        "dockerLabels": { "z": "3", "a": "2", "n": "4" },
        "memory": 12_345_678_901_234_567_890_u64,
    });
    assert_eq!(edited(before.clone(), &edits), after);
    assert_eq!(edited(before.clone(), &VariableEdits::default()), before);
    assert_eq!(edited(before.clone(), &set(json!({ "other": { "environment": { "B": "x" } } }))), before);
    let made = json!({ "environment": [{ "name": "A", "value": "" }], "dockerLabels": { "l": "1" } });
    let edits = set(json!({ "app": { "environment": { "A": "" }, "dockerLabels": { "l": "1" } } }));
    for before in
        [json!({}), json!({ "environment": null, "dockerLabels": null }), json!({ "environment": [] })]
    {
        assert_eq!(edited(before, &edits), made);
    }
}

#[test]
fn a_secret_takes_the_place_of_the_variable_of_its_name_and_gives_it_back() {
    let before = json!({ "environment": [{ "name": "T", "value": "plain" }, { "name": "A", "value": "a" }], "secrets": [] });
    let secret = set(json!({ "app": { "secrets": { "T": "/t" } } }));
    let after = json!({
        "environment": [{ "name": "A", "value": "a" }], "secrets": [{ "name": "T", "valueFrom": "/t" }],
    });
    assert_eq!(edited(before.clone(), &secret), after);
    let mut owned = variables(json!({ "app": { "environment": { "T": "plain" } } }));
    owned = secret.owned_after(owned);
    assert_eq!(json!(owned), json!({ "app": { "secrets": { "T": "/t" } } }));

    let mut changes = VariableChanges::default();
    changes.unassign(VariableKind::Secret, "app:T").unwrap();
    let (live, ancestor) = (revision(&after), revision(&before));
    let back = changes.edits(&live.definition, Ownership::Known(&owned), Some(&ancestor.definition));
    let returned = edited(after, &back);
    let list = [json!({ "name": "A", "value": "a" }), json!({ "name": "T", "value": "plain" })];
    assert_eq!(returned, json!({ "environment": list, "secrets": [] }));
    assert!(back.owned_after(owned).is_empty());
}

#[test]
fn what_the_ancestor_lacks_is_removed_and_what_is_not_owned_is_not_given_back() {
    let live = revision(&json!({
        "environment": [{ "name": "A", "value": "2" }, { "name": "N", "value": "1" }], "dockerLabels": { "l": "1" },
    }));
    let ancestor = revision(&json!({ "environment": [{ "name": "A", "value": "1" }] }));
    let owned =
        variables(json!({ "app": { "environment": { "A": "2", "N": "1" }, "dockerLabels": { "l": "1" } } }));
    let mut changes = VariableChanges::default();
    for name in ["app:A", "app:N", "app:OTHER"] {
        changes.unassign(VariableKind::Environment, name).unwrap();
    }
    changes.unassign(VariableKind::Label, "app:l").unwrap();
    let edits = changes.edits(&live.definition, Ownership::Known(&owned), Some(&ancestor.definition));
    let copy = live.definition.with_variables(&edits);
    assert_eq!(json!(copy.variables()), json!({ "app": { "environment": { "A": "1" } } }));
    assert!(!edits.has(&env("OTHER")));
    let names: Vec<_> = changes.owned_unset(Ownership::Known(&owned)).map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "environment variable A of container app",
            "environment variable N of container app",
            "label l of container app"
        ]
    );
    assert!(changes.owned_unset(Ownership::Unknown).next().is_none());
}

#[test]
fn a_rollback_finds_each_owned_name_as_the_kind_that_it_has_there() {
    let owned =
        variables(json!({ "app": { "secrets": { "T": "/t", "GONE": "/g" }, "environment": { "A": "2" } } }));
    let there = variables(json!({ "app": { "environment": { "T": "plain", "A": "1", "OTHER": "x" } } }));
    assert_eq!(
        json!(owned.as_in(&there)),
        json!({ "app": { "environment": { "T": "plain", "A": "1" }, "secrets": { "GONE": null } } })
    );
}

fn refused(options: &[(VariableKind, bool, &str)]) -> (FailureKind, String) {
    let mut changes = VariableChanges::default();
    for (kind, is_set, text) in options {
        let done = if *is_set { changes.assign(*kind, text) } else { changes.unassign(*kind, text) };
        if let Err(failure) = done {
            return (failure.kind(), failure.to_string());
        }
    }
    panic!("taken: {options:?}");
}

#[test]
fn what_cannot_be_set_says_why_and_never_shows_the_value() {
    use VariableKind::{Environment, Label, Secret};
    for (options, kind, words) in [
        (&[(Environment, true, "app:A")][..], FailureKind::Usage, "a value of --set-env sets nothing"),
        (&[(Environment, true, "A=hidden")], FailureKind::Usage, "a value of --set-env names no container"),
        (
            &[(Environment, true, ":A=hidden")],
            FailureKind::Usage,
            "--set-env names \"\", which is no container",
        ),
        (&[(Label, true, "app:=hidden")], FailureKind::Usage, "--set-label app: has no name that can be set"),
        (&[(Environment, false, "app:A=hidden")], FailureKind::Usage, "a value of --unset-env has an `=`"),
        (&[(Secret, false, "A")], FailureKind::Usage, "a value of --unset-secret names no container"),
        (
            &[(Environment, true, "app:A=1"), (Environment, true, "app:A=hidden")],
            FailureKind::InvalidInput,
            "the environment variable A of container app is given twice",
        ),
        (
            &[(Environment, true, "app:A=1"), (Environment, false, "app:A")],
            FailureKind::InvalidInput,
            "the environment variable A of container app is given twice",
        ),
        (
            &[(Environment, true, "app:A=1"), (Secret, true, "app:A=/hidden")],
            FailureKind::InvalidInput,
            "the secret A of container app is also given as the environment variable A of container app",
        ),
        (
            &[(Environment, true, "app:URL=postgres://app:hidden@db/x")],
            FailureKind::InvalidInput,
            "the value of the environment variable URL of container app looks like a secret: it has a URL with a password",
        ),
        (
            &[(Label, true, "app:l=ghp_hiddenhiddenhiddenhiddenhidden")],
            FailureKind::InvalidInput,
            "the value of the label l of container app looks like a secret: it begins as an access token",
        ),
        (
            &[(Secret, true, "app:T=hidden hidden")],
            FailureKind::InvalidInput,
            "the value of the secret T of container app refers to no secret",
        ),
        (
            &[(Secret, true, "app:T=arn:aws:s3:::hidden")],
            FailureKind::InvalidInput,
            "the value of the secret T of container app refers to no secret",
        ),
    ] {
        let (found, message) = refused(options);
        assert_eq!(found, kind, "{message}");
        assert!(message.starts_with(words) && !message.contains("hidden"), "{message}");
    }
}

#[test]
fn a_reference_to_a_secret_is_taken_in_each_form_that_ecs_knows() {
    for reference in [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:password:AWSCURRENT:",
        "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/shop/token",
        "/shop/token",
        "token",
    ] {
        let mut changes = VariableChanges::default();
        changes.assign(VariableKind::Secret, &format!("app:T={reference}")).unwrap();
        assert!(changes.set.iter().all(|(_, value)| value == Some(reference)));
    }
}

#[test]
fn what_the_live_revision_has_needs_ownership_or_to_be_taken_over() {
    let live =
        revision(&json!({ "environment": [{ "name": "A", "value": "1" }, { "name": "T", "value": "x" }] }));
    let none = Variables::default();
    let asked = |kind, text: &str| {
        let mut changes = VariableChanges::default();
        changes.assign(kind, text).unwrap();
        changes
    };
    let refuse = |changes: &VariableChanges, owned: Ownership<'_>| {
        changes.refuse_unowned("web", &live, owned).map_err(|failure| failure.to_string())
    };
    // Also with the very value, and also as a secret.
    let same = asked(VariableKind::Environment, "app:A=1");
    let told = refuse(&same, Ownership::Known(&none)).unwrap_err();
    assert_eq!(
        told,
        "the environment variable A of container app of service web is not set: web:3, which runs, has the environment \
         variable A of container app already, and by the record the pipeline does not own it. Give --take-over if the \
         pipeline is to own it from now on, and remove it from what else sets it, as Terraform's configuration; nothing \
         was changed"
    );
    let unknown = refuse(&same, Ownership::Unknown).unwrap_err();
    assert!(unknown.contains("--record") && unknown.contains("--take-over"), "{unknown}");
    let secret = asked(VariableKind::Secret, "app:T=/t");
    let told = refuse(&secret, Ownership::Known(&none)).unwrap_err();
    assert!(told.starts_with("the secret T of") && told.contains("has the environment variable T"), "{told}");

    let owned = variables(json!({ "app": { "environment": { "A": null, "T": "x" } } }));
    assert_eq!(refuse(&same, Ownership::Known(&owned)), Ok(()));
    assert_eq!(refuse(&secret, Ownership::Known(&owned)), Ok(()));
    assert_eq!(refuse(&asked(VariableKind::Environment, "app:NEW=1"), Ownership::Unknown), Ok(()));
    let over = VariableChanges { take_over: true, ..same };
    assert_eq!(refuse(&over, Ownership::Unknown), Ok(()));
}

#[test]
fn no_debug_output_shows_a_value() {
    let definition: TaskDefinition =
        revision(&json!({ "environment": [{ "name": "A", "value": "s3cret" }] })).definition;
    let shown = format!("{:?}", definition.variables());
    assert_eq!(shown, r#"{"environment variable A of container app"}"#);
}
