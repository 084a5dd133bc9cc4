//! Amazon S3 as claims and artifacts need it, on emulators that nobody here wrote.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use evenkeel::aws::{Aws, Connection, S3Objects};
use evenkeel::worker::claims::BucketClaims;
use evenkeel_core::job::{ArtifactCredentials, JobId, ObjectAddress, Secret};
use evenkeel_core::ports::{Access as _, ClaimStore as _, Encryption, Objects as _, Precondition, Version};

use crate::emulator::{Emulator, Kind};

const JOB: &str = "0a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d";

#[tokio::test]
async fn ministack_keeps_claims_and_gives_pieces_of_artifacts() {
    let Some(emulator) = super::start(Kind::Ministack) else { return };
    behaves(&emulator).await;
}

#[tokio::test]
async fn moto_keeps_claims_and_gives_pieces_of_artifacts() {
    let Some(emulator) = super::start(Kind::Moto) else { return };
    behaves(&emulator).await;
}

async fn behaves(emulator: &Emulator) {
    create_bucket(emulator, "claims");
    let objects = objects(emulator).await;
    let artifact = ObjectAddress { bucket: "claims".to_owned(), key: "artifacts/build".to_owned() };
    assert_eq!(objects.head(&artifact).await.unwrap(), None);
    let encryption = Encryption::Kms("arn:aws:kms:us-east-1:123456789012:key/1".to_owned());
    objects.write(&artifact, b"0123456789".to_vec(), &Precondition::Always, &encryption).await.unwrap();
    let head = objects.head(&artifact).await.unwrap().unwrap();
    assert_eq!(head.size, 10);
    assert_eq!(objects.read_range(&artifact, 2..5, &head.version).await.unwrap(), b"234");

    let claims = BucketClaims::new(objects, "claims", "evenkeel");
    let job = JobId::new(JOB);
    assert_eq!(claims.list().await.unwrap(), []);
    assert_eq!(claims.read(&job).await.unwrap(), None);
    let nothing_like_it = Precondition::Unchanged(Version("\"0123456789abcdef0123456789abcdef\"".to_owned()));
    assert_eq!(claims.write(&job, b"zero", &nothing_like_it).await.unwrap(), None);

    let one = claims.write(&job, b"one", &Precondition::Absent).await.unwrap().unwrap();
    assert_eq!(claims.write(&job, b"two", &Precondition::Absent).await.unwrap(), None);
    assert_eq!(claims.read(&job).await.unwrap(), Some((b"one".to_vec(), one.clone())));
    let two = claims.write(&job, b"two", &Precondition::Unchanged(one.clone())).await.unwrap().unwrap();
    assert_eq!(claims.write(&job, b"old", &Precondition::Unchanged(one.clone())).await.unwrap(), None);
    assert_eq!(claims.list().await.unwrap(), [(job.clone(), two.clone())]);
    assert!(claims.remove(&job, &two).await.unwrap());
    assert_eq!(claims.list().await.unwrap(), []);
}

async fn objects(emulator: &Emulator) -> S3Objects {
    let connection = Connection {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(emulator.url().to_owned()),
        ..Connection::default()
    };
    Aws::load(&connection).await.unwrap().artifacts(&ArtifactCredentials {
        access_key_id: "test".to_owned(),
        secret_access_key: Secret::new("test"),
        session_token: Secret::new("test"),
    })
}

pub(crate) fn create_bucket(emulator: &Emulator, name: &str) {
    let address = emulator.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // In the Region that needs no document to say so.
    write!(
        stream,
        "PUT /{name} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
