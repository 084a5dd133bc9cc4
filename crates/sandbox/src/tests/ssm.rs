//! The Parameter Store through its SDK.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::types::ParameterType;

use super::world::World;
use crate::REGION;

#[tokio::test(start_paused = true)]
async fn every_write_makes_a_version_and_the_earlier_ones_are_kept() {
    let (world, ssm) = furnished();
    assert_eq!(refusal(ssm.get_parameter().name("/web/record").send().await), "ParameterNotFound");
    let put = |value: &str, overwrite| {
        let call = ssm.put_parameter().name("/web/record").value(value).overwrite(overwrite);
        call.r#type(ParameterType::String).send()
    };
    assert_eq!(put("one", false).await.unwrap().version(), 1);
    assert_eq!(refusal(put("two", false).await), "ParameterAlreadyExists");
    assert_eq!(put("two", true).await.unwrap().version(), 2);
    assert_eq!(world.sandbox.parameter("/web/record"), Some(("two".to_owned(), 2)));

    for (selected, value, version) in [("/web/record", "two", 2), ("/web/record:1", "one", 1)] {
        let found = ssm.get_parameter().name(selected).send().await.unwrap();
        let found = found.parameter().unwrap();
        assert_eq!((found.value(), found.version()), (Some(value), version));
        assert_eq!((found.name(), found.r#type()), (Some("/web/record"), Some(&ParameterType::String)));
    }
    assert_eq!(refusal(ssm.get_parameter().name("/web/record:3").send().await), "ParameterVersionNotFound");

    ssm.delete_parameter().name("/web/record").send().await.unwrap();
    assert_eq!(refusal(ssm.delete_parameter().name("/web/record").send().await), "ParameterNotFound");
    assert_eq!(put("three", false).await.unwrap().version(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_versions_are_kept() {
    let (world, ssm) = furnished();
    for number in 1..=101 {
        world.sandbox.put_parameter("/web", &number.to_string()).unwrap();
    }
    let value = async |selected: &str| {
        let found = ssm.get_parameter().name(selected).send().await;
        found.map(|answer| answer.parameter.unwrap().value.unwrap())
    };
    assert_eq!(value("/web").await.unwrap(), "101");
    assert_eq!(value("/web:2").await.unwrap(), "2");
    assert_eq!(refusal(value("/web:1").await), "ParameterVersionNotFound");
}

#[tokio::test(start_paused = true)]
async fn what_no_standard_parameter_can_be_is_refused() {
    let (_world, ssm) = furnished();
    let (longest, longer) = ("x".repeat(4096), "x".repeat(4097));
    for (name, value, code) in [
        ("/web", longest.as_str(), ""),
        ("/web", &longer, "ValidationException"),
        ("/web", "{{ssm:other}}", "ValidationException"),
        ("/a//b", "x", "ValidationException"),
        ("/a b", "x", "ValidationException"),
        ("a/b", "x", "ValidationException"),
        ("/aws/web", "x", "AccessDeniedException"),
    ] {
        let call = ssm.put_parameter().name(name).value(value).overwrite(true);
        match call.r#type(ParameterType::String).send().await {
            Ok(_) => assert_eq!(code, "", "{name}"),
            refused => assert_eq!(refusal(refused), code, "{name}"),
        }
    }
    let untyped = ssm.put_parameter().name("/new").value("x").send().await;
    assert_eq!(refusal(untyped), "ValidationException");
    let other =
        ssm.put_parameter().name("/web").value("x").r#type(ParameterType::SecureString).overwrite(true);
    assert_eq!(refusal(other.send().await), "HierarchyTypeMismatchException");
}

fn furnished() -> (World, Client) {
    let world = World::empty();
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .time_source(super::world::signing_by(world.clock))
        .http_client(world.sandbox.http_client())
        .build();
    (world, Client::from_conf(config))
}

fn refusal<T, E, R>(answer: Result<T, SdkError<E, R>>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    let Err(error) = answer else { panic!("it was accepted") };
    error.as_service_error().unwrap().code().unwrap().to_owned()
}
