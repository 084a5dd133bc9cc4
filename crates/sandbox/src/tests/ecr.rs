//! Images in ECR: their manifests, their platforms, and what is missing.

use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_ecr::{Client, Config};
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpClient,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::World;
use crate::{Fault, FaultKind, REGION};

#[tokio::test(start_paused = true)]
async fn an_image_of_one_platform_is_a_single_manifest() {
    let world = World::empty();
    let digest = world.sandbox.push_image("shop/web", "1", &["linux/amd64"]);
    assert!(digest.len() == 71 && digest.starts_with("sha256:"), "{digest}");
    let manifest = manifest(&world, tagged("1"), &digest).await;
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(
        config_of(&world, &manifest["config"]).await,
        json!({ "architecture": "amd64", "os": "linux" })
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_of_several_platforms_is_an_index() {
    let world = World::empty();
    let digest = world.sandbox.push_image("shop/web", "1", &["linux/amd64", "linux/arm64/v8"]);
    let index = manifest(&world, tagged("1"), &digest).await;
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let platforms: Vec<_> =
        index["manifests"].as_array().unwrap().iter().map(|it| it["platform"].clone()).collect();
    let arm = json!({ "architecture": "arm64", "os": "linux", "variant": "v8" });
    assert_eq!(platforms, [json!({ "architecture": "amd64", "os": "linux" }), arm.clone()]);
    let child = index["manifests"][1]["digest"].as_str().unwrap();
    let by_digest = ImageIdentifier::builder().image_digest(child).build();
    let manifest = manifest(&world, by_digest, child).await;
    assert_eq!(manifest.to_string().len(), index["manifests"][1]["size"].as_u64().unwrap() as usize);
    assert_eq!(config_of(&world, &manifest["config"]).await, arm);
}

#[tokio::test(start_paused = true)]
async fn a_tag_moves_and_a_digest_stays() {
    let world = World::empty();
    let first = world.sandbox.push_image("shop/web", "latest", &["linux/amd64"]);
    let second = world.sandbox.push_image("shop/web", "latest", &["linux/amd64"]);
    assert_ne!(first, second);
    manifest(&world, tagged("latest"), &second).await;
    manifest(&world, ImageIdentifier::builder().image_digest(&first).build(), &first).await;
    let described = client(&world).describe_images().repository_name("shop/web");
    let mut seen: Vec<_> = described.send().await.unwrap().image_details.unwrap();
    seen.sort_by_key(|image| image.image_digest().map(|digest| digest == second));
    assert_eq!((seen[0].image_digest(), seen[0].image_tags()), (Some(first.as_str()), &[][..]));
    assert_eq!(
        (seen[1].image_digest(), seen[1].image_tags()),
        (Some(second.as_str()), &["latest".to_owned()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_runs_what_its_tag_named_when_its_first_task_started() {
    let world = World::with_service(1, json!({}));
    let push = || world.sandbox.push_image("shop/web", "latest", &["linux/amd64"]);
    let first = push();
    world.update(&world.register("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:latest")).await;
    world.sleep(20).await;
    let second = push();
    world.sleep(60).await;
    assert_eq!(running_digests(&world).await, [first.as_str(), first.as_str()]);
    let request = world.ecs.update_service().cluster("prod").service("web").force_new_deployment(true);
    request.send().await.unwrap();
    world.sleep(60).await;
    assert_eq!(running_digests(&world).await, [second.as_str(), second.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_told_as_ecr_does() {
    let world = World::empty();
    let digest = world.sandbox.push_image("shop/web", "1", &["linux/amd64"]);
    let ecr = client(&world);
    let mixed = ImageIdentifier::builder().image_tag("1").image_digest("sha256:0").build();
    let request = ecr.batch_get_image().repository_name("shop/web").image_ids(tagged("1"));
    let request =
        request.image_ids(tagged("2")).image_ids(mixed).image_ids(ImageIdentifier::builder().build());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.images()[0].image_id().unwrap().image_digest(), Some(digest.as_str()));
    let failures: Vec<_> =
        answer.failures().iter().map(|it| it.failure_code().unwrap().as_str().to_owned()).collect();
    assert_eq!(failures, ["ImageNotFound", "ImageTagDoesNotMatchDigest", "MissingDigestAndTag"]);
    assert_eq!(answer.failures()[0].failure_reason(), Some("Requested image not found"));
    assert_eq!(answer.failures()[0].image_id().unwrap().image_tag(), Some("2"));

    let error =
        ecr.batch_get_image().repository_name("nope").image_ids(tagged("1")).send().await.unwrap_err();
    assert_eq!(error.code(), Some("RepositoryNotFoundException"));
    let message = "The repository with name 'nope' does not exist in the registry with id '123456789012'";
    assert_eq!(error.message(), Some(message));
    let request = ecr.describe_images().repository_name("shop/web").image_ids(tagged("2"));
    assert_eq!(request.send().await.unwrap_err().code(), Some("ImageNotFoundException"));
    let request = ecr.get_download_url_for_layer().repository_name("shop/web").layer_digest("sha256:0");
    assert_eq!(request.send().await.unwrap_err().code(), Some("LayersNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn an_image_of_an_upstream_is_not_there_and_the_rule_tells_of_it() {
    let world = World::empty();
    let ecr = client(&world);
    let answer = ecr.describe_pull_through_cache_rules().send().await.unwrap();
    assert_eq!(answer.pull_through_cache_rules(), []);
    world.sandbox.add_pull_through_rule("docker-hub");
    let answer = ecr.describe_pull_through_cache_rules().registry_id("123456789012").send().await.unwrap();
    let prefixes: Vec<_> =
        answer.pull_through_cache_rules().iter().map(|rule| rule.ecr_repository_prefix()).collect();
    assert_eq!(prefixes, [Some("docker-hub")]);
    let request = ecr.batch_get_image().repository_name("docker-hub/library/nginx").image_ids(tagged("1"));
    assert_eq!(request.send().await.unwrap_err().code(), Some("RepositoryNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn a_replicated_image_comes_late_and_a_failure_has_its_code() {
    let world = World::empty();
    world.sandbox.push_image("shop/web", "1", &["linux/amd64"]);
    world.sandbox.replicate_late("shop/web", "1", std::time::Duration::from_secs(3));
    world.sandbox.fail_image("shop/web", "2", "KmsError", "The key is disabled.");
    let asked = async || {
        let request = client(&world).batch_get_image().repository_name("shop/web");
        let answer = request.image_ids(tagged("1")).image_ids(tagged("2")).send().await.unwrap();
        let codes = answer.failures().iter().map(|it| it.failure_code().unwrap().as_str().to_owned());
        (answer.images().len(), codes.collect::<Vec<_>>())
    };
    assert_eq!(asked().await, (0, vec!["ImageNotFound".to_owned(), "KmsError".to_owned()]));
    world.sleep(3).await;
    assert_eq!(asked().await, (1, vec!["KmsError".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_repository_has_is_refused() {
    let world = World::empty();
    for name in ["a", "Shop/Web", "shop//web", "shop/web-"] {
        let request = client(&world).batch_get_image().repository_name(name).image_ids(tagged("1"));
        assert_eq!(request.send().await.unwrap_err().code(), Some("InvalidParameterException"), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_names_the_repository() {
    let world = World::empty();
    world.sandbox.inject(Fault { operation: "BatchGetImage".to_owned(), nth: None, kind: FaultKind::Denied });
    let request = client(&world).batch_get_image().repository_name("shop/web").image_ids(tagged("1"));
    let error = request.send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let message = error.message().unwrap();
    let resource = "arn:aws:ecr:eu-west-1:123456789012:repository/shop/web";
    assert!(message.contains(&format!("ecr:BatchGetImage on resource: {resource} ")), "{message}");
}

#[tokio::test]
async fn over_loopback_the_layer_is_on_the_same_server() {
    let world = World::empty();
    world.sandbox.push_image("shop/web", "1", &["linux/amd64"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sandbox = world.sandbox.clone();
    tokio::spawn(async move { sandbox.serve(listener).await });
    let config = configured().endpoint_url(format!("http://{address}"));
    let ecr = Client::from_conf(config.http_client(Builder::new().build_http()).build());
    let answer = ecr.batch_get_image().repository_name("shop/web").image_ids(tagged("1")).send().await;
    let manifest = answer.unwrap().images()[0].image_manifest().unwrap().to_owned();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let digest = manifest["config"]["digest"].as_str().unwrap();
    let request = ecr.get_download_url_for_layer().repository_name("shop/web").layer_digest(digest);
    let url = request.send().await.unwrap().download_url.unwrap();
    let path = url.strip_prefix(&format!("http://{address}")).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n{\"architecture\":\"amd64\",\"os\":\"linux\"}"), "{answer}");
}

fn tagged(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

/// The digest that the service's revision runs, and the one that its task does.
async fn running_digests(world: &World) -> [String; 2] {
    let target = world.service_deployment().await.target_service_revision.unwrap().arn.unwrap();
    let request = world.ecs.describe_service_revisions().service_revision_arns(target);
    let revision = request.send().await.unwrap().service_revisions.unwrap().remove(0);
    let request = world.ecs.list_tasks().cluster("prod").service_name("web");
    let arns = request.send().await.unwrap().task_arns;
    let request = world.ecs.describe_tasks().cluster("prod").set_tasks(arns);
    let task = request.send().await.unwrap().tasks.unwrap().remove(0);
    let of_revision = revision.container_images()[0].image_digest().unwrap();
    [of_revision.to_owned(), task.containers()[0].image_digest().unwrap().to_owned()]
}

/// The manifest of an image of `shop/web`, whose digest has to be this one.
async fn manifest(world: &World, id: ImageIdentifier, digest: &str) -> Value {
    let request = client(world).batch_get_image().repository_name("shop/web").image_ids(id);
    let answer = request.send().await.unwrap();
    let image = &answer.images()[0];
    assert_eq!(image.image_id().unwrap().image_digest(), Some(digest));
    let manifest: Value = serde_json::from_str(image.image_manifest().unwrap()).unwrap();
    assert_eq!(image.image_manifest_media_type(), manifest["mediaType"].as_str());
    manifest
}

/// The configuration that a manifest names, downloaded from where ECR says that it is.
async fn config_of(world: &World, descriptor: &Value) -> Value {
    let request = client(world).get_download_url_for_layer().repository_name("shop/web");
    let request = request.layer_digest(descriptor["digest"].as_str().unwrap());
    let url = request.send().await.unwrap().download_url.unwrap();
    let content = get(world.sandbox.http_client(), &url).await;
    assert_eq!(content.len() as u64, descriptor["size"].as_u64().unwrap());
    serde_json::from_slice(&content).unwrap()
}

async fn get(client: SharedHttpClient, url: &str) -> Vec<u8> {
    let components = RuntimeComponentsBuilder::for_tests().build().unwrap();
    let connector = client.http_connector(&HttpConnectorSettings::default(), &components);
    let answer = connector.call(HttpRequest::get(url).unwrap()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.body().bytes().unwrap().to_vec()
}

fn client(world: &World) -> Client {
    let config = configured().time_source(super::world::signing_by(world.clock));
    Client::from_conf(config.http_client(world.sandbox.http_client()).build())
}

fn configured() -> aws_sdk_ecr::config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("AKIASANDBOX", "secret", None, None, "test"))
}
