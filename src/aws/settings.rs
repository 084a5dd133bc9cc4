//! What the clients of all services have in common beside the SDK's configuration.

use aws_sdk_ecs::config::retry::{RetryPartition, TokenBucket};

use crate::clock::Clock;

use super::Calls;

/// What observes the calls of all clients.
#[derive(Debug, Clone)]
pub(super) struct Observers {
    /// Learns AWS's time.
    pub(super) clock: Clock,
    /// Counts every attempt of a call.
    pub(super) calls: Option<Calls>,
}

/// The settings of a client of the SDK crate `$sdk`, made of an `SdkConfig`: with an allowance of retries of its own,
/// with the check that AWS itself responded, with the observers of calls, and with AWS's time to sign by. Each crate
/// has a type of its own for them, so this is no function.
macro_rules! settings {
    ($sdk:ident, $config:expr, $observers:expr) => {{
        let settings = $sdk::config::Builder::from($config);
        let settings = settings.retry_partition($crate::aws::settings::allowance());
        let settings = settings.retry_classifier($crate::aws::retry::WhatPasses);
        let settings = settings.interceptor($crate::aws::error::OnlyAws);
        let settings = settings.interceptor($crate::aws::time::ServerTime($observers.clock));
        let mut settings = settings.time_source($crate::aws::time::sdk_time($observers.clock));
        if let Some(calls) = &$observers.calls {
            settings = settings.interceptor(calls.clone());
        }
        settings
    }};
}

pub(super) use settings;

/// The SDK lets all clients of a process share one allowance of retries, and one outage would use it
/// up for the next deployment. Ours are few, and limited for each call.
pub(super) fn allowance() -> RetryPartition {
    RetryPartition::custom("evenkeel").token_bucket(TokenBucket::unlimited()).build()
}
