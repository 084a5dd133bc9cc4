//! AWS in the identity that deploys.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::calls::Throttled;
use super::error::Who;
use super::settings::{Observers, settings};

/// Amazon ECS, and what tells of images and containers, in one identity.
#[derive(Debug, Clone)]
pub struct AwsCloud {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) who: Who,
    /// For the clients of other services and Regions, which are seldom needed.
    config: SdkConfig,
    observers: Observers,
    /// Of the calls of ECS.
    pub(super) throttled: Throttled,
}

impl AwsCloud {
    pub(super) fn new(config: SdkConfig, observers: Observers, who: Who) -> Self {
        let throttled = Throttled::default();
        let reads = settings!(aws_sdk_ecs, &config, &observers)
            .interceptor(throttled.counter())
            .retry_config(reads(&config));
        Self { ecs: aws_sdk_ecs::Client::from_conf(reads.build()), who, config, observers, throttled }
    }

    /// The settings of a call that changes something: its waits grow longer than those of reads.
    pub(super) fn effects(&self) -> aws_sdk_ecs::config::Builder {
        aws_sdk_ecs::config::Builder::new().retry_config(retries(&self.config))
    }

    /// Amazon CloudWatch Logs in `region`.
    pub(super) fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let settings = settings!(aws_sdk_cloudwatchlogs, &self.config, &self.observers);
        aws_sdk_cloudwatchlogs::Client::from_conf(settings.region(Region::new(region.to_owned())).build())
    }

    /// Amazon EventBridge.
    pub(super) fn event_bridge(&self) -> aws_sdk_eventbridge::Client {
        let settings = settings!(aws_sdk_eventbridge, &self.config, &self.observers);
        aws_sdk_eventbridge::Client::from_conf(settings.build())
    }

    /// Amazon EventBridge Scheduler.
    pub(super) fn scheduler(&self) -> aws_sdk_scheduler::Client {
        let settings = settings!(aws_sdk_scheduler, &self.config, &self.observers);
        aws_sdk_scheduler::Client::from_conf(settings.build())
    }

    /// Amazon ECR in `region`.
    pub(super) fn ecr(&self, region: &str) -> aws_sdk_ecr::Client {
        let settings = settings!(aws_sdk_ecr, &self.config, &self.observers);
        aws_sdk_ecr::Client::from_conf(settings.region(Region::new(region.to_owned())).build())
    }

    /// What carries the calls.
    pub(super) fn http_client(&self) -> Option<SharedHttpClient> {
        self.config.http_client()
    }
}

/// How soon a read that was refused for its rate is repeated at the latest: a verdict waits for it.
const LONGEST_READ_BACKOFF: Duration = Duration::from_secs(2);

/// Instead of one long wait of the usual retries, a read has so many short ones.
const READS_FOR_ONE: u32 = 4;

/// How reads are retried.
fn reads(config: &SdkConfig) -> RetryConfig {
    let retries = retries(config);
    let attempts = 1 + (retries.max_attempts() - 1) * READS_FOR_ONE;
    retries
        .with_max_attempts(attempts)
        .with_initial_backoff(LONGEST_READ_BACKOFF / 4)
        .with_max_backoff(LONGEST_READ_BACKOFF)
}

fn retries(config: &SdkConfig) -> RetryConfig {
    config.retry_config().cloned().unwrap_or_else(RetryConfig::standard)
}
