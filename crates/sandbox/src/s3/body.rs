//! The content in the body of a request, and its checksum: `x-amz-checksum-crc32`, or another that is not computed anew
//! here.

use aws_smithy_types::base64;

use crate::wire::{ApiError, Request, refuse_if};

/// Whether the request has a checksum or a digest of its content.
pub(super) fn has_checksum(request: &Request) -> bool {
    request.headers.keys().any(|name| name == "content-md5" || name.starts_with("x-amz-checksum-"))
        || request.header("x-amz-trailer").is_some_and(|names| names.contains("x-amz-checksum-"))
}

/// The content of a request's body, which has to fit its checksum.
pub(super) fn decoded(request: &Request) -> Result<Vec<u8>, ApiError> {
    let is_chunked = request.header("content-encoding").is_some_and(|it| it.contains("aws-chunked"));
    let content = if is_chunked { joined(&request.body).ok_or_else(broken)? } else { request.body.clone() };
    let computed = || base64::encode(crc32fast::hash(&content).to_be_bytes());
    let differs = request.header("x-amz-checksum-crc32").is_some_and(|given| given != computed());
    refuse_if(differs, || {
        ApiError::new("BadDigest", "The CRC32 you specified did not match the calculated checksum.")
    })?;
    Ok(content)
}

/// The chunks of a body in `aws-chunked` encoding, which the SDK uses for a checksum that follows the content.
fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let (size, after) = header(rest)?;
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(after.get(..size)?);
        rest = after[size..].strip_prefix(b"\r\n")?;
    }
}

/// The size of the chunk that begins here, and what follows its first line.
fn header(rest: &[u8]) -> Option<(usize, &[u8])> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    // A signature may follow the size.
    let size = line.split(';').next()?;
    Some((usize::from_str_radix(size, 16).ok()?, &rest[end + 2..]))
}

fn broken() -> ApiError {
    ApiError::new("IncompleteBody", "The request body terminated unexpectedly")
}
