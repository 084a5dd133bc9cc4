//! A bucket and its objects.

use std::collections::BTreeMap;

use super::body;
use super::{Content, not_found};
use crate::wire::{ApiError, Request, Response, refuse_if};

#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    /// Its policy refuses what is not to be encrypted by KMS, as that of a pipeline's bucket does.
    pub(super) demands_kms: bool,
    /// It has Object Lock with a default retention.
    pub(super) is_locked: bool,
    /// Where it is; `None` for wherever it is asked for.
    pub(super) region: Option<String>,
    pub(super) objects: BTreeMap<String, Object>,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) tag: String,
    /// The algorithm and the key that were asked for.
    pub(super) encryption: Option<(String, Option<String>)>,
}

impl Object {
    pub(super) fn new(content: Content) -> Self {
        Self { tag: content.tag(), content, encryption: None }
    }
}

impl Bucket {
    /// Refuses a request that came to another Region.
    pub(super) fn is_reached_from(&self, region: Option<&str>) -> Result<(), ApiError> {
        match &self.region {
            Some(own) if region.is_some_and(|region| region != own) => {
                let message = "The bucket you are attempting to access must be addressed using the specified \
                               endpoint. Please send all future requests to this endpoint.";
                let error = ApiError::new("PermanentRedirect", message);
                Err(ApiError { status: 301, bucket_region: Some(own.clone()), ..error })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn put(&mut self, key: String, request: &Request) -> Result<Response, ApiError> {
        let algorithm = request.header("x-amz-server-side-encryption").map(str::to_owned);
        if self.demands_kms && algorithm.as_deref() != Some("aws:kms") {
            return Err(ApiError::new("AccessDenied", "Access Denied").with_status(403));
        }
        if self.is_locked && !body::has_checksum(request) {
            let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with \
                           Object Lock parameters";
            return Err(ApiError::new("InvalidRequest", message));
        }
        let content = body::decoded(request)?;
        self.check(&key, request)?;
        let kms_key = request.header("x-amz-server-side-encryption-aws-kms-key-id").map(str::to_owned);
        let mut object = Object::new(Content::whole(content));
        object.encryption = algorithm.map(|algorithm| (algorithm, kms_key));
        let response = Response::bytes(Vec::new()).with_header("etag", object.tag.clone());
        self.objects.insert(key, object);
        Ok(response)
    }

    /// The object, if what the request depends on holds.
    pub(super) fn find(&self, key: &str, request: &Request) -> Result<&Object, ApiError> {
        let object = self.objects.get(key).ok_or_else(missing)?;
        let is_other = request.header("if-match").is_some_and(|tag| tag != object.tag);
        if is_other { Err(failed_precondition()) } else { Ok(object) }
    }

    /// Deletes the object; one that is not there is no error.
    pub(super) fn delete(&mut self, key: &str, request: &Request) -> Result<Response, ApiError> {
        if request.header("if-match").is_some() {
            self.check(key, request)?;
        }
        self.objects.remove(key);
        Ok(Response::bytes(Vec::new()).with_status(204))
    }

    /// Whether what a write depends on holds.
    fn check(&self, key: &str, request: &Request) -> Result<(), ApiError> {
        let is_there = self.objects.contains_key(key);
        refuse_if(is_there && request.header("if-none-match") == Some("*"), failed_precondition)?;
        if request.header("if-match").is_some() {
            self.find(key, request)?;
        }
        Ok(())
    }
}

fn missing() -> ApiError {
    not_found("NoSuchKey", "The specified key does not exist.")
}

fn failed_precondition() -> ApiError {
    let message = "At least one of the pre-conditions you specified did not hold";
    ApiError::new("PreconditionFailed", message).with_status(412)
}
