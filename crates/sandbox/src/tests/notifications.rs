//! EventBridge and SNS through their SDKs.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sns::error::ProvideErrorMetadata;

use super::world::World;
use crate::{Fault, FaultKind, REGION};

#[tokio::test(start_paused = true)]
async fn an_event_that_is_none_is_refused_in_its_own_place() {
    let world = World::empty();
    let config = aws_sdk_eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::for_tests())
        .time_source(super::world::signing_by(world.clock))
        .http_client(world.sandbox.http_client());
    let events = aws_sdk_eventbridge::Client::from_conf(config.build());
    let entry = |detail: &str| {
        let entry = PutEventsRequestEntry::builder().source("test").detail_type("Test").event_bus_name("bus");
        entry.detail(detail).build()
    };
    let sent = events.put_events().entries(entry("{}")).entries(entry("[]")).entries(entry("")).send().await;
    let answer = sent.unwrap();
    let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
    assert_eq!(codes, [None, Some("MalformedDetail"), Some("InvalidArgument")]);
    assert_eq!(answer.failed_entry_count(), 2);
    assert_eq!(world.sandbox.events().len(), 1);

    let eleven = events.put_events().set_entries(Some(vec![entry("{}"); 11])).send().await.unwrap_err();
    assert_eq!(eleven.code(), Some("ValidationException"));
    let denied = Fault { operation: "PutEvents".to_owned(), nth: None, kind: FaultKind::Denied };
    world.sandbox.inject(denied);
    let refused = events.put_events().entries(entry("{}")).send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("events:PutEvents"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_a_topic_that_there_is() {
    let world = World::empty();
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::for_tests())
        .time_source(super::world::signing_by(world.clock))
        .http_client(world.sandbox.http_client());
    let sns = aws_sdk_sns::Client::from_conf(config.build());
    let (topic, fifo) = (world.sandbox.create_topic("a"), world.sandbox.create_topic("b.fifo"));
    let publish = |arn: &str, subject: &str, message: &str| {
        sns.publish().topic_arn(arn).subject(subject).message(message).send()
    };
    assert!(publish(&topic, "It's done", "yes").await.unwrap().message_id().is_some());
    assert_eq!(world.sandbox.messages(&topic)[0]["Message"], "yes");
    let long = "x".repeat(101);
    for (arn, subject, message, code) in [
        ("arn:aws:sns:eu-west-1:123456789012:nope", "s", "m", "NotFound"),
        (&topic, "two\nlines", "m", "InvalidParameter"),
        (&topic, &long, "m", "InvalidParameter"),
        (&fifo, "s", "m", "InvalidParameter"),
    ] {
        assert_eq!(publish(arn, subject, message).await.unwrap_err().code(), Some(code), "{arn} {subject:?}");
    }
}
