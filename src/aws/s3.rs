//! Amazon S3 through its SDK.

use std::error::Error as StdError;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::ports::{Encryption, ObjectHead, Objects, Precondition, Version};
use futures_util::FutureExt;

use super::buckets::Buckets;
use super::error::{Who, failure_as, status_of_refusal, unread};

/// The prefix of S3's actions in IAM.
const IAM: &str = "s3";

/// Amazon S3, as the SDK reaches it. An object's version is its entity tag.
#[derive(Debug, Clone)]
pub struct S3Objects {
    client: Client,
    buckets: Buckets,
    who: Who,
}

impl S3Objects {
    pub(super) fn new(client: Client, buckets: Buckets, who: Who) -> Self {
        Self { client, buckets, who }
    }

    /// Sends a call to where the bucket is.
    async fn send<T, E, F>(
        &self,
        bucket: &str,
        call: impl Fn(Client) -> F + Send + Sync,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        T: Send,
        E: Send,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        // Erased, since its type alone would make that of a deployment too deep for the compiler.
        self.buckets.send(&self.client, bucket, call).boxed().await
    }
}

impl Objects for S3Objects {
    async fn head(&self, at: &ObjectAddress) -> Result<Option<ObjectHead>, Failure> {
        let call = |client: Client| client.head_object().bucket(&at.bucket).key(&at.key).send();
        match self.send(&at.bucket, call).await {
            Ok(answer) => Ok(Some(ObjectHead {
                size: answer.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                version: version(answer.e_tag()),
            })),
            // A HEAD is answered without a word on what is missing.
            Err(error) if status_of_refusal(&error) == Some(404) => Ok(None),
            Err(error) => Err(failure_as(&self.who, IAM, "HeadObject", &at.to_string(), &error)),
        }
    }

    async fn read_range(
        &self,
        at: &ObjectAddress,
        range: Range<u64>,
        version: &Version,
    ) -> Result<Vec<u8>, Failure> {
        let size = range.end - range.start;
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let call = |client: Client| {
            let call = client.get_object().bucket(&at.bucket).key(&at.key);
            call.range(&bytes).if_match(&version.0).send()
        };
        match self.send(&at.bucket, call).await {
            Ok(answer) => body(at, answer, size).await,
            Err(error) if matches!(status_of_refusal(&error), Some(404 | 412 | 416)) => {
                Err(Failure::new(FailureKind::Unreadable, format!("{at} changed while it was read"))
                    .advice("Run the pipeline again"))
            }
            Err(error) => Err(failure_as(&self.who, IAM, "GetObject", &at.to_string(), &error)),
        }
    }

    async fn read(&self, at: &ObjectAddress, limit: u64) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        let call = |client: Client| client.get_object().bucket(&at.bucket).key(&at.key).send();
        match self.send(&at.bucket, call).await {
            Ok(answer) => {
                let version = version(answer.e_tag());
                Ok(Some((body(at, answer, limit).await?, version)))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failure_as(&self.who, IAM, "GetObject", &at.to_string(), &error)),
        }
    }

    async fn write(
        &self,
        at: &ObjectAddress,
        content: Vec<u8>,
        condition: &Precondition,
        encryption: &Encryption,
    ) -> Result<Option<Version>, Failure> {
        let content = Bytes::from(content);
        let call = |client: Client| {
            let call = client.put_object().bucket(&at.bucket).key(&at.key);
            let call = call.body(ByteStream::from(content.clone()));
            encrypted(conditional(call, condition), encryption).send()
        };
        match self.send(&at.bucket, call).await {
            Ok(answer) => Ok(Some(version(answer.e_tag()))),
            // 409: another conditional write to the object was under way at that moment.
            Err(error) if matches!(status_of_refusal(&error), Some(412 | 409)) || is_missing(&error) => {
                Ok(None)
            }
            Err(error) => Err(failure_as(&self.who, IAM, "PutObject", &at.to_string(), &error)),
        }
    }

    async fn delete(&self, at: &ObjectAddress, version: &Version) -> Result<bool, Failure> {
        let call = |client: Client| {
            client.delete_object().bucket(&at.bucket).key(&at.key).if_match(&version.0).send()
        };
        match self.send(&at.bucket, call).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(status_of_refusal(&error), Some(412 | 409)) || is_missing(&error) => {
                Ok(false)
            }
            Err(error) => Err(failure_as(&self.who, IAM, "DeleteObject", &at.to_string(), &error)),
        }
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, Version)>, Failure> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let call = |client: Client| {
                let call = client.list_objects_v2().bucket(bucket).prefix(prefix);
                call.set_continuation_token(next.clone()).send()
            };
            let answer = self.send(bucket, call).await.map_err(|error| {
                failure_as(&self.who, IAM, "ListObjectsV2", &format!("s3://{bucket}/{prefix}"), &error)
            })?;
            for object in answer.contents() {
                found.push((object.key().unwrap_or_default().to_owned(), version(object.e_tag())));
            }
            next = answer.next_continuation_token().map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

fn conditional(call: PutObjectFluentBuilder, condition: &Precondition) -> PutObjectFluentBuilder {
    match condition {
        Precondition::Always => call,
        Precondition::Absent => call.if_none_match("*"),
        Precondition::Unchanged(version) => call.if_match(&version.0),
    }
}

fn encrypted(call: PutObjectFluentBuilder, encryption: &Encryption) -> PutObjectFluentBuilder {
    let algorithm = match encryption {
        Encryption::Default => None,
        Encryption::Aes256 => Some(ServerSideEncryption::Aes256),
        Encryption::AwsKms | Encryption::Kms(_) => Some(ServerSideEncryption::AwsKms),
        Encryption::TwoLayers(_) => Some(ServerSideEncryption::AwsKmsDsse),
    };
    call.set_server_side_encryption(algorithm).set_ssekms_key_id(encryption.key().map(str::to_owned))
}

/// The body, of which there may be `limit` bytes.
async fn body(at: &ObjectAddress, answer: GetObjectOutput, limit: u64) -> Result<Vec<u8>, Failure> {
    let too_long = || {
        Failure::new(FailureKind::Unreadable, format!("{at} has more than {limit} bytes"))
            .advice("Look whether it is what it should be")
    };
    if answer.content_length().and_then(|size| u64::try_from(size).ok()).is_some_and(|size| size > limit) {
        return Err(too_long());
    }
    let mut stream = answer.body;
    let mut content = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| unread(format!("{at} could not be read to its end"), &error))?;
        content.extend_from_slice(&piece);
        if content.len() as u64 > limit {
            return Err(too_long());
        }
    }
    Ok(content)
}

fn version(tag: Option<&str>) -> Version {
    Version(tag.unwrap_or_default().to_owned())
}

/// The object is missing; a missing bucket is a mistake that has to be told.
fn is_missing<E: ProvideErrorMetadata + StdError + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    status_of_refusal(error) == Some(404)
        && error.as_service_error().is_none_or(|error| error.code() != Some("NoSuchBucket"))
}
