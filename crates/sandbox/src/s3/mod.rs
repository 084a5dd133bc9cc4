//! Amazon S3: objects in buckets, with conditional writes, ranges and KMS demanded where it is.
//!
//! Facts are from the Amazon S3 API reference and the user guide's chapters on conditional requests.
//! It is strongly consistent, as S3 is.

mod bucket;
mod checksum;
mod chunked;
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
use wire::{address, listing, range, signed_region};

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
        bucket.is_reached_from(signed_region(request))?;
        match operation {
            "PutObject" => bucket.put(key, request),
            "GetObject" => get(bucket.find(&key, request)?, request),
            "HeadObject" => {
                let object = bucket.find(&key, request)?;
                let length = ("content-length", object.content.len().to_string());
                Ok(Response { headers: with(headers(object), length), ..Response::bytes(Vec::new()) })
            }
            "DeleteObject" => bucket.delete(&key, request),
            "ListObjectsV2" => Ok(Response::xml(listing(&name, bucket, &request.query()))),
            _ => Err(ApiError {
                status: 405,
                ..ApiError::new(
                    "MethodNotAllowed",
                    "The specified method is not allowed against this resource.",
                )
            }),
        }
    }
}

fn get(object: &Object, request: &Request) -> Result<Response, ApiError> {
    let size = object.content.len();
    let Some(asked) = request.header("range") else {
        return Ok(Response { headers: headers(object), ..Response::bytes(object.content.read(0..size)) });
    };
    let Some(range) = range(asked, size) else {
        let invalid = ApiError::new("InvalidRange", "The requested range is not satisfiable");
        return Err(ApiError { status: 416, ..invalid });
    };
    let told = ("content-range", format!("bytes {}-{}/{size}", range.start, range.end - 1));
    let body = object.content.read(range);
    Ok(Response { status: 206, headers: with(headers(object), told), ..Response::bytes(body) })
}

fn headers(object: &Object) -> Vec<(&'static str, String)> {
    vec![("etag", object.tag.clone()), ("accept-ranges", "bytes".to_owned())]
}

fn with(
    mut headers: Vec<(&'static str, String)>,
    header: (&'static str, String),
) -> Vec<(&'static str, String)> {
    headers.push(header);
    headers
}

fn not_found(code: &'static str, message: &str) -> ApiError {
    ApiError { status: 404, ..ApiError::new(code, message) }
}
