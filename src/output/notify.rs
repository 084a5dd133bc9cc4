//! Sends notifications that a deployment has ended; one that fails is a warning and no more.

use std::time::Duration;

use evenkeel_core::notification::{Channel, Notification};
use evenkeel_core::ports::Notifier;
use futures_util::future::join_all;

/// How long a channel may take: no deployment waits for a notification longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends it to every channel at once; returns a warning for each that did not take it.
pub async fn notify(
    notifier: &impl Notifier,
    channels: &[Channel],
    notification: &Notification,
) -> Vec<String> {
    let told = channels.iter().map(|channel| async move {
        match tokio::time::timeout(PATIENCE, notifier.notify(channel, notification)).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(format!("{channel} was not notified: {}", failure.without_advice())),
            Err(_) => {
                Some(format!("{channel} was not notified: it did not answer in {} s", PATIENCE.as_secs()))
            }
        }
    });
    join_all(told).await.into_iter().flatten().collect()
}
