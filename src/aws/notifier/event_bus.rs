//! Amazon EventBridge through its SDK.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use evenkeel_core::failure::Failure;
use evenkeel_core::notification::Notification;

use super::super::error::failure_as;
use super::super::settings::settings;
use super::AwsNotifier;

/// Who the event is from, and what it is: what rules match on.
const SOURCE: &str = "evenkeel";
const DETAIL_TYPE: &str = "Evenkeel Deployment Ended";

impl AwsNotifier {
    pub(super) async fn put_event(
        &self,
        config: &SdkConfig,
        bus: &str,
        notification: &Notification,
    ) -> Result<(), Failure> {
        let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type(DETAIL_TYPE);
        let entry = entry.event_bus_name(bus).detail(&notification.detail);
        let entry = entry.set_resources(Some(notification.resources.clone())).build();
        let settings = settings!(aws_sdk_eventbridge, config, &self.observers);
        let client = aws_sdk_eventbridge::Client::from_conf(settings.build());
        let sent = Box::pin(client.put_events().entries(entry).send()).await;
        let answer = sent.map_err(|error| failure_as(&self.who, "events", "PutEvents", bus, &error))?;
        // A refused event is answered with 200 (Amazon EventBridge API reference, `PutEvents`).
        match answer.entries().iter().find(|entry| entry.error_code().is_some()) {
            None => Ok(()),
            Some(entry) => {
                let code = entry.error_code().unwrap_or_default();
                let why = format!("{code}: {}", entry.error_message().unwrap_or("AWS gave no message"));
                let what = format!("PutEvents of {bus} failed");
                Err(Failure::invalid_input(what).because(why))
            }
        }
    }
}
