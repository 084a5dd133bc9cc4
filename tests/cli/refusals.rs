//! What is refused before anything changes: usage, input, permission, files.

use evenkeel_sandbox::FaultKind;
use serde_json::json;

use crate::world::{APP_NEW, Account, DEPLOY, Ended, SECRETS};

#[test]
fn wrong_usage_is_2_with_a_document() {
    let account = Account::new();
    for (arguments, word) in [
        (&["deploy", "--output", "json", "--cluster", "prod"][..], "--service"),
        (&["deploy", "--output=json", "--service", "web"], "--cluster"),
        (&["deploy", "--output", "json", "--frobnicate"], "--frobnicate"),
        (&["plan", "--output", "json", "--service", "web"], "--cluster"),
        (&["live", "--output", "json", "--service", "web"], "--cluster"),
        (&["watch", "--output", "json", "--service", "web"], "--cluster"),
        (&["run", "--output", "json", "--service", "web"], "--cluster"),
    ] {
        let ended = account.run(arguments);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert_eq!(ended.document()["failure"]["kind"], "usage");
        assert!(ended.stderr.contains(word), "{ended:?}");
    }
    for (option, value) in [
        ("--timeout", "soon"),
        ("--poll", "5s..1s"),
        ("--poll", "0s"),
        ("--on-failure", "retry"),
        ("--max-task-failures", "many"),
        ("--external-id", "x"),
    ] {
        let ended = account.deploy(&[option, value]);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(option), "{ended:?}");
    }
    let range = account.deploy(&["--poll", "2s..15s"]);
    assert!(range.stderr.contains("it is one time and no range: give 2s"), "{range:?}");
    let range = account.run(&["worker", "--poll", "5s..15s"]);
    assert_eq!(range.status, Some(2), "{range:?}");
    assert!(range.stderr.contains("it is one time and no range: give 5s"), "{range:?}");
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn a_record_that_cannot_be_kept_is_2() {
    let account = Account::new();
    for (record, words) in [
        ("gs://bucket/key", ["\"gs://bucket/key\" names no place", "s3://BUCKET/KEY"]),
        ("s3://bucket", ["key is missing", "Give s3://BUCKET/KEY"]),
        ("s3://bucket/key?sse=aws", ["sse is AES256, aws:kms", "s3://BUCKET/KEY?sse=aws:kms&kms-key-id=KEY"]),
        ("ssm:web", ["begins with a slash", "ssm:/deploy/web/record"]),
        ("tfvars:x.tfvars", ["*.tfvars.json", "evenkeel.auto.tfvars.json"]),
        ("file:a,file:a", ["file:a is given twice", "each place once"]),
        ("ssm:/deploy/{svc}/record", ["{svc} is not a placeholder", "Write {cluster} or {service}"]),
        ("ssm:/{service}", ["\"ssm:/aws-web\" names no place", "neither with aws nor with ssm"]),
    ] {
        let service = if record == "ssm:/{service}" { "aws-web" } else { "web" };
        let typed =
            ["deploy", "--cluster", "prod", "--service", service, "--image", APP_NEW, "--record", record];
        let ended = account.run(&[&typed[..], &["--output", "json"]].concat());
        ended.is(2, "failed", Some("usage"), &words);
    }
    let shared = account.deploy(&["--service", "api", "--record", "file:record.json"]);
    let words = ["the record file:record.json was given for 2 services", "Write {service} in its name"];
    shared.is(2, "failed", Some("usage"), &words);
    let planned = account.deploy(&["--service", "api", "--record", "file:record.json", "--dry-run"]);
    assert!(planned.status == Some(2) && planned.stderr.contains(words[0]), "{planned:?}");
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn help_and_version_are_0_on_standard_output() {
    let account = Account::new();
    let version = account.run(&["--version"]);
    assert_eq!((version.status, version.stdout.starts_with("evenkeel ")), (Some(0), true), "{version:?}");
    let help = account.run(&["deploy", "--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("--image-definitions"), "{help:?}");
}

#[test]
fn malformed_image_definitions_are_3_with_the_place() {
    let account = Account::new();
    account.file("imagedefinitions.json", "[\n  {\"name\": \"app\"}\n]\n");
    let words = ["imagedefinitions.json:2:3", "entry 1", "imageUri"];
    account.run(&DEPLOY).is(3, "failed", Some("invalid_input"), &words);
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn an_image_that_nothing_can_pull_is_3_before_any_call() {
    let account = Account::new();
    for (image, words) in [
        (":4f2a9c1", ["has no repository before its tag", "Was the variable for the repository set?"]),
        ("https://r.example/web:1", ["begins with https://", "Write r.example/web:1"]),
        ("ghcr.io/Org/App:1", ["has capital letters in its repository", "Write ghcr.io/org/app:1"]),
        (
            "123456789012.dkr.ecr..amazonaws.com/app:1",
            ["names no Region", "Was the variable for the Region set?"],
        ),
        ("123456789012.dkr.ecr.eu_west_1.amazonaws.com/app:1", ["\"eu_west_1\" as the Region", "REGION"]),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/:1",
            ["names no repository", "variable for the repository"],
        ),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1", ["the repository \"a\"", "2 to 256 characters"]),
    ] {
        let ended = account.deploy(&["--image", &format!("app={image}")]);
        ended.is(3, "failed", Some("invalid_input"), &words);
        let definitions = format!(r#"[{{"name":"app","imageUri":"{image}"}}]"#);
        account.file("imagedefinitions.json", &definitions);
        account.run(&DEPLOY).is(3, "failed", Some("invalid_input"), &words);
        assert!(!ended.stderr.contains("?."), "{ended:?}");
    }
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn a_file_that_is_probably_meant_is_named() {
    let account = Account::new();
    account.file("imageDefinitions.json", "[]");
    let words = ["imagedefinitions.json cannot be read", "There is imageDefinitions.json"];
    account.run(&DEPLOY).is(5, "failed", Some("unreadable"), &words);
}

#[test]
fn an_unknown_container_is_3_and_changes_nothing() {
    let account = Account::new();
    let words = ["\"sidecar\"", "service web", "app, proxy", "nothing was changed"];
    account.deploy(&["--image", "sidecar=envoy:2"]).is(3, "failed", Some("invalid_input"), &words);
    assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (0, 0));
}

#[test]
fn a_missing_service_or_cluster_is_3() {
    let account = Account::new();
    for (cluster, service, words) in [
        ("prod", "nope", &["service nope", "cluster prod", "MISSING"][..]),
        ("nope", "web", &["cluster nope", "ClusterNotFoundException"]),
        ("prod", "a/b", &["\"a/b\" is not a service"]),
    ] {
        let arguments =
            ["deploy", "--cluster", cluster, "--service", service, "--image", APP_NEW, "--output", "json"];
        account.run(&arguments).is(3, "failed", Some("invalid_input"), words);
    }
}

#[test]
fn a_controller_that_is_not_ecs_is_3() {
    let account = Account::with_service(json!({ "deploymentController": { "type": "CODE_DEPLOY" } }));
    account.deploy(&[]).is(3, "failed", Some("invalid_input"), &["CODE_DEPLOY", "AWS CodeDeploy"]);
    assert_eq!(account.effects("RegisterTaskDefinition"), 0);
}

#[test]
fn no_region_is_3() {
    let account = Account::new();
    let arguments = [&DEPLOY[..], &["--image", APP_NEW]].concat();
    let output = account.command(&arguments).env_remove("AWS_REGION").output().unwrap();
    Ended::of(output).is(3, "failed", Some("invalid_input"), &["Region", "--region"]);
}

#[test]
fn a_clusters_arn_names_the_region() {
    let account = Account::new();
    let arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
    let arguments = ["deploy", "--cluster", arn, "--service", "web", "--image", APP_NEW, "--output", "json"];
    let output = account.command(&arguments).env_remove("AWS_REGION").output().unwrap();
    Ended::of(output).is(0, "deployed", None, &[]);
}

#[test]
fn denied_is_4_at_each_call() {
    for operation in ["DescribeServices", "DescribeTaskDefinition", "RegisterTaskDefinition", "UpdateService"]
    {
        for kind in [FaultKind::Denied, FaultKind::ExpiredToken] {
            let account = Account::new();
            account.always(operation, kind);
            account.deploy(&[]).is(4, "failed", Some("denied"), &[operation]);
            assert_eq!(account.effects("UpdateService"), 0);
        }
    }
}

#[test]
fn no_credentials_are_4() {
    let account = Account::new();
    let arguments = [&DEPLOY[..], &["--image", APP_NEW]].concat();
    let output = account
        .command(&arguments)
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .output()
        .unwrap();
    Ended::of(output).is(4, "failed", Some("denied"), &["credentials"]);
}

#[test]
fn a_missing_file_is_5() {
    let account = Account::new();
    let words = ["imagedefinitions.json", "No such file", "--image-definitions"];
    account.run(&DEPLOY).is(5, "failed", Some("unreadable"), &words);
    account.file("record.json", "");
    let record = account.deploy(&["--record", "file:/no/such/folder/record.json"]);
    record.is(5, "failed", Some("unreadable"), &["/no/such/folder/record.json"]);
    assert_eq!(account.effects("UpdateService"), 0);
}

#[test]
fn a_role_is_assumed_with_its_external_id() {
    let account = Account::new();
    let role = "arn:aws:iam::123456789012:role/deploy";
    let ended = account.deploy(&["--role-arn", role, "--external-id", SECRETS[2]]);
    ended.is(0, "deployed", None, &[]);
    let first = &account.sandbox.calls()[0];
    assert_eq!(first.operation, "AssumeRole");
    assert_eq!(first.request["RoleArn"], role);
    assert_eq!(first.request["ExternalId"], SECRETS[2]);
}
