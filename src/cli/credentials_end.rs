//! When the credentials in the variables expire, and what that means for a deployment.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::environment::Environment;

/// The variable beside the keys that `aws configure export-credentials --format env` prints: an RFC 3339 time. The SDK
/// renews the credentials of all other sources, and for these it knows no end.
const EXPIRATION: &str = "AWS_CREDENTIAL_EXPIRATION";

/// When the credentials expire, if the variables have any and say so.
pub(super) fn credentials_end(environment: &Environment) -> Option<Timestamp> {
    environment.get("AWS_ACCESS_KEY_ID")?;
    let text = environment.get(EXPIRATION)?.trim().replace("+00:00", "Z");
    let at = humantime::parse_rfc3339(&text).ok()?;
    Some(Timestamp::from_unix(at.duration_since(std::time::UNIX_EPOCH).ok()?))
}

/// The warning that a command of this time-out may outlive credentials that expire at `end`.
pub(super) fn outlived(end: Option<Timestamp>, now: Timestamp, timeout: Duration) -> Option<String> {
    let (end, until) = (end?, now.plus(timeout));
    (end < until).then(|| {
        format!(
            "the AWS credentials expire at {end} ({EXPIRATION}), before the time-out at {until}: what takes \
             longer goes on in ECS, but is not followed to its end. Give credentials that live longer, or a shorter --timeout"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_behind_the_end_of_the_credentials_is_warned_of() {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment =
            |end: &str| Environment::from_iter([of("AWS_ACCESS_KEY_ID", "A"), of(EXPIRATION, end)]);
        let now = Timestamp::from_unix(Duration::from_secs(1_795_900_000));
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let end = now.plus(minutes(20));
        for text in [end.to_string(), end.to_string().replace('Z', "+00:00")] {
            assert_eq!(credentials_end(&environment(&text)), Some(end), "{text}");
        }
        assert_eq!(credentials_end(&environment("soon")), None);
        assert_eq!(credentials_end(&Environment::from_iter([of(EXPIRATION, &end.to_string())])), None);
        assert!(outlived(Some(end), now, minutes(21)).unwrap().contains(&end.to_string()));
        assert_eq!(outlived(Some(end), now, minutes(20)), None);
        assert_eq!(outlived(None, now, minutes(20)), None);
    }
}
