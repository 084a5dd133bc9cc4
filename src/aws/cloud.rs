//! AWS in the identity that deploys.

use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::Calls;
use super::connect::allowance;

/// Amazon ECS, and what tells of images and containers, in one identity.
#[derive(Debug, Clone)]
pub struct AwsCloud {
    pub(super) ecs: aws_sdk_ecs::Client,
    /// For the clients of other services and Regions, which are seldom needed.
    config: SdkConfig,
    calls: Option<Calls>,
}

impl AwsCloud {
    pub(super) fn new(config: SdkConfig, calls: Option<Calls>) -> Self {
        let mut ecs = aws_sdk_ecs::config::Builder::from(&config).retry_partition(allowance());
        if let Some(calls) = &calls {
            ecs = ecs.interceptor(calls.clone());
        }
        Self { ecs: aws_sdk_ecs::Client::from_conf(ecs.build()), config, calls }
    }

    /// Amazon CloudWatch Logs in `region`.
    pub(super) fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config);
        let mut config = config.region(Region::new(region.to_owned())).retry_partition(allowance());
        if let Some(calls) = &self.calls {
            config = config.interceptor(calls.clone());
        }
        aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
    }

    /// Amazon ECR in `region`.
    pub(super) fn ecr(&self, region: &str) -> aws_sdk_ecr::Client {
        let config = aws_sdk_ecr::config::Builder::from(&self.config);
        let mut config = config.region(Region::new(region.to_owned())).retry_partition(allowance());
        if let Some(calls) = &self.calls {
            config = config.interceptor(calls.clone());
        }
        aws_sdk_ecr::Client::from_conf(config.build())
    }

    /// What carries the calls.
    pub(super) fn http_client(&self) -> Option<SharedHttpClient> {
        self.config.http_client()
    }
}
