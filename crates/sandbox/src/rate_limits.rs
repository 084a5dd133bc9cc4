//! Limits on how often operations may be called.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

/// A token bucket that some operations of an account share, as ECS has them (Amazon ECS API reference, "Request throttling
/// for the Amazon ECS API"). A call that finds the bucket empty gets 400 `ThrottlingException` and takes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// The operations' names.
    pub operations: Vec<String>,
    /// How many calls the full bucket allows at once.
    pub burst: u32,
    /// How many calls it gains a second.
    pub per_second: f64,
}

#[derive(Debug, Default)]
pub(super) struct RateLimits(Vec<Bucket>);

#[derive(Debug)]
struct Bucket {
    limit: RateLimit,
    tokens: f64,
    /// When tokens were counted last.
    at: Timestamp,
}

impl RateLimits {
    pub(super) fn add(&mut self, limit: RateLimit, now: Timestamp) {
        self.0.push(Bucket { tokens: f64::from(limit.burst), limit, at: now });
    }

    /// Whether a call of the operation is allowed now. An allowed one takes a token.
    pub(super) fn allow(&mut self, operation: &str, now: Timestamp) -> bool {
        let is_meant = |bucket: &&mut Bucket| bucket.limit.operations.iter().any(|it| it == operation);
        self.0.iter_mut().find(is_meant).is_none_or(|bucket| bucket.take(now))
    }
}

impl Bucket {
    fn take(&mut self, now: Timestamp) -> bool {
        let gained = now.since(self.at).max(Duration::ZERO).as_secs_f64() * self.limit.per_second;
        self.tokens = (self.tokens + gained).min(f64::from(self.limit.burst));
        self.at = now;
        let is_allowed = self.tokens >= 1.0;
        if is_allowed {
            self.tokens -= 1.0;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_as_many_as_are_gained() {
        let at = |millis: u64| Timestamp::from_unix(Duration::from_millis(1_000_000 + millis));
        let mut limits = RateLimits::default();
        let operations = ["DescribeServices", "ListTasks"].map(str::to_owned).to_vec();
        limits.add(RateLimit { operations, burst: 3, per_second: 2.0 }, at(0));
        let allowed = |limits: &mut RateLimits, millis| limits.allow("DescribeServices", at(millis));
        assert!((0..2).all(|_| allowed(&mut limits, 0)) && limits.allow("ListTasks", at(0)));
        assert!(!allowed(&mut limits, 0) && !allowed(&mut limits, 400));
        assert!(allowed(&mut limits, 500) && !allowed(&mut limits, 501));
        assert!(limits.allow("UpdateService", at(501)), "another operation has no limit");
        let after_a_minute = (0..9).filter(|_| allowed(&mut limits, 60_000)).count();
        assert_eq!(after_a_minute, 3, "the bucket holds no more than a burst");
    }
}
