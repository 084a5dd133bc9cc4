//! The checksum of what is put: `x-amz-checksum-crc32`, or another that is not computed anew here.

use crate::wire::{ApiError, Request};
use aws_smithy_types::base64;

/// Whether the request has a checksum or a digest of its content.
pub(super) fn is_given(request: &Request) -> bool {
    request.headers.keys().any(|name| name == "content-md5" || name.starts_with("x-amz-checksum-"))
        || request.header("x-amz-trailer").is_some_and(|names| names.contains("x-amz-checksum-"))
}

/// Compares the content with its checksum.
pub(super) fn check(request: &Request, content: &[u8]) -> Result<(), ApiError> {
    let Some(given) = request.header("x-amz-checksum-crc32") else { return Ok(()) };
    let computed = base64::encode(crc32fast::hash(content).to_be_bytes());
    if given == computed {
        return Ok(());
    }
    Err(ApiError::new("BadDigest", "The CRC32 you specified did not match the calculated checksum."))
}
