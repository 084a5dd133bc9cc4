//! S3 through its SDK.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ServerSideEncryption};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::net::TcpListener;

use super::world::World;
use crate::clock::Clock;
use crate::{Fault, FaultKind, REGION, Sandbox};

#[tokio::test(start_paused = true)]
async fn an_object_is_put_read_whole_and_in_pieces_and_deleted() {
    let (world, s3) = furnished();
    let put = s3.put_object().bucket("b").key("a key/ü+1").body(body("0123456789")).send().await.unwrap();
    let head = s3.head_object().bucket("b").key("a key/ü+1").send().await.unwrap();
    assert_eq!((head.content_length(), head.e_tag()), (Some(10), put.e_tag()));

    for (range, expected) in
        [("bytes=0-3", "0123"), ("bytes=7-", "789"), ("bytes=-2", "89"), ("bytes=8-99", "89")]
    {
        let read = s3.get_object().bucket("b").key("a key/ü+1").range(range).send().await.unwrap();
        let told = read.content_range().unwrap().to_owned();
        assert_eq!(read.body.collect().await.unwrap().into_bytes(), expected.as_bytes(), "{range}: {told}");
    }
    let beyond = s3.get_object().bucket("b").key("a key/ü+1").range("bytes=10-").send().await;
    assert_eq!(refusal(beyond), (416, "InvalidRange".to_owned()));

    s3.delete_object().bucket("b").key("a key/ü+1").send().await.unwrap();
    assert_eq!(
        refusal(s3.get_object().bucket("b").key("a key/ü+1").send().await),
        (404, "NoSuchKey".to_owned())
    );
    assert_eq!(refusal(s3.head_object().bucket("b").key("a key/ü+1").send().await).0, 404);
    s3.delete_object().bucket("b").key("a key/ü+1").send().await.unwrap();
    assert_eq!(
        refusal(s3.get_object().bucket("nowhere").key("k").send().await),
        (404, "NoSuchBucket".to_owned())
    );
    assert_eq!(world.sandbox.objects("b"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn of_two_writers_that_depend_on_the_same_state_one_wins() {
    let (_world, s3) = furnished();
    let create = |text| s3.put_object().bucket("b").key("k").if_none_match("*").body(body(text)).send();
    let first = create("one").await.unwrap();
    assert_eq!(refusal(create("two").await), (412, "PreconditionFailed".to_owned()));

    let one = first.e_tag().unwrap();
    let replace = |text| s3.put_object().bucket("b").key("k").if_match(one).body(body(text)).send();
    let second = replace("two").await.unwrap();
    assert_eq!(refusal(replace("three").await), (412, "PreconditionFailed".to_owned()));
    let stale = s3.get_object().bucket("b").key("k").if_match(one).send().await;
    assert_eq!(refusal(stale), (412, "PreconditionFailed".to_owned()));

    let delete = |tag: &str| s3.delete_object().bucket("b").key("k").if_match(tag).send();
    assert_eq!(refusal(delete(one).await), (412, "PreconditionFailed".to_owned()));
    delete(second.e_tag().unwrap()).await.unwrap();
    assert_eq!(refusal(replace("four").await), (404, "NoSuchKey".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_listing_comes_in_pages_and_by_prefix() {
    let (world, s3) = furnished();
    for at in 0..1001 {
        world.sandbox.put_object("b", &format!("p/{at:04}"), vec![1]);
    }
    world.sandbox.put_object("b", "q/<&>", vec![2]);
    let first = s3.list_objects_v2().bucket("b").prefix("p/").send().await.unwrap();
    assert_eq!((first.contents().len(), first.is_truncated()), (1000, Some(true)));
    let token = first.next_continuation_token().unwrap();
    let second =
        s3.list_objects_v2().bucket("b").prefix("p/").continuation_token(token).send().await.unwrap();
    assert_eq!((second.contents().len(), second.next_continuation_token()), (1, None));
    let other = s3.list_objects_v2().bucket("b").prefix("q/").send().await.unwrap();
    assert_eq!(other.contents()[0].key(), Some("q/<&>"));
}

#[tokio::test(start_paused = true)]
async fn a_pipelines_bucket_demands_kms() {
    let (world, s3) = furnished();
    world.sandbox.create_bucket("artifacts", true);
    let put = || s3.put_object().bucket("artifacts").key("k").body(body("zip"));
    assert_eq!(refusal(put().send().await), (403, "AccessDenied".to_owned()));
    let wrong = put().server_side_encryption(ServerSideEncryption::Aes256).send().await;
    assert_eq!(refusal(wrong), (403, "AccessDenied".to_owned()));
    put().server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id("key/1").send().await.unwrap();
    let told = world.sandbox.encryption_of("artifacts", "k");
    assert_eq!(told, Some(("aws:kms".to_owned(), Some("key/1".to_owned()))));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_with_object_lock_takes_nothing_without_a_checksum_and_none_that_is_wrong() {
    let (world, s3) = furnished();
    world.sandbox.lock_objects("locked");
    let put = || s3.put_object().bucket("locked").key("k").body(body("content"));
    let without = put().customize().config_override(
        aws_sdk_s3::config::Builder::new()
            .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired),
    );
    assert_eq!(refusal(without.send().await), (400, "InvalidRequest".to_owned()));
    assert_eq!(refusal(put().checksum_crc32("AAAAAA==").send().await), (400, "BadDigest".to_owned()));
    put().checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap();
    assert_eq!(world.sandbox.object("locked", "k").as_deref(), Some(b"content".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_elsewhere_names_its_region() {
    let (world, s3) = furnished();
    world.sandbox.move_bucket("far", "eu-central-1");
    let refused = s3.get_object().bucket("far").key("k").send().await.unwrap_err();
    let response = refused.raw_response().unwrap();
    assert_eq!(response.headers().get("x-amz-bucket-region"), Some("eu-central-1"));
    assert_eq!(refusal::<(), _>(Err(refused)), (301, "PermanentRedirect".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_jobs_credentials_open_its_own_objects_and_for_a_while() {
    let (world, _) = furnished();
    world.sandbox.put_object("b", "in", b"artifact".to_vec());
    world.sandbox.put_object("b", "other", b"secret".to_vec());
    let key = world.sandbox.state().grants.issue(
        vec![("b".to_owned(), "in".to_owned())],
        vec![("b".to_owned(), "out".to_owned())],
        world.clock.now().plus(std::time::Duration::from_secs(60)),
    );
    let s3 = client(&world, &key);
    let read = |key: &'static str| s3.get_object().bucket("b").key(key).send();
    assert_eq!(read("in").await.unwrap().body.collect().await.unwrap().into_bytes(), "artifact");
    assert_eq!(refusal(read("other").await), (403, "AccessDenied".to_owned()));
    assert_eq!(refusal(read("out").await), (403, "AccessDenied".to_owned()));
    s3.put_object().bucket("b").key("out").body(body("zip")).send().await.unwrap();
    let foreign = s3.put_object().bucket("b").key("in").body(body("zip")).send().await;
    assert_eq!(refusal(foreign), (403, "AccessDenied".to_owned()));
    assert_eq!(refusal(s3.list_objects_v2().bucket("b").send().await), (403, "AccessDenied".to_owned()));
    let delete = s3.delete_object().bucket("b").key("out").send().await;
    assert_eq!(refusal(delete), (403, "AccessDenied".to_owned()));

    world.clock.sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(refusal(read("in").await), (400, "ExpiredToken".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_has_the_words_of_s3() {
    for (kind, status, code) in [
        (FaultKind::Throttled, 503, "SlowDown"),
        (FaultKind::ErrorBefore, 500, "InternalError"),
        (FaultKind::Denied, 403, "AccessDenied"),
        (FaultKind::ExpiredToken, 400, "ExpiredToken"),
    ] {
        let (world, s3) = furnished();
        world.sandbox.put_object("b", "k", b"x".to_vec());
        world.sandbox.inject(Fault { operation: "GetObject".to_owned(), nth: None, kind: kind.clone() });
        let refused = s3.get_object().bucket("b").key("k").send().await;
        assert_eq!(refusal(refused), (status, code.to_owned()), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gigabyte_of_zeros_takes_no_memory_and_is_read_in_pieces() {
    let (world, s3) = furnished();
    let size = 1 << 30;
    world.sandbox.put_sparse_object("b", "k", size, vec![(size - 3, b"end".to_vec())]);
    let read = s3.get_object().bucket("b").key("k").range("bytes=-5").send().await.unwrap();
    assert_eq!(read.body.collect().await.unwrap().into_bytes(), "\0\0end");
    assert_eq!(world.sandbox.calls().last().unwrap().sent, 5);
}

#[tokio::test]
async fn over_loopback_it_is_the_same_and_a_checksum_may_follow_the_content() {
    let clock = Clock::system();
    let sandbox = Sandbox::by(clock);
    sandbox.create_bucket("b", false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let config = config(&sandbox, clock, "AKIASANDBOX").endpoint_url(endpoint);
    let config = config.http_client(aws_smithy_http_client::Builder::new().build_http());
    let s3 = Client::from_conf(config.build());
    let story = async {
        let put = s3.put_object().bucket("b").key("k").checksum_algorithm(ChecksumAlgorithm::Crc32);
        put.body(body("hello")).send().await.unwrap();
        let read = s3.get_object().bucket("b").key("k").send().await.unwrap();
        assert_eq!(read.body.collect().await.unwrap().into_bytes(), "hello");
        assert_eq!(s3.head_object().bucket("b").key("k").send().await.unwrap().content_length(), Some(5));
    };
    tokio::select! {
        () = story => {}
        served = sandbox.serve(listener) => served.unwrap(),
    }
}

fn furnished() -> (World, Client) {
    let world = World::empty();
    world.sandbox.create_bucket("b", false);
    let s3 = client(&world, "AKIASANDBOX");
    (world, s3)
}

fn client(world: &World, access_key: &str) -> Client {
    Client::from_conf(config(&world.sandbox, world.clock, access_key).build())
}

fn config(sandbox: &Sandbox, clock: Clock, access_key: &str) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(access_key, "secret", None, None, "test"))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .force_path_style(true)
        .time_source(super::world::signing_by(clock))
        .http_client(sandbox.http_client())
}

fn body(text: &'static str) -> ByteStream {
    ByteStream::from_static(text.as_bytes())
}

fn refusal<T, E>(answer: Result<T, SdkError<E, HttpResponse>>) -> (u16, String)
where
    E: ProvideErrorMetadata,
{
    let Err(error) = answer else { panic!("not refused") };
    let status = error.raw_response().unwrap().status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}
