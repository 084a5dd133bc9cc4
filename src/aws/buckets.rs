//! The Regions of buckets that are elsewhere than the caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// The Regions that S3 named for buckets, found once and used from then on.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets(Arc<Mutex<BTreeMap<String, String>>>);

impl Buckets {
    /// Sends a call by a client for the bucket's Region; once again where S3 names another Region.
    pub(super) async fn send<T, E, F>(
        &self,
        client: &Client,
        bucket: &str,
        call: impl Fn(Client) -> F,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let sent = call(self.client(client, bucket)).await;
        let named = sent.as_ref().err().and_then(named_region);
        if named.is_some_and(|region| self.learn(bucket, region)) {
            drop(sent);
            return call(self.client(client, bucket)).await;
        }
        sent
    }

    fn client(&self, client: &Client, bucket: &str) -> Client {
        let regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(region) = regions.get(bucket).cloned() else { return client.clone() };
        Client::from_conf(client.config().to_builder().region(Region::new(region)).build())
    }

    /// Whether this is news of the bucket.
    fn learn(&self, bucket: &str, region: &str) -> bool {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        regions.insert(bucket.to_owned(), region.to_owned()).as_deref() != Some(region)
    }
}

/// The Region in the response of S3 to a request that came to another one: 301 (`PermanentRedirect`), 307
/// (`TemporaryRedirect`) or 400 (`AuthorizationHeaderMalformed`), each with this header, also where a HEAD has no
/// body.
fn named_region<E>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    let response = error.raw_response()?;
    let is_elsewhere = matches!(response.status().as_u16(), 301 | 307 | 400);
    response.headers().get("x-amz-bucket-region").filter(|region| is_elsewhere && !region.is_empty())
}
