use serde_json::{Value, json};

use super::*;
use crate::task_definition::Revision;

fn definition(container: &Value) -> TaskDefinition {
    let mut app = json!({ "name": "app", "image": "registry.example.com/shop/web:4f2a9c1d" });
    app.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
    let described = json!({ "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
        "status": "ACTIVE", "family": "web", "containerDefinitions": [app],
    } });
    Revision::from_describe(described.to_string().as_bytes()).unwrap().definition
}

/// The text as it is shown when a container has these variables.
fn hidden(values: &[&str], text: &str) -> String {
    let variable = |(at, value): (usize, &&str)| json!({ "name": format!("V{at}"), "value": value });
    let environment: Vec<Value> = values.iter().enumerate().map(variable).collect();
    let mut secrets = Secrets::default();
    secrets.learn(&definition(&json!({ "environment": environment })));
    secrets.hide(text).into_owned()
}

const URL: &str = "postgres://shop:hunter22@db.internal.example:5432/shop";

#[test]
fn values_that_hold_one_another_are_hidden_at_once() {
    let values = ["db.internal.example", URL];
    for text in [URL, "db.internal.example", "db.internal.exampledb.internal.example"] {
        assert_eq!(hidden(&values, &format!("at {text}: refused")), "at (hidden): refused");
    }
    // The end of one is the beginning of the other.
    assert_eq!(hidden(&["first-0123456789", "0123456789-last"], "first-0123456789-last"), "(hidden)");
}

#[test]
fn a_value_that_is_cut_is_hidden_from_eight_characters_on() {
    for (shown, told) in [
        ("kJ8#pQ2x", "(hidden)"),
        ("kJ8#pQ2xZ", "(hidden)"),
        ("kJ8#pQ2x…", "(hidden)…"),
        ("\"kJ8#pQ2xZv\" is", "\"(hidden)\" is"),
        ("kJ8#pQ2xkJ8#pQ2xZv", "(hidden)"),
        ("kJ8#pQ2", "kJ8#pQ2"),
    ] {
        assert_eq!(hidden(&["kJ8#pQ2xZv5!mN7w"], shown), told);
    }
    assert_eq!(hidden(&["größenwahnsinnig"], "größenwa"), "(hidden)");
    // The text goes on with another character that begins with the same byte.
    assert_eq!(hidden(&["abcdefghä"], "abcdefghö"), "(hidden)ö");
}

#[test]
fn the_beginning_of_an_address_says_nothing_and_stays() {
    let told =
        hidden(&["https://hooks.example/T0KEN"], "GET https://aws.example: see https://hooks.example/T0K");
    assert_eq!(told, "GET https://aws.example: see (hidden)");
    let told =
        hidden(&["registry.example.com/private"], "pull of registry.example.com/shop/web:4f2a9c1d failed");
    assert_eq!(told, "pull of registry.example.com/shop/web:4f2a9c1d failed");
}

#[test]
fn a_value_of_several_lines_is_hidden_line_by_line() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\r\n  kqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n";
    for key in [key.to_owned(), key.replace('\n', "\\n")] {
        for line in ["MIIEvQIBADANBg", "kqhkiG9w0BAQEF", "MIIEvQIB"] {
            assert_eq!(hidden(&[&key], &format!("key: {line}.")), "key: (hidden).", "{key:?}");
        }
        assert_eq!(hidden(&[&key], "-----END PRIVATE KEY-----"), "-----END PRIVATE KEY-----");
        for whole in [key.clone(), json!(key).to_string(), format!("{key:?}")] {
            assert!(!hidden(&[&key], &whole).contains("MIIE"), "{whole}");
        }
    }
}

