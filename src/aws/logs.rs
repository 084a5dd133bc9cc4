//! Amazon CloudWatch Logs through its SDK.

use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsError;
use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use evenkeel_core::failure::Failure;
use evenkeel_core::log_stream::{LogPage, LogStream};
use evenkeel_core::ports::Logs;

use super::cloud::AwsCloud;
use super::error::failure_as;

impl Logs for AwsCloud {
    async fn log_page(&self, stream: &LogStream, from: Option<&str>) -> Result<Option<LogPage>, Failure> {
        let call = self.logs(&stream.region).get_log_events();
        let call = call.log_group_name(&stream.group).log_stream_name(&stream.stream);
        let call = call.start_from_head(true).set_next_token(from.map(str::to_owned));
        match Box::pin(call.send()).await {
            Ok(answer) => Ok(Some(LogPage {
                lines: messages(answer.events()),
                next: answer.next_forward_token().map(str::to_owned),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.log_failure(stream, &error)),
        }
    }

    async fn log_tail(&self, stream: &LogStream, lines: u16) -> Result<Vec<String>, Failure> {
        let call = self.logs(&stream.region).get_log_events();
        let call = call.log_group_name(&stream.group).log_stream_name(&stream.stream);
        // From the tail a page is the newest one.
        let sent = Box::pin(call.limit(i32::from(lines)).start_from_head(false).send()).await;
        match sent {
            Ok(answer) => Ok(messages(answer.events())),
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            Err(error) => Err(self.log_failure(stream, &error)),
        }
    }
}

impl AwsCloud {
    fn log_failure(&self, stream: &LogStream, error: &GetLogEventsFailure) -> Failure {
        let resource = format!("{} in {}", stream.stream, stream.group);
        failure_as(&self.who, "logs", "GetLogEvents", &resource, error)
    }
}

type GetLogEventsFailure = SdkError<GetLogEventsError, HttpResponse>;

/// A stream is made when its container starts to log.
fn is_missing(error: &GetLogEventsFailure) -> bool {
    error.as_service_error().is_some_and(GetLogEventsError::is_resource_not_found_exception)
}

fn messages(events: &[OutputLogEvent]) -> Vec<String> {
    let lines = events.iter().filter_map(OutputLogEvent::message);
    lines.map(|line| line.trim_end().to_owned()).collect()
}
