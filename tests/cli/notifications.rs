//! Those who are told how a deployment ended, and that it never depends on them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use evenkeel_sandbox::{FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{Account, document};

/// A webhook on loopback that is posted to once: its address, and what it was posted.
fn webhook(status: &str) -> (String, JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/services/T0/B0/s3cret-webhook", listener.local_addr().unwrap());
    let status = status.to_owned();
    let posted = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    });
    (address, posted)
}

#[test]
fn each_channel_is_told_in_its_own_form() {
    let account = Account::new();
    let topic = account.sandbox.create_topic("deploys");
    let (address, posted) = webhook("200 OK");
    account.sandbox.put_parameter("/deploy/webhook", &address).unwrap();
    let channels = format!("eventbridge:deploys,sns:{topic},webhook:ssm:/deploy/webhook");
    let ended = account.deploy(&["--notify", &channels]);
    ended.is(0, "deployed", None, &[]);
    assert_eq!(ended.document()["warnings"], json!([]));

    let [event] = account.sandbox.events().try_into().unwrap();
    let said =
        ["EventBusName", "Source", "DetailType"].map(|member| event[member].as_str().unwrap().to_owned());
    assert_eq!(said, ["deploys", "evenkeel", "Evenkeel Deployment Ended"]);
    let detail = document(event["Detail"].as_str().unwrap());
    assert_eq!(
        (&detail["schema"], &detail["outcome"]),
        (&json!("evenkeel.notification/v1"), &json!("deployed"))
    );
    assert_eq!(detail["services"][0]["taskDefinitionArn"], event["Resources"][0]);
    assert!(
        detail["services"][0]["url"].as_str().unwrap().contains("/clusters/prod/services/web/"),
        "{detail}"
    );

    let [message] = account.sandbox.messages(&topic).try_into().unwrap();
    assert_eq!(message["Subject"], "web in prod: deployed");
    assert_eq!(message["MessageAttributes.entry.1.Value.StringValue"], "deployed");
    assert!(message["Message"].as_str().unwrap().contains("web: deployed, web:1 -> web:2"), "{message:?}");

    let (head, body) = posted.join().unwrap();
    assert!(head.starts_with("POST /services/T0/B0/s3cret-webhook HTTP/1.1"), "{head}");
    assert_eq!(body["text"].as_str().unwrap().lines().next(), Some("web in prod: deployed"));
    assert!(
        !ended.stdout.contains("s3cret-webhook") && !ended.stderr.contains("s3cret-webhook"),
        "{ended:?}"
    );
}

#[test]
fn a_failure_and_a_rollback_are_told_as_well() {
    let account = Account::new();
    account.deploy(&[]).is(0, "deployed", None, &[]);
    account.next_rollout(RolloutOutcome::Crash);
    let failed = ["--image", "proxy=envoy:2", "--notify", "eventbridge:default"];
    account.deploy(&failed).is(1, "rolled_back", Some("rollout_failed"), &[]);
    account.next_rollout(RolloutOutcome::Ok);
    let back = ["rollback", "--cluster", "prod", "--service", "web", "--output", "json"];
    account.run(&[&back[..], &["--notify", "eventbridge:default"]].concat()).is(0, "deployed", None, &[]);
    let missing = ["--service", "api", "--notify", "eventbridge:default"];
    account.deploy(&missing).is(3, "failed", Some("invalid_input"), &[]);
    let details: Vec<Value> =
        account.sandbox.events().iter().map(|event| document(event["Detail"].as_str().unwrap())).collect();
    let outcomes: Vec<_> = details.iter().map(|detail| detail["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["rolled_back", "deployed", "failed"]);
    assert_eq!(details[0]["services"][0]["failure"]["kind"], "rollout_failed");
    assert_eq!(details[2]["failure"]["kind"], "invalid_input");
}

#[test]
fn who_cannot_be_told_is_a_warning_and_nothing_more() {
    let account = Account::new();
    let (refusing, posted) = webhook("404 Not Found");
    account.sandbox.put_parameter("/refusing", &refusing).unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    account.sandbox.put_parameter("/nobody", &format!("http://{nobody}/s3cret-webhook")).unwrap();
    account.sandbox.put_parameter("/plain", "http://hooks.example.com/s3cret-webhook").unwrap();
    account.always("PutEvents", FaultKind::Denied);
    let channels = [
        ("eventbridge:default", "AccessDenied"),
        ("sns:arn:aws:sns:eu-west-1:123456789012:nope", "Topic does not exist"),
        ("webhook:ssm:/missing", "GetParameter of /missing failed"),
        ("webhook:ssm:/refusing", "answered with HTTP 404"),
        ("webhook:ssm:/nobody", "cannot be reached"),
        ("webhook:ssm:/plain", "has no webhook's address"),
    ];
    let ended = account.deploy(&["--notify", &channels.map(|(channel, _)| channel).join(",")]);
    ended.is(0, "deployed", None, &[]);
    let document = ended.document();
    let warnings = document["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), channels.len(), "{warnings:#?}");
    for ((channel, why), warning) in channels.iter().zip(warnings) {
        let warning = warning.as_str().unwrap();
        assert!(
            warning.starts_with(&format!("{channel} was not notified: ")) && warning.contains(why),
            "{warning}"
        );
        assert!(ended.stderr.contains(&format!("warning: {warning}\n")), "{ended:?}");
    }
    assert!(
        !ended.stdout.contains("s3cret-webhook") && !ended.stderr.contains("s3cret-webhook"),
        "{ended:?}"
    );
    posted.join().unwrap();
}

#[test]
fn a_channel_that_is_none_is_2_before_anything_happens() {
    let account = Account::new();
    for (channel, words) in [
        ("slack:deploys", ["names nobody to notify", "eventbridge:BUS"]),
        ("webhook:https://hooks.example.com/s3cret-webhook", ["is a secret", "webhook:ssm:/PARAMETER"]),
    ] {
        let ended = account.deploy(&["--notify", channel]);
        ended.is(2, "failed", Some("usage"), &words);
        assert!(!ended.stderr.contains("s3cret-webhook"), "{ended:?}");
    }
    assert!(account.sandbox.calls().is_empty());
}