#[test]
fn a_value_is_hidden_however_it_is_escaped() {
    let value = "p<&>\"q\\/é\tä 100%+k=v";
    let json = json!(value).to_string();
    for escaped in [
        value.to_owned(),
        json.clone(),
        json!(json).to_string(),
        r#"p\u003c\u0026\u003e\"q\\/é\tä 100%+k=v"#.to_owned(),
        r#"p<&>\"q\\/\u00e9\t\u00e4 100%+k=v"#.to_owned(),
        r#"p<&>\"q\\\/\u00e9\t\u00e4 100%+k=v"#.to_owned(),
        "p%3C%26%3E%22q%5C%2F%C3%A9%09%C3%A4%20100%25%2Bk%3Dv".to_owned(),
        "p%3c%26%3e%22q%5c%2f%c3%a9%09%c3%a4%20100%25%2bk%3dv".to_owned(),
        "p%3C%26%3E%22q%5C%2F%C3%A9%09%C3%A4+100%25%2Bk%3Dv".to_owned(),
    ] {
        let quoted = escaped.trim_matches(['"', '\\']);
        assert_eq!(hidden(&[value], &format!("[{quoted}]")), "[(hidden)]");
    }
}

#[test]
fn short_and_well_known_values_are_not_secret() {
    let known = [
        "essential",
        "eu-west-1",
        "eu-central-1",
        "4f2a9c1d",
        "production",
        "INFORMATION",
        "http://localhost:",
        "a",
    ];
    let told = "Essential container in task exited (app exited with 1) in eu-west-1: web:4f2a9c1d essential";
    assert_eq!(hidden(&known, told), told);
    // The Region as the beginning of a secret is no secret, and what follows is one.
    assert_eq!(hidden(&["eu-west-1-s3cret"], "eu-west-1 eu-west-1-s3cret"), "eu-west-1 (hidden)");
}

#[test]
fn all_that_a_plan_hides_is_secret_and_nothing_that_it_shows() {
    let secret = "kJ8#pQ2xZv5!";
    for member in [
        json!({ "command": ["serve", format!("--token={secret}")] }),
        json!({ "entryPoint": [secret] }),
        json!({ "environment": [{ "name": "A", "value": secret }] }),
        json!({ "environment": [{ "value": secret }] }),
        json!({ "environment": { "A": secret } }),
        json!({ "dockerLabels": { "traefik.auth": secret } }),
        json!({ "healthCheck": { "command": ["CMD-SHELL", format!("curl -u x:{secret} localhost")] } }),
        json!({ "logConfiguration": { "logDriver": "splunk", "options": { "splunk-token": secret } } }),
        json!({ "firelensConfiguration": { "options": { "x": secret } } }),
    ] {
        let mut secrets = Secrets::default();
        let definition = definition(&member);
        secrets.learn(&definition);
        let value = texts(&definition).hidden.into_iter().find(|value| value.contains(secret)).unwrap();
        assert_eq!(secrets.hide(&value), "(hidden)", "{member}");
    }
    let mut secrets = Secrets::default();
    secrets.learn(&definition(&json!({
        "secrets": [{ "name": "DATABASE_URL", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db" }],
        "environment": [{ "name": "PARAMETER", "value": "parameter/shop/db" }],
        "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "/shop/web/production" } },
    })));
    let told = "DATABASE_URL from parameter/shop/db, log in /shop/web/production";
    assert_eq!(secrets.hide(told), told);
}

#[test]
fn a_failure_keeps_its_kind_and_shows_no_value() {
    use crate::failure::FailureKind;
    let mut secrets = Secrets::default();
    secrets.learn(&definition(&json!({ "command": ["--password=hunter22"] })));
    let failure = Failure::new(FailureKind::InvalidInput, "RegisterTaskDefinition of web failed")
        .because("ClientException: invalid value '--password=hunter22'")
        .advice("Correct --password=hunter22");
    let told = secrets.hide_failure(failure);
    assert_eq!(told.kind(), FailureKind::InvalidInput);
    assert_eq!(
        told.to_string(),
        "RegisterTaskDefinition of web failed: ClientException: invalid value '(hidden)'. Correct (hidden)"
    );
    assert!(!format!("{told:?} {secrets:?}").contains("hunter22"));
}
