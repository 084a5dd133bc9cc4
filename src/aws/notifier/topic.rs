//! Amazon SNS through its SDK.

use aws_config::SdkConfig;
use aws_sdk_sns::types::MessageAttributeValue;
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::notification::Notification;

use super::super::error::failure_as;
use super::super::settings::settings;
use super::AwsNotifier;

/// The longest subject of a message, which has no other characters than ASCII's (Amazon SNS API
/// reference, `Publish`).
const LONGEST_SUBJECT: usize = 100;

impl AwsNotifier {
    pub(super) async fn publish(
        &self,
        config: &SdkConfig,
        arn: &str,
        notification: &Notification,
    ) -> Result<(), Failure> {
        let outcome = MessageAttributeValue::builder().data_type("String").string_value(notification.outcome);
        let outcome = outcome.build().map_err(|error| {
            Failure::new(FailureKind::Bug, format!("Publish of {arn} cannot be asked")).caused_by(error)
        })?;
        let settings = settings!(aws_sdk_sns, config, &self.observers);
        let client = aws_sdk_sns::Client::from_conf(settings.build());
        let mut call = client.publish().topic_arn(arn).subject(subject(&notification.subject));
        call = call.message(&notification.text).message_attributes("outcome", outcome);
        if arn.ends_with(".fifo") {
            // The order matters to those who hear of one service; each end is one of its own.
            call = call
                .message_group_id("evenkeel")
                .message_deduplication_id(format!("{:032x}", fastrand::u128(..)));
        }
        match Box::pin(call.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failure_as(&self.who, "sns", "Publish", arn, &error)),
        }
    }
}

fn subject(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(LONGEST_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_that_sns_takes() {
        assert_eq!(subject("web in prod:\n ö deployed"), "web in prod:  deployed");
        assert_eq!(subject(&"x".repeat(999)).len(), LONGEST_SUBJECT);
    }
}
