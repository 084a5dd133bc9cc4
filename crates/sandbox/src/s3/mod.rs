//! Amazon S3: objects in buckets, with conditional writes, ranges and KMS demanded where it is.
//!
//! Facts are from the Amazon S3 API reference and the user guide's chapters on conditional requests.
//! It is strongly consistent, as S3 is.

mod body;
mod bucket;
mod console;
mod content;
mod wire;

pub(super) use wire::{error, parse};

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;

use super::grants::Grants;
use super::wire::{ApiError, Request, Response};

use bucket::{Bucket, Object};
use content::Content;
use wire::{address, listing, range};

/// All buckets.
#[derive(Debug, Clone, Default)]
pub(super) struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

impl S3 {
    /// Answers one request.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        request: &Request,
        grants: &Grants,
        access_key: Option<&str>,
        now: Timestamp,
    ) -> Result<Response, ApiError> {
        let (name, key) = address(request);
        let is_write = matches!(operation, "PutObject" | "DeleteObject");
        // Credentials for single objects open no listing, and their policy lets nothing be deleted.
        let opened = if operation == "DeleteObject" { "" } else { key.as_str() };
        grants.check(access_key, is_write, &name, opened, now)?;
        let bucket = self
            .buckets
            .get_mut(&name)
            .ok_or_else(|| not_found("NoSuchBucket", "The specified bucket does not exist"))?;
        bucket.is_reached_from(request.signed_region())?;
        match operation {
            "PutObject" => bucket.put(key, request),
            "GetObject" => get(bucket.find(&key, request)?, request),
            "HeadObject" => {
                let object = bucket.find(&key, request)?;
                let length = object.content.len().to_string();
                Ok(response(object, Vec::new()).with_header("content-length", length))
            }
            "DeleteObject" => bucket.delete(&key, request),
            "ListObjectsV2" => Ok(Response::xml(listing(&name, bucket, &request.query()))),
            _ => {
                let message = "The specified method is not allowed against this resource.";
                Err(ApiError::new("MethodNotAllowed", message).with_status(405))
            }
        }
    }
}

fn get(object: &Object, request: &Request) -> Result<Response, ApiError> {
    let size = object.content.len();
    let Some(asked) = request.header("range") else {
        return Ok(response(object, object.content.read(0..size)));
    };
    let range = range(asked, size).ok_or_else(|| {
        ApiError::new("InvalidRange", "The requested range is not satisfiable").with_status(416)
    })?;
    let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
    let response = response(object, object.content.read(range));
    Ok(response.with_status(206).with_header("content-range", told))
}

fn response(object: &Object, body: Vec<u8>) -> Response {
    let response = Response::bytes(body).with_header("etag", object.tag.clone());
    response.with_header("accept-ranges", "bytes".to_owned())
}

fn not_found(code: &'static str, message: &str) -> ApiError {
    ApiError::new(code, message).with_status(404)
}
