//! The time of signatures and of responses.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use evenkeel_core::timestamp::Timestamp;

use super::world::{World, config, signing_by};

use crate::REGION;
use crate::clock::Clock;
use crate::wire::{Request, Response};

/// What a service's request looks like: its method, its target, the header that names its operation, and its body.
type Form = (&'static str, &'static str, Option<&'static str>, &'static str);

const ECS: Form = ("POST", "/", Some("AmazonEC2ContainerServiceV20141113.ListClusters"), "{}");
const STS: Form = ("POST", "/", None, "Action=GetCallerIdentity&Version=2011-06-15");
const S3: Form = ("GET", "/b/k", None, "");

/// Sends a request that was signed `seconds` from AWS's time, or not at all.
async fn send(world: &World, (method, target, operation, body): Form, seconds: Option<i64>) -> Response {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let mut headers = BTreeMap::new();
    headers.extend(operation.map(|operation| header("x-amz-target", operation.to_owned())));
    if let Some(seconds) = seconds {
        let now = world.clock.now().since_epoch().as_secs();
        let at = Timestamp::from_unix(Duration::from_secs(now.checked_add_signed(seconds).unwrap()));
        let credential = "AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20260101/eu-west-1/x/aws4_request";
        headers.extend([
            header("authorization", credential.to_owned()),
            header("x-amz-date", at.to_string().replace(['-', ':'], "")),
        ]);
    }
    let body = body.as_bytes().to_vec();
    let request = Request { method: method.to_owned(), target: target.to_owned(), headers, body };
    world.sandbox.handle(request).await.unwrap()
}

fn furnished() -> World {
    let world = World::empty();
    world.sandbox.create_bucket("b", false);
    world.sandbox.put_object("b", "k", b"content".to_vec());
    world
}

#[tokio::test(start_paused = true)]
async fn a_signature_is_taken_within_five_minutes_of_the_time_and_else_refused_in_the_words_of_the_service() {
    let world = furnished();
    for form in [ECS, STS, S3] {
        for seconds in [Some(-300), Some(0), Some(300), None] {
            assert_eq!(send(&world, form, seconds).await.status, 200, "{form:?} {seconds:?}");
        }
    }
    let late = "Signature expired: 20260101T115459Z is now earlier than 20260101T115500Z (20260101T120000Z - 5 min.)";
    let early = "Signature not yet current: 20260101T120501Z is still later than 20260101T120500Z \
                 (20260101T120000Z + 5 min.)";
    let skewed = "The difference between the request time and the current time is too large.";
    for (form, status, code, words) in [
        (ECS, 400, "InvalidSignatureException", [late, early]),
        (STS, 403, "SignatureDoesNotMatch", [late, early]),
        (S3, 403, "RequestTimeTooSkewed", [skewed, skewed]),
    ] {
        for (seconds, words) in [-301, 301].into_iter().zip(words) {
            let response = send(&world, form, Some(seconds)).await;
            let body = String::from_utf8(response.body).unwrap();
            assert_eq!(response.status, status, "{body}");
            assert!(body.contains(code) && body.contains(words), "{body}");
            let call = world.sandbox.calls().pop().unwrap();
            assert_eq!((call.status, call.effect), (Some(status), false));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_response_is_dated_by_the_clock_of_aws() {
    let world = furnished();
    let date = |response: Response| response.headers.into_iter().find(|(name, _)| *name == "date").unwrap().1;
    assert_eq!(date(send(&world, ECS, None).await), "Thu, 01 Jan 2026 12:00:00 GMT");
    world.sleep(61).await;
    // A refusal as well, which a clock that is wrong is corrected by.
    assert_eq!(date(send(&world, S3, Some(600)).await), "Thu, 01 Jan 2026 12:01:01 GMT");
}

#[tokio::test(start_paused = true)]
async fn the_sdk_signs_again_by_the_date_of_a_refusal_once_for_each_client() {
    for skew in [-600, 600] {
        let world = furnished();
        let now = world.clock.now().since_epoch().as_secs();
        let wrong = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(
            now.checked_add_signed(skew).unwrap(),
        )));
        let ecs = config(wrong).http_client(world.sandbox.http_client()).build();
        let ecs = aws_sdk_ecs::Client::from_conf(ecs);
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::for_tests())
            .time_source(signing_by(wrong))
            .http_client(world.sandbox.http_client());
        let s3 = aws_sdk_s3::Client::from_conf(s3.build());
        for _ in 0..2 {
            ecs.list_clusters().send().await.unwrap();
            s3.get_object().bucket("b").key("k").send().await.unwrap();
        }
        let statuses: Vec<_> = world.sandbox.calls().iter().map(|call| call.status.unwrap()).collect();
        assert_eq!(statuses, [400, 200, 403, 200, 200, 200], "{skew}");
    }
}
