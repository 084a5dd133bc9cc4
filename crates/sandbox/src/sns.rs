//! SNS: topics, and what was published to them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::wire::{ApiError, query_answer, refuse_if};
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
        let topic = self.topics.get_mut(arn);
        let topic =
            topic.ok_or_else(|| ApiError::new("NotFound", "Topic does not exist").with_status(404))?;
        let is_plain = subject.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
        let has_no_group = arn.ends_with(".fifo") && text("MessageGroupId").is_empty();
        for (is_wrong, what) in [
            (message.is_empty(), "Empty message"),
            (message.len() > MOST_BYTES, "Message too long"),
            (!is_plain || subject.len() > LONGEST_SUBJECT || subject.starts_with(' '), "Subject"),
            (has_no_group, "The MessageGroupId parameter is required for FIFO topics"),
        ] {
            refuse_if(is_wrong, || ApiError::new("InvalidParameter", format!("Invalid parameter: {what}")))?;
        }
        topic.push(request.clone());
        let id = format!("<MessageId>00000000-0000-4000-a000-{:012}</MessageId>", topic.len());
        Ok(query_answer(NAMESPACE, operation, &id))
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
