//! Amazon CloudWatch Logs through its SDK.

use evenkeel_core::failure::Failure;
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::ports::Logs;

use super::cloud::AwsCloud;
use super::error::failure_as;

impl Logs for AwsCloud {
    async fn log_tail(&self, stream: &LogStream, lines: u16) -> Result<Vec<String>, Failure> {
        let call = self.logs(&stream.region).get_log_events();
        let call = call.log_group_name(&stream.group).log_stream_name(&stream.stream);
        // From the tail a page is the newest one.
        let sent = Box::pin(call.limit(i32::from(lines)).start_from_head(false).send()).await;
        match sent {
            Ok(answer) => {
                let lines = answer.events().iter().filter_map(|event| event.message());
                Ok(lines.map(|line| line.trim_end().to_owned()).collect())
            }
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(failure_as(
                &self.who,
                "logs",
                "GetLogEvents",
                &format!("{} in {}", stream.stream, stream.group),
                &error,
            )),
        }
    }
}
