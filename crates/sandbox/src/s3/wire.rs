//! S3's REST protocol: the operation is the method and the path, errors and listings are XML.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::bucket::Bucket;
use crate::request::without_nulls;
use crate::wire::{ApiError, Parsed, Protocol, REQUEST_ID, Request, Response, path_decoded, xml_escaped};

/// `ListObjectsV2` tells of so many objects at once.
const PAGE: usize = 1000;

/// Finds the operation of a request; `broken` tells what is wrong with its body.
pub(crate) fn parse(request: &Request, broken: Option<ApiError>) -> Parsed {
    let (bucket, key) = address(request);
    let operation = match (request.method.as_str(), key.is_empty()) {
        ("GET", true) => "ListObjectsV2",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("PUT", false) => "PutObject",
        ("DELETE", false) => "DeleteObject",
        _ => "",
    };
    let told = without_nulls(json!({
        "bucket": bucket,
        "key": key,
        "range": request.header("range"),
        "ifMatch": request.header("if-match"),
        "ifNoneMatch": request.header("if-none-match"),
    }));
    let request = broken.map_or(Ok(told), Err);
    Parsed { protocol: Protocol::Rest, operation: operation.to_owned(), request }
}

/// An error as S3 answers it, which spells the common ones in its own way.
pub(crate) fn error(error: &ApiError) -> Response {
    let (status, code) = match error.code {
        "AccessDeniedException" => (403, "AccessDenied"),
        "ExpiredTokenException" => (400, "ExpiredToken"),
        "ThrottlingException" => (503, "SlowDown"),
        "ServerException" => (500, "InternalError"),
        code => (error.status, code),
    };
    let message = xml_escaped(&error.message);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{REQUEST_ID}</RequestId></Error>"
    );
    let response = Response::xml(body).with_status(status);
    match &error.bucket_region {
        Some(region) => response.with_header("x-amz-bucket-region", region.clone()),
        None => response,
    }
}

/// The bucket and the key that a request is about; the key is empty in a request about a bucket.
pub(super) fn address(request: &Request) -> (String, String) {
    let path = request.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (path_decoded(bucket), path_decoded(key))
}

/// What `bytes=0-9`, `bytes=5-` or `bytes=-5` means in an object of this size; `None` if none of it
/// is there.
pub(super) fn range(asked: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first, last) {
        ("", last) => size.saturating_sub(last.parse().ok()?)..size,
        (first, "") => first.parse().ok()?..size,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(size),
    };
    (range.start < range.end).then_some(range)
}

/// A page of the objects that a bucket has.
pub(super) fn listing(name: &str, bucket: &Bucket, query: &Map<String, Value>) -> String {
    let text = |parameter: &str| query.get(parameter).and_then(Value::as_str);
    let prefix = text("prefix").unwrap_or_default();
    let after = text("continuation-token").unwrap_or_default();
    let limit = text("max-keys").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE).min(PAGE);
    let mut found = bucket
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix) && (after.is_empty() || key.as_str() > after));
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let is_cut = found.next().is_some();
    let contents: String = page
        .iter()
        .map(|(key, object)| {
            format!(
                "<Contents><Key>{}</Key><ETag>{}</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                xml_escaped(key),
                xml_escaped(&object.tag).replace('"', "&quot;"),
                object.content.len()
            )
        })
        .collect();
    // AWS's tokens are opaque; ours is the last key.
    let next = page
        .last()
        .filter(|_| is_cut)
        .map(|(key, _)| format!("<NextContinuationToken>{}</NextContinuationToken>", xml_escaped(key)));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>{}</Name><Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{limit}</MaxKeys>\
         <IsTruncated>{is_cut}</IsTruncated>{}{contents}</ListBucketResult>",
        xml_escaped(name),
        xml_escaped(prefix),
        page.len(),
        next.unwrap_or_default()
    )
}
