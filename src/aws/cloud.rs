//! AWS in the identity that deploys.

use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

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
}

impl AwsCloud {
    pub(super) fn new(config: SdkConfig, observers: Observers, who: Who) -> Self {
        let ecs = settings!(aws_sdk_ecs, &config, &observers).build();
        Self { ecs: aws_sdk_ecs::Client::from_conf(ecs), who, config, observers }
    }

    /// Amazon CloudWatch Logs in `region`.
    pub(super) fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let settings = settings!(aws_sdk_cloudwatchlogs, &self.config, &self.observers);
        aws_sdk_cloudwatchlogs::Client::from_conf(settings.region(Region::new(region.to_owned())).build())
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
