//! Bodies in `aws-chunked` encoding, which the SDK uses for a checksum that follows the content.

use crate::wire::{ApiError, Request};

/// The content of a request's body.
pub(super) fn decoded(request: &Request) -> Result<Vec<u8>, ApiError> {
    let is_chunked =
        request.header("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked"));
    if !is_chunked {
        return Ok(request.body.clone());
    }
    let mut content = Vec::new();
    let mut rest = request.body.as_slice();
    loop {
        let (size, after) = header(rest).ok_or_else(broken)?;
        if size == 0 {
            return Ok(content);
        }
        content.extend_from_slice(after.get(..size).ok_or_else(broken)?);
        rest = after[size..].strip_prefix(b"\r\n").ok_or_else(broken)?;
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
