//! The same world over loopback, through the HTTP client that Evenkeel ships with.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_smithy_http_client::Builder;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::world::{World, config};
use crate::{Fault, FaultKind};

#[tokio::test]
async fn loopback_answers_as_the_process_does() {
    let world = World::with_service(1, json!({}));
    let (ecs, _server) = over_loopback(&world).await;
    let request = ecs.describe_services().cluster("prod").services("web");
    let over_loopback = request.send().await.unwrap().services.unwrap().remove(0);
    assert_eq!(over_loopback, world.service().await);
    let error = ecs.describe_services().cluster("nope").services("web").send().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Some("ClusterNotFoundException"), Some("Cluster not found."))
    );
    let calls = world.sandbox.calls();
    assert_eq!(calls[0].request, calls[1].request);
    assert_eq!(calls[2].status, Some(400));
}

#[tokio::test]
async fn a_cut_connection_gives_no_answer_and_the_next_call_works() {
    let world = World::with_service(1, json!({}));
    let (ecs, _server) = over_loopback(&world).await;
    for (kind, effect) in [(FaultKind::CutBefore, false), (FaultKind::CutAfter, true)] {
        world.sandbox.clear_calls();
        world.sandbox.inject(Fault { operation: "ListServices".to_owned(), nth: Some(2), kind });
        for expected in [true, false, true] {
            assert_eq!(ecs.list_services().cluster("prod").send().await.is_ok(), expected);
        }
        let seen: Vec<_> = world.sandbox.calls().iter().map(|call| (call.effect, call.status)).collect();
        assert_eq!(seen, [(true, Some(200)), (effect, None), (true, Some(200))]);
    }
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let world = World::with_service(1, json!({}));
    let (ecs, server) = over_loopback(&world).await;
    ecs.list_services().cluster("prod").send().await.unwrap();
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
    ecs.list_services().cluster("prod").send().await.unwrap_err();
}

/// A client without retries, and the task that answers it.
async fn over_loopback(world: &World) -> (Client, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let sandbox = world.sandbox.clone();
    let server = tokio::spawn(async move { sandbox.serve(listener).await });
    let config = config(world.clock)
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .http_client(Builder::new().build_http())
        .build();
    (Client::from_conf(config), server)
}
