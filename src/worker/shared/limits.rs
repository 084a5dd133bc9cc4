//! How fast Amazon ECS may be called.

use std::time::Duration;

use leaky_bucket::RateLimiter;

use super::turns::{Precedence, Purpose, Turns};
use crate::clock::Moment;

/// How much of what ECS allows is used, in percent: others call it in the same account, too.
const SHARE: usize = 60;

/// How many ARNs `DescribeServiceRevisions` takes.
const REVISIONS: usize = 20;

/// What ECS allows of a group of calls: the bucket's size, and how many tokens it gains in a second.
struct Allowance {
    bucket: usize,
    per_second: usize,
}

// Amazon ECS API reference, "Request throttling for the Amazon ECS API": per account and Region.
const SERVICE_REVISIONS: Allowance = Allowance { bucket: 50, per_second: 20 };
const TASK_DEFINITION_READS: Allowance = Allowance { bucket: 50, per_second: 20 };
const TASK_DEFINITION_WRITES: Allowance = Allowance { bucket: 20, per_second: 1 };
const SERVICE_WRITES: Allowance = Allowance { bucket: 50, per_second: 5 };
// Amazon ECS developer guide, "AWS Fargate service quotas": `RunTask` on AWS Fargate.
const TASK_STARTS: Allowance = Allowance { bucket: 20, per_second: 20 };
const TASK_READS: Allowance = Allowance { bucket: 100, per_second: 20 };

/// The limits under which the jobs of one account and Region call ECS.
///
/// Each method waits until one more call may be made. Calls are made in the order in which their callers began to wait; of
/// polls, confirmations are made first, and then beginnings. A caller that is dropped takes no turn. The bucket starts full,
/// so a few calls never wait.
#[derive(Debug)]
pub(crate) struct Limits {
    polls: Turns,
    service_revisions: RateLimiter,
    task_definition_reads: RateLimiter,
    task_definition_writes: RateLimiter,
    service_writes: RateLimiter,
    task_reads: RateLimiter,
    task_starts: RateLimiter,
}

impl Limits {
    /// Limits that nothing was taken from.
    pub(super) fn new() -> Self {
        Self {
            polls: Turns::new(polls()),
            service_revisions: SERVICE_REVISIONS.limiter(),
            task_definition_reads: TASK_DEFINITION_READS.limiter(),
            task_definition_writes: TASK_DEFINITION_WRITES.limiter(),
            service_writes: SERVICE_WRITES.limiter(),
            task_reads: TASK_READS.limiter(),
            task_starts: TASK_STARTS.limiter(),
        }
    }

    /// Until `DescribeServices` or `DescribeServiceDeployments` may be called.
    pub(super) async fn poll(&self, precedence: impl Fn() -> Option<Precedence> + Send + 'static) {
        self.polls.wait(precedence).await;
    }

    /// Until `DescribeServices` may be called for one service alone.
    pub(crate) async fn describe_services(&self) {
        self.list_service_deployments().await;
    }

    /// Until `ListServiceDeployments` may be called.
    pub(super) async fn list_service_deployments(&self) {
        let precedence = Precedence { purpose: Purpose::Poll, asked: Moment::now() };
        self.poll(move || Some(precedence)).await;
    }

    /// Until `DescribeServiceRevisions` may be called for so many ARNs.
    pub(super) async fn describe_service_revisions(&self, arns: usize) {
        self.service_revisions.acquire(arns.div_ceil(REVISIONS)).await;
    }

    /// Until `DescribeTaskDefinition` may be called.
    pub(super) async fn describe_task_definition(&self) {
        self.task_definition_reads.acquire_one().await;
    }

    /// Until `RegisterTaskDefinition` may be called.
    pub(crate) async fn register_task_definition(&self) {
        self.task_definition_writes.acquire_one().await;
    }

    /// Until `UpdateService` or `StopServiceDeployment` may be called.
    pub(crate) async fn update_service(&self) {
        self.service_writes.acquire_one().await;
    }

    /// Until `RunTask` or `StopTask` may be called.
    pub(crate) async fn run_task(&self) {
        self.task_starts.acquire_one().await;
    }

    /// Until `ListTasks` and `DescribeTasks` may be called, once each.
    pub(crate) async fn tasks(&self) {
        self.task_reads.acquire(2).await;
    }
}

/// Fifteen polls a second, of services and service deployments together: ECS allows twenty of each.
fn polls() -> RateLimiter {
    const BURST: usize = 15;
    // A minute that begins with a burst has no more than fifteen a second either.
    const INTERVAL: Duration = Duration::from_millis(68);
    RateLimiter::builder().initial(BURST).max(BURST).refill(1).interval(INTERVAL).build()
}

impl Allowance {
    /// Our share of it, one token after the other.
    fn limiter(&self) -> RateLimiter {
        // The limiter counts in whole milliseconds; rounded up, so that it is rather too slow.
        let interval = (100 * 1_000_usize).div_ceil(SHARE * self.per_second);
        let bucket = self.bucket * SHARE / 100;
        RateLimiter::builder()
            .initial(bucket)
            .max(bucket)
            .refill(1)
            .interval(Duration::from_millis(interval.try_into().unwrap_or(u64::MAX)))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_so_many_a_second_as_are_our_share() {
        let limits = Limits::new();
        let began = Instant::now();
        for _ in 0..12 {
            limits.register_task_definition().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..6 {
            limits.register_task_definition().await;
        }
        let took = began.elapsed();
        assert!((Duration::from_secs(10)..Duration::from_millis(10_100)).contains(&took), "{took:?}");

        // A limit is nobody else's.
        limits.update_service().await;
        limits.describe_service_revisions(30 * 20).await;
        assert_eq!(began.elapsed(), took);
        limits.describe_service_revisions(21).await;
        assert!((Duration::from_millis(160)..Duration::from_millis(180)).contains(&(began.elapsed() - took)));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_no_longer_waits_takes_nothing_and_the_order_stays() {
        let limits = Limits::new();
        for _ in 0..12 {
            limits.register_task_definition().await;
        }
        let began = Instant::now();
        let order = std::sync::Mutex::new(Vec::new());
        let wait = |name: &'static str| {
            let (limits, order) = (&limits, &order);
            async move {
                limits.register_task_definition().await;
                order.lock().unwrap().push((name, began.elapsed().as_secs()));
            }
        };
        let gone = timeout(Duration::from_secs(1), wait("gone"));
        let (gone, ..) = tokio::join!(gone, wait("first"), wait("second"), wait("third"));
        assert!(gone.is_err());
        assert_eq!(*order.lock().unwrap(), [("first", 1), ("second", 3), ("third", 5)]);
    }
}
