//! SNS: topics, and what was published to them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::wire::ApiError;
use super::{ACCOUNT, REGION, Sandbox};

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The most bytes of a message, and the most characters of its subject (Amazon SNS API reference,
/// `Publish`).
const MOST_BYTES: usize = 256 * 1024;
const LONGEST_SUBJECT: usize = 100;

/// Topics by their ARNs, and the requests that published to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sns {
    topics: BTreeMap<String, Vec<Value>>,
}

impl Sns {
    /// Whether an operation of the query protocol is one of SNS's.
    pub(super) fn has(operation: &str) -> bool {
        operation == "Publish"
    }

    /// Answers with the XML of the operation's result.
    pub(super) fn answer(&mut self, operation: &str, request: &Value) -> Result<String, ApiError> {
        if operation != "Publish" {
            return Err(ApiError::unknown_operation());
        }
        let text = |member: &str| request.get(member).and_then(Value::as_str).unwrap_or_default();
        let (arn, message, subject) = (text("TopicArn"), text("Message"), text("Subject"));
        let topic = self
            .topics
            .get_mut(arn)
            .ok_or(ApiError { status: 404, ..ApiError::new("NotFound", "Topic does not exist") })?;
        let invalid =
            |what: &str| Err(ApiError::new("InvalidParameter", format!("Invalid parameter: {what}")));
        if message.is_empty() {
            return invalid("Empty message");
        }
        if message.len() > MOST_BYTES {
            return invalid("Message too long");
        }
        let is_plain = subject.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
        if !is_plain || subject.len() > LONGEST_SUBJECT || subject.starts_with(' ') {
            return invalid("Subject");
        }
        if arn.ends_with(".fifo") && text("MessageGroupId").is_empty() {
            return invalid("The MessageGroupId parameter is required for FIFO topics");
        }
        topic.push(request.clone());
        Ok(format!(
            "<PublishResponse xmlns=\"{NAMESPACE}\"><PublishResult><MessageId>00000000-0000-4000-a000-{:012}\
             </MessageId></PublishResult><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000\
             </RequestId></ResponseMetadata></PublishResponse>",
            topic.len()
        ))
    }
}

impl Sandbox {
    /// Makes a topic, and gives its ARN.
    pub fn create_topic(&self, name: &str) -> String {
        let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}");
        self.state().sns.topics.entry(arn.clone()).or_default();
        arn
    }

    /// What was published to a topic, in order, as the fields of `Publish`.
    #[must_use]
    pub fn messages(&self, arn: &str) -> Vec<Map<String, Value>> {
        let state = self.state();
        let messages = state.sns.topics.get(arn).map(Vec::as_slice).unwrap_or_default();
        messages.iter().filter_map(|message| message.as_object().cloned()).collect()
    }
}
