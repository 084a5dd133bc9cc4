//! Errors of the surroundings, as a person meets them: the cause in a sentence, and what to do.

use std::process::{Command, Stdio};

use evenkeel_sandbox::{Fault, FaultKind, GarbledBody, GarbledResponse};
use serde_json::Value;

use crate::world::{APP_NEW, Account, DEPLOY, Ended};

fn deploying(account: &Account) -> Command {
    let mut command = account.command(&[&DEPLOY[..], &["--image", APP_NEW]].concat());
    command.stdin(Stdio::null());
    command
}

fn ended(command: &mut Command) -> Ended {
    Ended::of(command.output().unwrap())
}

/// The message of the one failure, told once and without anything of a library's debug text.
#[track_caller]
fn message(ended: &Ended) -> String {
    let document = ended.document();
    let failure = if document["failure"].is_null() {
        &document["services"][0]["failure"]
    } else {
        &document["failure"]
    };
    let message = failure["message"].as_str().unwrap().to_owned();
    for word in ["DispatchFailure", "ConnectorError", "Some(", "{ ", "}", "..", "?.", ". .", ":."] {
        assert!(!message.contains(word), "{word:?} is in {message}");
    }
    message
}

/// Without keys in the variables; the profiles are `config`.
fn without_keys(account: &Account, config: &str) -> Command {
    account.file("config", config);
    let mut command = deploying(account);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_CONFIG_FILE", account.path().join("config"));
    command
}

#[test]
fn no_credentials_are_told_with_where_they_were_looked_for_and_how_to_give_them() {
    let account = Account::new();
    let ended = ended(&mut without_keys(&account, ""));
    let words = [
        "no AWS credentials were found",
        "AWS_ACCESS_KEY_ID",
        "~/.aws/credentials",
        "metadata service",
        "AWS_PROFILE",
    ];
    ended.is(4, "failed", Some("denied"), &words);
    message(&ended);
    let ended = self::ended(without_keys(&account, "").env("AWS_PROFILE", "shop"));
    ended.is(4, "failed", Some("denied"), &["no AWS credentials were found", "`shop`"]);
    message(&ended);
}

#[test]
fn a_profile_that_cannot_be_used_is_told_by_its_name_and_what_is_wrong() {
    let account = Account::new();
    let sso = "sso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\nsso_account_id = 1\nsso_role_name = r";
    for (members, words) in [
        (sso, &["IAM Identity Center", "does not support", "aws configure export-credentials"][..]),
        ("credential_process = /bin/false", &["credential_process", "does not support"]),
        ("login_session = arn:aws:iam::123456789012:user/a", &["login_session", "does not support"]),
        ("aws_access_key_id = A", &["`shop`", "missing aws_secret_access_key", "AWS_CONFIG_FILE"]),
        ("role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = nobody", &["`nobody`"]),
        (
            "role_arn = arn:aws:iam::123456789012:role/r\nweb_identity_token_file = /no/such/file",
            &["token cannot be read", "web_identity_token_file"],
        ),
    ] {
        let mut command = without_keys(&account, &format!("[profile shop]\n{members}\n"));
        let ended = ended(command.env("AWS_PROFILE", "shop"));
        assert_eq!(ended.status, Some(4), "{members}: {ended:?}");
        ended.is(4, "failed", Some("denied"), words);
        message(&ended);
    }
}

#[test]
fn what_a_repetition_cannot_mend_is_3_and_names_the_settings() {
    let account = Account::new();
    let page = GarbledBody::Page("Blocked by the proxy: s3cret-in-environment".to_owned());
    for (name, value, words) in [
        ("AWS_USE_FIPS_ENDPOINT", "true", &["FIPS", "AWS_ENDPOINT_URL"][..]),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true", &["dual-stack", "AWS_ENDPOINT_URL"]),
        ("AWS_ENDPOINT_URL", "127.0.0.1:4566", &["address", "AWS_ENDPOINT_URL"]),
        ("AWS_ENDPOINT_URL", "localhost:4566", &["address", "AWS_ENDPOINT_URL"]),
        ("AWS_ENDPOINT_URL", "http://", &["address", "AWS_ENDPOINT_URL"]),
    ] {
        let ended = ended(deploying(&account).env(name, value));
        assert_eq!(ended.status, Some(3), "{name}={value}: {ended:?}");
        ended.is(3, "failed", Some("invalid_input"), words);
        message(&ended);
    }
    for status in [403, 407] {
        let account = Account::new();
        account.always(
            "DescribeServices",
            FaultKind::Garbled(GarbledResponse { status: Some(status), body: page.clone() }),
        );
        let ended = account.deploy(&[]);
        ended.is(
            3,
            "failed",
            Some("invalid_input"),
            &["no response of AWS", &status.to_string(), "HTTPS_PROXY"],
        );
        message(&ended);
    }
}

#[test]
fn a_connection_that_fails_is_told_by_its_class_and_its_host() {
    let account = Account::new();
    for (address, words) in [
        ("http://127.0.0.1:9", ["127.0.0.1 refused the connection", "Run the same command again"]),
        ("http://nobody.invalid", ["the host nobody.invalid is not known", "HTTPS_PROXY"]),
    ] {
        let ended = ended(deploying(&account).env("AWS_ENDPOINT_URL", address));
        assert_eq!(ended.status, Some(75), "{address}: {ended:?}");
        ended.is(75, "failed", Some("unavailable"), &words);
        message(&ended);
    }
}

#[test]
fn credentials_that_expire_during_a_rollout_leave_it_to_be_followed() {
    let account = Account::new();
    let kind = FaultKind::ExpiredToken;
    account.sandbox.inject(Fault { operation: "DescribeServices".to_owned(), nth: Some(2), kind });
    let ended = account.deploy(&["--record", "ssm:/deploy/web/record"]);
    let words = [
        "ExpiredTokenException",
        "the rollout of web:2 goes on in ECS, and its record stays in progress, but it cannot be followed any more",
        "Get new credentials. Run the same command again to follow it to its end",
    ];
    ended.is(4, "failed", Some("denied"), &words);
    message(&ended);
    let (record, _) = account.sandbox.parameter("/deploy/web/record").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&record).unwrap()["status"], "in_progress");
    // The rollout may have ended by then.
    let again = account.deploy(&["--record", "ssm:/deploy/web/record"]);
    assert_eq!(again.status, Some(0), "{again:?}");
    let (record, _) = account.sandbox.parameter("/deploy/web/record").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&record).unwrap()["status"], "succeeded");
}

#[test]
fn credentials_that_expire_before_the_time_out_are_warned_of_at_the_start() {
    let account = Account::new();
    let ended = ended(deploying(&account).env("AWS_CREDENTIAL_EXPIRATION", "2026-01-01T00:00:00+00:00"));
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let warning = "the AWS credentials expire at 2026-01-01T00:00:00Z";
    assert!(ended.document()["warnings"][0].as_str().unwrap().starts_with(warning), "{ended:?}");
    assert!(ended.stderr.starts_with(&format!("warning: {warning}")), "{ended:?}");
}
