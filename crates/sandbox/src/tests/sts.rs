//! STS through the SDK's own providers.

use std::collections::BTreeMap;

use aws_config::sts::AssumeRoleProvider;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, ProvideCredentials, Region};
use serde_json::json;

use super::world::World;
use crate::wire::Request;
use crate::{Fault, FaultKind, REGION};

#[tokio::test(start_paused = true)]
async fn an_assumed_role_gives_credentials_that_sign_further_calls() {
    let world = World::empty();
    let credentials = assume_role(&world).await.unwrap();
    assert_eq!(credentials.session_token(), Some("sandbox-token-1"));
    let expires = credentials.expiry().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(expires.as_secs() - world.clock.now().since_epoch().as_secs(), 900);

    let call = world.sandbox.calls().remove(0);
    assert_eq!(call.operation, "AssumeRole");
    assert_eq!(call.request["RoleArn"], "arn:aws:iam::210987654321:role/deploy");
    assert_eq!(call.request["ExternalId"], "a+b c&d");
    assert_eq!(call.access_key.as_deref(), Some("AKIASANDBOX"));

    let caller = |key: &str| Request {
        target: "/".to_owned(),
        headers: BTreeMap::from([(
            "authorization".to_owned(),
            format!("AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/sts/aws4_request"),
        )]),
        body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
        ..Request::default()
    };
    let answer = world.sandbox.handle(caller(credentials.access_key_id())).await.unwrap();
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.contains("<Arn>arn:aws:sts::210987654321:assumed-role/deploy/run-1</Arn>"), "{body}");
    let answer = world.sandbox.handle(caller("AKIASANDBOX")).await.unwrap();
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.contains("<Arn>arn:aws:iam::123456789012:user/evenkeel</Arn>"), "{body}");
    assert_eq!(
        world.sandbox.calls()[1].request,
        json!({ "Action": "GetCallerIdentity", "Version": "2011-06-15" })
    );
}

#[tokio::test(start_paused = true)]
async fn a_denied_role_gives_no_credentials() {
    let world = World::empty();
    world.sandbox.inject(Fault { operation: "AssumeRole".to_owned(), nth: None, kind: FaultKind::Denied });
    let error = assume_role(&world).await.unwrap_err();
    assert!(
        error.contains("AccessDenied") && error.contains("arn:aws:iam::210987654321:role/deploy"),
        "{error}"
    );
    assert_eq!(world.sandbox.calls()[0].status, Some(403));
}

async fn assume_role(world: &World) -> Result<Credentials, String> {
    let caller = Credentials::new("AKIASANDBOX", "secret", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(caller)
        .http_client(world.sandbox.http_client())
        .time_source(super::world::signing_by(world.clock))
        .load()
        .await;
    let provider = AssumeRoleProvider::builder("arn:aws:iam::210987654321:role/deploy")
        .configure(&config)
        .external_id("a+b c&d")
        .session_name("run-1")
        .session_length(std::time::Duration::from_secs(900))
        .build()
        .await;
    provider.provide_credentials().await.map_err(|error| format!("{error:?}"))
}
