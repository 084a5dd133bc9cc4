//! Those who are told that a deployment has ended, as the SDKs and a webhook reach them.

mod event_bus;
mod topic;
mod webhook;

use aws_config::{Region, SdkConfig};
use evenkeel_core::failure::Failure;
use evenkeel_core::notification::{Channel, Notification};
use evenkeel_core::ports::Notifier;

use super::error::Who;
use super::settings::Observers;

/// Amazon EventBridge, Amazon SNS and webhooks, in one identity.
#[derive(Debug, Clone)]
pub struct AwsNotifier {
    config: SdkConfig,
    observers: Observers,
    who: Who,
}

impl AwsNotifier {
    pub(super) fn new(config: SdkConfig, observers: Observers, who: Who) -> Self {
        Self { config, observers, who }
    }

    /// The configuration for where a channel is.
    fn config(&self, channel: &Channel) -> SdkConfig {
        match channel.region() {
            Some(region) => self.config.to_builder().region(Region::new(region.to_owned())).build(),
            None => self.config.clone(),
        }
    }
}

impl Notifier for AwsNotifier {
    async fn notify(&self, channel: &Channel, notification: &Notification) -> Result<(), Failure> {
        match channel {
            Channel::EventBus(bus) => self.put_event(&self.config(channel), bus, notification).await,
            Channel::Topic(arn) => self.publish(&self.config(channel), arn, notification).await,
            Channel::Webhook { parameter } => self.post(parameter, notification).await,
        }
    }
}
