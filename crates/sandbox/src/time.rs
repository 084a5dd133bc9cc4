//! AWS's time on the wire: the date of a response, and the time of a request's signature.

use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use evenkeel_core::timestamp::Timestamp;

use super::wire::{ApiError, Protocol, Request};

/// How far a signature may be from AWS's time.
///
/// "A request must reach AWS within five minutes of the time stamp in the request" (IAM User Guide, "Elements of an AWS
/// API request signature"). S3 allows fifteen; here it is as strict as the others.
const ALLOWED: Duration = Duration::from_secs(5 * 60);

/// The value of the header `Date`: `Sun, 22 Nov 2026 23:43:50 GMT`.
pub(super) fn http_date(now: Timestamp) -> String {
    let seconds = i64::try_from(now.since_epoch().as_secs()).unwrap_or(i64::MAX);
    // A time of this millennium can be written in this form.
    DateTime::from_secs(seconds).fmt(Format::HttpDate).unwrap_or_default()
}

/// Refuses a signature of a time that is too far from `now`, in the words of the protocol's services. A request
/// without a signature passes.
pub(super) fn check_signature(request: &Request, protocol: Protocol, now: Timestamp) -> Result<(), ApiError> {
    if request.header("authorization").is_none() {
        return Ok(());
    }
    let Some(signed) = request.header("x-amz-date").and_then(parse) else { return Ok(()) };
    let (earliest, latest) = (now.before(ALLOWED), now.plus(ALLOWED));
    if (earliest..=latest).contains(&signed) {
        return Ok(());
    }
    let [signed_at, earliest_at, latest_at, now_at] = [signed, earliest, latest, now].map(compact);
    let why = if signed < earliest {
        format!("Signature expired: {signed_at} is now earlier than {earliest_at} ({now_at} - 5 min.)")
    } else {
        format!("Signature not yet current: {signed_at} is still later than {latest_at} ({now_at} + 5 min.)")
    };
    let skewed = "The difference between the request time and the current time is too large.";
    Err(match protocol {
        Protocol::Json(_) => ApiError::new("InvalidSignatureException", why),
        Protocol::RestJson => ApiError::new("InvalidSignatureException", why).with_status(403),
        Protocol::Query => ApiError::new("SignatureDoesNotMatch", why).with_status(403),
        Protocol::Rest => ApiError::new("RequestTimeTooSkewed", skewed).with_status(403),
    })
}

/// `20261122T234350Z`.
fn compact(at: Timestamp) -> String {
    at.to_string().replace(['-', ':'], "")
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let is_of = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_of(date, 8) || !is_of(time, 6) {
        return None;
    }
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..]);
    let at = humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()?;
    Some(Timestamp::from_unix(at.duration_since(UNIX_EPOCH).ok()?))
}
